//! `otpauth://` URIs, as authenticators read them off a QR code.
//!
//! The format is Google Authenticator's "Key Uri Format". Everything is always written, since authenticators differ in
//! what they take for granted; and everything but `[A-Za-z0-9._~-]` is percent-encoded, since they differ in what else
//! they can read.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::{Kind, Token};

/// The URI that gives `token` to an authenticator, shown there as `account` of `issuer`.
#[must_use]
pub fn otpauth_uri(token: &Token, issuer: &str, account: &str) -> Zeroizing<String> {
    let Kind::Totp { period } = token.kind;
    let issuer = utf8_percent_encode(issuer, RESERVED);
    // The secret is formatted last, into memory that was asked for at once: a buffer that grows leaves copies behind.
    let secret = token.secret.to_base32();
    let rest = format!(
        "otpauth://totp/{issuer}:{account}?issuer={issuer}&algorithm={algorithm}&digits={digits}&period={period}&secret=",
        account = utf8_percent_encode(account, RESERVED),
        algorithm = token.algorithm.as_str(),
        digits = token.digits.get(),
        period = period.seconds(),
    );
    let mut uri = Zeroizing::new(String::with_capacity(rest.len() + secret.len()));
    uri.push_str(&rest);
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
    use crate::token::Secret;

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
}
