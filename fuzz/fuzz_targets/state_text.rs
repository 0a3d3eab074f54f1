//! The text body of a state slot.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nightlatch_core::fuzzing::state_text(bytes));
