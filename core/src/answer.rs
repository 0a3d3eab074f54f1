//! What somebody typed, parsed once: a one-time code, a backup code, or nothing that could be either.
//!
//! Only what has a code's shape is a try. An empty line, a password, or the garbage that sshd puts in place of an
//! answer for unknown users teaches nobody anything, so it is refused without being evaluated or charged.
//!
//! That garbage is as long as the answer was, and all that is known of it. So whatever is as long as a scratch code or a backup code is
//! told from what is not, for its refusal takes as long as theirs ([`BadAnswer::Long`], [`Answer::is_long`]).

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::backup_codes::BackupCode;
use crate::scratch_codes::ScratchCode;
use crate::token::Digits;

/// An answer that has a code's shape.
#[derive(Clone, Debug)]
pub enum Answer {
    /// 6 to 8 digits. With 8 of them it may be a scratch code, too.
    Code(OneTimeCode),
    /// What a field ends in that holds something else before the code: a token compares as many digits as its codes have.
    Tail(Tail),
    /// A backup code.
    BackupCode(BackupCode),
}

impl Answer {
    /// Reads the bytes of an answer. Spaces and dashes are ignored, as people write codes in groups.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadAnswer> {
        if bytes.len() > LONGEST_ANSWER {
            return Err(BadAnswer::TooLong);
        }
        match Self::of_any_length(bytes) {
            Ok(Self::BackupCode(code)) => Ok(Self::BackupCode(code)),
            // Nobody writes so few digits in so many bytes.
            Ok(Self::Code(code)) if bytes.len() < BackupCode::SYMBOLS => {
                Ok(Self::Code(OneTimeCode {
                    written_in: bytes.len(),
                    ..code
                }))
            }
            _ if is_long(bytes) => Err(BadAnswer::Long),
            other => other,
        }
    }

    /// The same digits as a scratch code.
    #[must_use]
    pub fn scratch_code(&self) -> Option<ScratchCode> {
        match self {
            Self::Code(code) => ScratchCode::parse(code.as_str()),
            Self::Tail(tail) => ScratchCode::parse(&tail.digits),
            Self::BackupCode(_) => None,
        }
    }

    /// Whether deciding about it may take a digest: of a backup code always, of a scratch code where somebody has any.
    #[must_use]
    pub fn may_need_a_digest(&self) -> bool {
        matches!(self, Self::BackupCode(_)) || self.scratch_code().is_some()
    }

    /// Whether a scratch code or a backup code could be written in as many bytes: if it is refused, it costs a digest, whoever it is of.
    #[must_use]
    pub fn is_long(&self) -> bool {
        match self {
            Self::Code(code) => code.written_in >= ScratchCode::DIGITS,
            Self::Tail(tail) => tail.field >= ScratchCode::DIGITS,
            Self::BackupCode(_) => true,
        }
    }

    fn of_any_length(bytes: &[u8]) -> Result<Self, BadAnswer> {
        let text = str::from_utf8(bytes).map_err(|_| BadAnswer::NotText)?;
        if text.chars().any(char::is_control) {
            return Err(BadAnswer::NotText);
        }
        let mut plain = Zeroizing::new(String::with_capacity(text.len()));
        plain.extend(text.chars().filter(|c| !matches!(c, ' ' | '-')));
        if plain.is_empty() {
            return Err(BadAnswer::Empty);
        }
        if let Some(code) = OneTimeCode::parse(&plain) {
            return Ok(Self::Code(code));
        }
        BackupCode::parse(&plain)
            .map(Self::BackupCode)
            .ok_or(BadAnswer::NotACode)
    }

    /// What a token with so many digits compares; `None` where it has no code of that length.
    #[must_use]
    pub fn code_of(&self, digits: Digits) -> Option<OneTimeCode> {
        match self {
            Self::Code(code) => {
                (code.as_str().len() == usize::from(digits.get())).then(|| code.clone())
            }
            Self::Tail(tail) => tail.last(digits),
            Self::BackupCode(_) => None,
        }
    }

    /// Whether two answers are the same code, in constant time.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let (one, two) = match (self, other) {
            (Self::Code(one), Self::Code(two)) => (one.as_str(), two.as_str()),
            (Self::Tail(one), Self::Tail(two)) => (one.digits.as_str(), two.digits.as_str()),
            (Self::BackupCode(one), Self::BackupCode(two)) => (one.symbols(), two.symbols()),
            _ => return false,
        };
        one.as_bytes().ct_eq(two.as_bytes()).into()
    }
}

/// 6 to 8 digits.
#[derive(Clone)]
pub struct OneTimeCode {
    digits: Zeroizing<String>,
    /// In how many bytes, with spaces and dashes.
    written_in: usize,
}

impl OneTimeCode {
    /// Takes digits without anything between them.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        let is_code =
            (6..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_code.then(|| Self {
            digits: Zeroizing::new(digits.to_owned()),
            written_in: digits.len(),
        })
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.digits
    }
}

/// The digits at the end of a field, up to 8 of them.
#[derive(Clone)]
pub struct Tail {
    digits: Zeroizing<String>,
    /// How many bytes the field has.
    field: usize,
}

impl Tail {
    /// Takes the digits that `field` ends in, the last 8 of them at most. `None` where they are too few for a code.
    #[must_use]
    pub fn of(field: &str) -> Option<Self> {
        let count = field
            .bytes()
            .rev()
            .take(8)
            .take_while(u8::is_ascii_digit)
            .count();
        (count >= 6).then(|| Self {
            digits: Zeroizing::new(field[field.len() - count..].to_owned()),
            field: field.len(),
        })
    }

    /// The same digits of a field of so many bytes.
    #[must_use]
    pub(crate) fn of_a_field(self, bytes: usize) -> Self {
        Self {
            field: bytes,
            ..self
        }
    }

    /// The last `digits` of them; `None` where there are fewer.
    #[must_use]
    pub fn last(&self, digits: Digits) -> Option<OneTimeCode> {
        let from = self.digits.len().checked_sub(usize::from(digits.get()))?;
        OneTimeCode::parse(&self.digits[from..])
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What an answer is that cannot be a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// Nothing but spaces and dashes.
    #[error("empty")]
    Empty,
    /// More than [`LONGEST_ANSWER`] bytes; it was not looked at.
    #[error("too long")]
    TooLong,
    /// Not UTF-8, or with control characters.
    #[error("not text")]
    NotText,
    /// The password again: what sshd's password method answers every hidden question with. It may have a code's shape.
    #[error("the password")]
    Password,
    /// Text that has no code's shape.
    #[error("not a code")]
    NotACode,
    /// As long as a scratch code or longer, and no code, whatever else it is.
    #[error("not a code, and long")]
    Long,
}

impl BadAnswer {
    /// Of the password again.
    #[must_use]
    pub fn password(bytes: &[u8]) -> Self {
        match bytes.len() {
            ..=LONGEST_ANSWER if is_long(bytes) => Self::Long,
            ..=LONGEST_ANSWER => Self::Password,
            _ => Self::TooLong,
        }
    }
}

/// Whether a scratch code or a backup code could be written in so many bytes.
pub(crate) fn is_long(bytes: &[u8]) -> bool {
    bytes.len() >= ScratchCode::DIGITS
}

/// The longest answer that is read, in bytes.
pub const LONGEST_ANSWER: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(text: &str) -> BadAnswer {
        Answer::parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn digits_may_be_written_in_groups() {
        for text in ["123456", "123 456", " 123-456 ", "12 34 56 78", "1234567"] {
            assert!(
                matches!(Answer::parse(text.as_bytes()), Ok(Answer::Code(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn what_has_no_codes_shape_is_told_apart_by_why() {
        assert_eq!(bad(""), BadAnswer::Empty);
        assert_eq!(bad(" - "), BadAnswer::Empty);
        assert_eq!(bad("12345"), BadAnswer::NotACode);
        assert_eq!(bad("+123456"), BadAnswer::NotACode);
        assert_eq!(bad("١٢٣"), BadAnswer::NotACode);
        assert_eq!(bad("horse"), BadAnswer::NotACode);
        assert_eq!(bad("123456\n"), BadAnswer::NotText);
        assert_eq!(bad("\u{8}\n\r\u{7f}INC"), BadAnswer::NotText);
        assert_eq!(bad(&"1".repeat(129)), BadAnswer::TooLong);
        assert_eq!(
            Answer::parse(&[b'1', 0xff]).unwrap_err(),
            BadAnswer::NotText
        );
    }

    #[test]
    fn what_is_as_long_as_a_scratch_code_and_no_code_is_told_by_its_length_alone() {
        let garbage = "\u{8}\n\r\u{7f}INCO";
        assert_eq!(garbage.len(), ScratchCode::DIGITS);
        for long in [
            garbage,
            "12345678\u{7f}",
            "+1234567",
            "123456789",
            "correct horse battery staple",
            "--------------------",
            "123456--------------",
            "3467-9CFH-JKMR-TWXY-346A",
            &"1".repeat(LONGEST_ANSWER),
        ] {
            assert_eq!(bad(long), BadAnswer::Long, "{long}");
            assert_eq!(BadAnswer::password(long.as_bytes()), BadAnswer::Long);
        }
        assert!(Answer::parse(b"3467-9CFH-JKMR-TWXY-3467").is_ok());
        assert_eq!(bad("1234 6 "), BadAnswer::NotACode);
        assert_eq!(BadAnswer::password(b"1234567"), BadAnswer::Password);
    }

    #[test]
    fn a_code_is_long_where_it_is_written_in_as_many_bytes_as_a_scratch_code_and_only_8_digits_are_one()
     {
        for (text, is_long, is_scratch_code) in [
            ("123456", false, false),
            ("123 456", false, false),
            ("1234567", false, false),
            ("12 34 56", true, false),
            ("123-456 ", true, false),
            ("12345678", true, true),
            ("1234 5678", true, true),
            ("01234567", true, false),
            ("3467-9CFH-JKMR-TWXY-3467", true, false),
        ] {
            let answer = Answer::parse(text.as_bytes()).unwrap();
            assert_eq!(answer.is_long(), is_long, "{text}");
            assert_eq!(answer.scratch_code().is_some(), is_scratch_code, "{text}");
        }
        let tail = |field: &str| Answer::Tail(Tail::of(field).unwrap());
        assert_eq!(
            tail("pass12345678").scratch_code().unwrap().as_str(),
            "12345678"
        );
        assert!(tail("pass-1234567").scratch_code().is_none());
        assert!(tail("p-123456").is_long() && !tail("p123456").is_long());
    }

    #[test]
    fn the_same_code_in_other_groups_is_the_same_answer() {
        let answer = |text: &str| Answer::parse(text.as_bytes()).unwrap();
        assert!(answer("123 456").is_same_as(&answer("123456")));
        assert!(!answer("123 456").is_same_as(&answer("123457")));
        assert!(!answer("123456").is_same_as(&answer("1234567")));
    }

    #[test]
    fn a_token_compares_as_many_digits_of_a_fields_end_as_its_codes_have() {
        let digits = |count: u64| Digits::try_from(count).unwrap();
        let last = |field: &str, count| {
            let tail = Answer::Tail(Tail::of(field)?);
            let code = tail.code_of(digits(count))?;
            Some(code.as_str().to_owned())
        };
        assert_eq!(last("pass12123456", 6).as_deref(), Some("123456"));
        assert_eq!(last("pass12123456", 8).as_deref(), Some("12123456"));
        assert_eq!(last("99999123456", 8).as_deref(), Some("99123456"));
        assert_eq!(last("é123456", 6).as_deref(), Some("123456"));
        assert_eq!(last("é123456", 7), None);
        assert_eq!(last("pass12345", 6), None);
        assert_eq!(last("123456x", 6), None);
        let code = Answer::parse(b"123456").unwrap();
        assert!(code.code_of(digits(6)).is_some() && code.code_of(digits(7)).is_none());
    }

    #[test]
    fn an_answer_is_never_printed() {
        let printed = format!("{:?}", Answer::parse(b"123456").unwrap());
        assert_eq!(printed, "Code([redacted])");
    }
}
