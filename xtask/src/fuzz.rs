//! `cargo xtask fuzz`: the targets in `fuzz/`, built with libFuzzer inside and run for some seconds each.
//!
//! The coverage that steers libFuzzer comes from a pass that the stable compiler has, so nothing has to be installed but
//! a C++ compiler for libFuzzer's own source. `cargo fuzz run` works as well for whoever has it and wants more of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::packages::{BUILD, FUZZ};
use crate::stages::Stages;
use crate::workspace::{Workspace, cargo, metadata};
use crate::{packages, process};

/// Which targets are run, and for how long.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    targets: Vec<String>,
    seconds: u32,
}

impl Choice {
    /// All of them, each as long as CI can spare.
    pub const BRIEFLY: Self = Self {
        targets: Vec::new(),
        seconds: 5,
    };

    /// Reads `[TARGET…] [--seconds N]`.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut choice = Self {
            targets: Vec::new(),
            seconds: 60,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--seconds" {
                choice.seconds = rest
                    .next()
                    .and_then(|seconds| seconds.parse().ok())
                    .filter(|seconds| *seconds > 0)
                    .ok_or("--seconds takes a number of seconds.")?;
            } else if argument.starts_with('-') {
                return Err(format!("`fuzz` does not take {argument}."));
            } else {
                choice.targets.push(argument.clone());
            }
        }
        Ok(choice)
    }
}

/// Runs the chosen targets; packages and building included.
pub fn run(workspace: &Workspace, choice: &Choice) -> Result<()> {
    let mut stages = Stages::default();
    if stages.run("packages", || packages::install(&[BUILD, FUZZ])) {
        fuzz(workspace, choice, &mut stages);
    }
    stages.finish()
}

/// Builds and runs the chosen targets, on a machine that has the packages.
pub fn fuzz(workspace: &Workspace, choice: &Choice, stages: &mut Stages) {
    let mut programs = Vec::new();
    let built = stages.run("fuzz targets", || {
        programs = build(workspace, choice)?;
        Ok(())
    });
    if built {
        stages.run("fuzzing", || run_each(workspace, &programs, choice.seconds));
    }
}

/// A cargo command about the workspace of the fuzz targets, built as they are run.
pub fn cargo_fuzz(workspace: &Workspace, command: &str) -> Result<Command> {
    let mut cargo = workspace.cargo(&[command]);
    cargo
        .arg("--manifest-path")
        .arg(manifest(workspace))
        .args([
            "--release",
            "--locked",
            "--target",
            &host()?,
            "--target-dir",
        ])
        .arg(folder(workspace))
        .env("RUSTFLAGS", INSTRUMENTED.join(" "));
    Ok(cargo)
}

/// The manifest of the fuzz targets' workspace.
pub fn manifest(workspace: &Workspace) -> PathBuf {
    workspace.root.join("fuzz/Cargo.toml")
}

struct Program {
    target: String,
    path: PathBuf,
}

fn build(workspace: &Workspace, choice: &Choice) -> Result<Vec<Program>> {
    let all = targets(workspace)?;
    for chosen in &choice.targets {
        ensure!(
            all.contains(chosen),
            "there is no fuzz target {chosen}; there are {}",
            all.join(", ")
        );
    }
    let chosen: Vec<_> = all
        .into_iter()
        .filter(|target| choice.targets.is_empty() || choice.targets.contains(target))
        .collect();
    let mut cargo = cargo_fuzz(workspace, "build")?;
    for target in &chosen {
        cargo.args(["--bin", target]);
    }
    process::run(&mut cargo)?;
    let programs = folder(workspace).join(host()?).join("release");
    Ok(chosen
        .into_iter()
        .map(|target| Program {
            path: programs.join(&target),
            target,
        })
        .collect())
}

fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let path = manifest(workspace);
    let path = path.to_str().context("the workspace's path is not UTF-8")?;
    let metadata = metadata(&["--no-deps", "--locked", "--manifest-path", path])?;
    let targets: Vec<String> = metadata["packages"][0]["targets"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|target| target["name"].as_str())
        .map(str::to_owned)
        .collect();
    ensure!(!targets.is_empty(), "{path} names no targets");
    Ok(targets)
}

/// Runs every program, though one before it found something.
fn run_each(workspace: &Workspace, programs: &[Program], seconds: u32) -> Result<()> {
    let mut broken = Vec::new();
    for program in programs {
        if !holds(workspace, program, seconds)? {
            broken.push(program.target.as_str());
        }
    }
    if !broken.is_empty() {
        bail!("what must hold did not in: {}", broken.join(", "));
    }
    Ok(())
}

/// Runs a program. Says whether it found nothing, and if it did, how to see it again.
fn holds(workspace: &Workspace, program: &Program, seconds: u32) -> Result<bool> {
    let Program { target, path } = program;
    println!("Fuzzing {target} for {seconds} s");
    let found = folder(workspace).join("artifacts").join(target);
    let grown = folder(workspace).join("corpus").join(target);
    for folder in [&found, &grown] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let kept = ["corpus", "regressions"]
        .map(|kept| workspace.root.join("fuzz").join(kept).join(target))
        .into_iter()
        .filter(|kept| kept.exists());
    let before = files(&found)?;
    let output = Command::new(path)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .args(["-timeout=10", "-print_final_stats=1"])
        // What is new goes into the first folder, where the next run finds it.
        .arg(grown)
        .args(kept)
        .output()
        .with_context(|| format!("cannot run {}", path.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        println!("  {} inputs, and what must hold did", executed(&said)?);
        return Ok(true);
    }
    let end = said.lines().rev().take(SHOWN).collect::<Vec<_>>();
    for line in end.iter().rev() {
        println!("  {line}");
    }
    println!("{target} ended with {}", output.status);
    for input in files(&found)?.difference(&before) {
        let (path, input) = (path.display(), input.display());
        println!("To see it again:     {path} {input}");
        println!("To make it smaller:  {path} -minimize_crash=1 -max_total_time=60 {input}");
        println!("Once it is mended, it belongs into fuzz/regressions/{target}/.");
    }
    Ok(false)
}

/// How many inputs were tried. None at all would be no test.
fn executed(said: &str) -> Result<u64> {
    said.lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
        .and_then(|number| number.trim().parse().ok())
        .filter(|number| *number > 0)
        .context("libFuzzer does not say how many inputs it tried")
}

fn files(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .with_context(|| format!("cannot list {}", folder.display()))
}

/// Where programs, finds and the grown corpus are.
fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("fuzz")
}

/// The machine that is built for where none is named. Naming it keeps the flags away from what runs while building.
fn host() -> Result<String> {
    let said = process::read(cargo().arg("-vV"))?;
    said.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("cargo -vV does not say its host")
}

/// How much of what a program said is shown when it found something: a backtrace and the input.
const SHOWN: usize = 60;

/// What `cargo fuzz` sets too: counters at every edge, and what is compared with what.
const INSTRUMENTED: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Ccodegen-units=1",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Choice, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Choice::parse(&arguments)
    }

    #[test]
    fn targets_and_seconds_come_in_any_order() {
        let chosen = Choice {
            targets: vec!["uri".to_owned(), "place".to_owned()],
            seconds: 7,
        };
        assert_eq!(parse("uri --seconds 7 place"), Ok(chosen));
        assert_eq!(parse("").unwrap().seconds, 60);
    }

    #[test]
    fn what_is_no_number_of_seconds_is_refused() {
        for line in ["--seconds", "--seconds x", "--seconds 0", "--second 5"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_run_that_tried_nothing_is_no_test() {
        assert_eq!(
            executed("x\nstat::number_of_executed_units: 12\n").unwrap(),
            12
        );
        for said in ["", "stat::number_of_executed_units: 0"] {
            assert!(executed(said).is_err(), "{said:?}");
        }
    }

    #[test]
    fn every_target_has_a_file_and_kept_inputs() {
        let workspace = Workspace::find().unwrap();
        for target in targets(&workspace).unwrap() {
            let fuzz = workspace.root.join("fuzz");
            assert!(
                fuzz.join(format!("fuzz_targets/{target}.rs")).exists(),
                "{target}"
            );
            assert!(
                !files(&fuzz.join("corpus").join(&target))
                    .unwrap()
                    .is_empty(),
                "{target}"
            );
        }
    }
}
