//! One login through libpam whose questions are answered one by one, by somebody who looks at them first: to prove a key that was
//! just shown, or to do something to the application while it waits.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::authenticator::Phone;
use crate::outcome;
use crate::tries::{self, Ended, Tries};

/// A login that is under way.
#[derive(Debug)]
pub struct Visit {
    child: Child,
    answers: Option<ChildStdin>,
    events: BufReader<ChildStdout>,
    seen: String,
}

impl Visit {
    pub(crate) fn begin(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the driver runs");
        Self {
            answers: child.stdin.take(),
            events: BufReader::new(child.stdout.take().expect("piped")),
            seen: String::new(),
            child,
        }
    }

    /// Waits for a question and gives its text.
    pub fn is_asked(&mut self) -> String {
        loop {
            let before = self.seen.len();
            let length = self.events.read_line(&mut self.seen).expect("text");
            assert!(length > 0, "nothing is asked any more:\n{}", self.seen);
            let line = self.seen[before..].trim_end();
            let fields: Vec<_> = line.split('\t').collect();
            if let ["prompt", style, _, text] = fields[..]
                && style.starts_with("echo")
            {
                return outcome::unescaped(text);
            }
        }
    }

    /// Answers it.
    pub fn answers(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        let line = format!("{}\n", tries::escaped(text.as_ref()));
        let answers = self.answers.as_mut().expect("nobody hung up yet");
        // An application that has gone reads nothing.
        let _ = answers.write_all(line.as_bytes());
        self
    }

    /// Sends the application a signal.
    pub fn signal(&mut self, signal: Signal) -> &mut Self {
        signal::kill(self.pid(), signal).expect("the application is there");
        self
    }

    /// The number of the application.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Hangs up, if there is still a question, and waits for the end.
    #[must_use]
    pub fn ends(mut self) -> Ended {
        drop(self.answers.take());
        let mut stderr = Vec::new();
        self.events.read_to_string(&mut self.seen).expect("text");
        if let Some(mut errors) = self.child.stderr.take() {
            errors.read_to_end(&mut stderr).expect("a pipe");
        }
        let status = self.child.wait().expect("the child is ours");
        Tries::ended(&Output {
            status,
            stdout: self.seen.into_bytes(),
            stderr,
        })
    }
}

/// The phone of somebody who types the key that stands in a question.
#[must_use]
pub fn phone_by_key(question: &str) -> Phone {
    let is_group = |word: &&str| {
        let base32 = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
        word.len() == 4 && word.chars().all(base32)
    };
    let key = question.lines().find_map(|line| {
        let mut groups: Vec<_> = line.split(' ').rev().take_while(is_group).collect();
        groups.reverse();
        (groups.len() == 8).then(|| groups.concat())
    });
    Phone::new(&key.unwrap_or_else(|| panic!("no key:\n{question}")))
}
