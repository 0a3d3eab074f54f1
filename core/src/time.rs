//! Time as a value: seconds since 1970, and the clock that gives them.
//!
//! Rules take a [`Time`]; only a [`Clock`] knows what time it is, so that every rule can be tested at every moment.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// A moment: whole seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The moment so many seconds after 1970.
    #[must_use]
    pub const fn from_unix(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970.
    #[must_use]
    pub const fn unix(self) -> u64 {
        self.0
    }

    /// The moment `seconds` later; the last one that can be told where there is none.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` until this moment; 0 where it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads an RFC 3339 time such as `2026-11-24T02:30:00Z`.
    pub fn parse_rfc3339(text: &str) -> Result<Self, BadTime> {
        let timestamp: Timestamp = text.parse().map_err(|_| BadTime)?;
        u64::try_from(timestamp.as_second())
            .map(Self)
            .map_err(|_| BadTime)
    }

    /// Writes the moment by RFC 3339, in UTC; moments after the year 9999 as the end of it.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        i64::try_from(self.0)
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .unwrap_or(Timestamp::MAX)
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string()
    }
}

/// The text is not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time such as 2026-11-24T02:30:00Z")]
pub struct BadTime;

/// What tells the time and waits.
pub trait Clock {
    /// The time of day.
    fn now(&self) -> Result<Time, ClockError>;

    /// Time since some fixed moment, never going backwards, for measuring how long an answer took.
    fn elapsed(&self) -> Duration;

    /// Waits.
    fn sleep(&self, duration: Duration);
}

/// The clock cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's clock says a time before 1970: set it")]
pub struct ClockError;

/// The machine's own clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// The clock, with its stopwatch at zero.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Result<Time, ClockError> {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map(|since| Time(since.as_secs()))
            .map_err(|_| ClockError)
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_back_from_its_text() {
        let time = Time::from_unix(1_795_487_400);
        assert_eq!(time.to_rfc3339(), "2026-11-24T02:30:00Z");
        assert_eq!(Time::parse_rfc3339("2026-11-24T02:30:00Z"), Ok(time));
    }

    #[test]
    fn a_time_before_1970_and_nonsense_are_refused() {
        for text in ["1969-12-31T23:59:59Z", "2026-11-24", "", "tomorrow"] {
            assert_eq!(Time::parse_rfc3339(text), Err(BadTime), "{text}");
        }
    }

    #[test]
    fn the_last_moment_can_be_written() {
        assert_eq!(
            Time::from_unix(u64::MAX).to_rfc3339(),
            "9999-12-30T22:00:00Z"
        );
    }
}
