//! `cargo xtask soak`: the tests that could go on for ever, in their long form, for a night or for whoever changed the store or
//! the decision: those of the unit tests that have one, then the end-to-end tests.

use anyhow::{Result, ensure};

use crate::end_to_end::{self, Form};
use crate::packages::{BUILD, END_TO_END};
use crate::stages::Stages;
use crate::workspace::Workspace;
use crate::{packages, process, test};

/// All of them, or those that the filters choose; packages and building included.
pub fn run(workspace: &Workspace, filters: &[String]) -> Result<()> {
    let (units, others): (Vec<String>, Vec<String>) = filters
        .iter()
        .cloned()
        .partition(|filter| UNIT_TESTS.contains(&filter.as_str()));
    let mut stages = Stages::default();
    let units: Vec<&str> = if filters.is_empty() {
        UNIT_TESTS.to_vec()
    } else {
        units.iter().map(String::as_str).collect()
    };
    if !units.is_empty() {
        stages.run("unit tests, long", || unit_tests(workspace, &units));
    }
    if filters.is_empty() || !others.is_empty() {
        end_to_end(workspace, &others, &mut stages);
    }
    stages.finish()
}

fn unit_tests(workspace: &Workspace, names: &[&str]) -> Result<()> {
    let selection = ["test", "--package=nightlatch-core", "--lib", "--"];
    process::run(workspace.cargo(&selection).args(names).env(SOAK, "1"))
}

fn end_to_end(workspace: &Workspace, filters: &[String], stages: &mut Stages) {
    if stages.run("packages", || packages::install(&[BUILD, END_TO_END]))
        && stages.run("build", || test::build(workspace))
    {
        stages.run("end-to-end tests, long", || {
            let mut programs = end_to_end::build_tests(workspace)?;
            if !filters.is_empty() {
                programs = test::chosen(programs, filters)?;
            }
            ensure!(
                !programs.is_empty(),
                "no test and no file of tests has one of these in its name: {}",
                filters.join(", ")
            );
            end_to_end::test(workspace, programs, Form::Long)
        });
    }
}

/// What tells tests to be long.
pub const SOAK: &str = "NIGHTLATCH_SOAK";

/// The unit tests that have a long form: `core/src/check/tests/small_world.rs` and `core/src/stranger/`.
const UNIT_TESTS: [&str; 2] = ["small_world", "stranger"];
