//! The secret that a token shares with an authenticator: from the kernel, wiped when dropped, never printed.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::Algorithm;
use crate::hex;
use crate::random::{self, RandomError};

/// Bytes that only the person's authenticator and the store know: 16 to 128 of them, or fewer where another system made the secret.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// A new secret, as long as the hash that it is for: 160 bits or more.
    pub fn generate(algorithm: Algorithm) -> Result<Self, RandomError> {
        let mut bytes = Zeroizing::new(vec![0; algorithm.secret_bytes()]);
        random::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// A secret of known bytes.
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Result<Self, BadSecret> {
        if (SHORTEST..=LONGEST).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(BadSecret::Length)
        }
    }

    /// A secret that another system made and an authenticator has already: 1 to 128 bytes.
    pub fn of_another_system(bytes: Zeroizing<Vec<u8>>) -> Result<Self, BadSecret> {
        if (1..=LONGEST).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(BadSecret::Length)
        }
    }

    /// Reads base32 (RFC 4648) as people write it: any case; spaces, dashes and padding at the end ignored.
    pub fn from_base32(text: &str) -> Result<Self, BadSecret> {
        Self::from_bytes(decode(text)?)
    }

    /// Reads what is kept, the secrets of other systems included.
    pub(crate) fn from_kept_base32(text: &str) -> Result<Self, BadSecret> {
        Self::of_another_system(decode(text)?)
    }

    /// Base32 without padding, as authenticators take it.
    #[must_use]
    pub fn to_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&self.0))
    }

    /// Whether two secrets are the same, in constant time.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// Whether it has fewer than 112 bits, what NIST SP 800-63B-4 (3.1.4.1) asks of a secret at least. Only another system's can.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.0.len() * 8 < 112
    }

    /// Whether it has fewer bytes than a secret that is made here, or taken for a new token.
    pub(crate) fn is_shorter_than_made_here(&self) -> bool {
        self.0.len() < SHORTEST
    }

    /// What tells this secret from others without giving it away: the first 8 bytes of its SHA-256, in hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex::encode(&Sha256::digest(&*self.0)[..8])
    }

    /// A copy for the library that computes codes; it wipes it too.
    pub(super) fn for_hmac(&self) -> totp_rs::Secret {
        totp_rs::Secret::new(self.0.as_slice().into())
    }
}

fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, BadSecret> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    plain.extend(
        text.trim_end_matches('=')
            .chars()
            .filter(|letter| !matches!(letter, ' ' | '-'))
            .map(|letter| letter.to_ascii_uppercase()),
    );
    // Into memory that is wiped also where it turns out not to be base32: most of a mistyped secret is right.
    let length = BASE32_NOPAD.decode_len(plain.len());
    let mut bytes = Zeroizing::new(vec![0; length.map_err(|_| BadSecret::Base32)?]);
    BASE32_NOPAD
        .decode_mut(plain.as_bytes(), &mut bytes)
        .map_err(|_| BadSecret::Base32)?;
    Ok(bytes)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What cannot be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// Other characters than those of base32.
    #[error("a secret is written in base32: the letters A to Z and the digits 2 to 7")]
    Base32,
    /// RFC 4226 (4, R6) asks for 128 bits at least.
    #[error("a secret has {SHORTEST} to {LONGEST} bytes")]
    Length,
}

const SHORTEST: usize = 16;
const LONGEST: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_has_at_least_160_bits_and_is_new() {
        for (algorithm, characters) in [
            (Algorithm::Sha1, 32),
            (Algorithm::Sha256, 52),
            (Algorithm::Sha512, 103),
        ] {
            let first = Secret::generate(algorithm).unwrap().to_base32();
            assert_eq!(first.len(), characters);
            assert_ne!(first, Secret::generate(algorithm).unwrap().to_base32());
        }
    }

    #[test]
    fn base32_is_read_as_people_write_it() {
        let secret = Secret::from_base32("gezd gnbv-gy3t qojq GEZDGNBVGY3TQOJQ====").unwrap();
        assert_eq!(*secret.to_base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn what_is_not_a_secret_is_refused() {
        assert_eq!(Secret::from_base32("").unwrap_err(), BadSecret::Length);
        assert_eq!(
            Secret::from_base32("GEZDGNBV").unwrap_err(),
            BadSecret::Length
        );
        assert_eq!(
            Secret::from_base32(&"A".repeat(208)).unwrap_err(),
            BadSecret::Length
        );
        for text in ["GEZDGNBV1", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ", "é", "A=A"] {
            assert_eq!(
                Secret::from_base32(text).unwrap_err(),
                BadSecret::Base32,
                "{text}"
            );
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::generate(Algorithm::Sha1).unwrap();
        assert_eq!(format!("{secret:?}"), "[redacted]");
    }
}
