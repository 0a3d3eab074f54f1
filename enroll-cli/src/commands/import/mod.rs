//! `import`: enrolls people with what they have in another system, so that phones, tokens and scratch codes go on working.
//!
//! What is in the files is found and shown first, and kept only when the administrator says so: a person could have planted what is in a file of
//! their own. One person's trouble is that person's alone, and makes the status 1.

mod person;
mod report;
mod sources;

use std::io::{self, IsTerminal as _};

use nightlatch_core::login::Echo;
use nightlatch_core::store::FileStore;
use nightlatch_core::transaction::Existing;

use self::person::Candidate;
use self::report::Report;
use crate::app::App;
use crate::ask::Asker;
use crate::cli;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::signals::Signals;

/// Imports people.
pub fn run(app: &App, import: &cli::Import) -> anyhow::Result<()> {
    let (options, from) = match import {
        cli::Import::GoogleAuthenticator(arguments) => {
            check_usage(arguments)?;
            (&arguments.options, "google-authenticator")
        }
        cli::Import::Oath(arguments) => (&arguments.options, "oath"),
    };
    let asks = !options.yes && !options.dry_run;
    if asks && options.json {
        let text =
            "with --json nobody is asked: add --dry-run to see the list, and --yes to accept it";
        return Err(Failure::Usage(text.to_owned()).into());
    }
    let screen = Screen::output()?;
    let (now, rules) = (app.now()?, app.config.rules());
    let found = match import {
        cli::Import::GoogleAuthenticator(arguments) => {
            sources::google_authenticator(arguments, &rules, now)?
        }
        cli::Import::Oath(arguments) => sources::oath(arguments, &rules, now)?,
    };
    let existing = if options.replace {
        Existing::Replace
    } else {
        Existing::Keep
    };
    let expires = options.scratch_codes_expire.end(now);
    let mut people: Vec<Candidate> = found
        .found
        .into_iter()
        .map(|found| Candidate::look(app, found, (expires, existing), (&rules, now)))
        .collect();
    person::note_shared_secrets(&mut people);
    let mut report = Report::of(options, expires, found.remarks);
    if !options.json && (asks || options.dry_run) {
        screen.page(&report.list(&people))?;
    }
    let changes = people.iter().any(Candidate::has_something_to_keep);
    if asks && changes && !is_confirmed(&screen)? {
        screen.say("Nothing was imported.")?;
        return Err(Failure::Told.into());
    }
    if !options.dry_run && changes {
        // The first import on a host makes the store.
        let store = FileStore::create(&app.config.store.dir)?;
        let signals = Signals::hold()?;
        for candidate in &mut people {
            // Between two people there is nothing half done, and what was done is in the log.
            signals.obey()?;
            candidate.keep(app, &store, from);
        }
    }
    report.is_done = !options.dry_run;
    if options.json {
        screen.json(&report.object(&people))?;
    } else {
        screen.page(&report.summary(&people))?;
    }
    if people.iter().any(Candidate::is_left_out) {
        return Err(Failure::Told.into());
    }
    Ok(())
}

fn check_usage(arguments: &cli::ImportGoogleAuthenticator) -> anyhow::Result<()> {
    let text = match (&arguments.files[..], arguments.all_homes, &arguments.user) {
        ([], false, _) => "name the files, or add --all-homes for every account's own",
        ([_, _, ..], _, Some(_)) => "--user says whose one file is: name one file with it",
        _ => return Ok(()),
    };
    Err(Failure::Usage(text.to_owned()).into())
}

fn is_confirmed(screen: &Screen) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "standard input is no terminal, so nobody can be asked; add --yes to accept the list, or --dry-run to see it"
                .to_owned(),
        )
        .into());
    }
    let signals = Signals::hold()?;
    let mut asker = Asker::new(screen, &signals);
    let answer = asker.ask(QUESTION, Echo::On)?;
    Ok(answer.is_some_and(|answer| answer.trim_ascii().eq_ignore_ascii_case(b"yes")))
}

/// A person could have planted what is in a file of their own: whoever types the word has read the list.
const QUESTION: &str = "Is this what these people have? Type yes to import it: ";
