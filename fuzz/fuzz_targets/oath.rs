//! Users' files of `pam_oath`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nightlatch_core::fuzzing::oath(bytes));
