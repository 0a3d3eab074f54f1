//! Failures that `main` treats in a way of their own; all others are told and end with status 1.

/// An error with what led to it, in one line. An error of the store names what led to it by itself: that is not said twice.
pub fn in_words(error: &anyhow::Error) -> String {
    let mut words = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !words.ends_with(&cause) {
            words.push_str(": ");
            words.push_str(&cause);
        }
    }
    words
}

/// A failure of its own kind.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command was typed wrongly: status 2.
    #[error("{0}")]
    Usage(String),
    /// All was told already: status 1, and not a word more.
    #[error("the command failed")]
    Told,
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::Context as _;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("/store: reading failed: {source}")]
    struct SaysItsCause {
        source: io::Error,
    }

    #[test]
    fn what_led_to_an_error_is_said_once() {
        let source = io::Error::other("the disk is gone");
        let error = anyhow::Error::new(SaysItsCause { source }).context("nothing was written");
        assert_eq!(
            in_words(&error),
            "nothing was written: /store: reading failed: the disk is gone"
        );
        let error = Err::<(), _>(io::Error::other("no"))
            .context("/dev/log")
            .unwrap_err();
        assert_eq!(in_words(&error), "/dev/log: no");
    }
}
