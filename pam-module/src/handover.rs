//! What `auth` hands over to `account`: whatever must stand behind a right first factor.
//!
//! The module cannot know whether the modules before it succeeded; hosts call `account` only when the whole of `auth`
//! did. So what `auth` only prepares waits here, in the host's memory ([`PamHost`](crate::host::PamHost)), and goes when the
//! host ends the transaction, when it authenticates again, or when `account` takes it.

/// What waits for the account phase.
#[derive(Debug, PartialEq, Eq)]
pub struct Handover {
    /// The canonical name of the account that it is for. A module in between may have changed `PAM_USER`.
    pub user: String,
    /// What the person is to be told then.
    pub say: Vec<String>,
}
