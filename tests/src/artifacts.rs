//! Where the things under test are: the module, its flavour with planted faults, the command, the driver.
//!
//! All were built before, by `cargo xtask test`. Each has a variable of the environment that names another file, for a
//! module built under a sanitizer or an installed one.

use std::env;
use std::path::{Path, PathBuf};

/// The module: `$NIGHTLATCH_MODULE`, else `target/release/libpam_nightlatch.so`.
#[must_use]
pub fn module() -> PathBuf {
    built("NIGHTLATCH_MODULE", "release/libpam_nightlatch.so")
}

/// The module built with the feature `planted-faults`: `$NIGHTLATCH_FAULTY_MODULE`, else in `target/planted-faults/release/`.
#[must_use]
pub fn faulty_module() -> PathBuf {
    built(
        "NIGHTLATCH_FAULTY_MODULE",
        "planted-faults/release/libpam_nightlatch.so",
    )
}

/// The module with planted faults built under AddressSanitizer: `$NIGHTLATCH_SANITIZED_MODULE`, else in `target/sanitized/`.
#[must_use]
pub fn sanitized_module() -> PathBuf {
    let below_target = format!(
        "sanitized/{}/debug/libpam_nightlatch.so",
        env!("NIGHTLATCH_TARGET")
    );
    built("NIGHTLATCH_SANITIZED_MODULE", &below_target)
}

/// The driver built under AddressSanitizer, which brings the sanitizer's library for the module too.
#[must_use]
pub fn sanitized_pam_driver() -> PathBuf {
    PathBuf::from(env!("NIGHTLATCH_SANITIZED_PAM_DRIVER_BUILT"))
}

/// The command: `$NIGHTLATCH_COMMAND`, else `target/release/nightlatch`.
#[must_use]
pub fn command() -> PathBuf {
    built("NIGHTLATCH_COMMAND", "release/nightlatch")
}

/// The driver of the contract tests: `$NIGHTLATCH_PAM_DRIVER`, else the one that this crate's build made.
#[must_use]
pub fn pam_driver() -> PathBuf {
    env::var_os("NIGHTLATCH_PAM_DRIVER").map_or_else(
        || PathBuf::from(env!("NIGHTLATCH_PAM_DRIVER_BUILT")),
        PathBuf::from,
    )
}

/// The driver of the benchmarks, `tests/driver/pam-bench.c`.
#[must_use]
pub fn pam_bench() -> &'static Path {
    Path::new(env!("NIGHTLATCH_PAM_BENCH_BUILT"))
}

/// The folder with the name services, for glibc to look in.
#[must_use]
pub fn name_services() -> &'static Path {
    let library = Path::new(env!("NIGHTLATCH_NAME_SERVICE_BUILT"));
    library.parent().unwrap_or(library)
}

/// A module that asks like Nightlatch's, looks at nothing and refuses everybody.
#[must_use]
pub fn refusing_module() -> &'static Path {
    Path::new(env!("NIGHTLATCH_REFUSING_MODULE_BUILT"))
}

/// A folder on the disk for what may go at any time.
#[must_use]
pub fn scratch() -> PathBuf {
    target().join("tmp")
}

/// The folder with whole systems to boot, made once.
#[must_use]
pub(crate) fn systems() -> PathBuf {
    target().join("systems")
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate is a folder of the workspace")
        .join("target")
}

fn built(variable: &str, below_target: &str) -> PathBuf {
    let path = env::var_os(variable).map_or_else(|| target().join(below_target), PathBuf::from);
    assert!(
        path.is_file(),
        "{} is not there: `cargo xtask test` builds it before it runs the tests",
        path.display()
    );
    path
}
