//! The same functions where numbers end: every combination of the values at which a computer's numbers run over, in the times,
//! steps, counters and failures of a record that somebody may have written, under the least and the most that the configuration
//! takes. Nothing runs over (a test build panics where something does), and what was proved of small worlds holds.

use crate::answer::Answer;
use crate::check::tests::{HOME, Person, a_try};
use crate::check::{Decision, Fault, Rules, Try, Verdict, check, fault};
use crate::place::Place;
use crate::state::{Bucket, Integrity, KnownPlace, Resync, State};
use crate::store::Change;
use crate::testing::RULES;
use crate::throttle::{Gate, Throttle};
use crate::time::Time;
use crate::token::{Counter, Drift, Kind, Period, Step};
use crate::transaction::{Mend, Transaction, Unlock};

/// Where 32 and 64 bits end, signed and not, and both sides of it; and a time of this century.
const NUMBERS: [u64; 15] = [
    0,
    1,
    1_795_487_400,
    (1 << 31) - 1,
    1 << 31,
    (1 << 31) + 1,
    (1 << 32) - 1,
    1 << 32,
    (1 << 32) + 1,
    (1 << 63) - 1,
    1 << 63,
    (1 << 63) + 1,
    u64::MAX - 101,
    u64::MAX - 1,
    u64::MAX,
];

const FAILURES: [u32; 12] = [
    0,
    1,
    5,
    6,
    20,
    59,
    60,
    (1 << 31) - 1,
    1 << 31,
    (1 << 31) + 1,
    u32::MAX - 1,
    u32::MAX,
];

/// The ends of what [`crate::config`] takes.
fn throttles() -> Vec<Throttle> {
    const LOCKS: [u64; 2] = [1, 24 * 60 * 60];
    let mut all = Vec::new();
    for free_failures in [0, 20] {
        for first_lock in LOCKS {
            for longest_lock in LOCKS {
                for hard_limit in [10, 100] {
                    all.push(Throttle {
                        free_failures,
                        first_lock,
                        longest_lock,
                        hard_limit,
                    });
                }
            }
        }
    }
    all
}

/// The ends of what [`crate::config`] takes of a token's.
fn all_rules() -> impl Iterator<Item = Rules> {
    let ends = [(0, 11, 1), (10, 11, 1), (0, 100, 100), (10, 100, 100)];
    ends.into_iter()
        .map(|(window, resync_window, look_ahead)| Rules {
            window,
            resync_window,
            look_ahead,
            ..RULES
        })
}

fn drifts() -> impl Iterator<Item = Drift> {
    [-100, -1, 0, 1, 100]
        .into_iter()
        .map(|steps| Drift::new(steps).unwrap())
}

fn times() -> impl Iterator<Item = Time> {
    NUMBERS.into_iter().map(Time::from_unix)
}

/// Never, and every number.
fn last_steps() -> impl Iterator<Item = Option<Step>> {
    [None]
        .into_iter()
        .chain(NUMBERS.into_iter().map(|step| Some(Step(step))))
}

#[test]
fn no_lock_is_longer_than_the_longest_and_no_failure_is_lost_whatever_stands_in_a_state() {
    for throttle in throttles() {
        for since in times() {
            for now in times() {
                for failures in FAILURES {
                    for (at_home, elsewhere) in [(failures, 0), (0, failures), (failures, u32::MAX)]
                    {
                        fail_and_succeed(&throttle, at_home, elsewhere, since, now);
                    }
                }
            }
        }
    }
}

fn fail_and_succeed(throttle: &Throttle, at_home: u32, elsewhere: u32, since: Time, now: Time) {
    let bucket = |failures| Bucket { failures, since };
    let mut state = State {
        places: vec![KnownPlace {
            place: HOME,
            last_success: since,
            bucket: bucket(at_home),
        }],
        elsewhere: bucket(elsewhere),
        ..State::default()
    };
    state.settle_places(now);
    let is_known = !state.places.is_empty();
    for place in [HOME, Place::Elsewhere] {
        let mut after = state.clone();
        let before = throttle.gate(&after, place, now);
        throttle.charge(&mut after, place, now);
        let failures = |state: &State| match state.places.first() {
            Some(known) if place == HOME => known.bucket.failures,
            _ => state.elsewhere.failures,
        };
        assert_eq!(failures(&after), failures(&state).saturating_add(1));
        for state in [&state, &after] {
            if let Gate::Locked { remaining } = throttle.gate(state, place, now) {
                assert!(remaining <= throttle.longest_lock);
                let ends = now.plus(remaining);
                // Where time ends no lock does.
                assert!(ends.unix() == u64::MAX || throttle.gate(state, place, ends) == Gate::Open);
            }
        }
        let gate = throttle.gate(&after, place, now);
        let is_shut = |gate| matches!(gate, Gate::ShareUsedUp | Gate::Disabled);
        assert!(
            !is_shut(before) || is_shut(gate),
            "it opens by another failure"
        );
        after.note_success(place, now);
        assert_eq!(failures(&after), 0);
        if place == Place::Elsewhere && is_known {
            assert_eq!(after.places.len(), state.places.len());
        }
    }
    state.forget_places();
    let in_all = if is_known {
        at_home.saturating_add(elsewhere)
    } else {
        state.elsewhere.failures
    };
    assert_eq!(state.elsewhere.failures, in_all);
    assert!(state.elsewhere.since <= now);
}

#[test]
fn a_time_based_token_opens_with_a_later_step_near_the_present_one_and_with_no_other() {
    let mut tally = Tally::default();
    for (rules, period) in all_rules().flat_map(|rules| [(rules, 15), (rules, 120)]) {
        let period = Period::try_from(period).unwrap();
        let mut alice = with_kind(Kind::Totp { period });
        for now in times() {
            let present = period.step_at(now);
            let codes =
                [present, present.plus(rules.resync_window)].map(|step| (step, alice.typed(step)));
            for (last, drift) in
                last_steps().flat_map(|last| drifts().map(move |drift| (last, drift)))
            {
                alice.record.state.tokens[0].last_step = last;
                alice.record.state.tokens[0].drift = drift;
                for (step, code) in &codes {
                    for first in [None, Some(step.minus(1))] {
                        alice.has_given(first);
                        let opened = tally.answer(&alice, code, &rules, now);
                        assert!(
                            opened.is_none_or(
                                |step| step.0.abs_diff(present.0) <= rules.resync_window
                            )
                        );
                    }
                }
            }
        }
    }
    let all = Tally {
        opened: 8650,
        refused: 5270,
        unavailable: 24_480,
    };
    assert_eq!(tally, all);
}

#[test]
fn a_counter_based_token_opens_with_a_later_counter_and_with_none_after_its_last() {
    let mut tally = Tally::default();
    let counters = || {
        NUMBERS
            .into_iter()
            .filter_map(|number| Counter::try_from(number).ok())
    };
    for (rules, counter) in
        all_rules().flat_map(|rules| counters().map(move |first| (rules, first)))
    {
        let mut alice = with_kind(Kind::Hotp { counter });
        for last in last_steps() {
            alice.record.state.tokens[0].last_step = last;
            let next = last.map_or(counter.step(), |last| last.plus(1));
            for given in [
                next.minus(1),
                next,
                next.plus(rules.look_ahead),
                Step(u64::MAX),
            ] {
                let code = alice.typed(given);
                for first in [None, Some(given.minus(1)), Some(given)] {
                    alice.has_given(first);
                    tally.answer(&alice, &code, &rules, Time::from_unix(0));
                }
            }
        }
    }
    let all = Tally {
        opened: 2016,
        refused: 5664,
        unavailable: 0,
    };
    assert_eq!(tally, all);
}

fn with_kind(kind: Kind) -> Person {
    let mut alice = Person::enrolled();
    alice.record.enrollment.as_mut().unwrap().tokens[0].kind = kind;
    alice
}

impl Person {
    fn typed(&self, step: Step) -> Answer {
        Answer::parse(self.token(0).code_at(step).as_bytes()).unwrap()
    }

    /// Perhaps the first of two codes in the try before.
    fn has_given(&mut self, first: Option<Step>) {
        let token = self.token(0).id;
        self.record.state.resync = first.map(|step| Resync {
            token,
            step,
            place: HOME,
        });
    }
}

/// What came of the answers: none of them is to be all there is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    opened: u32,
    refused: u32,
    unavailable: u32,
}

impl Tally {
    /// Answers from home, and says which step opened.
    fn answer(&mut self, alice: &Person, code: &Answer, rules: &Rules, now: Time) -> Option<Step> {
        let before = alice.record.state.tokens[0];
        let attempt = Try {
            rules,
            ..a_try(code)
        };
        match check(&alice.record, &attempt, now) {
            Decision::Answer(Verdict::Accepted(_), Some(state)) => {
                self.opened += 1;
                assert!(before.last_step < state.tokens[0].last_step);
                is_read_as_written(&state);
                state.tokens[0].last_step
            }
            Decision::Answer(Verdict::Refused(_), state) => {
                self.refused += 1;
                state.iter().for_each(is_read_as_written);
                assert!(state.is_none_or(|state| state.tokens[0] == before));
                None
            }
            Decision::Answer(Verdict::Unavailable(Fault::Clock), None) => {
                self.unavailable += 1;
                let present = alice.token(0).period().unwrap().step_at(now);
                assert!(before.last_step > Some(present.plus(rules.resync_window)));
                None
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn doubts_and_unlocking_leave_no_step_that_is_a_fault_of_the_clock_and_none_that_opens_now() {
    for rules in all_rules() {
        let mut alice = Person::enrolled();
        for now in times() {
            let present = Period::THIRTY.step_at(now);
            for last in last_steps() {
                for drift in drifts() {
                    let known = &mut alice.record.state.tokens[0];
                    (known.last_step, known.drift) = (last, drift);
                    let enrollment = alice.record.enrollment.as_ref().unwrap();
                    let is_fault = fault(enrollment, &alice.record.state, &rules, now).is_some();
                    for integrity in [Integrity::OneSlotBad, Integrity::Copied] {
                        let mut state = alice.record.state.clone();
                        state.integrity = integrity;
                        state.resolve_doubts(enrollment, &rules, now);
                        let is_still = fault(enrollment, &state, &rules, now).is_some();
                        assert_eq!(is_still, is_fault);
                        is_burned(&state, present, &rules);
                    }
                    for mend in [Mend::Clock, Mend::FreshState] {
                        let mut unlock = Unlock {
                            mend,
                            rules: &rules,
                        };
                        let (_, Change::State(state)) = unlock.apply(&alice.record, now) else {
                            panic!("nothing is changed");
                        };
                        assert_eq!(fault(enrollment, &state, &rules, now), None);
                        is_burned(&state, present, &rules);
                        is_read_as_written(&state);
                    }
                }
            }
        }
    }
}

/// No step of the present window opens.
fn is_burned(state: &State, present: Step, rules: &Rules) {
    let known = state.tokens[0];
    let end = present
        .drifted(known.drift)
        .plus(rules.window)
        .min(present.plus(rules.resync_window));
    assert!(known.last_step >= Some(end));
}

fn is_read_as_written(state: &State) {
    assert_eq!(State::parse(&state.to_text()).as_ref(), Ok(state));
}
