//! One person of an import: what would become of them, and what did.

use std::path::PathBuf;

use nightlatch_core::account::Account;
use nightlatch_core::audit::{Audit as _, Event};
use nightlatch_core::check::Rules;
use nightlatch_core::import::Brought;
use nightlatch_core::scratch_codes::ScratchCodes;
use nightlatch_core::store::{FileStore, Store as _};
use nightlatch_core::time::Time;
use nightlatch_core::transaction::{self, Existing, Import, Imported, Transaction as _};

use super::sources::Found;
use crate::app::App;
use crate::failure::in_words;
use crate::screen::shown;

/// Somebody for whom something was found.
pub struct Candidate {
    /// The account's name, or that of one that there is not.
    pub user: String,
    /// In which file.
    pub file: PathBuf,
    /// What they bring along, as far as it can be taken.
    pub brought: Option<Brought>,
    /// What is to be said about it.
    pub notes: Vec<String>,
    /// What becomes of them.
    pub outcome: Outcome,
    account: Option<Account>,
    expires: Time,
    existing: Existing,
}

/// What becomes of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They are enrolled.
    New,
    /// What they had enrolled here is replaced.
    Replaced,
    /// They were imported before, and what was used in the other system since counts as used.
    CaughtUp,
    /// They were imported before.
    Same,
    /// They are left out: why.
    LeftOut(String),
}

impl Outcome {
    /// The word for it. In `--json` it stays stable.
    pub fn word(&self) -> &'static str {
        match self {
            Self::New => "imported",
            Self::Replaced => "replaced",
            Self::CaughtUp => "caught-up",
            Self::Same => "unchanged",
            Self::LeftOut(_) => "left-out",
        }
    }

    fn of(imported: Imported, user: &str) -> Self {
        let user = shown(user);
        match imported {
            Imported::New => Self::New,
            Imported::Replaced => Self::Replaced,
            Imported::Same => Self::Same,
            Imported::CaughtUp => Self::CaughtUp,
            Imported::Exists => Self::LeftOut(format!(
                "they have something else enrolled here, which stays; see: nightlatch status {user}. To replace it add --replace"
            )),
            Imported::StateLost => Self::LeftOut(format!(
                "they were imported before, but the record of past logins is lost; run: nightlatch unlock {user} --fresh-state"
            )),
        }
    }
}

impl Candidate {
    /// Looks what would become of somebody.
    pub fn look(
        app: &App,
        found: Found,
        (expires, existing): (Time, Existing),
        (rules, now): (&Rules, Time),
    ) -> Self {
        let (user, account) = match found.whose {
            Ok(account) => (account.name.as_str().to_owned(), Some(account)),
            Err(name) => (name, None),
        };
        let (brought, problem) = match found.brought {
            Ok(brought) => (Some(brought), String::new()),
            Err(problem) => (None, problem),
        };
        let mut candidate = Self {
            user,
            file: found.file,
            brought,
            notes: found.notes,
            outcome: Outcome::LeftOut(problem),
            account,
            expires,
            existing,
        };
        if let (Some(account), Some(brought)) = (&candidate.account, &candidate.brought) {
            let outcome = candidate
                .transaction(account, brought, None, (rules, now))
                .and_then(|mut import| {
                    let record = app.record_before_enrolling(&account.name)?;
                    import.prepare(&record)?;
                    Ok(import.apply(&record, now).0)
                });
            candidate.outcome = match outcome {
                Ok(imported) => Outcome::of(imported, &candidate.user),
                Err(error) => Outcome::LeftOut(in_words(&error)),
            };
        }
        candidate
    }

    fn transaction<'a>(
        &self,
        account: &Account,
        brought: &'a Brought,
        scratch_codes: Option<ScratchCodes>,
        of: (&'a Rules, Time),
    ) -> anyhow::Result<Import<'a>> {
        let who = (account.name.clone(), account.uid);
        Ok(Import::new(who, brought, scratch_codes, self.existing, of)?)
    }

    /// Whether anything of theirs is to be written.
    pub fn has_something_to_keep(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::New | Outcome::Replaced | Outcome::CaughtUp
        )
    }

    /// Whether they are left out.
    pub fn is_left_out(&self) -> bool {
        matches!(self.outcome, Outcome::LeftOut(_))
    }

    /// Writes it. What goes wrong is theirs alone.
    pub fn keep(&mut self, app: &App, store: &FileStore, from: &'static str) {
        if !self.has_something_to_keep() {
            return;
        }
        let (Some(account), Some(brought)) = (&self.account, &self.brought) else {
            return;
        };
        let rules = app.config.rules();
        let imported = app.now().and_then(|now| {
            let scratch_codes = Import::scratch_codes(brought, self.expires)?;
            let mut import = self.transaction(account, brought, scratch_codes, (&rules, now))?;
            // It is looked at again: what was shown may not be what is there now.
            import.prepare(&store.look(&account.name)?)?;
            Ok(transaction::run(
                store,
                &app.clock,
                &account.name,
                &mut import,
            )?)
        });
        self.outcome = match imported {
            Ok(imported) => Outcome::of(imported, &self.user),
            Err(error) => Outcome::LeftOut(format!(
                "{}; what holds now is shown by: nightlatch status {}",
                in_words(&error),
                shown(&self.user)
            )),
        };
        let (user, by) = (self.user.as_str(), app.by.as_str());
        match self.outcome {
            Outcome::New | Outcome::Replaced => app.journal.note(&Event::Imported {
                user,
                by,
                from,
                tokens: brought.tokens.len(),
                scratch_codes: brought.scratch_codes.len(),
                replaced: self.outcome == Outcome::Replaced,
            }),
            Outcome::CaughtUp => app.journal.note(&Event::ImportCaughtUp { user, by, from }),
            Outcome::Same | Outcome::LeftOut(_) => {}
        }
    }
}

/// Says who has a secret that somebody else has too: one of them knows the codes of the other.
pub fn note_shared_secrets(people: &mut [Candidate]) {
    let secrets: Vec<Vec<String>> = people
        .iter()
        .map(|candidate| {
            let tokens = candidate.brought.iter().flat_map(|brought| &brought.tokens);
            tokens.map(|token| token.secret.fingerprint()).collect()
        })
        .collect();
    for index in 0..people.len() {
        let same = (0..people.len()).find(|&other| {
            other != index
                && secrets[other]
                    .iter()
                    .any(|secret| secrets[index].contains(secret))
        });
        if let Some(other) = same {
            let note = format!(
                "the same secret as that of {}: a code of one opens for the other",
                shown(&people[other].user)
            );
            people[index].notes.push(note);
        }
    }
}
