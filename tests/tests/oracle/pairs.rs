//! Pairs of tries, one of somebody who is not there and one of somebody else: does one of them take longer?

use std::time::Duration;

/// What the pairs showed of somebody.
#[derive(Debug)]
pub struct Pairs {
    what: String,
    /// How much longer than the other one of the pair, in microseconds.
    differences: Vec<i128>,
}

impl Pairs {
    /// No pair yet.
    pub fn of(what: &str) -> Self {
        Self {
            what: what.to_owned(),
            differences: Vec::new(),
        }
    }

    /// Whether the one who is not there is to be the first of the next pair. Neither always is, nor always for the same answer
    /// of a connection, of which there are `to_a_connection`.
    pub fn unknown_comes_first(&self, to_a_connection: usize) -> bool {
        let pair = self.differences.len();
        (pair % to_a_connection + pair / to_a_connection).is_multiple_of(2)
    }

    /// One more pair.
    pub fn add(&mut self, unknown: Duration, somebody: Duration) {
        self.differences.push(signed(somebody) - signed(unknown));
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.differences.len()
    }

    /// Says what they show, and whether nobody is told apart by it: one takes longer as often as the other, or the median of the
    /// differences is within `noise`.
    pub fn tell_nothing(mut self, noise: Duration) -> bool {
        let pairs = self.count();
        let longer = self.differences.iter().filter(|by| **by > 0).count();
        self.differences.sort_unstable();
        let median = self.differences[pairs / 2];
        println!(
            "{:>20}: {longer} of {pairs} took longer; median of the differences {median} µs",
            self.what
        );
        is_a_fair_coin(longer, pairs) || median.unsigned_abs() < noise.as_micros()
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
