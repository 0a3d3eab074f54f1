//! From bytes to the configuration and the host that a course of logins runs under; and which rule holds there, found out a second
//! time.

use std::fmt::Write as _;
use std::net::IpAddr;

use nix::errno::Errno;

use crate::account::{Account, Entry};
use crate::config::{Config, GroupName, SecondFactor};
use crate::surroundings::{GroupEntry, Surroundings, Unresolved};

/// Takes one byte for each thing that can be chosen.
pub(super) fn config(head: [u8; 7]) -> Config {
    let [mode, flags, asking, throttle, rules, token, trust] = head;
    let mut text = String::new();
    let mode = match mode % 7 {
        0 | 1 => "mode = \"required\"\n",
        2 => "mode = \"required\"\ndeadline = 2026-11-25\n",
        3 => "mode = \"optional\"\n",
        4 => "mode = \"at-login\"\n[at_login]\nqr = \"none\"\nopen = true\n",
        5 => "mode = \"at-login\"\n[at_login]\nqr = \"none\"\nticket = true\n",
        _ => {
            "mode = \"at-login\"\n[at_login]\nqr = \"none\"\nnetworks = [\"192.0.2.0/24\"]\nuntil = 2026-11-26\n"
        }
    };
    let _ = write!(text, "[enrollment]\n{mode}");
    let prompts = 1 + asking % 4;
    let explain = flags & 1 != 0;
    let _ = writeln!(text, "[login]\nprompts = {prompts}\nexplain = {explain}");
    let must = flags & 2 != 0;
    let _ = writeln!(text, "[account]\nrequire_enrollment = {must}");
    let remember = ["0s", "90s", "1h", "720h"][usize::from(trust) % 4];
    let _ = writeln!(text, "[trust]\nremember = \"{remember}\"");
    let _ = writeln!(text, "[backup_codes]\ncount = 1");
    let window = asking / 4 % 4;
    let digits = [8, 8, 6, 7][usize::from(token) % 4];
    let period = [30, 30, 60, 15][usize::from(token / 4) % 4];
    let resync = [20, 11, 100, 12][usize::from(token / 16) % 4];
    let ahead = [10, 1, 3, 100][usize::from(token / 64)];
    let _ = writeln!(
        text,
        "[token]\nissuer = \"house\"\nwindow = {window}\ndigits = {digits}\nperiod = {period}\nresync_window = {resync}\nlook_ahead = {ahead}"
    );
    let limit = [10, 15, 30, 100][usize::from(throttle) % 4];
    let free = [0, 1, 1, 5][usize::from(throttle / 4) % 4].min(limit / 5 - 1);
    let (first, longest) = [("1s", "1s"), ("30s", "15min"), ("5s", "7s"), ("1h", "24h")]
        [usize::from(throttle / 16) % 4];
    let _ = writeln!(
        text,
        "[throttle]\nfree_failures = {free}\nfirst_lock = \"{first}\"\nlongest_lock = \"{longest}\"\nhard_limit = {limit}"
    );
    for rule in [rules & 15, rules >> 4] {
        let rule = match rule {
            0..6 => continue,
            6 => "users = [\"alice\"]\nsecond_factor = \"deny\"",
            7 => "users = [\"bob\"]\nsecond_factor = \"skip\"",
            8 => "networks = [\"192.0.2.0/24\"]\nsecond_factor = \"skip\"",
            9 => "networks = [\"198.51.100.0/24\"]\nsecond_factor = \"deny\"",
            10 => "groups = [\"automation\"]\nsecond_factor = \"skip\"",
            11 => "groups = [\"automation\"]\nsecond_factor = \"deny\"",
            12 => "services = [\"sudo\"]\nsecond_factor = \"require\"",
            13 => "services = [\"login\"]\nsecond_factor = \"skip\"",
            14 => "users = [\"bob\"]\nnetworks = [\"192.0.2.0/24\"]\nsecond_factor = \"require\"",
            _ => "second_factor = \"require\"",
        };
        let _ = writeln!(text, "[[rule]]\n{rule}");
    }
    if flags & 4 != 0 {
        text.push_str("[service.sudo]\nsubject = \"invoker\"\n");
    }
    Config::parse(&text, "machine.toml".as_ref()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The host, as far as it can tell.
pub(super) struct Host {
    pub groups_fail: bool,
    pub addresses_fail: bool,
}

impl Host {
    pub(super) fn new(flags: u8) -> Self {
        Self {
            groups_fail: flags & 8 != 0,
            addresses_fail: flags & 16 != 0,
        }
    }

    /// The rule that holds, if one does, with its number: the first one of which every condition that is given holds, or, where
    /// it does not skip, may hold.
    pub(super) fn ruling(
        &self,
        config: &Config,
        visit: &Visit<'_>,
    ) -> Option<(usize, SecondFactor)> {
        let mut numbered = (1..).zip(&config.rule);
        let found = numbered.find(|(_, rule)| {
            let if_unsure = rule.second_factor != SecondFactor::Skip;
            let user = rule.users.as_ref().is_none_or(|users| match visit.who {
                Someone::Known(account) => users.contains(&account.name),
                Someone::Nobody => false,
                Someone::Unresolved => if_unsure,
            });
            let group = rule.groups.is_none()
                || match visit.who {
                    Someone::Known(_) if self.groups_fail => if_unsure,
                    // Bob is the only one.
                    Someone::Known(account) => account.name.as_str() == "bob",
                    Someone::Nobody => false,
                    Someone::Unresolved => if_unsure,
                };
            let service = rule
                .services
                .as_ref()
                .is_none_or(|services| services[0].as_str() == visit.service);
            let network = rule.networks.as_ref().is_none_or(|networks| {
                let address: Option<IpAddr> = visit.rhost.and_then(|rhost| rhost.parse().ok());
                let address = address.map(|address| address.to_canonical());
                match address.filter(|_| visit.service == "sshd") {
                    Some(address) if networks[0].contains(address) => {
                        if self.addresses_fail {
                            if_unsure
                        } else {
                            address != OWN
                        }
                    }
                    _ => false,
                }
            });
            user && group && service && network
        });
        found.map(|(number, rule)| (number, rule.second_factor))
    }
}

/// Who comes, and how.
pub(super) struct Visit<'a> {
    pub who: Someone<'a>,
    pub service: &'a str,
    pub rhost: Option<&'a str>,
}

#[derive(Clone, Copy)]
pub(super) enum Someone<'a> {
    Known(&'a Account),
    Nobody,
    Unresolved,
}

impl Surroundings for Host {
    fn gids_of(&self, account: &Account) -> Result<Vec<u32>, Unresolved> {
        if self.groups_fail {
            return Err(Unresolved(Errno::EIO));
        }
        Ok(vec![account.uid])
    }

    fn gids_of_alias(&self, _: &Entry) -> Result<Vec<u32>, Unresolved> {
        Err(Unresolved(Errno::ENOENT))
    }

    fn group(&self, name: &GroupName) -> Result<Option<GroupEntry>, Unresolved> {
        Ok((name.as_str() == "automation").then(|| GroupEntry {
            gid: 77,
            members: vec!["bob".to_owned()],
        }))
    }

    fn own_addresses(&self) -> Result<Vec<IpAddr>, Unresolved> {
        if self.addresses_fail {
            return Err(Unresolved(Errno::EIO));
        }
        Ok(vec![OWN])
    }
}

/// One of the host's own.
const OWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
