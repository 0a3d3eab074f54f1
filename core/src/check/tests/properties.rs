//! Whatever somebody does, each step opens once, and nothing opens unwritten.

use proptest::prelude::*;

use super::*;

/// What somebody does next in a property test.
#[derive(Clone, Debug)]
enum Act {
    Answers { token: usize, steps: i64 },
    AnswersWrongly,
    Waits(u64),
    SetsTheClockBack(u64),
    Moves(u32),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (0..2_usize, -3..=3_i64).prop_map(|(token, steps)| Act::Answers { token, steps }),
        4 => Just(Act::AnswersWrongly),
        2 => (1..1000_u64).prop_map(Act::Waits),
        1 => (1..1000_u64).prop_map(Act::SetsTheClockBack),
        1 => (0..3_u32).prop_map(Act::Moves),
    ];
    proptest::collection::vec(act, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_step_ever_opens_twice_and_what_opens_is_always_written(acts in acts()) {
        let mut alice = Person::with_tokens(2);
        let mut opened = Vec::new();
        for act in acts {
            match act {
                Act::Answers { token, steps } => {
                    let code = alice.code_of(token, steps);
                    let step = Period::THIRTY.step_at(alice.now).0.checked_add_signed(steps).unwrap();
                    let before = alice.record.state.clone();
                    let (verdict, state) = alice.decide(&code);
                    if is_accepted(&verdict) {
                        prop_assert!(steps.abs() <= 3);
                        prop_assert!(!opened.contains(&(token, step)));
                        prop_assert!(state.is_some_and(|state| state != before));
                        opened.push((token, step));
                    }
                    alice.answers(&code);
                }
                Act::AnswersWrongly => {
                    let wrong = alice.wrong_code();
                    prop_assert!(!is_accepted(&alice.answers(&wrong)));
                }
                Act::Waits(seconds) => {
                    alice.waits(seconds);
                }
                Act::SetsTheClockBack(seconds) => alice.now = Time::from_unix(alice.now.unix() - seconds),
                Act::Moves(place) => alice.place = Place::Local(place),
            }
        }
    }
}
