//! Every state that a small world can reach, by way of the real functions: what `docs/proof.md` says is proved.
//!
//! A world has a few places, a few moments that the clock may show, every answer that makes a difference, and limits so low
//! that they are met. From its first state every act is tried, from each state that comes of it every act again, until
//! nothing new comes. What must hold is asked of every step and of every state, and compared with what the search counted by
//! itself. Where something does not hold, the shortest way there is shown.
//!
//! - [`search`]: the search. [`key`]: when two states are the same. [`past`]: what the search knows by itself.
//! - [`buckets`]: failures, locks, shares and places, through the functions of `throttle.rs`.
//! - [`house`], [`laws`]: tokens and backup codes, through `check`; [`houses`]: the worlds of that kind.
//! - [`extremes`]: the same functions where the numbers end.

mod buckets;
mod extremes;
mod house;
mod houses;
mod key;
mod laws;
mod past;
mod search;

use std::env;

/// Leaves with what does not hold, if it does not.
macro_rules! must {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err(format!($($what)+));
        }
    };
}
use must;

/// `short` in a test run, `long` in `cargo xtask soak`.
fn rounds<T>(short: T, long: T) -> T {
    if env::var_os("NIGHTLATCH_SOAK").is_some() {
        long
    } else {
        short
    }
}
