//! What must hold whatever comes in: for each parser and each format a function that takes any bytes, makes an input of
//! them and panics where a promise is broken.
//!
//! The fuzz targets in `fuzz/` call these with bytes that a fuzzer chose, and this crate's own tests with those that are
//! kept in `fuzz/corpus` and `fuzz/regressions`. Compiled for tests and under the feature `fuzzing` only, never into what
//! people run.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "to panic is how a property says that it does not hold"
)]

mod conversation;
mod imports;
mod input;
mod log_line;
mod machine;
mod secret;
mod texts;
mod transactions;
mod values;

pub use crate::store::slots_property::state_slots;
pub use conversation::conversation;
pub use imports::{google_authenticator, oath};
pub use log_line::log_line;
pub use machine::machine;
pub use secret::secret;
pub use texts::{configuration, enrollment, state_text, store_marker};
pub use transactions::transactions;
pub use values::{answer, place, uri, user_name};

/// A property, under the name of its fuzz target.
pub type Property = (&'static str, fn(&[u8]));

/// Every property that needs bytes and nothing else, which [`transactions()`] does.
pub const PROPERTIES: &[Property] = &[
    ("answer", answer),
    ("configuration", configuration),
    ("conversation", conversation),
    ("enrollment", enrollment),
    ("google_authenticator", google_authenticator),
    ("log_line", log_line),
    ("machine", machine),
    ("oath", oath),
    ("place", place),
    ("secret", secret),
    ("state_slots", state_slots),
    ("state_text", state_text),
    ("store_marker", store_marker),
    ("uri", uri),
    ("user_name", user_name),
];

#[cfg(test)]
mod tests;
