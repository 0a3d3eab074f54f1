//! Wrong things in the place of the store's: each is refused for what it is, soon, with a line in the log that names where it is
//! and what mends it; nobody is let in for it, nothing is destroyed, and what is said to mend it does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "to panic with a sentence is how a test reports"
)]

mod configuration;
mod contents;
mod copies;
mod ground;
mod kinds;
mod missing;
mod modes;
mod names;
