//! Events with names that somebody else chose, as lines of the log.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nightlatch_core::fuzzing::log_line(bytes));
