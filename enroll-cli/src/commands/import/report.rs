//! What is shown of an import: the list that the administrator confirms, what came of it, and the object for programs. Never a secret.

use std::fmt::Write as _;

use nightlatch_core::import::{Brought, BroughtToken};
use nightlatch_core::time::Time;
use nightlatch_core::token::{Kind, Step};
use serde::Serialize;

use super::person::{Candidate, Outcome};
use crate::cli;
use crate::screen::shown;

/// What is shown.
pub struct Report {
    /// Whether it is done, and not only looked at.
    pub is_done: bool,
    is_trial: bool,
    expires: Time,
    remarks: Vec<String>,
}

impl Report {
    /// Of an import with these options.
    pub fn of(options: &cli::ImportOptions, expires: Time, remarks: Vec<String>) -> Self {
        Self {
            is_done: false,
            is_trial: options.dry_run,
            expires,
            remarks,
        }
    }

    /// Everybody, with what they bring along.
    pub fn list(&self, people: &[Candidate]) -> String {
        let mut text = String::new();
        for candidate in people {
            self.describe(&mut text, candidate);
        }
        text
    }

    fn describe(&self, text: &mut String, candidate: &Candidate) {
        // Writing to a String cannot fail.
        let file = shown(&candidate.file.display().to_string());
        let _ = writeln!(text, "{}  ({file})", shown(&candidate.user));
        if let Some(brought) = &candidate.brought {
            for token in &brought.tokens {
                let _ = writeln!(text, "  token    {}", token_in_words(token));
            }
            let count = brought.scratch_codes.len();
            if count > 0 {
                let until = self.expires.to_rfc3339();
                let _ = writeln!(text, "  codes    {count} scratch codes, until {until}");
            }
            for dropped in &brought.dropped {
                let _ = writeln!(text, "  dropped  {dropped}");
            }
        }
        for note in &candidate.notes {
            let _ = writeln!(text, "  note     {note}");
        }
        let becomes = match &candidate.outcome {
            Outcome::New => "is to be imported".to_owned(),
            Outcome::Replaced => "is to be imported, and what is enrolled here ends".to_owned(),
            Outcome::CaughtUp => {
                "was imported before; what was used there since is to count as used here".to_owned()
            }
            Outcome::Same => "was imported before; nothing changes".to_owned(),
            Outcome::LeftOut(why) => format!("is left out: {}", shown(why)),
        };
        let _ = writeln!(text, "  {becomes}");
    }

    /// What came of it, or would: a line for whoever is left out, and the numbers.
    pub fn summary(&self, people: &[Candidate]) -> String {
        let mut text = String::new();
        for candidate in people {
            if let Outcome::LeftOut(why) = &candidate.outcome {
                let user = shown(&candidate.user);
                let _ = writeln!(text, "{user} is left out: {}", shown(why));
            }
        }
        for remark in &self.remarks {
            let _ = writeln!(text, "{}", shown(remark));
        }
        let numbers = Numbers::of(people);
        let Numbers {
            imported,
            caught_up,
            unchanged,
            left_out,
        } = numbers;
        let _ = match (people.len(), self.is_done) {
            (0, _) => writeln!(text, "There is nothing to import."),
            (_, true) => writeln!(
                text,
                "Imported: {imported}. Brought up to date: {caught_up}. Unchanged: {unchanged}. Left out: {left_out}."
            ),
            (_, false) => writeln!(
                text,
                "Nothing was written. To be imported: {imported}. To be brought up to date: {caught_up}. Unchanged: {unchanged}. \
                 Left out: {left_out}."
            ),
        };
        if self.is_done && imported > 0 {
            text.push_str(
                "What the other system may have accepted counts as used: their next code comes within some minutes. Take its line out of \
                 the stack within a minute, or import once more after that.\n",
            );
        }
        text
    }

    /// The object for programs.
    pub fn object<'a>(&self, people: &'a [Candidate]) -> Object<'a> {
        Object {
            dry_run: self.is_trial,
            people: people.iter().map(|person| self.person(person)).collect(),
            numbers: Numbers::of(people),
            remarks: self.remarks.clone(),
        }
    }

    fn person<'a>(&self, candidate: &'a Candidate) -> Person<'a> {
        let brought = candidate.brought.as_ref();
        let codes = brought.map_or(0, |brought| brought.scratch_codes.len());
        Person {
            user: &candidate.user,
            file: candidate.file.display().to_string(),
            outcome: candidate.outcome.word(),
            problem: match &candidate.outcome {
                Outcome::LeftOut(why) => Some(why),
                _ => None,
            },
            tokens: brought.map_or_else(Vec::new, tokens),
            scratch_codes: codes,
            scratch_codes_expire: (codes > 0).then(|| self.expires.to_rfc3339()),
            dropped: brought.map_or_else(Vec::new, |brought| {
                let dropped = brought.dropped.iter();
                dropped
                    .map(|dropped| Dropped {
                        what: dropped.what(),
                        why: dropped.to_string(),
                    })
                    .collect()
            }),
            notes: &candidate.notes,
        }
    }
}

fn tokens(brought: &Brought) -> Vec<Token<'_>> {
    let tokens = brought.tokens.iter();
    tokens
        .map(|token| Token {
            label: token.label.as_str(),
            kind: token.kind.as_str(),
            digits: token.digits.get(),
            period: match token.kind {
                Kind::Totp { period } => Some(period.seconds()),
                Kind::Hotp { .. } => None,
            },
            counter: counter(token),
            drift: token.drift.steps(),
            fingerprint: token.secret.fingerprint(),
            short_secret: token.secret.is_short(),
        })
        .collect()
}

/// The counter of the next code, where codes count.
fn counter(token: &BroughtToken) -> Option<u64> {
    let Kind::Hotp { counter } = token.kind else {
        return None;
    };
    let Step(next) = token
        .may_be_used
        .map_or(counter.step(), |used| used.plus(1));
    Some(next)
}

fn token_in_words(token: &BroughtToken) -> String {
    let how = match (token.kind, counter(token)) {
        (Kind::Totp { period }, _) => format!("totp, {} s", period.seconds()),
        (Kind::Hotp { .. }, Some(u64::MAX)) => "opens nothing by itself".to_owned(),
        (Kind::Hotp { .. }, counter) => format!("hotp, next counter {}", counter.unwrap_or(0)),
    };
    let drift = match token.drift.steps() {
        0 => String::new(),
        steps => format!(", clock {steps:+} steps"),
    };
    let short = if token.secret.is_short() {
        ", short secret"
    } else {
        ""
    };
    format!(
        "{} ({how}, {} digits{drift}{short}), fingerprint {}",
        shown(token.label.as_str()),
        token.digits.get(),
        token.secret.fingerprint()
    )
}

/// The object for programs. The fields are documented in docs/command.md and stay stable.
#[derive(Serialize)]
pub struct Object<'a> {
    dry_run: bool,
    people: Vec<Person<'a>>,
    #[serde(flatten)]
    numbers: Numbers,
    remarks: Vec<String>,
}

#[derive(Serialize)]
struct Person<'a> {
    user: &'a str,
    file: String,
    outcome: &'static str,
    problem: Option<&'a str>,
    tokens: Vec<Token<'a>>,
    scratch_codes: usize,
    scratch_codes_expire: Option<String>,
    dropped: Vec<Dropped>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Token<'a> {
    label: &'a str,
    kind: &'static str,
    digits: u8,
    period: Option<u64>,
    counter: Option<u64>,
    drift: i64,
    fingerprint: String,
    short_secret: bool,
}

#[derive(Serialize)]
struct Dropped {
    what: &'static str,
    why: String,
}

#[derive(Serialize)]
struct Numbers {
    imported: usize,
    caught_up: usize,
    unchanged: usize,
    left_out: usize,
}

impl Numbers {
    fn of(people: &[Candidate]) -> Self {
        let count = |of: fn(&Outcome) -> bool| people.iter().filter(|one| of(&one.outcome)).count();
        Self {
            imported: count(|outcome| matches!(outcome, Outcome::New | Outcome::Replaced)),
            caught_up: count(|outcome| *outcome == Outcome::CaughtUp),
            unchanged: count(|outcome| *outcome == Outcome::Same),
            left_out: count(|outcome| matches!(outcome, Outcome::LeftOut(_))),
        }
    }
}
