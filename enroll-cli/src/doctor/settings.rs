//! Findings about the configuration: what keeps it from being read, and what `config check` finds odd.

use std::path::Path;

use nightlatch_core::config::{Config, ConfigError};

use super::finding::{Finding, Severity, command_in};
use crate::findings::{self, ThisHost};

/// A configuration that cannot be read.
pub fn unusable(path: &Path, error: &ConfigError) -> Finding {
    let text = error.to_string();
    Finding::new(
        "configuration-unusable",
        Severity::LockOut,
        path.display().to_string(),
        text.clone(),
        "a configuration that cannot be read refuses everybody, keys at sshd too",
    )
    .mend("mend what it says, until this says good: nightlatch config check")
    .run_all(command_in(&text))
}

/// What is odd about one that can be read.
pub fn examine(config: &Config, text: &str, path: &Path) -> Vec<Finding> {
    let odd = findings::find(config, text, &ThisHost).into_iter();
    odd.map(|odd| {
        let line = odd
            .line
            .map_or_else(String::new, |line| format!(", line {line}"));
        Finding::new(
            "configuration-odd",
            Severity::Weakness,
            format!("{}{line}", path.display()),
            odd.text,
            "somebody believes something about who is asked that is not so",
        )
        .mend("change the line to what is meant, until this says good: nightlatch config check")
    })
    .collect()
}
