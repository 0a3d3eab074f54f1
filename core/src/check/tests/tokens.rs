//! Counter-based tokens, drift and resynchronisation.

use super::*;
use crate::answer::Tail;
use crate::state::{Closed, Waiting};
use crate::token::{Counter, Drift, Kind};

const ELSEWHERE: Place = Place::Local(1001);

impl Person {
    /// With one token that counts, and was never used.
    fn with_a_counter() -> Self {
        Self::with_tokens(1).counting_from(0)
    }

    fn counting_from(mut self, counter: u64) -> Self {
        let counter = Counter::try_from(counter).unwrap();
        self.record.enrollment.as_mut().unwrap().tokens[0].kind = Kind::Hotp { counter };
        self
    }

    fn at_counter(&self, counter: u64) -> String {
        self.token(0).code_at(Step(counter)).to_string()
    }

    fn known(&self) -> &TokenState {
        &self.record.state.tokens[0]
    }

    /// Answers with the code of this counter.
    fn counts(&mut self, counter: u64) -> Verdict {
        let code = self.at_counter(counter);
        self.answers(&code)
    }

    /// Answers with the code so many steps from now.
    fn is_off(&mut self, steps: i64) -> Verdict {
        let code = self.code(steps);
        self.answers(&code)
    }
}

fn next_counter(verdict: &Verdict) -> bool {
    *verdict
        == Verdict::Refused(Refusal::Replayed {
            next: Next::CodeOfToken,
        })
}

#[test]
fn a_counter_opens_once_and_so_do_the_ones_before_it() {
    let mut alice = Person::with_a_counter();
    assert!(is_accepted(&alice.counts(0)));
    assert!(is_accepted(&alice.counts(4)));
    let before = alice.record.state.clone();
    for used in [0, 1, 3, 4] {
        assert!(next_counter(&alice.counts(used)), "{used}");
    }
    assert_eq!(alice.record.state, before, "a used code is not charged");
    assert!(is_accepted(&alice.counts(5)));
}

#[test]
fn a_counter_is_accepted_within_the_look_ahead_of_the_next_one() {
    // RFC 4226, 7.4.
    for (counter, accepted) in [(9, true), (10, false)] {
        let mut alice = Person::with_a_counter();
        assert_eq!(is_accepted(&alice.counts(counter)), accepted, "{counter}");
    }
    let mut alice = Person::with_a_counter();
    assert!(is_accepted(&alice.counts(2)));
    assert!(is_accepted(&alice.counts(12)));
    assert!(is_wrong(&alice.counts(23)));
}

#[test]
fn a_token_begins_with_the_counter_that_it_was_enrolled_with() {
    for (counter, accepted) in [(499, false), (500, true), (509, true), (510, false)] {
        let mut alice = Person::with_a_counter().counting_from(500);
        assert_eq!(is_accepted(&alice.counts(counter)), accepted, "{counter}");
    }
    let mut alice = Person::with_a_counter().counting_from(500);
    assert!(next_counter(&alice.counts(499)));
}

#[test]
fn after_its_last_counter_a_token_opens_nothing() {
    let mut alice = Person::with_a_counter();
    alice.record.state.tokens[0].last_step = Some(Step(u64::MAX - 1));
    assert!(is_accepted(&alice.counts(u64::MAX)));
    for counter in [0, 1, u64::MAX - 1, u64::MAX] {
        assert!(is_wrong(&alice.counts(counter)), "{counter}");
    }
}

#[test]
fn two_counters_in_a_row_from_beyond_the_look_ahead_resynchronise_and_neither_opens_again() {
    let mut alice = Person::with_a_counter();
    assert!(is_wrong(&alice.counts(20)));
    assert_eq!(alice.record.state.elsewhere.failures, 1, "it is charged");
    assert!(is_accepted(&alice.counts(21)));
    for used in [20, 21] {
        assert!(next_counter(&alice.counts(used)), "{used}");
    }
    assert!(is_accepted(&alice.counts(22)));
}

#[test]
fn no_two_counters_resynchronise_that_are_further_than_the_resync_window() {
    let mut alice = Person::with_a_counter();
    assert!(is_wrong(&alice.counts(30)));
    assert!(is_wrong(&alice.counts(31)));
    assert!(is_wrong(&alice.counts(29)));
    assert!(
        is_wrong(&alice.counts(30)),
        "beyond the last that can be reached"
    );
}

#[test]
fn two_codes_in_a_row_from_outside_the_window_set_the_drift() {
    for off in [-20_i64, -2, 2, 19] {
        let mut alice = Person::enrolled();
        assert!(is_wrong(&alice.is_off(off)), "{off}");
        let verdict = if off < 0 {
            // The code after it is shown a step later.
            alice.waits(30).is_off(off)
        } else {
            alice.is_off(off + 1)
        };
        assert!(is_accepted(&verdict), "{off}: {verdict:?}");
        let drift = if off < 0 { off } else { off + 1 };
        assert_eq!(alice.known().drift, Drift::new(drift).unwrap());
        assert!(!is_accepted(&alice.is_off(off)), "it does not open again");
        assert!(is_accepted(&alice.waits(30).is_off(drift)));
    }
}

#[test]
fn a_drifted_token_has_a_window_around_its_drift_that_never_leaves_the_resync_window() {
    for (drift, off, accepted) in [
        (5, 3, false),
        (5, 4, true),
        (5, 6, true),
        (5, 7, false),
        (20, 19, true),
        (20, 20, true),
        (20, 21, false),
        (-20, -21, false),
        (-20, -20, true),
        (-20, -19, true),
        (100, 20, false),
    ] {
        let mut alice = Person::enrolled();
        alice.record.state.tokens[0].drift = Drift::new(drift).unwrap();
        let verdict = alice.is_off(off);
        assert_eq!(is_accepted(&verdict), accepted, "{drift} {off}");
    }
}

#[test]
fn a_replay_of_a_drifted_token_says_when_its_own_clock_shows_the_next_code() {
    let mut alice = Person::enrolled();
    alice.record.state.tokens[0].drift = Drift::new(-7).unwrap();
    let code = alice.code(-7);
    assert!(is_accepted(&alice.answers(&code)));
    assert_eq!(
        alice.waits(10).answers(&code),
        Verdict::Refused(Refusal::Replayed {
            next: Next::CodeIn(20)
        })
    );
}

#[test]
fn only_the_next_try_from_the_same_place_resynchronises() {
    let mut alice = Person::enrolled();
    let (first, second) = (alice.code(5), alice.code(6));
    // Somewhere else.
    assert!(is_wrong(&alice.answers(&first)));
    alice.place = Place::Elsewhere;
    assert!(is_wrong(&alice.answers(&second)));
    // It was the first of two from there.
    assert_eq!(alice.record.state.resync.unwrap().place, Place::Elsewhere);
    alice.place = HOME;
    // Another try in between.
    assert!(is_wrong(&alice.answers(&first)));
    let wrong = alice.wrong_code();
    assert!(is_wrong(&alice.answers(&wrong)));
    assert_eq!(alice.record.state.resync, None);
    alice.record.state.clear_failures();
    assert!(is_wrong(&alice.answers(&second)));
    // The same code twice is not two in a row.
    assert!(is_wrong(&alice.answers(&second)));
    assert_eq!(alice.known().drift, Drift::NONE);
}

#[test]
fn a_try_elsewhere_leaves_the_first_of_two() {
    let mut alice = Person::enrolled();
    let (first, second, wrong) = (alice.code(5), alice.code(6), alice.wrong_code());
    assert!(is_wrong(&alice.answers(&first)));
    alice.place = ELSEWHERE;
    assert!(is_wrong(&alice.answers(&wrong)));
    alice.place = HOME;
    assert!(is_accepted(&alice.answers(&second)));
    assert_eq!(alice.record.state.resync, None);
}

#[test]
fn steps_that_were_used_resynchronise_nothing() {
    let mut alice = Person::enrolled();
    alice.record.state.tokens[0].last_step = Some(Period::THIRTY.step_at(NOW).plus(10));
    for off in [5, 6, 10, 11] {
        assert!(!is_accepted(&alice.is_off(off)), "{off}");
        alice.record.state.clear_failures();
    }
    // 11 is later than the last one that was used.
    assert!(is_accepted(&alice.is_off(12)));
}

#[test]
fn in_a_copied_store_counters_wait_and_nothing_is_resynchronised_until_unlocked() {
    let mut alice = Person::with_tokens(2).counting_from(0);
    alice.record.state.integrity = Integrity::Copied;
    assert_eq!(alice.counts(0), Verdict::Refused(Refusal::TokenWaits));
    assert_eq!(alice.known().waiting, Waiting::Yes);
    assert_eq!(alice.record.state.elsewhere.failures, 0);
    for off in [7, 8] {
        let code = alice.code_of(1, off);
        assert!(is_wrong(&alice.answers(&code)), "{off}");
    }
    assert!(is_wrong(&alice.counts(12)));
    assert!(is_wrong(&alice.counts(13)));
    assert_eq!(alice.record.state.resync, None);
    let code = alice.waits(60).code_of(1, 0);
    assert!(is_accepted(&alice.answers(&code)));
}

#[test]
fn where_there_are_no_backup_codes_a_copied_state_says_at_its_tokens_that_it_waits() {
    let mut alice = Person::enrolled();
    alice.record.enrollment.as_mut().unwrap().backup_codes = None;
    alice.record.state.integrity = Integrity::Copied;
    assert!(is_wrong(&alice.is_off(5)));
    assert_eq!(alice.known().waiting, Waiting::Yes);
    assert!(is_wrong(&alice.is_off(6)));
    assert!(is_accepted(&alice.waits(60).is_off(0)));
}

#[test]
fn with_one_bad_slot_a_drifted_token_is_burned_to_its_own_window_and_a_counter_goes_on() {
    let mut alice = Person::enrolled();
    alice.record.state.integrity = Integrity::OneSlotBad;
    alice.record.state.tokens[0].drift = Drift::new(19).unwrap();
    assert!(is_replay(&alice.is_off(20)));
    assert!(is_accepted(&alice.waits(30).is_off(20)));

    let mut alice = Person::with_a_counter();
    alice.record.state.integrity = Integrity::OneSlotBad;
    assert!(is_accepted(&alice.counts(0)));
}

#[test]
fn what_burning_leaves_is_never_a_fault_of_the_clock() {
    for drift in [-100, -20, 20, 100] {
        let mut alice = Person::enrolled();
        alice.record.state.integrity = Integrity::Copied;
        alice.record.state.tokens[0].drift = Drift::new(drift).unwrap();
        let wrong = alice.wrong_code();
        assert!(is_wrong(&alice.answers(&wrong)));
        assert!(is_wrong(&alice.answers(&wrong)), "{drift}");
    }
}

#[test]
fn where_an_administrator_closed_the_person_nothing_opens_is_evaluated_or_charged() {
    let mut alice = Person::enrolled();
    alice.record.state.closed = Closed::Yes;
    let (code, wrong) = (alice.code(0), alice.wrong_code());
    let backup = alice.codes[0].grouped().to_string();
    for answer in [code, wrong, backup] {
        assert_eq!(
            alice.decide(&answer),
            (Verdict::Refused(Refusal::Closed), None)
        );
    }
}

#[test]
fn a_token_compares_the_end_of_a_field_as_far_as_its_codes_go_and_says_how_far() {
    let mut alice = Person::with_tokens(2);
    let eight = Digits::try_from(8).unwrap();
    alice.record.enrollment.as_mut().unwrap().tokens[1].digits = eight;
    let (six_of_first, eight_of_second) = (alice.code_of(0, 0), alice.code_of(1, 0));
    for (field, digits) in [
        (format!("99{six_of_first}"), Digits::SIX),
        (format!("7{eight_of_second}"), eight),
    ] {
        let answer = Answer::Tail(Tail::of(&field).unwrap());
        let Verdict::Accepted(accepted) = alice.decide_on(&answer).0 else {
            panic!("{digits:?}");
        };
        let Factor::Token { digits: said, .. } = accepted.factor else {
            panic!("{digits:?}");
        };
        assert_eq!(said, digits);
    }
    let wrong = Answer::Tail(Tail::of("00000000").unwrap());
    let (verdict, state) = alice.decide_on(&wrong);
    assert!(is_wrong(&verdict));
    assert_eq!(state.unwrap().wrong.count, 1, "a miss counts once");
}

#[test]
fn a_used_code_of_one_token_is_no_try_at_another() {
    // A used code is not charged. If it were compared with the other tokens all the same, whoever saw one over somebody's shoulder
    // could give it again at every step of theirs, uncounted, until it fits. Here it does: the second token makes the same codes.
    let present = Period::THIRTY.step_at(NOW).0;
    let mut alice = Person::with_tokens(2).counting_from(present);
    let secret = alice.token(1).secret.clone();
    alice.record.enrollment.as_mut().unwrap().tokens[0].secret = secret;
    assert!(is_accepted(&alice.counts(present)));
    assert!(next_counter(&alice.counts(present)));
}
