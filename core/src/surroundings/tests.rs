use std::cell::Cell;
use std::path::Path;

use super::*;
use crate::account::{Entry, UserName};
use crate::check::Fault;

/// A host on which alice is in the primary group 100, `users`, and in 27, `sudo`; and only the list of `ops` says that she is in it.
#[derive(Default)]
struct Fake {
    lists_of_gids_fail: bool,
    groups_fail: bool,
    addresses_fail: bool,
    asked: Cell<usize>,
}

impl Fake {
    fn answers<T>(&self, fails: bool, answer: T) -> Result<T, Unresolved> {
        self.asked.set(self.asked.get() + 1);
        if fails {
            Err(Unresolved(Errno::EAGAIN))
        } else {
            Ok(answer)
        }
    }
}

impl Surroundings for Fake {
    fn gids_of(&self, _: &Account) -> Result<Vec<u32>, Unresolved> {
        self.answers(self.lists_of_gids_fail, vec![100, 27, 4242])
    }

    fn gids_of_alias(&self, alias: &Entry) -> Result<Vec<u32>, Unresolved> {
        self.answers(alias.gid == OUT_OF_REACH, vec![alias.gid, 27])
    }

    fn group(&self, name: &GroupName) -> Result<Option<GroupEntry>, Unresolved> {
        let entry = |gid, members: &[&str]| {
            let members = members.iter().map(|&name| name.to_owned()).collect();
            Some(GroupEntry { gid, members })
        };
        let entry = match name.as_str() {
            "users" => entry(100, &[]),
            "sudo" => entry(27, &["alice", "bob"]),
            "ops" => entry(28, &["bob", "alice"]),
            "adm" => entry(4, &["bob"]),
            _ => None,
        };
        self.answers(self.groups_fail, entry)
    }

    fn own_addresses(&self) -> Result<Vec<IpAddr>, Unresolved> {
        let own = ["127.0.0.1", "192.0.2.1", "2001:db8::1"];
        let own = own.map(|address| address.parse().unwrap()).to_vec();
        self.answers(self.addresses_fail, own)
    }
}

fn account() -> Account {
    Account {
        name: UserName::parse("alice").unwrap(),
        uid: 1000,
        alias: None,
    }
}

fn alice() -> Subject {
    Subject::Known(account())
}

fn config(text: &str) -> Config {
    Config::parse(text, Path::new("test")).unwrap()
}

fn groups_of(who: Who<'_>) -> Groups {
    match who {
        Who::Account { groups, .. } => groups,
        Who::Nobody | Who::Unresolved => panic!("alice has an account"),
    }
}

fn remote_of(config: &Config, rhost: &str, host: &Fake) -> Remote {
    gather(config, &alice(), "sshd", Some(rhost), host).0.remote
}

/// The primary group of an alias whose groups cannot be listed.
const OUT_OF_REACH: u32 = 666;
const GROUPS: &str = "[[rule]]\ngroups = [\"users\", \"sudo\", \"ops\"]\nsecond_factor = \"skip\"\n\
                      [[rule]]\ngroups = [\"adm\", \"none\", \"4242\", \"sudo\"]\nsecond_factor = \"skip\"\n";
const NETWORKS: &str = "[[rule]]\nnetworks = [\"0.0.0.0/0\"]\nsecond_factor = \"skip\"\n";

#[test]
fn groups_are_known_by_name_primary_supplementary_and_by_their_lists() {
    let (config, host, subject) = (config(GROUPS), Fake::default(), alice());
    let (circumstances, problems) = gather(&config, &subject, "sshd", None, &host);
    let groups = groups_of(circumstances.who);
    let known: Vec<_> = groups.known.iter().map(GroupName::as_str).collect();
    assert_eq!(known, ["ops", "sudo", "users"]);
    assert_eq!((groups.unresolved.len(), problems.len()), (0, 0));
}

#[test]
fn in_a_group_by_one_of_two_names_is_in_it_for_certain_by_neither() {
    let config = config(GROUPS);
    for (alias, known, unresolved) in [
        // alice is in `users` and in the list of `ops`.
        (("al", 4), &["sudo"][..], &["adm", "ops", "users"][..]),
        (("bob", 100), &["ops", "sudo", "users"], &["adm"]),
    ] {
        let mut account = account();
        account.alias = Some(Entry {
            name: UserName::parse(alias.0).unwrap(),
            gid: alias.1,
        });
        let subject = Subject::Known(account);
        let (circumstances, problems) = gather(&config, &subject, "sshd", None, &Fake::default());
        let groups = groups_of(circumstances.who);
        let names = |groups: &[GroupName]| -> Vec<String> {
            groups.iter().map(|name| name.as_str().to_owned()).collect()
        };
        assert_eq!(names(&groups.known), known);
        assert_eq!(names(&groups.unresolved), unresolved);
        assert_eq!(problems, []);
    }
    let mut account = account();
    account.alias = Some(Entry {
        name: UserName::parse("al").unwrap(),
        gid: OUT_OF_REACH,
    });
    let subject = Subject::Known(account);
    let (circumstances, problems) = gather(&config, &subject, "sshd", None, &Fake::default());
    assert_eq!(groups_of(circumstances.who).known, []);
    assert_eq!(problems.len(), 1);
}

#[test]
fn nothing_is_looked_up_that_nothing_asks_for() {
    let host = Fake::default();
    for (text, lookups) in [
        ("", 0),
        (
            "[[rule]]\nusers = [\"alice\"]\nsecond_factor = \"skip\"\n",
            0,
        ),
        (GROUPS, 7),
        (NETWORKS, 1),
        ("[trust]\nremember = \"1h\"\n", 1),
        (
            "[enrollment]\nmode = \"at-login\"\n[at_login]\nnetworks = [\"10.0.0.0/8\"]\n",
            1,
        ),
    ] {
        host.asked.set(0);
        let _ = gather(&config(text), &alice(), "sshd", Some("192.0.2.7"), &host);
        assert_eq!(host.asked.get(), lookups, "{text}");
    }
    for subject in [
        Subject::Unknown,
        Subject::Unresolved(Fault::Unusable(String::new())),
    ] {
        host.asked.set(0);
        let _ = gather(&config(GROUPS), &subject, "sshd", None, &host);
        assert_eq!(host.asked.get(), 0);
    }
}

#[test]
fn a_name_service_that_fails_leaves_the_groups_unresolved_and_says_so() {
    let config = config(GROUPS);
    for (host, said) in [
        (
            Fake {
                lists_of_gids_fail: true,
                ..Fake::default()
            },
            "the person's groups could not be looked up (Try again): ",
        ),
        (
            Fake {
                groups_fail: true,
                ..Fake::default()
            },
            "the group 4242 could not be looked up (Try again): ",
        ),
    ] {
        let subject = alice();
        let (circumstances, problems) = gather(&config, &subject, "sshd", None, &host);
        let groups = groups_of(circumstances.who);
        assert_eq!((groups.known.len(), groups.unresolved.len()), (0, 6));
        assert!(problems[0].to_string().starts_with(said), "{problems:?}");
    }
}

#[test]
fn loopback_the_hosts_own_addresses_and_names_are_not_believed_and_mapped_addresses_are_folded() {
    let (config, host) = (config(NETWORKS), Fake::default());
    let believed = |address: &str| Remote::Believed(address.parse().unwrap());
    for (rhost, remote) in [
        ("192.0.2.7", believed("192.0.2.7")),
        ("::ffff:192.0.2.7", believed("192.0.2.7")),
        ("2001:db8::2", believed("2001:db8::2")),
        ("192.0.2.1", Remote::NotBelieved),
        ("::ffff:192.0.2.1", Remote::NotBelieved),
        ("2001:db8::1", Remote::NotBelieved),
        ("127.0.0.1", Remote::NotBelieved),
        ("127.8.8.8", Remote::NotBelieved),
        ("::1", Remote::NotBelieved),
        ("::ffff:127.0.0.1", Remote::NotBelieved),
        ("host.example", Remote::NotBelieved),
        ("UNKNOWN", Remote::NotBelieved),
        ("192.0.2.7 ", Remote::NotBelieved),
        ("fe80::1%eth0", Remote::NotBelieved),
    ] {
        assert_eq!(remote_of(&config, rhost, &host), remote, "{rhost}");
    }
    let (circumstances, _) = gather(
        &config,
        &Subject::Unknown,
        "vsftpd",
        Some("192.0.2.7"),
        &host,
    );
    assert_eq!(circumstances.remote, Remote::NotBelieved);
}

#[test]
fn where_the_hosts_own_addresses_cannot_be_listed_an_address_may_be_one_of_them() {
    let host = Fake {
        addresses_fail: true,
        ..Fake::default()
    };
    let config = config(NETWORKS);
    let maybe = Remote::MaybeOurs("192.0.2.7".parse().unwrap());
    assert_eq!(remote_of(&config, "192.0.2.7", &host), maybe);
    assert_eq!(remote_of(&config, "127.0.0.1", &host), Remote::NotBelieved);
}

#[test]
fn the_system_knows_the_groups_of_root_and_its_loopback() {
    let root = Account::look_up("root").unwrap().unwrap();
    assert!(System.gids_of(&root).unwrap().contains(&0));
    let named = |name: &str| GroupName::try_from(name.to_owned()).unwrap();
    assert_eq!(System.group(&named("root")).unwrap().unwrap().gid, 0);
    assert_eq!(System.group(&named("no-such-group-here")), Ok(None));
    // By number it is not a name.
    assert_eq!(System.group(&named("0")), Ok(None));
    assert!(
        System
            .own_addresses()
            .unwrap()
            .iter()
            .any(IpAddr::is_loopback)
    );
}
