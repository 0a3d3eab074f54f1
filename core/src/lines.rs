//! Which line of a text something is in, for errors that say where to look.

/// The number of the line that byte `offset` of `text` lies in, counted from 1.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|&byte| byte == b'\n')
        .count()
}
