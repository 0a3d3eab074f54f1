//! What `auth` hands over to `account`: whatever must stand behind a right first factor.
//!
//! The module cannot know whether the modules before it succeeded; hosts call `account` only when the whole of `auth`
//! did. So what `auth` only prepares waits here, in the host's memory ([`PamHost`](crate::host::PamHost)), and goes when the
//! host ends the transaction, when it authenticates again, or when `account` takes it.

use nightlatch_core::admission::LeftByLogin;
use nightlatch_core::login::Request;

/// What waits for the account phase.
#[derive(Debug)]
pub struct Handover {
    /// `PAM_USER` as it was. A module in between may have changed it.
    pub user: Vec<u8>,
    /// Whose login it was, and where it came from.
    pub request: Request,
    /// What is to be kept and told.
    pub left: LeftByLogin,
}
