//! Spans of time as people say them, a number of hours or days: how long an invitation, a temporary code or scratch codes hold, since when
//! somebody was not seen.

use std::str::FromStr;

use nightlatch_core::time::Time;

/// How long something holds: an hour to so many days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity<const DAYS: u64>(Span);

impl<const DAYS: u64> Validity<DAYS> {
    /// When it ends, if it begins now.
    pub fn end(self, now: Time) -> Time {
        now.plus(self.0.seconds)
    }
}

impl<const DAYS: u64> FromStr for Validity<DAYS> {
    type Err = BadValidity<DAYS>;

    fn from_str(text: &str) -> Result<Self, BadValidity<DAYS>> {
        text.parse()
            .ok()
            .filter(|span: &Span| span.seconds <= DAYS * DAY)
            .map(Self)
            .ok_or(BadValidity)
    }
}

/// Not how long it can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it can hold from 1h to {DAYS}d: a whole number of hours or days, such as 12h or 7d")]
pub struct BadValidity<const DAYS: u64>;

/// An hour or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    seconds: u64,
}

impl Span {
    /// The moment that is so long ago.
    pub fn before(self, now: Time) -> Time {
        Time::from_unix(now.unix().saturating_sub(self.seconds))
    }
}

impl FromStr for Span {
    type Err = BadSpan;

    fn from_str(text: &str) -> Result<Self, BadSpan> {
        let unit = match text.as_bytes().last() {
            Some(b'h') => HOUR,
            Some(b'd') => DAY,
            _ => return Err(BadSpan),
        };
        let number = &text[..text.len() - 1];
        if !number.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(BadSpan);
        }
        let number: u64 = number.parse().map_err(|_| BadSpan)?;
        number
            .checked_mul(unit)
            .filter(|seconds| *seconds >= HOUR)
            .map(|seconds| Self { seconds })
            .ok_or(BadSpan)
    }
}

/// Not a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a span is a whole number of hours or days, such as 12h or 90d")]
pub struct BadSpan;

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
                text.parse::<Validity<30>>()
                    .unwrap()
                    .end(Time::from_unix(5)),
                Time::from_unix(5 + seconds),
                "{text}"
            );
            let then = Time::from_unix(seconds + 5);
            let span: Span = text.parse().unwrap();
            assert_eq!(span.before(then), Time::from_unix(5), "{text}");
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
            "1w",
            "1d12h",
            "99999999999999999999d",
            "18446744073709551615d",
            "\u{667}d",
            "7\u{e9}",
        ] {
            assert_eq!(text.parse::<Validity<30>>(), Err(BadValidity), "{text}");
            let is_only_long = matches!(text, "31d" | "721h");
            assert_eq!(text.parse::<Span>().is_ok(), is_only_long, "{text}");
        }
        assert_eq!("8d".parse::<Validity<7>>(), Err(BadValidity));
        assert!("7d".parse::<Validity<7>>().is_ok());
        assert_eq!("366d".parse::<Validity<365>>(), Err(BadValidity));
        assert!("365d".parse::<Validity<365>>().is_ok());
    }

    #[test]
    fn what_is_longer_ago_than_1970_is_1970() {
        let span: Span = "2d".parse().unwrap();
        assert_eq!(span.before(Time::from_unix(5)), Time::from_unix(0));
    }
}
