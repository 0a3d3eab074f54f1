//! Invitations as the answers of somebody who is not enrolled.

use super::*;
use crate::state::{Closed, Standing};

/// From where the answers come.
const FROM: Place = Place::Local(7);

fn digest(digit: char) -> Digest {
    Digest::parse(&digit.to_string().repeat(64)).unwrap()
}

fn ticket() -> Ticket {
    Ticket {
        id: Id::from_bytes([3; 16]),
        salt: Salt::from_bytes([4; 16]),
        digest: digest('1'),
        expires: NOW.plus(1_000_000),
    }
}

/// Somebody who is not enrolled, and has this ticket.
fn invited() -> Record {
    let state = State {
        standing: Standing::Alone,
        ticket: Some(ticket()),
        ..State::default()
    };
    Record {
        state,
        ..Record::default()
    }
}

/// Decides about an answer with this digest, and keeps what is to be kept.
fn answer(record: &mut Record, digit: char, now: Time) -> Verdict {
    let made = SaltedDigest {
        salt: ticket().salt,
        cost: Ticket::COST,
        digest: digest(digit),
    };
    match decide_on(record, "3467-9CFH-JKMR-TWXY-3467", Some(&made), now) {
        Decision::Answer(verdict, state) => {
            if let Some(state) = state {
                record.state = state;
            }
            verdict
        }
        Decision::NeedsDigest(..) => panic!("the digest was there"),
    }
}

fn decide_on(record: &Record, text: &str, digest: Option<&SaltedDigest>, now: Time) -> Decision {
    decide_where(Invitations::Taken, record, text, digest, now)
}

fn decide_where(
    invitations: Invitations,
    record: &Record,
    text: &str,
    digest: Option<&SaltedDigest>,
    now: Time,
) -> Decision {
    let answer = Answer::parse(text.as_bytes()).unwrap();
    let attempt = Try {
        place: FROM,
        digest,
        invitations,
        ..a_try(&answer)
    };
    check(record, &attempt, now)
}

const RIGHT: char = '1';
const WRONG: char = '2';

#[test]
fn the_right_one_invites_and_is_not_used_up_by_it() {
    let mut record = invited();
    let before = record.state.clone();
    for _ in 0..2 {
        assert_eq!(
            answer(&mut record, RIGHT, NOW),
            Verdict::Invited(ticket().id)
        );
        assert_eq!(record.state, before);
    }
}

#[test]
fn wrong_ones_are_charged_like_codes_and_tries_during_the_lock_are_not() {
    let mut record = invited();
    for locked_for in [0, 0, 0, 0, 0, 30] {
        assert_eq!(
            answer(&mut record, WRONG, NOW),
            Verdict::Refused(Refusal::Wrong { locked_for })
        );
    }
    for digit in [WRONG, RIGHT] {
        assert_eq!(
            answer(&mut record, digit, NOW.plus(29)),
            Verdict::Refused(Refusal::Locked { remaining: 1 })
        );
    }
    assert_eq!(record.state.elsewhere.failures, 6);
    assert_eq!(record.state.wrong.count, 6);
    assert_eq!(
        answer(&mut record, RIGHT, NOW.plus(30)),
        Verdict::Invited(ticket().id)
    );
    // It opened no door, so nothing is forgiven.
    assert_eq!(record.state.elsewhere.failures, 6);
}

#[test]
fn sixty_wrong_ones_shut_it_until_an_administrator_opens_it() {
    let mut record = invited();
    let mut now = NOW;
    for _ in 0..60 {
        let verdict = answer(&mut record, WRONG, now);
        assert!(
            matches!(verdict, Verdict::Refused(Refusal::Wrong { .. })),
            "{verdict:?}"
        );
        now = now.plus(900);
    }
    for digit in [WRONG, RIGHT] {
        assert_eq!(
            answer(&mut record, digit, now.plus(100_000)),
            Verdict::Refused(Refusal::ShareUsedUp)
        );
    }
    assert_eq!(record.state.elsewhere.failures, 60);
    record.state.clear_failures();
    assert_eq!(
        answer(&mut record, RIGHT, now),
        Verdict::Invited(ticket().id)
    );
}

#[test]
fn a_lock_that_would_begin_in_the_future_begins_now() {
    let mut record = invited();
    record.state.elsewhere = Bucket {
        failures: 6,
        since: NOW.plus(86_400),
    };
    assert_eq!(
        answer(&mut record, RIGHT, NOW),
        Verdict::Refused(Refusal::Locked { remaining: 30 })
    );
    assert_eq!(record.state.elsewhere.since, NOW);
    assert_eq!(
        answer(&mut record, RIGHT, NOW.plus(30)),
        Verdict::Invited(ticket().id)
    );
}

#[test]
fn digits_are_no_invitation_and_not_charged() {
    let record = invited();
    let decision = decide_on(&record, "123456", None, NOW);
    let Decision::Answer(Verdict::Refused(Refusal::NotEnrolled), None) = decision else {
        panic!("{decision:?}")
    };
}

#[test]
fn one_that_expired_is_said_to_be_over_to_whoever_has_it_and_to_nobody_else() {
    let mut record = invited();
    let end = ticket().expires;
    let last = Time::from_unix(end.unix() - 1);
    assert_eq!(
        answer(&mut record, RIGHT, last),
        Verdict::Invited(ticket().id)
    );
    assert_eq!(
        answer(&mut record, RIGHT, end),
        Verdict::Refused(Refusal::InvitationOver)
    );
    assert_eq!(record.state.elsewhere.failures, 0);
    assert_eq!(
        answer(&mut record, WRONG, end),
        Verdict::Refused(Refusal::Wrong { locked_for: 0 })
    );
    assert_eq!(record.state.elsewhere.failures, 1);
}

#[test]
fn in_a_state_that_may_be_old_it_is_none_and_costs_what_it_costs_elsewhere() {
    for doubt in [
        (|record| record.state.integrity = Integrity::OneSlotBad) as fn(&mut Record),
        |record| record.state.integrity = Integrity::Copied,
        |record| record.state.integrity = Integrity::Lost,
        // Half a record.
        |record| record.state.standing = Standing::Beside,
    ] {
        let mut record = invited();
        doubt(&mut record);
        let before = record.state.clone();
        assert!(matches!(
            decide_on(&record, "3467-9CFH-JKMR-TWXY-3467", None, NOW),
            Decision::NeedsDigest(_, Cost::DEFAULT)
        ));
        assert_eq!(
            answer(&mut record, RIGHT, NOW),
            Verdict::Refused(Refusal::NotEnrolled)
        );
        assert_eq!(record.state, before, "nothing is charged");
    }
}

#[test]
fn somebody_who_is_closed_is_refused_and_not_charged() {
    let mut record = invited();
    record.state.closed = Closed::Yes;
    for digit in [RIGHT, WRONG] {
        assert_eq!(
            answer(&mut record, digit, NOW),
            Verdict::Refused(Refusal::Closed)
        );
    }
    assert_eq!(record.state.elsewhere.failures, 0);
}

#[test]
fn where_none_is_taken_the_right_one_is_an_answer_like_any_other() {
    let record = invited();
    let text = "3467-9CFH-JKMR-TWXY-3467";
    let decide = |digest| decide_where(Invitations::NotTaken, &record, text, digest, NOW);
    let Decision::NeedsDigest(salt, cost) = decide(None) else {
        panic!("it is less work")
    };
    assert_eq!(cost, Cost::DEFAULT);
    let made = SaltedDigest {
        salt,
        cost,
        digest: digest(RIGHT),
    };
    assert!(matches!(
        decide(Some(&made)),
        Decision::Answer(Verdict::Refused(Refusal::NotEnrolled), None)
    ));
}

#[test]
fn a_digest_of_another_salt_is_not_compared() {
    // It was made for the invitation before this one.
    let made = SaltedDigest {
        salt: Salt::from_bytes([9; 16]),
        cost: Ticket::COST,
        digest: digest(RIGHT),
    };
    let decision = decide_on(&invited(), "3467-9CFH-JKMR-TWXY-3467", Some(&made), NOW);
    let Decision::NeedsDigest(salt, Ticket::COST) = decision else {
        panic!("{decision:?}")
    };
    assert_eq!(salt, ticket().salt);
}

#[test]
fn beside_an_enrollment_there_is_no_invitation() {
    let mut person = Person::enrolled();
    person.record.state.ticket = Some(ticket());
    assert_eq!(
        answer_enrolled(&mut person),
        Verdict::Refused(Refusal::Wrong { locked_for: 0 })
    );
}

/// The right ticket, typed by somebody who is enrolled by now.
fn answer_enrolled(person: &mut Person) -> Verdict {
    let set = person.record.enrollment.as_ref().unwrap();
    let set = set.backup_codes.as_ref().unwrap();
    let made = SaltedDigest {
        salt: set.salt,
        cost: set.cost,
        digest: digest(RIGHT),
    };
    let text = "3467-9CFH-JKMR-TWXY-3467";
    match decide_on(&person.record, text, Some(&made), NOW) {
        Decision::Answer(verdict, _) => verdict,
        Decision::NeedsDigest(..) => panic!("the digest was there"),
    }
}
