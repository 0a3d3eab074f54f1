//! `trust`: shows the places from which somebody is not asked, and forgets them.

use anyhow::Context as _;
use nightlatch_core::audit::{Audit as _, Event};
use nightlatch_core::transaction::{self, ForgetTrust, NothingThere};
use serde::Serialize;

use crate::app::App;
use crate::cli;
use crate::commands::nothing_there;
use crate::person::Person;
use crate::screen::{Screen, shown};
use crate::signals::Signals;
use crate::summary::{Summary, TrustedSummary};

/// Shows trusted places or forgets them.
pub fn run(app: &App, arguments: &cli::Trust) -> anyhow::Result<()> {
    match arguments {
        cli::Trust::List(list) => self::list(app, list),
        cli::Trust::Forget(forget) => self::forget(app, forget),
    }
}

fn list(app: &App, arguments: &cli::TrustList) -> anyhow::Result<()> {
    let person = Person::named_or_behind_sudo(arguments.user.as_deref())?;
    let user = person.name.as_str();
    let record = app.record_of(&person)?;
    let summary = Summary::of(&person, &record, &app.config.rules(), app.now()?);
    let screen = Screen::output()?;
    if arguments.json {
        return screen.json(&Trusted {
            user,
            trusted: &summary.trusted,
        });
    }
    if summary.trusted.is_empty() {
        return screen.say(&format!("{} is trusted nowhere.", shown(user)));
    }
    for trusted in &summary.trusted {
        screen.say(&trusted.describe())?;
    }
    Ok(())
}

fn forget(app: &App, arguments: &cli::TrustForget) -> anyhow::Result<()> {
    let person = Person::named_or_behind_sudo(arguments.user.as_deref())?;
    let user = person.name.as_str();
    if app.record_of(&person)?.enrollment.is_none() {
        return Err(nothing_there(&NothingThere::NotEnrolled, user));
    }
    let screen = Screen::output()?;
    let rules = app.config.rules();
    let signals = Signals::hold()?;
    signals.obey()?;
    let mut forget = ForgetTrust {
        service: arguments.service.clone(),
        place: arguments.place,
        rules: &rules,
    };
    let count = transaction::run(&app.store, &app.clock, &person.name, &mut forget)
        .with_context(|| {
            format!("it is not certain what was forgotten; look with: nightlatch trust list {user}")
        })?
        .map_err(|nothing| nothing_there(&nothing, user))?;
    if count > 0 {
        app.journal.note(&Event::TrustForgotten {
            user,
            by: &app.by,
            count,
        });
    }
    if arguments.json {
        return screen.json(&Forgotten {
            user,
            forgotten: count,
        });
    }
    screen.say(&match count {
        0 => format!("{} is trusted at no such place.", shown(user)),
        1 => format!("One trusted place of {} is forgotten.", shown(user)),
        _ => format!("{count} trusted places of {} are forgotten.", shown(user)),
    })
}

/// The object of `trust list`. The fields are documented in docs/command.md and stay stable.
#[derive(Serialize)]
struct Trusted<'a> {
    user: &'a str,
    trusted: &'a [TrustedSummary],
}

/// The object of `trust forget`.
#[derive(Serialize)]
struct Forgotten<'a> {
    user: &'a str,
    forgotten: usize,
}
