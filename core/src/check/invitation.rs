//! Whether an answer is the open invitation of somebody who is not enrolled.
//!
//! Nothing is spent here: an invitation is used up where what it led to is [kept](crate::transaction::Keep). Wrong ones are
//! charged like wrong codes.

use super::{Decision, Refusal, Try, Verdict, nothing_enrolled, refuse_after_the_same_work, shut};
use crate::answer::Answer;
use crate::state::{Integrity, Ticket};
use crate::store::Record;
use crate::throttle::Gate;
use crate::time::Time;

/// Decides about an answer where nothing is enrolled.
pub(super) fn invitation(record: &Record, attempt: &Try<'_>, now: Time) -> Decision {
    let (Some(ticket), Answer::BackupCode(_)) = (open_invitation(record), attempt.answer) else {
        return refuse_after_the_same_work(attempt, nothing_enrolled(record));
    };
    let digest = match attempt.digest {
        Some(made) if made.salt == ticket.salt && made.cost == Ticket::COST => &made.digest,
        _ => return Decision::NeedsDigest(ticket.salt, Ticket::COST),
    };
    let throttle = &attempt.rules.throttle;
    let mut state = record.state.clone();
    let must_write = state.settle_places(now);
    let refusal = match shut(&state, throttle, attempt.place, now) {
        None if !ticket.matches(digest) => {
            throttle.charge(&mut state, attempt.place, now);
            let locked_for = match throttle.gate(&state, attempt.place, now) {
                Gate::Locked { remaining } => remaining,
                Gate::Open | Gate::ShareUsedUp | Gate::Disabled => 0,
            };
            let wrong = Verdict::Refused(Refusal::Wrong { locked_for });
            return Decision::Answer(wrong, Some(state));
        }
        None if ticket.is_expired(now) => Some(Refusal::InvitationOver),
        shut => shut,
    };
    let verdict = refusal.map_or(Verdict::Invited(ticket.id), Verdict::Refused);
    Decision::Answer(verdict, must_write.then_some(state))
}

/// The open invitation. In a state that may be old it may have been used or withdrawn since.
pub(crate) fn open_invitation(record: &Record) -> Option<&Ticket> {
    let is_sure = record.is_vacant() && record.state.integrity == Integrity::Whole;
    record.state.ticket.as_ref().filter(|_| is_sure)
}
