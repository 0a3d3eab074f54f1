//! otpauth URIs with any names and secrets in them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nightlatch_core::fuzzing::uri(bytes));
