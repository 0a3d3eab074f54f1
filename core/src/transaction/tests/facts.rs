//! What every change makes of trust, drift, counters, waiting, closing, and of a state that stands alone.

use super::*;
use crate::backup_codes::{Digest, Salt};
use crate::config::ServiceName;
use crate::scratch_codes::ScratchCodes;
use crate::state::{Closed, Resync, Ticket};
use crate::token::{Counter, Drift, Step};

const PLACE: Place = Place::Local(1);

fn counting(number: u8, label: &str) -> Token {
    Token {
        kind: Kind::Hotp {
            counter: Counter::ZERO,
        },
        ..token(number, label)
    }
}

/// A time-based and a counter-based token.
fn both_kinds() -> Record {
    let mut record = Record::default();
    let tokens = vec![token(1, "phone"), counting(2, "key")];
    apply(&mut record, enroll(tokens, Existing::Keep));
    record
}

fn counter(number: u64) -> String {
    counting(2, "key").code_at(Step(number)).to_string()
}

fn ticket() -> Ticket {
    Ticket {
        id: Id::from_bytes([7; 16]),
        salt: Salt::from_bytes([8; 16]),
        digest: Digest::parse(&"9".repeat(64)).unwrap(),
        expires: NOW.plus(60),
    }
}

fn alone() -> Record {
    Record {
        state: State {
            standing: Standing::Alone,
            ticket: Some(ticket()),
            ..State::default()
        },
        ..Record::default()
    }
}

#[test]
fn every_change_of_an_enrollment_forgets_trusted_places() {
    let changes: [fn(&mut Record); 4] = [
        |record| {
            apply(record, enroll(vec![token(3, "new")], Existing::Replace));
        },
        |record| {
            let codes = set();
            let rules = &RULES;
            apply(record, RenewCodes { codes, rules }).unwrap();
        },
        |record| {
            let label = Some(Label::parse("key").unwrap());
            let rules = &RULES;
            apply(record, Remove { label, rules }).unwrap();
        },
        |record| {
            let token = token(3, "new");
            let (uid, proved, rules) = (1000, None, &RULES);
            let add = AddToken {
                uid,
                token,
                proved,
                rules,
            };
            apply(record, add).unwrap();
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut record = both_kinds();
        let sshd = ServiceName::known("sshd");
        record.state.note_trust(&sshd, PLACE, NOW);
        change(&mut record);
        assert!(record.state.trusted.is_empty(), "{number}");
    }
}

#[test]
fn after_a_restored_backup_unlocking_lets_counters_open_and_tokens_be_resynchronised_again() {
    let mut record = both_kinds();
    record.state.integrity = Integrity::Copied;
    assert_eq!(
        answer(&mut record, &counter(0)),
        Verdict::Refused(Refusal::TokenWaits)
    );
    record.state.resync = Some(Resync {
        token: Id::from_bytes([1; 16]),
        step: Step(1),
        place: PLACE,
    });
    assert_eq!(unlock(&mut record, Mend::Locks), Ok(Unlocked::Released));
    assert_eq!(unlock(&mut record, Mend::Locks), Ok(Unlocked::Done));
    assert!(!record.state.may_be_old());
    assert_eq!(record.state.resync, None);
    assert!(matches!(
        answer(&mut record, &counter(0)),
        Verdict::Accepted(_)
    ));
}

#[test]
fn new_backup_codes_do_not_wait_but_the_tokens_go_on_waiting() {
    let mut record = both_kinds();
    record.state.integrity = Integrity::Copied;
    let (codes, rules) = (set(), &RULES);
    apply(&mut record, RenewCodes { codes, rules }).unwrap();
    record.state.keep_only(record.enrollment.as_ref());
    assert_eq!(record.state.waiting, None);
    assert!(record.state.may_be_old());
    let later = Period::THIRTY.step_at(NOW).plus(5);
    for step in [later, later.plus(1)] {
        let verdict = answer(&mut record, &token(1, "x").code_at(step));
        assert!(matches!(verdict, Verdict::Refused(Refusal::Wrong { .. })));
    }
}

#[test]
fn a_fresh_state_holds_every_counter_for_used() {
    let mut record = both_kinds();
    record.state.integrity = Integrity::Lost;
    assert_eq!(unlock(&mut record, Mend::FreshState), Ok(Unlocked::Done));
    for number in [0, 1, 9] {
        let verdict = answer(&mut record, &counter(number));
        assert!(matches!(verdict, Verdict::Refused(Refusal::Wrong { .. })));
    }
    assert_eq!(unlock(&mut record, Mend::Clock), Ok(Unlocked::Done));
    assert_eq!(record.state.tokens[1].last_step, Some(Step(u64::MAX)));
}

#[test]
fn what_a_clock_that_was_wrong_taught_is_forgotten_with_it_and_no_counter_is() {
    let mut record = both_kinds();
    let step = Period::THIRTY.step_at(NOW);
    record.state.tokens[0].drift = Drift::new(7).unwrap();
    record.state.tokens[0].last_step = Some(step.plus(1_000_000));
    record.state.tokens[1].last_step = Some(Step(5));
    assert_eq!(unlock(&mut record, Mend::Clock), Ok(Unlocked::Done));
    let known = &record.state.tokens;
    assert_eq!(known[0].drift, Drift::NONE);
    // With the drift, this was the last that could have been used.
    assert_eq!(known[0].last_step, Some(step.plus(8)));
    assert_eq!(known[1].last_step, Some(Step(5)));
}

#[test]
fn what_an_administrator_closed_opens_with_unlocking_and_with_nothing_else() {
    let mut record = both_kinds();
    record.state.closed = Closed::Yes;
    apply(&mut record, enroll(vec![token(3, "x")], Existing::Replace));
    for mend in [Mend::Clock, Mend::FreshState] {
        unlock(&mut record, mend).unwrap();
        assert_eq!(record.state.closed, Closed::Yes, "{mend:?}");
    }
    unlock(&mut record, Mend::Locks).unwrap();
    assert_eq!(record.state.closed, Closed::No);
}

#[test]
fn a_state_that_stands_alone_is_of_nobody_who_is_enrolled_and_an_invitation_ends_with_enrolling() {
    let mut record = alone();
    assert!(record.is_vacant() && !record.is_empty());
    assert_eq!(
        answer(&mut record, &code(1)),
        Verdict::Refused(Refusal::NotEnrolled)
    );
    record.state.elsewhere.failures = 7;
    apply(&mut record, enroll(vec![token(1, "phone")], Existing::Keep));
    assert_eq!(record.state.ticket, None);
    assert_eq!(record.state.elsewhere.failures, 7, "locks outlive it");
}

#[test]
fn of_somebody_who_is_not_enrolled_locks_open_and_the_invitation_stays() {
    let mut record = alone();
    record.state.closed = Closed::Yes;
    record.state.elsewhere.failures = 60;
    assert_eq!(record.state.open_ticket(NOW), None);
    assert_eq!(unlock(&mut record, Mend::Locks), Ok(Unlocked::Done));
    assert_eq!(record.state.elsewhere.failures, 0);
    assert_eq!(record.state.open_ticket(NOW), Some(&ticket()));
    assert_eq!(record.state.open_ticket(NOW.plus(60)), None);
    let nothing = Err(NothingThere::NotEnrolled);
    assert_eq!(unlock(&mut record, Mend::FreshState), nothing);
}

#[test]
fn an_invitation_that_may_have_been_used_opens_nothing_and_goes() {
    for found in [Integrity::OneSlotBad, Integrity::Copied] {
        let mut record = alone();
        record.state.integrity = found;
        assert_eq!(record.state.open_ticket(NOW), None, "{found:?}");
        unlock(&mut record, Mend::Locks).unwrap();
        assert_eq!(record.state.ticket, None, "{found:?}");
    }
}

#[test]
fn an_enrolling_that_was_cut_off_at_its_last_write_is_whole_and_its_invitation_spent() {
    let mut record = both_kinds();
    record.state.standing = Standing::Alone;
    record.state.ticket = Some(ticket());
    assert!(matches!(
        answer(&mut record, &code(1)),
        Verdict::Accepted(_)
    ));
    assert_eq!(record.state.standing, Standing::Beside);
    assert_eq!(record.state.ticket, None);
}

#[test]
fn after_a_restored_backup_unlocking_says_that_scratch_codes_open_again_that_may_have_been_used() {
    let mut record = enrolled();
    let enrollment = record.enrollment.as_mut().unwrap();
    let set = enrollment.backup_codes.take().unwrap();
    enrollment.scratch_codes = Some(ScratchCodes {
        set,
        expires: NOW.plus(30 * 24 * 60 * 60),
    });
    record.state.integrity = Integrity::Copied;
    assert_eq!(unlock(&mut record, Mend::Locks), Ok(Unlocked::Released));
    assert_eq!(unlock(&mut record, Mend::Locks), Ok(Unlocked::Done));
}
