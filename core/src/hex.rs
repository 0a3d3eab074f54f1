//! Bytes as hexadecimal digits in lower case: how ids, salts and digests are kept.

use data_encoding::HEXLOWER;

/// Writes bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Reads exactly `N` bytes in the one spelling that [`encode`] has.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}
