//! Secrets in hex or base32, as the makers of tokens and other systems write them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nightlatch_core::fuzzing::secret(bytes));
