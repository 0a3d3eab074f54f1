//! Logins by whoever does not have the code.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nightlatch_core::fuzzing::conversation(bytes));
