//! What an enrollment inside a login leaves, and when it is not kept.

use super::*;
use crate::at_login::{Prepared, Whence};
use crate::backup_codes::{Digest, Salt};
use crate::state::{Ticket, Usable};
use crate::store::Past;
use crate::transaction::{Close, Keep, NotKept};

const HERE: Place = Place::Local(5);

/// A new token and codes, proved by the code of now.
fn prepared(ticket: Option<Id>, trust: Option<ServiceName>) -> Prepared {
    let token = token(4, "phone");
    Prepared {
        proved: TokenState {
            last_step: Some(Period::THIRTY.step_at(NOW)),
            ..TokenState::new(token.id)
        },
        enrollment: enrollment(vec![token]),
        ticket,
        from: Whence { place: HERE, trust },
    }
}

fn keep(record: &mut Record, prepared: &Prepared) -> Result<(), NotKept> {
    let rules = &RULES;
    apply(record, Keep { prepared, rules })
}

fn ticket(number: u8) -> Ticket {
    Ticket {
        id: Id::from_bytes([number; 16]),
        salt: Salt::from_bytes([number; 16]),
        digest: Digest::parse(&"9".repeat(64)).unwrap(),
        expires: NOW.plus(1),
    }
}

/// Somebody who is not enrolled, and perhaps invited.
fn vacant(ticket: Option<Ticket>) -> Record {
    let state = State {
        standing: Standing::Alone,
        ticket,
        ..State::default()
    };
    Record {
        state,
        ..Record::default()
    }
}

/// It is not kept, for this reason, and nothing changes.
fn is_not_kept(mut record: Record, prepared: &Prepared, reason: NotKept) {
    let before = record.clone();
    assert_eq!(keep(&mut record, prepared), Err(reason));
    assert_eq!(record.state, before.state);
    let text = |record: &Record| record.enrollment.as_ref().map(Enrollment::to_toml);
    assert_eq!(text(&record), text(&before));
}

#[test]
fn what_was_proved_is_kept_and_its_code_and_its_place_with_it() {
    for mut record in [Record::default(), vacant(None), vacant(Some(ticket(1)))] {
        let ticket = record.state.ticket.as_ref().map(|ticket| ticket.id);
        assert_eq!(keep(&mut record, &prepared(ticket, None)), Ok(()));
        assert_eq!(record.enrollment.as_ref().unwrap().tokens.len(), 1);
        assert_eq!(record.state.ticket, None);
        assert_eq!(record.state.places.len(), 1);
        assert_eq!(record.state.places[0].place, HERE);
        assert_eq!(record.state.trusted, []);
        // The code that proved it is used up.
        assert!(matches!(
            answer(&mut record, &code(4)),
            Verdict::Refused(Refusal::Replayed { .. })
        ));
        assert_eq!(
            record
                .state
                .backup_codes_left(record.enrollment.as_ref().unwrap(), NOW),
            Some(usize::from(Count::DEFAULT.get()))
        );
    }
}

#[test]
fn where_places_are_remembered_it_was_a_code_that_was_given_there() {
    let sshd = ServiceName::known("sshd");
    let mut record = vacant(None);
    // Left by one that was cut off between its state and its enrollment.
    let login = ServiceName::known("login");
    record.state.note_trust(&login, Place::Local(6), NOW);
    assert_eq!(
        keep(&mut record, &prepared(None, Some(sshd.clone()))),
        Ok(())
    );
    assert_eq!(record.state.trusted_since(&sshd, HERE), Some(NOW));
    assert_eq!(record.state.trusted.len(), 1);
}

#[test]
fn of_two_the_faster_one_is_kept() {
    let mut record = vacant(Some(ticket(1)));
    let id = Some(ticket(1).id);
    assert_eq!(keep(&mut record, &prepared(id, None)), Ok(()));
    for late in [prepared(id, None), prepared(None, None)] {
        is_not_kept(record.clone(), &late, NotKept::EnrolledMeanwhile);
    }
    // Or an administrator was.
    is_not_kept(
        enrolled(),
        &prepared(None, None),
        NotKept::EnrolledMeanwhile,
    );
}

#[test]
fn an_invitation_that_was_used_withdrawn_replaced_or_ended_keeps_nothing() {
    let by_the_first = prepared(Some(ticket(1).id), None);
    let mut ended = ticket(1);
    ended.expires = NOW;
    let mut used = vacant(Some(ticket(1)));
    assert_eq!(keep(&mut used, &by_the_first), Ok(()));
    // And an administrator took that enrollment away.
    let mut removed = vacant(None);
    removed.past = Past::Removed;
    for record in [
        Record::default(),
        vacant(None),
        vacant(Some(ticket(2))),
        vacant(Some(ended)),
        removed,
    ] {
        is_not_kept(record, &by_the_first, NotKept::InvitationGone);
    }
}

#[test]
fn in_a_state_that_may_be_old_an_invitation_keeps_nothing() {
    for integrity in [Integrity::OneSlotBad, Integrity::Copied, Integrity::Lost] {
        let mut record = vacant(Some(ticket(1)));
        record.state.integrity = integrity;
        let prepared = prepared(Some(ticket(1).id), None);
        is_not_kept(record, &prepared, NotKept::InvitationGone);
    }
}

#[test]
fn without_an_invitation_a_doubt_hurts_nobody_who_never_had_anything() {
    let mut record = vacant(Some(ticket(1)));
    record.state.integrity = Integrity::Copied;
    assert_eq!(keep(&mut record, &prepared(None, None)), Ok(()));
}

#[test]
fn whoever_was_removed_meanwhile_needs_an_invitation() {
    let mut record = vacant(Some(ticket(1)));
    record.past = Past::Removed;
    is_not_kept(
        record.clone(),
        &prepared(None, None),
        NotKept::InvitationGone,
    );
    assert_eq!(
        keep(&mut record, &prepared(Some(ticket(1).id), None)),
        Ok(())
    );
}

#[test]
fn half_a_record_is_not_covered_up() {
    let mut half = enrolled();
    half.enrollment = None;
    is_not_kept(half.clone(), &prepared(None, None), NotKept::InvitationGone);
    half.state.ticket = Some(ticket(1));
    let invited = prepared(Some(ticket(1).id), None);
    is_not_kept(half, &invited, NotKept::InvitationGone);
}

#[test]
fn whoever_is_closed_keeps_nothing() {
    for ticket in [None, Some(ticket(1))] {
        let id = ticket.as_ref().map(|ticket| ticket.id);
        let mut record = vacant(ticket);
        assert!(apply(&mut record, Close { rules: &RULES }).is_ok());
        is_not_kept(record, &prepared(id, None), NotKept::Closed);
    }
}

#[test]
fn failures_and_locks_outlive_it() {
    let locked = Bucket {
        failures: 6,
        since: NOW,
    };
    for place in [HERE, Place::Elsewhere] {
        let mut record = vacant(Some(ticket(1)));
        record.state.elsewhere = locked;
        let mut prepared = prepared(Some(ticket(1).id), None);
        prepared.from.place = place;
        assert_eq!(keep(&mut record, &prepared), Ok(()));
        assert_eq!(record.state.elsewhere, locked, "{place}");
    }
}

#[test]
fn a_name_that_is_used_again_brings_no_place_of_whoever_had_it_before() {
    let mut record = vacant(None);
    record.state.note_success(Place::Local(8), NOW);
    record.state.places[0].bucket.failures = 2;
    record.state.wrong.add(Place::Local(8));
    let mut theirs = prepared(None, None);
    theirs.enrollment.uid = 1001;
    assert_eq!(keep(&mut record, &theirs), Ok(()));
    let places: Vec<Place> = record
        .state
        .places
        .iter()
        .map(|known| known.place)
        .collect();
    assert_eq!(places, [HERE]);
    assert_eq!(record.state.wrong, WrongCodes::default());
    assert_eq!(record.state.elsewhere.failures, 2);
    assert!(
        record
            .state
            .tokens
            .iter()
            .all(|known| known.usable == Usable::Yes)
    );
    // It is theirs, and nobody else's of that name.
    assert_eq!(
        answer(&mut record, &code(4)),
        Verdict::Refused(Refusal::OtherUid)
    );
}
