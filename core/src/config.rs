//! The configuration: one TOML file in which every key is optional.
//!
//! Unknown keys, wrong types and values out of range are errors that say file, line and what is allowed there. An error
//! denies: a rule that could not be read must not be taken for one that is not there.

mod sections;
mod values;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use sections::{
    BackupCodesConfig, EnrollmentConfig, LoginConfig, Mode, StoreConfig, ThrottleConfig,
    TokenConfig,
};
pub use values::{Issuer, Lock, NotNegative, Number, ServiceName};

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
    /// What new tokens look like, and how far codes may be off.
    #[serde(deserialize_with = "tables::only")]
    pub token: TokenConfig,
    /// The conversation.
    #[serde(deserialize_with = "tables::only")]
    pub login: LoginConfig,
    /// What wrong codes cost.
    #[serde(deserialize_with = "tables::only")]
    pub throttle: ThrottleConfig,
    /// New sets of backup codes.
    #[serde(deserialize_with = "tables::only")]
    pub backup_codes: BackupCodesConfig,
    /// Where records are kept.
    #[serde(deserialize_with = "tables::only")]
    pub store: StoreConfig,
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
                let line = keys.iter().find_map(|key| {
                    text.lines()
                        .position(|line| line.trim_start().starts_with(key))
                });
                Err(wrong(line.map_or(1, |line| line + 1), problem.to_owned()))
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
        let is_in = |list: &[ServiceName]| list.iter().any(|name| name.as_str() == service);
        if is_in(&self.login.rhost_from) {
            rhost.map_or(Place::Elsewhere, Place::of_address)
        } else if is_in(&self.login.local) {
            Place::Local(real_uid)
        } else {
            Place::Elsewhere
        }
    }

    /// Values that are each in range but do not go together: the keys to mend, one of which is in the file, and how.
    fn contradiction(&self) -> Option<(&'static [&'static str], &'static str)> {
        if self.throttle.longest_lock < self.throttle.first_lock {
            return Some((
                &["longest_lock", "first_lock"],
                "longest_lock must not be shorter than first_lock",
            ));
        }
        let throttle = self.rules().throttle;
        if throttle.free_failures >= throttle.share_of_one_known_place() {
            return Some((
                &["hard_limit", "free_failures"],
                "free_failures must be smaller than a fifth of hard_limit, which is what one place may fail",
            ));
        }
        if !self.store.dir.is_absolute() {
            return Some((
                &["dir"],
                "dir must be an absolute path, such as /var/lib/nightlatch",
            ));
        }
        None
    }
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
mod tests {
    use super::*;
    use std::time::Duration;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/etc/x.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(parse(""), Ok(Config::default()));
    }

    #[test]
    fn what_is_shown_is_read_back_as_the_same() {
        let shown = Config::default().to_toml();
        assert_eq!(parse(&shown), Ok(Config::default()), "{shown}");
        for line in [
            "mode = \"required\"",
            "refusal_floor = \"50ms\"",
            "longest_lock = \"15m\"",
            "digits = 6",
            "algorithm = \"SHA1\"",
        ] {
            assert!(
                shown.lines().any(|shown| shown == line),
                "{line} in\n{shown}"
            );
        }
    }

    #[test]
    fn the_documentation_shows_every_key_and_its_default() {
        let page = include_str!("../../docs/configuration.md");
        let start = page.find("```toml\n").unwrap() + 8;
        let block = &page[start..start + page[start..].find("```").unwrap()];
        assert_eq!(parse(block), Ok(Config::default()));
        for key in Config::default()
            .to_toml()
            .lines()
            .filter_map(|line| line.split_once(" = "))
        {
            assert!(block.lines().any(|line| line.starts_with(key.0)), "{key:?}");
        }
        assert!(block.contains("# issuer = "));
    }

    #[test]
    fn values_are_taken() {
        let config = parse(
            "[enrollment]\nmode = \"optional\"\n[token]\nissuer = \"ACME\"\ndigits = 8\nalgorithm = \"SHA256\"\nwindow = 0\n\
             [login]\nprompts = 1\nrefusal_floor = \"0s\"\nrhost_from = []\n[throttle]\nlongest_lock = \"1h\"\n\
             [backup_codes]\ncount = 20\n[store]\ndir = \"/srv/x\"\n",
        )
        .unwrap();
        assert_eq!(config.enrollment.mode, Mode::Optional);
        assert_eq!(config.token.issuer.as_ref().unwrap().as_str(), "ACME");
        assert_eq!(
            (config.rules().window, config.rules().throttle.longest_lock),
            (0, 3600)
        );
        assert_eq!(config.login.refusal_floor.get(), Duration::ZERO);
        assert_eq!(config.store.dir, Path::new("/srv/x"));
    }

    #[test]
    fn every_mistake_says_file_line_and_what_is_allowed() {
        for (text, message) in [
            (
                "[token]\nwidow = 1",
                "/etc/x.toml, line 2: unknown field `widow`, expected one of `issuer`, `digits`",
            ),
            (
                "\n[tokens]",
                "/etc/x.toml, line 2: unknown field `tokens`, expected one of `enrollment`, `token`",
            ),
            (
                "[token]\n\ndigits = 9",
                "/etc/x.toml, line 3: digits must be 6, 7 or 8",
            ),
            (
                "[token]\ndigits = \"6\"",
                "/etc/x.toml, line 2: invalid type: string \"6\", expected ",
            ),
            (
                "[token]\nperiod = 300",
                "/etc/x.toml, line 2: period must be between 15 and 120 seconds",
            ),
            (
                "[token]\nwindow = 11",
                "/etc/x.toml, line 2: the number must be 0 to 10",
            ),
            (
                "[token]\nissuer = \"a:b\"",
                "/etc/x.toml, line 2: an issuer has",
            ),
            (
                "[login]\nprompts = 0",
                "/etc/x.toml, line 2: the number must be 1 to 10",
            ),
            (
                "[login]\nrefusal_floor = 50",
                "/etc/x.toml, line 2: invalid type: integer `50`, expected a duration such as \"30s\"",
            ),
            (
                "[login]\nrefusal_floor = \"6s\"",
                "/etc/x.toml, line 2: the duration must be 0s to 5s",
            ),
            (
                "[login]\nrefusal_floor = \"-1s\"",
                "/etc/x.toml, line 2: the duration must be 0s to 5s",
            ),
            (
                "[throttle]\nfirst_lock = \"soon\"",
                "/etc/x.toml, line 2: not a duration such as \"30s\"",
            ),
            (
                "[throttle]\nfirst_lock = \"0s\"",
                "/etc/x.toml, line 2: a lock lasts 1s to 24h",
            ),
            (
                "[throttle]\nfirst_lock = \"1h\"",
                "/etc/x.toml, line 2: longest_lock must not be shorter",
            ),
            (
                "[throttle]\nfirst_lock = \"1h\"\nlongest_lock = \"30min\"",
                "/etc/x.toml, line 3: longest_lock must not be shorter",
            ),
            (
                "[throttle]\nhard_limit = 101",
                "/etc/x.toml, line 2: the number must be 10 to 100",
            ),
            (
                "[throttle]\nhard_limit = 25",
                "/etc/x.toml, line 2: free_failures must be smaller than a fifth of hard_limit",
            ),
            (
                "[throttle]\nfree_failures = 20",
                "/etc/x.toml, line 2: free_failures must be smaller than a fifth of hard_limit",
            ),
            (
                "[enrollment]\nmode = \"maybe\"",
                "/etc/x.toml, line 2: unknown variant `maybe`, expected `required` or `optional`",
            ),
            (
                "[backup_codes]\ncount = 0",
                "/etc/x.toml, line 2: a set has 1 to 20 backup codes",
            ),
            (
                "[store]\ndir = \"here\"",
                "/etc/x.toml, line 2: dir must be an absolute path",
            ),
            ("[token\n", "/etc/x.toml, line 1: "),
            (
                "[token]\ndigits = 6\ndigits = 6",
                "/etc/x.toml, line 3: duplicate key",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.starts_with(message),
                "{text:?}:\n{error}\nis not\n{message}"
            );
        }
    }

    #[test]
    fn an_address_is_believed_from_sshd_and_a_uid_from_local_services() {
        let config = Config::default();
        assert_eq!(
            config.place("sshd", Some("192.0.2.7"), 0),
            Place::of_address("192.0.2.7")
        );
        assert_eq!(
            config.place("sshd", Some("host.example"), 0),
            Place::Elsewhere
        );
        assert_eq!(config.place("sshd", None, 0), Place::Elsewhere);
        assert_eq!(
            config.place("sudo", Some("192.0.2.7"), 1000),
            Place::Local(1000)
        );
        assert_eq!(
            config.place("vsftpd", Some("192.0.2.7"), 0),
            Place::Elsewhere
        );
    }
}
