//! `cargo xtask bench`: what a login costs, side by side with what people use today.

use anyhow::Result;

use crate::packages::{BUILD, END_TO_END};
use crate::workspace::Workspace;
use crate::{artifacts, end_to_end, packages};

/// Installs, builds and runs the benchmark; what is measured and how is in `tests/src/bin/bench`.
///
/// It gets a folder in the target folder because its stores must lie on a real disk: the sandbox's own files are in memory.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    packages::install(&[BUILD, END_TO_END])?;
    artifacts::build(workspace)?;
    let disk = workspace.target.join("bench");
    let mut words = vec![disk.to_string_lossy().into_owned()];
    words.extend_from_slice(arguments);
    end_to_end::program(workspace, "bench", &words)
}
