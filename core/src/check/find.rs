//! What an answer turns out to be: a code that was never used, one that was, or none of theirs.
//!
//! Time-based tokens are looked at in a window around the present step, counter-based ones in the counters after the last one
//! used. What lies outside can resynchronise a token, if the code after it follows in the next try (RFC 4226, 7.4).

use std::ops::RangeInclusive;

use super::{Factor, Next, Refusal, Rules};
use crate::answer::{Answer, OneTimeCode};
use crate::backup_codes::{BackupCodes, Digest};
use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::place::Place;
use crate::state::{Fate, Resync, State, TokenState, Waiting};
use crate::time::Time;
use crate::token::{Counter, Drift, Kind, Period, Step, Token};

/// What an answer turned out to be.
pub(super) enum Finding {
    /// One of theirs that was never used.
    Fresh { factor: Factor, spend: Spend },
    /// One of theirs that cannot be used (again).
    Used(Refusal),
    /// None of theirs, as far as can be told. Perhaps the first of two that resynchronise a token.
    Miss(Option<Resync>),
}

/// What is used up by a success.
pub(super) enum Spend {
    Step {
        token: Id,
        step: Step,
        /// What was learned of the token's clock.
        drift: Option<Drift>,
    },
    BackupCode {
        set: Id,
        number: u8,
    },
    TemporaryCode {
        at: Time,
        from: Place,
    },
}

impl Spend {
    pub(super) fn note_in(&self, state: &mut State) {
        match *self {
            Self::Step { token, step, drift } => state.token_mut(token, |known| {
                known.last_step = Some(step);
                known.drift = drift.unwrap_or(known.drift);
            }),
            Self::BackupCode { set, number } => {
                let bit = 1 << number;
                for spent in state.spent.iter_mut().filter(|spent| spent.set == set) {
                    spent.codes |= bit;
                }
            }
            Self::TemporaryCode { at, from } => {
                if let Some(code) = &mut state.temporary_code {
                    code.fate = Fate::Used { at, from };
                }
            }
        }
    }
}

/// The steps of a time-based token that are accepted at the present step (RFC 6238, 5.2), shifted by its drift. None is ever
/// further from the present one than the resync window, however far the drift.
pub(crate) fn window(present: Step, drift: Drift, rules: &Rules) -> RangeInclusive<Step> {
    let shown = present.drifted(drift);
    let first = shown
        .minus(rules.window)
        .max(present.minus(rules.resync_window));
    let last = shown
        .plus(rules.window)
        .min(present.plus(rules.resync_window));
    first..=last
}

/// A try at the tokens.
pub(super) struct Search<'a> {
    pub(super) state: &'a State,
    pub(super) rules: &'a Rules,
    pub(super) place: Place,
    pub(super) now: Time,
}

impl Search<'_> {
    /// Looks an answer up in every token, so that a miss counts once.
    ///
    /// What was used of one is used, whatever it is of the others: it is not charged, so it must not be a try at them.
    pub(super) fn find_code(&self, enrollment: &Enrollment, answer: &Answer) -> Finding {
        let mut finding = Finding::Miss(None);
        for token in &enrollment.tokens {
            let (Some(known), Some(code)) =
                (self.state.token(token.id), answer.code_of(token.digits))
            else {
                continue;
            };
            let found = match token.kind {
                Kind::Totp { period } => self.by_time(token, known, period, &code),
                Kind::Hotp { counter } => self.by_counter(token, known, counter, &code),
            };
            finding = match (finding, found) {
                (used @ Finding::Used(_), _) | (_, used @ Finding::Used(_)) => used,
                (fresh @ Finding::Fresh { .. }, _) | (_, fresh @ Finding::Fresh { .. }) => fresh,
                (Finding::Miss(first), Finding::Miss(second)) => Finding::Miss(second.or(first)),
            };
        }
        finding
    }

    fn by_time(
        &self,
        token: &Token,
        known: &TokenState,
        period: Period,
        code: &OneTimeCode,
    ) -> Finding {
        let present = period.step_at(self.now);
        // If the digits fit several steps, the latest is taken: with an earlier one they would open the door twice.
        let accepted = window(present, known.drift, self.rules);
        if let Some(latest) = latest(token, code, accepted.clone()) {
            if known.last_step < Some(latest) {
                return fresh(token, latest, None);
            }
            let shown = present.drifted(known.drift);
            let next = known
                .last_step
                .map_or(shown, |last| last.max(shown))
                .plus(1);
            // The moment at which the token's own clock says so.
            let comes = period.start_of(next.drifted(known.drift.reversed()));
            return Finding::Used(Refusal::Replayed {
                next: Next::CodeIn(comes.since(self.now)),
            });
        }
        let reach = self.rules.resync_window;
        let reachable = present.minus(reach)..=present.plus(reach);
        if let Some(second) = self.second_of_two(token, known, code, &reachable) {
            // It is within reach of the present step, and so is the drift.
            return match Drift::between(present, second) {
                Some(drift) => fresh(token, second, Some(drift)),
                None => Finding::Miss(None),
            };
        }
        self.first_of_two(token, known, code, reachable)
    }

    fn by_counter(
        &self,
        token: &Token,
        known: &TokenState,
        first: Counter,
        code: &OneTimeCode,
    ) -> Finding {
        // RFC 4226, 7.2 and 7.4: each counter opens once, and the next ones are looked at in case codes were made and not used.
        let next = match known.last_step {
            None => first.step(),
            Some(Step(u64::MAX)) => return Finding::Miss(None),
            Some(last) => last.plus(1).max(first.step()),
        };
        let look_ahead = self.rules.look_ahead;
        let accepted = next..=next.plus(look_ahead.saturating_sub(1));
        if let Some(latest) = latest(token, code, accepted) {
            return match known.waiting {
                Waiting::No => fresh(token, latest, None),
                Waiting::Yes => Finding::Used(Refusal::TokenWaits),
            };
        }
        if next > Step(0) && latest(token, code, next.minus(look_ahead)..=next.minus(1)).is_some() {
            return Finding::Used(Refusal::Replayed {
                next: Next::CodeOfToken,
            });
        }
        let beyond = next.plus(look_ahead)
            ..=next
                .plus(look_ahead)
                .plus(self.rules.resync_window.saturating_sub(1));
        if let Some(second) = self.second_of_two(token, known, code, &beyond) {
            return fresh(token, second, None);
        }
        self.first_of_two(token, known, code, beyond)
    }

    /// The step of a code that follows upon the one in the try before from here, where both are within reach and neither was used.
    fn second_of_two(
        &self,
        token: &Token,
        known: &TokenState,
        code: &OneTimeCode,
        reachable: &RangeInclusive<Step>,
    ) -> Option<Step> {
        if self.state.may_be_old() {
            return None;
        }
        let first = self
            .state
            .resync
            .filter(|resync| resync.token == token.id && resync.place == self.place)?
            .step;
        let second = first.plus(1);
        let is_later = known.last_step < Some(first) && first < second;
        (is_later && reachable.contains(&second))
            .then(|| latest(token, code, second..=second))
            .flatten()
    }

    /// Whether this can be the first of two such codes.
    fn first_of_two(
        &self,
        token: &Token,
        known: &TokenState,
        code: &OneTimeCode,
        reachable: RangeInclusive<Step>,
    ) -> Finding {
        // Looked for in any case: the time must not tell how a state is.
        let step = latest(token, code, reachable)
            .filter(|step| known.last_step < Some(*step) && !self.state.may_be_old());
        Finding::Miss(step.map(|step| Resync {
            token: token.id,
            step,
            place: self.place,
        }))
    }
}

fn fresh(token: &Token, step: Step, drift: Option<Drift>) -> Finding {
    Finding::Fresh {
        factor: Factor::Token {
            label: token.label.clone(),
            digits: token.digits,
        },
        spend: Spend::Step {
            token: token.id,
            step,
            drift,
        },
    }
}

/// The latest of these steps whose code this is.
fn latest(token: &Token, code: &OneTimeCode, steps: RangeInclusive<Step>) -> Option<Step> {
    let (first, last) = steps.into_inner();
    token.matching_steps(code, first, last).last().copied()
}

/// What the codes of a set are.
#[derive(Clone, Copy)]
pub(super) enum SetKind {
    BackupCodes,
    ScratchCodes { expires: Time },
}

/// Looks the digest of a backup code or a scratch code up in the set.
pub(super) fn find_in_set(
    set: Option<&BackupCodes>,
    kind: SetKind,
    state: &State,
    digest: &Digest,
) -> Finding {
    let Some((set, number)) = set.and_then(|set| set.position(digest).map(|number| (set, number)))
    else {
        return Finding::Miss(None);
    };
    let spent = state.spent_of(set.id);
    if spent.is_some_and(|spent| spent.holds(number)) {
        return Finding::Used(Refusal::Replayed {
            next: Next::BackupCode,
        });
    }
    if state.waits(set.id) {
        return Finding::Used(Refusal::BackupCodesWait);
    }
    let codes = set.digests.len();
    let used = 1 + spent.map_or(0, |spent| spent.count(codes));
    let left = codes.saturating_sub(used);
    Finding::Fresh {
        factor: match kind {
            SetKind::BackupCodes => Factor::BackupCode { left },
            SetKind::ScratchCodes { expires } => Factor::ScratchCode { left, expires },
        },
        spend: Spend::BackupCode {
            set: set.id,
            number,
        },
    }
}
