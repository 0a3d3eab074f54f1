//! Enrollment inside a login: a new token on its way to somebody who has none, and what is prepared to be kept.
//!
//! An [`Offer`] is in memory and on the person's screen, and nowhere else: whoever breaks off leaves nothing behind. Once a
//! code of it was typed, it becomes [`Prepared`]. That is kept only in the account phase, which the application calls when
//! everything before it succeeded, the first factor too; so nobody enrolls by a ticket or a picture alone.

use std::fmt;

use zeroize::Zeroizing;

use crate::account::Account;
use crate::answer::{Answer, BadAnswer};
use crate::audit::Opened;
use crate::backup_codes::{BackupCode, BackupCodeError, BackupCodes, Cost};
use crate::check::{Rules, window};
use crate::config::{Config, ServiceName};
use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::offer::{self, QrForm};
use crate::place::Place;
use crate::random::RandomError;
use crate::state::TokenState;
use crate::time::Time;
use crate::token::{Drift, Kind, Label, Secret, Token};

/// A token that is offered to somebody.
#[derive(Debug)]
pub struct Offer {
    account: Account,
    token: Token,
    issuer: String,
    form: QrForm,
    ticket: Option<Id>,
}

impl Offer {
    /// A new token for `account`, as the configuration wants new ones. `ticket` is the invitation that led to it.
    pub fn make(
        config: &Config,
        account: &Account,
        ticket: Option<Id>,
    ) -> Result<Self, RandomError> {
        let wanted = &config.token;
        let token = Token {
            id: Id::new()?,
            label: Label::usual(),
            kind: Kind::Totp {
                period: wanted.period,
            },
            secret: Secret::generate(wanted.algorithm)?,
            algorithm: wanted.algorithm,
            digits: wanted.digits,
        };
        Ok(Self {
            account: account.clone(),
            token,
            issuer: wanted.issuer_or_host(),
            form: config.at_login.qr,
            ticket,
        })
    }

    /// What opened it.
    #[must_use]
    pub fn opened(&self) -> Opened {
        opened(self.ticket)
    }

    /// What the person sees: the picture, the key in text, and the question for a code.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        offer::offer(&self.token, &self.issuer, &self.account.name, self.form)
    }

    /// What an answer proves about the token: the step of its code, which counts as used.
    ///
    /// Wrong ones are not charged: the secret is on the screen of whoever answers, so there is nothing to guess.
    #[must_use]
    pub fn prove(
        &self,
        answer: &Result<Answer, BadAnswer>,
        rules: &Rules,
        now: Time,
    ) -> Option<TokenState> {
        let Ok(Answer::Code(code)) = answer else {
            return None;
        };
        let present = self.token.period()?.step_at(now);
        let (first, last) = window(present, Drift::NONE, rules).into_inner();
        let steps = self.token.matching_steps(code, first, last);
        steps.last().map(|&step| TokenState {
            last_step: Some(step),
            ..TokenState::new(self.token.id)
        })
    }

    /// The enrollment that a proof leads to, with new backup codes, which are to be shown now: tens of milliseconds a code.
    pub fn prepare(
        self,
        config: &Config,
        proved: TokenState,
        from: Whence,
        now: Time,
    ) -> Result<(Prepared, Vec<BackupCode>), BackupCodeError> {
        let (set, codes) = BackupCodes::make(config.backup_codes.count, Cost::DEFAULT)?;
        let prepared = Prepared {
            enrollment: Enrollment {
                user: self.account.name,
                uid: self.account.uid,
                created: now,
                tokens: vec![self.token],
                backup_codes: Some(set),
                scratch_codes: None,
            },
            proved,
            ticket: self.ticket,
            from,
        };
        Ok((prepared, codes))
    }
}

/// Where somebody enrolls from.
#[derive(Clone, Debug)]
pub struct Whence {
    /// The place; it is known from then on.
    pub place: Place,
    /// The service, where it is not to ask there again for a while.
    pub trust: Option<ServiceName>,
}

/// An enrollment that was proved, and is kept once the first factor is known to be right.
pub struct Prepared {
    /// What is to be kept.
    pub enrollment: Enrollment,
    /// The step of the code that proved it.
    pub proved: TokenState,
    /// The invitation that is used up by it.
    pub ticket: Option<Id>,
    /// Where it was proved.
    pub from: Whence,
}

impl Prepared {
    /// What opened it.
    #[must_use]
    pub fn opened(&self) -> Opened {
        opened(self.ticket)
    }

    /// What the person calls the new token.
    #[must_use]
    pub fn label(&self) -> &Label {
        // It was made with one.
        &self.enrollment.tokens[0].label
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("user", &self.enrollment.user)
            .field("ticket", &self.ticket)
            .finish_non_exhaustive()
    }
}

fn opened(ticket: Option<Id>) -> Opened {
    match ticket {
        Some(_) => Opened::ByInvitation,
        None => Opened::ByPolicy,
    }
}
