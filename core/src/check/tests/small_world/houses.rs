//! The worlds of tokens and backup codes.

use std::ops::RangeInclusive;

use super::house::{Clock, Event, Failures, HOME, House};
use super::past::Limits;
use super::rounds;
use super::search::{Size, explore};
use crate::check::Rules;
use crate::place::Place;
use crate::testing::token::token;
use crate::throttle::Throttle;
use crate::time::Time;
use crate::token::{Counter, Kind, Period, Secret, Step, Token};

const RULES: Rules = Rules {
    window: 1,
    resync_window: 2,
    look_ahead: 2,
    throttle: Throttle {
        free_failures: 1,
        first_lock: PERIOD,
        longest_lock: 2 * PERIOD,
        hard_limit: 10,
    },
};

/// The same in numbers that nobody computed.
const LIMITS: Limits = Limits {
    one_known_place: 2,
    known_places: 4,
    kept: &[2, 1, 0],
    elsewhere: 6,
    all: 10,
    locks: &[0, 0, PERIOD, 2 * PERIOD],
};

/// The shortest that a step may be, in seconds.
const PERIOD: u64 = 15;

fn by_time() -> Token {
    let period = Period::try_from(PERIOD).unwrap();
    Token {
        kind: Kind::Totp { period },
        ..token(1, "phone")
    }
}

fn by_counter(first: u64) -> Token {
    let counter = Counter::try_from(first).unwrap();
    Token {
        kind: Kind::Hotp { counter },
        ..token(2, "key")
    }
}

/// The beginnings of these steps.
fn steps(steps: RangeInclusive<u64>) -> Vec<Time> {
    steps.map(|step| Time::from_unix(step * PERIOD)).collect()
}

#[test]
fn a_time_based_token_whatever_the_clock_does() {
    let rules = Rules {
        resync_window: 3,
        ..RULES
    };
    let last = rounds(106, 110);
    let world = House {
        moments: steps(100..=last),
        places: vec![HOME, Place::Elsewhere],
        ..House::new(vec![(by_time(), 96..=last + 4)], None, rules)
    };
    is_as_large_as(&world, (1003, 224_672), (2167, 953_480));
}

#[test]
fn a_time_based_token_in_1970() {
    let last = rounds(5, 8);
    let world = House {
        moments: steps(0..=last),
        ..House::new(vec![(by_time(), 0..=last + 3)], None, RULES)
    };
    is_as_large_as(&world, (91, 5460), (199, 23_283));
}

#[test]
fn a_time_based_token_of_which_two_steps_have_one_code() {
    let token = Token {
        secret: with_twins(100),
        ..by_time()
    };
    let world = House {
        moments: steps(98..=103),
        ..House::new(vec![(token, 96..=106)], None, RULES)
    };
    let twins = world
        .answers
        .iter()
        .filter(|typed| typed.steps == [(0, 100), (0, 101)]);
    assert_eq!(twins.count(), 2);
    is_as_large_as(&world, (125, 9000), (125, 9000));
}

#[test]
fn two_time_based_tokens() {
    let other = Token {
        kind: Kind::Totp {
            period: Period::THIRTY,
        },
        ..token(3, "tablet")
    };
    let rules = Rules {
        window: 0,
        resync_window: 1,
        ..RULES
    };
    let last = rounds(103, 105);
    let world = House {
        moments: steps(100..=last),
        ..House::new(
            vec![(by_time(), 98..=last + 2), (other, 48..=last / 2 + 2)],
            None,
            rules,
        )
    };
    is_as_large_as(&world, (336, 20_160), (955, 103_140));
}

#[test]
fn two_tokens_that_share_their_codes() {
    // Nobody enrolls two of one secret; but any two may have a code in common for a while.
    let counting = Token {
        secret: by_time().secret,
        ..by_counter(100)
    };
    let last = rounds(103, 106);
    let world = House {
        moments: steps(100..=last),
        ..House::new(
            vec![(by_time(), 97..=last + 3), (counting, 98..=last + 3)],
            None,
            RULES,
        )
    };
    is_as_large_as(&world, (299, 23_920), (1165, 212_030));
}

#[test]
fn a_counter_based_token() {
    let rules = Rules {
        look_ahead: 3,
        resync_window: 3,
        ..RULES
    };
    let world = House {
        moments: steps(100..=100),
        places: vec![HOME, Place::Elsewhere],
        ..House::new(vec![(by_counter(1), 0..=rounds(20, 60))], None, rules)
    };
    is_as_large_as(&world, (525, 23_100), (4045, 501_580));
}

#[test]
fn a_time_based_token_beside_a_counter_based_one_of_whoever_is_closed_and_unlocked() {
    let rules = Rules {
        look_ahead: 1,
        ..RULES
    };
    let last = rounds(103, 105);
    let tokens = vec![
        (by_time(), 97..=last + 3),
        (by_counter(0), 0..=rounds(4, 6)),
    ];
    let world = House {
        moments: steps(100..=last),
        events: vec![Event::Unlock, Event::Close],
        ..House::new(tokens, None, rules)
    };
    is_as_large_as(&world, (1108, 79_776), (2778, 366_696));
}

#[test]
fn a_time_based_token_where_failures_cost_something() {
    let rules = Rules {
        window: 0,
        resync_window: 1,
        ..RULES
    };
    let last = rounds(102, 103);
    let world = House {
        moments: steps(100..=last),
        places: vec![HOME, Place::Elsewhere],
        failures: Failures::Cost(LIMITS),
        ..House::new(vec![(by_time(), 98..=last + 2)], None, rules)
    };
    is_as_large_as(&world, (6365, 305_520), (21_544, 1_551_168));
}

#[test]
fn a_counter_based_token_and_backup_codes_where_failures_cost_something() {
    let rules = Rules {
        resync_window: 1,
        look_ahead: 1,
        ..RULES
    };
    let world = House {
        moments: steps(100..=rounds(103, 105)),
        places: vec![HOME, Place::Elsewhere],
        failures: Failures::Cost(LIMITS),
        events: vec![Event::Unlock, Event::Close],
        ..House::new(vec![(by_counter(0), 0..=1)], Some(1), rules)
    };
    is_as_large_as(&world, (16_790, 805_920), (52_342, 3_768_624));
}

/// As large as with backup codes: they are the same to every law.
#[test]
fn a_counter_based_token_and_scratch_codes_where_failures_cost_something() {
    let rules = Rules {
        resync_window: 1,
        look_ahead: 1,
        ..RULES
    };
    let house = House::new(vec![(by_counter(0), 0..=1)], Some(1), rules);
    let world = House {
        moments: steps(100..=rounds(103, 105)),
        places: vec![HOME, Place::Elsewhere],
        failures: Failures::Cost(LIMITS),
        events: vec![Event::Unlock, Event::Close],
        ..house.with_scratch_codes()
    };
    is_as_large_as(&world, (16_790, 805_920), (52_342, 3_768_624));
}

#[test]
fn a_copy_that_comes_back_with_scratch_codes() {
    let tokens = vec![(by_time(), 98..=106), (by_counter(0), 0..=1)];
    let world = House {
        moments: steps(100..=rounds(102, 103)),
        clock: Clock::Forward,
        events: vec![Event::Copy, Event::Restore],
        ..House::new(tokens, Some(1), RULES).with_scratch_codes()
    };
    is_as_large_as(&world, (29_343, 663_424), (67_050, 1_736_224));
}

#[test]
fn a_slot_that_goes_bad() {
    let tokens = vec![(by_time(), 98..=106), (by_counter(0), 0..=1)];
    let world = House {
        moments: steps(100..=rounds(102, 104)),
        clock: Clock::Forward,
        events: vec![Event::NewerSlotDecays, Event::OlderSlotDecays],
        ..House::new(tokens, Some(1), RULES)
    };
    is_as_large_as(&world, (15_021, 340_128), (69_448, 2_007_680));
}

#[test]
fn a_copy_that_comes_back() {
    let tokens = vec![(by_time(), 98..=106), (by_counter(0), 0..=1)];
    let world = House {
        moments: steps(100..=rounds(102, 103)),
        clock: Clock::Forward,
        events: vec![Event::Copy, Event::Restore],
        ..House::new(tokens, Some(1), RULES)
    };
    is_as_large_as(&world, (29_343, 663_424), (67_050, 1_736_224));
}

#[test]
fn a_temporary_code_where_failures_cost_something() {
    let rules = Rules {
        resync_window: 1,
        look_ahead: 1,
        ..RULES
    };
    let world = House {
        moments: steps(rounds(101, 100)..=102),
        places: vec![HOME, Place::Elsewhere],
        failures: Failures::Cost(LIMITS),
        events: vec![Event::Unlock, Event::Close],
        ..House::new(vec![(by_counter(0), 0..=1)], Some(1), rules)
    }
    .with_temporary_code(Time::from_unix(102 * PERIOD));
    is_as_large_as(&world, (5171, 144_788), (31_895, 1_339_590));
}

#[test]
fn a_temporary_code_whose_slot_goes_bad() {
    let world = House {
        moments: steps(100..=rounds(102, 104)),
        clock: Clock::Forward,
        events: vec![Event::NewerSlotDecays, Event::OlderSlotDecays],
        ..House::new(vec![(by_counter(0), 0..=1)], Some(1), RULES)
    }
    .with_temporary_code(Time::from_unix(102 * PERIOD));
    is_as_large_as(&world, (162, 2496), (278, 6480));
}

#[test]
fn a_temporary_code_whose_copy_comes_back() {
    let world = House {
        moments: steps(100..=rounds(102, 104)),
        clock: Clock::Forward,
        events: vec![Event::Copy, Event::Restore],
        ..House::new(vec![(by_counter(0), 0..=1)], Some(1), RULES)
    }
    .with_temporary_code(Time::from_unix(102 * PERIOD));
    is_as_large_as(&world, (1286, 19_240), (2290, 51_864));
}

/// A secret whose codes of this step and the next one are the same. Some thousand of a million are tried, always the same ones.
fn with_twins(step: u64) -> Secret {
    (0..u32::MAX)
        .map(|number| {
            let mut secret = vec![0; 20];
            secret[..4].copy_from_slice(&number.to_be_bytes());
            Token {
                secret: Secret::from_bytes(secret.into()).unwrap(),
                ..by_time()
            }
        })
        .find(|token| token.code_at(Step(step)) == token.code_at(Step(step + 1)))
        .unwrap()
        .secret
}

/// Goes everywhere. How many states there are and how many steps between them is known, so that a world that shrinks is noticed.
fn is_as_large_as(world: &House, short: (usize, usize), long: (usize, usize)) {
    let (states, steps) = rounds(short, long);
    assert_eq!(explore(world), Size { states, steps });
}
