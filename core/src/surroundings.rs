//! What a login's policy has to find out about the host: the groups of people, and the host's own addresses.
//!
//! Nothing is looked up that no rule, gate or trust asks for. What cannot be found out is said to be so, never left out: policy
//! decides what follows from it.

use std::ffi::CString;
use std::fmt;
use std::net::IpAddr;

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

use crate::account::{Account, Entry, UserName};
use crate::config::{Config, GroupName};
use crate::login::Subject;
use crate::policy::{Circumstances, Groups, Remote, Who};

/// What a host can tell about people and itself.
pub trait Surroundings {
    /// The gids of all groups that somebody is in by their canonical name, the primary one among them.
    fn gids_of(&self, account: &Account) -> Result<Vec<u32>, Unresolved>;

    /// The same by another name of theirs.
    fn gids_of_alias(&self, alias: &Entry) -> Result<Vec<u32>, Unresolved>;

    /// A group; none where there is no such group.
    fn group(&self, name: &GroupName) -> Result<Option<GroupEntry>, Unresolved>;

    /// The addresses of this host's interfaces.
    fn own_addresses(&self) -> Result<Vec<IpAddr>, Unresolved>;
}

/// A group as the host knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupEntry {
    /// Its number.
    pub gid: u32,
    /// The names of those whose supplementary group it is.
    pub members: Vec<String>,
}

impl GroupEntry {
    /// Whether somebody of this name and these gids is in it. A list of members is as good as a list of groups: where a name
    /// service is down, there may be but one of them left.
    fn holds(&self, name: &UserName, gids: &[u32]) -> bool {
        let members = &mut self.members.iter();
        gids.contains(&self.gid) || members.any(|member| member == name.as_str())
    }
}

/// The host asked something and got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unresolved(pub Errno);

/// What [`gather`] could not find out, in words for an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(String);

impl From<String> for Problem {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Finds out what the configuration's rules ask about a login, and what of it could not be found out.
#[must_use]
pub fn gather<'a>(
    config: &Config,
    subject: &'a Subject,
    service: &'a str,
    rhost: Option<&str>,
    surroundings: &dyn Surroundings,
) -> (Circumstances<'a>, Vec<Problem>) {
    let mut problems = Vec::new();
    let who = match subject {
        Subject::Known(account) => Who::Account {
            name: account.name.as_str(),
            groups: groups(config, account, surroundings, &mut problems),
        },
        Subject::Unknown => Who::Nobody,
        Subject::Unresolved(_) => Who::Unresolved,
    };
    let circumstances = Circumstances {
        who,
        service,
        remote: remote(config, service, rhost, surroundings, &mut problems),
    };
    (circumstances, problems)
}

fn groups(
    config: &Config,
    account: &Account,
    surroundings: &dyn Surroundings,
    problems: &mut Vec<Problem>,
) -> Groups {
    let named = config.groups_in_rules();
    if named.is_empty() {
        return Groups::default();
    }
    let mut failed = |what: &str, Unresolved(errno)| {
        problems.push(Problem(format!(
            "{what} could not be looked up ({}): rules that require or deny hold as if the person were in it, rules that skip do \
             not. Look at /etc/nsswitch.conf and the services it names",
            errno.desc()
        )));
    };
    let gids = surroundings.gids_of(account);
    let alias = account.alias.as_ref();
    let gids_of_alias = alias.map(|alias| surroundings.gids_of_alias(alias));
    let (gids, gids_of_alias) = match (gids, gids_of_alias.transpose()) {
        (Ok(gids), Ok(gids_of_alias)) => (gids, gids_of_alias),
        (Err(unresolved), _) | (_, Err(unresolved)) => {
            failed("the person's groups", unresolved);
            return Groups {
                known: Vec::new(),
                unresolved: named.into_iter().cloned().collect(),
            };
        }
    };
    let mut groups = Groups::default();
    for name in named {
        match surroundings.group(name) {
            Ok(Some(group)) => {
                let by_name = group.holds(&account.name, &gids);
                let by_alias = alias
                    .zip(gids_of_alias.as_ref())
                    .map_or(by_name, |(alias, gids)| group.holds(&alias.name, gids));
                match (by_name, by_alias) {
                    (true, true) => groups.known.push(name.clone()),
                    (false, false) => {}
                    // The session is in the groups of one name, and the record is that of the other.
                    (true, false) | (false, true) => groups.unresolved.push(name.clone()),
                }
            }
            Ok(None) => {}
            Err(unresolved) => {
                failed(&format!("the group {}", name.as_str()), unresolved);
                groups.unresolved.push(name.clone());
            }
        }
    }
    groups
}

fn remote(
    config: &Config,
    service: &str,
    rhost: Option<&str>,
    surroundings: &dyn Surroundings,
    problems: &mut Vec<Problem>,
) -> Remote {
    let address = config.address(service, rhost);
    match address.filter(|_| config.asks_for_networks()) {
        None => Remote::NotBelieved,
        Some(address) => match surroundings.own_addresses() {
            Ok(own) if own.iter().any(|own| own.to_canonical() == address) => Remote::NotBelieved,
            Ok(_) => Remote::Believed(address),
            Err(Unresolved(errno)) => {
                problems.push(Problem(format!(
                    "the addresses of this host could not be listed ({}): rules that require or deny hold as if {address} were \
                     none of them, rules that skip do not",
                    errno.desc()
                )));
                Remote::MaybeOurs(address)
            }
        },
    }
}

/// The system that this process runs on: NSS and the kernel.
#[derive(Clone, Copy, Debug)]
pub struct System;

impl Surroundings for System {
    /// One look-up of everything (`getgrouplist`), which asks again while it has more groups than room, and which says nothing
    /// of name services that failed. That shows in [`group`](Self::group), where they are asked for the group.
    fn gids_of(&self, account: &Account) -> Result<Vec<u32>, Unresolved> {
        let user = User::from_uid(Uid::from_raw(account.uid)).map_err(Unresolved)?;
        // It was there a moment ago.
        let user = user.ok_or(Unresolved(Errno::ENOENT))?;
        gids(&account.name, user.gid)
    }

    fn gids_of_alias(&self, alias: &Entry) -> Result<Vec<u32>, Unresolved> {
        gids(&alias.name, Gid::from_raw(alias.gid))
    }

    /// Any error is one, also those that `getgrnam_r(3)` lists as "not found": glibc gives them where a name service is gone
    /// (the socket of a daemon that is down is not there), and nothing at all where a group is.
    fn group(&self, name: &GroupName) -> Result<Option<GroupEntry>, Unresolved> {
        let group = Group::from_name(name.as_str()).map_err(Unresolved)?;
        Ok(group.map(|group| GroupEntry {
            gid: group.gid.as_raw(),
            members: group.mem,
        }))
    }

    fn own_addresses(&self) -> Result<Vec<IpAddr>, Unresolved> {
        let interfaces = getifaddrs().map_err(Unresolved)?;
        let addresses = interfaces.filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|v4| v4.ip().into());
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| v6.ip().into()))
        });
        Ok(addresses.collect())
    }
}

fn gids(name: &UserName, primary: Gid) -> Result<Vec<u32>, Unresolved> {
    let name = CString::new(name.as_str()).map_err(|_| Unresolved(Errno::EINVAL))?;
    let gids = getgrouplist(&name, primary).map_err(Unresolved)?;
    Ok(gids.into_iter().map(Gid::as_raw).collect())
}

#[cfg(test)]
mod tests;
