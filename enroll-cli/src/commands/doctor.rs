//! `doctor`: what is wrong with the set-up, and what mends it; and with `--simulate` what a login would meet.

use std::path::Path;

use serde::Serialize;

use crate::app::App;
use crate::cli;
use crate::doctor::{self, Finding, Severity};
use crate::failure::Failure;
use crate::foresight::Visit;
use crate::screen::Screen;
use crate::simulation::Simulation;

/// Finds what is wrong. What is worse than a note makes the status 1.
pub fn run(named: Option<&Path>, arguments: &cli::Doctor) -> anyhow::Result<()> {
    if let Some(user) = &arguments.simulate {
        return simulate(named, user, arguments);
    }
    let findings = doctor::examine(named)?;
    let is_well = findings
        .iter()
        .all(|finding| finding.severity == Severity::Note);
    let screen = Screen::output()?;
    if arguments.json {
        screen.json(&Report {
            well: is_well,
            findings: &findings,
        })?;
    } else {
        for finding in &findings {
            screen.page(&format!("{}\n", finding.page()))?;
        }
        screen.say(&sum(&findings))?;
    }
    if is_well {
        Ok(())
    } else {
        Err(Failure::Told.into())
    }
}

/// Tells what a login would meet.
fn simulate(named: Option<&Path>, user: &str, arguments: &cli::Doctor) -> anyhow::Result<()> {
    let Some(service) = &arguments.service else {
        let text = "say at which service: --service sshd".to_owned();
        return Err(Failure::Usage(text).into());
    };
    let app = App::open(named)?;
    let visit = Visit {
        user,
        service: service.as_str(),
        rhost: arguments.rhost.as_deref(),
    };
    let simulation = Simulation::of(&app, named, visit)?;
    let screen = Screen::output()?;
    if arguments.json {
        screen.json(&simulation)
    } else {
        screen.page(&simulation.page())
    }
}

/// What was found, for a program. The fields are documented in docs/doctor.md and stay stable.
#[derive(Serialize)]
struct Report<'a> {
    well: bool,
    findings: &'a [Finding],
}

/// How much was found, in a line.
fn sum(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "Nothing is wrong.".to_owned();
    }
    let kinds = [
        (Severity::OpenDoor, "open door", "open doors"),
        (Severity::LockOut, "lock-out", "lock-outs"),
        (Severity::Weakness, "weakness", "weaknesses"),
        (Severity::Note, "note", "notes"),
    ];
    let counted: Vec<_> = kinds
        .into_iter()
        .filter_map(|(severity, one, several)| {
            let found = findings.iter();
            match found.filter(|finding| finding.severity == severity).count() {
                0 => None,
                1 => Some(format!("1 {one}")),
                number => Some(format!("{number} {several}")),
            }
        })
        .collect();
    let mends = "Numbers of lines hold until a file changes: after each mend, run this again.";
    format!("{}. {mends}", counted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_counts_what_there_is() {
        let found = |severity| Finding::new("x", severity, "here", "what", "why");
        assert_eq!(sum(&[]), "Nothing is wrong.");
        let findings = [
            found(Severity::OpenDoor),
            found(Severity::Note),
            found(Severity::Note),
        ];
        assert!(sum(&findings).starts_with("1 open door, 2 notes. "));
    }
}
