//! For how long scratch codes that are imported go on opening doors: a number of hours or days.

use std::str::FromStr;

use nightlatch_core::time::Time;

/// One hour to one year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    seconds: u64,
}

impl Expiry {
    /// When they end, if it begins now.
    pub fn end(self, now: Time) -> Time {
        now.plus(self.seconds)
    }
}

impl FromStr for Expiry {
    type Err = BadExpiry;

    fn from_str(text: &str) -> Result<Self, BadExpiry> {
        let (number, unit) = if let Some(hours) = text.strip_suffix('h') {
            (hours, HOUR)
        } else {
            (text.strip_suffix('d').ok_or(BadExpiry)?, DAY)
        };
        if !number.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(BadExpiry);
        }
        let number: u64 = number.parse().map_err(|_| BadExpiry)?;
        number
            .checked_mul(unit)
            .filter(|seconds| (HOUR..=365 * DAY).contains(seconds))
            .map(|seconds| Self { seconds })
            .ok_or(BadExpiry)
    }
}

/// Not how long scratch codes can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scratch codes go on for 1h to 365d: a whole number of hours or days, such as 12h or 30d")]
pub struct BadExpiry;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_days_are_read_and_nothing_else() {
        for (text, seconds) in [("1h", 3600), ("30d", 2_592_000), ("365d", 31_536_000)] {
            let end = text.parse::<Expiry>().unwrap().end(Time::from_unix(5));
            assert_eq!(end, Time::from_unix(5 + seconds), "{text}");
        }
        for text in [
            "", "d", "30", "0d", "366d", "-1d", "+1d", "1.5d", "30D", "1w", "7\u{e9}",
        ] {
            assert_eq!(text.parse::<Expiry>(), Err(BadExpiry), "{text}");
        }
    }
}
