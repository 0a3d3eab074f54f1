//! Failures that `main` treats in a way of their own; all others are told and end with status 1.

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
