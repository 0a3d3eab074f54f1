//! One door with one of the two locks, in one of the ways to be asked.

use std::cell::Cell;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use nightlatch_tests::{Code, Phone, Shape, Stack, World};

/// Which module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    Ours,
    Theirs,
}

/// What stands in the module's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(&'static str);

/// Every way to be asked that the three words make.
pub const MODES: [Mode; 8] = [
    Mode("plain"),
    Mode("try_first_pass"),
    Mode("use_first_pass"),
    Mode("try_first_pass use_first_pass"),
    Mode("forward_pass"),
    Mode("try_first_pass forward_pass"),
    Mode("use_first_pass forward_pass"),
    Mode("try_first_pass use_first_pass forward_pass"),
];

impl Mode {
    /// Whether a module before this one asks for the password, and the code with it.
    pub fn has_first_pass(self) -> bool {
        self.0.contains("first_pass")
    }

    /// Whether the module may ask.
    pub fn asks(self) -> bool {
        !self.0.contains("use_first_pass")
    }

    /// Whether the module leaves a password to those behind.
    pub fn forwards(self) -> bool {
        self.0.contains("forward_pass")
    }

    /// Whether what the module is given is a password and a code in one.
    pub fn is_combined(self) -> bool {
        self.has_first_pass() || self.forwards()
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A door.
pub struct House<'w> {
    world: &'w World,
    pub lock: Lock,
    pub mode: Mode,
    /// What the next people's files or the configuration say.
    rate: Cell<Rate>,
    unenrolled: Cell<Unenrolled>,
}

/// How many wrong codes are free.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// As many as a scenario needs.
    Enough,
    /// Two; with theirs, three tries in 30 s.
    Few,
}

/// What happens to people who have nothing enrolled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unenrolled {
    Refused,
    LetIn,
}

/// What a person is given.
#[derive(Clone, Copy)]
pub enum Token {
    /// Codes by the clock, each for so many seconds.
    Totp(u64),
    /// Codes by a counter that begins here.
    Hotp(u64),
    /// Nothing.
    None,
}

/// Somebody at the door.
pub struct Somebody {
    name: String,
    pub phone: Phone,
    pub backup_code: String,
}

impl<'w> House<'w> {
    pub fn new(world: &'w World, lock: Lock, mode: Mode) -> Self {
        Self {
            world,
            lock,
            mode,
            rate: Cell::new(Rate::Enough),
            unenrolled: Cell::new(Unenrolled::Refused),
        }
    }

    /// The same with few wrong codes free.
    pub fn with_few_free(&self) -> &Self {
        self.rate.set(Rate::Few);
        self
    }

    /// The same where people who have nothing enrolled are let in.
    pub fn optional(&self) -> &Self {
        self.unenrolled.set(Unenrolled::LetIn);
        self
    }

    /// Somebody new with this token.
    pub fn somebody(&self, token: Token) -> Somebody {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        self.furnish();
        let name = format!("p{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let person = self.world.passing_user(&name);
        let nobody = Phone::new(SECRET);
        match (self.lock, token) {
            (_, Token::None) => Somebody {
                name,
                phone: nobody,
                backup_code: String::new(),
            },
            (Lock::Ours, Token::Totp(period)) => {
                let period = period.to_string();
                let person = person.enrolled_with(&["--period", &period]);
                Somebody {
                    phone: Phone::shaped(person.phone().secret(), person.phone().shape()),
                    backup_code: person.backup_codes()[0].clone(),
                    name,
                }
            }
            (Lock::Ours, Token::Hotp(counter)) => {
                let counter = counter.to_string();
                let arguments = ["enroll", &name, "--token", "hotp", "--counter", &counter];
                let flags = ["--yes", "--json"];
                let enrolled = self.world.nightlatch(&[&arguments[..], &flags].concat());
                let enrolled = enrolled.succeeds().json();
                let [secret, backup_code] = [&enrolled["secret"], &enrolled["backup_codes"][0]]
                    .map(|value| value.as_str().expect("a string").to_owned());
                Somebody {
                    name,
                    // A code of that counter is one of that step.
                    phone: Phone::new(&secret),
                    backup_code,
                }
            }
            (Lock::Theirs, Token::Totp(period)) => {
                let kind = format!("\" TOTP_AUTH\n\" STEP_SIZE {period}\n\" DISALLOW_REUSE");
                self.give_file(&name, &kind);
                let shape = Shape {
                    period,
                    ..Shape::USUAL
                };
                Somebody {
                    name,
                    phone: Phone::shaped(SECRET, shape),
                    backup_code: SCRATCH_CODE.to_owned(),
                }
            }
            (Lock::Theirs, Token::Hotp(counter)) => {
                self.give_file(&name, &format!("\" HOTP_COUNTER {counter}"));
                Somebody {
                    name,
                    phone: nobody,
                    backup_code: SCRATCH_CODE.to_owned(),
                }
            }
        }
    }

    /// What comes when somebody gives this code, at this time in seconds since 1970, behind their password where they are asked
    /// for both.
    pub fn tries(&self, who: &Somebody, code: &str, time: u64) -> String {
        let field = format!("{PASSWORD}{code}");
        self.gives(who, &field, code, time)
    }

    /// What comes when somebody just presses Enter.
    pub fn gives_nothing(&self, who: &Somebody, time: u64) -> String {
        self.gives(who, "", "", time)
    }

    fn gives(&self, who: &Somebody, field: &str, code: &str, time: u64) -> String {
        let reply = if self.mode.forwards() { field } else { code };
        let first = if self.mode.has_first_pass() {
            field
        } else {
            reply
        };
        let _ = fs::remove_file(FORWARDED);
        let outcome = self
            .world
            .tries_of(&who.name)
            .answers([first, reply, reply, reply, reply])
            .at(time)
            .run();
        let login = outcome.only();
        let (passwords, questions): (Vec<_>, Vec<_>) = login
            .questions()
            .into_iter()
            .partition(|question| *question == "Password: ");
        // The module behind asks for itself where it was left nothing.
        let forwards =
            self.mode.forwards() && passwords.len() == usize::from(self.mode.has_first_pass());
        let verdict = match login.code() {
            Code::Success => "opens",
            Code::AuthErr => "refused",
            Code::UserUnknown => "ignored",
            other => panic!("{}: {other:?}: {login:#?}", self.mode),
        };
        let mut came = format!("{verdict} after {}", questions.len());
        if self.mode.forwards() && verdict != "refused" {
            let password = fs::read_to_string(FORWARDED).expect("recorded");
            let left = match password.trim_end_matches('\0') {
                PASSWORD => String::new(),
                _ if !forwards => ", forwards nothing".to_owned(),
                other => format!(", forwards {other}"),
            };
            came.push_str(&left);
        }
        came
    }

    /// Configures the module and the stack.
    fn furnish(&self) {
        let Self { lock, mode, .. } = *self;
        let free = match self.rate.get() {
            Rate::Enough => 19,
            Rate::Few => 2,
        };
        let enrollment = match self.unenrolled.get() {
            Unenrolled::Refused => "required",
            Unenrolled::LetIn => "optional",
        };
        self.world.configure(&format!(
            "[login]\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\nprompts = 1\n[throttle]\nfree_failures = {free}\n\
             [enrollment]\nmode = \"{enrollment}\"\n[backup_codes]\ncount = 1\n"
        ));
        let words = mode.0.replace("plain", "");
        let module = match lock {
            Lock::Ours => format!("pam_nightlatch.so {words}"),
            Lock::Theirs => {
                let nullok = match self.unenrolled.get() {
                    Unenrolled::Refused => "",
                    Unenrolled::LetIn => "nullok",
                };
                format!(
                    "pam_google_authenticator.so secret={FILES}/${{USER}} user=root {nullok} {words}"
                )
            }
        };
        let first = if mode.has_first_pass() {
            "auth optional pam_unix.so nodelay\n"
        } else {
            ""
        };
        let (behind, skip) = if mode.forwards() {
            (
                format!("auth required pam_exec.so expose_authtok quiet {RECORD}\n"),
                2,
            )
        } else {
            (String::new(), 1)
        };
        // PAM_IGNORE comes out as PAM_USER_UNKNOWN, which neither module returns.
        self.world.stack(
            "door",
            Stack::Lines(&format!(
                "{first}auth [success=ok ignore={skip} default=bad] {module}\n{behind}\
                 auth [success=done default=bad] pam_permit.so\n{behind}\
                 auth required pam_debug.so auth=user_unknown\n"
            )),
        );
        record_passwords();
        fs::create_dir_all(FILES).expect("/run is ours");
    }

    fn give_file(&self, name: &str, kind: &str) {
        let rate = match self.rate.get() {
            Rate::Enough => "",
            Rate::Few => "\" RATE_LIMIT 3 30\n",
        };
        let file = format!("{FILES}/{name}");
        let text = format!("{SECRET}\n{rate}\" WINDOW_SIZE 3\n{kind}\n{SCRATCH_CODE}\n");
        fs::write(&file, text).expect("/run is ours");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("/run is ours");
    }
}

/// Makes the program that a stack runs to write down the password which the modules before it left.
pub fn record_passwords() {
    fs::write(RECORD, format!("#!/bin/sh\nexec cat > {FORWARDED}\n")).expect("/run is ours");
    fs::set_permissions(RECORD, fs::Permissions::from_mode(0o755)).expect("/run is ours");
}

/// Everybody's password; nothing looks like a code in it.
const PASSWORD: &str = "correct horse";

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const SCRATCH_CODE: &str = "31415926";
const FILES: &str = "/run/theirs";
/// That program.
pub const RECORD: &str = "/run/record";
/// What it wrote down.
pub const FORWARDED: &str = "/run/forwarded";
