//! Chance that is the same in every run, so that what it finds is found again.

use std::cell::Cell;
use std::fmt::Write as _;

/// Marsaglia's xorshift64*.
pub(super) struct Dice(Cell<u64>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1))
    }

    /// A number below `sides`.
    pub(super) fn below(&self, sides: u64) -> u64 {
        let mut bits = self.0.get();
        bits ^= bits >> 12;
        bits ^= bits << 25;
        bits ^= bits >> 27;
        self.0.set(bits);
        (bits.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % sides
    }

    /// So many decimal digits.
    pub(super) fn digits(&self, count: usize) -> String {
        (0..count).fold(String::new(), |mut text, _| {
            let _ = write!(text, "{}", self.below(10));
            text
        })
    }
}
