//! From the bytes that a fuzzer chose to the values that a property needs.

/// Texts, divided by bytes that are in no text: `0xff`. Whatever is not UTF-8 is replaced.
pub(super) fn texts(bytes: &[u8]) -> impl Iterator<Item = String> {
    bytes
        .split(|&byte| byte == 0xff)
        .map(|part| String::from_utf8_lossy(part).into_owned())
}
