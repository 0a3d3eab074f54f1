//! Any transactions against a store of files, with crashes in between, compared with what must be true.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nightlatch_core::fuzzing::transactions;
use tempfile::TempDir;

/// In memory: nothing here outlives the process, and flushing costs nothing there.
static HOME: LazyLock<TempDir> = LazyLock::new(|| {
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    tempfile::Builder::new()
        .permissions(permissions)
        .tempdir_in("/dev/shm")
        .expect("a directory in /dev/shm")
});

fuzz_target!(|bytes: &[u8]| transactions(bytes, HOME.path()));
