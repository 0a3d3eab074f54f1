//! HMAC-based one-time codes (RFC 4226): a code for a counter. A time-based token is one whose counter is the time.

use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use super::{Algorithm, Digits, Secret};

/// A secret made ready to give codes.
pub struct Hotp(Totp);

impl Hotp {
    /// Codes of `digits` digits from `secret`.
    #[must_use]
    pub fn new(secret: &Secret, algorithm: Algorithm, digits: Digits) -> Self {
        let algorithm = match algorithm {
            Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
            Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
            Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
        };
        // With steps of one second the time is the counter, which is RFC 4226. What the library's checking builder
        // would check, our types have proved.
        Self(
            Builder::new()
                .with_secret(secret.for_hmac())
                .with_algorithm(algorithm)
                .with_digits(digits.get())
                .with_skew(0)
                .with_step_duration(1)
                .build_noncompliant(),
        )
    }

    /// The code for a counter.
    #[must_use]
    pub fn code(&self, counter: u64) -> Zeroizing<String> {
        Zeroizing::new(self.0.generate(counter).to_string())
    }

    /// Whether `code` is the code for `counter`. The comparison takes constant time.
    #[must_use]
    pub fn matches(&self, code: &str, counter: u64) -> bool {
        self.0.check(code, counter).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_rfc_4226_appendix_d_come_out() {
        let secret = Secret::from_bytes(b"12345678901234567890".to_vec().into()).unwrap();
        let hotp = Hotp::new(&secret, Algorithm::Sha1, Digits::SIX);
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(*hotp.code(counter), code, "counter {counter}");
            assert!(hotp.matches(code, counter));
            assert!(!hotp.matches(code, counter + 1));
        }
    }
}
