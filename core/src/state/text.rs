//! The text body of a state slot: one fact a line, in one spelling, and the version of the format that the facts take.

use std::fmt::Write as _;
use std::str::FromStr;

use super::{
    Bucket, Closed, Fate, KnownPlace, Resync, SpentCodes, Standing, State, TemporaryCode, Ticket,
    TokenState, TrustedPlace, Usable, Waiting, WrongCodes,
};
use crate::backup_codes::{Digest, Salt};
use crate::config::ServiceName;
use crate::id::Id;
use crate::place::Place;
use crate::time::Time;
use crate::token::{Drift, Step};
use crate::versions::{Version, Versions};

impl State {
    /// Whether version 1 has words for it: what nobody needs costs nobody the program that they had before.
    fn is_of_version_1(&self) -> bool {
        self.standing == Standing::Beside
            && self.closed == Closed::No
            && self.resync.is_none()
            && self.ticket.is_none()
            && self.temporary_code.is_none()
            && self.trusted.is_empty()
            && self
                .tokens
                .iter()
                .all(|known| known.drift == Drift::NONE && known.waiting == Waiting::No)
    }

    /// The version and the body of a slot that has room for so many bytes. Where they are too few, the places that were trusted
    /// longest ago are forgotten until they do: a code is asked for there once more.
    #[must_use]
    pub fn to_body(&self, room: usize) -> (u32, String) {
        let version = versions().to_write(self);
        let mut text = String::with_capacity(512);
        // Writing to a String cannot fail.
        let _ = (version.write)(self, &mut text);
        if text.len() <= room {
            return (version.number, text);
        }
        let mut shorter = self.clone();
        if shorter.forget_longest_trusted() {
            shorter.to_body(room)
        } else {
            (version.number, text)
        }
    }

    /// Reads the body of a slot of that version; `None` where a later program wrote it.
    pub(crate) fn of_body(version: u32, text: &[u8]) -> Option<Result<Self, BadState>> {
        let version = versions().of(version.into())?;
        let text = std::str::from_utf8(text).map_err(|_| BadState { line: 0 });
        Some(text.and_then(version.read))
    }

    /// The latest version of a body that this program knows.
    pub(crate) fn latest_version() -> u32 {
        versions().latest.number
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
        if self.standing == Standing::Alone {
            text.push_str("vacant\n");
        }
        if self.closed == Closed::Yes {
            text.push_str("closed\n");
        }
        for token in &self.tokens {
            match token.last_step {
                Some(step) => write!(text, "token {} {}", token.id, step.0)?,
                None => write!(text, "token {} never", token.id)?,
            }
            if token.drift != Drift::NONE {
                write!(text, " drift {}", token.drift.steps())?;
            }
            if token.usable == Usable::No {
                text.push_str(" disabled");
            }
            if token.waiting == Waiting::Yes {
                text.push_str(" waiting");
            }
            text.push('\n');
        }
        if let Some(Resync { token, step, place }) = self.resync {
            writeln!(text, "resync {token} {} {place}", step.0)?;
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
        if let Some(ticket) = &self.ticket {
            let (id, salt, digest) = (ticket.id, ticket.salt, ticket.digest.to_hex());
            writeln!(
                text,
                "ticket {id} {salt} {digest} {}",
                ticket.expires.unix()
            )?;
        }
        if let Some(code) = &self.temporary_code {
            code.write(text)?;
        }
        for trusted in &self.trusted {
            let (service, place) = (trusted.service.as_str(), trusted.place);
            writeln!(text, "trusted {service} {place} {}", trusted.since.unix())?;
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
            "vacant" => self.standing = Standing::Alone,
            "closed" => self.closed = Closed::Yes,
            "token" => {
                let token = TokenState::read(&mut words)?;
                push(&mut self.tokens, token, Self::MOST_TOKENS, |token| token.id)?;
            }
            "resync" => {
                self.resync = Some(Resync {
                    token: Id::parse(words.next()?).ok()?,
                    step: Step(number(words.next()?)?),
                    place: Place::parse(words.next()?).ok()?,
                });
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
            "ticket" => {
                self.ticket = Some(Ticket {
                    id: Id::parse(words.next()?).ok()?,
                    salt: Salt::parse(words.next()?)?,
                    digest: Digest::parse(words.next()?)?,
                    expires: Time::from_unix(number(words.next()?)?),
                });
            }
            "temporary" => self.temporary_code = Some(TemporaryCode::read(&mut words)?),
            "trusted" => {
                let trusted = TrustedPlace {
                    service: ServiceName::try_from(words.next()?.to_owned()).ok()?,
                    place: Place::parse(words.next()?).ok()?,
                    since: Time::from_unix(number(words.next()?)?),
                };
                push(&mut self.trusted, trusted, Self::MOST_TRUSTED, |trusted| {
                    (trusted.service.clone(), trusted.place)
                })?;
            }
            _ => return None,
        }
        words.next().is_none().then_some(())
    }
}

impl TokenState {
    fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut token = Self::new(Id::parse(words.next()?).ok()?);
        token.last_step = match words.next()? {
            "never" => None,
            step => Some(Step(number(step)?)),
        };
        // Their order is checked with the whole.
        while let Some(word) = words.next() {
            match word {
                "drift" => token.drift = Drift::new(number(words.next()?)?)?,
                "disabled" => token.usable = Usable::No,
                "waiting" => token.waiting = Waiting::Yes,
                _ => return None,
            }
        }
        Some(token)
    }
}

impl TemporaryCode {
    fn write(&self, text: &mut String) -> std::fmt::Result {
        let (beside, salt, digest) = (self.beside, self.salt, self.digest.to_hex());
        write!(
            text,
            "temporary {beside} {salt} {digest} {}",
            self.expires.unix()
        )?;
        match self.fate {
            Fate::Untold => {}
            Fate::Told => text.push_str(" told"),
            Fate::Used { at, from } => write!(text, " used {} {from}", at.unix())?,
        }
        text.push('\n');
        Ok(())
    }

    fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        Some(Self {
            beside: Id::parse(words.next()?).ok()?,
            salt: Salt::parse(words.next()?)?,
            digest: Digest::parse(words.next()?)?,
            expires: Time::from_unix(number(words.next()?)?),
            fate: match words.next() {
                None => Fate::Untold,
                Some("told") => Fate::Told,
                Some("used") => Fate::Used {
                    at: Time::from_unix(number(words.next()?)?),
                    from: Place::parse(words.next()?).ok()?,
                },
                Some(_) => return None,
            },
        })
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

pub(crate) type StateVersion = Version<State, BadState>;

pub(crate) const VERSION_1: StateVersion = Version {
    number: 1,
    // What a version does not have, it never says.
    read: |text| match State::parse(text) {
        Ok(state) if !state.is_of_version_1() => Err(BadState { line: 0 }),
        read => read,
    },
    write: State::write,
};
pub(crate) const VERSION_2: StateVersion = Version {
    number: 2,
    read: State::parse,
    write: State::write,
};

/// The versions that this program reads and writes.
fn versions() -> &'static Versions<State, BadState> {
    static KNOWN: Versions<State, BadState> = Versions {
        earlier: &[(VERSION_1, State::is_of_version_1)],
        latest: VERSION_2,
    };
    #[cfg(test)]
    if crate::testing::later::is_running() {
        return &crate::testing::later::STATES;
    }
    &KNOWN
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
    use crate::state::Integrity;
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
            standing: Standing::Alone,
            closed: Closed::Yes,
            resync: Some(Resync {
                token: id(0),
                step: Step(u64::MAX),
                place: place(0),
            }),
            ticket: Some(Ticket {
                id: id(0),
                salt: Salt::from_bytes([0xff; 16]),
                digest: Digest::parse(&"f".repeat(64)).unwrap(),
                expires: Time::from_unix(u64::MAX),
            }),
            temporary_code: Some(TemporaryCode {
                beside: id(0),
                salt: Salt::from_bytes([0xff; 16]),
                digest: Digest::parse(&"f".repeat(64)).unwrap(),
                expires: Time::from_unix(u64::MAX),
                fate: Fate::Used {
                    at: Time::from_unix(u64::MAX),
                    from: place(0),
                },
            }),
            trusted: (0..State::MOST_TRUSTED)
                .map(|index| TrustedPlace {
                    service: ServiceName::try_from("s".repeat(64)).unwrap(),
                    place: place(index),
                    since: Time::from_unix(u64::MAX - u64::try_from(index).unwrap()),
                })
                .collect(),
            tokens: (0..State::MOST_TOKENS)
                .map(|index| TokenState {
                    id: id(index),
                    last_step: Some(Step(u64::MAX)),
                    drift: Drift::new(-Drift::MOST).unwrap(),
                    usable: Usable::No,
                    waiting: Waiting::Yes,
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

    /// What a slot holds.
    const ROOM: usize = 4052;

    #[test]
    fn without_trusted_places_the_largest_state_fits_a_slot_with_room_to_spare() {
        let mut largest = largest();
        largest.forget_trust();
        let bytes = largest.to_text().len();
        assert!(bytes <= 3840, "{bytes} bytes");
    }

    #[test]
    fn where_not_all_fits_the_places_trusted_longest_ago_are_forgotten() {
        let (version, text) = largest().to_body(ROOM);
        assert!(text.len() <= ROOM && text.len() > ROOM - 150, "{text}");
        let read = State::parse(&text).unwrap();
        assert_eq!((version, read.to_body(ROOM).0), (2, 2));
        // The first ones were trusted last.
        assert!((1..State::MOST_TRUSTED).contains(&read.trusted.len()));
        assert_eq!(read.trusted, largest().trusted[..read.trusted.len()]);
        let mut same = largest();
        same.trusted.truncate(read.trusted.len());
        assert_eq!(read, same);
    }

    #[test]
    fn a_state_takes_the_lowest_version_that_can_say_it() {
        let mut plain = largest();
        plain.standing = Standing::Beside;
        plain.closed = Closed::No;
        plain.resync = None;
        plain.ticket = None;
        plain.temporary_code = None;
        plain.forget_trust();
        for known in &mut plain.tokens {
            known.drift = Drift::NONE;
            known.waiting = Waiting::No;
        }
        assert_eq!(plain.to_body(ROOM).0, 1);
        let whole = largest();
        let facts: [fn(&mut State, State); 8] = [
            |state, _| state.standing = Standing::Alone,
            |state, _| state.closed = Closed::Yes,
            |state, whole| state.resync = whole.resync,
            |state, whole| state.ticket = whole.ticket,
            |state, whole| state.temporary_code = whole.temporary_code,
            |state, whole| state.trusted = whole.trusted,
            |state, whole| state.tokens[3].drift = whole.tokens[3].drift,
            |state, whole| state.tokens[3].waiting = whole.tokens[3].waiting,
        ];
        for (number, add) in facts.into_iter().enumerate() {
            let mut state = plain.clone();
            add(&mut state, whole.clone());
            assert_eq!(state.to_body(ROOM).0, 2, "{number}");
            assert_eq!(State::parse(&state.to_text()), Ok(state));
        }
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
            twice("trusted ", String::new()),
            good.replacen("vacant\nclosed\n", "closed\nvacant\n", 1),
            good.replacen("vacant\n", "vacant\nvacant\n", 1),
            good.replacen(" disabled waiting\n", " waiting disabled\n", 1),
            good.replacen("drift -100", "drift -101", 1),
            good.replacen("drift -100", "drift 0", 1),
            good.replacen("drift -100", "drift -0", 1),
            good.replacen("drift -100", "drift", 1),
            good.replacen("trusted s", "trusted /", 1),
            twice("temporary ", String::new()),
            good.replacen(" used ", " told used ", 1),
            good.replacen(" used ", " Used ", 1),
            good.replacen(" used 18446744073709551615", " used", 1),
            good.replacen("ffff ", "fff ", 1),
            good.replacen("place address", "place elsewhere", 1),
            "elsewhere 0 0\nwrong 2 local:1 local:1\n".to_owned(),
            "place elsewhere 1 1 1\nelsewhere 0 0\nwrong 0\n".to_owned(),
        ] {
            assert!(State::parse(&bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_has_one_spelling(text in "(vacant|closed|token|drift|disabled|waiting|resync|spent|place|elsewhere|wrong|ticket|temporary|told|used|trusted| |[0-9a-f]{1,32}|\\n|\\PC){0,40}") {
            crate::fuzzing::state_text(text.as_bytes());
        }
    }
}
