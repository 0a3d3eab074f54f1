//! A directory for a test, gone with it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

/// Closed to others whatever the umask: Debian gives people 002, and a store refuses a parent that a group may write.
pub(crate) fn home() -> TempDir {
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .unwrap()
}
