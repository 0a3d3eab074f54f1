//! Any logins at once, whatever is answered, changed, set and broken meanwhile.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nightlatch_core::fuzzing::machine(bytes));
