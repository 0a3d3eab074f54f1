//! A module that stands in for the login that enrolls somebody: it shows what it is given and takes the codes it is given, so
//! that it can be seen what clients make of what is shown.

use std::fs;

use crate::artifacts;
use crate::authenticator::Phone;
use crate::sandbox::{scratch, security_dir};
use crate::stacks::Stack;
use crate::world::World;

/// What it shows, each in one prompt whose answer is seen while it is typed.
#[derive(Debug, Clone, Copy)]
pub struct StandIn<'a> {
    /// What it shows first.
    pub offer: &'a str,
    /// What it asks after a wrong answer.
    pub again: &'a str,
    /// What it shows after the right one.
    pub backup_codes: &'a str,
}

impl StandIn<'_> {
    /// Installs it behind the password of sshd. It takes the codes of that phone.
    pub fn takes_codes_of(&self, phone: &Phone, world: &World) {
        let to = security_dir().join("pam_stand_in.so");
        fs::copy(artifacts::stand_in_module(), to).expect("an overlay");
        let dir = scratch().join("stand-in");
        fs::create_dir_all(&dir).expect("the scratch folder is ours");
        let codes = phone
            .codes_from_step(phone.step_now() - 1, STEPS)
            .join("\n");
        for (name, text) in [
            ("offer", self.offer),
            ("again", self.again),
            ("codes", &codes),
            ("backup-codes", self.backup_codes),
        ] {
            fs::write(dir.join(name), text).expect("the scratch folder is ours");
        }
        let lines = format!(
            "auth requisite pam_unix.so nodelay\nauth required pam_stand_in.so {}\naccount required pam_unix.so\n\
             session required pam_permit.so\n",
            dir.display()
        );
        world.host_stack("sshd", Stack::Lines(&lines));
    }
}

/// As many as a test may take.
const STEPS: usize = 20;
