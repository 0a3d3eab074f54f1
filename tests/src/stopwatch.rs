//! A stranger at sshd with a stopwatch: `clients/stopwatch.py`, which measures from sending an answer until sshd says something
//! of it. Connecting is no part of that.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::caller::script;

/// A stranger who tries one name.
#[derive(Debug)]
pub struct Stopwatch {
    child: Child,
    types: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Stopwatch {
    /// How many answers are given in a connection that is refused: three in each of two conversations.
    pub const ANSWERS: usize = 6;

    /// Connects and begins to log in as `user`.
    pub(crate) fn on(user: &str) -> Self {
        let words = script("stopwatch.py", user);
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 does not run: install python3 and python3-paramiko");
        let types = child.stdin.take().expect("piped");
        let says = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, types, says }
    }

    /// Waits for the question, so that nothing of it is measured with the answer.
    pub fn is_asked(&mut self) {
        assert_eq!(self.line(), "asked");
    }

    /// Answers, and gives how long it took until sshd said something of it; `None` where that opened the door.
    pub fn answers(&mut self, answer: &str) -> Option<Duration> {
        writeln!(self.types, "{answer}").expect("it reads");
        match self.line().as_str() {
            "in" => None,
            micros => Some(Duration::from_micros(micros.parse().expect("microseconds"))),
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.says.read_line(&mut line).expect("a pipe");
        assert_ne!(
            read, 0,
            "it ended; what it wrote to standard error says why"
        );
        line.trim_end().to_owned()
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
