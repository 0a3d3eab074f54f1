//! Licences, bans and sources of every dependency, by cargo-deny and the rules in deny.toml. Needs no network.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::workspace::{Workspace, cargo};
use crate::{fuzz, process};

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

/// Checks the whole dependency trees of the workspace and of the fuzz targets against deny.toml.
pub fn check(workspace: &Workspace) -> Result<()> {
    // In each of the two there is something that is only for the other.
    let trees = [
        (
            workspace.root.join("Cargo.toml"),
            "license-exception-not-encountered",
        ),
        (fuzz::manifest(workspace), "unmatched-skip"),
    ];
    for (manifest, leniency) in trees {
        process::run(
            Command::new(tool(workspace))
                // deny.toml is looked for here, whichever tree is checked.
                .current_dir(&workspace.root)
                .args(["--offline", "--workspace", "--manifest-path"])
                .arg(manifest)
                .args(["check", "--allow", leniency])
                .args(["licenses", "bans", "sources"]),
        )?;
    }
    Ok(())
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
