//! Invitations: a ticket that lets somebody who is not enrolled enroll themselves inside a login, once and for a while.
//!
//! It has a backup code's shape, so that it is typed where codes are typed, is kept as a digest, and stands in a state without an
//! enrollment. Taking it is the login's business; here it is handed out and taken back.

use super::{Transaction, vacant_state};
use crate::backup_codes::{BackupCode, BackupCodeError, Salt};
use crate::check::{Fault, Rules};
use crate::id::Id;
use crate::state::{Standing, State, Ticket};
use crate::store::{Change, Record};
use crate::time::Time;

/// Makes a ticket that holds until `expires`. What is to be typed comes back beside it, to be shown once.
pub fn make_ticket(expires: Time) -> Result<(Ticket, BackupCode), BackupCodeError> {
    let code = BackupCode::generate()?;
    let salt = Salt::generate()?;
    let ticket = Ticket {
        id: Id::new()?,
        salt,
        digest: code.digest(&salt, Ticket::COST)?,
        expires,
    };
    Ok((ticket, code))
}

/// Gives somebody who is not enrolled a ticket. One from before ends, and wrong ones typed before are forgotten.
#[derive(Debug)]
pub struct Invite<'a> {
    /// The ticket.
    pub ticket: Ticket,
    /// The administrator's rules.
    pub rules: &'a Rules,
}

/// What became of an invitation from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// There was none, or it had expired.
    None,
    /// It ended.
    Ended,
}

/// Why somebody was not invited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotInvited {
    /// A ticket would open a way around what is enrolled.
    #[error("a second factor is enrolled already")]
    Enrolled,
    /// There is half a record, and a ticket in its place would make the other half worthless.
    #[error("{}", Fault::EnrollmentLost)]
    EnrollmentLost,
}

impl Transaction for Invite<'_> {
    type Outcome = Result<Earlier, NotInvited>;

    fn apply(&mut self, record: &Record, now: Time) -> (Self::Outcome, Change) {
        if record.enrollment.is_some() {
            return (Err(NotInvited::Enrolled), Change::Nothing);
        }
        if !record.is_vacant() {
            return (Err(NotInvited::EnrollmentLost), Change::Nothing);
        }
        let mut state = vacant_state(record, self.rules, now);
        state.clear_failures();
        let earlier = match state.ticket.replace(self.ticket.clone()) {
            Some(earlier) if !earlier.is_expired(now) => Earlier::Ended,
            Some(_) | None => Earlier::None,
        };
        (Ok(earlier), Change::State(state))
    }
}

/// Takes an invitation back.
#[derive(Debug)]
pub struct CancelInvite<'a> {
    /// The administrator's rules.
    pub rules: &'a Rules,
}

/// There is no invitation to take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no invitation")]
pub struct NoInvitation;

impl Transaction for CancelInvite<'_> {
    type Outcome = Result<(), NoInvitation>;

    fn apply(&mut self, record: &Record, now: Time) -> (Self::Outcome, Change) {
        if record.state.ticket.is_none() || record.enrollment.is_some() {
            return (Err(NoInvitation), Change::Nothing);
        }
        let mut state = vacant_state(record, self.rules, now);
        state.ticket = None;
        let alone = State {
            standing: Standing::Alone,
            ..State::default()
        };
        let change = if state == alone {
            // What is left would say nothing: it goes, and a tombstone stays.
            Change::Remove
        } else {
            Change::State(state)
        };
        (Ok(()), change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Bucket, Closed};
    use crate::testing::{NOW, RULES};
    use crate::transaction::tests::{apply, enrolled};

    fn ticket() -> Ticket {
        make_ticket(NOW.plus(3600)).unwrap().0
    }

    fn invite(record: &mut Record, ticket: Ticket) -> Result<Earlier, NotInvited> {
        let rules = &RULES;
        apply(record, Invite { ticket, rules })
    }

    fn cancel(record: &mut Record) -> Result<(), NoInvitation> {
        apply(record, CancelInvite { rules: &RULES })
    }

    fn invited() -> Record {
        let mut record = Record::default();
        assert_eq!(invite(&mut record, ticket()), Ok(Earlier::None));
        record
    }

    #[test]
    fn a_ticket_is_known_by_what_is_typed_and_by_nothing_else() {
        let (one, code) = make_ticket(NOW).unwrap();
        let (other, _) = make_ticket(NOW).unwrap();
        let typed = BackupCode::parse(&code.grouped().replace('-', "").to_lowercase()).unwrap();
        let digest = |ticket: &Ticket| typed.digest(&ticket.salt, Ticket::COST).unwrap();
        assert!(one.matches(&digest(&one)));
        assert!(!other.matches(&digest(&other)));
        assert_ne!((one.id, one.salt), (other.id, other.salt));
        let kept = format!("{one:?}");
        assert!(!kept.contains(code.symbols()), "{kept}");
    }

    #[test]
    fn an_invitation_stands_alone_and_another_one_ends_it() {
        let mut record = invited();
        assert_eq!(record.state.standing, Standing::Alone);
        let first = record.state.ticket.clone().unwrap();
        // Somebody typed wrong tickets.
        record.state.elsewhere = Bucket {
            failures: 60,
            since: NOW,
        };
        record.state.closed = Closed::Yes;
        let second = ticket();
        assert_eq!(invite(&mut record, second.clone()), Ok(Earlier::Ended));
        assert_ne!(record.state.ticket, Some(first));
        assert_eq!(record.state.ticket, Some(second));
        assert_eq!(record.state.elsewhere, Bucket::default());
        // Whom an administrator closed is not opened by the way.
        assert_eq!(record.state.closed, Closed::Yes);
    }

    #[test]
    fn an_invitation_that_expired_does_not_end_once_more() {
        let mut record = invited();
        if let Some(ticket) = &mut record.state.ticket {
            ticket.expires = NOW;
        }
        assert_eq!(invite(&mut record, ticket()), Ok(Earlier::None));
    }

    #[test]
    fn whoever_is_enrolled_or_lost_half_a_record_is_not_invited() {
        let lost = Record {
            enrollment: None,
            ..enrolled()
        };
        for (mut record, why) in [
            (enrolled(), NotInvited::Enrolled),
            (lost, NotInvited::EnrollmentLost),
        ] {
            let before = record.state.clone();
            assert_eq!(invite(&mut record, ticket()), Err(why));
            assert_eq!(record.state, before);
            assert_eq!(cancel(&mut record), Err(NoInvitation));
        }
    }

    #[test]
    fn an_invitation_that_is_taken_back_leaves_nothing_but_a_lock() {
        let mut record = invited();
        assert_eq!(cancel(&mut record), Ok(()));
        assert!(record.is_empty());
        assert_eq!(cancel(&mut record), Err(NoInvitation));

        let mut record = invited();
        record.state.closed = Closed::Yes;
        assert_eq!(cancel(&mut record), Ok(()));
        assert_eq!(
            (record.state.closed, record.state.ticket),
            (Closed::Yes, None)
        );
    }
}
