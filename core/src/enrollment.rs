//! What is known about a person's second factor: the file `enrollment.toml`, written when somebody enrolls and never at login.

use std::fmt::Write as _;

use serde::Deserialize;
use toml::value::{Datetime, Offset};
use zeroize::Zeroizing;

use crate::account::UserName;
use crate::backup_codes::{BackupCodes, Cost, Count, Digest, Salt};
use crate::id::Id;
use crate::lines::line_at;
use crate::scratch_codes::ScratchCodes;
use crate::tables::{self, Table};
use crate::time::Time;
use crate::token::{Algorithm, Counter, Digits, Kind, Label, Period, Secret, Token};
use crate::versions::{Version, Versions};

/// A person's tokens and backup codes.
#[derive(Clone, Debug)]
pub struct Enrollment {
    /// Whose it is.
    pub user: UserName,
    /// The uid they had. Names get reused: a record of another uid opens nothing.
    pub uid: u32,
    /// When it was made.
    pub created: Time,
    /// 1 to [`MOST_TOKENS`](Self::MOST_TOKENS) tokens with different labels.
    pub tokens: Vec<Token>,
    /// The backup codes, if there are any.
    pub backup_codes: Option<BackupCodes>,
    /// The scratch codes that were brought along from another system, if there are any: never beside backup codes.
    pub scratch_codes: Option<ScratchCodes>,
}

impl Enrollment {
    /// How many tokens a person can have.
    pub const MOST_TOKENS: usize = 8;
    /// The longest file that is read, in bytes. The largest enrollment takes about a quarter of it.
    pub const LONGEST_FILE: usize = 16 * 1024;

    /// Reads the file. The text of an error never holds what was in it.
    pub fn parse(text: &str) -> Result<Self, BadEnrollment> {
        let versions = versions();
        let likely = tables::likely_version_of(text).and_then(|number| versions.of(number));
        if let Some(Ok(enrollment)) = likely.map(|version| (version.read)(text)) {
            return Ok(enrollment);
        }
        // The version is looked at first: a later one may have other keys, and is to be known for what it is.
        let version = match tables::version_of(text) {
            Some(number) => versions
                .of(number)
                .ok_or(BadEnrollment::Version(number, versions.latest.number))?,
            // It has none; what is wrong, and where, comes out all the same.
            None => &versions.latest,
        };
        (version.read)(text)
    }

    /// Reads a file of version 1 or 2.
    fn read(text: &str, version: u32) -> Result<Self, BadEnrollment> {
        let file: File =
            toml::from_str(text).map_err(|error| BadEnrollment::Toml(describe(text, &error)))?;
        if file.version != u64::from(version) {
            return Err(BadEnrollment::Version(file.version, version));
        }
        if file.token.is_empty() || file.token.len() > Self::MOST_TOKENS {
            return Err(BadEnrollment::Tokens);
        }
        let tokens = file
            .token
            .into_iter()
            .map(|Table(token)| token.into_token(version))
            .collect::<Result<Vec<_>, _>>()?;
        for (index, token) in tokens.iter().enumerate() {
            if tokens[..index].iter().any(|other| token.is_twin_of(other)) {
                return Err(BadEnrollment::Twins);
            }
        }
        let scratch_codes = file
            .scratch_codes
            .map(|Table(codes)| codes.into_scratch_codes(version))
            .transpose()?;
        if scratch_codes.is_some() && file.backup_codes.is_some() {
            return Err(BadEnrollment::Value("scratch_codes"));
        }
        Ok(Self {
            user: UserName::parse(&file.user).map_err(|_| BadEnrollment::Value("user"))?,
            uid: file.uid,
            created: moment(&file.created).ok_or(BadEnrollment::Value("created"))?,
            tokens,
            backup_codes: file
                .backup_codes
                .map(|Table(codes)| codes.into_backup_codes())
                .transpose()?,
            scratch_codes,
        })
    }

    /// The codes for the day when the token is lost, whichever there are: backup codes or scratch codes.
    #[must_use]
    pub fn set(&self) -> Option<&BackupCodes> {
        let scratch = self.scratch_codes.as_ref().map(|scratch| &scratch.set);
        self.backup_codes.as_ref().or(scratch)
    }

    /// Whether version 1 has words for it: whoever has time-based tokens with secrets as they are made here, and no scratch codes, has a
    /// file that older programs read.
    fn is_of_version_1(&self) -> bool {
        let is_of_version_2 = |token: &Token| {
            matches!(token.kind, Kind::Hotp { .. }) || token.secret.is_shorter_than_made_here()
        };
        self.scratch_codes.is_none() && !self.tokens.iter().any(is_of_version_2)
    }

    /// Writes the file.
    #[must_use]
    pub fn to_toml(&self) -> Zeroizing<String> {
        // Room for all of it at once: a buffer that grows leaves copies of secrets behind.
        let mut text = Zeroizing::new(String::with_capacity(Self::LONGEST_FILE));
        // Writing to a String cannot fail.
        let _ = (versions().to_write(self).write)(self, &mut text);
        text
    }

    /// Writes a file of version 1 or 2.
    fn write(&self, version: u32, text: &mut String) -> std::fmt::Result {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        writeln!(
            text,
            "# Written by nightlatch. Change it with the command, not by hand."
        )?;
        writeln!(text, "version = {version}")?;
        writeln!(text, "user = {}", quoted(self.user.as_str()))?;
        writeln!(text, "uid = {}", self.uid)?;
        writeln!(text, "created = {}", self.created.to_rfc3339())?;
        for token in &self.tokens {
            writeln!(text, "\n[[token]]")?;
            writeln!(text, "id = \"{}\"", token.id)?;
            writeln!(text, "label = {}", quoted(token.label.as_str()))?;
            writeln!(text, "kind = \"{}\"", token.kind.as_str())?;
            writeln!(text, "secret = \"base32:{}\"", *token.secret.to_base32())?;
            writeln!(text, "algorithm = \"{}\"", token.algorithm.as_str())?;
            writeln!(text, "digits = {}", token.digits.get())?;
            match token.kind {
                Kind::Totp { period } => writeln!(text, "period = {}", period.seconds())?,
                Kind::Hotp { counter } => writeln!(text, "counter = {}", counter.step().0)?,
            }
        }
        if let Some(codes) = &self.backup_codes {
            writeln!(text, "\n[backup_codes]")?;
            write_set(text, codes)?;
        }
        if let Some(codes) = &self.scratch_codes {
            writeln!(text, "\n[scratch_codes]")?;
            write_set(text, &codes.set)?;
            writeln!(text, "expires = {}", codes.expires.unix())?;
        }
        writeln!(text, "\n[end]")?;
        Ok(())
    }
}

fn write_set(text: &mut String, codes: &BackupCodes) -> std::fmt::Result {
    let Cost { m_kib, t, p } = codes.cost;
    writeln!(text, "id = \"{}\"", codes.id)?;
    writeln!(text, "salt = \"{}\"", codes.salt)?;
    writeln!(text, "argon2id = {{ m_kib = {m_kib}, t = {t}, p = {p} }}")?;
    writeln!(text, "hashes = [")?;
    for digest in &codes.digests {
        writeln!(text, "    \"{}\",", digest.to_hex())?;
    }
    writeln!(text, "]")
}

/// Why a file is not an enrollment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEnrollment {
    /// Not TOML, an unknown key, a wrong type. Says where, never what stood there.
    #[error("{0}")]
    Toml(String),
    /// A version that this program does not know.
    #[error("version {0} is not known; this program reads versions up to {1}")]
    Version(u64, u32),
    /// None, or too many.
    #[error("there must be 1 to {} tokens", Enrollment::MOST_TOKENS)]
    Tokens,
    /// State is keyed by ids, people choose by labels, and with one secret twice a code would open twice.
    #[error("two tokens have the same label, id or secret")]
    Twins,
    /// A value that cannot be.
    #[error("the value of `{0}` is not one that it can have")]
    Value(&'static str),
}

pub(crate) type EnrollmentVersion = Version<Enrollment, BadEnrollment>;

pub(crate) const VERSION_1: EnrollmentVersion = Version {
    number: 1,
    read: |text| Enrollment::read(text, 1),
    write: |enrollment, text| enrollment.write(1, text),
};
pub(crate) const VERSION_2: EnrollmentVersion = Version {
    number: SECOND,
    read: |text| Enrollment::read(text, SECOND),
    write: |enrollment, text| enrollment.write(SECOND, text),
};
/// The first version that has counter-based tokens, short secrets and scratch codes.
const SECOND: u32 = 2;

/// The versions that this program reads and writes.
fn versions() -> &'static Versions<Enrollment, BadEnrollment> {
    static KNOWN: Versions<Enrollment, BadEnrollment> = Versions {
        earlier: &[(VERSION_1, Enrollment::is_of_version_1)],
        latest: VERSION_2,
    };
    #[cfg(test)]
    if crate::testing::later::is_running() {
        return &crate::testing::later::ENROLLMENTS;
    }
    &KNOWN
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u64,
    user: String,
    uid: u32,
    created: Datetime,
    #[serde(default)]
    token: Vec<Table<TokenTable>>,
    backup_codes: Option<Table<BackupCodesTable>>,
    scratch_codes: Option<Table<ScratchCodesTable>>,
    #[expect(
        dead_code,
        reason = "it has only to be there: a file that was cut short does not have it"
    )]
    end: Table<End>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenTable {
    id: String,
    label: Label,
    kind: String,
    secret: Zeroizing<String>,
    algorithm: Algorithm,
    digits: Digits,
    period: Option<Period>,
    counter: Option<Counter>,
}

impl TokenTable {
    fn into_token(self, version: u32) -> Result<Token, BadEnrollment> {
        let kind = match (self.kind.as_str(), self.period, self.counter) {
            ("totp", Some(period), None) => Kind::Totp { period },
            ("hotp", None, Some(counter)) if version >= SECOND => Kind::Hotp { counter },
            ("totp", None, _) => return Err(BadEnrollment::Value("period")),
            ("totp", Some(_), Some(_)) => return Err(BadEnrollment::Value("counter")),
            ("hotp", Some(_), _) if version >= SECOND => {
                return Err(BadEnrollment::Value("period"));
            }
            ("hotp", None, None) if version >= SECOND => {
                return Err(BadEnrollment::Value("counter"));
            }
            _ => return Err(BadEnrollment::Value("kind")),
        };
        let secret = self
            .secret
            .strip_prefix("base32:")
            .ok_or(BadEnrollment::Value("secret"))?;
        Ok(Token {
            id: Id::parse(&self.id).map_err(|_| BadEnrollment::Value("id"))?,
            label: self.label,
            kind,
            secret: Secret::from_kept_base32(secret)
                .ok()
                .filter(|secret| version >= SECOND || !secret.is_shorter_than_made_here())
                .ok_or(BadEnrollment::Value("secret"))?,
            algorithm: self.algorithm,
            digits: self.digits,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupCodesTable {
    id: String,
    salt: String,
    argon2id: Table<Cost>,
    hashes: Vec<String>,
}

impl BackupCodesTable {
    fn into_backup_codes(self) -> Result<BackupCodes, BadEnrollment> {
        if self.hashes.is_empty() || self.hashes.len() > usize::from(Count::MOST.get()) {
            return Err(BadEnrollment::Value("hashes"));
        }
        let Table(cost) = self.argon2id;
        if !cost.is_bearable() {
            return Err(BadEnrollment::Value("argon2id"));
        }
        let digests = self
            .hashes
            .iter()
            .map(|hash| Digest::parse(hash))
            .collect::<Option<_>>();
        Ok(BackupCodes {
            id: Id::parse(&self.id).map_err(|_| BadEnrollment::Value("id"))?,
            salt: Salt::parse(&self.salt).ok_or(BadEnrollment::Value("salt"))?,
            cost,
            digests: digests.ok_or(BadEnrollment::Value("hashes"))?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScratchCodesTable {
    id: String,
    salt: String,
    argon2id: Table<Cost>,
    hashes: Vec<String>,
    expires: i64,
}

impl ScratchCodesTable {
    fn into_scratch_codes(self, version: u32) -> Result<ScratchCodes, BadEnrollment> {
        let expires = u64::try_from(self.expires).map_err(|_| BadEnrollment::Value("expires"))?;
        let set = BackupCodesTable {
            id: self.id,
            salt: self.salt,
            argon2id: self.argon2id,
            hashes: self.hashes,
        };
        if version < SECOND {
            return Err(BadEnrollment::Value("scratch_codes"));
        }
        Ok(ScratchCodes {
            set: set.into_backup_codes()?,
            expires: Time::from_unix(expires),
        })
    }
}

/// In UTC and in whole seconds.
fn moment(written: &Datetime) -> Option<Time> {
    let mut written = *written;
    if matches!(written.offset, Some(Offset::Custom { minutes: 0 })) {
        written.offset = Some(Offset::Z);
    }
    if let Some(time) = &mut written.time {
        time.nanosecond.take_if(|nanosecond| *nanosecond == 0);
    }
    let written = written.to_string();
    let time = Time::parse_rfc3339(&written).ok()?;
    (time.to_rfc3339() == written).then_some(time)
}

/// Where the mistake is, without the line itself: it may hold a secret.
fn describe(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(0, |span| line_at(text, span.start));
    match error.message() {
        // These name the key, which is no secret; other messages may quote a value.
        message if message.starts_with("unknown field") || message.starts_with("missing field") => {
            format!("line {line}: {message}")
        }
        _ => format!("line {line}: not what this file holds there"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CHEAP, NOW};
    use proptest::prelude::*;

    fn enrollment() -> Enrollment {
        let token = |label: &str, algorithm| Token {
            id: Id::new().unwrap(),
            label: Label::parse(label).unwrap(),
            kind: Kind::Totp {
                period: Period::THIRTY,
            },
            secret: Secret::generate(algorithm).unwrap(),
            algorithm,
            digits: Digits::SIX,
        };
        let (codes, _) = BackupCodes::make(Count::DEFAULT, CHEAP).unwrap();
        Enrollment {
            user: UserName::parse("al\"ice\\").unwrap(),
            uid: 1000,
            created: NOW,
            tokens: vec![
                token("phone", Algorithm::Sha1),
                token("\"täblet", Algorithm::Sha512),
            ],
            backup_codes: Some(codes),
            scratch_codes: None,
        }
    }

    #[test]
    fn an_enrollment_comes_back_from_its_file() {
        let written = enrollment();
        let text = written.to_toml();
        let read = Enrollment::parse(&text).unwrap();
        assert_eq!(*read.to_toml(), *text);
        assert_eq!(
            (read.user.as_str(), read.uid, read.created),
            ("al\"ice\\", 1000, written.created)
        );
        assert_eq!(read.tokens[1].label.as_str(), "\"täblet");
        assert_eq!(
            *read.tokens[1].secret.to_base32(),
            *written.tokens[1].secret.to_base32()
        );
        assert_eq!(read.backup_codes.unwrap().digests.len(), 10);
    }

    fn with_a_counter() -> Enrollment {
        let mut enrollment = enrollment();
        enrollment.tokens[1].kind = Kind::Hotp {
            counter: Counter::try_from(i64::MAX.unsigned_abs()).unwrap(),
        };
        enrollment
    }

    #[test]
    fn a_counter_based_token_makes_it_version_2_and_comes_back() {
        let written = with_a_counter();
        let text = written.to_toml();
        assert!(text.contains("\nversion = 2\n") && text.contains("\nkind = \"hotp\"\n"));
        let read = Enrollment::parse(&text).unwrap();
        assert_eq!(read.tokens[1].kind, written.tokens[1].kind);
        assert_eq!(*read.to_toml(), *text);
        assert!(enrollment().to_toml().contains("\nversion = 1\n"));
    }

    #[test]
    fn a_file_of_version_2_without_a_counter_based_token_says_the_same_as_one_of_version_1() {
        let good = enrollment().to_toml();
        let text = good.replacen("version = 1", "version = 2", 1);
        assert_eq!(*Enrollment::parse(&text).unwrap().to_toml(), *good);
    }

    #[test]
    fn a_counter_based_token_has_a_counter_and_no_period() {
        let good = with_a_counter().to_toml();
        let line = format!("counter = {}\n", i64::MAX);
        for (old, new, value) in [
            ("version = 2", "version = 1", "kind"),
            (&line, "", "counter"),
            (&line, "period = 30\n", "period"),
            (&line, &format!("{line}period = 30\n"), "period"),
        ] {
            let text = good.replacen(old, new, 1);
            assert_ne!(text, *good, "{old}");
            let error = Enrollment::parse(&text).unwrap_err();
            assert_eq!(error, BadEnrollment::Value(value), "{new}");
        }
        let text = good.replace(&line, "counter = -1\n");
        assert!(matches!(
            Enrollment::parse(&text),
            Err(BadEnrollment::Toml(_))
        ));
    }

    #[test]
    fn the_largest_enrollment_fits_its_file() {
        let mut largest = enrollment();
        largest.user = UserName::parse(&"é".repeat(42)).unwrap();
        for index in 2..Enrollment::MOST_TOKENS {
            let mut token = largest.tokens[1].clone();
            token.id = Id::new().unwrap();
            token.label = Label::parse(&format!("{index}{}", "\"".repeat(31))).unwrap();
            let byte = u8::try_from(index).unwrap();
            token.secret = Secret::from_bytes(vec![byte; 128].into()).unwrap();
            largest.tokens.push(token);
        }
        let (codes, _) = BackupCodes::make(Count::MOST, CHEAP).unwrap();
        largest.backup_codes = Some(codes);
        let text = largest.to_toml();
        assert!(
            text.len() < Enrollment::LONGEST_FILE / 2,
            "{} bytes",
            text.len()
        );
        assert!(Enrollment::parse(&text).is_ok());
    }

    #[test]
    fn what_cannot_be_is_refused_and_says_which_value() {
        let good = enrollment().to_toml();
        for (old, new, error) in [
            ("version = 1", "version = 0", BadEnrollment::Version(0, 2)),
            (
                "version = 1",
                "version = 3\ncolour = \"red\"",
                BadEnrollment::Version(3, 2),
            ),
            (
                "kind = \"totp\"",
                "kind = \"hotp\"",
                BadEnrollment::Value("kind"),
            ),
            (
                "period = 30",
                "counter = 30",
                BadEnrollment::Value("period"),
            ),
            (
                "period = 30",
                "period = 30\ncounter = 30",
                BadEnrollment::Value("counter"),
            ),
            ("period = 30\n", "", BadEnrollment::Value("period")),
            ("base32:", "sealed:", BadEnrollment::Value("secret")),
            (
                "m_kib = 8",
                "m_kib = 9999999",
                BadEnrollment::Value("argon2id"),
            ),
            (
                "created = 2026-11-24T02:30:00Z",
                "created = 2026-11-24T03:30:00+01:00",
                BadEnrollment::Value("created"),
            ),
            (
                "created = 2026-11-24T02:30:00Z",
                "created = 2026-11-24T02:30:00.5Z",
                BadEnrollment::Value("created"),
            ),
            (
                "label = \"phone\"",
                "label = '\"täblet'",
                BadEnrollment::Twins,
            ),
        ] {
            let text = good.replacen(old, new, 1);
            assert_ne!(text, *good, "{old}");
            assert_eq!(Enrollment::parse(&text).unwrap_err(), error, "{new}");
        }
    }

    #[test]
    fn one_secret_under_two_labels_is_refused_for_a_code_would_open_twice() {
        let mut enrollment = enrollment();
        enrollment.tokens[1].secret = enrollment.tokens[0].secret.clone();
        assert_eq!(
            Enrollment::parse(&enrollment.to_toml()).unwrap_err(),
            BadEnrollment::Twins
        );
    }

    #[test]
    fn nothing_but_a_table_is_read_for_a_table() {
        let good = enrollment().to_toml();
        let token = good.find("[[token]]").unwrap();
        let codes = good.find("[backup_codes]").unwrap();
        for bad in [
            good.replace("{ m_kib = 8, t = 1, p = 1 }", "[8, 1, 1]"),
            good.replace("[end]", "[[end]]"),
            good.replace("\n[end]\n", "")
                .replacen("uid", "end = []\nuid", 1),
            format!(
                "{}backup_codes = []\n{}[end]\n",
                &good[..token],
                &good[token..codes]
            ),
            good.replacen("[[token]]", "[token]", 1),
        ] {
            assert_ne!(bad, *good);
            assert!(Enrollment::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let text = enrollment()
            .to_toml()
            .replacen("uid = ", "colour = 1\nuid = ", 1);
        let BadEnrollment::Toml(message) = Enrollment::parse(&text).unwrap_err() else {
            panic!("another error");
        };
        assert!(
            message.starts_with("line 4: unknown field `colour`"),
            "{message}"
        );
    }

    #[test]
    fn an_error_never_quotes_the_secret() {
        let enrollment = enrollment();
        let secret = enrollment.tokens[0].secret.to_base32();
        let text =
            enrollment
                .to_toml()
                .replacen("digits = 6", &format!("digits = \"{}\"", *secret), 1);
        let error = Enrollment::parse(&text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret.as_str()));
    }

    proptest! {
        #[test]
        fn a_changed_file_is_refused_or_comes_back(at in any::<prop::sample::Index>(), put in "\\PC{0,3}") {
            let mut text: Vec<char> = enrollment().to_toml().chars().collect();
            let at = at.index(text.len());
            text.splice(at..=at, put.chars());
            let text: String = text.into_iter().collect();
            crate::fuzzing::enrollment(text.as_bytes());
        }
    }

    #[test]
    fn a_file_that_was_cut_short_is_refused_wherever_it_was_cut() {
        let text = enrollment().to_toml();
        // Only the last end of line is not missed.
        for at in (0..text.len() - 1).filter(|&at| text.is_char_boundary(at)) {
            assert!(Enrollment::parse(&text[..at]).is_err(), "{at} bytes");
        }
    }
}
