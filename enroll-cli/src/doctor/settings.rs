//! Findings about the configuration: what keeps it from being read, and what `config check` finds odd.

use std::path::Path;

use nightlatch_core::config::{Config, ConfigError, DEFAULT_PATH};

use super::finding::{Finding, Severity, command_in, quoted};
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
    .mend(format!(
        "mend what it says, until this says good: {}",
        check(path)
    ))
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
        .mend(format!(
            "change the line to what is meant, until this says good: {}",
            check(path)
        ))
    })
    .collect()
}

/// The command that says whether this one is good.
fn check(path: &Path) -> String {
    if path == Path::new(DEFAULT_PATH) {
        "nightlatch config check".to_owned()
    } else {
        let path = quoted(&path.to_string_lossy());
        format!("nightlatch --config {path} config check")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_asks_about_the_configuration_that_was_read() {
        assert_eq!(check(Path::new(DEFAULT_PATH)), "nightlatch config check");
        assert_eq!(
            check(Path::new("/etc/x y.toml")),
            "nightlatch --config '/etc/x y.toml' config check"
        );
    }
}
