//! The text body of a state slot: one fact a line, in one spelling.

use std::fmt::Write as _;
use std::str::FromStr;

use super::{Bucket, KnownPlace, SpentCodes, State, TokenState, Usable, WrongCodes};
use crate::id::Id;
use crate::place::Place;
use crate::time::Time;
use crate::token::Step;

impl State {
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
