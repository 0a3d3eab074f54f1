//! What logins leave behind: the last step used, codes spent, failures, known places.
//!
//! It is kept as text, one fact a line (`text.rs`), so that the largest state fits a slot and is read in microseconds. A state may exist without an
//! enrollment. Its meaning is decided in [`check`](mod@crate::check) and [`throttle`](crate::throttle); here it is only kept.

mod text;

pub use text::BadState;

use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::place::Place;
use crate::time::Time;
use crate::token::Step;

/// What logins left behind for one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What is known of each token, at most [`MOST_TOKENS`](Self::MOST_TOKENS): those of the enrollment and, while one is
    /// replaced, those of the one before.
    pub tokens: Vec<TokenState>,
    /// The codes spent of each set, at most [`MOST_SETS`](Self::MOST_SETS).
    pub spent: Vec<SpentCodes>,
    /// The places where the person got in before, at most [`MOST_PLACES`](Self::MOST_PLACES).
    pub places: Vec<KnownPlace>,
    /// Failures from everywhere else.
    pub elsewhere: Bucket,
    /// Wrong codes since the last success, to be told at the next one.
    pub wrong: WrongCodes,
    /// The set whose backup codes wait for an administrator, since this state may be older than what was spent.
    pub waiting: Option<Id>,
    /// How far what was read can be believed. Not written: it is what the store found.
    pub integrity: Integrity,
}

/// What is known of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenState {
    /// The token's id.
    pub id: Id,
    /// The last step that was accepted or burned: only later ones are accepted.
    pub last_step: Option<Step>,
    /// Whether it still opens doors.
    pub usable: Usable,
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
            usable: Usable::Yes,
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
                 codes wait; run: nightlatch unlock {user}"
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
    /// every step that would be accepted now counts as used, since one that was is perhaps not known; and in a copied
    /// file the backup codes wait, since one that was spent is perhaps not known.
    ///
    /// Every change of a state begins with this. Says whether there was anything to draw.
    pub fn resolve_doubts(&mut self, enrollment: &Enrollment, window: u64, now: Time) -> bool {
        let found = std::mem::take(&mut self.integrity);
        if found == Integrity::Whole {
            return false;
        }
        self.burn_steps(enrollment, window, now);
        if found == Integrity::Copied {
            self.waiting = enrollment.backup_codes.as_ref().map(|set| set.id);
        }
        true
    }

    /// Lets every step that would be accepted now count as used.
    pub fn burn_steps(&mut self, enrollment: &Enrollment, window: u64, now: Time) {
        for token in &enrollment.tokens {
            let burned = token.step_at(now).plus(window);
            for known in self.tokens.iter_mut().filter(|known| known.id == token.id) {
                known.last_step = known.last_step.max(Some(burned));
            }
        }
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

    /// Forgets what belongs to other enrollments and sets of codes than this one.
    pub fn keep_only(&mut self, enrollment: Option<&Enrollment>) {
        let tokens = enrollment.map_or(&[][..], |enrollment| &enrollment.tokens);
        let set = enrollment.and_then(|enrollment| enrollment.backup_codes.as_ref());
        self.tokens
            .retain(|known| tokens.iter().any(|token| token.id == known.id));
        self.spent
            .retain(|spent| set.is_some_and(|set| set.id == spent.set));
        self.waiting
            .take_if(|waiting| set.is_none_or(|set| set.id != *waiting));
    }

    /// Takes back what [`keep_only`](Self::keep_only) forgot of `before`. A login does: while an enrollment is replaced, the
    /// state holds what belongs to the one that is about to come.
    pub fn keep_others(&mut self, before: &Self, enrollment: &Enrollment) {
        let set = enrollment.backup_codes.as_ref().map(|set| set.id);
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

    /// What is known of a token.
    #[must_use]
    pub fn token(&self, id: Id) -> Option<&TokenState> {
        self.tokens.iter().find(|known| known.id == id)
    }

    /// Whether the backup codes of a set wait for an administrator: nobody knows for sure what was spent.
    #[must_use]
    pub fn waits(&self, set: Id) -> bool {
        self.waiting == Some(set)
            || self.integrity == Integrity::Copied
            || self.spent_of(set).is_none()
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
    }
}

/// Takes entries out of a list of more than `most`: the first ones after `kept`.
fn keep_last<T>(list: &mut Vec<T>, kept: usize, most: usize) {
    let excess = list.len().saturating_sub(most);
    list.drain(kept..kept + excess);
}
