//! Who would stand outside: people who can log in at a service, would be asked for a code there, and have none that opens.
//!
//! Whom the policy keeps out on purpose (a rule that denies, an administrator's lock) is not among them, nor is who may enroll
//! while logging in. Where somebody comes from is not known beforehand, so rules and gates about networks count as not matching.

use serde::Serialize;

use crate::foresight::{self, Grounds, Need, Visit};
use crate::residents::{self, Resident};
use crate::screen::shown;
use crate::sshd::{Connection, Settings, Sshd, SshdError};

/// Somebody who would stand outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LockedOut {
    /// Who.
    pub user: String,
    /// Of which service.
    pub service: String,
    /// What it takes to let them in.
    pub needs: Need,
    /// Why, in a sentence.
    pub why: String,
}

impl LockedOut {
    /// The command that mends it, where one does; else `why` says what does.
    pub fn mend(&self) -> Option<String> {
        let user = shown(&self.user);
        match self.needs {
            Need::Enrolling => Some(format!("nightlatch enroll {user}")),
            Need::Inviting => Some(format!("nightlatch invite {user}")),
            Need::Mending => None,
        }
    }
}

/// Who of the people of this host would stand outside at any of these services.
pub fn on_this_host(grounds: Grounds<'_>, services: &[&str]) -> anyhow::Result<Vec<LockedOut>> {
    with_sshd(grounds, services, Sshd::here())
}

/// The same where sshd is this one, perhaps with another configuration.
pub fn with_sshd(
    grounds: Grounds<'_>,
    services: &[&str],
    sshd: Option<Sshd>,
) -> anyhow::Result<Vec<LockedOut>> {
    let doors = match sshd {
        Some(sshd) => SshDoors::behind(sshd)?,
        None => SshDoors::default(),
    };
    let residents = residents::of_this_host(&doors.key_files())?;
    let mut locked_out = Vec::new();
    for service in services {
        locked_out.extend(find(grounds, &residents, service, &doors)?);
    }
    Ok(locked_out)
}

/// Who of these people would stand outside at this service, if it asked for codes. `doors` is what sshd says of itself, where the
/// service is sshd.
pub fn find(
    grounds: Grounds<'_>,
    residents: &[Resident],
    service: &str,
    doors: &SshDoors,
) -> anyhow::Result<Vec<LockedOut>> {
    let mut locked_out = Vec::new();
    for resident in residents {
        if !comes_to_the_question(resident, service, doors) {
            continue;
        }
        let visit = Visit {
            user: &resident.name,
            service,
            rhost: None,
        };
        let outcome = foresight::foresee(grounds, visit)?.outcome;
        locked_out.extend(outcome.needs.map(|needs| LockedOut {
            user: resident.name.clone(),
            service: service.to_owned(),
            needs,
            why: outcome.text,
        }));
    }
    Ok(locked_out)
}

/// What sshd says of itself, and whom to ask about somebody.
#[derive(Clone, Debug, Default)]
pub struct SshDoors {
    general: Settings,
    asked_about_each: Option<Sshd>,
}

impl SshDoors {
    /// Of an sshd that has these settings for everybody.
    #[cfg(test)]
    fn of(general: Settings) -> Self {
        Self {
            general,
            asked_about_each: None,
        }
    }

    /// Of this sshd, which is asked: about each person, where it may have other settings for some.
    pub fn behind(sshd: Sshd) -> Result<Self, SshdError> {
        Ok(Self {
            general: sshd.settings()?,
            asked_about_each: sshd.may_have_match_blocks().then_some(sshd),
        })
    }

    /// Whether sshd said anything.
    pub fn is_known(&self) -> bool {
        self.general.get("usepam").is_some()
    }

    /// What holds for everybody, `Match` blocks left aside.
    pub fn general(&self) -> &Settings {
        &self.general
    }

    /// Whether something may hold for some only.
    pub fn differ(&self) -> bool {
        self.asked_about_each.is_some()
    }

    /// Where it looks for keys.
    pub fn key_files(&self) -> Vec<String> {
        match self.general.get("authorizedkeysfile") {
            Some(patterns) => patterns.split_whitespace().map(str::to_owned).collect(),
            None => vec![".ssh/authorized_keys".to_owned()],
        }
    }

    /// What holds for somebody who comes from anywhere.
    pub fn settings_for(&self, user: &str) -> Settings {
        let can_be_asked_for = !user.contains(|c: char| c == ',' || c.is_whitespace());
        let asked = self.asked_about_each.as_ref();
        let connection = Connection {
            user,
            host: ANYWHERE,
            address: ANYWHERE,
        };
        // What sshd does not say is seen elsewhere; here the general settings are the best guess.
        asked
            .filter(|_| can_be_asked_for)
            .and_then(|sshd| sshd.settings_for(connection).ok())
            .unwrap_or_else(|| self.general.clone())
    }
}

/// Whether somebody who logs in at this service meets the module at all.
fn comes_to_the_question(resident: &Resident, service: &str, doors: &SshDoors) -> bool {
    match service {
        "sudo" | "sudo-i" => resident.may_sudo && resident.uid != 0,
        "sshd" => {
            let settings = doors.settings_for(&resident.name);
            let may_come = resident.uid != 0
                || match settings.get("permitrootlogin") {
                    Some("no" | "forced-commands-only") => false,
                    Some("yes") | None => true,
                    // With a key alone: what is asked for besides, root cannot answer.
                    Some(_) => resident.has_keys,
                };
            may_come && !(resident.has_keys && settings.key_alone_opens())
        }
        _ => resident.has_password,
    }
}

/// An address of nobody: it is kept for documentation (RFC 5737).
const ANYWHERE: &str = "192.0.2.1";

#[cfg(test)]
mod tests {
    use nightlatch_core::config::Config;
    use nightlatch_core::store::MemoryStore;
    use nightlatch_core::time::SystemClock;

    use super::*;

    fn resident(name: &str) -> Resident {
        Resident {
            name: name.to_owned(),
            uid: u32::from(name != "root"),
            has_password: true,
            has_keys: false,
            may_sudo: true,
        }
    }

    fn locked_out(toml: &str, service: &str, sshd: &str, residents: &[Resident]) -> Vec<String> {
        let config = Config::parse(toml, std::path::Path::new("/x.toml")).unwrap();
        let store = MemoryStore::default();
        let clock = SystemClock::new();
        let grounds = Grounds {
            config: &config,
            store: &store,
            clock: &clock,
        };
        let doors = SshDoors::of(Settings::parse(sshd));
        find(grounds, residents, service, &doors)
            .unwrap()
            .into_iter()
            .map(|one| format!("{} {:?}", one.user, one.mend()))
            .collect()
    }

    #[test]
    fn whoever_would_be_asked_and_has_nothing_enrolled_is_named_with_the_mend() {
        let people = [resident("root"), resident("daemon")];
        assert_eq!(
            locked_out("", "login", "", &people),
            [
                "root Some(\"nightlatch enroll root\")",
                "daemon Some(\"nightlatch enroll daemon\")"
            ]
        );
        let optional = "[enrollment]\nmode = \"optional\"\n";
        assert!(locked_out(optional, "login", "", &people).is_empty());
        let denied = "[[rule]]\nsecond_factor = \"deny\"\n";
        assert!(locked_out(denied, "login", "", &people).is_empty());
        let invited = "[enrollment]\nmode = \"at-login\"\n[at_login]\nticket = true\n";
        assert_eq!(
            locked_out(invited, "login", "", &people[1..]),
            ["daemon Some(\"nightlatch invite daemon\")"]
        );
        let open = "[enrollment]\nmode = \"at-login\"\n[at_login]\nopen = true\n";
        assert!(locked_out(open, "login", "", &people).is_empty());
    }

    #[test]
    fn whoever_never_meets_the_question_is_not_locked_out() {
        let mut with_key = resident("daemon");
        with_key.has_keys = true;
        let people = [with_key.clone()];
        let by_key = "pubkeyauthentication yes\nauthenticationmethods any\n";
        let both =
            "pubkeyauthentication yes\nauthenticationmethods publickey,keyboard-interactive\n";
        assert!(locked_out("", "sshd", by_key, &people).is_empty());
        assert_eq!(locked_out("", "sshd", both, &people).len(), 1);

        let root = [resident("root")];
        assert!(locked_out("", "sudo", "", &root).is_empty());
        for (permit, how_many) in [("no", 0), ("prohibit-password", 0), ("yes", 1)] {
            let sshd = format!("permitrootlogin {permit}\n");
            assert_eq!(locked_out("", "sshd", &sshd, &root).len(), how_many);
        }
        with_key.has_password = false;
        assert!(locked_out("", "login", "", &[with_key]).is_empty());
    }
}
