//! Licences, bans and sources of every dependency, by cargo-deny and the rules in deny.toml. Needs no network.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::workspace::{Workspace, cargo};

/// Builds cargo-deny into the target folder, once a version.
///
/// Without optimisation, because building is the cost here: about a minute on two cores instead of several.
pub fn install_tool(workspace: &Workspace) -> Result<()> {
    if tool(workspace).exists() {
        return Ok(());
    }
    process::run(
        cargo()
            .args(["install", "--debug", "--locked", "cargo-deny"])
            .arg(format!("--version=={VERSION}"))
            .arg("--root")
            .arg(folder(workspace)),
    )
}

/// Checks the whole dependency tree against deny.toml.
pub fn check(workspace: &Workspace) -> Result<()> {
    process::run(
        Command::new(tool(workspace))
            .current_dir(&workspace.root)
            .args(["--offline", "--workspace", "check"])
            .args(["licenses", "bans", "sources"]),
    )
}

fn tool(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("bin/cargo-deny")
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace
        .target
        .join("tools")
        .join(format!("cargo-deny-{VERSION}"))
}

const VERSION: &str = "0.20.2";
