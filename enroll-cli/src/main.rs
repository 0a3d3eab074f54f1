//! `nightlatch`: the command that enrolls people and looks after what was enrolled.
//!
//! Arguments become typed values in [`cli`], a command of [`commands`] does one thing with the rules of `nightlatch-core`,
//! and what comes of it becomes an exit status here: 0 done, 1 refused or failed, 2 wrong usage.

#![forbid(unsafe_code)]

mod accounts;
mod app;
mod as_owner;
mod ask;
mod cli;
mod commands;
mod doctor;
mod failure;
mod findings;
mod foresight;
mod given_secret;
mod journal;
mod lockouts;
mod offer;
mod output_file;
mod pam_files;
mod passwd;
mod person;
mod picture;
mod programs;
mod proof;
mod residents;
mod screen;
mod setup;
mod sheet;
mod signals;
mod simulation;
mod sshd;
mod summary;
mod terminal;
#[cfg(test)]
mod testing;
mod validity;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::signals::Interrupted;

fn main() -> ExitCode {
    // Secrets are in memory: no core dump, and nobody attaches. If it cannot be had, that is no reason to stop.
    let _ = nix::sys::prctl::set_dumpable(false);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(misuse) => return explain(&misuse),
    };
    match commands::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => end(&error),
    }
}

/// Tells what was typed wrongly, or was asked for: help, the version.
fn explain(misuse: &clap::Error) -> ExitCode {
    let text = misuse.render().to_string();
    let shown = screen::shown_lines(&text);
    // It repeats what was typed, in colours of its own.
    if !misuse.use_stderr() || shown == text {
        misuse.exit();
    }
    let _ = write!(io::stderr(), "{shown}");
    ExitCode::from(2)
}

/// Tells an error and turns it into an exit status.
fn end(error: &anyhow::Error) -> ExitCode {
    let tell = |text: &dyn std::fmt::Display| {
        // One line, whatever names and paths are in it. There is nowhere else to tell it.
        let text = screen::shown(&text.to_string());
        let _ = writeln!(io::stderr(), "nightlatch: {text}");
    };
    if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
        // The question's line is not ended.
        let _ = writeln!(io::stderr());
        tell(interrupted);
        interrupted.die();
        return ExitCode::FAILURE;
    }
    match error.downcast_ref::<Failure>() {
        Some(Failure::Usage(text)) => {
            tell(text);
            ExitCode::from(2)
        }
        Some(Failure::Told) => ExitCode::FAILURE,
        None => {
            tell(&failure::in_words(error));
            ExitCode::FAILURE
        }
    }
}
