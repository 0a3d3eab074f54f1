//! How long a refusal takes tells nothing, through real sshd either: what a stranger measures between sending an answer and
//! the next question or the refusal. Each answer of a conversation counts, the last one too.

use std::time::Duration;

use nightlatch_tests::{Stack, Stopwatch, World, rounds, sandboxed};

use crate::pairs::Pairs;
use crate::people::{Somebody, everybody};

#[test]
fn no_refusal_of_a_code_takes_longer_than_another_through_sshd() {
    sandboxed(|world| {
        refusals_take_the_same(world, "pam_nightlatch.so", a_code, rounds(20, 1000));
    });
}

#[test]
fn no_refusal_of_what_could_be_a_backup_code_takes_longer_than_another_through_sshd() {
    sandboxed(|world| {
        refusals_take_the_same(world, "pam_nightlatch.so", a_backup_code, rounds(20, 1000));
    });
}

#[test]
fn no_refusal_of_what_could_be_a_scratch_code_takes_longer_than_another_through_sshd() {
    sandboxed(|world| {
        refusals_take_the_same(world, "pam_nightlatch.so", a_scratch_code, rounds(20, 1000));
    });
}

/// What sshd itself tells: a module in our place that treats everybody alike. What that shows is no fault of ours.
#[test]
fn sshd_itself_tells_nobody_apart_by_time() {
    sandboxed(|world| {
        world.install_refusing_module();
        refusals_take_the_same(world, "pam_refuses.so", a_code, rounds(20, 1000));
    });
}

/// Pairs of answers, in two conversations at a time.
fn refusals_take_the_same(
    world: &World,
    module: &str,
    answer: impl Fn(usize) -> String,
    count: usize,
) {
    world.host_stack(
        "sshd",
        Stack::Lines(&format!(
            "auth required {module}\naccount required pam_permit.so\nsession required pam_permit.so\n"
        )),
    );
    let mut all = everybody(world, "fail_delay = \"0s\"\n");
    let unknown = all.pop().unwrap();
    let mut tries = 0;
    let mut told_apart = Vec::new();
    for somebody in &all {
        let mut pairs = Pairs::of(somebody.what);
        let both = || [&unknown, somebody].map(|who| world.stopwatch_on(&who.name));
        let [mut stranger, mut other] = both();
        while pairs.count() < count {
            // Another answer each time: the same one again in a conversation is another matter.
            tries += 1;
            let answer = answer(tries);
            stranger.is_asked();
            other.is_asked();
            let times = if pairs.unknown_comes_first(Stopwatch::ANSWERS) {
                let one = takes(&unknown, &mut stranger, &answer);
                one.zip(takes(somebody, &mut other, &answer))
            } else {
                let two = takes(somebody, &mut other, &answer);
                takes(&unknown, &mut stranger, &answer).zip(two)
            };
            if let Some((one, two)) = times {
                pairs.add(one, two);
            } else {
                // By chance it was a right one, and they are in.
                [stranger, other] = both();
            }
        }
        if !pairs.tell_nothing(NOISE) {
            told_apart.push(somebody.what);
        }
    }
    assert!(told_apart.is_empty(), "told apart by time: {told_apart:?}");
}

fn takes(who: &Somebody, with: &mut Stopwatch, answer: &str) -> Option<Duration> {
    who.is_as_before();
    with.answers(answer)
}

fn a_code(number: usize) -> String {
    format!("{:06}", 100_000 + number % 900_000)
}

fn a_scratch_code(number: usize) -> String {
    format!("{:08}", 10_000_000 + number % 80_000_000)
}

/// A symbol of it is another one each time, as far as the next one in a conversation is concerned.
fn a_backup_code(number: usize) -> String {
    const SYMBOLS: [char; 8] = ['3', '4', '6', '7', '9', 'C', 'F', 'H'];
    format!("3467-9CFH-JKMR-TWXY-346{}", SYMBOLS[number % SYMBOLS.len()])
}

/// What sshd and the stopwatch differ by from one try to the next.
const NOISE: Duration = Duration::from_micros(60);
