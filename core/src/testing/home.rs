//! A directory for a test, gone with it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

/// Closed to others whatever the umask: Debian gives people 002, and a store refuses a parent that a group may write.
pub(crate) fn home() -> TempDir {
    home_in(&std::env::temp_dir())
}

/// [`home`] on a file system that keeps everything in memory: for tests that flush by the thousand.
pub(crate) fn home_in_memory() -> TempDir {
    home_in(Path::new("/dev/shm"))
}

fn home_in(parent: &Path) -> TempDir {
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .unwrap()
}
