//! What the built module shows to the host that loads it: its hooks and nothing else, and no library that costs time.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::workspace::Workspace;
use crate::{artifacts, process};

/// Reads the module's dynamic symbols and the libraries that it asks for.
pub fn check(workspace: &Workspace) -> Result<()> {
    let module = artifacts::module(workspace);
    let exported = exported(&module)?;
    let strangers: Vec<_> = exported
        .iter()
        .filter(|name| !HOOKS.contains(&name.as_str()))
        .collect();
    ensure!(
        strangers.is_empty(),
        "the module exports what could meet a symbol of the host: {strangers:?}"
    );
    for hook in &HOOKS[..3] {
        ensure!(
            exported.iter().any(|name| name == hook),
            "the module lacks {hook}"
        );
    }
    let needed = needed(&module)?;
    // It costs 170 µs at every login; pam-module/build.rs links the static gcc_eh in its place.
    ensure!(
        !needed.iter().any(|library| library.starts_with("libgcc_s")),
        "the module loads libgcc_s: {needed:?}"
    );
    println!("exports {}", exported.join(" "));
    println!("needs   {}", needed.join(" "));
    Ok(())
}

/// The entry points of a PAM module. The first three are what Nightlatch stands on.
const HOOKS: [&str; 6] = [
    "pam_sm_authenticate",
    "pam_sm_setcred",
    "pam_sm_acct_mgmt",
    "pam_sm_open_session",
    "pam_sm_close_session",
    "pam_sm_chauthtok",
];

fn exported(module: &Path) -> Result<Vec<String>> {
    let listing = process::read(
        Command::new("nm")
            .args(["--dynamic", "--defined-only", "--format=posix"])
            .arg(module),
    )?;
    Ok(parse_exported(&listing))
}

fn needed(module: &Path) -> Result<Vec<String>> {
    let listing = process::read(
        Command::new("readelf")
            .args(["--dynamic", "--wide"])
            .arg(module)
            .env("LC_ALL", "C"),
    )?;
    Ok(parse_needed(&listing))
}

/// `NAME TYPE VALUE SIZE`; a name may carry `@VERSION`.
fn parse_exported(listing: &str) -> Vec<String> {
    listing
        .lines()
        .filter_map(|line| line.split([' ', '@']).next())
        .map(str::to_owned)
        .collect()
}

/// ` 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]`
fn parse_needed(listing: &str) -> Vec<String> {
    listing
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_nm() {
        let listing =
            "pam_sm_authenticate T 0000000000012345 0000000000000100\nrust_eh@@V1 T 1 2\n";
        assert_eq!(parse_exported(listing), ["pam_sm_authenticate", "rust_eh"]);
    }

    #[test]
    fn libraries_are_read_from_readelf() {
        let listing = "Dynamic section at offset 0x1 contains 2 entries:\n \
            0x0000000000000001 (NEEDED)             Shared library: [libpam.so.0]\n \
            0x000000000000000e (SONAME)             Library soname: [x.so]\n";
        assert_eq!(parse_needed(listing), ["libpam.so.0"]);
    }
}
