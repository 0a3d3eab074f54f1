//! The C program that does the measured calls, `tests/driver/pam-bench.c`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nightlatch_tests::artifacts;

use crate::ground::{CONFIG_FOLDER, STORE};

/// What libpam calls success.
pub const PAM_SUCCESS: i32 = 0;
/// What libpam says of a wrong code.
pub const PAM_AUTH_ERR: i32 = 7;

/// One call.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pub code: i32,
    pub nanoseconds: u64,
    /// How far the process's peak memory rose.
    pub peak_kib: i64,
}

impl Measured {
    /// A figure for something that went wrong would be worth nothing.
    pub fn expecting(self, code: i32) -> Self {
        assert_eq!(self.code, code, "the PAM code of a measured call");
        self
    }
}

/// The running program.
pub struct Driver {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Driver {
    pub fn start() -> Self {
        let mut child = Command::new(artifacts::pam_bench())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the driver was built with this program");
        Self {
            questions: child.stdin.take().expect("piped"),
            answers: BufReader::new(child.stdout.take().expect("piped")),
            child,
        }
    }

    /// From now on the clock stands at this time, for every module alike. In seconds since 1970.
    pub fn stand_at(&mut self, time: u64) {
        self.tell(&["clock", &time.to_string()]);
    }

    /// A whole login with one answer, through the stack in `confdir`.
    pub fn login(&mut self, confdir: &Path, user: &str, answer: &str) -> Measured {
        let confdir = confdir.to_string_lossy();
        self.tell(&["login", &confdir, "sshd", PLACE, user, answer]);
        self.measured()
    }

    /// The same for each of these pairs of user and answer, all let go at one moment; each time is from that moment on.
    pub fn burst(&mut self, confdir: &Path, logins: &[(&str, String)]) -> Vec<Measured> {
        let confdir = confdir.to_string_lossy();
        let mut question = vec!["burst", &confdir, "sshd", PLACE];
        for (user, answer) in logins {
            question.extend([*user, answer]);
        }
        self.tell(&question);
        logins.iter().map(|_| self.measured()).collect()
    }

    /// Loading a module and letting it go.
    pub fn load(&mut self, module: &Path) -> Measured {
        self.tell(&["load", &module.to_string_lossy()]);
        self.measured().expecting(PAM_SUCCESS)
    }

    /// The input and output of a durable login, without a module.
    pub fn bare(&mut self, user: &str) -> Measured {
        self.tell(&["bare", CONFIG_FOLDER, STORE, user]);
        self.measured().expecting(PAM_SUCCESS)
    }

    fn tell(&mut self, question: &[&str]) {
        writeln!(self.questions, "{}", question.join("\t")).expect("the driver listens");
    }

    fn measured(&mut self) -> Measured {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .expect("the driver answers");
        let mut fields = line.trim_end().split('\t');
        let mut field = || fields.next().expect("the driver answers in three fields");
        Measured {
            code: field().parse().expect("a PAM code"),
            nanoseconds: field().parse().expect("nanoseconds"),
            peak_kib: field().parse().expect("KiB"),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It ends at the end of its input; there is nobody left to tell if it did not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where everybody comes from.
const PLACE: &str = "192.0.2.7";
