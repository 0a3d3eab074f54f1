//! Licences, bans and sources of every dependency, by cargo-deny and the rules in deny.toml. Needs no network.

use std::process::Command;

use anyhow::Result;

use crate::tools::Tool;
use crate::workspace::Workspace;
use crate::{fuzz, process};

/// What checks.
pub const TOOL: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
};

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
            Command::new(TOOL.path(workspace))
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
