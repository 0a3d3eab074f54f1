//! `codes --temporary`: makes a code to be read out to somebody who proved who they are, or takes it back.

use anyhow::{Context as _, anyhow};
use nightlatch_core::audit::{Audit as _, Event};
use nightlatch_core::backup_codes::BackupCode;
use nightlatch_core::store::Store as _;
use nightlatch_core::time::Time;
use nightlatch_core::transaction::{
    self, CancelTemporaryCode, EarlierCode, MakeTemporaryCode, NoTemporaryCode, NothingThere,
};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::app::App;
use crate::cli;
use crate::commands::nothing_there;
use crate::failure::in_words;
use crate::person::{self, Person};
use crate::screen::{Screen, shown};
use crate::signals::Signals;
use crate::summary::{Summary, place_in_words};

/// Makes a temporary code, or takes it back.
pub fn run(app: &App, arguments: &cli::Codes) -> anyhow::Result<()> {
    if arguments.cancel {
        cancel(app, arguments)
    } else {
        make(app, arguments)
    }
}

fn make(app: &App, arguments: &cli::Codes) -> anyhow::Result<()> {
    let account = person::account(arguments.user.as_deref())?;
    let user = account.name.as_str();
    let record = app.store.look(&account.name)?;
    let result = Screen::output()?;
    let errors = Screen::error()?;
    let expires = arguments.expires.end(app.now()?);
    let code = BackupCode::generate()?;
    let rules = app.config.rules();
    let mut make = MakeTemporaryCode::new(account.uid, &code, expires, &rules)?;
    make.prepare(&record)?;
    let signals = Signals::hold()?;
    signals.obey()?;
    let earlier = transaction::run(&app.store, &app.clock, &account.name, &mut make)
        .with_context(|| {
            format!("it is not certain whether a temporary code holds; look with: nightlatch status {user}")
        })?
        .map_err(|not| not_made(&not, user))?;
    app.journal.note(&Event::TemporaryCodeMade {
        user,
        by: &app.by,
        expires,
    });
    // With --json standard output belongs to a program.
    let screen = if arguments.json { &errors } else { &result };
    let person = Person::from(account.clone());
    show(&result, arguments, user, &code, expires)
        .and_then(|()| say_earlier(screen, earlier))
        .and_then(|()| remind(app, screen, &person))
        .map_err(|error| {
            anyhow!(
                "a temporary code of {0} holds, but it could not be shown ({1}); make another one: \
                 nightlatch codes {0} --temporary",
                shown(user),
                in_words(&error)
            )
        })
}

fn cancel(app: &App, arguments: &cli::Codes) -> anyhow::Result<()> {
    let person = Person::named_or_behind_sudo(arguments.user.as_deref())?;
    let user = person.name.as_str();
    if app.record_of(&person)?.enrollment.is_none() {
        return Err(nothing_there(&NothingThere::NotEnrolled, user));
    }
    let screen = Screen::output()?;
    let signals = Signals::hold()?;
    signals.obey()?;
    let rules = app.config.rules();
    let mut cancel = CancelTemporaryCode { rules: &rules };
    transaction::run(&app.store, &app.clock, &person.name, &mut cancel)
        .with_context(|| {
            format!("it is not certain whether the temporary code still holds; look with: nightlatch status {user}")
        })?
        .map_err(|not| anyhow!("{not} of {}", shown(user)))?;
    app.journal
        .note(&Event::TemporaryCodeCancelled { user, by: &app.by });
    if arguments.json {
        return screen.json(&Cancelled {
            user,
            cancelled: true,
        });
    }
    screen.say(&format!("The temporary code of {} has ended.", shown(user)))
}

fn show(
    screen: &Screen,
    arguments: &cli::Codes,
    user: &str,
    code: &BackupCode,
    expires: Time,
) -> anyhow::Result<()> {
    let grouped = code.grouped();
    let expires = expires.to_rfc3339();
    if arguments.json {
        return screen.json(&Made {
            user,
            temporary_code: &grouped,
            expires: &expires,
        });
    }
    screen.say(&format!(
        "Temporary code for {}, until {expires}:\n",
        shown(user)
    ))?;
    screen.write("    ")?;
    screen.write(&grouped)?;
    screen.write("\n\n    ")?;
    screen.write(&spelled(code))?;
    screen.say(
        "\n\nIt opens one door once (sudo after a login is a second one). They type it where the code is asked for, in capitals or\n\
         not, with dashes or without. It is shown this once. Read it to nobody of whom you do not know who they are: whoever\n\
         calls may be somebody else, so call them back at a number that you had before.",
    )
}

/// A code as it is read aloud, by the alphabet of radio and telephone (ITU).
fn spelled(code: &BackupCode) -> Zeroizing<String> {
    // Room for all of it at once: a buffer that grows leaves copies of secrets behind.
    let mut text = Zeroizing::new(String::with_capacity(BackupCode::SYMBOLS * LONGEST_WORD));
    for (index, symbol) in code.symbols().chars().enumerate() {
        if index > 0 {
            text.push_str(if index % 4 == 0 { ", " } else { " " });
        }
        match WORDS.iter().find(|word| word.starts_with(symbol)) {
            Some(word) => text.push_str(word),
            None => text.push(symbol),
        }
    }
    text
}

fn say_earlier(screen: &Screen, earlier: EarlierCode) -> anyhow::Result<()> {
    match earlier {
        EarlierCode::None => Ok(()),
        EarlierCode::Ended => screen.say("The temporary code from before has ended."),
        EarlierCode::Used { at, from } => screen.say(&format!(
            "The temporary code from before was used at {} from {}, and they have not been told of it. Ask whether that was they.",
            at.to_rfc3339(),
            place_in_words(from)
        )),
    }
}

/// What keeps the code from opening as things are.
fn remind(app: &App, screen: &Screen, person: &Person) -> anyhow::Result<()> {
    let record = app.store.look(&person.name)?;
    let summary = Summary::of(person, &record, &app.config.rules(), app.now()?);
    let user = shown(person.name.as_str());
    for problem in &summary.problems {
        screen.say(&format!("But mind: {problem}"))?;
    }
    for shut in summary.shut_places() {
        screen.say(&format!(
            "But wrong codes came {shut}. To open that: nightlatch unlock {user}"
        ))?;
    }
    Ok(())
}

/// Why there is none, and what to do instead.
fn not_made(not: &NoTemporaryCode, user: &str) -> anyhow::Error {
    let user = shown(user);
    match not {
        NoTemporaryCode::NotEnrolled => anyhow!(
            "{user} is not enrolled, so there is nothing that a temporary code could stand in for; to let them enroll: \
             nightlatch invite {user}"
        ),
        NoTemporaryCode::OtherUid | NoTemporaryCode::Disabled => anyhow!(
            "no temporary code of {user} would open anything: {not}; run: nightlatch enroll {user} --replace"
        ),
        NoTemporaryCode::Closed => anyhow!(
            "no temporary code of {user} would open anything: {not}; first: nightlatch unlock {user}"
        ),
        NoTemporaryCode::StateLost => anyhow!("{}", not.to_string().replace("USER", &user)),
        NoTemporaryCode::Unhashed(_) => anyhow!("{not}"),
    }
}

/// The object for programs. The fields are documented in docs/command.md and stay stable.
#[derive(Serialize)]
struct Made<'a> {
    user: &'a str,
    temporary_code: &'a str,
    expires: &'a str,
}

/// The object of `--cancel`.
#[derive(Serialize)]
struct Cancelled<'a> {
    user: &'a str,
    cancelled: bool,
}

/// For the letters that codes have.
const WORDS: [&str; 11] = [
    "Charlie", "Foxtrot", "Hotel", "Juliett", "Kilo", "Mike", "Romeo", "Tango", "Whiskey", "X-ray",
    "Yankee",
];

/// With what stands after it.
const LONGEST_WORD: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_spelled_as_it_is_read_aloud_and_fits_its_room() {
        let code = BackupCode::parse("34679CFHJKMRTWXY3467").unwrap();
        let spelled = spelled(&code);
        assert_eq!(
            *spelled,
            "3 4 6 7, 9 Charlie Foxtrot Hotel, Juliett Kilo Mike Romeo, Tango Whiskey X-ray Yankee, 3 4 6 7"
        );
        let longest = super::spelled(&BackupCode::parse(&"F".repeat(20)).unwrap());
        assert!(longest.len() <= BackupCode::SYMBOLS * LONGEST_WORD);
        assert_eq!(longest.capacity(), spelled.capacity());
    }
}
