//! `enroll`: makes a secret or takes one that was given, has it proved, and only then keeps it.
//!
//! Until the transaction everything is in memory (and in the file of `--output`, which goes away again), so that stopping
//! anywhere leaves nothing behind.

mod keeping;
mod making;

use std::path::Path;

use anyhow::{anyhow, bail};
use nightlatch_core::audit::{Audit as _, Event};
use nightlatch_core::backup_codes::BackupCode;
use nightlatch_core::login::Echo;
use nightlatch_core::qr::{Charset, Qr};
use nightlatch_core::state::{Closed, TokenState};
use nightlatch_core::store::Store as _;
use nightlatch_core::token::{Kind, Token};
use serde::Serialize;
use zeroize::Zeroizing;

use self::keeping::{Keeping, Kept, Plan};
use self::making::{New, Origin};
use crate::app::App;
use crate::ask::Asker;
use crate::cli::{self, QrForm, TokenKind};
use crate::failure::{Failure, in_words};
use crate::given_secret;
use crate::offer;
use crate::output_file::OutputFile;
use crate::person;
use crate::picture;
use crate::proof::{self, Finding};
use crate::screen::{Screen, shown};
use crate::sheet;
use crate::signals::Signals;

/// Enrolls somebody, or gives somebody who is enrolled one more token.
pub fn run(app: &App, arguments: &cli::Enroll) -> anyhow::Result<()> {
    check_usage(arguments)?;
    let account = person::account(arguments.user.as_deref())?;
    let user = account.name.as_str();
    let existing = app.record_before_enrolling(&account.name)?.enrollment;
    let plan = Plan::beside(existing.as_ref(), arguments, &account)?;
    let from_file = arguments
        .secret_path()
        .map(given_secret::from_file)
        .transpose()?;

    let result = Screen::output()?;
    let errors = Screen::error()?;
    // With --json standard output belongs to a program.
    let screen = if arguments.json { &errors } else { &result };
    let signals = Signals::hold()?;
    let mut asker = Asker::new(screen, &signals);
    let given = making::given_secret(arguments, from_file, &errors, &mut asker)?;
    let new = New::make(app, arguments, &account, given)?;
    let (set, codes) = match plan {
        Plan::Enroll(_) => {
            let (set, codes) = making::backup_codes(app)?;
            (Some(set), codes)
        }
        Plan::Add => (None, Vec::new()),
    };
    let file = write_file(&new, arguments.output.as_deref())?;
    let silent = arguments.json && arguments.yes;
    let form = form(arguments, new.origin, screen);
    if !silent && (new.origin == Origin::Made || form != QrForm::None) {
        offer::show(screen, &new.token, user, &Qr::new(&new.uri)?, form)?;
    }
    let proved = if arguments.yes {
        None
    } else {
        Some(ask_for_proof(app, &new, screen, &mut asker)?)
    };
    signals.obey()?;
    let keeping = Keeping {
        app,
        account: &account,
        token: &new.token,
        proved,
    };
    let kept = match (plan, set) {
        (Plan::Enroll(existing), Some(set)) => keeping.enroll(set, existing)?,
        (Plan::Enroll(_) | Plan::Add, _) => keeping.add()?,
    };
    if let Some(file) = file {
        file.keep();
    }
    note(app, user, &new.token, kept, proved);
    let closed = app
        .store
        .look(&account.name)
        .map_or(Closed::No, |record| record.state.closed);
    let enrolled = Enrolled {
        user,
        new: &new,
        codes: &codes,
        kept,
        proved,
        closed,
    };
    enrolled.tell(&result, arguments).map_err(|error| match kept {
        Kept::New | Kept::Replaced => anyhow!(
            "{0} is enrolled, but not all could be shown ({1}). For other backup codes run: nightlatch codes {0}. \
             To begin anew run: nightlatch enroll {0} --replace",
            shown(user),
            in_words(&error)
        ),
        Kept::Added => anyhow!(
            "the token was added, but that could not be shown ({}); see: nightlatch status {}",
            in_words(&error),
            shown(user)
        ),
    })
}

/// What the arguments can only be wrong about together.
fn check_usage(arguments: &cli::Enroll) -> anyhow::Result<()> {
    if arguments.qr == Some(QrForm::Svg) && arguments.output.is_none() {
        let text = "--qr svg needs a file to write to: add --output FILE";
        return Err(Failure::Usage(text.to_owned()).into());
    }
    let text = match arguments.token {
        TokenKind::Hotp if arguments.period.is_some() => {
            "--period is for tokens that go by a clock: leave it out with --token hotp"
        }
        TokenKind::Totp if arguments.counter.is_some() => {
            "--counter is for tokens that count: add --token hotp, or leave it out"
        }
        TokenKind::Hotp | TokenKind::Totp => return Ok(()),
    };
    Err(Failure::Usage(text.to_owned()).into())
}

fn write_file(new: &New, output: Option<&Path>) -> anyhow::Result<Option<OutputFile>> {
    output
        .map(|path| OutputFile::write(path, picture::svg(&Qr::new(&new.uri)?).as_bytes()))
        .transpose()
}

/// How the QR code is shown on the screen. A secret that the authenticator has already is not shown unless that is asked for.
fn form(arguments: &cli::Enroll, origin: Origin, screen: &Screen) -> QrForm {
    match (arguments.qr, screen.look().charset) {
        (Some(form), _) => form,
        (None, _) if arguments.output.is_some() => QrForm::Svg,
        (None, _) if origin == Origin::Given => QrForm::None,
        (None, Charset::Utf8) => QrForm::Utf8,
        (None, Charset::Ascii) => QrForm::Ascii,
    }
}

fn ask_for_proof(
    app: &App,
    new: &New,
    screen: &Screen,
    asker: &mut Asker<'_>,
) -> anyhow::Result<TokenState> {
    let question = match new.origin {
        Origin::Made => QUESTION,
        Origin::Given => QUESTION_ABOUT_A_TOKEN,
    };
    let mut tries = TRIES;
    // A slip of the finger is no try, but a program that writes nonsense must come to an end.
    for _ in 0..MOST_LINES {
        let Some(line) = asker.ask(question, Echo::On)? else {
            bail!("no code was given; nothing was written");
        };
        match proof::examine(&line, &new.token, &app.config.rules(), app.now()?) {
            Finding::Proved(state) => return Ok(state),
            Finding::NoCode(text) => screen.say(&text)?,
            Finding::Wrong(text) => {
                tries -= 1;
                if tries == 0 {
                    screen.say(&text)?;
                    match new.origin {
                        Origin::Made => bail!(
                            "{TRIES} wrong codes; nothing was written. Run the command again for a new key"
                        ),
                        Origin::Given => bail!(
                            "{TRIES} wrong codes; nothing was written. See that it is the secret of this token, and its \
                             algorithm, digits, and period or counter"
                        ),
                    }
                }
                screen.say(&text)?;
            }
        }
    }
    bail!("none of {MOST_LINES} lines was a code; nothing was written")
}

/// One event for what was done.
fn note(app: &App, user: &str, token: &Token, kept: Kept, proved: Option<TokenState>) {
    let (by, label, kind) = (app.by.as_str(), token.label.as_str(), token.kind.as_str());
    let proved = proved.is_some();
    app.journal.note(&match kept {
        Kept::New | Kept::Replaced => Event::Enrolled {
            user,
            by,
            label,
            kind,
            replaced: kept == Kept::Replaced,
            proved,
        },
        Kept::Added => Event::TokenAdded {
            user,
            by,
            label,
            kind,
            proved,
        },
    });
}

/// What was done, to be told.
struct Enrolled<'a> {
    user: &'a str,
    new: &'a New,
    codes: &'a [BackupCode],
    kept: Kept,
    proved: Option<TokenState>,
    closed: Closed,
}

impl Enrolled<'_> {
    /// The end: backup codes, or the object for programs.
    fn tell(&self, screen: &Screen, arguments: &cli::Enroll) -> anyhow::Result<()> {
        let token = &self.new.token;
        if arguments.json {
            let secret = token.secret.to_base32();
            let grouped: Vec<Zeroizing<String>> =
                self.codes.iter().map(BackupCode::grouped).collect();
            return screen.json(&Object {
                user: self.user,
                label: token.label.as_str(),
                kind: token.kind.as_str(),
                secret: &secret,
                uri: &self.new.uri,
                backup_codes: grouped.iter().map(|code| code.as_str()).collect(),
                counter: self.next_counter(),
                added: self.kept == Kept::Added,
            });
        }
        let user = shown(self.user);
        screen.say(&match self.kept {
            Kept::New | Kept::Replaced => format!("\n{user} is enrolled."),
            Kept::Added => format!(
                "\n{user} has the token {} beside the others. The backup codes stay as they are.",
                shown(token.label.as_str())
            ),
        })?;
        if self.closed == Closed::Yes {
            screen.say(&format!(
                "They are locked all the same, and nothing opens before: nightlatch unlock {user}"
            ))?;
        }
        if self.proved.is_some() {
            screen.say(match token.kind {
                Kind::Totp { .. } => {
                    "The code that was just typed is used up: for the first login wait for the next one."
                }
                Kind::Hotp { .. } => {
                    "The code that was just typed is used up: for the first login take the next one."
                }
            })?;
        }
        match self.kept {
            Kept::New | Kept::Replaced => screen.write(&sheet::of(self.codes, self.user)),
            Kept::Added => Ok(()),
        }
    }
}

impl Enrolled<'_> {
    /// The counter of the next code, where codes count.
    fn next_counter(&self) -> Option<u64> {
        let Kind::Hotp { counter } = self.new.token.kind else {
            return None;
        };
        let proved = self.proved.and_then(|proved| proved.last_step);
        Some(proved.map_or(counter.step(), |proved| proved.plus(1)).0)
    }
}

/// The object for programs. The fields are documented in docs/command.md and stay stable.
#[derive(Serialize)]
struct Object<'a> {
    user: &'a str,
    label: &'a str,
    kind: &'a str,
    secret: &'a str,
    uri: &'a str,
    backup_codes: Vec<&'a str>,
    counter: Option<u64>,
    added: bool,
}

/// The answer may be seen: it is used up by being typed here.
const QUESTION: &str = "Code that the app shows now: ";
/// The same about something that is no app.
const QUESTION_ABOUT_A_TOKEN: &str = "Code that the token shows now: ";
/// How many wrong codes end it.
const TRIES: u32 = 3;
/// How many lines are read in all.
const MOST_LINES: u32 = 10;
