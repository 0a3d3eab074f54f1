//! `docs/format.md` is enough: a reader that was made from that page alone (`format/reader.py`) says of every store what
//! `nightlatch status --json` and `nightlatch list --json` say, and refuses what they refuse.

#![allow(
    clippy::unwrap_used,
    reason = "clippy does not see that what the tests of several files share is a test as well"
)]

mod agreement;
mod damage;
mod directories;
mod enrollments;
mod files;
mod history;
mod people;
mod records;
mod states;
