//! How long a refusal takes tells nothing: pairs of tries, one of somebody who is not there and one of somebody else.

use std::time::Duration;

use nightlatch_tests::{World, rounds, sandboxed};

use crate::people::{Somebody, everybody};

#[test]
fn no_refusal_of_a_code_takes_longer_than_another() {
    sandboxed(|world| refusals_take_the_same(world, "123456", rounds(40, 1000)));
}

#[test]
fn no_refusal_of_what_could_be_a_backup_code_takes_longer_than_another() {
    sandboxed(|world| refusals_take_the_same(world, "3467-9CFH-JKMR-TWXY-3467", rounds(20, 1000)));
}

fn refusals_take_the_same(world: &World, answer: &str, pairs: usize) {
    let mut all = everybody(world, "prompts = 1\nfail_delay = \"0s\"\n");
    let unknown = all.pop().unwrap();
    for somebody in &all {
        let mut longer = 0;
        let mut differences = Vec::new();
        for pair in 0..pairs {
            let take = |who: &Somebody| {
                who.is_as_before();
                let outcome = world
                    .tries_of(&who.name)
                    .from("203.0.113.9")
                    .answers([answer])
                    .run();
                outcome.only().last_wait
            };
            // Neither is always the first.
            let (one, other) = if pair % 2 == 0 {
                let one = take(&unknown);
                (one, take(somebody))
            } else {
                let other = take(somebody);
                (take(&unknown), other)
            };
            longer += usize::from(other > one);
            differences.push(signed(other) - signed(one));
        }
        differences.sort_unstable();
        let median = differences[pairs / 2];
        println!(
            "{:>20}: {longer} of {pairs} took longer; median of the differences {median} µs",
            somebody.what
        );
        assert!(
            is_a_fair_coin(longer, pairs) || median.unsigned_abs() < NOISE.as_micros(),
            "{} is told apart from unknown by time: {longer} of {pairs} took longer, by {median} µs",
            somebody.what
        );
    }
}

/// Within four standard deviations of a fair coin: one in 16,000 fair ones is not.
fn is_a_fair_coin(heads: usize, tosses: usize) -> bool {
    let off = (2 * heads).abs_diff(tosses);
    off * off <= 16 * tosses
}

fn signed(time: Duration) -> i128 {
    i128::try_from(time.as_micros()).unwrap()
}

/// What the wake-up after the floor differs by from one try to the next, on a quiet machine.
const NOISE: Duration = Duration::from_micros(30);
