//! All accounts that the name service tells of without being asked for one by name, by way of `getent`.
//!
//! A directory may tell of none this way (`enumerate = false` in sssd.conf); whoever is only there is not among them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// An account as a line of `getent passwd` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name.
    pub name: String,
    /// The uid.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The home.
    pub home: PathBuf,
}

/// All of them.
pub fn all() -> anyhow::Result<Vec<Listed>> {
    let output = Command::new("/usr/bin/getent")
        .arg("passwd")
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .context("getent passwd, which lists the accounts, does not run")?;
    if !output.status.success() {
        bail!(
            "getent passwd, which lists the accounts, failed: {}",
            output.status
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(listed)
        .collect())
}

fn listed(line: &str) -> Option<Listed> {
    let mut fields = line.split(':');
    let (name, _, uid, gid) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    let home = fields.nth(1)?;
    Some(Listed {
        name: name.to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        home: home.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_among_them_and_a_broken_line_is_not() {
        let root = all().unwrap().into_iter().find(|listed| listed.uid == 0);
        assert_eq!(root.unwrap().home, PathBuf::from("/root"));
        assert_eq!(listed("alice:x:1000:no:Alice:/home/alice:/bin/sh"), None);
        assert_eq!(listed("alice:x:1000"), None);
    }
}
