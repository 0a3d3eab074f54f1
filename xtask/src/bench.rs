//! `cargo xtask bench`: what a login costs, side by side with what people use today.

use anyhow::Result;

use crate::packages::{BUILD, END_TO_END, PEERS};
use crate::workspace::Workspace;
use crate::{artifacts, end_to_end, packages};

/// Installs, builds and runs the benchmark; what is measured and how is in `tests/src/bin/bench.rs`.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    packages::install(&[BUILD, END_TO_END, PEERS])?;
    artifacts::build(workspace)?;
    end_to_end::program(workspace, "bench", arguments)
}
