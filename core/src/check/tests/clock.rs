//! Whatever the clock says, and however it is set back and forward: nothing opens twice, no lock is longer than its own length,
//! and a fault of the clock is mended by what it says.

use proptest::prelude::*;

use super::*;
use crate::transaction::{Mend, Transaction, Unlock, Unlocked};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// Where clocks break, and where somebody who sets one wrong sets it.
const MOMENTS: [u64; 22] = [
    0,
    1,
    29,
    30,
    NOW.unix() - 30 * YEAR,
    NOW.unix() - YEAR,
    NOW.unix() - DAY,
    NOW.unix() - HOUR,
    NOW.unix(),
    NOW.unix() + HOUR,
    NOW.unix() + DAY,
    NOW.unix() + YEAR,
    // 2038-01-19T03:14:07Z and the second after it; 2106-02-07T06:28:15Z and the second after it.
    (1 << 31) - 1,
    1 << 31,
    NOW.unix() + 30 * YEAR,
    (1 << 32) - 1,
    1 << 32,
    // The last second of the year 9999.
    253_402_300_799,
    i64::MAX.unsigned_abs(),
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

#[derive(Clone, Debug)]
enum Act {
    Answers { token: usize, steps: i64 },
    AnswersWrongly,
    Again(usize),
    Waits(u64),
    Sets { moment: usize, off: i64 },
    Moves(u32),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0..2_usize, -1..=1_i64).prop_map(|(token, steps)| Act::Answers { token, steps }),
        4 => Just(Act::AnswersWrongly),
        2 => (0..20_usize).prop_map(Act::Again),
        2 => (1..1000_u64).prop_map(Act::Waits),
        4 => (0..MOMENTS.len(), -90..=90_i64).prop_map(|(moment, off)| Act::Sets { moment, off }),
        1 => (0..3_u32).prop_map(Act::Moves),
    ];
    proptest::collection::vec(act, 1..80)
}

/// The step that is so many from the present one, if there is one.
fn step(now: Time, steps: i64) -> Option<Step> {
    let present = Period::THIRTY.step_at(now).0;
    present.checked_add_signed(steps).map(Step)
}

/// Whether a code was used that lies so far ahead that the clock must be wrong.
fn is_ahead(person: &Person) -> bool {
    let latest = Period::THIRTY.step_at(person.now).plus(RULES.resync_window);
    let known = &person.record.state.tokens;
    known.iter().any(|known| known.last_step > Some(latest))
}

fn tries(person: &mut Person, text: &str, opened: &mut Vec<(usize, Step)>) {
    let ahead = is_ahead(person);
    let (verdict, state) = person.decide(text);
    assert_eq!(matches!(verdict, Verdict::Unavailable(Fault::Clock)), ahead);
    if ahead {
        assert_eq!(state, None, "nothing is counted by a clock that is wrong");
    }
    let before = person.record.state.clone();
    if is_accepted(&person.answers(text)) {
        let used = (0..2).find_map(|index| {
            let last = |state: &State| state.tokens[index].last_step;
            let last_now = last(&person.record.state)?;
            (last(&before) != Some(last_now)).then_some((index, last_now))
        });
        let used = used.expect("what opened was used up");
        assert!(!opened.contains(&used), "{used:?} opened twice");
        opened.push(used);
    }
}

/// Wherever they are locked out, that is for no longer than the failures there are worth, and ends by waiting.
fn no_lock_is_too_long(person: &Person) {
    let throttle = &RULES.throttle;
    let mut state = person.record.state.clone();
    state.settle_places(person.now);
    for place in (0..3).map(Place::Local).chain([HOME, Place::Elsewhere]) {
        if let Gate::Locked { remaining } = throttle.gate(&state, place, person.now) {
            let known = state.places.iter().find(|known| known.place == place);
            let bucket = known.map_or(state.elsewhere, |known| known.bucket);
            assert!(remaining <= throttle.lock_length(bucket.failures));
            let Some(ends) = person.now.unix().checked_add(remaining) else {
                continue;
            };
            let ends = Time::from_unix(ends);
            let mut then = state.clone();
            then.settle_places(ends);
            assert!(!matches!(
                throttle.gate(&then, place, ends),
                Gate::Locked { .. }
            ));
        }
    }
}

/// After what the fault says, the code of the step after the next opens.
fn a_fault_is_mended(person: &Person) {
    let mut mended = Person {
        record: person.record.clone(),
        codes: Vec::new(),
        place: Place::Local(77),
        ..*person
    };
    let mut unlock = |mend| {
        let (unlocked, change) = Unlock {
            mend,
            rules: &RULES,
        }
        .apply(&mended.record, mended.now);
        let crate::store::Change::State(state) = change else {
            panic!("{unlocked:?}")
        };
        mended.record.state = state;
        unlocked
    };
    // Whoever is locked out too is unlocked too, in either order.
    unlock(Mend::Locks).unwrap();
    if unlock(Mend::Clock) == Ok(Unlocked::StillDisabled) {
        return;
    }
    assert!(!is_ahead(&mended));
    mended.now = mended.now.plus(2 * 30);
    if step(mended.now, 1).is_some_and(|last| last < Step(u64::MAX / 30)) {
        let code = mended.code(0);
        assert!(is_accepted(&mended.answers(&code)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn nothing_opens_twice_and_no_lock_grows_wherever_the_clock_is_set(acts in acts()) {
        let mut alice = Person::with_tokens(2);
        let mut opened = Vec::new();
        let mut said = Vec::new();
        for act in acts {
            match act {
                Act::Answers { token, steps } => {
                    let Some(step) = step(alice.now, steps) else { continue };
                    let code = alice.token(token).code_at(step).to_string();
                    tries(&mut alice, &code, &mut opened);
                    said.push(code);
                }
                Act::AnswersWrongly => tries(&mut alice, "000000", &mut opened),
                Act::Again(back) => {
                    if let Some(code) = said.iter().rev().nth(back).cloned() {
                        tries(&mut alice, &code, &mut opened);
                    }
                }
                Act::Waits(seconds) => alice.now = alice.now.plus(seconds),
                Act::Sets { moment, off } => {
                    alice.now = Time::from_unix(MOMENTS[moment].saturating_add_signed(off));
                }
                Act::Moves(place) => alice.place = Place::Local(place),
            }
            no_lock_is_too_long(&alice);
            if is_ahead(&alice) {
                a_fault_is_mended(&alice);
            }
            let state = alice.record.state.clone();
            prop_assert_eq!(State::parse(&state.to_text()), Ok(state));
        }
    }
}

#[test]
fn at_every_moment_a_code_opens_once_and_no_earlier_moment_makes_it_new() {
    let mut alice = Person::enrolled();
    let mut codes = Vec::new();
    for (index, &moment) in MOMENTS.iter().enumerate() {
        alice.now = Time::from_unix(moment);
        let code = alice.code(0);
        if alice.record.state.tokens[0].last_step >= step(alice.now, 0) {
            // It is in the step of the moment before.
            assert!(is_replay(&alice.answers(&code)), "{moment}");
            continue;
        }
        assert!(is_accepted(&alice.answers(&code)), "{moment}");
        assert!(is_replay(&alice.answers(&code)), "{moment}");
        codes.push((moment, code));
        // Back to each moment before, with the code of that moment, and forward again.
        for (earlier, code) in &codes[..codes.len() - 1] {
            alice.now = Time::from_unix(*earlier);
            let verdict = alice.answers(code);
            assert!(
                is_replay(&verdict) || matches!(verdict, Verdict::Unavailable(Fault::Clock)),
                "{index}: {verdict:?}"
            );
        }
    }
}

/// A leap second: some clocks show the second before it twice, some spread it, some show 23:59:60 as 00:00:00 and that twice.
#[test]
fn in_a_second_that_comes_twice_a_code_opens_once() {
    let midnight = NOW.unix() - NOW.unix() % DAY;
    for clock in [
        [midnight - 1, midnight - 1, midnight],
        [midnight, midnight - 1, midnight],
        [midnight, midnight, midnight + 1],
    ] {
        let mut alice = Person::enrolled();
        alice.now = Time::from_unix(clock[0]);
        let code = alice.code(0);
        assert!(is_accepted(&alice.answers(&code)));
        for now in &clock[1..] {
            alice.now = Time::from_unix(*now);
            assert!(is_replay(&alice.answers(&code)), "{clock:?}");
        }
    }
}

/// A clock that was put back by less than the resync window makes people wait for no longer than it was put back.
#[test]
fn after_a_small_step_back_the_next_code_opens_as_soon_as_it_is_later_than_the_last_one() {
    let mut alice = Person::enrolled();
    let code = alice.code(0);
    assert!(is_accepted(&alice.answers(&code)));
    alice.now = Time::from_unix(NOW.unix() - 5 * 60);
    let Verdict::Refused(Refusal::Replayed {
        next: Next::CodeIn(seconds),
    }) = ({
        let code = alice.code(0);
        alice.answers(&code)
    })
    else {
        panic!("not a replay")
    };
    assert_eq!(seconds, 5 * 60 + 30);
    alice.waits(seconds);
    let code = alice.code(0);
    assert!(is_accepted(&alice.answers(&code)));
    assert_eq!(alice.record.state.wrong.count, 0);
}

#[test]
fn a_clock_that_was_set_forward_ends_locks_and_a_place_that_nobody_came_from_for_thirty_days() {
    let mut alice = Person::enrolled();
    let code = alice.code(0);
    assert!(is_accepted(&alice.answers(&code)));
    for _ in 0..8 {
        let wrong = alice.wrong_code();
        alice.answers(&wrong);
    }
    let locked = alice.answers("000000");
    assert!(matches!(locked, Verdict::Refused(Refusal::Locked { .. })));
    alice.now = NOW.plus(YEAR);
    let code = alice.code(0);
    assert!(is_accepted(&alice.answers(&code)));
}
