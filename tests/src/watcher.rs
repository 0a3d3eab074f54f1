//! Tools that watch what the module and libpam do to memory while a login is tried.
//!
//! Neither goes together with a moved clock (`LD_PRELOAD` must not come before them) or with strace.

use std::ffi::OsString;

use crate::artifacts;

/// A tool that watches memory. What it finds ends the application with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watcher {
    /// Accesses out of bounds or after the end of a life, and leaks, in a module that was built for it: see
    /// [`crate::World::install_modules_watched_by`].
    AddressSanitizer,
    /// The same on the heap, and decisions by bytes that were never written, in the very module that is installed.
    Valgrind,
}

impl Watcher {
    /// The words that run the driver below this tool.
    pub(crate) fn driver(self) -> Vec<OsString> {
        match self {
            Self::AddressSanitizer => vec![artifacts::sanitized_pam_driver().into()],
            Self::Valgrind => {
                let mut words: Vec<OsString> = VALGRIND.map(OsString::from).to_vec();
                words.push(artifacts::pam_driver().into());
                words
            }
        }
    }

    pub(crate) fn environment(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::AddressSanitizer => vec![(
                "ASAN_OPTIONS",
                "exitcode=9:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1",
            )],
            Self::Valgrind => Vec::new(),
        }
    }
}

/// `--quiet`: nothing is written unless something is found. No suppression is given but those of the distribution.
const VALGRIND: [&str; 7] = [
    "valgrind",
    "--quiet",
    "--error-exitcode=9",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite",
    "--show-leak-kinds=definite",
    // libpam unloads the module before the report is made.
    "--keep-debuginfo=yes",
];
