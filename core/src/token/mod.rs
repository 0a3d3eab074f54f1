//! A token: the thing a person has, a secret and how codes are made from it.
//!
//! HMAC-based codes by RFC 4226, whose counter moves with every code, and time-based ones by RFC 6238 on top of them.

mod hotp;
mod secret;
mod uri;
mod written_secret;

use std::fmt;

use zeroize::Zeroizing;

pub use hotp::Hotp;
pub use secret::{BadSecret, Secret};
pub use uri::{otpauth_uri, short_otpauth_uri};
pub use written_secret::BadWrittenSecret;

use crate::answer::OneTimeCode;
use crate::id::Id;
use crate::time::Time;

/// One token of a person.
#[derive(Clone, Debug)]
pub struct Token {
    /// What the state of this token is keyed by.
    pub id: Id,
    /// What the person calls it.
    pub label: Label,
    /// How the counter of RFC 4226 moves.
    pub kind: Kind,
    /// What is shared with the authenticator.
    pub secret: Secret,
    /// The hash under the HMAC.
    pub algorithm: Algorithm,
    /// How long a code is.
    pub digits: Digits,
}

impl Token {
    /// How long a step lasts, where time moves the counter.
    #[must_use]
    pub fn period(&self) -> Option<Period> {
        match self.kind {
            Kind::Totp { period } => Some(period),
            Kind::Hotp { .. } => None,
        }
    }

    /// The code of a step, to be shown by tests and to nobody else.
    #[must_use]
    pub fn code_at(&self, step: Step) -> Zeroizing<String> {
        self.hotp().code(step.0)
    }

    /// All steps from `first` to `last` whose code this is, in order.
    ///
    /// Each comparison takes constant time and every step is compared, so that the time tells nothing about where a
    /// match lies.
    #[must_use]
    pub fn matching_steps(&self, code: &OneTimeCode, first: Step, last: Step) -> Vec<Step> {
        if code.as_str().len() != usize::from(self.digits.get()) {
            return Vec::new();
        }
        let hotp = self.hotp();
        (first.0..=last.0)
            .filter(|&counter| hotp.matches(code.as_str(), counter))
            .map(Step)
            .collect()
    }

    /// Whether the two cannot both be a person's.
    #[must_use]
    pub fn is_twin_of(&self, other: &Self) -> bool {
        self.id == other.id || self.label == other.label || self.secret.is_same_as(&other.secret)
    }

    fn hotp(&self) -> Hotp {
        Hotp::new(&self.secret, self.algorithm, self.digits)
    }
}

/// How a token's counter moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// With time (RFC 6238): the counter is the number of periods since 1970.
    Totp {
        /// How long a step lasts.
        period: Period,
    },
    /// With every code (RFC 4226).
    Hotp {
        /// The first counter that opened a door when it was enrolled. What was used since is in the state.
        counter: Counter,
    },
}

impl Kind {
    /// The word for this kind in files, on the command line and in `--json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Totp { .. } => "totp",
            Self::Hotp { .. } => "hotp",
        }
    }
}

/// The counter of a code (RFC 4226, 5.1): of a time-based token the number of periods since 1970 (RFC 6238, 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step(pub u64);

impl Step {
    /// The step `count` later; the last one there is where there is none.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// The step `count` earlier; the first one there is where there is none.
    #[must_use]
    pub const fn minus(self, count: u64) -> Self {
        Self(self.0.saturating_sub(count))
    }

    /// The step that a token shows whose clock is off by this, while this one is the present one.
    #[must_use]
    pub const fn drifted(self, drift: Drift) -> Self {
        Self(self.0.saturating_add_signed(drift.0))
    }
}

/// How far the clock of a token is known to be off, in steps: ahead where it is positive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Drift(i64);

impl Drift {
    /// The clock is right, as far as is known.
    pub const NONE: Self = Self(0);
    /// The most steps that can be learned, in either direction: as many as a resync window can have.
    pub const MOST: i64 = 100;

    /// A drift of so many steps; `None` where it is more than can be learned.
    #[must_use]
    pub const fn new(steps: i64) -> Option<Self> {
        if -Self::MOST <= steps && steps <= Self::MOST {
            Some(Self(steps))
        } else {
            None
        }
    }

    /// How far `shown` is from the present step; `None` where it is more than can be learned.
    #[must_use]
    pub fn between(present: Step, shown: Step) -> Option<Self> {
        let steps = i128::from(shown.0) - i128::from(present.0);
        i64::try_from(steps).ok().and_then(Self::new)
    }

    /// As far in the other direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self(-self.0)
    }

    /// The number of steps.
    #[must_use]
    pub const fn steps(self) -> i64 {
        self.0
    }
}

/// The counter that a token begins with: 0 to 2⁶³−1, which is what TOML can write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Counter(u64);

impl Counter {
    /// That of a token that was never used.
    pub const ZERO: Self = Self(0);

    /// Its step.
    #[must_use]
    pub const fn step(self) -> Step {
        Step(self.0)
    }
}

impl TryFrom<u64> for Counter {
    type Error = BadTokenValue;

    fn try_from(counter: u64) -> Result<Self, BadTokenValue> {
        if i64::try_from(counter).is_ok() {
            Ok(Self(counter))
        } else {
            Err(BadTokenValue::Counter)
        }
    }
}

impl From<Counter> for u64 {
    fn from(counter: Counter) -> Self {
        counter.0
    }
}

/// The hash under the HMAC (RFC 6238, 1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// HMAC-SHA-1: what every authenticator can do. The weakness of SHA-1 to collisions does not touch HMAC.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// The name in URIs and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// How many bytes a new secret has: the length of the hash, as RFC 4226 (4, R6) and RFC 6238 (3, R3) advise.
    #[must_use]
    pub const fn secret_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// How many digits a code has: 6, 7 or 8 (RFC 4226, 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Digits(u8);

impl Digits {
    /// Six digits, what every authenticator shows.
    pub const SIX: Self = Self(6);

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u64> for Digits {
    type Error = BadTokenValue;

    fn try_from(digits: u64) -> Result<Self, BadTokenValue> {
        match digits {
            6 => Ok(Self(6)),
            7 => Ok(Self(7)),
            8 => Ok(Self(8)),
            _ => Err(BadTokenValue::Digits),
        }
    }
}

impl From<Digits> for u64 {
    fn from(digits: Digits) -> Self {
        u64::from(digits.0)
    }
}

/// How long a step lasts: 15 to 120 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Period(u64);

impl Period {
    /// Thirty seconds, what every authenticator takes (RFC 6238, 5.2).
    pub const THIRTY: Self = Self(30);

    /// Its length in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// The step that `now` lies in.
    #[must_use]
    pub const fn step_at(self, now: Time) -> Step {
        Step(now.unix() / self.0)
    }

    /// The moment at which `step` begins.
    #[must_use]
    pub const fn start_of(self, step: Step) -> Time {
        Time::from_unix(step.0.saturating_mul(self.0))
    }
}

impl TryFrom<u64> for Period {
    type Error = BadTokenValue;

    fn try_from(seconds: u64) -> Result<Self, BadTokenValue> {
        if (15..=120).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(BadTokenValue::Period)
        }
    }
}

impl From<Period> for u64 {
    fn from(period: Period) -> Self {
        period.0
    }
}

/// What a person calls a token: 1 to 32 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

impl Label {
    /// Takes a label as the person wrote it.
    pub fn parse(text: &str) -> Result<Self, BadTokenValue> {
        if text.is_empty() || text.len() > 32 || text.chars().any(char::is_control) {
            return Err(BadTokenValue::Label);
        }
        Ok(Self(text.to_owned()))
    }

    /// What most tokens are: the label where nobody chose one.
    #[must_use]
    pub fn usual() -> Self {
        Self("phone".to_owned())
    }

    /// The label as the person wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Label {
    type Error = BadTokenValue;

    fn try_from(text: String) -> Result<Self, BadTokenValue> {
        Self::parse(&text)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value that a token cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTokenValue {
    /// Codes of other lengths are not made by authenticators.
    #[error("digits must be 6, 7 or 8")]
    Digits,
    /// Shorter cannot be typed in time, longer lets a seen code live too long.
    #[error("period must be between 15 and 120 seconds")]
    Period,
    /// More than a file can hold.
    #[error("counter must be at most 9223372036854775807")]
    Counter,
    /// Labels are shown in lists and written to logs.
    #[error("a label has 1 to 32 bytes and no control characters")]
    Label,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: time, then the codes of SHA1, SHA256 and SHA512.
    const VECTORS: [(u64, [&str; 3]); 6] = [
        (59, ["94287082", "46119246", "90693936"]),
        (1_111_111_109, ["07081804", "68084774", "25091201"]),
        (1_111_111_111, ["14050471", "67062674", "99943326"]),
        (1_234_567_890, ["89005924", "91819424", "93441116"]),
        (2_000_000_000, ["69279037", "90698825", "38618901"]),
        (20_000_000_000, ["65353130", "77737706", "47863826"]),
    ];

    fn token(algorithm: Algorithm) -> Token {
        let digits = b"1234567890".iter().cycle().take(algorithm.secret_bytes());
        Token {
            id: Id::from_bytes([0; 16]),
            label: Label::parse("phone").unwrap(),
            kind: Kind::Totp {
                period: Period::THIRTY,
            },
            secret: Secret::from_bytes(digits.copied().collect::<Vec<u8>>().into()).unwrap(),
            algorithm,
            digits: Digits::try_from(8).unwrap(),
        }
    }

    #[test]
    fn the_codes_of_rfc_6238_appendix_b_come_out() {
        for (time, codes) in VECTORS {
            for (algorithm, code) in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]
                .into_iter()
                .zip(codes)
            {
                let token = token(algorithm);
                let step = Period::THIRTY.step_at(Time::from_unix(time));
                assert_eq!(*token.code_at(step), code, "{algorithm:?} at {time}");
                let typed = OneTimeCode::parse(code).unwrap();
                assert_eq!(
                    token.matching_steps(&typed, step.minus(1), step.plus(1)),
                    [step]
                );
            }
        }
    }

    #[test]
    fn a_code_of_another_length_matches_no_step() {
        let token = token(Algorithm::Sha1);
        let six = OneTimeCode::parse("287082").unwrap();
        assert!(token.matching_steps(&six, Step(0), Step(3)).is_empty());
    }

    #[test]
    fn the_first_and_the_last_step_can_be_matched() {
        let token = token(Algorithm::Sha1);
        for step in [Step(0), Step(u64::MAX)] {
            let code = OneTimeCode::parse(&token.code_at(step)).unwrap();
            assert_eq!(
                token.matching_steps(&code, step.minus(1), step.plus(1)),
                [step]
            );
        }
    }

    #[test]
    fn values_out_of_range_are_refused() {
        assert_eq!(Digits::try_from(5), Err(BadTokenValue::Digits));
        assert_eq!(Digits::try_from(262), Err(BadTokenValue::Digits));
        assert_eq!(Period::try_from(14), Err(BadTokenValue::Period));
        assert_eq!(Period::try_from(121), Err(BadTokenValue::Period));
        assert_eq!(Counter::try_from(1 << 63), Err(BadTokenValue::Counter));
        assert_eq!((Drift::new(101), Drift::new(-101)), (None, None));
        for label in ["", "a\nb", &"x".repeat(33)] {
            assert_eq!(Label::parse(label), Err(BadTokenValue::Label));
        }
    }
}
