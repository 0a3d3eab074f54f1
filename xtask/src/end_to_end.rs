//! Programs of the crate `nightlatch-tests`: compiled as the caller, run as root.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::soak::SOAK;
use crate::test_programs::TestProgram;
use crate::workspace::Workspace;
use crate::{artifacts, process, root};

/// Compiles the end-to-end tests.
///
/// The crate's own programs (demo, bench) are compiled along, as tests without root, and left out.
pub fn build_tests(workspace: &Workspace) -> Result<Vec<TestProgram>> {
    let selection = ["--package=nightlatch-tests", "--lib", "--tests"];
    let mut programs = TestProgram::build(workspace, &selection)?;
    programs.retain(|program| !program.of_a_binary);
    ensure!(!programs.is_empty(), "there are no end-to-end tests");
    Ok(programs)
}

/// How long the tests are that could go on for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What everybody waits for.
    Short,
    /// What a soak takes its time for.
    Long,
}

/// Runs end-to-end tests, every program although one before it failed.
pub fn test(workspace: &Workspace, programs: Vec<TestProgram>, form: Form) -> Result<()> {
    let mut variables = artifacts::variables(workspace)?.to_vec();
    if form == Form::Long {
        variables.push((SOAK, "1".into()));
    }
    let mut failed = Vec::new();
    for program in programs {
        println!("\n     Running {} as root", program.name);
        if let Err(error) = run_as_root(workspace, &program.path, &program.arguments, &variables) {
            println!("{error:#}");
            failed.push(program.name);
        }
    }
    if !failed.is_empty() {
        bail!("these failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Compiles and runs one of the crate's own programs.
pub fn program(workspace: &Workspace, name: &str, arguments: &[String]) -> Result<()> {
    program_with(workspace, name, arguments, &[])
}

/// The same with other artifacts than the usual ones, or more.
pub fn program_with(
    workspace: &Workspace,
    name: &str,
    arguments: &[String],
    others: &[(&'static str, PathBuf)],
) -> Result<()> {
    process::run(&mut workspace.cargo(&["build", "--package=nightlatch-tests", "--bin", name]))?;
    let mut variables = artifacts::variables(workspace)?.to_vec();
    variables.extend_from_slice(others);
    let program = workspace.target.join("debug").join(name);
    run_as_root(workspace, &program, arguments, &variables)
}

/// Runs a program that was compiled before, and gives what it wrote to standard output.
pub fn read(workspace: &Workspace, program: &Path, arguments: &[String]) -> Result<String> {
    let variables = artifacts::variables(workspace)?;
    as_root(workspace, program, arguments, &variables, process::read)
}

fn run_as_root(
    workspace: &Workspace,
    program: &Path,
    arguments: &[String],
    variables: &[(&str, PathBuf)],
) -> Result<()> {
    as_root(workspace, program, arguments, variables, process::run)
}

fn as_root<T>(
    workspace: &Workspace,
    program: &Path,
    arguments: &[String],
    variables: &[(&str, PathBuf)],
    run: impl FnOnce(&mut Command) -> Result<T>,
) -> Result<T> {
    let outcome = root::command(program, variables)
        .and_then(|mut command| run(command.args(arguments).current_dir(workspace.tests())));
    root::give_back(&workspace.target)?;
    outcome
}
