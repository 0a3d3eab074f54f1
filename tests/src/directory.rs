//! A directory of people who are not in `/etc/passwd`, and the name service that tells the host of them
//! (`driver/nss-odd.c`): it answers whatever it is told to, late, or not at all.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::artifacts;
use crate::person::Person;
use crate::sandbox;
use crate::world::{World, system};

/// What the directory answers from the next [`serves`](Directory::serves) on.
#[derive(Debug, Clone)]
#[must_use]
pub struct Directory<'w> {
    world: &'w World,
    lines: Vec<String>,
}

/// A question that a name service is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// `getpwnam`: the account of a name.
    AccountByName,
    /// `getpwuid`: the account of a uid.
    AccountByUid,
    /// `getgrnam`: the group of a name.
    GroupByName,
    /// `initgroups`: the groups of somebody.
    GroupsOfSomebody,
}

/// How a name service fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// `NSS_STATUS_TRYAGAIN`, `EAGAIN`
    TryAgain,
    /// `NSS_STATUS_UNAVAIL`, `ECONNREFUSED`
    Unavailable,
    /// `NSS_STATUS_UNAVAIL`, `ENOENT`: the socket of its daemon is not there
    Gone,
    /// `NSS_STATUS_TRYAGAIN`, `ERANGE`: no room is ever enough
    NeverRoomEnough,
    /// `NSS_STATUS_NOTFOUND`: it knows nobody any more
    Forgetful,
}

impl World {
    /// Makes `/etc/nsswitch.conf` say that people and groups are in a directory, too. It is empty until it serves.
    pub fn directory(&self) -> Directory<'_> {
        let folder = artifacts::name_services();
        let found_in = "/etc/ld.so.conf.d/nightlatch-odd.conf";
        fs::write(found_in, format!("{}\n", folder.display())).expect("/etc is ours");
        // Beside the cache in /etc it keeps another one, which is not of this sandbox.
        let other_cache = "/var/cache/ldconfig";
        if Path::new(other_cache).is_dir() {
            sandbox::tmpfs(other_cache, "size=1m,mode=700");
        }
        system("ldconfig", &["-X"], "", "install libc-bin");
        let lines = ["passwd", "group"].map(|of| format!("{of}: files nightlatch_odd\n"));
        let shadow = "shadow: files\nhosts: files\n".to_owned();
        fs::write("/etc/nsswitch.conf", [lines.concat(), shadow].concat()).expect("/etc is ours");
        let directory = Directory {
            world: self,
            lines: Vec::new(),
        };
        directory.serves();
        directory
    }
}

impl<'w> Directory<'w> {
    /// Somebody by this name and with this uid, whose primary group has the same number.
    pub fn knows(self, name: impl AsRef<[u8]>, uid: u32) -> Self {
        let name = name.as_ref();
        self.answers_name(name, name, uid, uid)
            .answers_uid(uid, name, uid, uid)
    }

    /// The account that a name leads to: its own name, uid and primary group.
    pub fn answers_name(
        self,
        asked: impl AsRef<[u8]>,
        name: impl AsRef<[u8]>,
        uid: u32,
        gid: u32,
    ) -> Self {
        self.account("name", asked.as_ref(), name.as_ref(), uid, gid)
    }

    /// The account that a uid leads to: its name, its own uid and primary group.
    pub fn answers_uid(self, asked: u32, name: impl AsRef<[u8]>, uid: u32, gid: u32) -> Self {
        let asked = asked.to_string();
        self.account("uid", asked.as_bytes(), name.as_ref(), uid, gid)
    }

    /// A group and its list of members.
    pub fn has_group(self, name: &str, gid: u32, members: &[&str]) -> Self {
        self.line(format!("group\t{name}\t{gid}\t{}", members.join(",")))
    }

    /// The groups that somebody is in.
    pub fn says_groups_of(self, user: &str, gids: &[u32]) -> Self {
        let gids: Vec<_> = gids.iter().map(ToString::to_string).collect();
        self.line(format!("groups\t{user}\t{}", gids.join(",")))
    }

    /// So many groups that somebody is in.
    pub fn says_so_many_groups_of(self, user: &str, count: usize) -> Self {
        self.line(format!("groups\t{user}\t+{count}"))
    }

    /// Fails to answer a question.
    pub fn fails(self, question: Question, how: Failure) -> Self {
        let how = match how {
            Failure::TryAgain => format!("tryagain\t{}", nix::libc::EAGAIN),
            Failure::Unavailable => format!("unavail\t{}", nix::libc::ECONNREFUSED),
            Failure::Gone => format!("unavail\t{}", nix::libc::ENOENT),
            Failure::NeverRoomEnough => format!("tryagain\t{}", nix::libc::ERANGE),
            Failure::Forgetful => format!("notfound\t{}", nix::libc::ENOENT),
        };
        self.line(format!("fail\t{}\t{how}", question.call()))
    }

    /// Answers a question only after that time.
    pub fn hangs(self, question: Question, time: Duration) -> Self {
        let milliseconds = time.as_millis();
        self.line(format!("sleep\t{}\t{milliseconds}", question.call()))
    }

    /// Answers all that from now on, and nothing else.
    pub fn serves(&self) {
        fs::write(ANSWERS, self.lines.concat()).expect("/etc is ours");
    }

    /// Somebody of the directory.
    #[must_use]
    pub fn person(&self, name: &str) -> Person<'w> {
        Person::of_name(self.world, name)
    }

    fn account(self, kind: &str, asked: &[u8], name: &[u8], uid: u32, gid: u32) -> Self {
        let (asked, name) = (escaped(asked), escaped(name));
        self.line(format!("{kind}\t{asked}\t{name}\t{uid}\t{gid}"))
    }

    fn line(mut self, line: String) -> Self {
        self.lines.push(line + "\n");
        self
    }
}

impl Question {
    fn call(self) -> &'static str {
        match self {
            Self::AccountByName => "getpwnam",
            Self::AccountByUid => "getpwuid",
            Self::GroupByName => "getgrnam",
            Self::GroupsOfSomebody => "initgroups",
        }
    }
}

fn escaped(name: &[u8]) -> String {
    name.iter()
        .map(|&byte| match byte {
            b'\\' | 0..=0x20 | 0x7f.. => format!("\\x{byte:02x}"),
            _ => char::from(byte).to_string(),
        })
        .collect()
}

/// What the name service reads.
const ANSWERS: &str = "/etc/nightlatch-odd-names";
