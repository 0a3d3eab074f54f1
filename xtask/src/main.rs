//! `cargo xtask`: the commands that a fresh Debian with Rust needs in order to show, test and measure Nightlatch.
//!
//! Each command installs the system packages that it uses (saying which), becomes root through sudo where it must, and
//! leaves nothing changed but the target folder and those packages.
#![forbid(unsafe_code)]

mod artifacts;
mod bench;
mod ci;
mod demo;
mod end_to_end;
mod fuzz;
mod hardening;
mod instructions;
mod licences;
mod minimum_rust;
mod order;
mod packages;
mod probing;
mod process;
mod root;
mod soak;
mod stages;
mod symbols;
mod test;
mod test_programs;
mod tools;
mod unsafe_code;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;

use crate::instructions::Purpose;
use crate::workspace::Workspace;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = match Command::parse(&arguments) {
        Ok(command) => command,
        Err(complaint) => {
            eprintln!("{complaint}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Help,
    Demo { arguments: Vec<String> },
    Test { filters: Vec<String> },
    Soak { filters: Vec<String> },
    Ci,
    Fuzz { choice: fuzz::Choice },
    Bench { arguments: Vec<String> },
    Instructions { purpose: Purpose },
    Order,
}

impl Command {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let Some((name, rest)) = arguments.split_first() else {
            return Err("Which command?".to_owned());
        };
        let rest = rest.to_vec();
        match name.as_str() {
            "help" | "-h" | "--help" => Ok(Self::Help),
            "demo" if rest.iter().all(|argument| argument == "--interactive") => {
                Ok(Self::Demo { arguments: rest })
            }
            "test" if !rest.iter().any(|argument| argument.starts_with('-')) => {
                Ok(Self::Test { filters: rest })
            }
            "soak" if !rest.iter().any(|argument| argument.starts_with('-')) => {
                Ok(Self::Soak { filters: rest })
            }
            "ci" if rest.is_empty() => Ok(Self::Ci),
            "order" if rest.is_empty() => Ok(Self::Order),
            "fuzz" => fuzz::Choice::parse(&rest).map(|choice| Self::Fuzz { choice }),
            "bench" => Ok(Self::Bench { arguments: rest }),
            "instructions" if rest.is_empty() => Ok(Self::Instructions {
                purpose: Purpose::Compare,
            }),
            "instructions" if rest == ["--record"] => Ok(Self::Instructions {
                purpose: Purpose::Record,
            }),
            "demo" | "test" | "soak" | "ci" | "instructions" | "order" => {
                Err(format!("`{name}` does not take {rest:?}."))
            }
            _ => Err(format!("There is no command `{name}`.")),
        }
    }

    fn run(self) -> Result<()> {
        if self == Self::Help {
            println!("{USAGE}");
            return Ok(());
        }
        let workspace = Workspace::find()?;
        match self {
            Self::Help => Ok(()),
            Self::Demo { arguments } => demo::run(&workspace, &arguments),
            Self::Test { filters } => test::run(&workspace, &filters),
            Self::Soak { filters } => soak::run(&workspace, &filters),
            Self::Ci => ci::run(&workspace),
            Self::Fuzz { choice } => fuzz::run(&workspace, &choice),
            Self::Bench { arguments } => bench::run(&workspace, &arguments),
            Self::Instructions { purpose } => instructions::run(&workspace, purpose),
            Self::Order => order::run(&workspace),
        }
    }
}

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  demo [--interactive]   show the main job for real, in a private namespace: enroll, QR code, ssh, replay, sudo, backup code.
                         --interactive leaves the door open for a phone of your own
  test [FILTER…]         unit tests, then the end-to-end tests as root in private namespaces.
                         FILTER: only the tests, and the files of tests, with one of these in their names
  soak [FILTER…]         tests in their long form: larger small worlds, kills at every system call, more rounds of everything random
  ci                     everything that must pass before a push: format, clippy, unsafe code, minimum Rust, documentation, licences,
                         test, a short fuzz, instruction counts, how the module and the command are linked
  fuzz [TARGET…] [--seconds N]
                         run the fuzz targets, 60 seconds each where N is not given
  bench [--pairs N] [--people N] [--write]
                         what a login costs, side by side with pam_google_authenticator and pam_oath; on a quiet machine.
                         --write: put the figures into docs/performance.md
  instructions [--record]
                         how many instructions a login takes; fails where they are over 5 % more than were recorded.
                         --record: keep what is counted now
  order                  list anew what a login runs, for the linker to put it side by side (pam-module/order.ld)

All install the Debian packages they need and become root through sudo where they must.";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Command::parse(&arguments)
    }

    #[test]
    fn every_command_in_the_usage_is_understood() {
        for line in USAGE.lines().filter(|line| line.starts_with("  ")) {
            if let Some(name) = line
                .split_whitespace()
                .next()
                .filter(|_| line.as_bytes()[2] != b' ')
            {
                assert!(parse(name).is_ok(), "{name}");
            }
        }
    }

    #[test]
    fn a_test_run_takes_names_to_filter_by() {
        assert_eq!(
            parse("test races sudo"),
            Ok(Command::Test {
                filters: vec!["races".to_owned(), "sudo".to_owned()]
            })
        );
        assert_eq!(
            parse("soak crashes"),
            Ok(Command::Soak {
                filters: vec!["crashes".to_owned()]
            })
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "",
            "tset",
            "demo --interactiv",
            "ci now",
            "order me",
            "test --nocapture",
            "fuzz --second 5",
            "instructions --recrod",
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }
}
