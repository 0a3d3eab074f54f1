//! The minimum Rust, as far as one toolchain can tell: no dependency may ask for a newer one than we promise.
//!
//! That our own code keeps to it is clippy's part (`incompatible_msrv`).

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::workspace::metadata;

/// Reads what every dependency that is built on Linux asks for.
pub fn check() -> Result<()> {
    let metadata = metadata(&["--locked", "--filter-platform=x86_64-unknown-linux-gnu"])?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata names no packages")?;
    let (ours, theirs): (Vec<&Value>, Vec<&Value>) = packages
        .iter()
        .partition(|package| package["source"].is_null());
    let promised = promised(&ours)?;
    let too_new: Vec<_> = theirs
        .iter()
        .filter(|package| asks_for(package).is_some_and(|version| version > promised))
        .map(|package| format!("{} {}", package["name"], package["version"]))
        .collect();
    if !too_new.is_empty() {
        bail!(
            "these need a newer Rust than we promise: {}",
            too_new.join(", ")
        );
    }
    println!(
        "{} dependencies, none needs more than Rust {}.{}.",
        theirs.len(),
        promised.major,
        promised.minor
    );
    Ok(())
}

/// The one minimum that all members of the workspace name.
fn promised(ours: &[&Value]) -> Result<Version> {
    let mut versions: Vec<_> = ours.iter().map(|package| asks_for(package)).collect();
    versions.dedup();
    match versions[..] {
        [Some(version)] => Ok(version),
        _ => bail!("every member of the workspace must say `rust-version.workspace = true`"),
    }
}

fn asks_for(package: &Value) -> Option<Version> {
    Version::parse(package["rust_version"].as_str()?)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// Reads `1.89` or `1.89.0`; a patch version changes no language.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(str::parse);
        Some(Self {
            major: numbers.next()?.ok()?,
            minor: numbers.next().unwrap_or(Ok(0)).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(Version::parse("1.100") > Version::parse("1.89.0"));
        assert_eq!(Version::parse("1.89"), Version::parse("1.89.0"));
        assert!(Version::parse("1") < Version::parse("1.1"));
        assert_eq!(Version::parse("new"), None);
    }

    #[test]
    fn members_must_agree() {
        let one = json!({"rust_version": "1.89"});
        let other = json!({"rust_version": "1.90"});
        let silent = json!({"rust_version": null});
        assert!(promised(&[&one, &one]).is_ok());
        assert!(promised(&[&one, &other]).is_err());
        assert!(promised(&[&one, &silent]).is_err());
    }
}
