//! `invite`: hands out a ticket with which somebody enrolls themselves at a login, or takes it back.

use anyhow::{Context as _, anyhow};
use nightlatch_core::account::Account;
use nightlatch_core::audit::{Audit as _, Event};
use nightlatch_core::backup_codes::BackupCode;
use nightlatch_core::config::Mode;
use nightlatch_core::state::Closed;
use nightlatch_core::store::{FileStore, Store as _};
use nightlatch_core::time::Time;
use nightlatch_core::transaction::{self, CancelInvite, Earlier, Invite, NotInvited, make_ticket};
use serde::Serialize;

use crate::app::App;
use crate::cli;
use crate::failure::in_words;
use crate::person::{self, Person};
use crate::screen::{Screen, shown};
use crate::signals::Signals;

/// Invites somebody, or takes an invitation back.
pub fn run(app: &App, arguments: &cli::Invite) -> anyhow::Result<()> {
    if arguments.cancel {
        return cancel(app, arguments);
    }
    let account = person::account(Some(&arguments.user))?;
    let user = account.name.as_str();
    if app
        .record_before_enrolling(&account.name)?
        .enrollment
        .is_some()
    {
        return Err(not_invited(NotInvited::Enrolled, user));
    }
    let result = Screen::output()?;
    let errors = Screen::error()?;
    let signals = Signals::hold()?;
    signals.obey()?;
    let expires = arguments.expires.end(app.now()?);
    let (ticket, code) = make_ticket(expires)?;
    let store = FileStore::create(&app.config.store.dir).context("nobody was invited")?;
    let rules = app.config.rules();
    let mut invite = Invite {
        ticket,
        rules: &rules,
    };
    let earlier = transaction::run(&store, &app.clock, &account.name, &mut invite)
        .with_context(|| {
            format!("it is not certain whether the invitation holds; when this is mended, run again: nightlatch invite {user}")
        })?
        .map_err(|not| not_invited(not, user))?;
    app.journal.note(&Event::Invited {
        user,
        by: &app.by,
        expires,
    });
    let closed = app.store.look(&account.name)?.state.closed;
    // With --json standard output belongs to a program.
    let screen = if arguments.json { &errors } else { &result };
    let shown = show(&result, arguments, &account, &code, expires, earlier)
        .and_then(|()| remind(app, screen, user, closed));
    shown.map_err(|error| {
        anyhow!(
            "{0} is invited, but the invitation could not be shown ({1}); make another one: nightlatch invite {0}",
            crate::screen::shown(user),
            in_words(&error)
        )
    })
}

fn cancel(app: &App, arguments: &cli::Invite) -> anyhow::Result<()> {
    let person = Person::named_or_behind_sudo(Some(&arguments.user))?;
    let user = person.name.as_str();
    app.record_of(&person)?;
    let screen = Screen::output()?;
    let signals = Signals::hold()?;
    signals.obey()?;
    let rules = app.config.rules();
    let mut cancel = CancelInvite { rules: &rules };
    transaction::run(&app.store, &app.clock, &person.name, &mut cancel)
        .with_context(|| {
            format!("it is not certain whether the invitation still holds; look with: nightlatch status {user}")
        })?
        .map_err(|none| anyhow!("{none} for {}", shown(user)))?;
    app.journal
        .note(&Event::InvitationCancelled { user, by: &app.by });
    if arguments.json {
        return screen.json(&Cancelled {
            user,
            cancelled: true,
        });
    }
    screen.say(&format!("The invitation of {} has ended.", shown(user)))
}

fn show(
    screen: &Screen,
    arguments: &cli::Invite,
    account: &Account,
    code: &BackupCode,
    expires: Time,
    earlier: Earlier,
) -> anyhow::Result<()> {
    let user = account.name.as_str();
    let grouped = code.grouped();
    let expires = expires.to_rfc3339();
    if arguments.json {
        return screen.json(&Invited {
            user,
            ticket: &grouped,
            expires: &expires,
        });
    }
    screen.say(&format!(
        "Invitation for {}, until {expires}:\n",
        shown(user)
    ))?;
    screen.write("    ")?;
    screen.write(&grouped)?;
    screen.say(
        "\n\nAt their next login they type it where the code is asked for, in capitals or not, with dashes or without; then\n\
         they are shown the QR code for their authenticator app. It works once, and is shown this once. Give it to nobody\n\
         else: whoever has it and the password enrolls their own phone.",
    )?;
    match earlier {
        Earlier::None => Ok(()),
        Earlier::Ended => screen.say("The invitation from before has ended."),
    }
}

/// What makes the invitation worthless as things are.
fn remind(app: &App, screen: &Screen, user: &str, closed: Closed) -> anyhow::Result<()> {
    if app.config.enrollment.mode != Mode::AtLogin {
        screen.say(
            "As it is configured nobody is enrolled at a login: set mode = \"at-login\" in [enrollment] before they try.",
        )?;
    }
    if closed == Closed::Yes {
        screen.say(&format!(
            "They are locked, and cannot use it before: nightlatch unlock {}",
            shown(user)
        ))?;
    }
    Ok(())
}

/// Why somebody was not invited, and what to do instead.
fn not_invited(not: NotInvited, user: &str) -> anyhow::Error {
    let user = shown(user);
    match not {
        NotInvited::Enrolled => anyhow!(
            "{user} is enrolled, and an invitation would be a way around that. If the phone is lost: nightlatch remove {user}, \
             then invite them; or enroll them anew here: nightlatch enroll {user} --replace"
        ),
        NotInvited::EnrollmentLost => anyhow!("{}", not.to_string().replace("USER", &user)),
    }
}

/// The object for programs. The fields are documented in docs/command.md and stay stable.
#[derive(Serialize)]
struct Invited<'a> {
    user: &'a str,
    ticket: &'a str,
    expires: &'a str,
}

/// The object of `--cancel`.
#[derive(Serialize)]
struct Cancelled<'a> {
    user: &'a str,
    cancelled: bool,
}
