//! The accounts of this host, for whoever asks about many of them.
//!
//! The name service answers about one name at a time and reads `/etc/passwd` from the beginning for it: for a hundred thousand
//! people that takes ten minutes, and reading it once no time. So where that file is what the host asks first anyway (`/etc/nsswitch.conf`), it is read once; whoever
//! is not in it is asked for one by one, as ever.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use nightlatch_core::account::{Account, AccountError, UserName};
use nightlatch_core::config::GroupName;
use nightlatch_core::surroundings::{GroupEntry, Surroundings, System, Unresolved};

/// What is known of the accounts of this host.
#[derive(Debug, Default)]
pub struct Accounts {
    /// By name, the first line of each.
    local: HashMap<String, Entry>,
    /// By uid, the first line of each.
    names: HashMap<u32, String>,
    /// Whether nothing but files says who is in which group.
    groups_are_in_files: bool,
}

/// What a line of `/etc/passwd` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    uid: u32,
    gid: u32,
}

/// A group whose members are sought.
#[derive(Debug)]
pub struct Group(GroupEntry);

impl Group {
    /// A group of this host.
    pub fn named(name: &GroupName) -> Result<Option<Self>, Unresolved> {
        Ok(System.group(name)?.map(Self))
    }
}

impl Accounts {
    /// Those of this host.
    pub fn of_this_host() -> Self {
        Self::below(Path::new("/etc"))
    }

    fn below(etc: &Path) -> Self {
        let sources = fs::read_to_string(etc.join("nsswitch.conf")).unwrap_or_default();
        let sources = |database: &str| -> Vec<String> { sources_of(&sources, database) };
        let of_groups = sources("group");
        let is_local = |source: &String| matches!(source.as_str(), "files" | "systemd");
        let groups_are_in_files = !of_groups.is_empty() && of_groups.iter().all(is_local);
        let mut accounts = Self {
            groups_are_in_files,
            ..Self::default()
        };
        if sources("passwd").first().is_some_and(|it| it == "files") {
            accounts.read(&fs::read_to_string(etc.join("passwd")).unwrap_or_default());
        }
        accounts
    }

    fn read(&mut self, passwd: &str) {
        for line in passwd.lines() {
            let mut fields = line.split(':');
            let (Some(name), Some(_)) = (fields.next(), fields.next()) else {
                continue;
            };
            let mut number = || fields.next().and_then(|field| field.parse().ok());
            if let (Some(uid), Some(gid)) = (number(), number()) {
                self.names.entry(uid).or_insert_with(|| name.to_owned());
                self.local
                    .entry(name.to_owned())
                    .or_insert(Entry { uid, gid });
            }
        }
    }

    /// The uid of the account that has this canonical name.
    pub fn uid_of(&self, name: &UserName) -> Result<Option<u32>, AccountError> {
        Ok(match self.local.get(name.as_str()) {
            // One that leads to another name is another's: the same round trip as at a login.
            Some(entry) => (self.names[&entry.uid] == name.as_str()).then_some(entry.uid),
            None => Account::look_up(name.as_str())?
                .filter(|account| account.name == *name)
                .map(|account| account.uid),
        })
    }

    /// Whether somebody is in one of these groups.
    pub fn is_in_any(
        &self,
        groups: &[Group],
        name: &UserName,
        uid: Option<u32>,
    ) -> Result<bool, Unresolved> {
        let is_listed = |Group(group): &Group| {
            let mut members = group.members.iter();
            members.any(|member| member == name.as_str())
        };
        if groups.iter().any(is_listed) {
            return Ok(true);
        }
        let has_gid = |gid: u32| groups.iter().any(|Group(group)| group.gid == gid);
        match (self.local.get(name.as_str()), uid) {
            (Some(entry), _) if self.groups_are_in_files => Ok(has_gid(entry.gid)),
            (_, Some(uid)) => {
                let account = Account {
                    name: name.clone(),
                    uid,
                    alias: None,
                };
                Ok(System.gids_of(&account)?.into_iter().any(has_gid))
            }
            (_, None) => Ok(false),
        }
    }
}

/// What the host asks, in this order. What stands in brackets says when it asks on.
fn sources_of(nsswitch: &str, database: &str) -> Vec<String> {
    let line = nsswitch.lines().find_map(|line| {
        let line = line.split('#').next()?;
        line.trim().strip_prefix(database)?.trim().strip_prefix(':')
    });
    line.unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(nsswitch: &str, passwd: &str) -> Accounts {
        let etc = tempfile::tempdir().unwrap();
        fs::write(etc.path().join("nsswitch.conf"), nsswitch).unwrap();
        fs::write(etc.path().join("passwd"), passwd).unwrap();
        Accounts::below(etc.path())
    }

    const PASSWD: &str = "zoe-of-nowhere:x:70001:70002::/:/bin/sh\n\
                          zoe-again:x:70001:70002::/:/bin/sh\n\
                          +nis\n\
                          zoe-of-nowhere:x:70009:70002::/:/bin/sh\n";

    fn name(name: &str) -> UserName {
        UserName::parse(name).unwrap()
    }

    #[test]
    fn the_first_line_of_a_name_counts_and_a_second_name_of_a_uid_is_nobodys() {
        let host = host("passwd: files systemd\ngroup: files\n", PASSWD);
        assert_eq!(host.uid_of(&name("zoe-of-nowhere")).unwrap(), Some(70001));
        assert_eq!(host.uid_of(&name("zoe-again")).unwrap(), None);
    }

    #[test]
    fn where_files_are_not_asked_first_the_name_service_is() {
        for nsswitch in ["passwd: sss files\n", "", "# passwd: files\n", "passwd:\n"] {
            let host = host(nsswitch, PASSWD);
            assert_eq!(
                host.uid_of(&name("zoe-of-nowhere")).unwrap(),
                None,
                "{nsswitch}"
            );
            assert_eq!(host.uid_of(&name("root")).unwrap(), Some(0), "{nsswitch}");
        }
    }

    #[test]
    fn somebody_is_in_a_group_by_its_list_or_by_their_own_gid() {
        let host = host("passwd: files\ngroup: files systemd\n", PASSWD);
        let group = |gid, members: &[&str]| {
            let members = members.iter().map(|&member| member.to_owned()).collect();
            [Group(GroupEntry { gid, members })]
        };
        let zoe = name("zoe-of-nowhere");
        for (group, is_in) in [
            (group(70002, &[]), true),
            (group(70003, &["zoe-of-nowhere"]), true),
            (group(70003, &["zoe"]), false),
        ] {
            assert_eq!(host.is_in_any(&group, &zoe, Some(70001)), Ok(is_in));
        }
    }
}
