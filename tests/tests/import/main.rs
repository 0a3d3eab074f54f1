//! People of other systems: their files imported, and then their phones, tokens and scratch codes at real doors.
//!
//! - [`generated`]: a hundred files of every shape that `pam_google_authenticator` reads, and twenty that are broken.
//! - [`homes`]: what somebody can put in the place of their file, and whose a file is.
//! - [`users_file`]: the file of `pam_oath`. [`switch`]: the real old modules before, ours after.
//! - [`words`]: what is asked, told and logged.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot begin should fail loudly"
)]

mod files;
mod generated;
mod homes;
mod switch;
mod users_file;
mod words;
