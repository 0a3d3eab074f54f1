//! The steps of a longer command: named, timed, each run although one before it failed, summed up at the end.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// What was run so far.
#[derive(Debug, Default)]
pub struct Stages {
    done: Vec<Stage>,
}

#[derive(Debug)]
struct Stage {
    name: &'static str,
    took: Duration,
    failed: bool,
}

impl Stages {
    /// Runs a step. Its failure is said at once and kept for [`Stages::finish`]; returns whether it went well.
    pub fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) -> bool {
        println!("\n==> {name}");
        let start = Instant::now();
        let outcome = step();
        if let Err(error) = &outcome {
            // To standard output, so that it stands beside what it is about also where the two go different ways.
            println!("==> {name} FAILED: {error:#}");
        }
        self.done.push(Stage {
            name,
            took: start.elapsed(),
            failed: outcome.is_err(),
        });
        outcome.is_ok()
    }

    /// Prints the time of each step and fails when one of them did.
    pub fn finish(self) -> Result<()> {
        println!("\n{}", self.summary());
        let failed: Vec<_> = self
            .done
            .iter()
            .filter(|stage| stage.failed)
            .map(|stage| stage.name)
            .collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }

    fn summary(&self) -> String {
        let mut table = String::new();
        let mut line = |name: &str, took: Duration, remark: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(table, "{name:<24} {:>8.1} s{remark}", took.as_secs_f64());
        };
        for stage in &self.done {
            let remark = if stage.failed { "  FAILED" } else { "" };
            line(stage.name, stage.took, remark);
        }
        line("all", self.done.iter().map(|stage| stage.took).sum(), "");
        table
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_failure_does_not_keep_the_later_steps_from_running() {
        let mut stages = Stages::default();
        let mut ran = false;
        assert!(!stages.run("first", || Err(anyhow!("broken"))));
        assert!(stages.run("second", || {
            ran = true;
            Ok(())
        }));
        assert!(ran);
        assert_eq!(stages.finish().unwrap_err().to_string(), "failed: first");
    }

    #[test]
    fn the_summary_names_every_step_and_marks_the_failed() {
        let mut stages = Stages::default();
        stages.run("good", || Ok(()));
        stages.run("bad", || Err(anyhow!("broken")));
        let summary = stages.summary();
        let lines: Vec<_> = summary.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("good") && lines[0].ends_with(" s"));
        assert!(lines[1].starts_with("bad") && lines[1].ends_with(" s  FAILED"));
        assert!(lines[2].starts_with("all"));
    }
}
