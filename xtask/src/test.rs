//! `cargo xtask test`: unit tests as the caller, then the end-to-end tests as root.

use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::end_to_end::Form;
use crate::packages::{BUILD, END_TO_END};
use crate::stages::Stages;
use crate::test_programs::TestProgram;
use crate::workspace::Workspace;
use crate::{artifacts, end_to_end, packages, process};

/// All tests, or those that the filters choose; packages and building included.
pub fn run(workspace: &Workspace, filters: &[String]) -> Result<()> {
    let mut stages = Stages::default();
    if stages.run("packages", || packages::install(&[BUILD, END_TO_END])) {
        if filters.is_empty() {
            test(workspace, &mut stages);
        } else {
            test_some(workspace, filters, &mut stages);
        }
    }
    stages.finish()
}

/// Builds and tests everything, on a machine that has the packages.
pub fn test(workspace: &Workspace, stages: &mut Stages) {
    stages.run("unit tests", || unit_tests(workspace));
    if stages.run("build", || build(workspace)) {
        stages.run("end-to-end tests", || {
            end_to_end::test(workspace, end_to_end::build_tests(workspace)?, Form::Short)
        });
    }
}

/// The same for what the filters choose, and only what that needs. The examples in the documentation are not chosen from.
fn test_some(workspace: &Workspace, filters: &[String], stages: &mut Stages) {
    let (mut unit, mut whole) = (Vec::new(), Vec::new());
    let chose = stages.run("choosing tests", || {
        for selection in UNIT_TESTS {
            unit.extend(TestProgram::build(workspace, selection)?);
        }
        unit = chosen(std::mem::take(&mut unit), filters)?;
        whole = chosen(end_to_end::build_tests(workspace)?, filters)?;
        // To run nothing and call it passed would be a lie.
        ensure!(
            !unit.is_empty() || !whole.is_empty(),
            "no test and no file of tests has one of these in its name: {}",
            filters.join(", ")
        );
        Ok(())
    });
    if !chose {
        return;
    }
    if !unit.is_empty() {
        stages.run("unit tests", || run_as_caller(&unit));
    }
    if !whole.is_empty() && stages.run("build", || build(workspace)) {
        stages.run("end-to-end tests", || {
            end_to_end::test(workspace, whole, Form::Short)
        });
    }
}

/// What of the programs the filters choose.
pub fn chosen(programs: Vec<TestProgram>, filters: &[String]) -> Result<Vec<TestProgram>> {
    programs
        .into_iter()
        .filter_map(|program| program.chosen_by(filters).transpose())
        .collect()
}

fn unit_tests(workspace: &Workspace) -> Result<()> {
    for selection in UNIT_TESTS.iter().copied().chain([EXAMPLES]) {
        process::run(workspace.cargo(&["test"]).args(selection))?;
    }
    Ok(())
}

fn run_as_caller(programs: &[TestProgram]) -> Result<()> {
    let mut failed = Vec::new();
    for program in programs {
        println!("\n     Running {}", program.name);
        let mut command = Command::new(&program.path);
        command
            .args(&program.arguments)
            .current_dir(&program.folder);
        if let Err(error) = process::run(&mut command) {
            println!("{error:#}");
            failed.push(program.name.as_str());
        }
    }
    if !failed.is_empty() {
        bail!("these failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Builds what the end-to-end tests work on.
pub fn build(workspace: &Workspace) -> Result<()> {
    artifacts::build(workspace)?;
    artifacts::build_planted_faults(workspace)?;
    artifacts::build_sanitized(workspace)
}

/// What needs no root, as arguments of `cargo test`. Of the end-to-end crate that is its programs' own tests …
const UNIT_TESTS: [&[&str]; 2] = [
    &[
        "--workspace",
        "--exclude=nightlatch-tests",
        "--no-fail-fast",
    ],
    &["--package=nightlatch-tests", "--bins"],
];

/// … and that the examples of its vocabulary compile.
const EXAMPLES: &[&str] = &["--package=nightlatch-tests", "--doc"];
