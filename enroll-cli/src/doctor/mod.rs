//! The doctor: what is wrong with the set-up of this host, and what mends it. It reads, and changes nothing.
//!
//! A file an area: stacks in /etc/pam.d ([`stacks`], by all [`ways`] through them) and services together ([`services`]), sshd
//! ([`doors`]), the module's file, the configuration, the store and its records, the clock, what SELinux or AppArmor denied, and
//! people who would stand outside. What could not be looked at is a finding too.

mod clock;
mod denials;
mod doors;
mod edit;
mod elf;
mod finding;
mod module_file;
mod modules;
mod people;
mod records;
mod services;
mod settings;
mod stacks;
mod ways;

use std::path::{Path, PathBuf};

use nightlatch_core::config::{Config, DEFAULT_PATH};
use nightlatch_core::safe_file;
use nightlatch_core::store::FileStore;
use nightlatch_core::time::{Clock as _, SystemClock};
use nix::unistd::Uid;

pub use finding::{Finding, Severity};
pub use services::{configuration, is_known};
pub use stacks::arguments;
use stacks::{Scene, Service};
use ways::Before;

use crate::app;
use crate::foresight::Grounds;
use crate::lockouts::SshDoors;
use crate::pam_files::{OURS, PamFiles};
use crate::residents::{self, Resident};
use crate::sshd::Sshd;

/// Looks at everything. `named` is the configuration that was named.
pub fn examine(named: Option<&Path>) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let path = app::absolute(named.unwrap_or(Path::new(DEFAULT_PATH)))?;
    let config = match named {
        Some(_) => Config::load(&path),
        None => Config::load_default(),
    };
    let config = match config {
        Ok(config) => Some(config),
        Err(error) => {
            findings.push(settings::unusable(&path, &error));
            None
        }
    };
    if let Some(config) = &config {
        let text = safe_file::read_configuration(&path).ok().flatten();
        findings.extend(settings::examine(config, &text.unwrap_or_default(), &path));
    }
    let files = PamFiles::of_this_host();
    let asking = match services::that_ask(&files) {
        Ok(asking) => asking,
        Err(error) => {
            findings.push(unreadable("PAM's files", &error.to_string()));
            Vec::new()
        }
    };
    findings.extend(services::examine(&files, &asking, config.as_ref(), &path));
    findings.extend(module_file::examine(&asking));
    let is_root = Uid::effective().is_root();
    let sshd_asks = asking.iter().any(|service| service.name == "sshd");
    let doors = Sshd::here().filter(|_| is_root).map(SshDoors::behind);
    let doors = match doors {
        None => SshDoors::default(),
        Some(Ok(doors)) => doors,
        Some(Err(error)) => {
            findings.extend(sshd_asks.then(|| doors::did_not_say(&error)));
            SshDoors::default()
        }
    };
    for service in &asking {
        let before = match service.name.as_str() {
            "sshd" => doors::before_pam(doors.general()),
            _ => Before::Nothing,
        };
        let scene = Scene {
            files: &files,
            config: config.as_ref(),
            before,
        };
        findings.extend(stacks::examine(scene, service));
    }
    let clock = SystemClock::new();
    let now = clock.now()?;
    let store = config.as_ref().map(|config| config.store.dir.clone());
    findings.extend(clock::examine(now, &before_now(&path, store.as_deref())));
    findings.extend(denials::examine(now));
    if is_root {
        let residents = match residents::of_this_host(&doors.key_files()) {
            Ok(residents) => residents,
            Err(error) => {
                findings.push(unreadable("people", &error.to_string()));
                Vec::new()
            }
        };
        if sshd_asks && doors.is_known() {
            findings.extend(doors::examine(&doors, &residents));
        }
        if let Some(config) = &config {
            let store = FileStore::new(&config.store.dir);
            let grounds = Grounds {
                config,
                store: &store,
                clock: &clock,
            };
            findings.extend(of_records(grounds, &asking, &residents, &doors)?);
        }
    } else {
        findings.push(not_root());
    }
    Ok(in_order(findings))
}

/// The store and people. Where nobody is asked yet, a store that is not there yet is none.
fn of_records(
    grounds: Grounds<'_>,
    asking: &[Service],
    residents: &[Resident],
    doors: &SshDoors,
) -> anyhow::Result<Vec<Finding>> {
    let now = grounds.clock.now()?;
    let mut findings = records::examine(grounds.config, grounds.store, now);
    findings.retain(|finding| !asking.is_empty() || finding.name != "store-missing");
    // Of a store that cannot be used, everybody stands outside.
    let is_usable = findings
        .iter()
        .all(|finding| !matches!(finding.name, "store-missing" | "store-unusable"));
    if is_usable {
        let ask = |service: &&Service| service.auth.running(OURS).next().is_some();
        let names = asking.iter().filter(ask);
        let names: Vec<_> = names.map(|service| service.name.as_str()).collect();
        findings.extend(people::examine(grounds, residents, &names, doors)?);
    }
    Ok(findings)
}

/// What was there before now, whatever the clock shows.
fn before_now(config: &Path, store: Option<&Path>) -> Vec<PathBuf> {
    let mut files = vec![config.to_owned(), PathBuf::from("/proc/self/exe")];
    files.extend(store.map(|dir| dir.join("store.toml")));
    files
}

fn unreadable(what: &str, error: &str) -> Finding {
    Finding::new(
        "not-looked-at",
        Severity::Note,
        what,
        error,
        "what cannot be looked at may be wrong",
    )
    .mend("mend what it says, then run this again")
}

fn not_root() -> Finding {
    Finding::new(
        "not-looked-at",
        Severity::Note,
        "the store, people, sshd",
        "only root can look at the store, at who can log in, and at what sshd understood",
        "what cannot be looked at may be wrong",
    )
    .mend("run it as root: sudo nightlatch doctor")
}

/// The worst first, and each once: several services may share a line.
fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|one, other| {
        (one.severity, one.name, &one.place).cmp(&(other.severity, other.name, &other.place))
    });
    findings.dedup_by(|one, other| {
        let is_of_one_place = (one.name, &one.place) == (other.name, &other.place);
        let has_one_mend = !one.commands.is_empty() && one.commands == other.commands;
        is_of_one_place && (has_one_mend || one.what == other.what)
    });
    findings
}
