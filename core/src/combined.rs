//! A field that holds two things: a password and, right behind it, a code. For applications that have one field only.
//!
//! Where the password ends cannot be told from the field. So the field gives one candidate, which is tried once: a backup
//! code, if it ends in the shape of one, else the digits that it ends in, of which each token compares as many as its codes
//! have. What is cut off afterwards is what was right; where nothing was, what looks like a code, the same for everybody.

use std::fmt;

use zeroize::Zeroizing;

use crate::answer::{Answer, BadAnswer, Tail, is_long};
use crate::backup_codes::BackupCode;
use crate::check::{Factor, Verdict};
use crate::scratch_codes::ScratchCode;
use crate::state::State;
use crate::store::{Change, Record};
use crate::time::Time;
use crate::token::Digits;
use crate::transaction::{Attempt, Transaction};

/// The bytes of a field. A password need not be text.
pub struct Field(Zeroizing<Vec<u8>>);

impl Field {
    /// Takes what was typed.
    #[must_use]
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The candidate for a code that it ends in.
    pub fn answer(&self) -> Result<Answer, BadAnswer> {
        if self.0.len() > LONGEST_FIELD {
            return Err(BadAnswer::TooLong);
        }
        if self.0.is_empty() {
            return Err(BadAnswer::Empty);
        }
        if let Some((_, code)) = self.backup_code() {
            return Ok(Answer::BackupCode(code));
        }
        str::from_utf8(self.last_digits())
            .ok()
            .and_then(Tail::of)
            .map(|tail| Answer::Tail(tail.of_a_field(self.0.len())))
            .ok_or(if is_long(&self.0) {
                BadAnswer::Long
            } else {
                BadAnswer::NotACode
            })
    }

    /// What stands before the code that was right.
    #[must_use]
    pub fn before(&self, factor: &Factor) -> &[u8] {
        match factor {
            Factor::Token { digits, .. } => self.without_last(usize::from(digits.get())),
            Factor::BackupCode { .. } | Factor::TemporaryCode => {
                self.without_last(self.backup_code().map_or(0, |(length, _)| length))
            }
            Factor::ScratchCode { .. } => self.without_last(ScratchCode::DIGITS),
            // Nobody enrolls through a field for both.
            Factor::NewToken(_) => &self.0,
        }
    }

    /// What stands before what looks like a code: a backup code, or `usual` digits. All of it, if nothing does.
    #[must_use]
    pub fn before_the_likely_code(&self, usual: Digits) -> &[u8] {
        let digits = usize::from(usual.get());
        match self.backup_code() {
            _ if self.0.len() > LONGEST_FIELD => &self.0,
            Some((length, _)) => self.without_last(length),
            None if self.last_digits().len() >= digits => self.without_last(digits),
            None => &self.0,
        }
    }

    /// All of it.
    #[must_use]
    pub fn whole(&self) -> &[u8] {
        &self.0
    }

    /// The backup code at the end, and how many bytes it is written in.
    fn backup_code(&self) -> Option<(usize, BackupCode)> {
        const PLAIN: usize = BackupCode::SYMBOLS;
        const GROUPED: usize = PLAIN + PLAIN / GROUP - 1;
        let grouped = self.last(GROUPED).and_then(|end| {
            let mut symbols = Zeroizing::new(Vec::with_capacity(PLAIN));
            for group in end.chunks(GROUP + 1) {
                let (group, dash) = group.split_at(GROUP);
                if !matches!(dash, [] | [b'-']) {
                    return None;
                }
                symbols.extend_from_slice(group);
            }
            BackupCode::parse(str::from_utf8(&symbols).ok()?)
        });
        if let Some(code) = grouped {
            return Some((GROUPED, code));
        }
        let plain = str::from_utf8(self.last(PLAIN)?).ok()?;
        Some((PLAIN, BackupCode::parse(plain)?))
    }

    /// The digits at the end, as many as a code can have.
    fn last_digits(&self) -> &[u8] {
        let is_digit = |byte: &&u8| byte.is_ascii_digit();
        let last = self.0.iter().rev().take(8);
        let count = last.take_while(is_digit).count();
        &self.0[self.0.len() - count..]
    }

    fn last(&self, count: usize) -> Option<&[u8]> {
        self.0.len().checked_sub(count).map(|from| &self.0[from..])
    }

    fn without_last(&self, count: usize) -> &[u8] {
        &self.0[..self.0.len().saturating_sub(count)]
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The try of a code that nobody asked for: a right one counts as used, as ever, and a wrong one is nothing, for the end of
/// somebody's password may look like a code.
#[derive(Debug)]
pub(crate) struct Uncharged<'a>(pub Attempt<'a>);

impl Transaction for Uncharged<'_> {
    type Outcome = Option<Factor>;

    fn apply(&mut self, record: &Record, now: Time) -> (Option<Factor>, Change) {
        match self.0.apply(record, now) {
            (Verdict::Accepted(accepted), Change::State(state)) => {
                // Whoever was not charged for guesses forgets nobody's wrong codes with a lucky one, and makes no place known.
                let before = &record.state;
                let state = State {
                    wrong: before.wrong.clone(),
                    places: before.places.clone(),
                    elsewhere: before.elsewhere,
                    ..state
                };
                (Some(accepted.factor), Change::State(state))
            }
            _ => (None, Change::Nothing),
        }
    }
}

/// The longest field that is read, in bytes: what PAM takes for a password, and a code.
pub const LONGEST_FIELD: usize = 640;

/// How many symbols of a backup code stand together when it is shown.
const GROUP: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup_codes::{BackupCodes, Count};
    use crate::testing::CHEAP;
    use crate::token::Label;
    use proptest::prelude::*;

    fn field(bytes: &[u8]) -> Field {
        Field::new(Zeroizing::new(bytes.to_vec()))
    }

    fn token(digits: u64) -> Factor {
        Factor::Token {
            label: Label::try_from("phone".to_owned()).unwrap(),
            digits: Digits::try_from(digits).unwrap(),
        }
    }

    fn symbols() -> String {
        let count = Count::try_from(1).unwrap();
        let (_, codes) = BackupCodes::make(count, CHEAP).unwrap();
        codes[0].symbols().to_owned()
    }

    #[test]
    fn a_right_code_is_cut_off_by_what_its_token_makes() {
        let field = field(b"pass12123456");
        assert!(matches!(field.answer(), Ok(Answer::Tail(_))));
        assert_eq!(field.before(&token(6)), b"pass12");
        assert_eq!(field.before(&token(8)), b"pass");
    }

    #[test]
    fn without_a_right_code_what_looks_like_one_is_cut_off() {
        let likely = |bytes: &[u8]| field(bytes).before_the_likely_code(Digits::SIX).to_vec();
        assert_eq!(likely(b"pass12123456"), b"pass12");
        assert_eq!(likely(b"pass12345"), b"pass12345");
        assert_eq!(likely(b"123456"), b"");
        assert_eq!(likely(b""), b"");
    }

    #[test]
    fn a_backup_code_is_cut_off_however_it_is_written() {
        let plain = symbols();
        let grouped = BackupCode::parse(&plain).unwrap().grouped().to_string();
        for code in [&plain, &grouped, &grouped.to_lowercase()] {
            let field = field(format!("pass-{code}").as_bytes());
            assert!(
                matches!(field.answer(), Ok(Answer::BackupCode(_))),
                "{code}"
            );
            assert_eq!(field.before(&Factor::BackupCode { left: 1 }), b"pass-");
            assert_eq!(field.before_the_likely_code(Digits::SIX), b"pass-");
        }
    }

    #[test]
    fn a_password_need_not_be_text() {
        let field = field(b"\xff\x00123456");
        assert!(matches!(field.answer(), Ok(Answer::Tail(_))));
        assert_eq!(field.before(&token(6)), b"\xff\x00");
    }

    #[test]
    fn what_ends_in_no_code_is_told_apart_by_why() {
        let bad = |bytes: &[u8]| field(bytes).answer().unwrap_err();
        assert_eq!(bad(b""), BadAnswer::Empty);
        assert_eq!(bad(b"12345"), BadAnswer::NotACode);
        assert_eq!(bad(b"123456 "), BadAnswer::NotACode);
        assert_eq!(bad("\u{661}23456".as_bytes()), BadAnswer::NotACode);
        // As long as a scratch code: what stands there is garbage where sshd knows nobody of that name.
        assert_eq!(bad(b"password"), BadAnswer::Long);
        assert!(field(&[b'1'; LONGEST_FIELD]).answer().is_ok());
        assert_eq!(bad(&[b'1'; LONGEST_FIELD + 1]), BadAnswer::TooLong);
    }

    #[test]
    fn a_field_is_never_printed() {
        assert_eq!(format!("{:?}", field(b"secret123456")), "[redacted]");
    }

    proptest! {
        #[test]
        fn what_is_cut_off_and_the_rest_are_the_field(
            bytes in proptest::collection::vec(any::<u8>(), 0..700),
            end in "[0-9]{0,9}|([34679CFHJKMRTWXY]{4}-){4}[34679CFHJKMRTWXY]{4}|[34679cfhjkmrtwxy]{20}",
            digits in 6_u64..=8,
        ) {
            let bytes = [bytes, end.into_bytes()].concat();
            let field = field(&bytes);
            let usual = Digits::try_from(digits).unwrap();
            let candidate = field.answer();
            for rest in [
                field.before(&token(digits)),
                field.before(&Factor::BackupCode { left: 0 }),
                field.before_the_likely_code(usual),
                field.whole(),
            ] {
                prop_assert!(bytes.starts_with(rest));
            }
            let cut = &bytes[field.before_the_likely_code(usual).len()..];
            match candidate {
                Ok(Answer::Tail(tail)) => {
                    let code = tail.last(usual);
                    prop_assert_eq!(cut, code.as_ref().map_or(&b""[..], |code| code.as_str().as_bytes()));
                }
                Ok(Answer::BackupCode(code)) => {
                    let again = Answer::parse(cut);
                    prop_assert!(again.is_ok_and(|again| again.is_same_as(&Answer::BackupCode(code))));
                }
                Ok(Answer::Code(_)) => prop_assert!(false, "a field has no whole code"),
                Err(_) => prop_assert_eq!(cut, b""),
            }
        }
    }
}
