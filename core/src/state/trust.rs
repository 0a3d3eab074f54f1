//! Trusted places: where a code was given for a service, so that for a while none is asked for there.
//!
//! Here they are only kept. Whether a place is trusted at all, and for how long, is policy.

use super::{Closed, Integrity, State};
use crate::config::ServiceName;
use crate::place::Place;
use crate::time::Time;

/// A place from which a code was given for a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedPlace {
    /// The PAM service.
    pub service: ServiceName,
    /// From where.
    pub place: Place,
    /// When a code was given there last.
    pub since: Time,
}

impl State {
    /// The trusted places; the one where a code was given longest ago makes room.
    pub const MOST_TRUSTED: usize = 16;

    /// When a code was last given for this service from there, if that is remembered and the state can be believed.
    #[must_use]
    pub fn trusted_since(&self, service: &ServiceName, place: Place) -> Option<Time> {
        if self.integrity != Integrity::Whole || self.closed == Closed::Yes {
            return None;
        }
        let is_it = |trusted: &&TrustedPlace| trusted.service == *service && trusted.place == place;
        self.trusted.iter().find(is_it).map(|trusted| trusted.since)
    }

    /// Notes that a code was given for a service from a place.
    pub fn note_trust(&mut self, service: &ServiceName, place: Place, now: Time) {
        self.trusted
            .retain(|trusted| trusted.service != *service || trusted.place != place);
        while self.trusted.len() >= Self::MOST_TRUSTED {
            self.forget_longest_trusted();
        }
        self.trusted.push(TrustedPlace {
            service: service.clone(),
            place,
            since: now,
        });
    }

    /// Forgets all trusted places.
    pub fn forget_trust(&mut self) {
        self.trusted.clear();
    }

    /// Forgets the trusted places where a code was given later than this, by a clock that was ahead: when it really was, nobody
    /// knows.
    pub fn forget_trust_after(&mut self, now: Time) {
        self.trusted.retain(|trusted| trusted.since <= now);
    }

    /// Forgets the place where a code was given longest ago. Says whether there was one.
    pub(super) fn forget_longest_trusted(&mut self) -> bool {
        let oldest = (0..self.trusted.len()).min_by_key(|&index| self.trusted[index].since);
        if let Some(oldest) = oldest {
            self.trusted.remove(oldest);
        }
        oldest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NOW;

    #[test]
    fn a_place_is_trusted_for_the_service_that_the_code_was_given_for() {
        let (sshd, login) = (ServiceName::known("sshd"), ServiceName::known("login"));
        let mut state = State::default();
        state.note_trust(&sshd, Place::Local(1), NOW);
        state.note_trust(&sshd, Place::Local(1), NOW.plus(5));
        assert_eq!(state.trusted.len(), 1);
        let since = |state: &State, service, place| state.trusted_since(service, place);
        assert_eq!(since(&state, &sshd, Place::Local(1)), Some(NOW.plus(5)));
        assert_eq!(since(&state, &sshd, Place::Local(2)), None);
        assert_eq!(since(&state, &login, Place::Local(1)), None);
        for distrust in [
            |state: &mut State| state.integrity = Integrity::OneSlotBad,
            |state: &mut State| state.closed = Closed::Yes,
            State::forget_trust,
        ] {
            let mut state = state.clone();
            distrust(&mut state);
            assert_eq!(since(&state, &sshd, Place::Local(1)), None);
        }
    }

    #[test]
    fn the_place_that_was_trusted_longest_makes_room() {
        let sshd = ServiceName::known("sshd");
        let mut state = State::default();
        for place in 0..20 {
            state.note_trust(&sshd, Place::Local(place), NOW.plus(u64::from(place)));
        }
        assert_eq!(state.trusted.len(), State::MOST_TRUSTED);
        assert_eq!(state.trusted_since(&sshd, Place::Local(3)), None);
        assert_eq!(
            state.trusted_since(&sshd, Place::Local(4)),
            Some(NOW.plus(4))
        );
    }
}
