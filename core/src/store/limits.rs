//! The limits that a caller of the host can set, and that would end the host in the middle of a write.

use nix::sys::resource::{Resource, getrlimit};

use super::StoreError;

/// Refuses where the process would get SIGXFSZ for a file of so many bytes: a caller of su can set that limit.
pub(super) fn check_file_size_limit(bytes: usize) -> Result<(), StoreError> {
    match getrlimit(Resource::RLIMIT_FSIZE) {
        Ok((soft, _)) if u64::try_from(bytes).is_ok_and(|bytes| bytes <= soft) => Ok(()),
        _ => Err(StoreError::FileSizeLimit),
    }
}
