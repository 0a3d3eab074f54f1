//! `enroll`: makes a secret, shows it, has it proved, and only then keeps it.
//!
//! Until the transaction everything is in memory (and in the file of `--output`, which goes away again), so that stopping
//! anywhere leaves nothing behind.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use nightlatch_core::account::Account;
use nightlatch_core::audit::{Audit as _, Event};
use nightlatch_core::backup_codes::{BackupCode, BackupCodes, Cost};
use nightlatch_core::config::Issuer;
use nightlatch_core::enrollment::Enrollment;
use nightlatch_core::id::Id;
use nightlatch_core::login::Echo;
use nightlatch_core::qr::{Charset, Qr};
use nightlatch_core::state::TokenState;
use nightlatch_core::store::{FileStore, Store as _, StoreError};
use nightlatch_core::token::{Kind, Secret, Token, otpauth_uri};
use nightlatch_core::transaction::{self, Enroll, Enrolled, Existing};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::app::App;
use crate::ask::Asker;
use crate::cli::{self, QrForm, TokenKind};
use crate::failure::{Failure, in_words};
use crate::offer;
use crate::output_file::OutputFile;
use crate::person;
use crate::picture;
use crate::proof::{self, Finding};
use crate::screen::{Screen, shown};
use crate::sheet;
use crate::signals::Signals;

/// Enrolls somebody.
pub fn run(app: &App, arguments: &cli::Enroll) -> anyhow::Result<()> {
    if arguments.qr == Some(QrForm::Svg) && arguments.output.is_none() {
        let text = "--qr svg needs a file to write to: add --output FILE";
        return Err(Failure::Usage(text.to_owned()).into());
    }
    let account = person::account(arguments.user.as_deref())?;
    let user = account.name.as_str();
    let existing = app.record_before_enrolling(&account.name)?.enrollment;
    if existing.is_some() && !arguments.replace {
        return Err(already_enrolled(user));
    }

    let new = New::make(app, arguments, &account)?;
    let result = Screen::output()?;
    let errors = Screen::error()?;
    // With --json standard output belongs to a program.
    let screen = if arguments.json { &errors } else { &result };
    let signals = Signals::hold()?;
    let file = write_file(&new, arguments.output.as_deref())?;
    let silent = arguments.json && arguments.yes;
    if !silent {
        let form = form(arguments, screen);
        offer::show(screen, new.token(), user, &Qr::new(&new.uri)?, form)?;
    }
    let proved = if arguments.yes {
        None
    } else {
        Some(ask_for_proof(app, new.token(), screen, &signals)?)
    };
    signals.obey()?;
    let enrolled = keep(app, arguments, &account, &new, proved)?;
    if let Some(file) = file {
        file.keep();
    }
    app.journal.note(&Event::Enrolled {
        user,
        by: &app.by,
        label: arguments.label.as_str(),
        kind: new.token().kind.as_str(),
        replaced: enrolled == Enrolled::Replaced,
        proved: proved.is_some(),
    });
    tell(&result, arguments, user, &new, proved).map_err(|error| {
        anyhow!(
            "{0} is enrolled, but not all could be shown ({1}). For other backup codes run: nightlatch codes {0}. \
             To begin anew run: nightlatch enroll {0} --replace",
            shown(user),
            in_words(&error)
        )
    })
}

/// An enrollment that is nowhere but in memory.
struct New {
    enrollment: Enrollment,
    codes: Vec<BackupCode>,
    uri: Zeroizing<String>,
}

impl New {
    fn make(app: &App, arguments: &cli::Enroll, account: &Account) -> anyhow::Result<Self> {
        let defaults = &app.config.token;
        let algorithm = arguments.algorithm.map_or(defaults.algorithm, Into::into);
        let token = Token {
            id: Id::new()?,
            label: arguments.label.clone(),
            kind: match arguments.token {
                TokenKind::Totp => Kind::Totp {
                    period: arguments.period.unwrap_or(defaults.period),
                },
            },
            secret: Secret::generate(algorithm)?,
            algorithm,
            digits: arguments.digits.unwrap_or(defaults.digits),
        };
        let issuer = defaults.issuer.clone().map_or_else(this_host, Into::into);
        let uri = otpauth_uri(&token, &issuer, account.name.as_str());
        let (set, codes) = BackupCodes::make(app.config.backup_codes.count, Cost::DEFAULT)?;
        Ok(Self {
            enrollment: Enrollment {
                user: account.name.clone(),
                uid: account.uid,
                created: app.now()?,
                tokens: vec![token],
                backup_codes: Some(set),
            },
            codes,
            uri,
        })
    }

    fn token(&self) -> &Token {
        // It was made with one.
        &self.enrollment.tokens[0]
    }
}

/// The name of this host up to its first dot, which keeps the QR code small.
fn this_host() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    let name = name.to_string_lossy();
    let short = name.split('.').next().unwrap_or_default();
    Issuer::parse(short).map_or_else(|_| "Nightlatch".to_owned(), Into::into)
}

fn write_file(new: &New, output: Option<&Path>) -> anyhow::Result<Option<OutputFile>> {
    output
        .map(|path| OutputFile::write(path, picture::svg(&Qr::new(&new.uri)?).as_bytes()))
        .transpose()
}

/// How the QR code is shown on the screen.
fn form(arguments: &cli::Enroll, screen: &Screen) -> QrForm {
    match (arguments.qr, screen.look().charset) {
        (Some(form), _) => form,
        (None, _) if arguments.output.is_some() => QrForm::Svg,
        (None, Charset::Utf8) => QrForm::Utf8,
        (None, Charset::Ascii) => QrForm::Ascii,
    }
}

fn ask_for_proof(
    app: &App,
    token: &Token,
    screen: &Screen,
    signals: &Signals,
) -> anyhow::Result<TokenState> {
    let mut asker = Asker::new(screen, signals);
    let mut tries = TRIES;
    // A slip of the finger is no try, but a program that writes nonsense must come to an end.
    for _ in 0..MOST_LINES {
        let Some(line) = asker.ask(QUESTION, Echo::On)? else {
            bail!("no code was given; nothing was written");
        };
        match proof::examine(&line, token, &app.config.rules(), app.now()?) {
            Finding::Proved(state) => return Ok(state),
            Finding::NoCode(text) => screen.say(&text)?,
            Finding::Wrong(text) => {
                tries -= 1;
                if tries == 0 {
                    screen.say(&text)?;
                    bail!(
                        "{TRIES} wrong codes; nothing was written. Run the command again for a new key"
                    );
                }
                screen.say(&text)?;
            }
        }
    }
    bail!("none of {MOST_LINES} lines was a code; nothing was written")
}

/// Makes it durable.
fn keep(
    app: &App,
    arguments: &cli::Enroll,
    account: &Account,
    new: &New,
    proved: Option<TokenState>,
) -> anyhow::Result<Enrolled> {
    let user = account.name.as_str();
    let store = FileStore::create(&app.config.store.dir).context("nothing was written")?;
    let rules = app.config.rules();
    let mut enroll = Enroll {
        rules: &rules,
        enrollment: new.enrollment.clone(),
        existing: if arguments.replace {
            Existing::Replace
        } else {
            Existing::Keep
        },
        proved: proved.into_iter().collect(),
    };
    match transaction::run(&store, &app.clock, &account.name, &mut enroll) {
        Ok(Enrolled::Exists) => Err(already_enrolled(user)),
        Ok(enrolled) => Ok(enrolled),
        Err(error) => Err(not_kept(&store, new, account, error)),
    }
}

/// What holds after a write that failed.
fn not_kept(store: &FileStore, new: &New, account: &Account, error: StoreError) -> anyhow::Error {
    let user = shown(account.name.as_str());
    let holds = match store.look(&account.name).map(|record| record.enrollment) {
        Ok(None) => format!("{user} was not enrolled"),
        Ok(Some(found)) if found.tokens.iter().any(|token| token.id == new.token().id) => format!(
            "the new enrollment of {user} is there, but may not outlive a power cut; mend this and run again with --replace"
        ),
        Ok(Some(_)) => {
            format!("{user} was not enrolled anew; the enrollment from before still holds")
        }
        Err(_) => format!(
            "it is not certain what holds now; mend this and look with: nightlatch status {user}"
        ),
    };
    anyhow::Error::new(error).context(holds)
}

fn already_enrolled(user: &str) -> anyhow::Error {
    anyhow!(
        "{0} is enrolled already, and stays so. See: nightlatch status {0}. To replace the enrollment add --replace",
        shown(user)
    )
}

/// The end: backup codes, or the object for programs.
fn tell(
    screen: &Screen,
    arguments: &cli::Enroll,
    user: &str,
    new: &New,
    proved: Option<TokenState>,
) -> anyhow::Result<()> {
    let token = new.token();
    if arguments.json {
        let secret = token.secret.to_base32();
        let grouped: Vec<Zeroizing<String>> = new.codes.iter().map(BackupCode::grouped).collect();
        return screen.json(&Kept {
            user,
            label: token.label.as_str(),
            kind: token.kind.as_str(),
            secret: &secret,
            uri: &new.uri,
            backup_codes: grouped.iter().map(|code| code.as_str()).collect(),
        });
    }
    screen.say(&format!("\n{} is enrolled.", shown(user)))?;
    if proved.is_some() {
        screen.say(
            "The code that was just typed is used up: for the first login wait for the next one.",
        )?;
    }
    screen.write(&sheet::of(&new.codes, user))
}

/// The object for programs: these fields, and no others.
#[derive(Serialize)]
struct Kept<'a> {
    user: &'a str,
    label: &'a str,
    kind: &'a str,
    secret: &'a str,
    uri: &'a str,
    backup_codes: Vec<&'a str>,
}

/// The answer may be seen: it is used up by being typed here.
const QUESTION: &str = "Code that the app shows now: ";
/// How many wrong codes end it.
const TRIES: u32 = 3;
/// How many lines are read in all.
const MOST_LINES: u32 = 10;
