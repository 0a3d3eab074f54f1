//! Setting up a service: what is written where, how it is checked, kept, tried and taken back.
//!
//! Nothing is changed before what was there is kept ([`kept`]), and a file is changed as a whole or not at all ([`replacing`]). What
//! is taken back is what was left: in a file that somebody edited meanwhile, our lines go and theirs stay ([`block`]).

pub mod block;
pub mod diff;
pub mod kept;
pub mod placing;
pub mod replacing;
pub mod span;
pub mod sshd;
pub mod trial;
pub mod watch;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Where the code is asked for, among what else a service asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// After the password.
    AfterPassword,
    /// sshd: after the public key, which sshd asks for; no password.
    AfterKey,
    /// Instead of the password: the code alone.
    Instead,
}

impl Placement {
    /// As it is typed.
    pub fn word(self) -> &'static str {
        match self {
            Self::AfterPassword => "after-password",
            Self::AfterKey => "after-key",
            Self::Instead => "instead",
        }
    }
}
