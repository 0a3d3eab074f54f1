//! The configuration: one TOML file in which every key is optional.
//!
//! Unknown keys, wrong types and values out of range are errors that say file, line and what is allowed there. An error
//! denies: a rule that could not be read must not be taken for one that is not there.

mod policy;
mod sections;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::de::DeTable;

pub use policy::{BadGroupName, BadNetwork, GroupName, Network, Rule, SecondFactor};
pub use sections::{
    AccountConfig, AtLoginConfig, BackupCodesConfig, EnrollmentConfig, LoginConfig, Mode,
    ServiceConfig, StoreConfig, ThrottleConfig, TokenConfig, TrustConfig, Whose,
};
pub use values::{BadDay, BadName, Day, Issuer, Lock, NotNegative, Number, ServiceName};

use crate::check::Rules;
use crate::lines::line_at;
use crate::place::Place;
use crate::safe_file::{self, SafeFileError};
use crate::tables;
use crate::throttle::Throttle;

/// Where the configuration is, unless the module is told otherwise by `config=` or the command by `--config`.
pub const DEFAULT_PATH: &str = "/etc/nightlatch/nightlatch.toml";

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who needs a second factor.
    #[serde(deserialize_with = "tables::only")]
    pub enrollment: EnrollmentConfig,
    /// Who may enroll while they log in.
    #[serde(deserialize_with = "tables::only")]
    pub at_login: AtLoginConfig,
    /// PAM's account phase.
    #[serde(deserialize_with = "tables::only")]
    pub account: AccountConfig,
    /// What new tokens look like, and how far codes may be off.
    #[serde(deserialize_with = "tables::only")]
    pub token: TokenConfig,
    /// The conversation.
    #[serde(deserialize_with = "tables::only")]
    pub login: LoginConfig,
    /// What wrong codes cost.
    #[serde(deserialize_with = "tables::only")]
    pub throttle: ThrottleConfig,
    /// How long whoever gave a code is not asked again.
    #[serde(deserialize_with = "tables::only")]
    pub trust: TrustConfig,
    /// New sets of backup codes.
    #[serde(deserialize_with = "tables::only")]
    pub backup_codes: BackupCodesConfig,
    /// Where records are kept.
    #[serde(deserialize_with = "tables::only")]
    pub store: StoreConfig,
    /// What is special about a service.
    #[serde(
        deserialize_with = "tables::named",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub service: BTreeMap<ServiceName, ServiceConfig>,
    /// Who needs a second factor where; the first one that matches holds, and `enrollment` where none does.
    #[serde(
        deserialize_with = "tables::each",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub rule: Vec<Rule>,
}

impl Config {
    /// Reads the file that was named; it must exist.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        match safe_file::read_configuration(path)? {
            Some(text) => Self::parse(&text, path),
            None => Err(ConfigError::Missing {
                path: path.to_owned(),
            }),
        }
    }

    /// Reads the file at [`DEFAULT_PATH`]; without one, the defaults hold.
    pub fn load_default() -> Result<Self, ConfigError> {
        let path = Path::new(DEFAULT_PATH);
        match safe_file::read_configuration(path)? {
            Some(text) => Self::parse(&text, path),
            None => Ok(Self::default()),
        }
    }

    /// Reads the text of a file. `path` is for the error alone.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let wrong = |line, problem| ConfigError::Wrong {
            path: path.to_owned(),
            line,
            problem,
        };
        let config: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            wrong(line_at(text, start), error.message().to_owned())
        })?;
        match config.contradiction() {
            None => Ok(config),
            Some((keys, problem)) => {
                let line = keys.iter().find_map(|key| line_of(text, key));
                Err(wrong(line.unwrap_or(1), problem.to_owned()))
            }
        }
    }

    /// The configuration as a file, every key written.
    #[must_use]
    pub fn to_toml(&self) -> String {
        // Every type in it has a form in TOML.
        toml::to_string(self).unwrap_or_default()
    }

    /// What `check` needs of it.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            window: self.token.window.get().into(),
            resync_window: self.token.resync_window.get().into(),
            look_ahead: self.token.look_ahead.get().into(),
            throttle: Throttle {
                free_failures: self.throttle.free_failures.get(),
                first_lock: self.throttle.first_lock.seconds(),
                longest_lock: self.throttle.longest_lock.seconds(),
                hard_limit: self.throttle.hard_limit.get(),
            },
        }
    }

    /// The place that a try comes from, as far as the service can be believed about it.
    #[must_use]
    pub fn place(&self, service: &str, rhost: Option<&str>, real_uid: u32) -> Place {
        if self.comes_from_elsewhere(service) {
            rhost.map_or(Place::Elsewhere, Place::of_address)
        } else if is_in(&self.login.local, service) {
            Place::Local(real_uid)
        } else {
            Place::Elsewhere
        }
    }

    /// The address that a login comes from, whole and in its canonical form, where it is a literal one, the service is believed
    /// about it, and it is not a loopback address.
    #[must_use]
    pub fn address(&self, service: &str, rhost: Option<&str>) -> Option<IpAddr> {
        let is_believed = self.comes_from_elsewhere(service);
        let address: IpAddr = rhost.filter(|_| is_believed)?.parse().ok()?;
        Some(address.to_canonical()).filter(|address| !address.is_loopback())
    }

    /// The groups that rules name, each once.
    #[must_use]
    pub fn groups_in_rules(&self) -> BTreeSet<&GroupName> {
        let lists = self.rule.iter().filter_map(|rule| rule.groups.as_ref());
        lists.flatten().collect()
    }

    /// Whether anything depends on the network that somebody comes from: a rule, a gate, trust.
    #[must_use]
    pub fn asks_for_networks(&self) -> bool {
        self.rule.iter().any(|rule| rule.networks.is_some())
            || self.at_login.networks.is_some()
            || !self.trust.remember.get().is_zero()
    }

    /// Whether people come to a service over the network, and its word about their address is believed.
    #[must_use]
    pub fn comes_from_elsewhere(&self, service: &str) -> bool {
        is_in(&self.login.rhost_from, service)
    }

    /// Whose code a service asks for.
    #[must_use]
    pub fn whose(&self, service: &str) -> Whose {
        let mut services = self.service.iter();
        let service = services.find(|(name, _)| name.as_str() == service);
        service.map_or(Whose::Target, |(_, config)| config.subject)
    }

    /// The line in `text` at which each rule begins, counted from 1. `text` is what this configuration was read from.
    #[must_use]
    pub fn rule_lines(text: &str) -> Vec<usize> {
        let Ok(file) = DeTable::parse(text) else {
            return Vec::new();
        };
        let rules = file.get_ref().get("rule");
        let rules = rules.and_then(|rules| rules.get_ref().as_array());
        let lines = rules.into_iter().flat_map(|rules| rules.iter());
        lines.map(|rule| line_at(text, rule.span().start)).collect()
    }

    /// Values that are each in range but do not go together: the keys to mend, one of which is in the file, and how.
    fn contradiction(&self) -> Option<(&'static [&'static str], &'static str)> {
        self.contradiction_of_modes()
            .or_else(|| self.contradiction_of_values())
    }

    fn contradiction_of_modes(&self) -> Option<(&'static [&'static str], &'static str)> {
        let mode = self.enrollment.mode;
        if mode != Mode::Required && self.enrollment.deadline.is_some() {
            return Some((
                &["enrollment.deadline"],
                "a deadline goes with mode = \"required\" alone: take it away or change the mode",
            ));
        }
        if mode != Mode::AtLogin {
            // The defaults may be written: they say nothing.
            return (self.at_login != AtLoginConfig::default()).then_some((
                &["at_login"],
                "[at_login] goes with mode = \"at-login\" alone: take it away or change the mode",
            ));
        }
        match (self.at_login.has_gate(), self.at_login.open) {
            (false, false) => Some((
                &["enrollment.mode"],
                "mode = \"at-login\" needs a gate in [at_login]: networks, until or ticket = true. If whoever has the password \
                 may enroll, say so with open = true",
            )),
            (true, true) => Some((
                &["at_login.open"],
                "open = true says that there is no gate, but networks, until or ticket is one: take one of them away",
            )),
            (true, false) | (false, true) => None,
        }
    }

    fn contradiction_of_values(&self) -> Option<(&'static [&'static str], &'static str)> {
        if self.throttle.longest_lock < self.throttle.first_lock {
            return Some((
                &["throttle.longest_lock", "throttle.first_lock"],
                "longest_lock must not be shorter than first_lock",
            ));
        }
        let throttle = self.rules().throttle;
        if throttle.free_failures >= throttle.share_of_one_known_place() {
            return Some((
                &["throttle.hard_limit", "throttle.free_failures"],
                "free_failures must be smaller than a fifth of hard_limit, which is what one place may fail",
            ));
        }
        if !self.store.dir.is_absolute() {
            return Some((
                &["store.dir"],
                "dir must be an absolute path, such as /var/lib/nightlatch",
            ));
        }
        None
    }
}

fn is_in(services: &[ServiceName], service: &str) -> bool {
    services.iter().any(|name| name.as_str() == service)
}

/// The line at which the value of a key, `section.key` or `section`, begins.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let file = DeTable::parse(text).ok()?;
    let mut names = key.split('.');
    let (name, section) = file.get_ref().get_key_value(names.next()?)?;
    let Some(below) = names.next() else {
        return Some(line_at(text, name.span().start));
    };
    let (name, _) = section.get_ref().as_table()?.get_key_value(below)?;
    Some(line_at(text, name.span().start))
}

/// Why the configuration cannot be used. Every one of them denies.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be opened or must not be trusted.
    #[error(transparent)]
    File(#[from] SafeFileError),
    /// A file that was named is not there.
    #[error("{}: no such file. Make it, or take its name away where it is given", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A mistake in the file.
    #[error("{}, line {line}: {problem}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there and what is allowed.
        problem: String,
    },
}

#[cfg(test)]
mod tests;
