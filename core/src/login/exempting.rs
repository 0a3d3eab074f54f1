//! The part of a login that decides whether the person is asked at all.

use super::{Login, Subject, World};
use crate::account::Account;
use crate::check::{Exemption, Fault, Verdict};
use crate::config::{Mode, SecondFactor};
use crate::policy::{self, Ruling};
use crate::state::Closed;
use crate::store::Record;
use crate::transaction;
use crate::trust::Recall;

impl Login<'_> {
    /// Whether the person is asked at all. Where a second factor is required everybody is, enrolled or not, so that the
    /// question tells nothing; an error there comes after the answer.
    pub(super) fn verdict_without_asking(&self) -> Option<Verdict> {
        match self.ruling {
            Ruling::Rule {
                says: SecondFactor::Require | SecondFactor::Deny,
                ..
            } => None,
            Ruling::Rule {
                says: SecondFactor::Skip,
                number,
            } => Some(self.known().map_or_else(
                |verdict| verdict,
                |_| Verdict::Exempt(Exemption::Rule { number }),
            )),
            Ruling::Mode => self.verdict_by_mode(),
        }
    }

    fn verdict_by_mode(&self) -> Option<Verdict> {
        if self.is_remembered() {
            return Some(Verdict::Exempt(Exemption::Trusted));
        }
        match self.config.enrollment.mode {
            Mode::Required => self
                .is_before_deadline()
                .then_some(Verdict::Exempt(Exemption::Deadline)),
            Mode::AtLogin => None,
            Mode::Optional => self
                .known()
                .map_or_else(Some, |account| self.verdict_where_optional(account)),
        }
    }

    /// Whether a code was given there not long ago. Whatever cannot be told is asked for.
    fn is_remembered(&self) -> bool {
        let (Ok(account), Some(service)) = (self.known(), self.trust()) else {
            return false;
        };
        let mut recall = Recall {
            uid: account.uid,
            place: self.place,
            service: &service,
            remember: self.config.trust.remember.get().as_secs(),
            rules: &self.rules,
        };
        transaction::run(
            self.world.store,
            self.world.clock,
            &account.name,
            &mut recall,
        )
        .unwrap_or(false)
    }

    /// Whether somebody never had anything enrolled and need not yet. Whatever cannot be told is told after the answer.
    fn is_before_deadline(&self) -> bool {
        let enrollment = &self.config.enrollment;
        let (Some(_), Subject::Known(account)) = (enrollment.deadline, &self.request.subject)
        else {
            return false;
        };
        let World { store, clock, .. } = self.world;
        let (Ok(now), Ok(record)) = (clock.now(), store.look(&account.name)) else {
            return false;
        };
        policy::grace(enrollment, &record, now).is_some()
    }

    fn verdict_where_optional(&self, account: &Account) -> Option<Verdict> {
        match self.world.store.look(&account.name) {
            Ok(Record {
                enrollment: Some(_),
                ..
            }) => None,
            Ok(record) if record.is_vacant() => match record.state.closed {
                Closed::No => Some(Verdict::Exempt(Exemption::NotEnrolled)),
                // Closed means that nothing opens, and so does a door that would not be there.
                Closed::Yes => None,
            },
            // Half a record must not read as "not enrolled".
            Ok(_) => {
                let whereabouts = self.world.store.whereabouts(&account.name);
                let fault = Fault::EnrollmentLost.of(&account.name, &whereabouts);
                Some(Verdict::Unavailable(fault))
            }
            Err(error) => Some(Verdict::Unavailable(Fault::Unusable(error.to_string()))),
        }
    }
}
