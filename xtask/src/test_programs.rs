//! The test programs that cargo builds, and what of them a filter chooses.
//!
//! A filter names tests, as cargo's does, or a whole program: `races` is the file `tests/races.rs` with all that is in it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::process;
use crate::workspace::Workspace;

/// A program that holds tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestProgram {
    /// What cargo calls it: a crate, or the file of an integration test.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// The folder of its crate, where cargo would run it.
    pub folder: PathBuf,
    /// Whether it is the test form of a crate's own program.
    pub of_a_binary: bool,
    /// What it is told: filters, or nothing, which runs every test.
    pub arguments: Vec<String>,
}

impl TestProgram {
    /// Compiles what these arguments of `cargo test` select, without running it.
    pub fn build(workspace: &Workspace, selection: &[&str]) -> Result<Vec<Self>> {
        Self::build_with(workspace, selection, &[])
    }

    /// The same, in an environment with these variables as well.
    pub fn build_with(
        workspace: &Workspace,
        selection: &[&str],
        variables: &[(&str, PathBuf)],
    ) -> Result<Vec<Self>> {
        let mut cargo = workspace.cargo(&["test"]);
        cargo
            .envs(variables.iter().cloned())
            .args(selection)
            .args(["--no-run", "--message-format=json-render-diagnostics"]);
        named_in(&process::read(&mut cargo)?)
    }

    /// The same program told to run what the filters choose; `None` when that is nothing.
    pub fn chosen_by(self, filters: &[String]) -> Result<Option<Self>> {
        if filters.iter().any(|filter| self.name.contains(filter)) {
            return Ok(Some(self));
        }
        let mut listing = Command::new(&self.path);
        listing
            .args(["--list", "--format=terse"])
            .args(filters)
            .current_dir(&self.folder);
        let listed = process::read(&mut listing)?;
        let holds_some = listed.lines().any(|line| line.ends_with(": test"));
        Ok(holds_some.then(|| Self {
            arguments: filters.to_vec(),
            ..self
        }))
    }
}

/// The test programs that cargo names in its messages, one JSON object a line.
fn named_in(messages: &str) -> Result<Vec<TestProgram>> {
    let mut programs = Vec::new();
    for line in messages.lines() {
        let message: Value =
            serde_json::from_str(line).context("cargo wrote a line that is not JSON")?;
        if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
            continue;
        }
        let target = &message["target"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let (Some(name), Some(path), Some(manifest)) = (
            text(&target["name"]),
            text(&message["executable"]),
            text(&message["manifest_path"]),
        ) {
            programs.push(TestProgram {
                name,
                path: path.into(),
                folder: PathBuf::from(manifest).with_file_name(""),
                of_a_binary: target["kind"] == Value::from(["bin"].as_slice()),
                arguments: Vec::new(),
            });
        }
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This very program, under another name.
    fn program(name: &str) -> TestProgram {
        TestProgram {
            name: name.to_owned(),
            path: std::env::current_exe().unwrap(),
            folder: PathBuf::from("."),
            of_a_binary: true,
            arguments: Vec::new(),
        }
    }

    fn filters(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn test_programs_are_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/w/serde/Cargo.toml","target":{"kind":["lib"],"name":"serde"},"profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","manifest_path":"/w/tests/Cargo.toml","target":{"kind":["test"],"name":"contract"},"profile":{"test":true},"executable":"/t/debug/deps/contract-1"}
{"reason":"compiler-artifact","manifest_path":"/w/tests/Cargo.toml","target":{"kind":["bin"],"name":"demo"},"profile":{"test":true},"executable":"/t/debug/deps/demo-1"}
{"reason":"compiler-artifact","manifest_path":"/w/tests/Cargo.toml","target":{"kind":["bin"],"name":"demo"},"profile":{"test":false},"executable":"/t/debug/demo"}
{"reason":"build-finished","success":true}"#;
        let programs = named_in(messages).unwrap();
        let told: Vec<_> = programs
            .iter()
            .map(|p| (p.name.as_str(), p.path.to_str().unwrap(), p.of_a_binary))
            .collect();
        assert_eq!(
            told,
            [
                ("contract", "/t/debug/deps/contract-1", false),
                ("demo", "/t/debug/deps/demo-1", true),
            ]
        );
        assert_eq!(programs[0].folder, PathBuf::from("/w/tests/"));
    }

    #[test]
    fn a_line_that_is_not_json_is_an_error() {
        assert!(named_in("Compiling").is_err());
    }

    #[test]
    fn a_program_whose_name_holds_a_filter_runs_whole() {
        let chosen = program("races").chosen_by(&filters(&["nothing", "race"]));
        assert_eq!(chosen.unwrap(), Some(program("races")));
    }

    #[test]
    fn a_program_with_a_test_of_such_a_name_runs_that_and_one_without_does_not_run() {
        let words = filters(&["nothing", "runs_that_and_one_without"]);
        let chosen = program("other").chosen_by(&words).unwrap().unwrap();
        assert_eq!(chosen.arguments, words);
        let none = program("other").chosen_by(&filters(&["no such test"]));
        assert_eq!(none.unwrap(), None);
    }
}
