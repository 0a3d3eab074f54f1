//! A token for tests: everything in it follows from its number.

#![allow(clippy::unwrap_used, reason = "for tests and fuzzing alone")]

use crate::id::Id;
use crate::token::{Algorithm, Digits, Kind, Label, Period, Secret, Token};

/// The ordinary token (SHA1, 6 digits, 30 s) of this number and label.
pub(crate) fn token(number: u8, label: &str) -> Token {
    Token {
        id: Id::from_bytes([number; 16]),
        label: Label::parse(label).unwrap(),
        kind: Kind::Totp {
            period: Period::THIRTY,
        },
        secret: Secret::from_bytes(vec![number; 20].into()).unwrap(),
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
    }
}
