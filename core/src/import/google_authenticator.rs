//! The file of `pam_google_authenticator`: a secret, options, scratch codes.
//!
//! It is read as that module reads it, down to what it overlooks: what would open a door there opens it here, and nothing else does.

use zeroize::Zeroizing;

use super::{Brought, BroughtToken, Dropped, NotTaken, may_be_used};
use crate::check::Rules;
use crate::scratch_codes::{ScratchCode, ScratchCodes};
use crate::time::Time;
use crate::token::{Counter, Digits, Drift, Kind, Label, Period, Secret, Step};

/// The longest file that it reads, in bytes.
pub const LONGEST_FILE: usize = 65_536;

/// What is in a file.
#[derive(Clone, Debug)]
pub struct File {
    /// The secret.
    pub secret: Secret,
    /// What makes its codes.
    pub mode: Mode,
    /// How long a step lasts, 1 to 60 seconds.
    pub step_size: u64,
    /// How many codes are accepted at a time, 1 to 100.
    pub window_size: u64,
    /// Steps whose codes were accepted, as far as they were written down.
    pub used: Vec<u64>,
    /// By how many steps the clock of the phone is ahead.
    pub skew: i64,
    /// The scratch codes that are not spent.
    pub scratch_codes: Vec<ScratchCode>,
    /// Options that have no counterpart here.
    dropped: Vec<Dropped>,
}

/// What makes the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Time.
    Totp,
    /// A counter: that of the next code.
    Hotp(u64),
    /// Nothing: only the scratch codes open.
    ScratchCodesOnly,
}

impl File {
    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotTaken> {
        if bytes.is_empty() {
            return Err(NotTaken::Empty);
        }
        if bytes.len() > LONGEST_FILE {
            return Err(NotTaken::TooLong(LONGEST_FILE));
        }
        if bytes.contains(&0) {
            return Err(NotTaken::Nul);
        }
        let options = Options(bytes);
        let mode = match options.value("HOTP_COUNTER").map_or(0, leading_number) {
            counter @ 1.. => Mode::Hotp(counter.unsigned_abs()),
            _ if options.value("TOTP_AUTH").is_some() => Mode::Totp,
            _ => Mode::ScratchCodesOnly,
        };
        let has = |key| options.value(key).is_some();
        let window_size = options.number("WINDOW_SIZE", 1..=100)?;
        let mut dropped = Vec::new();
        dropped.extend(window_size.map(Dropped::Window));
        dropped.extend(has("RATE_LIMIT").then_some(Dropped::RateLimit));
        dropped.extend(has("RESETTING_TIME_SKEW").then_some(Dropped::PendingSkew));
        let is_remembered = GRACE.iter().any(|key| has(key));
        dropped.extend(is_remembered.then_some(Dropped::GracePeriod));
        Ok(Self {
            secret: secret(bytes)?,
            mode,
            step_size: options.number("STEP_SIZE", 1..=60)?.unwrap_or(30),
            window_size: window_size.unwrap_or(3),
            used: options.used()?,
            skew: options.value("TIME_SKEW").map_or(0, leading_number),
            scratch_codes: scratch_codes(bytes),
            dropped,
        })
    }

    /// What of it can be enrolled at this moment.
    pub fn bring(mut self, rules: &Rules, now: Time) -> Result<Brought, NotTaken> {
        let token = |label, kind| BroughtToken {
            label,
            kind,
            secret: self.secret.clone(),
            digits: Digits::SIX,
            drift: Drift::NONE,
            used: None,
            may_be_used: None,
        };
        let token = match self.mode {
            Mode::Totp => self.by_time(rules, now, token)?,
            Mode::Hotp(next) => {
                let counter =
                    Counter::try_from(next).map_err(|_| NotTaken::BadValue("HOTP_COUNTER"))?;
                let used = Some(counter.step().minus(1));
                if self.skew != 0 {
                    self.dropped.push(Dropped::SkewOfCounter);
                }
                BroughtToken {
                    used,
                    may_be_used: used,
                    ..token(Label::usual(), Kind::Hotp { counter })
                }
            }
            Mode::ScratchCodesOnly if self.scratch_codes.is_empty() => {
                return Err(NotTaken::Nothing);
            }
            // A token that opens nothing, since every counter counts as used: it stands there for the one that is to come.
            Mode::ScratchCodesOnly => {
                let kind = Kind::Hotp {
                    counter: Counter::ZERO,
                };
                let label = Label::parse("scratch codes only").map_err(|_| NotTaken::Nothing)?;
                let all = Some(Step(u64::MAX));
                BroughtToken {
                    used: all,
                    may_be_used: all,
                    ..token(label, kind)
                }
            }
        };
        let excess = self.scratch_codes.len().saturating_sub(ScratchCodes::MOST);
        if excess > 0 {
            self.scratch_codes.truncate(ScratchCodes::MOST);
            self.dropped.push(Dropped::ScratchCodes(excess));
        }
        Ok(Brought {
            tokens: vec![token],
            scratch_codes: self.scratch_codes,
            dropped: self.dropped,
        })
    }

    fn by_time(
        &self,
        rules: &Rules,
        now: Time,
        token: impl Fn(Label, Kind) -> BroughtToken,
    ) -> Result<BroughtToken, NotTaken> {
        let period =
            Period::try_from(self.step_size).map_err(|_| NotTaken::Step(self.step_size))?;
        let drift = Drift::new(self.skew)
            .filter(|drift| drift.steps().unsigned_abs() <= rules.resync_window)
            .ok_or(NotTaken::Skew(self.skew))?;
        // Whether it was written down or not: without DISALLOW_REUSE nothing is, and some ways in write nothing down in any case.
        let last = may_be_used(period, drift, self.window_size / 2, now);
        let used = self.used.iter().max().copied().map(Step);
        if let Some(later) = used.filter(|used| *used > last) {
            let wait = later
                .0
                .saturating_sub(last.0)
                .saturating_mul(self.step_size);
            return Err(NotTaken::UsedLater(wait));
        }
        Ok(BroughtToken {
            drift,
            used,
            may_be_used: Some(last),
            ..token(Label::usual(), Kind::Totp { period })
        })
    }
}

/// The option lines, wherever in the file they stand. The first line of a key counts.
struct Options<'f>(&'f [u8]);

impl<'f> Options<'f> {
    /// What stands behind a key; nothing, as a rule, behind one that is a flag.
    fn value(&self, key: &str) -> Option<&'f [u8]> {
        lines(self.0).find_map(|line| {
            let rest = line.strip_prefix(b"\" ")?.strip_prefix(key.as_bytes())?;
            match rest {
                [] => Some(rest),
                [b' ' | b'\t', ..] => Some(rest.trim_ascii_start()),
                _ => None,
            }
        })
    }

    /// A number, behind which anything may stand after a space.
    fn number(
        &self,
        key: &'static str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, NotTaken> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        words(value)
            .next()
            .and_then(whole_number)
            .filter(|number| range.contains(number))
            .map(Some)
            .ok_or(NotTaken::BadValue(key))
    }

    fn used(&self) -> Result<Vec<u64>, NotTaken> {
        let value = self.value("DISALLOW_REUSE").unwrap_or_default();
        words(value)
            .map(whole_number)
            .collect::<Option<_>>()
            .ok_or(NotTaken::BadValue("DISALLOW_REUSE"))
    }
}

/// Any number of CRs and LFs ends a line.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| matches!(byte, b'\r' | b'\n'))
}

fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|word| !word.is_empty())
}

fn whole_number(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// The number that a value begins with, as strtol reads it: 0 where there is none, the largest where it is too large.
fn leading_number(value: &[u8]) -> i64 {
    let (is_negative, digits) = match value {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let number =
        digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0_i64, |number, digit| {
                number
                    .saturating_mul(10)
                    .saturating_add(i64::from(digit - b'0'))
            });
    if is_negative { -number } else { number }
}

/// The first line. What people mistype is read as what they meant, and bits that fill no byte are dropped.
fn secret(bytes: &[u8]) -> Result<Secret, NotTaken> {
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let mut secret = Zeroizing::new(Vec::with_capacity(line.len()));
    let (mut bits, mut count) = (Zeroizing::new(0_u16), 0_u32);
    for letter in line {
        let value = match letter.to_ascii_uppercase() {
            b' ' | b'\t' | b'\r' | b'-' => continue,
            b'0' => b'O' - b'A',
            b'1' => b'L' - b'A',
            b'8' => b'B' - b'A',
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return Err(NotTaken::BadSecret(1)),
        };
        *bits = (*bits << 5 | u16::from(value)) & 0xfff;
        count += 5;
        if count >= 8 {
            count -= 8;
            secret.push((*bits >> count).to_be_bytes()[1]);
        }
    }
    match secret.len() {
        0 => Err(NotTaken::BadSecret(1)),
        _ => Secret::of_another_system(secret).map_err(|_| NotTaken::LongSecret),
    }
}

/// The numbers behind the first line, up to the first line that is neither a number nor an option.
fn scratch_codes(bytes: &[u8]) -> Vec<ScratchCode> {
    let behind_the_first = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(&b""[..], |end| &bytes[end..]);
    let mut codes = Vec::new();
    let candidates = lines(behind_the_first)
        .filter(|line| !line.is_empty() && !line.starts_with(b"\""))
        .map_while(scratch_code);
    for code in candidates {
        codes.push(code);
    }
    codes
}

/// A line that is a number of 8 digits, as strtol reads it.
fn scratch_code(line: &[u8]) -> Option<ScratchCode> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | 0x0b | 0x0c);
    let from = line.iter().position(|byte| !is_space(byte))?;
    let number = &line[from..];
    let number = number.strip_prefix(b"+").unwrap_or(number);
    let zeros = number.iter().take_while(|byte| **byte == b'0').count();
    ScratchCode::parse(std::str::from_utf8(&number[zeros..]).ok()?)
}

const GRACE: [&str; 10] = [
    "LAST0", "LAST1", "LAST2", "LAST3", "LAST4", "LAST5", "LAST6", "LAST7", "LAST8", "LAST9",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, RULES};
    use proptest::prelude::*;

    const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn parsed(text: &str) -> File {
        File::parse(text.as_bytes()).unwrap()
    }

    fn brought(text: &str) -> Result<Brought, NotTaken> {
        File::parse(text.as_bytes())?.bring(&RULES, NOW)
    }

    fn codes(text: &str) -> Vec<String> {
        let codes = parsed(text).scratch_codes;
        codes.iter().map(|code| code.as_str().to_owned()).collect()
    }

    /// The present step.
    fn present() -> Step {
        Period::THIRTY.step_at(NOW)
    }

    #[test]
    fn a_file_as_the_command_of_that_system_writes_it_is_read() {
        let file = format!(
            "{BASE32}\n\" RATE_LIMIT 3 30 1795487000\n\" WINDOW_SIZE 17\n\" DISALLOW_REUSE {0}\n\" TOTP_AUTH\n12345678\n87654321\n",
            present().0 - 3
        );
        let brought = brought(&file).unwrap();
        let [token] = &brought.tokens[..] else {
            panic!()
        };
        assert_eq!(*token.secret.to_base32(), BASE32);
        assert_eq!((token.kind.as_str(), token.digits), ("totp", Digits::SIX));
        assert_eq!(token.used, Some(present().minus(3)));
        // A minute, and half of the window.
        assert_eq!(token.may_be_used, Some(present().plus(2 + 8)));
        assert_eq!(brought.scratch_codes.len(), 2);
        assert_eq!(brought.dropped, [Dropped::Window(17), Dropped::RateLimit]);
    }

    #[test]
    fn a_secret_is_read_as_people_write_it() {
        for (line, same) in [
            ("gezd gnbv-gy3t\tqojq\r", "GEZDGNBVGY3TQOJQ"),
            ("0OO0-1LL1-8BB8", "OOOOLLLLBBBA"),
            // 16 letters are 80 bits; bits that fill no byte are dropped.
            ("ABCDEFGHIJKLMNOPQ", "ABCDEFGHIJKLMNOP"),
            ("77", "74"),
        ] {
            let read = parsed(&format!("{line}\n\" TOTP_AUTH\n")).secret;
            assert_eq!(*read.to_base32(), same, "{line}");
        }
        for line in ["", "A", "ABCD=", "ABC9", "AB\u{e9}C", "\" TOTP_AUTH"] {
            assert_eq!(
                File::parse(format!("{line}\n\" TOTP_AUTH\n").as_bytes()).unwrap_err(),
                NotTaken::BadSecret(1),
                "{line}"
            );
        }
        let long = "A".repeat(210);
        assert_eq!(
            brought(&format!("{long}\n\" TOTP_AUTH\n")).unwrap_err(),
            NotTaken::LongSecret
        );
    }

    #[test]
    fn what_counts_and_what_goes_by_time_and_what_is_neither_are_told_apart() {
        for (options, mode) in [
            ("\" TOTP_AUTH\n", Mode::Totp),
            ("\" HOTP_COUNTER 7\n", Mode::Hotp(7)),
            ("\" TOTP_AUTH\n\" HOTP_COUNTER 1\n", Mode::Hotp(1)),
            ("\" HOTP_COUNTER 0\n\" TOTP_AUTH\n", Mode::Totp),
            ("\" HOTP_COUNTER -1\n", Mode::ScratchCodesOnly),
            ("\" HOTP_COUNTER x\n", Mode::ScratchCodesOnly),
            ("", Mode::ScratchCodesOnly),
            // Not an option: the quote and the space are part of it, and so is the end of the word.
            ("\"TOTP_AUTH\n", Mode::ScratchCodesOnly),
            ("\" TOTP_AUTHX\n", Mode::ScratchCodesOnly),
            // The first one counts, wherever it stands.
            (
                "12345678\nrest\n\" HOTP_COUNTER 3\n\" HOTP_COUNTER 9\n",
                Mode::Hotp(3),
            ),
            ("\r\n\r\" TOTP_AUTH\r", Mode::Totp),
        ] {
            assert_eq!(
                parsed(&format!("{BASE32}\n{options}")).mode,
                mode,
                "{options}"
            );
        }
    }

    #[test]
    fn a_counter_is_carried_and_what_was_before_it_is_used() {
        let token = brought(&format!("{BASE32}\n\" HOTP_COUNTER 7\n\" TIME_SKEW 900\n")).unwrap();
        let token = &token.tokens[0];
        let counter = Counter::try_from(7).unwrap();
        assert_eq!(token.kind, Kind::Hotp { counter });
        assert_eq!(
            (token.used, token.may_be_used),
            (Some(Step(6)), Some(Step(6)))
        );
    }

    #[test]
    fn where_there_are_scratch_codes_alone_the_token_opens_nothing() {
        let only = brought(&format!("{BASE32}\n12345678\n")).unwrap();
        assert_eq!(only.tokens[0].may_be_used, Some(Step(u64::MAX)));
        assert_eq!(
            brought(&format!("{BASE32}\n")).unwrap_err(),
            NotTaken::Nothing
        );
    }

    #[test]
    fn scratch_codes_end_at_the_first_line_that_is_neither_one_nor_an_option() {
        for (text, expected) in [
            (
                "12345678\n\" TOTP_AUTH\n87654321\n",
                &["12345678", "87654321"][..],
            ),
            ("\r\n12345678\r\n\n\n87654321", &["12345678", "87654321"]),
            ("12345678\nrest\n87654321\n", &["12345678"]),
            ("12345678 \n", &[]),
            ("1234567\n87654321\n", &[]),
            ("123456789\n", &[]),
            // As strtol reads it.
            (" +0012345678\n", &["12345678"]),
            ("-12345678\n", &[]),
        ] {
            assert_eq!(codes(&format!("{BASE32}\n{text}")), expected, "{text}");
        }
        assert!(codes(BASE32).is_empty());
        // A set has 20.
        let many: Vec<_> = (0..23).map(|n| (10_000_000 + n).to_string()).collect();
        let many = many.join("\n");
        let brought = brought(&format!("{BASE32}\n\" TOTP_AUTH\n{many}")).unwrap();
        assert_eq!(brought.scratch_codes.len(), 20);
        assert_eq!(brought.dropped, [Dropped::ScratchCodes(3)]);
    }

    #[test]
    fn a_known_skew_is_a_drift_and_one_out_of_reach_is_refused() {
        for (skew, drift) in [("3", 3), ("-20", -20), ("20 rest", 20), ("x", 0)] {
            let file = format!("{BASE32}\n\" TOTP_AUTH\n\" TIME_SKEW {skew}\n");
            let token = &brought(&file).unwrap().tokens[0];
            assert_eq!(token.drift.steps(), drift, "{skew}");
            let last = present().drifted(token.drift).plus(2 + 1);
            assert_eq!(token.may_be_used, Some(last));
        }
        for (skew, number) in [("21", 21), ("-21", -21), ("99999999999999999999", i64::MAX)] {
            let file = format!("{BASE32}\n\" TOTP_AUTH\n\" TIME_SKEW {skew}\n");
            assert_eq!(brought(&file).unwrap_err(), NotTaken::Skew(number));
        }
    }

    #[test]
    fn steps_that_are_still_to_come_are_refused() {
        let with = |step: u64| {
            brought(&format!(
                "{BASE32}\n\" TOTP_AUTH\n\" DISALLOW_REUSE 5 {step}\n"
            ))
        };
        assert_eq!(
            with(present().0 + 3).unwrap().tokens[0].used,
            Some(present().plus(3))
        );
        assert_eq!(with(present().0 + 4).unwrap_err(), NotTaken::UsedLater(30));
        assert!(matches!(with(u64::MAX), Err(NotTaken::UsedLater(_))));
    }

    #[test]
    fn values_at_which_that_system_refuses_everybody_are_refused() {
        for (option, why) in [
            ("STEP_SIZE 0", NotTaken::BadValue("STEP_SIZE")),
            ("STEP_SIZE 61", NotTaken::BadValue("STEP_SIZE")),
            ("STEP_SIZE", NotTaken::BadValue("STEP_SIZE")),
            ("STEP_SIZE 14", NotTaken::Step(14)),
            ("WINDOW_SIZE 101", NotTaken::BadValue("WINDOW_SIZE")),
            ("WINDOW_SIZE three", NotTaken::BadValue("WINDOW_SIZE")),
            ("DISALLOW_REUSE 1 x", NotTaken::BadValue("DISALLOW_REUSE")),
        ] {
            let file = format!("{BASE32}\n\" TOTP_AUTH\n\" {option}\n12345678\n");
            assert_eq!(brought(&file).unwrap_err(), why, "{option}");
        }
        assert_eq!(File::parse(b"").unwrap_err(), NotTaken::Empty);
        assert_eq!(
            File::parse(&vec![b'A'; 65_537]).unwrap_err(),
            NotTaken::TooLong(65_536)
        );
        assert_eq!(File::parse(b"ABCD\0\n").unwrap_err(), NotTaken::Nul);
    }

    proptest! {
        #[test]
        fn whatever_is_read_holds_what_is_promised(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            crate::fuzzing::google_authenticator(&bytes);
        }

        #[test]
        fn whatever_looks_like_a_file_holds_what_is_promised(
            text in "[A-Z2-7a-z0189 -]{0,40}\\r?\\n(\" (TOTP_AUTH|HOTP_COUNTER|STEP_SIZE|WINDOW_SIZE|TIME_SKEW|DISALLOW_REUSE|RATE_LIMIT|LAST3)( -?[0-9]{0,20}){0,3}\\r?\\n|[ +0]{0,2}[0-9]{7,9}\\n|\\PC{0,9}\\n){0,9}",
        ) {
            crate::fuzzing::google_authenticator(text.as_bytes());
        }
    }
}
