//! Where people's tokens are found, and whose they are: the files that were named, every account's own, or a file of everybody's.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use nightlatch_core::account::Account;
use nightlatch_core::check::Rules;
use nightlatch_core::import::{Brought, google_authenticator, oath};
use nightlatch_core::safe_file::{self, Guard, Owner};
use nightlatch_core::time::Time;
use nix::unistd::{Uid, User};
use zeroize::Zeroizing;

use crate::app::absolute;
use crate::as_owner;
use crate::cli;
use crate::failure::in_words;
use crate::passwd::{self, Listed};
use crate::person;
use crate::screen::shown;

/// What was found for one person.
pub struct Found {
    /// The account, or the name of one that there is not.
    pub whose: Result<Account, String>,
    /// In which file.
    pub file: PathBuf,
    /// What they bring along, or why nothing of it can be taken.
    pub brought: Result<Brought, String>,
    /// What is to be said about the file.
    pub notes: Vec<String>,
}

/// What was found for everybody.
pub struct Everybody {
    /// For each person.
    pub found: Vec<Found>,
    /// What is to be said about the whole.
    pub remarks: Vec<String>,
}

/// Files of `pam_google_authenticator`.
pub fn google_authenticator(
    arguments: &cli::ImportGoogleAuthenticator,
    rules: &Rules,
    now: Time,
) -> anyhow::Result<Everybody> {
    let mut everybody = Everybody {
        found: Vec::new(),
        remarks: Vec::new(),
    };
    if arguments.all_homes {
        everybody = all_homes(rules, now)?;
    }
    for file in &arguments.files {
        let file = absolute(file)?;
        let found = named(&file, arguments.user.as_deref(), rules, now);
        everybody.found.push(found);
    }
    let mut uids = HashSet::new();
    for found in &mut everybody.found {
        let uid = found.whose.as_ref().map(|account| account.uid);
        if uid.is_ok_and(|uid| !uids.insert(uid)) {
            found.brought = Err("they have another file in this list".to_owned());
        }
    }
    Ok(everybody)
}

/// A file that the administrator named.
fn named(file: &Path, user: Option<&str>, rules: &Rules, now: Time) -> Found {
    let whose = whose(file, user);
    let read = match &whose {
        Ok(whose) => whose.read(file),
        Err(error) => Err(in_words(error)),
    };
    let whose = whose
        .map(|whose| whose.account)
        .map_err(|_| user.unwrap_or("?").to_owned());
    let read = read.and_then(|read| read.ok_or_else(|| "there is no such file".to_owned()));
    found(whose, file, read, rules, now)
}

fn found(
    whose: Result<Account, String>,
    file: &Path,
    read: Result<as_owner::Owned, String>,
    rules: &Rules,
    now: Time,
) -> Found {
    let mut notes = Vec::new();
    let brought = read.and_then(|read| {
        if read.seen_by_others {
            notes.push(
                "others than its owner can read the file, and so make these codes".to_owned(),
            );
        }
        google_authenticator::File::parse(&read.bytes)
            .and_then(|file| file.bring(rules, now))
            .map_err(|why| why.to_string())
    });
    Found {
        whose,
        file: file.to_owned(),
        brought,
        notes,
    }
}

/// Whose a file is, and with whose rights it is opened.
struct Whose {
    account: Account,
    opened_by: OpenedBy,
}

enum OpenedBy {
    /// Its owner is root: by a path in which nobody else could have put it.
    Root,
    /// A person.
    Person { uid: u32, gid: u32 },
}

impl Whose {
    fn read(&self, file: &Path) -> Result<Option<as_owner::Owned>, String> {
        match self.opened_by {
            OpenedBy::Root => {
                let longest = google_authenticator::LONGEST_FILE;
                let read = safe_file::read(file, Owner::ROOT, Guard::Secret, longest);
                read.map(|bytes| {
                    bytes.map(|bytes| as_owner::Owned {
                        bytes,
                        seen_by_others: false,
                    })
                })
                .map_err(|error| error.to_string())
            }
            OpenedBy::Person { uid, gid } => {
                as_owner::read(file, uid, gid, google_authenticator::LONGEST_FILE)
                    .map_err(|why| why.to_string())
            }
        }
    }
}

/// Whose a file is: whom `--user` names; else its owner, if the directory that it lies in is theirs or root's. Nothing is guessed.
///
/// What is found out here is checked again when the file is open.
fn whose(file: &Path, user: Option<&str>) -> anyhow::Result<Whose> {
    let owner = fs::symlink_metadata(file)
        .context("it cannot be examined")?
        .uid();
    if let Some(user) = user {
        let account = person::account(Some(user))?;
        if owner != 0 && owner != account.uid {
            bail!(
                "it belongs to {}, who is not {}: a file that somebody else wrote says nothing about them; if it is right, let root own a \
                 copy of it",
                name_of(owner),
                shown(user)
            );
        }
        return opened_by(account, owner);
    }
    let directory = file.parent().unwrap_or(Path::new("/"));
    let of_directory = fs::metadata(directory)
        .context("its directory cannot be examined")?
        .uid();
    if owner == 0 {
        let root = User::from_uid(Uid::from_raw(0)).context("root cannot be looked up")?;
        if root.is_none_or(|root| root.dir != directory) {
            bail!("it belongs to root, so it may be anybody's: say whose with --user");
        }
    } else if of_directory != 0 && of_directory != owner {
        bail!(
            "it belongs to {}, and lies in a directory of {}: say whose it is with --user",
            name_of(owner),
            name_of(of_directory)
        );
    }
    let account = Account::of_uid(owner)?
        .ok_or_else(|| anyhow!("it belongs to uid {owner}, which no account has"))?;
    opened_by(account, owner)
}

fn opened_by(account: Account, owner: u32) -> anyhow::Result<Whose> {
    let opened_by = if owner == 0 {
        OpenedBy::Root
    } else {
        let user = User::from_uid(Uid::from_raw(owner))
            .context("its owner cannot be looked up")?
            .ok_or_else(|| anyhow!("no account has uid {owner}"))?;
        OpenedBy::Person {
            uid: owner,
            gid: user.gid.as_raw(),
        }
    };
    Ok(Whose { account, opened_by })
}

fn name_of(uid: u32) -> String {
    match Account::of_uid(uid) {
        Ok(Some(account)) => shown(account.name.as_str()),
        Ok(None) | Err(_) => format!("uid {uid}"),
    }
}

/// The file in the home of every account that the name service lists.
fn all_homes(rules: &Rules, now: Time) -> anyhow::Result<Everybody> {
    let mut everybody = Everybody {
        found: Vec::new(),
        remarks: Vec::new(),
    };
    let (mut without, mut homeless) = (0, 0);
    let lines = passwd::lines()?;
    for listed in lines.lines().filter_map(Listed::parse) {
        if !listed.home.is_absolute() {
            homeless += 1;
            continue;
        }
        let file = listed.home.join(IN_HOME);
        let by_owner = if listed.uid == 0 {
            OpenedBy::Root
        } else {
            OpenedBy::Person {
                uid: listed.uid,
                gid: listed.gid,
            }
        };
        let account = Account::look_up(listed.name);
        let whose = match account {
            Ok(Some(account)) if account.uid == listed.uid => Ok(Whose {
                account,
                opened_by: by_owner,
            }),
            Ok(_) => Err("it is another name of an account that stands here by its own".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let read = match &whose {
            Ok(whose) => whose.read(&file),
            Err(why) => Err(why.clone()),
        };
        match (&whose, read) {
            (_, Ok(None)) if listed.home.exists() => without += 1,
            (_, Ok(None)) => homeless += 1,
            // The other name's own line says all.
            (Err(_), Err(_)) if !file.exists() => without += 1,
            (_, read) => {
                let whose = whose
                    .map(|whose| whose.account)
                    .map_err(|_| listed.name.to_owned());
                let read = read.and_then(|read| read.ok_or_else(String::new));
                everybody.found.push(found(whose, &file, read, rules, now));
            }
        }
    }
    everybody.remarks.push(format!(
        "{without} accounts have no file {IN_HOME}, and {homeless} have no home here now (one that is not mounted is not looked into)."
    ));
    Ok(everybody)
}

/// The users' file of `pam_oath`.
pub fn oath(arguments: &cli::ImportOath, rules: &Rules, now: Time) -> anyhow::Result<Everybody> {
    let path = absolute(&arguments.file)?;
    // Whoever can write it decides about everybody, so it has to be root's.
    let bytes: Zeroizing<Vec<u8>> =
        safe_file::read(&path, Owner::ROOT, Guard::Secret, oath::LONGEST_FILE)?
            .ok_or_else(|| anyhow!("{}: there is no such file", path.display()))?;
    let file = oath::File::parse(&bytes).map_err(|why| anyhow!("{}: {why}", path.display()))?;
    let pins = if arguments.without_pin {
        oath::Pins::Dropped
    } else {
        oath::Pins::Refused
    };
    let mut remarks = Vec::new();
    if !file.passed_over.is_empty() {
        let lines: Vec<String> = file.passed_over.iter().map(ToString::to_string).collect();
        remarks.push(format!(
            "Passed over, as pam_oath does, since they are no tokens: lines {}.",
            lines.join(", ")
        ));
    }
    let mut uids = HashSet::new();
    let people = file.people.iter().map(|person| {
        let whose = match Account::look_up(person.name) {
            Ok(Some(account)) => Ok(account),
            Ok(None) => Err("there is no account of that name".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let brought = match &whose {
            Ok(account) if !uids.insert(account.uid) => {
                Err("another name of somebody who stands in this file already".to_owned())
            }
            Ok(_) => person
                .bring(pins, rules, now)
                .map_err(|why| why.to_string()),
            Err(why) => Err(why.clone()),
        };
        Found {
            whose: whose.map_err(|_| person.name.to_owned()),
            file: path.clone(),
            brought,
            notes: Vec::new(),
        }
    });
    Ok(Everybody {
        found: people.collect(),
        remarks,
    })
}

/// Where everybody has theirs.
const IN_HOME: &str = ".google_authenticator";
