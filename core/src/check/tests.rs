mod backup_codes;
mod clock;
mod invitations;
mod properties;
mod scratch_codes;
mod small_world;
mod tokens;

use super::*;
use crate::account::UserName;
use crate::answer::OneTimeCode;
use crate::backup_codes::BackupCodes;
use crate::id::Id;
use crate::state::{Bucket, KnownPlace, SpentCodes, Standing, TokenState, Usable};
use crate::store::Past;
use crate::testing::token::token;
use crate::testing::{CHEAP, NOW, RULES};
use crate::token::{Digits, Period, Secret, Step, Token};

const HOME: Place = Place::Local(1000);

/// An answer of the account with uid 1000, from [`HOME`].
fn a_try(answer: &Answer) -> Try<'_> {
    Try {
        uid: 1000,
        place: HOME,
        answer,
        digest: None,
        invitations: Invitations::NotTaken,
        told: Told::Now,
        rules: &RULES,
    }
}

/// A person with a record, who answers; what is decided is written back.
struct Person {
    record: Record,
    codes: Vec<crate::backup_codes::BackupCode>,
    now: Time,
    place: Place,
    uid: u32,
}

impl Person {
    fn with_tokens(count: u8) -> Self {
        let (set, codes) = BackupCodes::make(crate::backup_codes::Count::DEFAULT, CHEAP).unwrap();
        let tokens: Vec<Token> = (0..count)
            .map(|index| token(index, &format!("token{index}")))
            .collect();
        let state = State {
            tokens: tokens
                .iter()
                .map(|token| TokenState::new(token.id))
                .collect(),
            spent: vec![SpentCodes::none(set.id)],
            ..State::default()
        };
        let enrollment = Enrollment {
            user: UserName::parse("alice").unwrap(),
            uid: 1000,
            created: NOW,
            tokens,
            backup_codes: Some(set),
            scratch_codes: None,
        };
        let record = Record {
            enrollment: Some(enrollment),
            state,
            past: Past::Never,
        };
        Self {
            record,
            codes,
            now: NOW,
            place: HOME,
            uid: 1000,
        }
    }

    fn enrolled() -> Self {
        Self::with_tokens(1)
    }

    fn token(&self, index: usize) -> &Token {
        &self.record.enrollment.as_ref().unwrap().tokens[index]
    }

    /// The code of the first token, so many steps from now.
    fn code(&self, steps: i64) -> String {
        self.code_of(0, steps)
    }

    fn code_of(&self, index: usize, steps: i64) -> String {
        let token = self.token(index);
        let step = Step(
            Period::THIRTY
                .step_at(self.now)
                .0
                .checked_add_signed(steps)
                .unwrap(),
        );
        token.code_at(step).to_string()
    }

    /// A code that no token of theirs has anywhere near now.
    fn wrong_code(&self) -> String {
        (0..1_000_000)
            .map(|number: u32| format!("{number:06}"))
            .find(|code| {
                let typed = OneTimeCode::parse(code).unwrap();
                self.record
                    .enrollment
                    .as_ref()
                    .unwrap()
                    .tokens
                    .iter()
                    .all(|token| {
                        let step = Period::THIRTY.step_at(self.now);
                        token
                            .matching_steps(&typed, step.minus(3), step.plus(3))
                            .is_empty()
                    })
            })
            .unwrap()
    }

    /// Decides, with a digest where one is asked for, without writing.
    fn decide(&self, text: &str) -> (Verdict, Option<State>) {
        self.decide_on(&Answer::parse(text.as_bytes()).unwrap())
    }

    fn decide_on(&self, answer: &Answer) -> (Verdict, Option<State>) {
        let attempt = Try {
            uid: self.uid,
            place: self.place,
            ..a_try(answer)
        };
        match check(&self.record, &attempt, self.now) {
            Decision::Answer(verdict, state) => (verdict, state),
            Decision::NeedsDigest(salt, cost) => {
                let made = SaltedDigest::of_answer(answer, salt, cost)
                    .unwrap()
                    .unwrap();
                match check(
                    &self.record,
                    &Try {
                        digest: Some(&made),
                        ..attempt
                    },
                    self.now,
                ) {
                    Decision::Answer(verdict, state) => (verdict, state),
                    Decision::NeedsDigest(..) => panic!("asked twice"),
                }
            }
        }
    }

    fn answers(&mut self, text: &str) -> Verdict {
        let (verdict, state) = self.decide(text);
        if let Some(state) = state {
            assert_eq!(state.integrity, Integrity::Whole, "doubts must be resolved");
            self.record.state = state;
        }
        verdict
    }

    fn waits(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now.plus(seconds);
        self
    }
}

fn is_accepted(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Accepted(_))
}

fn is_replay(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Refused(Refusal::Replayed { .. }))
}

fn is_wrong(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Refused(Refusal::Wrong { .. }))
}

#[test]
fn codes_within_the_window_are_accepted_and_others_are_not() {
    for (steps, accepted) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
        let mut alice = Person::enrolled();
        let code = alice.code(steps);
        assert_eq!(
            is_accepted(&alice.answers(&code)),
            accepted,
            "{steps} steps"
        );
    }
}

#[test]
fn a_code_is_accepted_once_and_then_is_a_replay_that_is_not_charged() {
    let mut alice = Person::enrolled();
    let code = alice.code(0);
    assert!(is_accepted(&alice.answers(&code)));
    let before = alice.record.state.clone();
    assert_eq!(
        alice.answers(&code),
        Verdict::Refused(Refusal::Replayed {
            next: Next::CodeIn(30)
        })
    );
    assert_eq!(alice.record.state, before);
}

#[test]
fn a_step_before_the_last_accepted_one_is_a_replay_too() {
    let mut alice = Person::enrolled();
    let (earlier, later) = (alice.code(-1), alice.code(1));
    assert!(is_accepted(&alice.answers(&later)));
    assert_eq!(
        alice.answers(&earlier),
        Verdict::Refused(Refusal::Replayed {
            next: Next::CodeIn(60)
        })
    );
    assert!(is_replay(&alice.answers(&later)));
}

#[test]
fn the_next_step_is_accepted_after_a_success() {
    let mut alice = Person::enrolled();
    let code = alice.code(0);
    assert!(is_accepted(&alice.answers(&code)));
    let next = alice.waits(30).code(0);
    assert!(is_accepted(&alice.answers(&next)));
}

#[test]
fn any_of_several_tokens_opens_and_a_miss_counts_once() {
    let mut alice = Person::with_tokens(3);
    let wrong = alice.wrong_code();
    assert!(is_wrong(&alice.answers(&wrong)));
    assert_eq!(alice.record.state.wrong.count, 1);
    for index in 0..3 {
        let code = alice.code_of(index, 0);
        let Verdict::Accepted(accepted) = alice.answers(&code) else {
            panic!("token {index}")
        };
        assert_eq!(
            accepted.factor,
            Factor::Token {
                label: alice.token(index).label.clone(),
                digits: Digits::SIX
            }
        );
    }
}

#[test]
fn after_five_free_failures_a_right_code_waits_for_the_lock() {
    let mut alice = Person::enrolled();
    let wrong = alice.wrong_code();
    for locked_for in [0, 0, 0, 0, 0, 30] {
        assert_eq!(
            alice.answers(&wrong),
            Verdict::Refused(Refusal::Wrong { locked_for })
        );
    }
    let code = alice.code(0);
    let before = alice.record.state.clone();
    assert_eq!(
        alice.answers(&code),
        Verdict::Refused(Refusal::Locked { remaining: 30 })
    );
    alice.waits(29);
    assert_eq!(
        alice.answers(&wrong),
        Verdict::Refused(Refusal::Locked { remaining: 1 })
    );
    assert_eq!(
        alice.record.state, before,
        "a lock is not lengthened by tries during it"
    );
    let code = alice.waits(1).code(0);
    assert!(is_accepted(&alice.answers(&code)));
    assert_eq!(alice.record.state.elsewhere.failures, 0);
}

#[test]
fn a_success_tells_of_the_wrong_codes_before_it_once() {
    let mut alice = Person::enrolled();
    let wrong = alice.wrong_code();
    alice.place = Place::of_address("203.0.113.9");
    alice.answers(&wrong);
    alice.answers(&wrong);
    alice.place = HOME;
    let code = alice.code(0);
    let Verdict::Accepted(accepted) = alice.answers(&code) else {
        panic!()
    };
    assert_eq!(
        accepted.wrong,
        WrongCodes {
            count: 2,
            from: vec![Place::of_address("203.0.113.9")]
        }
    );
    let next = alice.waits(30).code(0);
    let Verdict::Accepted(accepted) = alice.answers(&next) else {
        panic!()
    };
    assert_eq!(accepted.wrong, WrongCodes::default());
}

#[test]
fn the_place_of_a_success_is_known_and_has_a_bucket_of_its_own() {
    let mut alice = Person::enrolled();
    let code = alice.code(0);
    assert!(is_accepted(&alice.answers(&code)));
    alice.record.state.elsewhere = Bucket {
        failures: 60,
        since: NOW,
    };
    let code = alice.waits(30).code(0);
    alice.place = Place::Local(1001);
    assert_eq!(alice.answers(&code), Verdict::Refused(Refusal::ShareUsedUp));
    alice.place = HOME;
    assert!(is_accepted(&alice.answers(&code)));
}

#[test]
fn the_hundredth_failure_disables_the_tokens_everywhere() {
    let mut alice = Person::enrolled();
    let known = |number| KnownPlace {
        place: Place::Local(number),
        last_success: NOW,
        bucket: Bucket {
            failures: 20,
            since: Time::from_unix(0),
        },
    };
    alice.record.state.places = vec![known(1), known(2)];
    alice.record.state.elsewhere = Bucket {
        failures: 59,
        since: Time::from_unix(0),
    };
    let wrong = alice.wrong_code();
    assert!(is_wrong(&alice.answers(&wrong)));
    for place in [HOME, Place::Local(1), Place::Elsewhere] {
        alice.place = place;
        let code = alice.code(0);
        assert_eq!(alice.answers(&code), Verdict::Refused(Refusal::Disabled));
    }
}

#[test]
fn nobody_enrolled_is_refused_and_a_backup_codes_shape_costs_the_same() {
    let mut nobody = Person::enrolled();
    nobody.record = Record::default();
    assert_eq!(
        nobody.decide("123456"),
        (Verdict::Refused(Refusal::NotEnrolled), None)
    );
    let backup = Answer::BackupCode(nobody.codes[0].clone());
    let attempt = a_try(&backup);
    assert!(matches!(
        check(&nobody.record, &attempt, NOW),
        Decision::NeedsDigest(_, Cost::DEFAULT)
    ));
}

#[test]
fn a_record_of_another_uid_opens_nothing() {
    let mut alice = Person::enrolled();
    alice.uid = 1001;
    let code = alice.code(0);
    assert_eq!(
        alice.decide(&code),
        (Verdict::Refused(Refusal::OtherUid), None)
    );
}

#[test]
fn without_a_readable_state_nothing_opens() {
    let mut alice = Person::enrolled();
    alice.record.state.integrity = Integrity::Lost;
    let code = alice.code(0);
    assert_eq!(
        alice.decide(&code),
        (Verdict::Unavailable(Fault::StateLost), None)
    );
    alice.record.state = State::default();
    assert_eq!(
        alice.decide(&code),
        (Verdict::Unavailable(Fault::StateLost), None),
        "a state without the token"
    );
}

#[test]
fn with_one_bad_slot_every_step_up_to_the_end_of_the_window_counts_as_used() {
    let mut alice = Person::enrolled();
    alice.record.state.integrity = Integrity::OneSlotBad;
    for steps in [-1, 0, 1] {
        let code = alice.code(steps);
        assert!(is_replay(&alice.answers(&code)), "{steps}");
    }
    let later = alice.waits(60).code(0);
    assert!(is_accepted(&alice.answers(&later)));
}

#[test]
fn what_a_bad_slot_burned_is_written_at_once_and_not_again_at_the_next_try() {
    let mut alice = Person::enrolled();
    alice.record.state.integrity = Integrity::OneSlotBad;
    let code = alice.code(0);
    let (_, written) = alice.decide(&code);
    let last = written.unwrap().tokens[0].last_step;
    assert_eq!(last, Some(Period::THIRTY.step_at(NOW).plus(1)));
}

#[test]
fn a_last_step_far_in_the_future_is_a_fault_of_the_clock() {
    let mut alice = Person::enrolled();
    let step = Period::THIRTY.step_at(NOW);
    let code = alice.code(0);
    alice.record.state.tokens[0].last_step = Some(step.plus(20));
    assert!(is_replay(&alice.decide(&code).0));
    alice.record.state.tokens[0].last_step = Some(step.plus(21));
    assert_eq!(
        alice.decide(&code),
        (Verdict::Unavailable(Fault::Clock), None)
    );
}

#[test]
fn what_belongs_to_an_enrollment_that_is_about_to_come_outlives_a_login() {
    let mut alice = Person::enrolled();
    let (other, set) = (Id::from_bytes([99; 16]), Id::from_bytes([98; 16]));
    alice.record.state.tokens.push(TokenState::new(other));
    alice.record.state.spent.push(SpentCodes::none(set));
    alice.record.state.waiting = Some(set);
    let code = alice.code(0);
    let wrong = alice.wrong_code();
    assert!(is_accepted(&alice.answers(&code)));
    assert!(!is_accepted(&alice.answers(&wrong)));
    let state = &alice.record.state;
    assert_eq!(state.token(other), Some(&TokenState::new(other)));
    assert_eq!(state.spent_of(set), Some(&SpentCodes::none(set)));
    assert_eq!(state.waiting, Some(set));
    assert_eq!((state.tokens.len(), state.spent.len()), (2, 2));
}

#[test]
fn the_hard_limit_disables_what_is_enrolled_and_not_what_is_about_to_come() {
    let mut alice = Person::enrolled();
    let other = Id::from_bytes([99; 16]);
    alice.record.state.tokens.push(TokenState::new(other));
    alice.record.state.elsewhere.failures = RULES.throttle.hard_limit - 1;
    alice.place = Place::Elsewhere;
    let wrong = alice.wrong_code();
    alice.answers(&wrong);
    let usable = |id| alice.record.state.token(id).map(|known| known.usable);
    assert_eq!(usable(other), Some(Usable::Yes));
}

#[test]
fn digits_that_fit_two_steps_of_the_window_open_once() {
    let mut alice = Person::enrolled();
    // Found by looking: with this secret the step before and the present one have the same code.
    let mut secret = vec![0; 20];
    secret[..4].copy_from_slice(&613_766_u32.to_be_bytes());
    alice.record.enrollment.as_mut().unwrap().tokens[0].secret =
        Secret::from_bytes(secret.into()).unwrap();
    assert_eq!(alice.code(-1), alice.code(0));
    let code = alice.code(0);
    assert!(is_accepted(&alice.answers(&code)));
    assert!(is_replay(&alice.answers(&code)));
    alice.waits(30);
    assert!(!is_accepted(&alice.answers(&code)));
}

#[test]
fn whoever_is_closed_and_not_enrolled_is_refused_for_that() {
    let answer = Answer::parse(b"123456").unwrap();
    let record = Record {
        state: State {
            standing: Standing::Alone,
            closed: Closed::Yes,
            ..State::default()
        },
        ..Record::default()
    };
    for invitations in [Invitations::NotTaken, Invitations::Taken] {
        let attempt = Try {
            place: Place::Elsewhere,
            invitations,
            ..a_try(&answer)
        };
        assert!(matches!(
            check(&record, &attempt, NOW),
            Decision::Answer(Verdict::Refused(Refusal::Closed), None)
        ));
    }
}
