//! Who lives on this host: the accounts that somebody can log in with, and how.
//!
//! It is read off the accounts, their passwords and keys, and sudo's rules; where those cannot tell, somebody counts as able
//! to. Reading takes root, for /etc/shadow. Files in homes are only looked at from outside, never opened: whoever they belong
//! to may have put anything there.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::passwd::{self, Listed};

/// Somebody who can log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resident {
    /// The account's name.
    pub name: String,
    /// Its uid.
    pub uid: u32,
    /// Whether a password may open it.
    pub has_password: bool,
    /// Whether there are public keys that sshd takes.
    pub has_keys: bool,
    /// Whether sudo has a rule for them.
    pub may_sudo: bool,
}

/// The accounts of this host could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: reading failed: {source}", path.display())]
pub struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

/// Everybody who can log in on this host. `keys` are sshd's `AuthorizedKeysFile`.
pub fn of_this_host(keys: &[String]) -> Result<Vec<Resident>, Unreadable> {
    below(Path::new("/"), keys)
}

/// The same on the host whose file system begins in this directory.
pub fn below(root: &Path, keys: &[String]) -> Result<Vec<Resident>, Unreadable> {
    let shadow = read(root, "etc/shadow")?;
    let passwords: HashMap<&str, &str> = shadow
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            Some((fields.next()?, fields.next()?))
        })
        .collect();
    let groups = Groups::parse(&read(root, "etc/group")?);
    let sudoers = Sudoers::read(root);
    let accounts = accounts(root)?;
    let residents = accounts.lines().filter_map(|line| {
        let account = Listed::parse(line)?;
        if !has_shell(&account) {
            return None;
        }
        let password = match account.password {
            "x" => passwords.get(account.name).copied(),
            own => Some(own),
        };
        let resident = Resident {
            name: account.name.to_owned(),
            uid: account.uid,
            // Who has no line in the shadow file comes from a directory, which knows their password.
            has_password: password.is_none_or(opens),
            has_keys: keys.iter().any(|pattern| has_keys(root, &account, pattern)),
            may_sudo: sudoers.may_name(&account, &groups),
        };
        (resident.has_password || resident.has_keys).then_some(resident)
    });
    Ok(residents.collect())
}

/// Whether what is started at a login is more than a refusal.
fn has_shell(account: &Listed<'_>) -> bool {
    let name = account.shell.rsplit('/').next().unwrap_or_default();
    !["nologin", "false", "true", "sync", "shutdown", "halt"].contains(&name)
}

/// Whether a password of this hash can be right. None at all opens where PAM lets it (`nullok`).
fn opens(hash: &str) -> bool {
    !hash.starts_with(['!', '*'])
}

/// Whether a file of keys is there and not empty. `%h` and `%u` stand for the home and the name.
fn has_keys(root: &Path, account: &Listed<'_>, pattern: &str) -> bool {
    let path = pattern
        .replace("%h", &account.home.to_string_lossy())
        .replace("%u", account.name)
        .replace("%U", &account.uid.to_string());
    let path = account.home.join(path);
    let path = root.join(path.strip_prefix("/").unwrap_or(&path));
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0)
}

/// The accounts: of the host itself all that the name service lists, directories with it where they allow that.
fn accounts(root: &Path) -> Result<String, Unreadable> {
    if root == Path::new("/")
        && let Ok(lines) = passwd::lines()
    {
        return Ok(lines);
    }
    read(root, "etc/passwd")
}

/// The groups by name: number and members.
struct Groups(HashMap<String, (u32, Vec<String>)>);

impl Groups {
    fn parse(text: &str) -> Self {
        let groups = text.lines().filter_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            let [name, _, gid, members] = fields[..] else {
                return None;
            };
            let members = members.split(',').map(str::to_owned).collect();
            Some((name.to_owned(), (gid.parse().ok()?, members)))
        });
        Self(groups.collect())
    }

    fn hold(&self, group: &str, account: &Listed<'_>) -> bool {
        match self.0.get(group) {
            Some((gid, members)) => {
                account.gid == *gid || members.iter().any(|member| member == account.name)
            }
            // A directory's, perhaps.
            None => false,
        }
    }
}

/// Whom sudo has rules for, as far as that can be seen without asking sudo, which would log it.
enum Sudoers {
    /// These: names, and groups with `%`.
    Named(Vec<String>),
    /// That depends on more than names: anybody, perhaps.
    Anybody,
    /// sudo is not there.
    Nobody,
}

impl Sudoers {
    fn read(root: &Path) -> Self {
        let Ok(main) = fs::read_to_string(root.join("etc/sudoers")) else {
            return Self::Nobody;
        };
        let mut texts = vec![main];
        let entries = fs::read_dir(root.join("etc/sudoers.d"));
        texts.extend(entries.into_iter().flatten().flatten().filter_map(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_read = !name.ends_with('~') && !name.contains('.');
            is_read.then(|| fs::read_to_string(entry.path()).ok())?
        }));
        Self::parse(texts.iter().map(String::as_str))
    }

    fn parse<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut named = Vec::new();
        for text in texts {
            let text = text.replace("\\\n", " ");
            for line in text.lines() {
                let line = line.trim();
                let Some((first, _)) = line.split_once(char::is_whitespace) else {
                    continue;
                };
                let is_rule = !line.starts_with(['#', '@'])
                    && !first.starts_with("Defaults")
                    && !first.ends_with("_Alias");
                if !is_rule {
                    continue;
                }
                for name in first.split(',') {
                    let plain = |text: &str| {
                        !text.is_empty()
                            && text
                                .chars()
                                .all(|c| c.is_ascii_alphanumeric() || "._-$".contains(c))
                    };
                    let is_alias = name
                        .chars()
                        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
                    if is_alias || !plain(name.strip_prefix('%').unwrap_or(name)) {
                        return Self::Anybody;
                    }
                    named.push(name.to_owned());
                }
            }
        }
        Self::Named(named)
    }

    fn may_name(&self, account: &Listed<'_>, groups: &Groups) -> bool {
        match self {
            Self::Nobody => false,
            Self::Anybody => true,
            Self::Named(named) => named.iter().any(|name| match name.strip_prefix('%') {
                Some(group) => groups.hold(group, account),
                None => name == account.name,
            }),
        }
    }
}

fn read(root: &Path, name: &str) -> Result<String, Unreadable> {
    let path = root.join(name);
    match fs::read(&path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(source) => Err(Unreadable { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> tempfile::TempDir {
        let host = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = host.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\n\
             daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
             alice:x:1000:1000::/home/alice:/bin/bash\n\
             deploy:x:1001:1001::/home/deploy:/bin/sh\n\
             stopped:x:1002:1002::/home/stopped:/bin/sh\n\
             remote:*:5000:5000::/home/remote:/bin/bash\n\
             directory:x:5001:5001::/home/directory:/bin/bash\n",
        );
        write(
            "etc/shadow",
            "root:*:1:::::\ndaemon:*:1:::::\nalice:$y$j9T$x:1:::::\ndeploy:!:1:::::\nstopped:!$6$x:1:::::\n",
        );
        write(
            "etc/group",
            "sudo:x:27:alice,other\ndeploy:x:1001:\nstaff:x:50:stopped\n",
        );
        write(
            "etc/sudoers",
            "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
        );
        write("etc/sudoers.d/deploy", "%deploy ALL=(root) /bin/true\n");
        write("home/deploy/.ssh/authorized_keys", "ssh-ed25519 AAAA\n");
        host
    }

    #[test]
    fn whoever_has_a_shell_and_a_password_or_a_key_can_log_in() {
        let host = host();
        let keys = [".ssh/authorized_keys".to_owned()];
        let residents = below(host.path(), &keys).unwrap();
        let seen: Vec<_> = residents
            .iter()
            .map(|one| {
                (
                    one.name.as_str(),
                    one.has_password,
                    one.has_keys,
                    one.may_sudo,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("alice", true, false, true),
                ("deploy", false, true, true),
                ("directory", true, false, false),
            ]
        );
    }

    #[test]
    fn keys_are_where_sshd_looks() {
        let host = host();
        let keys = ["/home/%u/.ssh/authorized_keys".to_owned()];
        let has_keys = |residents: Vec<Resident>| residents.iter().any(|one| one.has_keys);
        assert!(has_keys(below(host.path(), &keys).unwrap()));
        let keys = ["/etc/ssh/keys/%u".to_owned(), "none".to_owned()];
        assert!(!has_keys(below(host.path(), &keys).unwrap()));
    }

    #[test]
    fn a_rule_of_sudos_that_names_more_than_names_may_mean_anybody() {
        for text in [
            "ALL ALL=(ALL) ALL\n",
            "ADMINS ALL=(ALL) ALL\n",
            "+netgroup ALL=(ALL) ALL\n",
            "%#27 ALL=(ALL) ALL\n",
            "\"some one\" ALL=(ALL) ALL\n",
        ] {
            let sudoers = Sudoers::parse([text].into_iter());
            assert!(matches!(sudoers, Sudoers::Anybody), "{text}");
        }
        let sudoers = Sudoers::parse(["Defaults x\nUser_Alias A = b\nbob ALL=ALL\n"].into_iter());
        assert!(matches!(sudoers, Sudoers::Named(names) if names == ["bob"]));
    }
}
