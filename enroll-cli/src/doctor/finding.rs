//! What the doctor says: a finding, how bad it is, and what mends it.

use std::fmt::Write as _;

use serde::Serialize;

use crate::screen::shown;

/// Something found. Names, severities and fields are documented in docs/doctor.md and stay stable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing it is.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where: a file and line, a service, a person.
    #[serde(rename = "where")]
    pub place: String,
    /// What is so.
    pub what: String,
    /// Why it matters.
    pub why: &'static str,
    /// What mends it, in words.
    pub mend: String,
    /// The same as commands for root's shell, each to be run after the one before; none where it takes a person to decide.
    pub commands: Vec<String>,
}

/// How bad something is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Somebody gets in without what they should need.
    OpenDoor,
    /// Somebody stays outside who should get in.
    LockOut,
    /// It holds, and less well than it could.
    Weakness,
    /// It may be meant.
    Note,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::OpenDoor => "open door",
            Self::LockOut => "lock-out",
            Self::Weakness => "weakness",
            Self::Note => "note",
        }
    }
}

impl Finding {
    /// Something found, and why it matters.
    pub fn new(
        name: &'static str,
        severity: Severity,
        place: impl Into<String>,
        what: impl Into<String>,
        why: &'static str,
    ) -> Self {
        Self {
            name,
            severity,
            place: place.into(),
            what: what.into(),
            why,
            mend: String::new(),
            commands: Vec::new(),
        }
    }

    /// With what mends it.
    pub fn mend(mut self, words: impl Into<String>) -> Self {
        self.mend = words.into();
        self
    }

    /// With a command that mends it.
    pub fn run(mut self, command: impl Into<String>) -> Self {
        self.commands.push(command.into());
        self
    }

    /// With commands that mend it, if there are any.
    pub fn run_all(mut self, commands: impl IntoIterator<Item = String>) -> Self {
        self.commands.extend(commands);
        self
    }

    /// For people.
    pub fn page(&self) -> String {
        let mut page = format!("{}: {}\n", self.severity.word(), self.name);
        // Writing to a String cannot fail.
        let mut line = |key: &str, text: &str| {
            let _ = writeln!(page, "  {key:<6}{}", shown(text));
        };
        line("where", &self.place);
        line("what", &self.what);
        line("why", self.why);
        line("mend", &self.mend);
        for command in &self.commands {
            let _ = writeln!(page, "    {}", shown(command));
        }
        page
    }
}

/// A word as a shell takes it for one.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The command at the end of a sentence of ours: `…; run: nightlatch unlock alice`.
pub fn command_in(text: &str) -> Option<String> {
    let (at, _) = text.rmatch_indices(": ").find(|(at, _)| {
        ["nightlatch ", "chown ", "chmod ", "find "]
            .iter()
            .any(|program| text[at + 2..].starts_with(program))
    })?;
    let command = &text[at + 2..];
    Some(
        command
            .split(';')
            .next()
            .unwrap_or(command)
            .trim()
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_at_the_end_of_a_sentence_is_found() {
        for (text, command) in [
            (
                "backup codes wait; run: nightlatch unlock alice",
                Some("nightlatch unlock alice"),
            ),
            (
                "/x: others can write it (mode 0666). See who changed it, then: chmod go-w /x",
                Some("chmod go-w /x"),
            ),
            ("/x: reading failed: input/output error", None),
            (
                "restore it, or run: nightlatch enroll bob; if nobody is to be enrolled, run: nightlatch remove bob",
                Some("nightlatch remove bob"),
            ),
        ] {
            assert_eq!(command_in(text).as_deref(), command);
        }
    }

    #[test]
    fn a_finding_says_what_why_and_the_mend_and_draws_on_no_terminal() {
        let finding = Finding::new(
            "locked-out",
            Severity::LockOut,
            "ali\u{1b}ce",
            "she stays outside",
            "nobody meant that",
        )
        .mend("enroll her:")
        .run(format!("nightlatch enroll {}", quoted("ali ce")));
        assert_eq!(
            finding.page(),
            "lock-out: locked-out\n\
             \x20 where ali\\u{1b}ce\n\
             \x20 what  she stays outside\n\
             \x20 why   nobody meant that\n\
             \x20 mend  enroll her:\n\
             \x20   nightlatch enroll 'ali ce'\n"
        );
        let json = serde_json::to_value(&finding).unwrap();
        assert_eq!(json["severity"], "lock-out");
        assert_eq!(json["where"], "ali\u{1b}ce");
    }
}
