//! Wherever the clock is set, and however often: nothing opens twice, no lock is longer than its own length, whatever is told
//! is sane, and what cannot be told denies. docs/clock.md is the table of it.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

mod codes;
mod commands;
mod spans;
mod while_asked;

use nightlatch_tests::{Clock, Person};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// Where clocks break: the beginning; what 31, 32 and 63 bits of seconds and of nanoseconds can count; the end of the calendar, and
/// beyond it. Each in the order of time.
const MOMENTS: [i64; 11] = [
    0,
    1_000_000_000,
    // 2038-01-19T03:14:07Z and the second after it.
    (1 << 31) - 1,
    1 << 31,
    // 2106-02-07T06:28:15Z and the second after it.
    (1 << 32) - 1,
    1 << 32,
    // 2262-04-11T23:47:16Z, where Linux's own clock ends.
    i64::MAX / 1_000_000_000,
    // The last minute of the year 9999, and the first one after it.
    253_402_300_740,
    253_402_300_800,
    1 << 40,
    1 << 50,
];

/// What the person's phone shows while it and this clock agree.
fn code_by(person: &Person<'_>, clock: &Clock) -> String {
    person.phone().code_of_step(step_by(clock))
}

/// The step of thirty seconds that this clock is in.
fn step_by(clock: &Clock) -> u64 {
    clock.time().max(0).unsigned_abs() / 30
}
