//! What the tests of several files need.

use nightlatch_core::id::Id;
use nightlatch_core::token::{Algorithm, Digits, Kind, Label, Period, Secret, Token};

/// An ordinary token, with the secret of the RFCs' vectors.
pub fn token() -> Token {
    Token {
        id: Id::from_bytes([1; 16]),
        label: Label::parse("phone").unwrap(),
        kind: Kind::Totp {
            period: Period::THIRTY,
        },
        secret: Secret::from_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap(),
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
    }
}
