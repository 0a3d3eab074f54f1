//! Backup codes: the way in when the phone is lost. Made here, shown once, kept only as Argon2id digests.
//!
//! All codes of a set share one salt, so that one Argon2id evaluation tests an answer against all of them. NIST SP
//! 800-63B asks for a salt per look-up secret; with 80 random bits in each code, sharing it gives nothing away.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::hex;
use crate::id::Id;
use crate::random::{self, RandomError};

/// One set of backup codes, as digests.
#[derive(Clone, Debug)]
pub struct BackupCodes {
    /// What the spent codes are keyed by: a new set has a new id.
    pub id: Id,
    /// The salt of the whole set.
    pub salt: Salt,
    /// What one evaluation costs.
    pub cost: Cost,
    /// A digest for each code, spent or not.
    pub digests: Vec<Digest>,
}

impl BackupCodes {
    /// Makes a set of `count` codes. The codes come back beside it, to be shown once.
    pub fn make(count: Count, cost: Cost) -> Result<(Self, Vec<BackupCode>), BackupCodeError> {
        let id = Id::new()?;
        let salt = Salt::generate()?;
        let codes = (0..count.get())
            .map(|_| BackupCode::generate())
            .collect::<Result<Vec<_>, _>>()?;
        let digests = codes
            .iter()
            .map(|code| code.digest(&salt, cost))
            .collect::<Result<_, _>>()?;
        Ok((
            Self {
                id,
                salt,
                cost,
                digests,
            },
            codes,
        ))
    }

    /// The number of the code that has this digest. Every code is compared, in constant time.
    #[must_use]
    pub fn position(&self, digest: &Digest) -> Option<u8> {
        let mut found = Choice::from(0);
        let mut position = 0;
        for (number, candidate) in (0_u8..).zip(&self.digests) {
            let equal = candidate.0.ct_eq(&digest.0);
            position.conditional_assign(&number, equal);
            found |= equal;
        }
        bool::from(found).then_some(position)
    }
}

/// A backup code in plain text: [`SYMBOLS`](Self::SYMBOLS) symbols of 4 random bits each.
#[derive(Clone)]
pub struct BackupCode(Zeroizing<String>);

impl BackupCode {
    /// How many symbols a code has: 80 bits.
    pub const SYMBOLS: usize = 20;

    /// Takes the symbols of a code, in any case, without anything between them.
    #[must_use]
    pub fn parse(symbols: &str) -> Option<Self> {
        if symbols.len() != Self::SYMBOLS {
            return None;
        }
        let code = Zeroizing::new(symbols.to_ascii_uppercase());
        code.bytes()
            .all(|symbol| ALPHABET.contains(&symbol))
            .then_some(Self(code))
    }

    /// What one Argon2id evaluation makes of this code: tens of milliseconds and [`Cost::m_kib`] of memory.
    ///
    /// The memory is asked for fallibly: where there is none, this is an error and not an abort.
    pub fn digest(&self, salt: &Salt, cost: Cost) -> Result<Digest, BackupCodeError> {
        digest_of(&self.0, salt, cost)
    }

    /// The code as it is shown: in groups of four, easy to read aloud.
    #[must_use]
    pub fn grouped(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(Self::SYMBOLS + Self::SYMBOLS / 4));
        for (index, symbol) in self.0.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                text.push('-');
            }
            text.push(symbol);
        }
        text
    }

    /// The symbols, in capitals, without anything between them.
    #[must_use]
    pub fn symbols(&self) -> &str {
        &self.0
    }

    /// Some code that belongs to nobody: for work that is only to take as long as it does elsewhere.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self(Zeroizing::new(
            char::from(ALPHABET[0]).to_string().repeat(Self::SYMBOLS),
        ))
    }

    /// A new code.
    pub fn generate() -> Result<Self, RandomError> {
        let bits = Zeroizing::new(random::bytes::<{ Self::SYMBOLS / 2 }>()?);
        let mut code = Zeroizing::new(String::with_capacity(Self::SYMBOLS));
        for byte in bits.iter() {
            code.push(char::from(ALPHABET[usize::from(byte >> 4)]));
            code.push(char::from(ALPHABET[usize::from(byte & 0xf)]));
        }
        Ok(Self(code))
    }
}

/// What one Argon2id evaluation makes of the symbols or digits of a code.
pub(crate) fn digest_of(code: &str, salt: &Salt, cost: Cost) -> Result<Digest, BackupCodeError> {
    let params = Params::new(cost.m_kib, cost.t, cost.p, Some(Digest::BYTES))
        .map_err(BackupCodeError::Argon2)?;
    let mut digest = Digest([0; Digest::BYTES]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(code.as_bytes(), &salt.0, &mut digest.0)
        .map_err(BackupCodeError::Argon2)?;
    Ok(digest)
}

impl fmt::Debug for BackupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The salt of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt([u8; 16]);

impl Salt {
    /// A new salt.
    pub fn generate() -> Result<Self, RandomError> {
        random::bytes().map(Self)
    }

    /// A salt of known bytes: for an answer that there is nothing to compare with, and for tests.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads what [`Display`](fmt::Display) writes, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode(text).map(Self)
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

/// What an Argon2id evaluation makes of a code.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Digest([u8; Self::BYTES]);

impl Digest {
    /// Its length in bytes.
    pub const BYTES: usize = 32;

    /// Reads what [`to_hex`](Self::to_hex) writes, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode(text).map(Self)
    }

    /// The digest as it is kept.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }
}

/// In constant time.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What an Argon2id evaluation costs (RFC 9106).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Memory in KiB.
    pub m_kib: u32,
    /// Passes over the memory.
    pub t: u32,
    /// Lanes.
    pub p: u32,
}

impl Cost {
    /// What new sets use: 19 MiB and two passes, OWASP's advice, about 25 ms.
    #[cfg(not(all(fuzzing, feature = "fuzzing")))]
    pub const DEFAULT: Self = Self {
        m_kib: 19_456,
        t: 2,
        p: 1,
    };

    /// What takes no time. Only in a fuzz target: whoever builds one sets `fuzzing` and the feature of that name.
    #[cfg(all(fuzzing, feature = "fuzzing"))]
    pub const DEFAULT: Self = Self {
        m_kib: 8,
        t: 1,
        p: 1,
    };

    /// What is spent for whoever has no set, so that it takes as long as for whoever has one.
    pub(crate) fn of_nobody() -> Self {
        #[cfg(test)]
        if crate::testing::thrift::holds() {
            return crate::testing::CHEAP;
        }
        Self::DEFAULT
    }

    /// Whether a set of this cost may be evaluated in a login: a store must not be able to ask for a gigabyte or a minute.
    #[must_use]
    pub const fn is_bearable(self) -> bool {
        self.p >= 1
            && self.p <= 4
            && self.t >= 1
            && self.t <= 10
            && self.m_kib >= 8 * self.p
            && self.m_kib <= 262_144
    }
}

/// How many codes a set has: 1 to 20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Count(u8);

impl Count {
    /// Ten codes.
    pub const DEFAULT: Self = Self(10);
    /// The largest set.
    pub const MOST: Self = Self(20);

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u64> for Count {
    type Error = BadCount;

    fn try_from(count: u64) -> Result<Self, BadCount> {
        u8::try_from(count)
            .ok()
            .filter(|count| (1..=Self::MOST.0).contains(count))
            .map(Self)
            .ok_or(BadCount)
    }
}

impl From<Count> for u64 {
    fn from(count: Count) -> Self {
        Self::from(count.0)
    }
}

/// The number is not one that a set can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a set has 1 to 20 backup codes")]
pub struct BadCount;

/// Why backup codes could not be made or an answer not be hashed.
#[derive(Debug, thiserror::Error)]
pub enum BackupCodeError {
    /// The kernel gave no random bits.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Argon2id failed, for want of memory as a rule.
    #[error("a backup code could not be hashed: {0}")]
    Argon2(argon2::Error),
}

/// Sixteen symbols that are hard to mistake for each other, read or heard, in either case: of 0 O Q D, 1 I L, 2 Z, 5 S, 8 B,
/// 6 G, U V and M N at most one is in it, and no vowel, so that no code spells a word.
const ALPHABET: &[u8; 16] = b"34679CFHJKMRTWXY";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CHEAP;

    #[test]
    fn a_code_is_found_in_its_own_set_and_in_no_other() {
        let (set, codes) = BackupCodes::make(Count::DEFAULT, CHEAP).unwrap();
        let (other, _) = BackupCodes::make(Count::DEFAULT, CHEAP).unwrap();
        for (number, code) in (0..).zip(&codes) {
            let typed = BackupCode::parse(&code.grouped().replace('-', "").to_lowercase()).unwrap();
            assert_eq!(
                set.position(&typed.digest(&set.salt, CHEAP).unwrap()),
                Some(number)
            );
            assert_eq!(
                other.position(&typed.digest(&other.salt, CHEAP).unwrap()),
                None
            );
        }
    }

    #[test]
    fn codes_are_shown_in_groups_of_four() {
        let code = BackupCode::parse("34679CFHJKMRTWXY3467").unwrap();
        assert_eq!(*code.grouped(), "3467-9CFH-JKMR-TWXY-3467");
    }

    #[test]
    fn what_has_no_backup_codes_shape_is_refused() {
        for text in [
            "",
            "34679CFHJKMRTWXY346",
            "34679CFHJKMRTWXY34677",
            "A4679CFHJKMRTWXY3467",
            "é4679CFHJKMRTWXY346",
        ] {
            assert!(BackupCode::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn codes_of_a_set_differ() {
        let (_, codes) = BackupCodes::make(Count::MOST, CHEAP).unwrap();
        let mut texts: Vec<_> = codes.iter().map(|code| code.symbols().to_owned()).collect();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), 20);
    }

    #[test]
    fn a_digest_is_argon2id_as_others_compute_it() {
        // Computed with argon2-cffi: hash_secret_raw(b"34679CFHJKMRTWXY3467", b"\1"*16, 2, 1024, 1, 32, Type.ID).
        let code = BackupCode::parse("34679CFHJKMRTWXY3467").unwrap();
        let cost = Cost {
            m_kib: 1024,
            t: 2,
            p: 1,
        };
        let digest = code.digest(&Salt::from_bytes([1; 16]), cost).unwrap();
        assert_eq!(
            digest.to_hex(),
            "d640d817d6b353537016761f7bb6a57fcd30a0246c68bcf68aefd48f730e11a8"
        );
    }

    #[test]
    fn codes_and_digests_are_never_printed() {
        let (set, codes) = BackupCodes::make(Count::DEFAULT, CHEAP).unwrap();
        let printed = format!("{set:?} {codes:?}");
        assert!(
            !printed.contains(codes[0].symbols()) && !printed.contains(&set.digests[0].to_hex())
        );
    }

    #[test]
    fn an_unbearable_cost_is_known_as_such() {
        assert!(Cost::DEFAULT.is_bearable());
        for cost in [
            Cost {
                m_kib: 262_145,
                t: 1,
                p: 1,
            },
            Cost {
                m_kib: 8,
                t: 11,
                p: 1,
            },
            Cost {
                m_kib: 8,
                t: 1,
                p: 0,
            },
            Cost {
                m_kib: 7,
                t: 1,
                p: 1,
            },
        ] {
            assert!(!cost.is_bearable());
        }
    }
}
