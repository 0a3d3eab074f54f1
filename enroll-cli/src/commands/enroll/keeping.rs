//! Making it durable: a whole enrollment, or one more token beside those that are there.

use anyhow::{Context as _, anyhow};
use nightlatch_core::account::Account;
use nightlatch_core::backup_codes::BackupCodes;
use nightlatch_core::enrollment::Enrollment;
use nightlatch_core::state::TokenState;
use nightlatch_core::store::{FileStore, Store as _, StoreError};
use nightlatch_core::token::Token;
use nightlatch_core::transaction::{self, AddToken, Enroll, Enrolled, Existing, NotAdded};

use crate::app::App;
use crate::cli;
use crate::screen::shown;

/// What is to become of what somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// A whole enrollment, with backup codes.
    Enroll(Existing),
    /// One more token beside the others.
    Add,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A first enrollment.
    New,
    /// An enrollment in the place of another.
    Replaced,
    /// One more token.
    Added,
}

impl Plan {
    /// What can be done beside what is there. Only a label that was typed adds a token: a script that enrolls everybody must
    /// not give people a second one.
    pub fn beside(
        existing: Option<&Enrollment>,
        arguments: &cli::Enroll,
        account: &Account,
    ) -> anyhow::Result<Self> {
        let Some(existing) = existing else {
            return Ok(Self::Enroll(Existing::Keep));
        };
        if arguments.replace {
            return Ok(Self::Enroll(Existing::Replace));
        }
        let Some(label) = &arguments.label else {
            return Err(already_enrolled(account.name.as_str()));
        };
        match AddToken::hindrance(existing, account.uid, label) {
            Some(hindrance) => Err(not_added(hindrance, account, label.as_str())),
            None => Ok(Self::Add),
        }
    }
}

/// What is to be kept, and whose it is.
pub struct Keeping<'a> {
    /// What every command works with.
    pub app: &'a App,
    /// Whose it is.
    pub account: &'a Account,
    /// The token.
    pub token: &'a Token,
    /// Where it was proved, the step of the code that proved it.
    pub proved: Option<TokenState>,
}

impl Keeping<'_> {
    /// Begins an enrollment with the token and this set of backup codes.
    pub fn enroll(&self, set: BackupCodes, existing: Existing) -> anyhow::Result<Kept> {
        let store = FileStore::create(&self.app.config.store.dir).context("nothing was written")?;
        let rules = self.app.config.rules();
        let mut enroll = Enroll {
            rules: &rules,
            enrollment: Enrollment {
                user: self.account.name.clone(),
                uid: self.account.uid,
                created: self.app.now()?,
                tokens: vec![self.token.clone()],
                backup_codes: Some(set),
                scratch_codes: None,
            },
            existing,
            proved: self.proved.into_iter().collect(),
        };
        match transaction::run(&store, &self.app.clock, &self.account.name, &mut enroll) {
            Ok(Enrolled::New) => Ok(Kept::New),
            Ok(Enrolled::Replaced) => Ok(Kept::Replaced),
            Ok(Enrolled::Exists) => Err(already_enrolled(self.account.name.as_str())),
            Err(error) => Err(self.not_kept(&store, error)),
        }
    }

    /// Adds the token to those that are there.
    pub fn add(&self) -> anyhow::Result<Kept> {
        let rules = self.app.config.rules();
        let mut add = AddToken {
            uid: self.account.uid,
            token: self.token.clone(),
            proved: self.proved,
            rules: &rules,
        };
        let store = &self.app.store;
        match transaction::run(store, &self.app.clock, &self.account.name, &mut add) {
            Ok(Ok(())) => Ok(Kept::Added),
            Ok(Err(hindrance)) => Err(not_added(
                hindrance,
                self.account,
                self.token.label.as_str(),
            )),
            Err(error) => Err(self.not_kept(store, error)),
        }
    }

    /// What holds after a write that failed.
    fn not_kept(&self, store: &FileStore, error: StoreError) -> anyhow::Error {
        let user = shown(self.account.name.as_str());
        let is_new = |token: &Token| token.id == self.token.id;
        let holds = match store
            .look(&self.account.name)
            .map(|record| record.enrollment)
        {
            Ok(None) => format!("{user} was not enrolled"),
            Ok(Some(found)) if found.tokens.iter().any(is_new) => format!(
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
}

fn already_enrolled(user: &str) -> anyhow::Error {
    anyhow!(
        "{0} is enrolled already, and stays so. See: nightlatch status {0}. To replace the enrollment add --replace; for a \
         token beside the others say with --label what it is called",
        shown(user)
    )
}

/// Why a token was not added, and what can be done.
fn not_added(hindrance: NotAdded, account: &Account, label: &str) -> anyhow::Error {
    let (user, label) = (shown(account.name.as_str()), shown(label));
    match hindrance {
        NotAdded::LabelTaken => anyhow!(
            "{user} has a token named {label} already, and keeps it. Choose another --label, or take it away first: \
             nightlatch remove {user} --label '{label}'. To replace the whole enrollment add --replace"
        ),
        NotAdded::SecretTaken => anyhow!(
            "{user} has a token with this secret already; the labels are shown by: nightlatch status {user}"
        ),
        NotAdded::Full => anyhow!(
            "{user} has {} tokens, and that is the most; take one away first: nightlatch remove {user} --label LABEL",
            Enrollment::MOST_TOKENS
        ),
        NotAdded::OtherUid => anyhow!(
            "{user} is enrolled under another uid than the account has now. If it is the same person, enroll anew: add --replace"
        ),
        NotAdded::Disabled => anyhow!(
            "too many wrong codes for {user}: nothing opens until enrolled anew, so no token was added; add --replace instead"
        ),
        NotAdded::NotEnrolled => anyhow!(
            "{user} was removed meanwhile, so there is nothing to add a token to; run the command again to enroll them"
        ),
        NotAdded::StateLost => anyhow!("{}", hindrance.to_string().replace("USER", &user)),
    }
}
