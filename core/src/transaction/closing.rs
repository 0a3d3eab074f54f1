//! Closing somebody: nothing of theirs opens, and they cannot enroll, until an administrator unlocks them.

use super::{Transaction, has_lost_its_state, state_to_change, vacant_state};
use crate::check::{Fault, Rules};
use crate::state::Closed;
use crate::store::{Change, Record};
use crate::time::Time;

/// Closes somebody, enrolled or not. Trusted places are forgotten, and a temporary code ends.
#[derive(Debug)]
pub struct Close<'a> {
    /// The administrator's rules.
    pub rules: &'a Rules,
}

/// What came of [`Close`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// They are closed from now on.
    Done,
    /// They were before.
    WasClosed,
}

/// Why somebody was not closed: half a record opens nothing either, and is to be mended first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotClosed {
    /// There is no record of past logins to note it in.
    #[error("{}", Fault::StateLost)]
    StateLost,
    /// There is no enrollment beside the record of past logins.
    #[error("{}", Fault::EnrollmentLost)]
    EnrollmentLost,
}

impl Transaction for Close<'_> {
    type Outcome = Result<Closing, NotClosed>;

    fn apply(&mut self, record: &Record, now: Time) -> (Self::Outcome, Change) {
        let mut state = match &record.enrollment {
            Some(enrollment) if has_lost_its_state(record, enrollment, self.rules, now) => {
                return (Err(NotClosed::StateLost), Change::Nothing);
            }
            Some(_) => state_to_change(record, self.rules, now),
            None if !record.is_vacant() => {
                return (Err(NotClosed::EnrollmentLost), Change::Nothing);
            }
            None => vacant_state(record, self.rules, now),
        };
        if state.closed == Closed::Yes {
            return (Ok(Closing::WasClosed), Change::Nothing);
        }
        state.closed = Closed::Yes;
        state.forget_trust();
        state.end_temporary_code();
        (Ok(Closing::Done), Change::State(state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Refusal, Verdict};
    use crate::config::ServiceName;
    use crate::place::Place;
    use crate::state::Standing;
    use crate::testing::{NOW, RULES};
    use crate::transaction::tests::{answer, apply, code, enrolled, unlock};
    use crate::transaction::{Mend, Unlocked};

    fn close(record: &mut Record) -> Result<Closing, NotClosed> {
        apply(record, Close { rules: &RULES })
    }

    #[test]
    fn nothing_opens_for_whoever_is_closed_until_they_are_unlocked() {
        let mut record = enrolled();
        record
            .state
            .note_trust(&ServiceName::known("sshd"), Place::Local(1), NOW);
        assert_eq!(close(&mut record), Ok(Closing::Done));
        assert_eq!(record.state.trusted, []);
        assert_eq!(
            answer(&mut record, &code(1)),
            Verdict::Refused(Refusal::Closed)
        );
        assert_eq!(close(&mut record), Ok(Closing::WasClosed));
        assert_eq!(unlock(&mut record, Mend::Locks), Ok(Unlocked::Done));
        assert!(matches!(
            answer(&mut record, &code(1)),
            Verdict::Accepted(_)
        ));
    }

    #[test]
    fn whoever_is_not_enrolled_can_be_closed_and_opened_again() {
        let mut record = Record::default();
        assert_eq!(close(&mut record), Ok(Closing::Done));
        assert_eq!(
            (record.state.standing, record.state.closed),
            (Standing::Alone, Closed::Yes)
        );
        assert_eq!(unlock(&mut record, Mend::Locks), Ok(Unlocked::Done));
        assert_eq!(record.state.closed, Closed::No);
    }

    #[test]
    fn half_a_record_is_not_closed_but_said_to_be_half() {
        let mut lost = enrolled();
        lost.state.tokens.clear();
        assert_eq!(close(&mut lost), Err(NotClosed::StateLost));
        let mut lost = Record {
            enrollment: None,
            ..enrolled()
        };
        assert_eq!(close(&mut lost), Err(NotClosed::EnrollmentLost));
    }
}
