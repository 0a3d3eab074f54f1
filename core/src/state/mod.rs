//! What logins leave behind: the last step used, codes spent, failures, known places.
//!
//! It is kept as text, one fact a line (`text.rs`), so that the largest state fits a slot and is read in microseconds. A state may exist without an
//! enrollment. Its meaning is decided in [`check`](mod@crate::check) and [`throttle`](crate::throttle); here it is only kept.

mod temporary;
mod text;
mod ticket;
mod trust;

pub use temporary::{Fate, News, TemporaryCode};
pub use text::BadState;
#[cfg(test)]
pub(crate) use text::{StateVersion, VERSION_1, VERSION_2};
pub use ticket::Ticket;
pub use trust::TrustedPlace;

use crate::check::{Rules, window};
use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::place::Place;
use crate::time::Time;
use crate::token::{Drift, Kind, Step};

/// What logins left behind for one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Whether it belongs to an enrollment.
    pub standing: Standing,
    /// Whether an administrator closed the person.
    pub closed: Closed,
    /// What is known of each token, at most [`MOST_TOKENS`](Self::MOST_TOKENS): those of the enrollment and, while one is
    /// replaced, those of the one before.
    pub tokens: Vec<TokenState>,
    /// The first of the two codes that make a token fit again whose clock or counter has run away.
    pub resync: Option<Resync>,
    /// The codes spent of each set of backup codes or scratch codes, at most [`MOST_SETS`](Self::MOST_SETS).
    pub spent: Vec<SpentCodes>,
    /// The places where the person got in before, at most [`MOST_PLACES`](Self::MOST_PLACES).
    pub places: Vec<KnownPlace>,
    /// Failures from everywhere else.
    pub elsewhere: Bucket,
    /// Wrong codes since the last success, to be told at the next one.
    pub wrong: WrongCodes,
    /// The set whose backup codes wait for an administrator, since this state may be older than what was spent.
    pub waiting: Option<Id>,
    /// An open invitation.
    pub ticket: Option<Ticket>,
    /// A temporary code.
    pub temporary_code: Option<TemporaryCode>,
    /// Where a code was given, at most [`MOST_TRUSTED`](Self::MOST_TRUSTED).
    pub trusted: Vec<TrustedPlace>,
    /// How far what was read can be believed. Not written: it is what the store found.
    pub integrity: Integrity,
}

/// Whether a state belongs to an enrollment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It does: where there is none, it is missing.
    #[default]
    Beside,
    /// Nothing is enrolled: it keeps the invitation and the failures of somebody who is not (any more).
    Alone,
}

/// Whether an administrator closed a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Closed {
    /// Nobody did.
    #[default]
    No,
    /// Nothing opens until the person is unlocked.
    Yes,
}

/// What is known of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenState {
    /// The token's id.
    pub id: Id,
    /// The last step that was accepted or burned: only later ones are accepted.
    pub last_step: Option<Step>,
    /// How far its clock is off.
    pub drift: Drift,
    /// Whether it still opens doors.
    pub usable: Usable,
    /// Whether more may have been used than is known.
    pub waiting: Waiting,
}

/// Whether more may have been used of a token than the state knows, since it came back from a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Waiting {
    /// It knows.
    #[default]
    No,
    /// Perhaps. Until an administrator unlocks the person, a counter-based token opens nothing, since every counter may have been
    /// used; and none is resynchronised.
    Yes,
}

/// A code that lay outside the window, and could be the first of two that resynchronise a token (RFC 4226, 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resync {
    /// Whose code it was.
    pub token: Id,
    /// Of which step.
    pub step: Step,
    /// Where it came from. Only the next try from there counts.
    pub place: Place,
}

/// Whether a token still opens doors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usable {
    /// It does.
    #[default]
    Yes,
    /// The hard limit was reached while it was enrolled: it does not, and neither does what is enrolled beside it.
    No,
}

impl TokenState {
    /// What is known of a token of which nothing is known yet.
    #[must_use]
    pub fn new(id: Id) -> Self {
        Self {
            id,
            last_step: None,
            drift: Drift::NONE,
            usable: Usable::Yes,
            waiting: Waiting::No,
        }
    }
}

/// The spent codes of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpentCodes {
    /// The set's id.
    pub set: Id,
    /// Bit n is set when code n is spent.
    pub codes: u32,
}

impl SpentCodes {
    /// Nothing is spent of a set. Every set that opens doors has an entry: of one without, nobody knows what was spent.
    #[must_use]
    pub fn none(set: Id) -> Self {
        Self { set, codes: 0 }
    }

    /// Whether code `number` is spent.
    #[must_use]
    pub fn holds(&self, number: u8) -> bool {
        number < 32 && self.codes & (1 << number) != 0
    }

    /// How many of the set's first `codes` codes are spent.
    #[must_use]
    pub fn count(&self, codes: usize) -> usize {
        (0..u8::MAX)
            .take(codes)
            .filter(|&number| self.holds(number))
            .count()
    }
}

/// A place where the person got in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownPlace {
    /// The place; never [`Place::Elsewhere`].
    pub place: Place,
    /// When they last got in there.
    pub last_success: Time,
    /// The failures there.
    pub bucket: Bucket,
}

/// Failures in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// How many since the last success.
    pub failures: u32,
    /// When the last one was, or when a clock that had gone back was noticed. The lock runs from here.
    pub since: Time,
}

/// Wrong codes since the last success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrongCodes {
    /// How many.
    pub count: u32,
    /// From where: the first [`MOST`](Self::MOST) different places.
    pub from: Vec<Place>,
}

impl WrongCodes {
    /// How many places are remembered.
    pub const MOST: usize = 4;

    /// One more, from `place`.
    pub fn add(&mut self, place: Place) {
        self.count = self.count.saturating_add(1);
        if self.from.len() < Self::MOST && !self.from.contains(&place) {
            self.from.push(place);
        }
    }
}

/// How far a state that was read can be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Integrity {
    /// Both slots are well, or nothing was ever written.
    #[default]
    Whole,
    /// One slot is bad: the newest state may be lost, so a step may have been used that this one does not know of.
    OneSlotBad,
    /// The file is not the one that was written (restored from a backup, or copied): the state may be old.
    Copied,
    /// Nothing can be read beside an enrollment: deny.
    Lost,
}

impl Integrity {
    /// What is to be told about it, where a record goes on being used in spite of it.
    #[must_use]
    pub fn doubt(self) -> Option<Doubt> {
        match self {
            Self::OneSlotBad => Some(Doubt::OneSlotBad),
            Self::Copied => Some(Doubt::Copied),
            Self::Whole | Self::Lost => None,
        }
    }
}

/// Why a record was not fully believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// One of its two slots was bad.
    OneSlotBad,
    /// Its file was restored or copied.
    Copied,
}

impl Doubt {
    /// The word for it in the log: documented in docs/events.md, and stable.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::OneSlotBad => "one-slot-bad",
            Self::Copied => "copied",
        }
    }

    /// What it means and what mends it, for the log.
    #[must_use]
    pub fn problem(self, user: &str) -> String {
        match self {
            Self::OneSlotBad => "one copy of the record of past logins was bad; codes that may have been used count as \
                                 used, and it is written anew"
                .to_owned(),
            Self::Copied => format!(
                "the record of past logins was restored or copied; codes that may have been used count as used, and backup \
                 codes and counter-based tokens wait; run: nightlatch unlock {user}"
            ),
        }
    }
}

impl State {
    /// Twice what an enrollment can have.
    pub const MOST_TOKENS: usize = 2 * Enrollment::MOST_TOKENS;
    /// The set of the enrollment and the one before.
    pub const MOST_SETS: usize = 2;
    /// The known places; the one where the person got in longest ago makes room.
    pub const MOST_PLACES: usize = 16;

    /// Draws the consequences of a file that cannot be fully believed, after which the state is one that may be written:
    /// every step that would be accepted now counts as used, since one that was is perhaps not known; no place is trusted and no
    /// resynchronisation, invitation or temporary code open; and in a copied file the backup codes and the counter-based tokens wait, since what was spent
    /// of them is perhaps not known.
    ///
    /// Every change of a state begins with this. Says whether there was anything to draw.
    pub fn resolve_doubts(&mut self, enrollment: &Enrollment, rules: &Rules, now: Time) -> bool {
        let found = std::mem::take(&mut self.integrity);
        if found == Integrity::Whole {
            return false;
        }
        self.burn_steps(enrollment, rules, now);
        self.resync = None;
        self.ticket = None;
        self.end_temporary_code();
        self.forget_trust();
        if found == Integrity::Copied {
            self.waiting = enrollment.set().map(|set| set.id);
            // Where there are backup codes, their waiting says that the time-based tokens do.
            let all_wait = self.waiting.is_none();
            for token in &enrollment.tokens {
                if all_wait || matches!(token.kind, Kind::Hotp { .. }) {
                    self.token_mut(token.id, |known| known.waiting = Waiting::Yes);
                }
            }
        }
        true
    }

    /// Lets every step that would be accepted now count as used, and those that would be if no drift were known: it may have been
    /// learned since. A counter does not pass by itself, so it is left alone.
    pub fn burn_steps(&mut self, enrollment: &Enrollment, rules: &Rules, now: Time) {
        for token in &enrollment.tokens {
            let Some(period) = token.period() else {
                continue;
            };
            let present = period.step_at(now);
            self.token_mut(token.id, |known| {
                let last = |drift| *window(present, drift, rules).end();
                let burned = last(known.drift).max(last(Drift::NONE));
                known.last_step = known.last_step.max(Some(burned));
            });
        }
    }

    /// Whether this state may be older than what was used: then no token is resynchronised, since the steps that would be
    /// accepted may have been used.
    #[must_use]
    pub fn may_be_old(&self) -> bool {
        self.integrity != Integrity::Whole
            || self.waiting.is_some()
            || self
                .tokens
                .iter()
                .any(|known| known.waiting == Waiting::Yes)
    }

    /// Whether it says of what opens a door only once something that the one `before` did not say, and that nothing else would
    /// know if it were lost. A step that was used is not among it: the clock knows which may have been.
    #[must_use]
    pub fn is_to_stand_in_both_slots(
        &self,
        before: &Self,
        enrollment: Option<&Enrollment>,
    ) -> bool {
        let is_counter_based = |id| {
            let tokens = enrollment.map_or(&[][..], |enrollment| &enrollment.tokens);
            tokens
                .iter()
                .any(|token| token.id == id && matches!(token.kind, Kind::Hotp { .. }))
        };
        self.spent != before.spent
            || self.closed != before.closed
            || self.ticket != before.ticket
            || self.temporary_code != before.temporary_code
            || self.tokens.iter().any(|known| {
                before.token(known.id).is_some_and(|before| {
                    known.drift != before.drift
                        || (known.last_step != before.last_step && is_counter_based(known.id))
                })
            })
    }

    /// Disables every token that is known: nothing opens until somebody enrolls anew.
    pub fn disable(&mut self) {
        for known in &mut self.tokens {
            known.usable = Usable::No;
        }
    }

    /// Whether the hard limit was reached by what is enrolled. The state knows of nothing else (see
    /// [`keep_only`](Self::keep_only)).
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.tokens.iter().any(|known| known.usable == Usable::No)
    }

    /// Forgets what belongs to other enrollments and sets of codes than this one. Beside an enrollment it stands no longer alone.
    pub fn keep_only(&mut self, enrollment: Option<&Enrollment>) {
        if enrollment.is_some() && self.standing == Standing::Alone {
            // It was cut off as it was to be written anew: the invitation that it was still to keep is spent.
            self.standing = Standing::Beside;
            self.ticket = None;
        }
        let tokens = enrollment.map_or(&[][..], |enrollment| &enrollment.tokens);
        let set = enrollment.and_then(Enrollment::set);
        self.tokens
            .retain(|known| tokens.iter().any(|token| token.id == known.id));
        self.spent
            .retain(|spent| set.is_some_and(|set| set.id == spent.set));
        self.waiting
            .take_if(|waiting| set.is_none_or(|set| set.id != *waiting));
        self.resync
            .take_if(|resync| tokens.iter().all(|token| token.id != resync.token));
        self.keep_temporary_code_of(enrollment);
    }

    /// Takes back what [`keep_only`](Self::keep_only) forgot of `before`. A login does: while an enrollment is replaced, the
    /// state holds what belongs to the one that is about to come.
    pub fn keep_others(&mut self, before: &Self, enrollment: &Enrollment) {
        let set = enrollment.set().map(|set| set.id);
        let (own_tokens, own_sets) = (self.tokens.len(), self.spent.len());
        let is_other =
            |known: &&TokenState| enrollment.tokens.iter().all(|token| token.id != known.id);
        self.tokens
            .extend(before.tokens.iter().filter(is_other).copied());
        self.spent.extend(
            before
                .spent
                .iter()
                .filter(|spent| set != Some(spent.set))
                .copied(),
        );
        // Beside a state that came back from a backup there may be more of them than can be read again. What is about to
        // come was added last.
        keep_last(&mut self.tokens, own_tokens, Self::MOST_TOKENS);
        keep_last(&mut self.spent, own_sets, Self::MOST_SETS);
        let waiting = before.waiting.filter(|waiting| set != Some(*waiting));
        self.waiting = self.waiting.or(waiting);
    }

    /// An invitation that opens the enrollment at a login now, if there is one and the state can be believed.
    #[must_use]
    pub fn open_ticket(&self, now: Time) -> Option<&Ticket> {
        let can_be_believed = self.integrity == Integrity::Whole && self.closed == Closed::No;
        self.ticket
            .as_ref()
            .filter(|ticket| can_be_believed && !ticket.is_expired(now))
    }

    /// What is known of a token.
    #[must_use]
    pub fn token(&self, id: Id) -> Option<&TokenState> {
        self.tokens.iter().find(|known| known.id == id)
    }

    /// Changes what is known of a token, if it is known.
    pub fn token_mut(&mut self, id: Id, change: impl Fn(&mut TokenState)) {
        self.tokens
            .iter_mut()
            .filter(|known| known.id == id)
            .for_each(change);
    }

    /// Whether the backup codes of a set wait for an administrator: nobody knows for sure what was spent.
    #[must_use]
    pub fn waits(&self, set: Id) -> bool {
        self.waiting == Some(set)
            || self.integrity == Integrity::Copied
            || self.spent_of(set).is_none()
    }

    /// How many backup codes of an enrollment were not spent yet, if it has any; or scratch codes, of which none is left when they are over.
    #[must_use]
    pub fn backup_codes_left(&self, enrollment: &Enrollment, now: Time) -> Option<usize> {
        let scratch = enrollment.scratch_codes.as_ref();
        if scratch.is_some_and(|scratch| scratch.is_over(now)) {
            return Some(0);
        }
        let set = enrollment.set()?;
        let codes = set.digests.len();
        let spent = self.spent_of(set.id)?.count(codes);
        Some(codes.saturating_sub(spent))
    }

    /// What is spent of a set.
    #[must_use]
    pub fn spent_of(&self, set: Id) -> Option<&SpentCodes> {
        self.spent.iter().find(|spent| spent.set == set)
    }

    /// Whether it holds no more of anything than can be read again.
    #[must_use]
    pub fn is_within_limits(&self) -> bool {
        self.tokens.len() <= Self::MOST_TOKENS
            && self.spent.len() <= Self::MOST_SETS
            && self.places.len() <= Self::MOST_PLACES
            && self.wrong.from.len() <= WrongCodes::MOST
            && self.trusted.len() <= Self::MOST_TRUSTED
    }
}

/// Takes entries out of a list of more than `most`: the first ones after `kept`.
fn keep_last<T>(list: &mut Vec<T>, kept: usize, most: usize) {
    let excess = list.len().saturating_sub(most);
    list.drain(kept..kept + excess);
}
