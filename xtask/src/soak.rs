//! `cargo xtask soak`: the end-to-end tests in their long form, for a night or for whoever changed the store.

use anyhow::{Result, ensure};

use crate::end_to_end::{self, Form};
use crate::packages::{BUILD, END_TO_END};
use crate::stages::Stages;
use crate::workspace::Workspace;
use crate::{packages, test};

/// All end-to-end tests, or those that the filters choose; packages and building included.
pub fn run(workspace: &Workspace, filters: &[String]) -> Result<()> {
    let mut stages = Stages::default();
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
    stages.finish()
}
