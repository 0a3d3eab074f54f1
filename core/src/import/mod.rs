//! What people had in other systems: read from the files of those, and made into what can be enrolled here.
//!
//! Nothing here opens a file or asks who somebody is. A file is untrusted bytes; what comes of it is values that can be enrolled
//! ([`Brought`]), what of it has no counterpart here, and why ([`Dropped`]), or why nothing of it can be taken ([`NotTaken`]).

pub mod google_authenticator;
pub mod oath;

use std::fmt;

use crate::enrollment::Enrollment;
use crate::scratch_codes::{ScratchCode, ScratchCodes};
use crate::time::Time;
use crate::token::{Digits, Drift, Kind, Label, Period, Secret, Step};

/// What one person brings along.
#[derive(Clone, Debug)]
pub struct Brought {
    /// 1 to [`Enrollment::MOST_TOKENS`] tokens, no two with one secret.
    pub tokens: Vec<BroughtToken>,
    /// Scratch codes, at most [`ScratchCodes::MOST`].
    pub scratch_codes: Vec<ScratchCode>,
    /// What is left behind.
    pub dropped: Vec<Dropped>,
}

/// One token that somebody brings along. Its hash is SHA1, as the systems that it comes from know no other.
#[derive(Clone, Debug)]
pub struct BroughtToken {
    /// What it is called here.
    pub label: Label,
    /// How it counts.
    pub kind: Kind,
    /// What the authenticator has.
    pub secret: Secret,
    /// How long a code is.
    pub digits: Digits,
    /// How far its clock is known to be off.
    pub drift: Drift,
    /// The last step that the other system says it accepted; of a counter-based token the counter.
    pub used: Option<Step>,
    /// The last step that it may have accepted so far or accepts in the next minute: of it and those before it no code opens anything here.
    pub may_be_used: Option<Step>,
}

/// What is left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// `WINDOW_SIZE`: how many codes are accepted at a time.
    Window(u64),
    /// `RATE_LIMIT`.
    RateLimit,
    /// `RESETTING_TIME_SKEW`: codes given while a clock was being learned.
    PendingSkew,
    /// `TIME_SKEW` of a token that counts.
    SkewOfCounter,
    /// `LAST0` to `LAST9`: from where somebody was not asked.
    GracePeriod,
    /// So many scratch codes more than a set has.
    ScratchCodes(usize),
    /// The PIN in front of the codes.
    Pin,
    /// `LAST_OTP`, which is the code of no step near its time.
    LastCode,
}

impl Dropped {
    /// What the other system calls it.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::Window(_) => "WINDOW_SIZE",
            Self::RateLimit => "RATE_LIMIT",
            Self::PendingSkew => "RESETTING_TIME_SKEW",
            Self::SkewOfCounter => "TIME_SKEW",
            Self::GracePeriod => "LAST0",
            Self::ScratchCodes(_) => "scratch codes",
            Self::Pin => "PIN",
            Self::LastCode => "LAST_OTP",
        }
    }
}

impl fmt::Display for Dropped {
    /// Why it is left behind.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window(size) => write!(
                f,
                "WINDOW_SIZE {size}: here [token] window holds for everybody, and two codes in a row bring back a clock that is further off"
            ),
            Self::RateLimit => f.write_str("RATE_LIMIT: here [throttle] holds for everybody"),
            Self::PendingSkew => f.write_str("RESETTING_TIME_SKEW: what it was about to learn is learned anew, from two codes in a row"),
            Self::SkewOfCounter => f.write_str("TIME_SKEW: a token that counts has no clock"),
            Self::GracePeriod => f.write_str("LAST0 to LAST9: here [trust] remember says where somebody is not asked"),
            Self::ScratchCodes(count) => write!(
                f,
                "{count} scratch codes: a set has {} at most, and these are the last ones in the file",
                ScratchCodes::MOST
            ),
            Self::Pin => f.write_str("PIN: here the password is what stands beside a code"),
            Self::LastCode => f.write_str(
                "LAST_OTP: it is the code of no step near its time, so that every code of the next minutes counts as used",
            ),
        }
    }
}

/// Why nothing of somebody can be taken. No text of these holds anything of a file but numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// More than the other system reads.
    #[error("the file is longer than {0} bytes, more than it may be")]
    TooLong(usize),
    /// A NUL.
    #[error("there is a NUL byte in the file")]
    Nul,
    /// The first line, or a key, is no secret.
    #[error("line {0}: not a secret")]
    BadSecret(usize),
    /// A secret that no HMAC needs.
    #[error("the secret has more than 128 bytes; enroll the person anew")]
    LongSecret,
    /// A value that cannot be, at which the other system refuses everybody.
    #[error("{0} has a value that it cannot have; nobody gets in with this file as it is")]
    BadValue(&'static str),
    /// Fewer than 15 seconds.
    #[error("STEP_SIZE {0}: steps have 15 to 120 seconds here; enroll the person anew")]
    Step(u64),
    /// More than a token's clock may be off.
    #[error(
        "TIME_SKEW {0}: the clock of the phone is further off than [token] resync_window allows; set it right, or raise that (100 at most)"
    )]
    Skew(i64),
    /// A step that is still to come.
    #[error(
        "DISALLOW_REUSE has a step that is still to come: the clock of the host was ahead when it was used, or is behind now; set the \
         clock right, or wait for {0} s and import again"
    )]
    UsedLater(u64),
    /// Neither a token nor scratch codes.
    #[error(
        "neither TOTP_AUTH nor HOTP_COUNTER, and no scratch codes: nothing in it opens anything"
    )]
    Nothing,
    /// A plain PIN.
    #[error(
        "a PIN stands in front of the codes, which nothing here asks for. Where the password is enough beside a code, add --without-pin"
    )]
    Pin,
    /// A line that ends too early, or has a value that cannot be.
    #[error(
        "line {0}: not a token: TYPE USER PIN HEXKEY, then perhaps COUNTER, LAST_OTP and TIMESTAMP"
    )]
    BadLine(usize),
    /// Two lines with one secret.
    #[error("two tokens with one secret: a code would open twice")]
    Twins,
    /// More tokens than somebody can have.
    #[error("more than {} tokens", Enrollment::MOST_TOKENS)]
    TooMany,
}

/// The last step of a time-based token that is accepted until a minute from now by somebody who accepts so many steps more than what it
/// shows.
fn may_be_used(period: Period, drift: Drift, beyond: u64, now: Time) -> Step {
    period.step_at(now.plus(60)).drifted(drift).plus(beyond)
}
