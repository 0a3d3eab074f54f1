//! Crashes, faults and power cuts at every point of everything that changes a record.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy does not see that what the tests of several files share is a test as well"
)]

mod faults;
mod kills;
mod operations;
mod power_cuts;
