//! `nightlatch doctor` on hosts of Debian's own files: nothing is wrong where all is well; each mistake that is planted is found by
//! its name, its mend is run as it is printed, and then nothing is wrong again.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

mod configuration;
mod files;
mod libpam;
mod pages;
mod people;
mod services;
mod simulation;
mod sshd;
mod stacks;

use std::fs;

use nightlatch_tests::{Page, Person, World};
use serde_json::Value;

const SSHD: &str = "/etc/pam.d/sshd";
const SUDO: &str = "/etc/pam.d/sudo";
const SSHD_CONFIG: &str = "/etc/ssh/sshd_config";
const CONFIGURATION: &str = "/etc/nightlatch/nightlatch.toml";
const KEY_AND_CODE: &str = "## sshd: public key and code";
const PASSWORD_AND_CODE: &str = "## sshd: password and code";

/// A host on which nothing is wrong: key, password and code at sshd, password and code at sudo, and alice, who has all of it.
struct Host<'w> {
    world: &'w World,
    /// The only one who can log in.
    alice: Person<'w>,
}

impl<'w> Host<'w> {
    fn well(world: &'w World) -> Self {
        // A module of a world is where its package would put it, and its command where the machine's administrator would.
        world.configure("");
        world.follow(&Page::PAM.recipe(KEY_AND_CODE, SSHD_CONFIG));
        let lines = Page::PAM.recipe(PASSWORD_AND_CODE, SSHD);
        for file in [SSHD, SUDO, "/etc/pam.d/sudo-i"] {
            world.follow(&lines.clone().in_file(file));
        }
        let alice = world.user("alice").enrolled();
        alice.may_sudo();
        let host = Self { world, alice };
        host.is_well();
        host
    }

    /// Runs lines in a root shell.
    fn shell(&self, line: &str) -> &Self {
        let _ = self.world.shell(line).succeeds();
        self
    }

    /// Writes a service's file.
    fn stack(&self, service: &str, lines: &str) -> &Self {
        fs::write(format!("/etc/pam.d/{service}"), lines).unwrap();
        self
    }

    /// What the doctor finds; its status says whether that is worse than a note.
    fn findings(&self) -> Vec<Value> {
        let run = self.world.nightlatch(&["doctor", "--json"]);
        let report = run.json();
        let findings = report["findings"].as_array().unwrap().clone();
        let is_well = findings.iter().all(|finding| finding["severity"] == "note");
        assert_eq!(report["well"], is_well, "{report:#}");
        assert_eq!(run.status, Some(i32::from(!is_well)), "{report:#}");
        findings
    }

    fn is_well(&self) -> &Self {
        let findings = self.findings();
        assert!(findings.is_empty(), "{findings:#?}");
        self
    }

    /// Asserts that this is found and nothing else.
    fn has(&self, name: &str) -> Found<'_, 'w> {
        self.has_among_others(name).alone()
    }

    /// Asserts that this is found.
    fn has_among_others(&self, name: &str) -> Found<'_, 'w> {
        let all = self.findings();
        let finding = all.iter().find(|finding| finding["name"] == name);
        let finding = finding
            .unwrap_or_else(|| panic!("no {name} in {all:#?}"))
            .clone();
        for key in ["where", "what", "why", "mend"] {
            assert!(!finding[key].as_str().unwrap().is_empty(), "{finding:#}");
        }
        Found {
            host: self,
            finding,
            all,
        }
    }
}

/// Something that was found.
struct Found<'h, 'w> {
    host: &'h Host<'w>,
    finding: Value,
    all: Vec<Value>,
}

impl<'h, 'w> Found<'h, 'w> {
    /// Asserts that nothing else was found.
    fn alone(self) -> Self {
        let name = &self.finding["name"];
        let others = self.all.iter().filter(|other| other["name"] != *name);
        let others: Vec<_> = others.collect();
        assert!(others.is_empty(), "beside {name}: {others:#?}");
        self
    }

    /// Asserts how bad it is.
    fn weighs(self, severity: &str) -> Self {
        assert_eq!(self.finding["severity"], severity, "{:#}", self.finding);
        self
    }

    /// Asserts what its place is.
    fn at(self, place: &str) -> Self {
        assert_eq!(self.finding["where"], place, "{:#}", self.finding);
        self
    }

    /// Runs its commands as they are printed; it is gone then.
    fn runs_its_mend(self) -> &'h Host<'w> {
        let page = self.host.world.nightlatch(&["doctor"]).stdout;
        let commands = self.finding["commands"].as_array().unwrap();
        assert!(!commands.is_empty(), "{:#}", self.finding);
        for command in commands {
            let command = command.as_str().unwrap();
            assert!(page.contains(&format!("\n    {command}\n")), "{page}");
            let _ = self.host.world.shell(command).succeeds();
        }
        self.gone()
    }

    /// Does by hand what its mend says in these words; it is gone then.
    fn says(self, words: &str, as_it_says: impl FnOnce()) -> &'h Host<'w> {
        let mend = self.finding["mend"].as_str().unwrap();
        assert!(mend.contains(words), "{words:?} in {mend:?}");
        as_it_says();
        self.gone()
    }

    fn gone(self) -> &'h Host<'w> {
        let left = self.host.findings();
        let name = &self.finding["name"];
        assert!(left.iter().all(|one| one["name"] != *name), "{left:#?}");
        self.host
    }
}
