//! Values that a configuration can hold: each type is its own range, and its error says what is allowed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Unit, civil};
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::time::Time;

/// A number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Number<MIN, MAX> {
    /// A number that is known to be in range; one that is not does not compile.
    #[must_use]
    pub const fn of<const NUMBER: u32>() -> Self {
        const { assert!(NUMBER >= MIN && NUMBER <= MAX) };
        Self(NUMBER)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Number<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        match u32::try_from(number) {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(de::Error::custom(format_args!(
                "the number must be {MIN} to {MAX}"
            ))),
        }
    }
}

impl<const MIN: u32, const MAX: u32> Serialize for Number<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A duration from nothing to `MOST` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotNegative<const MOST: u64>(Duration);

impl<const MOST: u64> NotNegative<MOST> {
    pub(super) const fn of(duration: Duration) -> Self {
        Self(duration)
    }

    /// The duration.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl<'de, const MOST: u64> Deserialize<'de> for NotNegative<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        in_range(deserializer, Duration::ZERO, Duration::from_secs(MOST))?
            .map(Self)
            .ok_or_else(|| {
                let most = SignedDuration::from_secs(MOST.cast_signed());
                de::Error::custom(format_args!("the duration must be 0s to {most:#}"))
            })
    }
}

impl<const MOST: u64> Serialize for NotNegative<MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self.0, serializer)
    }
}

/// How long a lock lasts: a second to a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lock(Duration);

impl Lock {
    pub(super) const fn of(duration: Duration) -> Self {
        Self(duration)
    }

    /// Its length in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0.as_secs()
    }
}

impl<'de> Deserialize<'de> for Lock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        in_range(
            deserializer,
            Duration::from_secs(1),
            Duration::from_secs(24 * 60 * 60),
        )?
        .map(Self)
        .ok_or_else(|| de::Error::custom("a lock lasts 1s to 24h"))
    }
}

impl Serialize for Lock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self.0, serializer)
    }
}

/// A day of the calendar, in UTC. Written as a date of TOML's (`2027-01-31`) or, like all that is no number, in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(civil::Date);

impl Day {
    /// The first moment after it.
    #[must_use]
    pub fn end(self) -> Time {
        // A day has 86,400 seconds in UTC as computers count it; days before 1970 ended at its beginning.
        let since = civil::date(1970, 1, 1).until((Unit::Day, self.0));
        let days = since.map_or(0, |span| i64::from(span.get_days()));
        Time::from_unix(u64::try_from((days + 1) * 86_400).unwrap_or(0))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Day {
    type Err = BadDay;

    fn from_str(text: &str) -> Result<Self, BadDay> {
        // The parser takes other forms of ISO 8601 too, and drops a time behind the day.
        let date: civil::Date = text.parse().map_err(|_| BadDay)?;
        if date.to_string() == text && date.year() >= 1970 {
            Ok(Self(date))
        } else {
            Err(BadDay)
        }
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl<'de> de::Visitor<'de> for Written {
            type Value = Day;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a day such as 2027-01-31")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Day, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Day, A::Error> {
                toml::value::Datetime::deserialize(MapAccessDeserializer::new(map))
                    .ok()
                    .and_then(|written| written.to_string().parse().ok())
                    .ok_or_else(|| de::Error::custom(BadDay))
            }
        }
        deserializer.deserialize_any(Written)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a day such as 2027-01-31")]
pub struct BadDay;

/// The name that authenticators show above a code: 1 to 64 bytes, no colon (it ends the issuer in a URI) and no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Issuer(String);

impl Issuer {
    /// Takes a name.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        if text.is_empty() || text.len() > 64 || text.chars().any(|c| c.is_control() || c == ':') {
            return Err(BadName::Issuer);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Issuer {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        Self::parse(&text)
    }
}

impl From<Issuer> for String {
    fn from(issuer: Issuer) -> Self {
        issuer.0
    }
}

/// The name of a PAM service: that of a file in /etc/pam.d.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

impl ServiceName {
    /// A name that is known to be one.
    #[must_use]
    pub fn known(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ServiceName {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        let is_name =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+');
        if text.is_empty() || text.len() > 64 || !text.chars().all(is_name) {
            return Err(BadName::Service);
        }
        Ok(Self(text))
    }
}

impl From<ServiceName> for String {
    fn from(name: ServiceName) -> Self {
        name.0
    }
}

/// A name that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Not an issuer.
    #[error("an issuer has 1 to 64 bytes, no colon and no control characters")]
    Issuer,
    /// Not a service.
    #[error("a service is named like its file in /etc/pam.d, for example \"sshd\"")]
    Service,
}

/// A duration as people write it: `"30s"`, `"15min"`, `"1h 30min"`. `None` where it is out of range.
fn in_range<'de, D: Deserializer<'de>>(
    deserializer: D,
    least: Duration,
    most: Duration,
) -> Result<Option<Duration>, D::Error> {
    struct Text;
    impl de::Visitor<'_> for Text {
        type Value = SignedDuration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration such as \"30s\" or \"15min\"")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<SignedDuration, E> {
            text.parse()
                .map_err(|_| E::custom("not a duration such as \"30s\" or \"15min\""))
        }
    }
    let duration = deserializer.deserialize_str(Text)?;
    Ok(Duration::try_from(duration)
        .ok()
        .filter(|duration| (least..=most).contains(duration)))
}

fn write<S: Serializer>(duration: Duration, serializer: S) -> Result<S::Ok, S::Error> {
    // No duration here is longer than a month.
    let signed = SignedDuration::try_from(duration).unwrap_or_default();
    serializer.collect_str(&format_args!("{signed:#}"))
}
