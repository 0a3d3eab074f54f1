//! `remove`: takes a token away, or the whole enrollment.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use nightlatch_core::audit::{Audit as _, Event};
use nightlatch_core::config::Mode;
use nightlatch_core::login::Echo;
use nightlatch_core::transaction::{self, NothingThere, Remove, Removed};

use crate::app::App;
use crate::ask::Asker;
use crate::cli;
use crate::commands::nothing_there;
use crate::failure::Failure;
use crate::person::Person;
use crate::screen::{Screen, shown};
use crate::signals::Signals;

/// Takes a token or an enrollment away.
pub fn run(app: &App, arguments: &cli::Remove) -> anyhow::Result<()> {
    let person = Person::named_or_behind_sudo(arguments.user.as_deref())?;
    let user = person.name.as_str();
    if app.record_of(&person)?.is_empty() {
        return Err(nothing_there(&NothingThere::NotEnrolled, user));
    }
    let screen = Screen::output()?;
    let signals = Signals::hold()?;
    if !arguments.yes && !is_confirmed(arguments, user, &screen, &signals)? {
        screen.say("Nothing was removed.")?;
        return Err(Failure::Told.into());
    }
    signals.obey()?;
    let rules = app.config.rules();
    let mut remove = Remove {
        label: arguments.label.clone(),
        rules: &rules,
    };
    let removed = transaction::run(&app.store, &app.clock, &person.name, &mut remove)
        .with_context(|| {
            format!("it is not certain what was removed; look with: nightlatch status {user}")
        })?
        .map_err(|nothing| nothing_there(&nothing, user))?;
    let by = app.by.as_str();
    match (removed, &arguments.label) {
        (Removed::Token, Some(label)) => {
            let label = label.as_str();
            app.journal.note(&Event::TokenRemoved { user, by, label });
            screen.say(&format!(
                "The token {} of {} was removed.",
                shown(label),
                shown(user)
            ))
        }
        (Removed::Everything | Removed::Token, _) => {
            app.journal.note(&Event::EnrollmentRemoved { user, by });
            screen.say(&format!("{} has no second factor any more.", shown(user)))?;
            match app.config.enrollment.mode {
                Mode::Required | Mode::AtLogin => screen.say(
                    "Where a code is asked for, they do not get in until they are enrolled again.",
                ),
                Mode::Optional => {
                    screen.say("They are not asked for a code until they are enrolled again.")
                }
            }
        }
    }
}

fn is_confirmed(
    arguments: &cli::Remove,
    user: &str,
    screen: &Screen,
    signals: &Signals,
) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "standard input is no terminal, so nobody can be asked; add --yes to remove without asking".to_owned(),
        )
        .into());
    }
    let what = match &arguments.label {
        Some(label) => format!("the token {} of {}", shown(label.as_str()), shown(user)),
        None => format!("the second factor of {}", shown(user)),
    };
    let answer = Asker::new(screen, signals).ask(&format!("Remove {what}? [y/N] "), Echo::On)?;
    Ok(answer.is_some_and(|answer| is_yes(&answer)))
}

/// Whether an answer to `[y/N]` is yes.
pub fn is_yes(answer: &[u8]) -> bool {
    matches!(
        answer.trim_ascii().to_ascii_lowercase().as_slice(),
        b"y" | b"yes"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for yes in ["y", "Y", " yes "] {
            assert!(is_yes(yes.as_bytes()), "{yes}");
        }
        for no in ["", "n", "no", "yeah", "yes please"] {
            assert!(!is_yes(no.as_bytes()), "{no}");
        }
    }
}
