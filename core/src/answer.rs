//! What somebody typed, parsed once: a one-time code, a backup code, or nothing that could be either.
//!
//! Only what has a code's shape is a try. An empty line, a password, or the garbage that sshd puts in place of an
//! answer for unknown users teaches nobody anything, so it is refused without being evaluated or charged.
//!
//! That garbage is as long as the answer was, and all that is known of it. So whatever is as long as a backup code is told from
//! what is not, for its refusal takes as long as a backup code's ([`BadAnswer::Long`]).

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::backup_codes::BackupCode;
use crate::token::Digits;

/// An answer that has a code's shape.
#[derive(Clone, Debug)]
pub enum Answer {
    /// 6 to 8 digits.
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
            _ if is_long(bytes) => Err(BadAnswer::Long),
            other => other,
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
            (Self::Tail(one), Self::Tail(two)) => (one.0.as_str(), two.0.as_str()),
            (Self::BackupCode(one), Self::BackupCode(two)) => (one.symbols(), two.symbols()),
            _ => return false,
        };
        one.as_bytes().ct_eq(two.as_bytes()).into()
    }
}

/// 6 to 8 digits.
#[derive(Clone)]
pub struct OneTimeCode(Zeroizing<String>);

impl OneTimeCode {
    /// Takes digits without anything between them.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        let is_code =
            (6..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_code.then(|| Self(Zeroizing::new(digits.to_owned())))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The digits at the end of a field, up to 8 of them.
#[derive(Clone)]
pub struct Tail(Zeroizing<String>);

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
        (count >= 6).then(|| Self(Zeroizing::new(field[field.len() - count..].to_owned())))
    }

    /// The last `digits` of them; `None` where there are fewer.
    #[must_use]
    pub fn last(&self, digits: Digits) -> Option<OneTimeCode> {
        let from = self.0.len().checked_sub(usize::from(digits.get()))?;
        OneTimeCode::parse(&self.0[from..])
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
    /// As long as a backup code or longer, and none, whatever else it is.
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

/// Whether a backup code could be written in so many bytes.
fn is_long(bytes: &[u8]) -> bool {
    bytes.len() >= BackupCode::SYMBOLS
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
        assert_eq!(bad("123456789"), BadAnswer::NotACode);
        assert_eq!(bad("+123456"), BadAnswer::NotACode);
        assert_eq!(bad("١٢٣٤٥٦"), BadAnswer::NotACode);
        assert_eq!(bad("correct horse"), BadAnswer::NotACode);
        assert_eq!(bad("123456\n"), BadAnswer::NotText);
        assert_eq!(bad("\u{8}\n\r\u{7f}INCORRECT"), BadAnswer::NotText);
        assert_eq!(bad(&"1".repeat(129)), BadAnswer::TooLong);
        assert_eq!(
            Answer::parse(&[b'1', 0xff]).unwrap_err(),
            BadAnswer::NotText
        );
    }

    #[test]
    fn what_is_as_long_as_a_backup_code_and_none_is_told_by_its_length_alone() {
        let garbage = "\u{8}\n\r\u{7f}INCORRECT\u{8}\n\r\u{7f}INC";
        assert_eq!(garbage.len(), BackupCode::SYMBOLS);
        for long in [
            garbage,
            "correct horse battery staple",
            "--------------------",
            "123456--------------",
            "3467-9CFH-JKMR-TWXY-346A",
            &"1".repeat(LONGEST_ANSWER),
        ] {
            assert_eq!(bad(long), BadAnswer::Long, "{long}");
            assert_eq!(BadAnswer::password(long.as_bytes()), BadAnswer::Long);
            assert_ne!(bad(&long[1..20]), BadAnswer::Long, "{long}");
        }
        assert!(Answer::parse(b"3467-9CFH-JKMR-TWXY-3467").is_ok());
        assert_eq!(BadAnswer::password(b"123456"), BadAnswer::Password);
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
