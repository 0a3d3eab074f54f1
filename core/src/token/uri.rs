//! `otpauth://` URIs, as authenticators read them off a QR code.
//!
//! The format is Google Authenticator's "Key Uri Format". Where there is room everything is written, since authenticators
//! differ in what they take for granted; and everything but `[A-Za-z0-9._~-]` is percent-encoded, since they differ in what
//! else they can read.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::{Algorithm, Digits, Kind, Period, Token};

/// The URI that gives `token` to an authenticator, shown there as `account` of `issuer`.
#[must_use]
pub fn otpauth_uri(token: &Token, issuer: &str, account: &str) -> Zeroizing<String> {
    let (moves, by) = match token.kind {
        Kind::Totp { period } => ("period", period.seconds()),
        Kind::Hotp { counter } => ("counter", counter.step().0),
    };
    let issuer = utf8_percent_encode(issuer, RESERVED);
    let rest = format!(
        "otpauth://{kind}/{issuer}:{account}?issuer={issuer}&algorithm={algorithm}&digits={digits}&{moves}={by}",
        kind = token.kind.as_str(),
        account = utf8_percent_encode(account, RESERVED),
        algorithm = token.algorithm.as_str(),
        digits = token.digits.get(),
    );
    with_secret(&rest, '&', token)
}

/// The same as short as it can be, for a picture on a small screen: what the Key Uri Format has a default for is left out
/// where the token has that, and the issuer stands in the label alone.
#[must_use]
pub fn short_otpauth_uri(token: &Token, issuer: &str, account: &str) -> Zeroizing<String> {
    // Writing to a String cannot fail.
    let mut parameters = String::new();
    if token.algorithm != Algorithm::Sha1 {
        parameters = format!("&algorithm={}", token.algorithm.as_str());
    }
    if token.digits != Digits::SIX {
        let _ = write!(parameters, "&digits={}", token.digits.get());
    }
    let _ = match token.kind {
        Kind::Totp {
            period: Period::THIRTY,
        } => Ok(()),
        Kind::Totp { period } => write!(parameters, "&period={}", period.seconds()),
        // It has no default.
        Kind::Hotp { counter } => write!(parameters, "&counter={}", counter.step().0),
    };
    let label = format!(
        "otpauth://{}/{}:{}",
        token.kind.as_str(),
        utf8_percent_encode(issuer, RESERVED),
        utf8_percent_encode(account, RESERVED)
    );
    match parameters.strip_prefix('&') {
        Some(parameters) => with_secret(&format!("{label}?{parameters}"), '&', token),
        None => with_secret(&label, '?', token),
    }
}

/// The secret comes last, into memory that was asked for at once: a buffer that grows leaves copies behind.
fn with_secret(rest: &str, separator: char, token: &Token) -> Zeroizing<String> {
    const KEY: &str = "secret=";
    let secret = token.secret.to_base32();
    let room = rest.len() + 1 + KEY.len() + secret.len();
    let mut uri = Zeroizing::new(String::with_capacity(room));
    uri.push_str(rest);
    uri.push(separator);
    uri.push_str(KEY);
    uri.push_str(&secret);
    uri
}

/// All but the unreserved characters of RFC 3986, 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::token::token;
    use crate::token::{Counter, Secret};

    #[test]
    fn the_short_form_says_only_what_an_authenticator_would_not_take_for_granted() {
        let usual = Token {
            secret: Secret::from_bytes(b"12345678901234567890".to_vec().into()).unwrap(),
            ..token(1, "phone")
        };
        let uri = short_otpauth_uri(&usual, "server1", "alice@x");
        assert_eq!(
            *uri,
            "otpauth://totp/server1:alice%40x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
        assert_eq!(uri.len(), uri.capacity());

        let unusual = Token {
            algorithm: Algorithm::Sha256,
            digits: Digits::try_from(8).unwrap(),
            kind: Kind::Totp {
                period: Period::try_from(60).unwrap(),
            },
            ..usual
        };
        assert_eq!(
            *short_otpauth_uri(&unusual, "server1", "alice"),
            "otpauth://totp/server1:alice?algorithm=SHA256&digits=8&period=60\
             &secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
    }

    #[test]
    fn everything_is_written_and_names_are_percent_encoded() {
        let token = Token {
            secret: Secret::from_bytes(b"12345678901234567890".to_vec().into()).unwrap(),
            ..token(1, "phone")
        };
        assert_eq!(
            *otpauth_uri(&token, "ACME & Söhne", "alice@host:1"),
            "otpauth://totp/ACME%20%26%20S%C3%B6hne:alice%40host%3A1?issuer=ACME%20%26%20S%C3%B6hne\
             &algorithm=SHA1&digits=6&period=30&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
    }

    #[test]
    fn a_counter_based_token_says_the_counter_that_it_begins_with() {
        let counter = Counter::try_from(7).unwrap();
        let token = Token {
            kind: Kind::Hotp { counter },
            ..token(1, "key")
        };
        let uri = otpauth_uri(&token, "ACME", "alice");
        assert!(uri.starts_with(
            "otpauth://hotp/ACME:alice?issuer=ACME&algorithm=SHA1&digits=6&counter=7&secret="
        ));
        let uri = short_otpauth_uri(&token, "ACME", "alice");
        assert!(uri.starts_with("otpauth://hotp/ACME:alice?counter=7&secret="));
    }
}
