//! The built things that tests, demo and benchmark work on: the module, the command and the modules with planted faults.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::process;
use crate::workspace::{Workspace, host};

/// Builds the module and the command as they are installed.
pub fn build(workspace: &Workspace) -> Result<()> {
    process::run(&mut workspace.cargo(&[
        "build",
        "--release",
        "--package=pam_nightlatch",
        "--package=nightlatch",
    ]))
}

/// Builds the module that commits a fault on demand, into a folder of its own so that nobody installs it by mistake.
pub fn build_planted_faults(workspace: &Workspace) -> Result<()> {
    process::run(
        workspace
            .cargo(&[
                "build",
                "--release",
                "--package=pam_nightlatch",
                "--features=planted-faults",
                "--target-dir",
            ])
            .arg(planted_faults(workspace)),
    )
}

/// Builds the module as it is installed, but with the names of its functions, and says where it is.
pub fn build_with_names(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    process::run(
        workspace
            .cargo(&[
                "build",
                "--release",
                "--package=pam_nightlatch",
                "--target-dir",
            ])
            .arg(folder)
            .env("CARGO_PROFILE_RELEASE_STRIP", "false"),
    )?;
    Ok(folder.join("release").join(MODULE))
}

/// Builds the module for AddressSanitizer: with planted faults, so that a test can see that it would be seen, and not
/// optimised, so that nothing is optimised away before the sanitizer looks, and debug assertions check the standard
/// library's own preconditions too.
pub fn build_sanitized(workspace: &Workspace) -> Result<()> {
    process::run(
        workspace
            .cargo(&[
                "build",
                "--package=pam_nightlatch",
                "--features=planted-faults",
                // Named, it keeps the sanitizer away from build scripts and procedural macros.
                "--target",
                &host()?,
                "--target-dir",
            ])
            .arg(sanitized(workspace))
            // The option is not stable; what it makes is only tested, never installed.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", "-Zsanitizer=address")
            .env_remove("CARGO_ENCODED_RUSTFLAGS"),
    )
}

/// The module as it is installed.
pub fn module(workspace: &Workspace) -> PathBuf {
    workspace.target.join("release").join(MODULE)
}

/// The command as it is installed.
pub fn command(workspace: &Workspace) -> PathBuf {
    workspace.target.join("release/nightlatch")
}

/// How tests, demo and benchmark are told where the artifacts are.
pub fn variables(workspace: &Workspace) -> Result<[(&'static str, PathBuf); 4]> {
    Ok([
        ("NIGHTLATCH_MODULE", module(workspace)),
        ("NIGHTLATCH_COMMAND", command(workspace)),
        (
            "NIGHTLATCH_FAULTY_MODULE",
            planted_faults(workspace).join("release").join(MODULE),
        ),
        (
            "NIGHTLATCH_SANITIZED_MODULE",
            sanitized(workspace)
                .join(host()?)
                .join("debug")
                .join(MODULE),
        ),
    ])
}

fn planted_faults(workspace: &Workspace) -> PathBuf {
    workspace.target.join("planted-faults")
}

fn sanitized(workspace: &Workspace) -> PathBuf {
    workspace.target.join("sanitized")
}

const MODULE: &str = "libpam_nightlatch.so";
