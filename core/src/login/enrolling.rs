//! The part of a login in which somebody enrolls: who may, what they are shown, and their answer to it.

use super::{AsksFor, Echo, Login, Otherwise, Stage, Step, ask, done};
use crate::account::Account;
use crate::answer::{Answer, BadAnswer};
use crate::at_login::{Offer, Whence};
use crate::audit::Event;
use crate::check::{Fault, Refusal, Verdict};
use crate::config::{Mode, Whose};
use crate::policy::{self, Ruling};
use crate::state::Closed;
use crate::store::{Past, Record};
use crate::{messages, offer};

/// Whether somebody may enroll now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// They may.
    Open,
    /// With an invitation.
    ByInvitation,
    /// They may not.
    Closed,
}

impl Login<'_> {
    /// Who enrolls now, and whether with an invitation only; nobody where a gate is closed or nothing can be told, so that the
    /// question is the one that everybody is asked.
    pub(super) fn gate(&self, record: &Record) -> Gate {
        let gates = &self.config.at_login;
        let may_enroll = self.config.enrollment.mode == Mode::AtLogin
            && self.ruling == Ruling::Mode
            // A field for both has no room for a conversation, and where nobody may be asked there is none.
            && self.request.asks_for == AsksFor::Code
            && !self.is_behind_another_password()
            && self.otherwise == Otherwise::Ask
            && record.is_vacant()
            && record.state.closed == Closed::No;
        let Ok(now) = self.world.clock.now() else {
            return Gate::Closed;
        };
        let shut = policy::shut_gate(gates, &self.request.service, self.remote, now);
        if !may_enroll || shut.is_some() {
            Gate::Closed
        } else if gates.ticket || record.past == Past::Removed {
            Gate::ByInvitation
        } else {
            Gate::Open
        }
    }

    /// Whether the first factor is perhaps that of another account than the one that is asked for a code: then it says nothing
    /// about who enrolls, for whoever has somebody's terminal has a password of their own.
    fn is_behind_another_password(&self) -> bool {
        self.request.real_uid != 0 && self.config.whose(&self.request.service) == Whose::Invoker
    }

    /// Whether an invitation is an answer here.
    pub(super) fn takes_invitations(&self, account: &Account) -> bool {
        self.config.enrollment.mode == Mode::AtLogin
            && self
                .world
                .store
                .look(&account.name)
                .is_ok_and(|record| self.gate(&record) == Gate::ByInvitation)
    }

    /// What is said of a refused answer. To an answer of somebody who could enroll with an invitation, and is told why, the next
    /// one is no code.
    pub(super) fn words_for(&self, refusal: &Refusal) -> String {
        let is_no_invitation = matches!(
            refusal,
            Refusal::NotEnrolled | Refusal::NotACode(_) | Refusal::Wrong { locked_for: 0 }
        );
        if self.config.login.explain
            && is_no_invitation
            && self
                .known()
                .is_ok_and(|account| self.takes_invitations(account))
        {
            return messages::NEEDS_INVITATION.to_owned();
        }
        messages::refused(refusal, &self.config.login, self.longest_lock())
    }

    /// What somebody is shown at once who may enroll now without an invitation.
    pub(super) fn first_offer(&self) -> Option<Offer> {
        let account = self.known().ok()?;
        if self.config.enrollment.mode != Mode::AtLogin {
            return None;
        }
        let record = self.world.store.look(&account.name).ok()?;
        match self.gate(&record) {
            Gate::Open => Offer::make(self.config, account, None).ok(),
            Gate::Closed | Gate::ByInvitation => None,
        }
    }

    pub(super) fn show(&mut self, offer: Offer) -> Step {
        self.world.audit.note(&Event::Offered {
            origin: self.origin(),
            by: offer.opened(),
        });
        self.questions_left = self.config.login.prompts.get();
        let text = offer.text();
        self.stage = Stage::Proof(offer);
        ask(text, Echo::On)
    }

    /// The answer to the question for the code of a new token.
    pub(super) fn answer_to_offer(
        &mut self,
        offer: Offer,
        answer: &Result<Answer, BadAnswer>,
    ) -> Step {
        let now = match self.world.clock.now() {
            Ok(now) => now,
            Err(error) => {
                return self.end(Verdict::Unavailable(Fault::Unusable(error.to_string())));
            }
        };
        let Some(proved) = offer.prove(answer, &self.rules, now) else {
            let refusal = Refusal::NotProved;
            self.note(&Verdict::Refused(refusal.clone()));
            self.questions_left = self.questions_left.saturating_sub(1);
            if self.questions_left == 0 {
                return done(Verdict::Refused(refusal));
            }
            self.stage = Stage::Proof(offer);
            return ask(messages::not_proved().into(), Echo::On);
        };
        let from = Whence {
            place: self.place,
            trust: self.trust(),
        };
        match offer.prepare(self.config, proved, from, now) {
            Ok((prepared, codes)) => {
                self.stage = Stage::BackupCodes(prepared);
                ask(offer::backup_codes(&codes), Echo::On)
            }
            Err(error) => self.end(Verdict::Unavailable(Fault::Unusable(error.to_string()))),
        }
    }
}
