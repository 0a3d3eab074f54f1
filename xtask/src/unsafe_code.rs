//! No unsafe code outside `pam-module` (CONTRIBUTING.md). The compiler keeps it where a crate forbids itself; this makes
//! sure that every crate does.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::workspace::metadata;

/// Looks for the attribute in the root of every library and program of the workspace.
pub fn check() -> Result<()> {
    let metadata = metadata(&["--no-deps"])?;
    let roots = roots(&metadata);
    ensure!(!roots.is_empty(), "cargo metadata names no crates");
    for root in roots {
        let text = std::fs::read_to_string(root)
            .with_context(|| format!("cannot read {}", root.display()))?;
        ensure!(
            text.lines().any(|line| line == FORBIDDEN),
            "{} does not say {FORBIDDEN}",
            root.display()
        );
    }
    Ok(())
}

fn roots(metadata: &Value) -> Vec<&Path> {
    metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|package| package["name"] != MAY_BE_UNSAFE)
        .filter_map(|package| package["targets"].as_array())
        .flatten()
        .filter(|target| ["lib", "bin"].iter().any(|kind| target["kind"][0] == *kind))
        .filter_map(|target| target["src_path"].as_str().map(Path::new))
        .collect()
}

const FORBIDDEN: &str = "#![forbid(unsafe_code)]";
const MAY_BE_UNSAFE: &str = "pam_nightlatch";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn libraries_and_programs_are_looked_at_but_the_module_is_not() {
        let metadata = json!({"packages": [
            {"name": "pam_nightlatch", "targets": [{"kind": ["cdylib"], "src_path": "/m.rs"}]},
            {"name": "core", "targets": [
                {"kind": ["lib"], "src_path": "/lib.rs"},
                {"kind": ["test"], "src_path": "/test.rs"},
            ]},
            {"name": "command", "targets": [{"kind": ["bin"], "src_path": "/main.rs"}]},
        ]});
        assert_eq!(
            roots(&metadata),
            [Path::new("/lib.rs"), Path::new("/main.rs")]
        );
    }
}
