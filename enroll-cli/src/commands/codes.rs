//! `codes`: new backup codes, shown once. The old ones end. With `--temporary` it is about one code for a few hours.

use anyhow::{Context as _, anyhow};
use nightlatch_core::audit::{Audit as _, Event};
use nightlatch_core::backup_codes::{BackupCode, BackupCodes, Cost};
use nightlatch_core::transaction::{self, NothingThere, RenewCodes};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::app::App;
use crate::cli;
use crate::commands::{nothing_there, temporary};
use crate::failure::in_words;
use crate::person::Person;
use crate::screen::{Screen, shown};
use crate::sheet;
use crate::signals::Signals;

/// Makes new backup codes, or a temporary one.
pub fn run(app: &App, arguments: &cli::Codes) -> anyhow::Result<()> {
    if arguments.temporary {
        return temporary::run(app, arguments);
    }
    let person = Person::named_or_behind_sudo(arguments.user.as_deref())?;
    let user = person.name.as_str();
    if app.record_of(&person)?.enrollment.is_none() {
        return Err(nothing_there(&NothingThere::NotEnrolled, user));
    }
    let screen = Screen::output()?;
    let (set, codes) = BackupCodes::make(app.config.backup_codes.count, Cost::DEFAULT)?;
    let signals = Signals::hold()?;
    signals.obey()?;
    let rules = app.config.rules();
    let mut renew = RenewCodes {
        codes: set,
        rules: &rules,
    };
    transaction::run(&app.store, &app.clock, &person.name, &mut renew)
        .with_context(|| {
            format!("it is not certain which backup codes hold now; when this is mended, run again: nightlatch codes {user}")
        })?
        .map_err(|nothing| nothing_there(&nothing, user))?;
    app.journal.note(&Event::CodesRenewed {
        user,
        by: &app.by,
        count: codes.len(),
    });
    show(&screen, arguments, user, &codes).map_err(|error| {
        anyhow!(
            "the old backup codes of {0} ended, but the new ones could not be shown ({1}); make others: \
             nightlatch codes {0}",
            shown(user),
            in_words(&error)
        )
    })
}

fn show(
    screen: &Screen,
    arguments: &cli::Codes,
    user: &str,
    codes: &[BackupCode],
) -> anyhow::Result<()> {
    if arguments.json {
        let grouped: Vec<Zeroizing<String>> = codes.iter().map(BackupCode::grouped).collect();
        return screen.json(&Renewed {
            user,
            backup_codes: grouped.iter().map(|code| code.as_str()).collect(),
        });
    }
    screen.write(&sheet::of(codes, user))?;
    screen.say("All backup codes from before have ended.")
}

/// The object for programs.
#[derive(Serialize)]
struct Renewed<'a> {
    user: &'a str,
    backup_codes: Vec<&'a str>,
}
