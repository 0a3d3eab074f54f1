//! The difference that a change makes, as people know it from `diff -u`.

use std::path::Path;

use similar::TextDiff;

/// The change of a file. What is not UTF-8 is shown for what it is not.
pub fn unified(path: &Path, before: Option<&[u8]>, after: Option<&[u8]>) -> String {
    let name = path.display().to_string();
    let side = |text: Option<&[u8]>| {
        if text.is_some() {
            name.clone()
        } else {
            "/dev/null".to_owned()
        }
    };
    let text = |text: Option<&[u8]>| String::from_utf8_lossy(text.unwrap_or_default()).into_owned();
    let (old, new) = (text(before), text(after));
    TextDiff::from_lines(&old, &new)
        .unified_diff()
        .context_radius(3)
        .header(&side(before), &side(after))
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_looks_as_diff_shows_it() {
        let shown = unified(Path::new("/x"), Some(b"a\nb\n"), Some(b"a\nb\nc\n"));
        assert_eq!(shown, "--- /x\n+++ /x\n@@ -1,2 +1,3 @@\n a\n b\n+c\n");
        let shown = unified(Path::new("/x"), None, Some(b"c\n"));
        assert!(shown.starts_with("--- /dev/null\n+++ /x\n"), "{shown}");
    }
}
