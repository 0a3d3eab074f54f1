//! Scratch codes: what another system gave people for the day when the phone is lost, taken over as they are.
//!
//! They have 8 decimal digits, 26 bits: no more than a code, so they are for a while only. They are kept as backup codes are, as Argon2id
//! digests under one salt, which makes an answer cost one evaluation; somebody who reads the store finds them all the same, in days.

use std::fmt;

use zeroize::Zeroizing;

use crate::backup_codes::{BackupCodeError, BackupCodes, Cost, Count, Digest, Salt, digest_of};
use crate::id::Id;
use crate::time::Time;

/// The scratch codes that somebody brought along.
#[derive(Clone, Debug)]
pub struct ScratchCodes {
    /// Their digests. What is spent of them is kept as it is of backup codes.
    pub set: BackupCodes,
    /// From when on none of them opens anything.
    pub expires: Time,
}

impl ScratchCodes {
    /// How many codes are kept at most.
    pub const MOST: usize = Count::MOST.get() as usize;

    /// Makes a set of these codes: one digest each. There must be 1 to [`MOST`](Self::MOST) of them.
    pub fn make(codes: &[ScratchCode], cost: Cost, expires: Time) -> Result<Self, BackupCodeError> {
        let salt = Salt::generate()?;
        let digests = codes
            .iter()
            .map(|code| code.digest(&salt, cost))
            .collect::<Result<_, _>>()?;
        let set = BackupCodes {
            id: Id::new()?,
            salt,
            cost,
            digests,
        };
        Ok(Self { set, expires })
    }

    /// Whether they open nothing any more.
    #[must_use]
    pub fn is_over(&self, now: Time) -> bool {
        self.expires <= now
    }
}

/// A scratch code in plain text: 10000000 to 99999999.
#[derive(Clone)]
pub struct ScratchCode(Zeroizing<String>);

impl ScratchCode {
    /// How many digits a code has.
    pub const DIGITS: usize = 8;

    /// Takes the digits of a code, without anything between them. The first one is none of 0.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        let is_code = digits.len() == Self::DIGITS
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_code.then(|| Self(Zeroizing::new(digits.to_owned())))
    }

    /// What one Argon2id evaluation makes of this code, as of a [`BackupCode`](crate::backup_codes::BackupCode).
    pub fn digest(&self, salt: &Salt, cost: Cost) -> Result<Digest, BackupCodeError> {
        digest_of(&self.0, salt, cost)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ScratchCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CHEAP, NOW};

    #[test]
    fn eight_digits_of_which_the_first_is_not_zero_are_one_and_nothing_else_is() {
        for text in ["10000000", "99999999", "31415926"] {
            assert_eq!(ScratchCode::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            "1000000",
            "100000000",
            "00000001",
            "09999999",
            "1234567a",
            "1234 567",
            "\u{661}2345678",
        ] {
            assert!(ScratchCode::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn each_code_is_found_in_its_set_until_the_set_is_over() {
        let codes = ["10000000", "99999999"].map(|code| ScratchCode::parse(code).unwrap());
        let made = ScratchCodes::make(&codes, CHEAP, NOW.plus(1)).unwrap();
        for (number, code) in (0..).zip(&codes) {
            let digest = code.digest(&made.set.salt, CHEAP).unwrap();
            assert_eq!(made.set.position(&digest), Some(number));
        }
        assert!(!made.is_over(NOW) && made.is_over(NOW.plus(1)));
    }

    #[test]
    fn a_digest_is_argon2id_of_the_digits() {
        // Computed with argon2-cffi: hash_secret_raw(b"12345678", b"\1"*16, 2, 1024, 1, 32, Type.ID).
        let cost = Cost {
            m_kib: 1024,
            t: 2,
            p: 1,
        };
        let code = ScratchCode::parse("12345678").unwrap();
        let digest = code.digest(&Salt::from_bytes([1; 16]), cost).unwrap();
        assert_eq!(digest.to_hex(), ARGON2ID);
    }

    #[test]
    fn a_code_is_never_printed() {
        let code = ScratchCode::parse("12345678").unwrap();
        assert_eq!(format!("{code:?}"), "[redacted]");
    }

    const ARGON2ID: &str = "f0ff4909ece31e529ce7f01c7e6af414edb53feb88edc86c2015219737f970b6";
}
