//! Where the workspace and its target folder are, and the cargo that started us.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::process;

/// The workspace that this xtask belongs to.
#[derive(Debug)]
pub struct Workspace {
    /// The folder with the workspace's Cargo.toml.
    pub root: PathBuf,
    /// Where cargo builds; not always `root/target`.
    pub target: PathBuf,
}

impl Workspace {
    pub fn find() -> Result<Self> {
        let metadata = metadata(&["--no-deps"])?;
        let folder = |key: &str| {
            metadata[key]
                .as_str()
                .map(PathBuf::from)
                .with_context(|| format!("cargo metadata does not say {key}"))
        };
        Ok(Self {
            root: folder("workspace_root")?,
            target: folder("target_directory")?,
        })
    }

    /// A cargo command that runs in the workspace's folder.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root).args(arguments);
        command
    }

    /// The folder of the end-to-end tests, where cargo would run them too.
    pub fn tests(&self) -> PathBuf {
        self.root.join("tests")
    }
}

/// What `cargo metadata` says about the workspace of the folder this was compiled in.
pub fn metadata(arguments: &[&str]) -> Result<Value> {
    let text = process::read(
        cargo()
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["metadata", "--format-version", "1"])
            .args(arguments),
    )?;
    serde_json::from_str(&text).context("cargo metadata did not write JSON")
}

/// The triple of this machine, such as `x86_64-unknown-linux-gnu`, as the toolchain calls it.
pub fn host() -> Result<String> {
    let version = process::read(cargo().arg("-vV"))?;
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .with_context(|| format!("cargo does not name its host: {version}"))
}

/// The same cargo that runs us, so that a chosen toolchain stays chosen.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_the_one_that_this_was_built_on() {
        let host = host().unwrap();
        assert!(host.starts_with(std::env::consts::ARCH), "{host}");
        assert!(host.contains("linux"), "{host}");
    }
}
