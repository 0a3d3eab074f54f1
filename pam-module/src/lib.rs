//! `pam_nightlatch.so`: asks for a one-time code after the first factor.
//!
//! PAM comes in here and the rules of `nightlatch-core` go out: the hooks below are called by libpam, [`auth`] drives
//! the conversation, and [`libpam`], [`shield`] and [`large`] hold all the unsafe code there is in Nightlatch (but for the faults that
//! tests plant).

mod account;
mod arguments;
mod auth;
mod guard;
mod handover;
mod host;
mod large;
mod libpam;
mod memory;
#[cfg(feature = "planted-faults")]
mod planted;
mod setting;
mod shield;

use pamsm::{Pam, PamError, PamFlags, PamServiceModule};

use crate::guard::guarded;
use crate::libpam::LibPam;

struct Nightlatch;

impl PamServiceModule for Nightlatch {
    fn authenticate(pam: Pam, flags: PamFlags, arguments: Vec<String>) -> PamError {
        let host = LibPam::new(pam, flags);
        guarded(&host, || auth::authenticate(&host, &arguments))
    }

    /// Success always, and nothing is read: sudo has made root the user by now, and IGNORE here breaks `su` in a stack
    /// of this module alone.
    fn setcred(_: Pam, _: PamFlags, _: Vec<String>) -> PamError {
        PamError::SUCCESS
    }

    fn acct_mgmt(pam: Pam, flags: PamFlags, arguments: Vec<String>) -> PamError {
        let host = LibPam::new(pam, flags);
        guarded(&host, || account::account(&host, &arguments))
    }

    fn open_session(_: Pam, _: PamFlags, _: Vec<String>) -> PamError {
        PamError::IGNORE
    }

    fn close_session(_: Pam, _: PamFlags, _: Vec<String>) -> PamError {
        PamError::IGNORE
    }

    fn chauthtok(_: Pam, _: PamFlags, _: Vec<String>) -> PamError {
        PamError::IGNORE
    }
}

pamsm::pam_module!(Nightlatch);
