//! How long a change is tried: seconds, minutes or hours, as people say it.

use std::str::FromStr;
use std::time::Duration;

/// One second to one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(Duration);

impl Span {
    /// As a duration.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = BadSpan;

    fn from_str(text: &str) -> Result<Self, BadSpan> {
        let end = text.find(|c: char| !c.is_ascii_digit()).ok_or(BadSpan)?;
        let unit = match &text[end..] {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            _ => return Err(BadSpan),
        };
        let number: u64 = text[..end].parse().map_err(|_| BadSpan)?;
        number
            .checked_mul(unit)
            .filter(|seconds| (1..=LONGEST).contains(seconds))
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or(BadSpan)
    }
}

/// Not how long a change can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a change is tried for 1s to 24h: a whole number of seconds, minutes or hours, such as 90s, 10m or 1h"
)]
pub struct BadSpan;

const LONGEST: u64 = 24 * 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_minutes_and_hours_are_read_and_nothing_else() {
        for (text, seconds) in [("1s", 1), ("10m", 600), ("10min", 600), ("24h", 86_400)] {
            assert_eq!(
                text.parse(),
                Ok(Span(Duration::from_secs(seconds))),
                "{text}"
            );
        }
        for text in [
            "",
            "10",
            "m",
            "0s",
            "25h",
            "1d",
            "-1m",
            "1.5h",
            "1 m",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert_eq!(text.parse::<Span>(), Err(BadSpan), "{text}");
        }
    }
}
