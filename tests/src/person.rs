//! A person of the sandbox: an account, a password, and, once enrolled, a phone and backup codes.

use crate::authenticator::Phone;
use crate::outcome::Code;
use crate::ssh::Ssh;
use crate::tries::Tries;
use crate::world::{World, system};

/// Somebody with an account.
#[derive(Debug)]
pub struct Person<'w> {
    world: &'w World,
    name: String,
    password: String,
    phone: Option<Phone>,
    backup_codes: Vec<String>,
}

impl<'w> Person<'w> {
    pub(crate) fn new(world: &'w World, name: &str) -> Self {
        let password = format!("correct horse of {name}");
        system(
            "useradd",
            &[
                "--create-home",
                "--base-dir",
                "/run/home",
                "--shell",
                "/bin/sh",
                name,
            ],
            "",
            "install passwd",
        );
        system(
            "chpasswd",
            &[],
            &format!("{name}:{password}\n"),
            "install passwd",
        );
        Self {
            world,
            name: name.to_owned(),
            password,
            phone: None,
            backup_codes: Vec::new(),
        }
    }

    /// Enrolls the person with `nightlatch enroll NAME --yes --json`.
    pub fn enrolled(self) -> Self {
        self.enrolled_with(&[])
    }

    /// The same with more arguments: `["--algorithm", "SHA256"]`.
    pub fn enrolled_with(mut self, arguments: &[&str]) -> Self {
        self.enroll(arguments);
        self
    }

    /// Enrolls the person anew: the old phone and the old backup codes end.
    pub fn enroll_again(&mut self) {
        self.enroll(&["--replace"]);
    }

    /// Gives the person a phone that was enrolled by other means.
    pub fn takes_phone(&mut self, phone: Phone, backup_codes: Vec<String>) {
        self.phone = Some(phone);
        self.backup_codes = backup_codes;
    }

    /// The account's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The phone that was enrolled.
    #[must_use]
    pub fn phone(&self) -> &Phone {
        self.phone
            .as_ref()
            .unwrap_or_else(|| panic!("{} has no phone: not enrolled", self.name))
    }

    /// The backup codes that were shown when the person enrolled.
    #[must_use]
    pub fn backup_codes(&self) -> &[String] {
        &self.backup_codes
    }

    /// Log-ins through libpam alone.
    pub fn tries(&self) -> Tries {
        self.world.tries_of(&self.name)
    }

    /// Asserts that this answer opens the door at the first question, through libpam alone, and leaves the host as it was.
    pub fn gets_in_with(&self, answer: impl AsRef<[u8]>) {
        let outcome = self.tries().answers([answer]).run();
        outcome
            .gives(Code::Success)
            .asking(1)
            .leaves_the_host_alone();
    }

    /// Asserts that this answer, given to all three questions, opens nothing and leaves the host as it was.
    pub fn is_kept_out_with(&self, answer: impl AsRef<[u8]>) {
        let outcome = self.tries().always_answers(answer).run();
        outcome
            .gives(Code::AuthErr)
            .asking(3)
            .leaves_the_host_alone();
    }

    /// Begins a login by `ssh`; sshd runs from then on. The password is given at once.
    #[must_use]
    pub fn ssh(&self) -> Ssh {
        self.ssh_with_password(&self.password)
    }

    /// Begins a login by `ssh` and gives that password.
    #[must_use]
    pub fn ssh_with_password(&self, password: &str) -> Ssh {
        self.world.start_sshd();
        Ssh::begin(&self.name, password, "keyboard-interactive")
    }

    /// Begins a login by SSH's method `password`, in which sshd gives the password as the answer to every question.
    #[must_use]
    pub fn ssh_by_password_method(&self) -> Ssh {
        self.world.start_sshd();
        Ssh::begin(&self.name, &self.password, "password")
    }

    /// Lets the person use sudo for everything.
    pub fn may_sudo(&self) {
        std::fs::create_dir_all("/etc/sudoers.d").expect("/etc is ours");
        std::fs::write(
            format!("/etc/sudoers.d/{}", self.name),
            format!("{} ALL=(ALL:ALL) ALL\n", self.name),
        )
        .expect("/etc is ours");
    }

    fn enroll(&mut self, more: &[&str]) {
        let arguments = [&["enroll", &self.name, "--yes", "--json"], more].concat();
        let enrolled = self.world.nightlatch(&arguments).succeeds().json();
        self.phone = Some(Phone::scanning(
            enrolled["uri"].as_str().expect("a URI in the JSON"),
        ));
        self.backup_codes = enrolled["backup_codes"]
            .as_array()
            .expect("backup codes in the JSON")
            .iter()
            .map(|code| code.as_str().expect("a code is a string").to_owned())
            .collect();
    }
}
