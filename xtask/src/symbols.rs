//! What the built module shows to the host that loads it: its hooks and nothing else.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::workspace::Workspace;
use crate::{artifacts, process};

/// Reads the module's dynamic symbols.
pub fn check(workspace: &Workspace) -> Result<()> {
    let exported = exported(&artifacts::module(workspace))?;
    let problems = problems(&exported);
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    println!("exports {}", exported.join(" "));
    Ok(())
}

fn problems(exported: &[String]) -> Vec<String> {
    let strangers = exported
        .iter()
        .filter(|name| !HOOKS.contains(&name.as_str()))
        .map(|name| format!("the module exports {name}, which could meet a symbol of the host"));
    let lacking = HOOKS
        .iter()
        .filter(|hook| exported.iter().all(|name| name != *hook))
        .map(|hook| format!("the module lacks {hook}"));
    strangers.chain(lacking).collect()
}

/// The entry points of a PAM module.
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

/// `NAME TYPE VALUE SIZE`; a name may carry `@VERSION`.
fn parse_exported(listing: &str) -> Vec<String> {
    listing
        .lines()
        .filter_map(|line| line.split([' ', '@']).next())
        .map(str::to_owned)
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
    fn a_hook_too_few_and_a_symbol_too_many_are_seen() {
        let hooks: Vec<_> = HOOKS.iter().map(|&hook| hook.to_owned()).collect();
        assert_eq!(problems(&hooks), [""; 0]);
        assert_eq!(
            problems(&hooks[1..]),
            ["the module lacks pam_sm_authenticate"]
        );
        let more = [&hooks[..], &["rust_eh_personality".to_owned()]].concat();
        assert!(problems(&more)[0].contains("rust_eh_personality"));
    }
}
