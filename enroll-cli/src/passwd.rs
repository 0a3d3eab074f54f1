//! All accounts that the name service tells of without being asked for one by name, by way of `getent`.
//!
//! A directory may tell of none this way (`enumerate = false` in sssd.conf); whoever is only there is not among them.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail};

use crate::programs::of_the_host;

/// A line of passwd(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<'a> {
    /// The name.
    pub name: &'a str,
    /// The hash of the password, or where it is.
    pub password: &'a str,
    /// The uid.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The home.
    pub home: &'a Path,
    /// What is started at a login.
    pub shell: &'a str,
}

impl<'a> Listed<'a> {
    /// Takes a line apart; none where it is none.
    pub fn parse(line: &'a str) -> Option<Self> {
        let fields: Vec<_> = line.split(':').collect();
        let [name, password, uid, gid, _, home, shell] = fields[..] else {
            return None;
        };
        Some(Self {
            name,
            password,
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home: Path::new(home),
            shell,
        })
    }
}

/// The lines of all of them.
pub fn lines() -> anyhow::Result<String> {
    let output = of_the_host("getent")
        .arg("passwd")
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
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_among_them_and_a_broken_line_is_not() {
        let lines = lines().unwrap();
        let mut all = lines.lines().filter_map(Listed::parse);
        let root = all.find(|listed| listed.uid == 0);
        assert_eq!(root.unwrap().home, Path::new("/root"));
        for broken in ["alice:x:1000:no:Alice:/home/alice:/bin/sh", "alice:x:1000"] {
            assert_eq!(Listed::parse(broken), None, "{broken}");
        }
    }
}
