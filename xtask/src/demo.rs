//! `cargo xtask demo`: the main job, shown for real in a private namespace.

use anyhow::Result;

use crate::packages::{BUILD, END_TO_END};
use crate::workspace::Workspace;
use crate::{artifacts, end_to_end, packages};

/// Installs, builds and runs the demonstration; the namespace is the business of `tests/src/bin/demo.rs`.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    println!(
        "This builds Nightlatch and shows it at work with the real sshd, ssh and sudo, in a private namespace:\n\
         nothing on this machine changes but the folder {} and the packages named below, if any.",
        workspace.target.display()
    );
    packages::install(&[BUILD, END_TO_END])?;
    artifacts::build(workspace)?;
    end_to_end::program(workspace, "demo", arguments)
}
