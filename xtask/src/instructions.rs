//! `cargo xtask instructions`: how many instructions a login takes, and whether that has grown.
//!
//! What is counted is in `tests/benches/instructions.rs`; what it was before, in [`KEPT`], one set for each surrounding that it
//! was counted in: another compiler, C library, libpam, valgrind or kind of processor counts differently, so only a set that was
//! counted with the same is compared.

mod kept;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use self::kept::Kept;
use crate::packages::{BUILD, END_TO_END};
use crate::stages::Stages;
use crate::test_programs::TestProgram;
use crate::tools::Tool;
use crate::workspace::Workspace;
use crate::{artifacts, end_to_end, packages, process};

/// What counts; the same version as the library `gungraun`.
pub const TOOL: Tool = Tool {
    name: "gungraun-runner",
    version: "0.20.0",
};

/// What is done with the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To fail where they have grown.
    Compare,
    /// To keep them.
    Record,
}

/// Instructions by the name of the case.
type Counts = BTreeMap<String, u64>;

/// Counts and compares or records; packages and building included.
pub fn run(workspace: &Workspace, purpose: Purpose) -> Result<()> {
    let mut stages = Stages::default();
    if stages.run("packages", || packages::install(&[BUILD, END_TO_END]))
        && stages.run("gungraun-runner, the tool", || TOOL.install(workspace))
        && stages.run("build", || artifacts::build(workspace))
    {
        stages.run("instructions", || count(workspace, purpose));
    }
    stages.finish()
}

/// The same where packages, the tool and the module are there.
pub fn count(workspace: &Workspace, purpose: Purpose) -> Result<()> {
    let counted = counted(workspace)?;
    let surrounding = surrounding(workspace)?;
    let file = workspace.root.join(KEPT);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {KEPT}"))?;
    let mut kept =
        Kept::parse(&text).with_context(|| format!("{KEPT} is not as --record writes it"))?;
    match (purpose, kept.set(&surrounding)) {
        (Purpose::Record, _) => {
            kept.keep(&surrounding, counted);
            fs::write(&file, kept.to_string()).with_context(|| format!("cannot write {KEPT}"))?;
            println!("Recorded in {KEPT} for {surrounding}.");
            Ok(())
        }
        (Purpose::Compare, None) => {
            println!(
                "WARNING: nothing to compare with: {KEPT} has no counts for {surrounding}.\n\
                 To have some from now on: cargo xtask instructions --record"
            );
            Ok(())
        }
        (Purpose::Compare, Some(before)) => {
            let comparison = Comparison::of(before, &counted);
            println!("{}", comparison.told);
            ensure!(
                comparison.wrong.is_empty(),
                "{}\nIf that is worth it: cargo xtask instructions --record, and commit {KEPT} with what made the difference",
                comparison.wrong.join("\n")
            );
            Ok(())
        }
    }
}

/// What has become of counts.
struct Comparison {
    /// All of them, a line each.
    told: String,
    /// What a person has to look at.
    wrong: Vec<String>,
}

impl Comparison {
    fn of(before: &Counts, now: &Counts) -> Self {
        let (mut told, mut wrong) = (String::new(), Vec::new());
        for (name, &count) in now {
            let Some(&was) = before.get(name) else {
                wrong.push(format!(
                    "{name} takes {count} instructions and was not recorded"
                ));
                continue;
            };
            #[expect(clippy::cast_precision_loss, reason = "a percentage")]
            let percent = (count as f64 / was as f64 - 1.0) * 100.0;
            let mut line = format!("{name:<20} {was:>10} → {count:>10}  {percent:>+6.2} %");
            if count * 100 > was * (100 + GROWTH) {
                wrong.push(format!(
                    "{line}: more than {GROWTH} % above what was recorded"
                ));
            }
            if count * (100 + GROWTH) < was * 100 {
                // Else that much could come back unseen.
                line.push_str("  record this, so that it stays");
            }
            // Writing to a String cannot fail.
            let _ = writeln!(told, "{line}");
        }
        wrong.extend(
            before
                .keys()
                .filter(|name| !now.contains_key(*name))
                .map(|name| format!("{name} was recorded and is not counted any more")),
        );
        Self { told, wrong }
    }
}

/// Builds and runs what counts, as root.
fn counted(workspace: &Workspace) -> Result<Counts> {
    let programs = TestProgram::build_with(
        workspace,
        &["--package=nightlatch-tests", "--bench=instructions"],
        // Compiled into the program, since the sandbox has another PATH.
        &[("GUNGRAUN_RUNNER", TOOL.path(workspace))],
    )?;
    let [program] = &programs[..] else {
        anyhow::bail!(
            "cargo built {} programs that count, not one",
            programs.len()
        );
    };
    let home = workspace.target.join("gungraun");
    // It would compare with the run before; the counts that matter are those that were committed.
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| format!("cannot empty {}", home.display()))?;
    }
    let option = |name: &str, path: &PathBuf| format!("--{name}={}", path.display());
    let said = end_to_end::read(
        workspace,
        &program.path,
        &[
            "--bench".to_owned(),
            "--output-format=json".to_owned(),
            option("home", &home),
            option("workspace-root", &workspace.root),
        ],
    )?;
    parse(&said)
}

/// The counts among what Gungraun prints, one JSON object a line.
fn parse(said: &str) -> Result<Counts> {
    let mut counts = Counts::new();
    for line in said.lines().filter(|line| line.starts_with('{')) {
        let summary: Value = serde_json::from_str(line).context("Gungraun did not write JSON")?;
        let count = &summary["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
        let name = summary["id"].as_str().context("a count has no name")?;
        let count = count.as_u64().filter(|count| *count > 0);
        let count = count.with_context(|| format!("{name} has no count"))?;
        counts.insert(name.to_owned(), count);
    }
    ensure!(!counts.is_empty(), "nothing was counted:\n{said}");
    Ok(counts)
}

/// What the counts depend on beside our code.
fn surrounding(workspace: &Workspace) -> Result<String> {
    let rustc = process::read(
        Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .arg("--version")
            .current_dir(&workspace.root),
    )?;
    let libc = process::read(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let libpam = process::read(Command::new("dpkg-query").args([
        "--show",
        "--showformat=${Version}",
        "libpam0g",
    ]));
    let valgrind = process::read(Command::new("valgrind").arg("--version"))?;
    let processor = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    // The C library copies and compares by what the processor has, and valgrind has no more than this.
    let vectors = if processor.split_whitespace().any(|flag| flag == "avx2") {
        "with avx2"
    } else {
        "without avx2"
    };
    Ok(format!(
        "rustc {}, {}, libpam {}, {}, {} {vectors}",
        rustc.split_whitespace().nth(1).unwrap_or("?"),
        libc.trim(),
        libpam.as_deref().map_or("?", upstream),
        valgrind.trim().replace('-', " "),
        std::env::consts::ARCH,
    ))
}

/// The part of a Debian version that is not Debian's.
fn upstream(version: &str) -> &str {
    version.split('-').next().unwrap_or(version)
}

/// Where the counts are kept.
const KEPT: &str = "tests/benches/instructions.txt";

/// How much more is let through, in percent: what a compiler does differently for no reason stays below.
const GROWTH: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, u64)]) -> Counts {
        of.iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    }

    #[test]
    fn growth_of_more_than_five_percent_is_wrong() {
        let before = counts(&[("right", 1000), ("wrong", 1000)]);
        let after = counts(&[("right", 1050), ("wrong", 1051)]);
        let comparison = Comparison::of(&before, &after);
        assert_eq!(
            comparison.wrong,
            [
                "wrong                      1000 →       1051   +5.10 %: more than 5 % above what was recorded"
            ]
        );
        assert_eq!(comparison.told.lines().count(), 2);
        let back = Comparison::of(&after, &before);
        assert!(back.wrong.is_empty());
        assert_eq!(back.told.matches("record this").count(), 1);
    }

    #[test]
    fn a_case_that_comes_or_goes_is_recorded() {
        let (one, two) = (counts(&[("one", 1)]), counts(&[("one", 1), ("two", 2)]));
        assert_eq!(Comparison::of(&one, &two).wrong.len(), 1);
        assert_eq!(Comparison::of(&two, &one).wrong.len(), 1);
    }

    #[test]
    fn counts_are_found_in_what_gungraun_prints() {
        let line = r#"{"id":"right_code","profiles":[{"data":{"total":{"metrics":{"Ir":{"values":{"new":465179}}}}}}]}"#;
        assert_eq!(
            parse(&format!("a word before\n{line}\n")).unwrap(),
            counts(&[("right_code", 465_179)])
        );
        assert!(parse("").is_err());
        assert!(parse(&line.replace("465179", "0")).is_err());
    }

    #[test]
    fn the_tool_is_of_the_librarys_version() {
        let manifest = include_str!("../../Cargo.toml");
        assert!(manifest.contains(&format!("gungraun = \"={}\"", TOOL.version)));
    }

    #[test]
    fn what_is_kept_can_be_read() {
        Kept::parse(include_str!("../../tests/benches/instructions.txt")).unwrap();
    }

    #[test]
    fn debian_revisions_do_not_count() {
        assert_eq!(upstream("1.5.2-6+deb12u1"), "1.5.2");
    }
}
