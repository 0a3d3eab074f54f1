//! A person of the sandbox: an account, a password, and, once enrolled, a phone and backup codes.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::User;

use crate::authenticator::Phone;
use crate::caller::{Caller, Program, Window};
use crate::command::Run;
use crate::neighbour::Neighbour;
use crate::outcome::Code;
use crate::sandbox::scratch;
use crate::ssh::{Client, Ssh};
use crate::transfer::Transfer;
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
        system(
            "useradd",
            &[
                "--create-home",
                "--base-dir",
                HOMES,
                "--shell",
                "/bin/sh",
                name,
            ],
            "",
            "install passwd",
        );
        Self::with_password(world, name)
    }

    /// root, with a home that is the sandbox's own and the shell that everybody has here.
    pub(crate) fn root(world: &'w World) -> Self {
        let accounts = fs::read_to_string("/etc/passwd").expect("/etc is ours");
        let accounts = accounts
            .lines()
            .map(|line| match line.strip_prefix("root:") {
                Some(_) => format!("root:x:0:0:root:{HOMES}/root:/bin/sh\n"),
                None => format!("{line}\n"),
            })
            .collect::<String>();
        fs::write("/etc/passwd", accounts).expect("/etc is ours");
        fs::create_dir(format!("{HOMES}/root")).expect("a home of the sandbox's own");
        Self::with_password(world, "root")
    }

    /// Somebody with nothing but a name and a number: a line in `/etc/passwd`.
    pub(crate) fn passing(world: &'w World, name: &str) -> Self {
        let accounts = fs::read_to_string("/etc/passwd").expect("/etc is ours");
        let uid = FIRST_PASSING + accounts.lines().count();
        fs::write(
            "/etc/passwd",
            format!("{accounts}{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n"),
        )
        .expect("/etc is ours");
        Self::of_name(world, name)
    }

    fn with_password(world: &'w World, name: &str) -> Self {
        Self::of_name(world, name).whose_password_is(&format!("correct horse of {name}"))
    }

    /// Somebody of whom only the account is there.
    pub(crate) fn of_name(world: &'w World, name: &str) -> Self {
        Self {
            world,
            name: name.to_owned(),
            password: String::new(),
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
        self.enroll_with(arguments);
        self
    }

    /// Enrolls the person: [`Person::enrolled`] in place.
    pub fn enroll(&mut self) {
        self.enroll_with(&[]);
    }

    /// Enrolls the person anew: the old phone and the old backup codes end.
    pub fn enroll_again(&mut self) {
        self.enroll_with(&["--replace"]);
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

    /// The account's number.
    #[must_use]
    pub fn uid(&self) -> u32 {
        User::from_name(&self.name)
            .expect("/etc/passwd can be read")
            .expect("the account was made")
            .uid
            .as_raw()
    }

    /// Gives the account another password.
    #[must_use]
    pub fn whose_password_is(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        let line = format!("{}:{password}\n", self.name);
        system("chpasswd", &[], &line, "install passwd");
        self
    }

    /// The person's directory in the store, whether it is there or not.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        PathBuf::from(format!("{STORE}/users/{}", self.name))
    }

    /// Takes the person's directory out of the store by hand, as if nothing had ever been enrolled.
    pub fn is_forgotten(&self) {
        match fs::remove_dir_all(self.directory()) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => done.expect("root removes everything"),
        }
    }

    /// The text of the person's enrollment, if there is one.
    #[must_use]
    pub fn enrollment(&self) -> Option<String> {
        match fs::read_to_string(self.directory().join("enrollment.toml")) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            text => Some(text.expect("root reads everything")),
        }
    }

    /// The files that hold what log-ins left behind; usually one.
    #[must_use]
    pub fn state_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.directory()).into_iter().flatten();
        entries
            .map(|entry| entry.expect("the directory stays").path())
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("state.")
            })
            .collect()
    }

    /// Puts the person into a supplementary group, which is made.
    #[must_use]
    pub fn in_group(self, group: &str) -> Self {
        system("groupadd", &["--force", group], "", "install passwd");
        let arguments = ["--append", "--groups", group, &self.name];
        system("usermod", &arguments, "", "install passwd");
        self
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
        Ssh::begin(&self.client("keyboard-interactive"), password)
    }

    /// Begins a login by that program on such a terminal, by keyboard-interactive; sshd runs from then on. The password is given
    /// at once.
    #[must_use]
    pub fn logs_in_with(&self, program: Program, window: Window) -> Caller {
        self.world.start_sshd();
        let client = self.client("keyboard-interactive");
        Caller::begin(program, window, &client, &self.password)
    }

    /// Begins a login by the stock `ssh` that may enroll the person, with that password.
    #[must_use]
    pub fn comes_with_password(&self, password: &str) -> Caller {
        self.world.start_sshd();
        let client = self.client("keyboard-interactive");
        Caller::begin(Program::OpenSsh, Window::LARGE, &client, password)
    }

    /// The same with the right password.
    #[must_use]
    pub fn comes(&self) -> Caller {
        self.comes_with_password(&self.password)
    }

    /// The same from another machine.
    #[must_use]
    pub fn comes_from(&self, neighbour: &Neighbour) -> Caller {
        self.world.start_sshd();
        let client = Client {
            from: Some(neighbour),
            ..self.client("keyboard-interactive")
        };
        Caller::begin(Program::OpenSsh, Window::LARGE, &client, &self.password)
    }

    /// Begins a login by SSH's method `password`, in which sshd gives the password as the answer to every question.
    #[must_use]
    pub fn ssh_by_password_method(&self) -> Ssh {
        self.world.start_sshd();
        Ssh::begin(&self.client("password"), &self.password)
    }

    /// Puts a key into the account that opens it.
    pub fn has_a_key(&self) {
        let _ = self.key();
    }

    /// Begins a login by `ssh` with a key that opens this account. What is asked for after it is a code, or nothing.
    #[must_use]
    pub fn ssh_with_key(&self) -> Ssh {
        let key = self.key();
        self.world.start_sshd();
        Ssh::begin_without_password(&Client {
            key: Some(&key),
            ..self.client(KEY_THEN_QUESTIONS)
        })
    }

    /// Whether a key alone, where nothing can be asked, gets as far as running a command.
    #[must_use]
    pub fn gets_in_by_key_alone(&self) -> bool {
        let key = self.key();
        self.world.start_sshd();
        let client = Client {
            key: Some(&key),
            ..self.client("publickey")
        };
        let mut words = client.ssh();
        words.push("true".to_owned());
        let run = Run::of(Command::new(&words[0]).args(&words[1..]), "");
        run.status == Some(0)
    }

    /// The same where the password is asked for after the key. It is given at once.
    #[must_use]
    pub fn ssh_with_key_and_password(&self) -> Ssh {
        let key = self.key();
        self.world.start_sshd();
        let client = Client {
            key: Some(&key),
            ..self.client(KEY_THEN_QUESTIONS)
        };
        Ssh::begin(&client, &self.password)
    }

    /// Begins a login by `ssh` with nothing but the name: neither key nor password.
    #[must_use]
    pub fn ssh_with_nothing(&self) -> Ssh {
        self.world.start_sshd();
        Ssh::begin_without_password(&self.client(KEY_THEN_QUESTIONS))
    }

    /// Begins a login by `ssh` from another machine. The password is given at once.
    #[must_use]
    pub fn ssh_from(&self, neighbour: &Neighbour) -> Ssh {
        self.world.start_sshd();
        let client = Client {
            from: Some(neighbour),
            ..self.client("keyboard-interactive")
        };
        Ssh::begin(&client, &self.password)
    }

    /// Begins a login by `ssh` from another machine with a key that opens this account.
    #[must_use]
    pub fn ssh_with_key_from(&self, neighbour: &Neighbour) -> Ssh {
        let key = self.key();
        self.world.start_sshd();
        Ssh::begin_without_password(&Client {
            key: Some(&key),
            from: Some(neighbour),
            ..self.client(KEY_THEN_QUESTIONS)
        })
    }

    /// Begins to copy a file to the person's home with `scp`. The password is given at once.
    #[must_use]
    pub fn scp(&self, file: &Path, name: &str) -> Transfer {
        self.world.start_sshd();
        let client = self.client("keyboard-interactive");
        Transfer::scp(&client, file, name, &self.password)
    }

    /// Begins a session of `sftp`. The password is given at once.
    #[must_use]
    pub fn sftp(&self) -> Transfer {
        self.world.start_sshd();
        let client = self.client("keyboard-interactive");
        Transfer::sftp(&client, &self.password)
    }

    /// The person's home.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        PathBuf::from(format!("{HOMES}/{}", self.name))
    }

    fn client<'a>(&'a self, methods: &'a str) -> Client<'a> {
        Client {
            user: &self.name,
            methods,
            key: None,
            from: None,
            log_level: "ERROR",
        }
    }

    /// Lets the person use sudo for everything.
    pub fn may_sudo(&self) {
        fs::create_dir_all("/etc/sudoers.d").expect("/etc is ours");
        fs::write(
            format!("/etc/sudoers.d/{}", self.name),
            format!("{} ALL=(ALL:ALL) ALL\n", self.name),
        )
        .expect("/etc is ours");
    }

    /// The same, and sudo asks for nothing.
    pub fn may_sudo_without_password(&self) {
        self.may_sudo();
        let line = format!("{} ALL=(ALL:ALL) NOPASSWD: ALL\n", self.name);
        fs::write(format!("/etc/sudoers.d/{}", self.name), line).expect("/etc is ours");
    }

    /// What comes of a line in a shell of this person's.
    pub fn types(&self, line: &str) -> Run {
        let identity = [
            format!("--reuid={}", self.name),
            format!("--regid={}", self.name),
            "--init-groups".to_owned(),
        ];
        let mut command = Command::new("setpriv");
        command.args(identity).args(["sh", "-c", line]);
        Run::of(command.current_dir("/"), "")
    }

    /// Runs a program of the system as this person would, without a terminal and with one line to read, and gives what came
    /// of it. Traced, because only a tracer that is root lets a program like su become root: `tracing` are the words of
    /// `strace`.
    pub fn calls(&self, tracing: &[&str], program: &[&str], line: &str) -> Run {
        let mut command = Command::new(tracing[0]);
        command
            .args(&tracing[1..])
            .args(["-u", &self.name, "--"])
            .args(program)
            .current_dir("/");
        Run::of(&mut command, &format!("{line}\n"))
    }

    /// The person's key for SSH, made and let in at the first call.
    fn key(&self) -> PathBuf {
        let key = scratch().join(format!("{}.key", self.name));
        if key.exists() {
            return key;
        }
        let path = key.to_str().expect("our own path");
        let arguments = ["-q", "-t", "ed25519", "-N", "", "-f", path];
        system("ssh-keygen", &arguments, "", "install openssh-client");
        let dir = format!("{HOMES}/{}/.ssh", self.name);
        let give = ["-d", "-m", "700", "-o", &self.name, &dir];
        system("install", &give, "", "install coreutils");
        let to = format!("{dir}/authorized_keys");
        let give = ["-m", "600", "-o", &self.name, &format!("{path}.pub"), &to];
        system("install", &give, "", "install coreutils");
        key
    }

    fn enroll_with(&mut self, more: &[&str]) {
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

/// Where the store is.
pub const STORE: &str = "/var/lib/nightlatch";

/// Passing people are numbered from here on, and by their line in `/etc/passwd`.
const FIRST_PASSING: usize = 20_000;

/// By key, and then whatever sshd asks.
const KEY_THEN_QUESTIONS: &str = "publickey,keyboard-interactive";

/// Where everybody's home is.
const HOMES: &str = "/run/home";
