//! Identifiers of 128 random bits: what state is keyed by, so that a new token or set of codes never inherits an old one's past.

use std::fmt;

use crate::hex;
use crate::random::{self, RandomError};

/// 128 random bits, written as 32 hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 16]);

impl Id {
    /// A new identifier.
    pub fn new() -> Result<Self, RandomError> {
        random::bytes().map(Self)
    }

    /// An identifier of known bytes, for tests and vectors.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads what [`Display`](fmt::Display) writes, and nothing else.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        hex::decode(text).map(Self).ok_or(BadId)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

/// The text is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 32 hexadecimal digits in lower case")]
pub struct BadId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_from_its_text() {
        let id = Id::new().unwrap();
        assert_eq!(Id::parse(&id.to_string()), Ok(id));
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "00",
            &"0".repeat(31),
            &"0".repeat(33),
            &"G".repeat(32),
            &"A".repeat(32),
        ] {
            assert_eq!(Id::parse(text), Err(BadId), "{text}");
        }
    }
}
