//! Programs from crates.io that the checks need: built into the target folder, once a version.

use std::path::PathBuf;

use anyhow::Result;

use crate::process;
use crate::workspace::{Workspace, cargo};

/// A program of one version.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    pub name: &'static str,
    pub version: &'static str,
}

impl Tool {
    /// Builds it where it is not there yet.
    ///
    /// Without optimisation, because building is the cost here: about a minute on two cores instead of several.
    pub fn install(self, workspace: &Workspace) -> Result<()> {
        if self.path(workspace).exists() {
            return Ok(());
        }
        process::run(
            cargo()
                .args(["install", "--debug", "--locked", self.name])
                .arg(format!("--version=={}", self.version))
                .arg("--root")
                .arg(self.folder(workspace)),
        )
    }

    /// Where it is once it was installed.
    pub fn path(self, workspace: &Workspace) -> PathBuf {
        self.folder(workspace).join("bin").join(self.name)
    }

    fn folder(self, workspace: &Workspace) -> PathBuf {
        let Self { name, version } = self;
        let tools = workspace.target.join("tools");
        tools.join(format!("{name}-{version}"))
    }
}
