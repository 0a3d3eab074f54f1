//! What logins leave behind: the last step used, codes spent, failures, known places. The text body of a state slot.
//!
//! One fact a line, so that the largest state fits a slot and is read in microseconds. A state may exist without an
//! enrollment. Its meaning is decided in [`check`](mod@crate::check) and [`throttle`](crate::throttle); here it is only kept.

use std::fmt::Write as _;
use std::str::FromStr;

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

    /// Writes the body of a slot.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(512);
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        for token in &self.tokens {
            match token.last_step {
                Some(step) => write!(text, "token {} {}", token.id, step.0)?,
                None => write!(text, "token {} never", token.id)?,
            }
            text.push_str(match token.usable {
                Usable::Yes => "\n",
                Usable::No => " disabled\n",
            });
        }
        for spent in &self.spent {
            writeln!(text, "spent {} {}", spent.set, spent.codes)?;
        }
        for known in &self.places {
            let Bucket { failures, since } = known.bucket;
            writeln!(
                text,
                "place {} {} {failures} {}",
                known.place,
                known.last_success.unix(),
                since.unix()
            )?;
        }
        let Bucket { failures, since } = self.elsewhere;
        writeln!(text, "elsewhere {failures} {}", since.unix())?;
        write!(text, "wrong {}", self.wrong.count)?;
        for place in &self.wrong.from {
            write!(text, " {place}")?;
        }
        text.push('\n');
        if let Some(set) = self.waiting {
            writeln!(text, "waiting {set}")?;
        }
        Ok(())
    }

    /// Reads the body of a slot: exactly what [`to_text`](Self::to_text) writes.
    pub fn parse(text: &str) -> Result<Self, BadState> {
        let mut state = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            state.read_line(line).ok_or(BadState { line: number })?;
        }
        // One spelling only: no fact twice, no other order, no missing end of line.
        if state.to_text() == text {
            Ok(state)
        } else {
            Err(BadState { line: 0 })
        }
    }

    fn read_line(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ');
        match words.next()? {
            "token" => {
                let id = Id::parse(words.next()?).ok()?;
                let last_step = match words.next()? {
                    "never" => None,
                    step => Some(Step(number(step)?)),
                };
                let usable = match words.next() {
                    None => Usable::Yes,
                    Some("disabled") => Usable::No,
                    Some(_) => return None,
                };
                let token = TokenState {
                    id,
                    last_step,
                    usable,
                };
                push(&mut self.tokens, token, Self::MOST_TOKENS, |token| token.id)?;
            }
            "spent" => {
                let spent = SpentCodes {
                    set: Id::parse(words.next()?).ok()?,
                    codes: number(words.next()?)?,
                };
                push(&mut self.spent, spent, Self::MOST_SETS, |spent| spent.set)?;
            }
            "place" => {
                let known = KnownPlace {
                    place: Place::parse(words.next()?).ok()?,
                    last_success: Time::from_unix(number(words.next()?)?),
                    bucket: Bucket::read(&mut words)?,
                };
                if known.place == Place::Elsewhere {
                    return None;
                }
                push(&mut self.places, known, Self::MOST_PLACES, |known| {
                    known.place
                })?;
            }
            "elsewhere" => self.elsewhere = Bucket::read(&mut words)?,
            "wrong" => {
                self.wrong.count = number(words.next()?)?;
                for word in words.by_ref() {
                    let place = Place::parse(word).ok()?;
                    push(&mut self.wrong.from, place, WrongCodes::MOST, |place| {
                        *place
                    })?;
                }
            }
            "waiting" => self.waiting = Some(Id::parse(words.next()?).ok()?),
            _ => return None,
        }
        words.next().is_none().then_some(())
    }
}

impl Bucket {
    fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        Some(Self {
            failures: number(words.next()?)?,
            since: Time::from_unix(number(words.next()?)?),
        })
    }
}

/// The text is not a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a state (line {line})")]
pub struct BadState {
    /// The line that is wrong; 0 where each is right but not the whole.
    pub line: usize,
}

fn number<N: FromStr>(word: &str) -> Option<N> {
    word.parse().ok()
}

/// Takes entries out of a list of more than `most`: the first ones after `kept`.
fn keep_last<T>(list: &mut Vec<T>, kept: usize, most: usize) {
    let excess = list.len().saturating_sub(most);
    list.drain(kept..kept + excess);
}

/// Adds a fact to its list, unless the list is full or says something of the same thing.
fn push<T, K: PartialEq>(
    list: &mut Vec<T>,
    item: T,
    most: usize,
    of: impl Fn(&T) -> K,
) -> Option<()> {
    let is_new = list.iter().all(|other| of(other) != of(&item));
    (is_new && list.len() < most).then(|| list.push(item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The largest state that the limits allow, each number at its longest.
    pub(crate) fn largest() -> State {
        let id = |byte: usize| Id::from_bytes([u8::try_from(byte).unwrap(); 16]);
        let place =
            |index: usize| Place::of_address(&format!("2001:db80:1234:{:x}::", 0x1000 + index));
        let bucket = Bucket {
            failures: u32::MAX,
            since: Time::from_unix(u64::MAX),
        };
        State {
            tokens: (0..State::MOST_TOKENS)
                .map(|index| TokenState {
                    id: id(index),
                    last_step: Some(Step(u64::MAX)),
                    usable: Usable::No,
                })
                .collect(),
            spent: (0..State::MOST_SETS)
                .map(|index| SpentCodes {
                    set: id(index),
                    codes: u32::MAX,
                })
                .collect(),
            places: (0..State::MOST_PLACES)
                .map(|index| KnownPlace {
                    place: place(index),
                    last_success: Time::from_unix(u64::MAX),
                    bucket,
                })
                .collect(),
            elsewhere: bucket,
            wrong: WrongCodes {
                count: u32::MAX,
                from: (0..WrongCodes::MOST).map(place).collect(),
            },
            waiting: Some(id(0)),
            integrity: Integrity::Whole,
        }
    }

    #[test]
    fn a_state_comes_back_from_its_text() {
        for state in [State::default(), largest()] {
            assert_eq!(State::parse(&state.to_text()), Ok(state));
        }
    }

    #[test]
    fn the_largest_state_fits_a_slot_with_room_to_spare() {
        let bytes = largest().to_text().len();
        assert!(bytes <= 3072, "{bytes} bytes");
    }

    #[test]
    fn other_spellings_are_refused() {
        let good = largest().to_text();
        let twice = |word: &str, rest: String| {
            let line = good.lines().find(|line| line.starts_with(word)).unwrap();
            format!("{line}\n{line}\n{rest}")
        };
        for bad in [
            String::new(),
            good.replacen("token ", "token  ", 1),
            good.replacen("spent ", "Spent ", 1),
            good.trim_end().to_owned(),
            format!("{good}waiting {}\n", Id::from_bytes([1; 16])),
            format!("{good}\n"),
            good.replacen("wrong 4", "wrong +4", 1),
            good.replace('\n', "\r\n"),
            format!("{good}token {} never\n", Id::from_bytes([99; 16])),
            // The same thing twice, though there would be room.
            twice("token ", State::default().to_text()),
            twice("spent ", State::default().to_text()),
            twice("place ", State::default().to_text()),
            good.replacen("place address", "place elsewhere", 1),
            "elsewhere 0 0\nwrong 2 local:1 local:1\n".to_owned(),
            "place elsewhere 1 1 1\nelsewhere 0 0\nwrong 0\n".to_owned(),
        ] {
            assert!(State::parse(&bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_has_one_spelling(text in "(token|spent|place|elsewhere|wrong| |[0-9a-f]{1,32}|\\n|\\PC){0,40}") {
            crate::fuzzing::state_text(text.as_bytes());
        }
    }
}
