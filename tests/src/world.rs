//! The machine of one test: what is installed, how it is set up, who lives on it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::artifacts;
use crate::clock::Clock;
use crate::command::Run;
use crate::log::Log;
use crate::person::{Person, STORE};
use crate::process;
use crate::recipe::Page;
use crate::sandbox::security_dir;
use crate::ssh::{self, Client, Ssh};
use crate::stacks::{self, DOOR, Stack};
use crate::stopwatch::Stopwatch;
use crate::terminal::Terminal;
use crate::tries::Tries;
use crate::watcher::Watcher;

/// A machine with Nightlatch installed and a configuration that does not wait (no floor, no delay).
#[derive(Debug)]
pub struct World {
    log: Log,
    sshd: Mutex<Option<Child>>,
}

impl World {
    /// Installs what was built into the sandbox that this process is in.
    pub(crate) fn new() -> Self {
        install(
            &artifacts::module(),
            &security_dir().join("pam_nightlatch.so"),
            0o644,
        );
        install(&artifacts::command(), Path::new(COMMAND), 0o755);
        // What the machine itself may have enrolled is not of this world.
        for dir in ["/var/lib/nightlatch", "/etc/nightlatch"] {
            if Path::new(dir).exists() {
                fs::remove_dir_all(dir).expect("an overlay");
            }
        }
        fs::create_dir_all("/etc/nightlatch").expect("an overlay");
        let world = Self {
            log: Log::open(),
            sshd: Mutex::new(None),
        };
        world.configure("");
        world.stack(DOOR, Stack::CodeOnly(""));
        world
    }

    /// A new account with a home and the password [`crate::Person::password`].
    pub fn user(&self, name: &str) -> Person<'_> {
        Person::new(self, name)
    }

    /// An account without home and password, made in no time: for log-ins through libpam alone.
    pub fn passing_user(&self, name: &str) -> Person<'_> {
        Person::passing(self, name)
    }

    /// root, with a home and a password of this world.
    pub fn root(&self) -> Person<'_> {
        Person::root(self)
    }

    /// Log-ins of somebody who may not even exist, through libpam alone.
    pub fn tries_of(&self, user: &str) -> Tries {
        Tries::of(user)
    }

    /// Writes `/etc/nightlatch/nightlatch.toml`: no floor and no delay, unless `toml` has a `[login]` of its own, and `toml`.
    pub fn configure(&self, toml: &str) {
        let quick = if toml.contains("[login]") {
            ""
        } else {
            "[login]\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n"
        };
        self.configure_exactly(&format!("{quick}{toml}"));
    }

    /// Writes `/etc/nightlatch/nightlatch.toml` as it is given.
    pub fn configure_exactly(&self, toml: &str) {
        fs::write(CONFIGURATION, toml).expect("/etc is ours");
    }

    /// Writes the stack of a service for log-ins through libpam alone.
    pub fn stack(&self, service: &str, stack: Stack<'_>) {
        stacks::write_for_driver(service, stack);
    }

    /// Writes `/etc/pam.d/SERVICE` for sshd, sudo, su.
    pub fn host_stack(&self, service: &str, stack: Stack<'_>) {
        stacks::write_for_host(service, stack);
    }

    /// Adds the module to Debian's own `/etc/pam.d/SERVICE`, behind what it includes for `auth` and `account`.
    pub fn add_to_debians_stack(&self, service: &str) {
        let recipe = Page::README.recipe("## Install it for real", "/etc/pam.d/sshd");
        self.follow(&recipe.in_file(&format!("/etc/pam.d/{service}")));
    }

    /// Makes `/etc/nsswitch.conf` say that groups are in a directory, too, which is away: for whoever
    /// [knows](Tries::knowing_a_name_service_that_is_down) it.
    pub fn groups_are_in_a_directory_that_is_away(&self) {
        let switch = "/etc/nsswitch.conf";
        let text = fs::read_to_string(switch).expect("glibc wants one");
        let others = text.lines().filter(|line| {
            !["group:", "initgroups:"]
                .iter()
                .any(|of| line.starts_with(of))
        });
        let mut lines: Vec<_> = others.collect();
        lines.push("group: files nightlatch_down\n");
        fs::write(switch, lines.join("\n")).expect("/etc is ours");
    }

    /// Runs `nightlatch` without a terminal, and gives what came of it.
    pub fn nightlatch(&self, arguments: &[&str]) -> Run {
        nightlatch(arguments)
    }

    /// Runs `nightlatch` without a terminal, with a clock that stands still at this time, in seconds since 1970.
    pub fn nightlatch_at(&self, time: u64, arguments: &[&str]) -> Run {
        let mut command = Command::new(COMMAND);
        let standing = stacks::faketime_standing_at(time);
        Run::of(command.args(arguments).envs(standing), "")
    }

    /// A clock that can be set, right so far.
    pub fn clock(&self) -> Clock {
        Clock::new()
    }

    /// Runs `nightlatch` without a terminal, by this clock.
    pub fn nightlatch_by(&self, clock: &Clock, arguments: &[&str]) -> Run {
        let mut command = Command::new(COMMAND);
        Run::of(command.args(arguments).envs(clock.environment()), "")
    }

    /// Starts sshd on port 22 of the sandbox by this clock, which its log-ins go by and people's sessions do not.
    pub fn start_sshd_by(&self, clock: &Clock) {
        self.run_sshd(|| ssh::start_sshd_in(&clock.environment()));
    }

    /// Runs `nightlatch` without a terminal, with `lines` to read.
    pub fn nightlatch_given(&self, lines: &str, arguments: &[&str]) -> Run {
        Run::of(Command::new(COMMAND).args(arguments), lines)
    }

    /// Runs `nightlatch` below another program, such as `strace`: `wrapper` is that with its own arguments.
    pub fn nightlatch_below(&self, wrapper: &[&str], arguments: &[&str]) -> Run {
        let mut command = Command::new(wrapper[0]);
        Run::of(command.args(&wrapper[1..]).arg(COMMAND).args(arguments), "")
    }

    /// Runs `format/reader.py`, which reads the store by its page alone, at this time in seconds since 1970.
    pub fn reader(&self, now: u64) -> Run {
        let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("format/reader.py");
        // Debian's own Python, as in the tests with pyotp. It leaves nothing behind beside the reader.
        let mut command = Command::new("/usr/bin/python3");
        let now = now.to_string();
        Run::of(
            command.arg("-B").arg(reader).args([STORE, "--now", &now]),
            "",
        )
    }

    /// Runs `nightlatch` on a terminal.
    pub fn nightlatch_on_a_terminal(&self, arguments: &[&str]) -> Terminal {
        Terminal::run(COMMAND, arguments)
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Installs the flavour of the module that can be told to commit a fault, as `pam_nightlatch_faulty.so`.
    pub fn install_faulty_module(&self) {
        install(
            &artifacts::faulty_module(),
            &security_dir().join("pam_nightlatch_faulty.so"),
            0o644,
        );
    }

    /// Puts the flavour of the module that this tool can watch in the place of the module: with AddressSanitizer only the
    /// driver of [`Tries::watched_by`] can load it then. And the flavour that commits faults, as `pam_nightlatch_faulty.so`.
    pub fn install_modules_watched_by(&self, watcher: Watcher) {
        self.install_faulty_module();
        if watcher == Watcher::AddressSanitizer {
            for name in ["pam_nightlatch.so", "pam_nightlatch_faulty.so"] {
                install(
                    &artifacts::sanitized_module(),
                    &security_dir().join(name),
                    0o644,
                );
            }
        }
    }

    /// Makes the store, as a package does: without one nobody is let in, nor enrolled in a login.
    pub fn make_store(&self) {
        let _ = self.nightlatch(&["invite", "root"]).succeeds();
        let _ = self.nightlatch(&["invite", "root", "--cancel"]).succeeds();
    }

    /// Begins a login by `ssh` of somebody who may not even exist, with that password; the client tells what sshd offers.
    pub fn ssh_of(&self, user: &str, password: &str) -> Ssh {
        self.start_sshd();
        let client = Client {
            user,
            methods: "keyboard-interactive",
            key: None,
            from: None,
            log_level: "DEBUG1",
        };
        Ssh::begin(&client, password)
    }

    /// A stranger at sshd who tries one name again and again, with a stopwatch.
    pub fn stopwatch_on(&self, user: &str) -> Stopwatch {
        self.start_sshd();
        process::bury_what_sshd_left();
        Stopwatch::on(user)
    }

    /// Installs a module that asks like Nightlatch's, looks at nothing and refuses everybody, as `pam_refuses.so`.
    pub fn install_refusing_module(&self) {
        install(
            artifacts::refusing_module(),
            &security_dir().join("pam_refuses.so"),
            0o644,
        );
    }

    /// Starts sshd on port 22 of the sandbox, if it is not running yet.
    pub fn start_sshd(&self) {
        self.run_sshd(ssh::start_sshd);
    }

    /// Keeps the sshd that `start` starts until the world ends; the first one stays.
    pub(crate) fn run_sshd(&self, start: impl FnOnce() -> Child) {
        let mut sshd = self.sshd.lock().unwrap_or_else(PoisonError::into_inner);
        sshd.get_or_insert_with(start);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let sshd = self.sshd.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut sshd) = sshd.take() {
            let _ = sshd.kill();
            let _ = sshd.wait();
        }
    }
}

/// Runs `nightlatch` without a terminal, for threads, which have no [`World`] in common.
pub fn nightlatch(arguments: &[&str]) -> Run {
    Run::of(Command::new(COMMAND).args(arguments), "")
}

/// Runs a program of the system and asserts that it succeeded. `input` goes to its standard input.
pub(crate) fn system(program: &str, arguments: &[&str], input: &str, mend: &str) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} does not run ({error}): {mend}"));
    let _ = child
        .stdin
        .take()
        .expect("piped")
        .write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the child is ours");
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn install(from: &Path, to: &Path, mode: u32) {
    fs::copy(from, to).unwrap_or_else(|error| {
        panic!("{} to {}: {error}", from.display(), to.display());
    });
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).expect("an overlay");
}

/// Where the command is installed in the sandbox.
const COMMAND: &str = "/usr/local/bin/nightlatch";

/// Where the configuration is.
const CONFIGURATION: &str = "/etc/nightlatch/nightlatch.toml";
