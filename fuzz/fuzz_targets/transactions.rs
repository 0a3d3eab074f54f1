//! Any transactions against a store of files, with crashes in between, compared with what must be true.
#![no_main]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use libfuzzer_sys::fuzz_target;
use nightlatch_core::fuzzing::transactions;

fuzz_target!(|bytes: &[u8]| {
    // In memory, where flushing costs nothing. Made anew each time, since nothing is dropped when the fuzzer ends.
    let home = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in("/dev/shm")
        .expect("a directory in /dev/shm");
    transactions(bytes, home.path());
});
