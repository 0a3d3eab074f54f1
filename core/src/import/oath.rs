//! The users' file of `pam_oath`: a line a token, `TYPE USER PIN HEXKEY [COUNTER [LAST_OTP [TIMESTAMP]]]`. All other lines are comments.

use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

use super::{Brought, BroughtToken, Dropped, NotTaken, may_be_used};
use crate::answer::OneTimeCode;
use crate::check::Rules;
use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::time::Time;
use crate::token::{Algorithm, Counter, Digits, Drift, Kind, Label, Period, Secret, Step, Token};

/// The longest file that is read, in bytes: that of some hundred thousand people.
pub const LONGEST_FILE: usize = 64 * 1024 * 1024;

/// Who has tokens in a file, in the order of their first lines.
#[derive(Debug)]
pub struct File<'f> {
    /// The people.
    pub people: Vec<Person<'f>>,
    /// The numbers of lines that look like tokens and are none, which `pam_oath` passes over.
    pub passed_over: Vec<usize>,
}

/// Somebody in the file.
#[derive(Debug)]
pub struct Person<'f> {
    /// The name, as it is written.
    pub name: &'f str,
    lines: Vec<Result<Line<'f>, NotTaken>>,
}

/// What is to become of a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pins {
    /// Whoever has one is not taken.
    Refused,
    /// It is dropped.
    Dropped,
}

#[derive(Debug)]
struct Line<'f> {
    digits: Digits,
    period: Option<Period>,
    has_pin: bool,
    secret: Secret,
    counter: u64,
    last_code: Option<OneTimeCode>,
    timestamp: Option<&'f str>,
}

impl<'f> File<'f> {
    /// Reads a file. What is wrong with a line is a matter of whom it names.
    pub fn parse(bytes: &'f [u8]) -> Result<Self, NotTaken> {
        if bytes.len() > LONGEST_FILE {
            return Err(NotTaken::TooLong(LONGEST_FILE));
        }
        let mut file = Self {
            people: Vec::new(),
            passed_over: Vec::new(),
        };
        let mut known = std::collections::HashMap::new();
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let mut words = line
                .split(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
                .filter(|word| !word.is_empty())
                .map(|word| std::str::from_utf8(word).ok());
            let Some(Some(kind)) = words.next() else {
                continue;
            };
            let (Some((digits, period)), Some(Some(name))) = (type_of(kind), words.next()) else {
                if kind.starts_with("HOTP") {
                    file.passed_over.push(number);
                }
                continue;
            };
            let token = Line::read(digits, period, &mut words).ok_or(NotTaken::BadLine(number));
            let index = *known.entry(name).or_insert_with(|| {
                file.people.push(Person {
                    name,
                    lines: Vec::new(),
                });
                file.people.len() - 1
            });
            file.people[index].lines.push(token);
        }
        Ok(file)
    }
}

impl Person<'_> {
    /// What of it can be enrolled at this moment.
    pub fn bring(&self, pins: Pins, rules: &Rules, now: Time) -> Result<Brought, NotTaken> {
        if self.lines.len() > Enrollment::MOST_TOKENS {
            return Err(NotTaken::TooMany);
        }
        let mut brought = Brought {
            tokens: Vec::new(),
            scratch_codes: Vec::new(),
            dropped: Vec::new(),
        };
        for (number, line) in (1..).zip(&self.lines) {
            let line = line.as_ref().map_err(|why| *why)?;
            if line.has_pin && pins == Pins::Refused {
                return Err(NotTaken::Pin);
            }
            let label = match self.lines.len() {
                1 => "token".to_owned(),
                _ => format!("token {number}"),
            };
            let label = Label::parse(&label).map_err(|_| NotTaken::TooMany)?;
            let (token, dropped) = line.bring(&label, rules, now)?;
            let is_twin = |other: &BroughtToken| other.secret.is_same_as(&token.secret);
            if brought.tokens.iter().any(is_twin) {
                return Err(NotTaken::Twins);
            }
            brought.tokens.push(token);
            brought.dropped.extend(dropped);
            brought.dropped.extend(line.has_pin.then_some(Dropped::Pin));
        }
        Ok(brought)
    }
}

impl<'f> Line<'f> {
    /// What stands behind the name.
    fn read(
        digits: Digits,
        period: Option<Period>,
        words: &mut impl Iterator<Item = Option<&'f str>>,
    ) -> Option<Self> {
        let pin = words.next()??;
        let secret = key(words.next()??)?;
        // What is not there is `None`, what is not text is no line.
        let mut next = || words.next().map_or(Some(None), |word| word.map(Some));
        let counter = next()?.map_or(Some(0), |counter| counter.parse().ok())?;
        let last_code = match next()? {
            None => None,
            Some(code) => Some(OneTimeCode::parse(code)?),
        };
        Some(Self {
            digits,
            period,
            has_pin: !matches!(pin, "-" | "+"),
            secret,
            counter,
            last_code,
            timestamp: next()?,
        })
    }

    fn bring(
        &self,
        label: &Label,
        rules: &Rules,
        now: Time,
    ) -> Result<(BroughtToken, Option<Dropped>), NotTaken> {
        let token = |kind, used| BroughtToken {
            label: label.clone(),
            kind,
            secret: self.secret.clone(),
            digits: self.digits,
            drift: Drift::NONE,
            used,
            may_be_used: used,
        };
        let Some(period) = self.period else {
            // The counter is that of the last code, where there was one.
            let next = self
                .counter
                .saturating_add(u64::from(self.last_code.is_some()));
            let counter = Counter::try_from(next).map_err(|_| NotTaken::BadValue("COUNTER"))?;
            let used = (next > 0).then(|| counter.step().minus(1));
            return Ok((token(Kind::Hotp { counter }, used), None));
        };
        let kind = Kind::Totp { period };
        let Some(code) = &self.last_code else {
            return Ok((token(kind, None), None));
        };
        // Nobody knows how far ahead it accepted codes; as far as any is accepted here.
        let furthest = may_be_used(period, Drift::NONE, rules.resync_window, now);
        let (used, dropped) = match self.last_step(period, code, rules, furthest) {
            Some(step) => (Some(step), None),
            None => (None, Some(Dropped::LastCode)),
        };
        let present = period.step_at(now).plus(rules.resync_window);
        let token = BroughtToken {
            may_be_used: used.or(Some(present)),
            ..token(kind, used)
        };
        Ok((token, dropped))
    }

    /// The last step that has the last code near its time, which is that of some time zone or other: of all that may be, the latest.
    fn last_step(
        &self,
        period: Period,
        code: &OneTimeCode,
        rules: &Rules,
        furthest: Step,
    ) -> Option<Step> {
        let time = self.timestamp?.strip_suffix('L')?;
        let time = Time::parse_rfc3339(&format!("{time}Z")).ok()?;
        let first = Time::from_unix(time.unix().saturating_sub(FURTHEST_EAST));
        let first = period.step_at(first).minus(rules.resync_window);
        let last = period
            .step_at(time.plus(FURTHEST_WEST))
            .plus(rules.resync_window);
        let token = Token {
            id: Id::from_bytes([0; 16]),
            label: Label::usual(),
            kind: Kind::Totp { period },
            secret: self.secret.clone(),
            algorithm: Algorithm::Sha1,
            digits: self.digits,
        };
        let steps = token.matching_steps(code, first, last.min(furthest));
        steps.last().copied()
    }
}

/// How many digits a type has, and how long a step of it lasts where it goes by time.
fn type_of(word: &str) -> Option<(Digits, Option<Period>)> {
    let (period, rest) = if let Some(rest) = word.strip_prefix("HOTP/T30") {
        (Some(30), rest)
    } else if let Some(rest) = word.strip_prefix("HOTP/T60") {
        (Some(60), rest)
    } else if let Some(rest) = word.strip_prefix("HOTP/E") {
        (None, rest)
    } else {
        (
            None,
            word.strip_prefix("HOTP").filter(|rest| rest.is_empty())?,
        )
    };
    let digits = match rest {
        "" | "/6" => 6_u64,
        "/7" => 7,
        "/8" => 8,
        _ => return None,
    };
    let period = period.map(Period::try_from).transpose().ok()?;
    Some((Digits::try_from(digits).ok()?, period))
}

/// 1 to 32 bytes in hexadecimal digits.
fn key(hex: &str) -> Option<Secret> {
    if hex.is_empty() || hex.len() > 64 || !hex.len().is_multiple_of(2) {
        return None;
    }
    let mut bytes = Zeroizing::new(vec![0; hex.len() / 2]);
    HEXLOWER_PERMISSIVE
        .decode_mut(hex.as_bytes(), &mut bytes)
        .ok()?;
    Secret::of_another_system(bytes).ok()
}

/// How far a local time is ahead of UTC at most, in seconds …
const FURTHEST_EAST: u64 = 14 * 3600;
/// … and how far behind.
const FURTHEST_WEST: u64 = 12 * 3600;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, RULES};
    use proptest::prelude::*;

    const HEX: &str = "3132333435363738393031323334353637383930";

    fn brought(text: &str) -> Result<Brought, NotTaken> {
        let file = File::parse(text.as_bytes())?;
        let alice = file.people.iter().find(|person| person.name == "alice");
        alice.unwrap().bring(Pins::Refused, &RULES, NOW)
    }

    fn present() -> Step {
        Period::THIRTY.step_at(NOW)
    }

    /// The code of that secret and step.
    fn code(step: Step) -> String {
        let token = Token {
            secret: key(HEX).unwrap(),
            ..crate::testing::token::token(1, "token")
        };
        token.code_at(step).to_string()
    }

    #[test]
    fn every_type_has_its_digits_and_its_steps() {
        for (kind, digits, period) in [
            ("HOTP", 6, None),
            ("HOTP/E", 6, None),
            ("HOTP/E/6", 6, None),
            ("HOTP/E/7", 7, None),
            ("HOTP/E/8", 8, None),
            ("HOTP/T30", 6, Some(30)),
            ("HOTP/T30/8", 8, Some(30)),
            ("HOTP/T60", 6, Some(60)),
            ("HOTP/T60/7", 7, Some(60)),
        ] {
            let token = &brought(&format!("{kind}\talice - {HEX}\r\n"))
                .unwrap()
                .tokens[0];
            assert_eq!(u64::from(token.digits), digits, "{kind}");
            let found = match token.kind {
                Kind::Totp { period } => Some(period.seconds()),
                Kind::Hotp { .. } => None,
            };
            assert_eq!(found, period, "{kind}");
            assert_eq!(token.may_be_used, None);
        }
    }

    #[test]
    fn other_lines_are_comments_and_those_that_look_like_tokens_are_told() {
        let text = format!(
            "# HOTP alice - {HEX}\n\nhotp alice - 00\nHOTP/T45 alice - {HEX}\nHOTP/E/9 alice - {HEX}\nHOTP\nMOTP bob 1 2\n\u{7f}\nHOTP bob - {HEX}\n"
        );
        let file = File::parse(text.as_bytes()).unwrap();
        let names: Vec<_> = file.people.iter().map(|person| person.name).collect();
        assert_eq!(names, ["bob"]);
        assert_eq!(file.passed_over, [4, 5, 6]);
    }

    #[test]
    fn the_counter_of_a_line_is_that_of_the_last_code_where_there_was_one() {
        for (rest, next) in [
            ("", 0),
            (" 5", 5),
            (" 0 755224", 1),
            (" 5 254676", 6),
            (" 5 254676 2026-11-24T02:29:00L", 6),
        ] {
            let token = &brought(&format!("HOTP alice - {HEX}{rest}\n"))
                .unwrap()
                .tokens[0];
            let counter = Counter::try_from(next).unwrap();
            assert_eq!(token.kind, Kind::Hotp { counter }, "{rest}");
            assert_eq!(token.may_be_used, next.checked_sub(1).map(Step));
        }
        let most = format!("HOTP alice - {HEX} 18446744073709551615 123456\n");
        assert_eq!(brought(&most).unwrap_err(), NotTaken::BadValue("COUNTER"));
    }

    #[test]
    fn the_last_step_is_that_of_the_last_code_whatever_the_time_zone() {
        for (hours, written) in [
            (0, "2026-11-24T02:29:00L"),
            (10, "2026-11-24T12:29:00L"),
            (-9, "2026-11-23T17:29:00L"),
        ] {
            for off in [-4_i64, 0, 5] {
                let used = Step((present().0 - 2).saturating_add_signed(off)).minus(4);
                let line = format!("HOTP/T30 alice - {HEX} {hours} {} {written}\n", code(used));
                let line = line.replace(&format!(" {hours} "), " 0 ");
                let brought = brought(&line).unwrap();
                assert_eq!(brought.tokens[0].used, Some(used), "{written} {off}");
                assert_eq!(brought.tokens[0].may_be_used, Some(used));
                assert!(brought.dropped.is_empty());
            }
        }
    }

    #[test]
    fn a_last_code_of_no_step_lets_every_step_within_reach_count_as_used() {
        for rest in [
            "0 000000 2026-11-24T02:29:00L",
            "0 123456",
            "0 123456 yesterday",
        ] {
            let brought = brought(&format!("HOTP/T30 alice - {HEX} {rest}\n")).unwrap();
            assert_eq!(brought.tokens[0].used, None);
            assert_eq!(brought.tokens[0].may_be_used, Some(present().plus(20)));
            assert_eq!(brought.dropped, [Dropped::LastCode]);
        }
    }

    #[test]
    fn several_lines_are_several_tokens() {
        let text = format!("HOTP alice - {HEX}\nHOTP bob - 00\nHOTP/T30 alice + 0102\n");
        let brought = brought(&text).unwrap();
        let labels: Vec<_> = brought
            .tokens
            .iter()
            .map(|token| token.label.as_str())
            .collect();
        assert_eq!(labels, ["token 1", "token 2"]);
        assert!(brought.tokens[1].secret.is_short());
        let twins = format!("HOTP alice - {HEX}\nHOTP/T30 alice + {HEX}\n");
        assert_eq!(super::tests::brought(&twins).unwrap_err(), NotTaken::Twins);
        let many: Vec<_> = (0..9).map(|n| format!("HOTP alice - 0{n}")).collect();
        assert_eq!(
            super::tests::brought(&many.join("\n")).unwrap_err(),
            NotTaken::TooMany
        );
    }

    #[test]
    fn whoever_has_a_pin_is_refused_unless_it_may_be_dropped() {
        let text = format!("HOTP alice 1234 {HEX}\n");
        assert_eq!(brought(&text).unwrap_err(), NotTaken::Pin);
        let file = File::parse(text.as_bytes()).unwrap();
        let brought = file.people[0].bring(Pins::Dropped, &RULES, NOW).unwrap();
        assert_eq!(brought.dropped, [Dropped::Pin]);
    }

    #[test]
    fn a_broken_line_is_the_matter_of_whom_it_names() {
        for rest in [
            "-",
            "- 0",
            "- 0g",
            &format!("- {}", "00".repeat(33)),
            "- 00 x",
            "- 00 -1",
            "- 00 0 12345",
            "- 00 0 \u{661}23456",
        ] {
            let text = format!("HOTP bob - {HEX}\nHOTP alice {rest}\n");
            assert_eq!(brought(&text).unwrap_err(), NotTaken::BadLine(2), "{rest}");
            let file = File::parse(text.as_bytes()).unwrap();
            assert!(file.people[0].bring(Pins::Refused, &RULES, NOW).is_ok());
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_holds_what_is_promised(
            text in "((HOTP|HOTP/E|HOTP/T30|HOTP/T60/8|#)[ \t](alice|bob|\\PC) ([-+]|1234) [0-9a-f]{0,66}( [0-9]{0,20}){0,2}( 20[0-9]{2}-11-2[0-9]T02:29:00L)?\\r?\\n|\\PC{0,9}\\n){0,6}",
        ) {
            crate::fuzzing::oath(text.as_bytes());
        }
    }
}
