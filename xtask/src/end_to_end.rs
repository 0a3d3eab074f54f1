//! Programs of the crate `nightlatch-tests`: compiled as the caller, run as root.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{artifacts, process, root};

/// Compiles and runs the end-to-end tests, all of them or those with one of the filters in their names.
///
/// Every test program is run although one before it failed.
pub fn test(workspace: &Workspace, filters: &[String]) -> Result<()> {
    let messages = process::read(&mut workspace.cargo(&[
        "test",
        "--package=nightlatch-tests",
        "--lib",
        "--tests",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]))?;
    let programs = test_programs(&messages)?;
    ensure!(!programs.is_empty(), "there are no end-to-end tests");
    let mut failed = Vec::new();
    for program in programs {
        println!("\n     Running {} as root", program.name);
        if let Err(error) = run_as_root(workspace, program.path, filters) {
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
    process::run(&mut workspace.cargo(&["build", "--package=nightlatch-tests", "--bin", name]))?;
    run_as_root(
        workspace,
        workspace.target.join("debug").join(name),
        arguments,
    )
}

fn run_as_root(workspace: &Workspace, program: PathBuf, arguments: &[String]) -> Result<()> {
    let outcome =
        root::command(program, &artifacts::variables(workspace)).and_then(|mut command| {
            process::run(command.args(arguments).current_dir(workspace.tests()))
        });
    root::give_back(&workspace.target)?;
    outcome
}

#[derive(Debug, PartialEq, Eq)]
struct TestProgram {
    name: String,
    path: PathBuf,
}

/// The test programs that cargo names in its messages, one JSON object a line.
///
/// The crate's own programs (demo, bench) are among them, compiled as tests without any, and left out.
fn test_programs(messages: &str) -> Result<Vec<TestProgram>> {
    let mut programs = Vec::new();
    for line in messages.lines() {
        let message: Value =
            serde_json::from_str(line).context("cargo wrote a line that is not JSON")?;
        let target = &message["target"];
        let is_program = target["kind"] == Value::from(["bin"].as_slice());
        if message["reason"] != "compiler-artifact"
            || message["profile"]["test"] != true
            || is_program
        {
            continue;
        }
        if let (Some(name), Some(path)) = (target["name"].as_str(), message["executable"].as_str())
        {
            programs.push(TestProgram {
                name: name.to_owned(),
                path: path.into(),
            });
        }
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_programs_are_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"serde"},"profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["test"],"name":"contract"},"profile":{"test":true},"executable":"/t/debug/deps/contract-1"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"demo"},"profile":{"test":true},"executable":"/t/debug/deps/demo-1"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"demo"},"profile":{"test":false},"executable":"/t/debug/demo"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(
            test_programs(messages).unwrap(),
            [TestProgram {
                name: "contract".to_owned(),
                path: "/t/debug/deps/contract-1".into()
            }]
        );
    }

    #[test]
    fn a_line_that_is_not_json_is_an_error() {
        assert!(test_programs("Compiling").is_err());
    }
}
