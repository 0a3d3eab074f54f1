//! `nightlatch.toml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nightlatch_core::fuzzing::configuration(bytes));
