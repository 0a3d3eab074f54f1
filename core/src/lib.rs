//! The rules of Nightlatch: what a token is, who may come in, what is kept and how, what is said.
//!
//! Nothing here knows PAM, a terminal or a network; the module, the command and the tests all drive the same code.
//! Start at [`login`] for the way of one login, at [`check`](mod@check) for the decision, at [`store`] for what lies on disk.

#![forbid(unsafe_code)]

pub mod account;
pub mod admission;
pub mod answer;
pub mod at_login;
pub mod audit;
pub mod backup_codes;
pub mod check;
pub mod combined;
pub mod config;
pub mod enrollment;
mod hex;
pub mod id;
pub mod import;
mod lines;
pub mod login;
pub mod messages;
pub mod offer;
pub mod place;
pub mod policy;
pub mod qr;
pub mod random;
pub mod safe_file;
pub mod scratch_codes;
pub mod state;
pub mod store;
pub mod surroundings;
mod tables;
pub mod throttle;
pub mod time;
pub mod token;
pub mod transaction;
pub mod trust;
mod versions;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(test)]
mod stranger;
#[cfg(any(test, feature = "fuzzing"))]
mod testing;
