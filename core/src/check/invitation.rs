//! Whether an answer is the open invitation of somebody who is not enrolled.
//!
//! Nothing is spent here: an invitation is used up where what it led to is [kept](crate::transaction::Keep). Wrong ones are
//! charged like wrong codes.

use super::{
    Decision, Refusal, Try, Verdict, charge, nothing_enrolled, refuse_after_the_same_work, shut,
};
use crate::answer::Answer;
use crate::state::{Integrity, Ticket};
use crate::store::Record;
use crate::time::Time;

/// Decides about an answer where nothing is enrolled.
pub(super) fn invitation(record: &Record, attempt: &Try<'_>, now: Time) -> Decision {
    let (Some(ticket), Answer::BackupCode(_)) = (known_ticket(record), attempt.answer) else {
        return refuse_after_the_same_work(attempt, nothing_enrolled(record));
    };
    let Some(digest) = attempt.digest_under(&ticket.salt, Ticket::COST) else {
        return Decision::NeedsDigest(ticket.salt, Ticket::COST);
    };
    let mut state = record.state.clone();
    let must_write = state.settle_places(now);
    let refusal = match shut(&state, &attempt.rules.throttle, attempt.place, now) {
        None if !ticket.matches(digest) => return charge(state, attempt, now),
        None if ticket.is_expired(now) => Some(Refusal::InvitationOver),
        shut => shut,
    };
    let verdict = refusal.map_or(Verdict::Invited(ticket.id), Verdict::Refused);
    Decision::Answer(verdict, must_write.then_some(state))
}

/// The invitation, also one that expired. In a state that may be old it may have been used or withdrawn since.
fn known_ticket(record: &Record) -> Option<&Ticket> {
    let is_sure = record.is_vacant() && record.state.integrity == Integrity::Whole;
    record.state.ticket.as_ref().filter(|_| is_sure)
}
