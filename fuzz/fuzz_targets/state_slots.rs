//! The two slots of a state file: read, written over, torn.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nightlatch_core::fuzzing::state_slots(bytes));
