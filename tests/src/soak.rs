//! How long the long tests are: short in `cargo xtask test`, which everybody waits for; long in `cargo xtask soak`.
//!
//! A test that could go on for ever (kills at every system call, races, random histories) asks here how often it goes round.

use std::env;
use std::time::Duration;

/// `short` in a test run, `long` in a soak.
#[must_use]
pub fn rounds(short: usize, long: usize) -> usize {
    if soaking() { long } else { short }
}

/// No test may take longer. Most take a second; the races take some ten.
pub(crate) fn limit() -> Duration {
    let minutes = if soaking() { 120 } else { 4 };
    Duration::from_secs(minutes * 60)
}

/// All of them in a soak; in a test run so many, evenly spread from the first to the last.
#[must_use]
pub fn spread<T>(all: Vec<T>, short: usize) -> Vec<T> {
    let count = all.len();
    let taken = rounds(short, count).min(count);
    let mut due = 0;
    let is_due = |index: usize| {
        let due_now = due < taken && index >= due * (count - 1) / (taken - 1).max(1);
        due += usize::from(due_now);
        due_now
    };
    let mut is_due = is_due;
    all.into_iter()
        .enumerate()
        .filter(|(index, _)| is_due(*index))
        .map(|(_, one)| one)
        .collect()
}

fn soaking() -> bool {
    env::var_os(SOAK).is_some()
}

/// Set by `cargo xtask soak`, and kept on the way into the sandbox.
const SOAK: &str = "NIGHTLATCH_SOAK";
