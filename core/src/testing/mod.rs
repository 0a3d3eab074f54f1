//! What the tests of several files need, and the properties in [`fuzzing`](crate::fuzzing).

mod clock;
#[cfg(test)]
mod home;
#[cfg(test)]
pub(crate) mod later;
#[cfg(test)]
pub(crate) mod own_process;
#[cfg(test)]
pub(crate) mod scene;
#[cfg(test)]
pub(crate) mod thrift;
pub(crate) mod token;

use crate::backup_codes::Cost;
use crate::check::Rules;
use crate::throttle::Throttle;
use crate::time::Time;

pub(crate) use clock::At;
#[cfg(test)]
pub(crate) use home::{home, home_in_memory};

/// 2026-11-24T02:30:00Z, the beginning of a step of 30 seconds.
pub(crate) const NOW: Time = Time::from_unix(1_795_487_400);

/// The defaults of the configuration.
pub(crate) const RULES: Rules = Rules {
    window: 1,
    resync_window: 20,
    look_ahead: 10,
    throttle: Throttle {
        free_failures: 5,
        first_lock: 30,
        longest_lock: 900,
        hard_limit: 100,
    },
};

/// The cheapest digest there is: tests make many.
pub(crate) const CHEAP: Cost = Cost {
    m_kib: 8,
    t: 1,
    p: 1,
};
