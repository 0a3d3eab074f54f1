//! Keeps what somebody enrolled inside a login, once the first factor is known to be right.

use super::{Transaction, add_enrollment, state_to_change};
use crate::at_login::Prepared;
use crate::check::Rules;
use crate::state::Closed;
use crate::store::{Change, Record};
use crate::time::Time;

/// Keeps an enrollment that was prepared, if nobody was faster and its invitation still holds.
#[derive(Debug)]
pub struct Keep<'a> {
    /// What was prepared.
    pub prepared: &'a Prepared,
    /// The administrator's rules.
    pub rules: &'a Rules,
}

/// Why an enrollment that was prepared is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// Another login enrolled the person meanwhile, or an administrator did.
    EnrolledMeanwhile,
    /// The invitation was used, withdrawn or replaced, or it ended; or somebody was removed, who needs one now; or half of the
    /// record is missing.
    InvitationGone,
    /// An administrator closed the person.
    Closed,
}

impl Transaction for Keep<'_> {
    type Outcome = Result<(), NotKept>;

    fn apply(&mut self, record: &Record, now: Time) -> (Self::Outcome, Change) {
        if let Some(reason) = self.refusal(record, now) {
            return (Err(reason), Change::Nothing);
        }
        let Prepared {
            enrollment,
            proved,
            from,
            ..
        } = self.prepared;
        let mut state = state_to_change(record, self.rules, now);
        state.forget_trust();
        add_enrollment(&mut state, record, enrollment, std::slice::from_ref(proved));
        // The place is known from now on. But the key was on the screen of whoever proved it, so what failed before is not
        // forgiven by that.
        let failed = state.elsewhere;
        state.note_success(from.place, now);
        state.elsewhere = failed;
        if let Some(service) = &from.trust {
            state.note_trust(service, from.place, now);
        }
        (Ok(()), Change::Enrollment(enrollment.clone(), state))
    }
}

impl Keep<'_> {
    fn refusal(&self, record: &Record, now: Time) -> Option<NotKept> {
        if record.enrollment.is_some() {
            return Some(NotKept::EnrolledMeanwhile);
        }
        if record.state.closed == Closed::Yes {
            return Some(NotKept::Closed);
        }
        let holds = match self.prepared.ticket {
            Some(id) => {
                let open = record.state.open_ticket(now).filter(|_| record.is_vacant());
                open.is_some_and(|ticket| ticket.id == id)
            }
            // Where half a record is missing, an enrollment would hide that.
            None => record.was_never_enrolled(),
        };
        (!holds).then_some(NotKept::InvitationGone)
    }
}
