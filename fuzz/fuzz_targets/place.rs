//! Where somebody comes from: an address as the application gives it, and a place as a state holds it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nightlatch_core::fuzzing::place(bytes));
