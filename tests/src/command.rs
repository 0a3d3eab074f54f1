//! One run of the command without a terminal, as a script runs it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What came of it.
#[derive(Debug, Clone)]
pub struct Run {
    /// What was asked for.
    pub said: String,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit status; none when a signal ended it.
    pub status: Option<i32>,
}

impl Run {
    /// Runs `command` with `input` on standard input.
    pub(crate) fn of(command: &mut Command, input: &str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not run: {error}"));
        // A program that does not read is none the worse for it.
        let _ = child
            .stdin
            .take()
            .map(|mut stdin| stdin.write_all(input.as_bytes()));
        let output = child
            .wait_with_output()
            .unwrap_or_else(|error| panic!("{command:?} does not end: {error}"));
        Self {
            said: format!("{command:?}"),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            status: output.status.code(),
        }
    }

    /// Asserts exit status 0.
    #[must_use]
    pub fn succeeds(self) -> Self {
        self.exits_with(0)
    }

    /// Asserts exit status 1, refused or failed, and words on standard error.
    #[must_use]
    pub fn is_refused(self) -> Self {
        let run = self.exits_with(1);
        assert!(!run.stderr.is_empty(), "refused without a word: {run:#?}");
        run
    }

    /// Asserts the exit status.
    #[must_use]
    pub fn exits_with(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{self:#?}");
        self
    }

    /// Standard output as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {self:#?}"))
    }
}
