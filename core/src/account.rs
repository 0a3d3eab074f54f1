//! Who somebody is: the canonical name and uid of an account, and the name of the directory that holds a record.
//!
//! A name comes from NSS by way of the uid, so that `ALICE`, `DOMAIN\alice` and `alice` are one person with one
//! record. Whatever does not make that round trip is nobody.

use std::fmt;

use nix::unistd::{Uid, User};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// A person's canonical name: not empty, without control characters, and fit to be a directory's name once encoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

impl UserName {
    /// Takes a name as NSS or a file gives it.
    pub fn parse(name: &str) -> Result<Self, BadUserName> {
        if name.is_empty() {
            return Err(BadUserName::Empty);
        }
        if name.chars().any(char::is_control) {
            return Err(BadUserName::Control);
        }
        if encode(name).len() > LONGEST_DIRECTORY_NAME {
            return Err(BadUserName::TooLong);
        }
        Ok(Self(name.to_owned()))
    }

    /// Reads a directory's name back. Only the one spelling that [`directory_name`](Self::directory_name) writes is taken.
    pub fn from_directory_name(directory: &str) -> Result<Self, BadUserName> {
        let decoded = percent_decode_str(directory)
            .decode_utf8()
            .map_err(|_| BadUserName::NotEncodedByUs)?;
        let name = Self::parse(&decoded)?;
        if name.directory_name() == directory {
            Ok(name)
        } else {
            Err(BadUserName::NotEncodedByUs)
        }
    }

    /// The name of this person's directory in the store: percent-encoded but for `[a-z0-9_-]` and inner dots.
    #[must_use]
    pub fn directory_name(&self) -> String {
        encode(&self.0)
    }

    /// The name as people write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserName {
    type Error = BadUserName;

    fn try_from(name: String) -> Result<Self, BadUserName> {
        Self::parse(&name)
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An account that exists: its canonical name and its uid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name that NSS gives for the uid.
    pub name: UserName,
    /// The user id.
    pub uid: u32,
    /// What the name that was given leads to, where that is another entry than the uid's. It is the same person, but their
    /// session is in the groups of that entry.
    pub alias: Option<Entry>,
}

/// An entry of the accounts, as far as it says what groups somebody is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its own name.
    pub name: UserName,
    /// The primary group.
    pub gid: u32,
}

impl Account {
    /// Looks a login name up, then its uid, and takes the name that the uid has.
    ///
    /// `Ok(None)` means that nobody of that name exists.
    pub fn look_up(login_name: &str) -> Result<Option<Self>, AccountError> {
        if login_name.is_empty() || login_name.contains('\0') {
            return Ok(None);
        }
        let Some(by_name) = User::from_name(login_name).map_err(AccountError::Lookup)? else {
            return Ok(None);
        };
        let uid = by_name.uid.as_raw();
        let by_name = Entry::of(&by_name)?;
        let by_uid = entry_of(uid)?.ok_or_else(|| AccountError::NoRoundTrip {
            login_name: login_name.to_owned(),
            uid,
        })?;
        Ok(Some(Self {
            alias: (by_name != by_uid).then_some(by_name),
            name: by_uid.name,
            uid,
        }))
    }

    /// The account that has this uid.
    pub fn of_uid(uid: u32) -> Result<Option<Self>, AccountError> {
        Ok(entry_of(uid)?.map(|entry| Self {
            name: entry.name,
            uid,
            alias: None,
        }))
    }
}

impl Entry {
    fn of(user: &User) -> Result<Self, AccountError> {
        // What was not text has this in its place by now: two such names would be one.
        if user.name.contains(char::REPLACEMENT_CHARACTER) {
            return Err(AccountError::NotText);
        }
        Ok(Self {
            name: UserName::parse(&user.name)?,
            gid: user.gid.as_raw(),
        })
    }
}

/// The entry that a uid leads to.
fn entry_of(uid: u32) -> Result<Option<Entry>, AccountError> {
    let user = User::from_uid(Uid::from_raw(uid)).map_err(AccountError::Lookup)?;
    user.as_ref().map(Entry::of).transpose()
}

/// Why a name cannot be a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUserName {
    /// No characters at all.
    #[error("the name is empty")]
    Empty,
    /// Control characters would forge lines in lists and logs.
    #[error("the name holds a control character")]
    Control,
    /// File systems hold 255 bytes.
    #[error("the name takes more than {LONGEST_DIRECTORY_NAME} bytes as a directory's name")]
    TooLong,
    /// A directory whose name is not one that the store writes.
    #[error("not the name of a person's directory")]
    NotEncodedByUs,
}

/// Why an account could not be looked up. Every one of them denies.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The name service failed. Any error is one, also those that `getpwnam_r(3)` lists as "not found": glibc gives them where a
    /// name service is gone (the socket of its daemon is not there), and nothing at all where an account is.
    #[error("the name service failed ({0}): look at /etc/nsswitch.conf and the services it names")]
    Lookup(nix::Error),
    /// The name leads to a uid that leads to nobody.
    #[error(
        "the name {login_name:?} leads to uid {uid}, which leads back to nobody: mend the accounts"
    )]
    NoRoundTrip {
        /// The name that was asked for.
        login_name: String,
        /// The uid it led to.
        uid: u32,
    },
    /// A name is not UTF-8.
    #[error("the account's name is not UTF-8: mend the accounts")]
    NotText,
    /// The canonical name cannot be used.
    #[error("the account's canonical name cannot be used: {0}")]
    Name(#[from] BadUserName),
}

fn encode(name: &str) -> String {
    let encoded = utf8_percent_encode(name, ENCODED).to_string();
    // A dot inside a name is common (first.last) and harmless; at either end it would make `.`, `..` or a hidden directory.
    let inner = encoded.trim_start_matches('.');
    let leading = encoded.len() - inner.len();
    let middle = inner.trim_end_matches('.');
    let trailing = inner.len() - middle.len();
    let mut out = DOT.repeat(leading);
    out.push_str(middle);
    out.push_str(&DOT.repeat(trailing));
    out
}

/// A dot, percent-encoded.
const DOT: &str = "%2E";
const LONGEST_DIRECTORY_NAME: usize = 255;

/// Everything but `[a-z0-9_-]` and the dot. Capitals are encoded too, so that no two names fold into one.
const ENCODED: &AsciiSet = &capitals(NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.'));

const fn capitals(mut set: AsciiSet) -> AsciiSet {
    let mut letter = b'A';
    while letter <= b'Z' {
        set = set.add(letter);
        letter += 1;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plain_name_is_its_own_directory() {
        assert_eq!(
            UserName::parse("first.last-2_x").unwrap().directory_name(),
            "first.last-2_x"
        );
    }

    #[test]
    fn a_hostile_name_cannot_leave_the_directory() {
        for (name, directory) in [
            (".", "%2E"),
            ("..", "%2E%2E"),
            ("../x", "%2E%2E%2Fx"),
            ("DOMAIN\\alice", "%44%4F%4D%41%49%4E%5Calice"),
            ("a.b.", "a.b%2E"),
            ("é", "%C3%A9"),
            ("100%", "100%25"),
        ] {
            assert_eq!(UserName::parse(name).unwrap().directory_name(), directory);
        }
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        assert_eq!(UserName::parse(""), Err(BadUserName::Empty));
        assert_eq!(UserName::parse("a\nb"), Err(BadUserName::Control));
        assert_eq!(UserName::parse(&"a".repeat(256)), Err(BadUserName::TooLong));
        assert_eq!(UserName::parse(&"A".repeat(86)), Err(BadUserName::TooLong));
        assert!(UserName::parse(&"a".repeat(255)).is_ok());
    }

    #[test]
    fn a_second_spelling_of_a_directory_is_not_taken() {
        for directory in ["%61lice", "Alice", "%zz", "%FF", "%2e"] {
            assert_eq!(
                UserName::from_directory_name(directory),
                Err(BadUserName::NotEncodedByUs),
                "{directory}"
            );
        }
    }

    #[test]
    fn root_makes_the_round_trip_and_a_stranger_does_not_exist() {
        let root = Account::look_up("root").unwrap().unwrap();
        assert_eq!((root.name.as_str(), root.uid), ("root", 0));
        assert_eq!(Account::look_up("no-such-person-here").unwrap(), None);
        assert_eq!(Account::look_up("").unwrap(), None);
        assert_eq!(Account::look_up("ro\0ot").unwrap(), None);
    }

    proptest! {
        #[test]
        fn every_name_comes_back_from_its_directory(name in "\\PC{1,60}") {
            if let Ok(name) = UserName::parse(&name) {
                let directory = name.directory_name();
                prop_assert!(!directory.contains('/') && !directory.starts_with('.'));
                prop_assert_eq!(UserName::from_directory_name(&directory).unwrap(), name);
            }
        }
    }
}
