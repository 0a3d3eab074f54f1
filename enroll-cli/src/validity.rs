//! How long an invitation holds: a number of hours or days, as people say it.

use std::str::FromStr;

use nightlatch_core::time::Time;

/// One hour to thirty days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    seconds: u64,
}

impl Validity {
    /// When it ends, if it begins now.
    pub fn end(self, now: Time) -> Time {
        now.plus(self.seconds)
    }
}

impl FromStr for Validity {
    type Err = BadValidity;

    fn from_str(text: &str) -> Result<Self, BadValidity> {
        let unit = match text.as_bytes().last() {
            Some(b'h') => HOUR,
            Some(b'd') => DAY,
            _ => return Err(BadValidity),
        };
        let number = &text[..text.len() - 1];
        if !number.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(BadValidity);
        }
        let number: u64 = number.parse().map_err(|_| BadValidity)?;
        number
            .checked_mul(unit)
            .filter(|seconds| (HOUR..=30 * DAY).contains(seconds))
            .map(|seconds| Self { seconds })
            .ok_or(BadValidity)
    }
}

/// Not how long an invitation can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an invitation holds from 1h to 30d: a whole number of hours or days, such as 12h or 7d")]
pub struct BadValidity;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_days_are_read() {
        for (text, seconds) in [
            ("1h", 3600),
            ("36h", 129_600),
            ("7d", 604_800),
            ("30d", 2_592_000),
            ("720h", 2_592_000),
        ] {
            assert_eq!(
                text.parse::<Validity>().unwrap().end(Time::from_unix(5)),
                Time::from_unix(5 + seconds),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_span_or_too_long_or_too_short_is_refused() {
        for text in [
            "",
            "d",
            "7",
            "0d",
            "31d",
            "721h",
            "59min",
            "1.5d",
            "-1d",
            "+1d",
            "7 d",
            "7D",
            "1d12h",
            "99999999999999999999d",
            "18446744073709551615d",
            "\u{667}d",
            "7\u{e9}",
        ] {
            assert_eq!(text.parse::<Validity>(), Err(BadValidity), "{text}");
        }
    }
}
