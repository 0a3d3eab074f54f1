//! `unlock`: forgets wrong codes, or mends a record that keeps its person out, and says what still does.

use anyhow::Context as _;
use nightlatch_core::audit::{Audit as _, Event};
use nightlatch_core::store::Store as _;
use nightlatch_core::transaction::{self, Mend, Unlock, Unlocked};

use crate::app::App;
use crate::cli;
use crate::commands::nothing_there;
use crate::failure::Failure;
use crate::person::Person;
use crate::screen::{Screen, shown};
use crate::signals::Signals;
use crate::summary::Summary;

/// Unlocks somebody.
pub fn run(app: &App, arguments: &cli::Unlock) -> anyhow::Result<()> {
    let person = Person::named_or_behind_sudo(Some(&arguments.user))?;
    let user = person.name.as_str();
    app.record_of(&person)?;
    let screen = Screen::output()?;
    let rules = app.config.rules();
    let mend = mend(arguments);
    let signals = Signals::hold()?;
    signals.obey()?;
    let mut unlock = Unlock {
        mend,
        rules: &rules,
    };
    let unlocked = transaction::run(&app.store, &app.clock, &person.name, &mut unlock)
        .with_context(|| {
            format!("it is not certain what was mended; look with: nightlatch status {user}")
        })?
        .map_err(|nothing| nothing_there(&nothing, user))?;
    app.journal.note(&Event::Unlocked {
        user,
        by: &app.by,
        mended: word(mend, unlocked),
    });
    screen.say(&format!("{}: {}", shown(user), done(mend)))?;
    if unlocked == Unlocked::Released {
        screen.say(&format!(
            "What waited since the store was restored opens again, with what was used after the backup: backup codes, scratch codes, and \
             codes of tokens that count. New backup codes: nightlatch codes {}",
            shown(user)
        ))?;
    }
    if mend == Mend::FreshState {
        screen.say(&format!(
            "New backup codes: nightlatch codes {}",
            shown(user)
        ))?;
    }
    let record = app.store.look(&person.name)?;
    let summary = Summary::of(&person, &record, &rules, app.now()?);
    for problem in &summary.problems {
        screen.say(&format!("What stays: {problem}"))?;
    }
    if unlocked == Unlocked::StillDisabled || !summary.problems.is_empty() {
        return Err(Failure::Told.into());
    }
    Ok(())
}

fn mend(arguments: &cli::Unlock) -> Mend {
    if arguments.clock {
        Mend::Clock
    } else if arguments.fresh_state {
        Mend::FreshState
    } else {
        Mend::Locks
    }
}

/// The word for a mend in the log.
fn word(mend: Mend, unlocked: Unlocked) -> &'static str {
    match mend {
        Mend::Locks if unlocked == Unlocked::Released => "restored",
        Mend::Locks => "locks",
        Mend::Clock => "clock",
        Mend::FreshState => "fresh-state",
    }
}

fn done(mend: Mend) -> &'static str {
    match mend {
        Mend::Locks => {
            "wrong codes are forgotten, and what they or `nightlatch lock` closed is open."
        }
        Mend::Clock => {
            "what was noted while the clock ran ahead is taken back. Codes that could be used now count as used: wait for \
             the next one."
        }
        Mend::FreshState => {
            "the record of past logins begins anew. All backup codes, the codes that could be used now and every code of a token \
             that counts are used up: wait for the next one, and enroll tokens that count anew."
        }
    }
}
