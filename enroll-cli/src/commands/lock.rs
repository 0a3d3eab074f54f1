//! `lock`: closes somebody until they are unlocked.

use anyhow::{Context as _, anyhow};
use nightlatch_core::audit::{Audit as _, Event};
use nightlatch_core::store::FileStore;
use nightlatch_core::transaction::{self, Close, Closing};

use crate::app::App;
use crate::cli;
use crate::person::Person;
use crate::screen::{Screen, shown};
use crate::signals::Signals;

/// Locks somebody.
pub fn run(app: &App, arguments: &cli::Lock) -> anyhow::Result<()> {
    let person = Person::named_or_behind_sudo(Some(&arguments.user))?;
    let user = person.name.as_str();
    let record = app.record_before_enrolling(&person.name)?;
    if person.uid.is_none() && record.is_empty() {
        return Err(person.unknown());
    }
    let screen = Screen::output()?;
    let rules = app.config.rules();
    let signals = Signals::hold()?;
    signals.obey()?;
    let store = FileStore::create(&app.config.store.dir).context("nobody was locked")?;
    let closing = transaction::run(
        &store,
        &app.clock,
        &person.name,
        &mut Close { rules: &rules },
    )
    .with_context(|| {
        format!("it is not certain whether they are locked; look with: nightlatch status {user}")
    })?
    .map_err(|not| anyhow!("{}", not.to_string().replace("USER", &shown(user))))?;
    let user_shown = shown(user);
    match closing {
        Closing::WasClosed => screen.say(&format!("{user_shown} was locked already.")),
        Closing::Done => {
            app.journal.note(&Event::Locked {
                user,
                by: &app.by,
                reason: arguments.reason.as_deref(),
            });
            screen.say(&format!(
                "{user_shown} is locked: where a code is asked for, nothing of theirs opens, and they cannot enroll. Sessions \
                 that are open stay open.\nTo open it again: nightlatch unlock {user_shown}"
            ))
        }
    }
}
