//! States that stand alone, and what else must be in both slots, cut off at every change of the disk.

use super::*;
use crate::backup_codes::{Digest, Salt};
use crate::safe_file::planted::{self, Plan};
use crate::state::{Closed, Standing, Ticket, TokenState};
use crate::store::Past;
use crate::token::{Counter, Drift, Step};

fn invitation() -> State {
    State {
        standing: Standing::Alone,
        ticket: Some(Ticket {
            id: Id::from_bytes([7; 16]),
            salt: Salt::from_bytes([8; 16]),
            digest: Digest::parse(&"9".repeat(64)).unwrap(),
            expires: Time::from_unix(u64::MAX),
        }),
        ..state(4)
    }
}

/// What an enrolling leaves, in which the invitation is spent.
fn enrolling() -> Change {
    let enrollment = enrollment("alice");
    let state = State {
        tokens: vec![TokenState::new(enrollment.tokens[0].id)],
        standing: Standing::Alone,
        ..state(4)
    };
    Change::Enrollment(enrollment, state)
}

/// Does something on the way of which it is killed after so many changes of the disk. Says whether that was noticed.
fn killed(house: &House, change: Change, after: u8) -> bool {
    planted::plant(Plan {
        crash_after: Some(after),
        ..Plan::default()
    });
    let done = house.change(change);
    let crashed = planted::crashed();
    planted::plant(Plan::default());
    assert!(crashed || done.is_ok());
    done.is_err()
}

fn has_open_ticket(record: &Record) -> bool {
    record.state.open_ticket(Time::from_unix(0)).is_some()
}

#[test]
fn a_state_that_stands_alone_counts_whether_or_not_somebody_was_removed_before() {
    let house = House::new();
    house.change(Change::State(invitation())).unwrap();
    let record = house.look();
    assert!(record.is_vacant() && has_open_ticket(&record));
    assert_eq!(record.past, Past::Never);

    let house = House::with_alice();
    assert_eq!(house.look().past, Past::Never);
    house.change(Change::Remove).unwrap();
    assert_eq!(house.look().past, Past::Removed);
    house.change(Change::State(invitation())).unwrap();
    let record = house.look();
    assert!(record.is_vacant() && has_open_ticket(&record));
    assert_eq!(record.past, Past::Removed);
    house.change(Change::Remove).unwrap();
    assert!(house.look().is_empty());
    assert_eq!(house.look().past, Past::Removed);
}

#[test]
fn somebody_with_an_invitation_is_enrolled_or_still_has_it_wherever_the_enrolling_is_cut_off() {
    for removed_before in [false, true] {
        let mut seen = [0; 2];
        for after in 0.. {
            let house = if removed_before {
                House::with_alice()
            } else {
                House::new()
            };
            if removed_before {
                house.change(Change::Remove).unwrap();
            }
            house.change(Change::State(invitation())).unwrap();
            let crashed = killed(&house, enrolling(), after);

            let record = house.look();
            assert_eq!(record.state.elsewhere.failures, 4);
            assert_eq!(record.state.integrity, Integrity::Whole);
            match &record.enrollment {
                None => {
                    assert!(crashed && record.is_vacant() && has_open_ticket(&record));
                    seen[0] += 1;
                }
                Some(enrollment) => {
                    assert!(record.state.token(enrollment.tokens[0].id).is_some());
                    let mut state = record.state.clone();
                    state.keep_only(Some(enrollment));
                    assert_eq!(state.ticket, None);
                    seen[1] += 1;
                }
            }
            if !crashed {
                assert_eq!(record.state.standing, Standing::Beside);
                assert!(!house.is_removed());
                break;
            }
            // Whatever was left, it can be done again.
            house.change(enrolling()).unwrap();
            assert_eq!(house.look().state.standing, Standing::Beside);
        }
        assert!(seen[0] > 2 && seen[1] > 2, "{seen:?}");
    }
}

#[test]
fn an_invitation_that_was_spent_does_not_come_back_when_an_enrolling_and_a_removal_are_both_cut_off()
 {
    let mut ways = 0;
    for enrolled_after in 0.. {
        let mut is_over = false;
        for removed_after in 0.. {
            let house = House::new();
            house.change(Change::State(invitation())).unwrap();
            is_over = !killed(&house, enrolling(), enrolled_after);
            if house.look().enrollment.is_none() {
                break;
            }
            let crashed = killed(&house, Change::Remove, removed_after);
            let record = house.look();
            assert!(
                record.enrollment.is_some() || !has_open_ticket(&record),
                "{enrolled_after} {removed_after}"
            );
            ways += 1;
            if !crashed {
                assert!(record.is_empty());
                break;
            }
        }
        if is_over {
            break;
        }
    }
    assert!(ways > 10, "{ways}");
}

#[test]
fn what_opens_only_once_and_no_clock_tells_stands_in_both_slots() {
    let house = House::new();
    let mut enrollment = enrollment("alice");
    enrollment.tokens[0].kind = Kind::Hotp {
        counter: Counter::ZERO,
    };
    let id = enrollment.tokens[0].id;
    let known = State {
        tokens: vec![TokenState::new(id)],
        ticket: invitation().ticket,
        ..state(0)
    };
    house
        .change(Change::Enrollment(enrollment, known.clone()))
        .unwrap();
    let changes: [fn(&mut State); 4] = [
        |state| state.tokens[0].last_step = Some(Step(9)),
        |state| state.tokens[0].drift = Drift::new(3).unwrap(),
        |state| state.ticket = None,
        |state| state.closed = Closed::Yes,
    ];
    let mut expected = known;
    for (number, change) in changes.into_iter().enumerate() {
        change(&mut expected);
        house.change(Change::State(expected.clone())).unwrap();
        let whole = fs::read(house.state()).unwrap();
        for slot in [0, slots::SLOT] {
            let mut bytes = whole.clone();
            bytes[slot] ^= 1;
            // In place: it stays the same file.
            fs::write(house.state(), &bytes).unwrap();
            let mut state = house.look().state;
            assert_eq!(state.integrity, Integrity::OneSlotBad);
            state.integrity = Integrity::Whole;
            assert_eq!(state, expected, "{number}, slot at {slot}");
        }
        fs::write(house.state(), &whole).unwrap();
    }
}

#[test]
fn whoever_has_nothing_of_version_2_has_files_of_version_1() {
    let house = House::new();
    let versions = |house: &House| {
        let bytes = fs::read(house.state()).unwrap();
        (bytes[8], bytes[slots::SLOT + 8])
    };
    house.change(Change::State(invitation())).unwrap();
    assert_eq!(versions(&house), (2, 2));
    house.change(enrolling()).unwrap();
    assert_eq!(versions(&house), (1, 1));
    let text = fs::read_to_string(house.file("enrollment.toml")).unwrap();
    assert!(text.contains("\nversion = 1\n"));
}
