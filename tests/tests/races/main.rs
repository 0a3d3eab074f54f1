//! Many processes at once: on one record, on many, and while records are changed, removed and made again.

#![allow(
    clippy::unwrap_used,
    reason = "to panic with a sentence is how a test reports"
)]

mod administrators;
mod changes;
mod crowds;
mod history;
mod one_record;
mod waiting;
