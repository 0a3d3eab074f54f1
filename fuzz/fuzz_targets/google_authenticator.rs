//! Files of `pam_google_authenticator`, which people can write themselves.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nightlatch_core::fuzzing::google_authenticator(bytes));
