//! A line of the log, as it is put together: `key=value`, and no value that can be taken for another key or another line.

use std::fmt::{self, Write as _};

use super::Origin;
use crate::check::{Accepted, Factor, Refusal};
use crate::state::Doubt;

/// A line being written. Writing to a String cannot fail.
pub(super) struct Line(String);

impl Line {
    pub(super) fn new() -> Self {
        Self(String::with_capacity(160))
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// A value of ours: a word or a number.
    pub(super) fn word(&mut self, key: &str, value: impl fmt::Display) -> &mut Self {
        self.key(key);
        let _ = write!(self.0, "{value}");
        self
    }

    /// A value of somebody else's: quoted, and cut where it is absurdly long.
    pub(super) fn quoted(&mut self, key: &str, value: &str) -> &mut Self {
        self.cut(key, value, LONGEST_VALUE)
    }

    /// A text of ours that may hold what is somebody else's. The mend stands at its end, and must not be cut.
    pub(super) fn told(&mut self, key: &str, value: &str) -> &mut Self {
        self.cut(key, value, LONGEST_TEXT)
    }

    fn cut(&mut self, key: &str, value: &str, longest: usize) -> &mut Self {
        self.key(key);
        self.0.push('"');
        for (index, c) in value.chars().enumerate() {
            if index == longest {
                self.0.push_str("...");
                break;
            }
            match c {
                '"' | '\\' => self.0.extend(['\\', c]),
                ' '..='~' => self.0.push(c),
                // Letters of other scripts too: some of them turn text around or look like others.
                _ => self.0.extend(c.escape_unicode()),
            }
        }
        self.0.push('"');
        self
    }

    pub(super) fn accepted(&mut self, origin: &Origin<'_>, accepted: &Accepted) {
        self.word("event", "accepted").origin(origin);
        match &accepted.factor {
            Factor::Token { label, .. } => self.quoted("token", label.as_str()),
            Factor::BackupCode { left } => self.word("factor", "backup-code").word("left", left),
            Factor::TemporaryCode => self.word("factor", "temporary-code"),
            Factor::ScratchCode { left, expires } => self
                .word("factor", "scratch-code")
                .word("left", left)
                .word("expires", expires.to_rfc3339()),
            Factor::NewToken(label) => self
                .word("factor", "new-token")
                .quoted("token", label.as_str()),
        };
        if accepted.wrong.count > 0 {
            self.word("wrong_since_last", accepted.wrong.count);
        }
    }

    pub(super) fn doubtful(&mut self, origin: &Origin<'_>, doubt: Doubt, whereabouts: &str) {
        let problem = doubt.problem(origin.user);
        self.word("event", "doubtful")
            .word("found", doubt.word())
            .origin(origin)
            .told("problem", &format!("{whereabouts}: {problem}"));
    }

    pub(super) fn rejected(&mut self, origin: &Origin<'_>, refusal: &Refusal) {
        self.word("event", "rejected")
            .word("reason", refusal.reason())
            .origin(origin);
        match refusal {
            Refusal::Wrong {
                locked_for: seconds @ 1..,
            }
            | Refusal::Locked { remaining: seconds } => {
                self.word("locked_for", seconds);
            }
            Refusal::Denied { rule } => {
                self.word("rule", rule);
            }
            _ => {}
        }
        if let Some(mend) = refusal.mend(origin.user) {
            self.told("mend", &mend);
        }
    }

    pub(super) fn origin(&mut self, origin: &Origin<'_>) -> &mut Self {
        self.quoted("user", origin.user)
            .quoted("service", origin.service);
        if let Some(rhost) = origin.rhost {
            self.quoted("rhost", rhost);
        }
        self
    }

    /// A change of what services ask.
    pub(super) fn of_services(&mut self, event: &str, services: &str, by: &str) -> &mut Self {
        self.word("event", event)
            .quoted("services", services)
            .quoted("by", by)
    }

    pub(super) fn change(&mut self, event: &str, user: &str, by: &str) -> &mut Self {
        self.word("event", event)
            .quoted("user", user)
            .quoted("by", by)
    }

    fn key(&mut self, key: &str) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(key);
        self.0.push('=');
    }
}

/// How many characters of somebody else's value are written.
const LONGEST_VALUE: usize = 256;
/// How many characters of a text of ours are written: a mend can hold the path twice, and the problem once more.
const LONGEST_TEXT: usize = 2048;
