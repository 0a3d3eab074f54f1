//! How long a refusal takes tells nothing, through libpam alone.

use std::time::Duration;

use nightlatch_tests::{World, rounds, sandboxed};

use crate::pairs::Pairs;
use crate::people::{Somebody, everybody};

#[test]
fn no_refusal_of_a_code_takes_longer_than_another() {
    sandboxed(|world| refusals_take_the_same(world, "123456", rounds(40, 1000)));
}

#[test]
fn no_refusal_of_what_could_be_a_backup_code_takes_longer_than_another() {
    sandboxed(|world| refusals_take_the_same(world, "3467-9CFH-JKMR-TWXY-3467", rounds(20, 1000)));
}

#[test]
fn no_refusal_of_what_could_be_a_scratch_code_takes_longer_than_another() {
    sandboxed(|world| refusals_take_the_same(world, "12345678", rounds(20, 1000)));
}

fn refusals_take_the_same(world: &World, answer: &str, count: usize) {
    let mut all = everybody(world, "prompts = 1\nfail_delay = \"0s\"\n");
    let unknown = all.pop().unwrap();
    let take = |who: &Somebody| {
        who.is_as_before();
        let outcome = world
            .tries_of(&who.name)
            .from("203.0.113.9")
            .answers([answer])
            .run();
        outcome.only().last_wait
    };
    let mut told_apart = Vec::new();
    for somebody in &all {
        let mut pairs = Pairs::of(somebody.what);
        while pairs.count() < count {
            let (one, other) = if pairs.unknown_comes_first(1) {
                let one = take(&unknown);
                (one, take(somebody))
            } else {
                let other = take(somebody);
                (take(&unknown), other)
            };
            pairs.add(one, other);
        }
        if !pairs.tell_nothing(NOISE) {
            told_apart.push(somebody.what);
        }
    }
    assert!(told_apart.is_empty(), "told apart by time: {told_apart:?}");
}

/// What the wake-up after the floor differs by from one try to the next, on a quiet machine.
const NOISE: Duration = Duration::from_micros(30);
