//! `cargo xtask test`: unit tests as the caller, then the end-to-end tests as root.

use anyhow::Result;

use crate::packages::{BUILD, END_TO_END};
use crate::stages::Stages;
use crate::workspace::Workspace;
use crate::{artifacts, end_to_end, packages, process};

/// Everything, packages and building included.
pub fn run(workspace: &Workspace, filters: &[String]) -> Result<()> {
    let mut stages = Stages::default();
    if stages.run("packages", || packages::install(&[BUILD, END_TO_END])) {
        test(workspace, filters, &mut stages);
    }
    stages.finish()
}

/// Building and testing, for a machine that has the packages.
pub fn test(workspace: &Workspace, filters: &[String], stages: &mut Stages) {
    stages.run("unit tests", || unit_tests(workspace, filters));
    let built = stages.run("build", || {
        artifacts::build(workspace)?;
        artifacts::build_planted_panic(workspace)
    });
    if built {
        stages.run("end-to-end tests", || end_to_end::test(workspace, filters));
    }
}

fn unit_tests(workspace: &Workspace, filters: &[String]) -> Result<()> {
    let runs: [&[&str]; 3] = [
        &[
            "--workspace",
            "--exclude=nightlatch-tests",
            "--no-fail-fast",
        ],
        // Of the end-to-end crate only what needs no root: its programs' own tests, and that its examples compile.
        &["--package=nightlatch-tests", "--bins"],
        &["--package=nightlatch-tests", "--doc"],
    ];
    for run in runs {
        process::run(workspace.cargo(&["test"]).args(run).arg("--").args(filters))?;
    }
    Ok(())
}
