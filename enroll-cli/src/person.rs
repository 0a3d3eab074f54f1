//! Whom a command acts on, and who is behind it.

use std::env;
use std::fs;

use nightlatch_core::account::{Account, UserName};
use nix::unistd::{Uid, getuid};

use crate::failure::Failure;

/// Somebody with an account, or with nothing left but a record.
#[derive(Clone, Debug)]
pub struct Person {
    /// The canonical name where there is an account, else the name as it was typed.
    pub name: UserName,
    /// The uid that the account has now.
    pub uid: Option<u32>,
}

impl Person {
    /// Whoever is named; where nobody is, whoever called sudo. Records outlive accounts, so that they can be removed.
    pub fn named_or_behind_sudo(user: Option<&str>) -> anyhow::Result<Self> {
        let Some(name) = user else {
            return account_behind_sudo().map(Into::into);
        };
        match Account::look_up(name)? {
            Some(account) => Ok(account.into()),
            None => Ok(Self {
                name: UserName::parse(name)?,
                uid: None,
            }),
        }
    }

    /// The error for somebody who has neither an account nor a record.
    pub fn unknown(&self) -> anyhow::Error {
        no_account(self.name.as_str())
    }
}

impl From<Account> for Person {
    fn from(account: Account) -> Self {
        Self {
            name: account.name,
            uid: Some(account.uid),
        }
    }
}

/// The account of whoever is named; where nobody is, of whoever called sudo.
pub fn account(user: Option<&str>) -> anyhow::Result<Account> {
    match user {
        Some(name) => Account::look_up(name)?.ok_or_else(|| no_account(name)),
        None => account_behind_sudo(),
    }
}

/// The name of whoever is behind this command, for the log.
///
/// The kernel's login uid outlives su and sudo and cannot be set twice, so it is believed first; where PAM sets none, what
/// sudo says; else the real uid.
pub fn behind() -> String {
    let uid = login_uid().or_else(sudo_uid).unwrap_or(getuid().as_raw());
    match Account::of_uid(uid) {
        Ok(Some(account)) => account.name.as_str().to_owned(),
        Ok(None) | Err(_) => format!("uid:{uid}"),
    }
}

fn account_behind_sudo() -> anyhow::Result<Account> {
    let Some(uid) = sudo_uid() else {
        return Err(Failure::Usage(
            "say whose: give the USER, for there is nobody behind sudo here".to_owned(),
        )
        .into());
    };
    Account::of_uid(uid)?
        .ok_or_else(|| anyhow::anyhow!("there is no account with uid {uid}, which sudo named"))
}

fn no_account(name: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "there is no account named {}: look for it with `getent passwd`",
        crate::screen::shown(name)
    )
}

fn login_uid() -> Option<u32> {
    parse_login_uid(&fs::read_to_string("/proc/self/loginuid").ok()?)
}

/// -1 stands for "never set".
fn parse_login_uid(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|&uid| uid != u32::MAX)
}

/// The uid of whoever called sudo. Only root is believed about it: anybody can set a variable.
fn sudo_uid() -> Option<u32> {
    if !Uid::effective().is_root() {
        return None;
    }
    let uid = env::var("SUDO_UID").ok()?.parse().ok()?;
    (uid != 0).then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_uid_that_was_never_set_is_none() {
        assert_eq!(parse_login_uid("1000\n"), Some(1000));
        assert_eq!(parse_login_uid("0"), Some(0));
        assert_eq!(parse_login_uid("4294967295"), None);
        assert_eq!(parse_login_uid(""), None);
    }

    #[test]
    fn an_account_has_its_canonical_name_and_a_stranger_only_the_typed_one() {
        let root = Person::named_or_behind_sudo(Some("root")).unwrap();
        assert_eq!((root.name.as_str(), root.uid), ("root", Some(0)));
        let gone = Person::named_or_behind_sudo(Some("no-such-person-here")).unwrap();
        assert_eq!(
            (gone.name.as_str(), gone.uid),
            ("no-such-person-here", None)
        );
        assert!(account(Some("no-such-person-here")).is_err());
    }
}
