//! What may be told about a token: how it makes codes and how far it has come, never its secret.

use nightlatch_core::messages::span;
use nightlatch_core::state::{State, TokenState, Waiting};
use nightlatch_core::time::Time;
use nightlatch_core::token::{Kind, Period, Step, Token};
use serde::Serialize;

use crate::screen::shown;

/// A token, without its secret. The fields are documented in docs/command.md and stay stable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenSummary {
    /// What the person calls it.
    pub label: String,
    /// `totp` or `hotp`.
    pub kind: &'static str,
    /// The hash.
    pub algorithm: &'static str,
    /// How long a code is.
    pub digits: u8,
    /// How long a step lasts, in seconds; `None` where codes count.
    pub period: Option<u64>,
    /// When the last code that was used up was current, by RFC 3339; `None` where codes count.
    pub last_used: Option<String>,
    /// The counter of the next code, where codes count.
    pub counter: Option<u64>,
    /// By how many steps its clock is known to be off, ahead where it is positive; `None` where codes count.
    pub drift: Option<i64>,
    /// Whether it waits for an administrator since the store was restored.
    pub waiting: bool,
    /// Whether its secret has fewer than 112 bits.
    pub short_secret: bool,
}

impl TokenSummary {
    pub(super) fn of(token: &Token, state: &State, now: Time) -> Self {
        let unknown = TokenState::new(token.id);
        let known = state.token(token.id).unwrap_or(&unknown);
        let (counter, time) = match token.kind {
            Kind::Hotp { counter } => (Some(next(counter.step(), known).0), None),
            Kind::Totp { period } => (None, Some(Clock::of(period, known, now))),
        };
        Self {
            label: token.label.as_str().to_owned(),
            kind: token.kind.as_str(),
            algorithm: token.algorithm.as_str(),
            digits: token.digits.get(),
            period: time.as_ref().map(|time| time.period),
            last_used: time.as_ref().and_then(|time| time.last_used.clone()),
            counter,
            drift: time.as_ref().map(|time| time.drift),
            waiting: known.waiting == Waiting::Yes,
            short_secret: token.secret.is_short(),
        }
    }

    /// Its label, and what is to be seen of it at first sight.
    pub(super) fn in_a_list(&self) -> String {
        let flag = if self.short_secret {
            " (short secret)"
        } else {
            ""
        };
        format!("{}{flag}", shown(&self.label))
    }

    /// Whether every counter counts as used: nothing of it opens any more.
    pub(super) fn is_used_up(&self) -> bool {
        self.counter == Some(u64::MAX)
    }

    pub(super) fn describe(&self) -> String {
        let period = self
            .period
            .map_or(String::new(), |period| format!(", {period} s"));
        let used = match self.counter {
            Some(u64::MAX) => "every counter used".to_owned(),
            Some(counter) => format!("next counter {counter}"),
            None => format!("last used {}", self.last_used.as_deref().unwrap_or("never")),
        };
        let clock = self.drift.zip(self.period).map_or(String::new(), clock_off);
        let waiting = if self.waiting { ", waiting" } else { "" };
        let short = if self.short_secret {
            ", short secret"
        } else {
            ""
        };
        format!(
            "{} ({}, {}, {} digits{period}), {used}{clock}{waiting}{short}",
            shown(&self.label),
            self.kind,
            self.algorithm,
            self.digits,
        )
    }
}

/// What is known of a token that goes by a clock.
struct Clock {
    period: u64,
    last_used: Option<String>,
    drift: i64,
}

impl Clock {
    fn of(period: Period, known: &TokenState, now: Time) -> Self {
        // The code of the next step may be used early, by the window, and by the drift.
        let used = known.last_step.map(|step| period.start_of(step).min(now));
        Self {
            period: period.seconds(),
            last_used: used.map(Time::to_rfc3339),
            drift: known.drift.steps(),
        }
    }
}

/// The counter of the next code: after the last one that was used, and not before that of the enrollment.
fn next(first: Step, known: &TokenState) -> Step {
    known
        .last_step
        .map_or(first, |last| first.max(last.plus(1)))
}

fn clock_off((drift, period): (i64, u64)) -> String {
    let seconds = drift.unsigned_abs().saturating_mul(period);
    match drift {
        0 => String::new(),
        1.. => format!(", clock {} ahead", span(seconds)),
        _ => format!(", clock {} behind", span(seconds)),
    }
}
