//! Forgetting places where somebody is not asked because they gave a code there.

use super::{NothingThere, Transaction, has_lost_its_state, state_to_change};
use crate::check::Rules;
use crate::config::ServiceName;
use crate::place::Place;
use crate::state::TrustedPlace;
use crate::store::{Change, Record};
use crate::time::Time;

/// Forgets trusted places. The next login from there is asked again.
#[derive(Debug)]
pub struct ForgetTrust<'a> {
    /// Those of which service; of every one where it is `None`.
    pub service: Option<ServiceName>,
    /// Which place; every one where it is `None`.
    pub place: Option<Place>,
    /// The administrator's rules.
    pub rules: &'a Rules,
}

impl ForgetTrust<'_> {
    fn is_meant(&self, trusted: &TrustedPlace) -> bool {
        let service = self.service.as_ref();
        service.is_none_or(|service| trusted.service == *service)
            && self.place.is_none_or(|place| trusted.place == place)
    }
}

impl Transaction for ForgetTrust<'_> {
    /// How many were forgotten.
    type Outcome = Result<usize, NothingThere>;

    fn apply(&mut self, record: &Record, now: Time) -> (Self::Outcome, Change) {
        let Some(enrollment) = &record.enrollment else {
            return (Err(NothingThere::NotEnrolled), Change::Nothing);
        };
        if has_lost_its_state(record, enrollment, self.rules, now) {
            return (Err(NothingThere::StateLost), Change::Nothing);
        }
        let mut state = state_to_change(record, self.rules, now);
        let before = state.trusted.len();
        state.trusted.retain(|trusted| !self.is_meant(trusted));
        match before - state.trusted.len() {
            0 => (Ok(0), Change::Nothing),
            forgotten => (Ok(forgotten), Change::State(state)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, RULES};
    use crate::transaction::tests::{apply, enrolled};

    fn trusted() -> Record {
        let mut record = enrolled();
        for service in ["sshd", "login"] {
            for place in [1, 2] {
                let service = ServiceName::known(service);
                record.state.note_trust(&service, Place::Local(place), NOW);
            }
        }
        record
    }

    #[test]
    fn what_was_meant_is_forgotten_and_nothing_else() {
        let sshd = || Some(ServiceName::known("sshd"));
        for (service, place, forgotten) in [
            (None, None, 4),
            (sshd(), None, 2),
            (None, Some(Place::Local(1)), 2),
            (sshd(), Some(Place::Local(1)), 1),
            (sshd(), Some(Place::Elsewhere), 0),
        ] {
            let mut record = trusted();
            let forget = ForgetTrust {
                service: service.clone(),
                place,
                rules: &RULES,
            };
            assert_eq!(apply(&mut record, forget), Ok(forgotten));
            assert_eq!(record.state.trusted.len(), 4 - forgotten);
            let is_left = record.state.trusted.iter().any(|trusted| {
                service
                    .as_ref()
                    .is_none_or(|service| trusted.service == *service)
                    && place.is_none_or(|place| trusted.place == place)
            });
            assert!(!is_left);
        }
    }

    #[test]
    fn whoever_is_not_enrolled_is_trusted_nowhere() {
        let forget = ForgetTrust {
            service: None,
            place: None,
            rules: &RULES,
        };
        assert_eq!(
            apply(&mut Record::default(), forget),
            Err(NothingThere::NotEnrolled)
        );
    }
}
