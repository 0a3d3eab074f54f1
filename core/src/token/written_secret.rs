//! A secret as somebody else wrote it: the maker of a hardware token in hex, the other system in base32.
//!
//! Nothing is guessed. What could be either is refused until it says which it is, for read the wrong way it would be a
//! secret that no token has.

use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

use super::{BadSecret, Secret};

impl Secret {
    /// The longest text that is read, in bytes: twice what the longest secret takes in hex.
    pub const LONGEST_TEXT: usize = 512;

    /// Reads a secret in hex or base32, in any case, with spaces and dashes anywhere in it.
    ///
    /// `hex:` or `base32:` in front says which it is. Without that it is base32 if a letter after F or padding is in it, hex if one of
    /// the digits 0, 1, 8 and 9 is, and otherwise an error.
    pub fn parse_written(text: &[u8]) -> Result<Self, BadWrittenSecret> {
        if text.len() > Self::LONGEST_TEXT {
            return Err(BadWrittenSecret::TooLong);
        }
        let text = std::str::from_utf8(text).map_err(|_| BadWrittenSecret::Neither)?;
        let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
        if text.is_empty() {
            return Err(BadWrittenSecret::Empty);
        }
        if let Some(hex) = after_prefix(text, "hex:") {
            return from_hex(hex);
        }
        if let Some(base32) = after_prefix(text, "base32:") {
            return from_base32(base32);
        }
        let letters = || text.chars().filter(|c| !matches!(c, ' ' | '-'));
        let is_hex = letters().all(|c| c.is_ascii_hexdigit());
        let is_base32 = letters().all(|c| matches!(c, 'A'..='Z' | 'a'..='z' | '2'..='7' | '='));
        match (is_hex, is_base32) {
            (true, true) => Err(BadWrittenSecret::Either),
            (true, false) => from_hex(text),
            (false, true) => from_base32(text),
            (false, false) => Err(BadWrittenSecret::Neither),
        }
    }
}

/// What stands after the prefix, which may be in any case.
fn after_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn from_hex(text: &str) -> Result<Secret, BadWrittenSecret> {
    let mut digits = Zeroizing::new(Vec::with_capacity(text.len()));
    digits.extend(text.bytes().filter(|byte| !matches!(byte, b' ' | b'-')));
    if digits.len() % 2 != 0 {
        return Err(BadWrittenSecret::Hex);
    }
    let mut bytes = Zeroizing::new(vec![0; digits.len() / 2]);
    HEXLOWER_PERMISSIVE
        .decode_mut(&digits, &mut bytes)
        .map_err(|_| BadWrittenSecret::Hex)?;
    Ok(Secret::from_bytes(bytes)?)
}

fn from_base32(text: &str) -> Result<Secret, BadWrittenSecret> {
    Ok(Secret::from_base32(text)?)
}

/// Why a text is no secret. No error holds any of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWrittenSecret {
    /// Nothing but space.
    #[error("there is no secret in it")]
    Empty,
    /// More than the longest secret takes.
    #[error("it is longer than any secret")]
    TooLong,
    /// The letters A to F and the digits 2 to 7 alone.
    #[error("it can be read as hex and as base32: write `hex:` or `base32:` in front of it")]
    Either,
    /// Other characters.
    #[error(
        "it is neither hex (the digits 0 to 9 and the letters A to F) nor base32 (the letters A to Z and the digits 2 to 7)"
    )]
    Neither,
    /// Said to be hex, or nothing else, and yet not hex.
    #[error("it is not hex: two of the digits 0 to 9 and the letters A to F for each byte")]
    Hex,
    /// Base32 that is none, or a length that no secret has.
    #[error(transparent)]
    Secret(#[from] BadSecret),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The secret of the vectors of RFC 4226, appendix D.
    const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const HEX: &str = "3132333435363738393031323334353637383930";

    #[test]
    fn hex_and_base32_are_told_apart_where_they_can_be() {
        for text in [
            HEX,
            BASE32,
            "hex:3132333435363738393031323334353637383930",
            "HEX: 31323334-35363738 39303132 33343536 37383930\n",
            "base32:gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
            "  Base32:GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ====\r\n",
        ] {
            let secret = Secret::parse_written(text.as_bytes()).unwrap();
            assert_eq!(*secret.to_base32(), BASE32, "{text}");
        }
    }

    #[test]
    fn what_could_be_either_has_to_say_which_it_is() {
        let text = "ABCDEF234567ABCDEF234567ABCDEF23";
        assert_eq!(
            Secret::parse_written(text.as_bytes()).unwrap_err(),
            BadWrittenSecret::Either
        );
        let read = |prefix: &str| {
            let secret = Secret::parse_written(format!("{prefix}{text}").as_bytes()).unwrap();
            secret.to_base32().len()
        };
        // 16 bytes and 20.
        assert_eq!((read("hex:"), read("base32:")), (26, 32));
    }

    #[test]
    fn what_is_no_secret_is_refused_and_says_why() {
        let too_long = "a".repeat(513);
        for (text, error) in [
            ("", BadWrittenSecret::Empty),
            (" \n", BadWrittenSecret::Empty),
            ("hex:", BadSecret::Length.into()),
            (&too_long, BadWrittenSecret::TooLong),
            ("correct horse battery 9", BadWrittenSecret::Neither),
            ("3132333435\n3132333435", BadWrittenSecret::Neither),
            ("otpauth://totp/x?secret=GEZD", BadWrittenSecret::Neither),
            ("\u{663}132", BadWrittenSecret::Neither),
            ("hex:GEZDGNBVGY3TQOJQ", BadWrittenSecret::Hex),
            (
                "0123456789012345678901234567890123456789a",
                BadWrittenSecret::Hex,
            ),
            ("0123456789", BadSecret::Length.into()),
            ("base32:3132333435363738", BadSecret::Base32.into()),
            ("GEZDGNBVGY3TQOJQ", BadSecret::Length.into()),
        ] {
            let found = Secret::parse_written(text.as_bytes());
            assert_eq!(found.unwrap_err(), error, "{text}");
        }
        assert_eq!(
            Secret::parse_written(b"\xff").unwrap_err(),
            BadWrittenSecret::Neither
        );
    }

    proptest! {
        #[test]
        fn a_secret_in_either_spelling_comes_back(bytes in prop::collection::vec(any::<u8>(), 16..=128)) {
            let secret = Secret::from_bytes(bytes.clone().into()).unwrap();
            for text in [
                format!("hex:{}", HEXLOWER_PERMISSIVE.encode(&bytes)),
                format!("base32:{}", *secret.to_base32()),
            ] {
                prop_assert!(Secret::parse_written(text.as_bytes()).unwrap().is_same_as(&secret));
            }
        }

        #[test]
        fn nothing_is_read_as_what_it_was_not_meant_to_be(bytes in prop::collection::vec(any::<u8>(), 16..=128)) {
            let secret = Secret::from_bytes(bytes.clone().into()).unwrap();
            for text in [HEXLOWER_PERMISSIVE.encode(&bytes), secret.to_base32().to_string()] {
                match Secret::parse_written(text.as_bytes()) {
                    Ok(read) => prop_assert!(read.is_same_as(&secret)),
                    Err(error) => prop_assert_eq!(error, BadWrittenSecret::Either),
                }
            }
        }
    }
}
