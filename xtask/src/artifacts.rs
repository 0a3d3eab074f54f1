//! The built things that tests, demo and benchmark work on: the module, the command and the module that panics.

use std::path::PathBuf;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// Builds the module and the command as they are installed.
pub fn build(workspace: &Workspace) -> Result<()> {
    process::run(&mut workspace.cargo(&[
        "build",
        "--release",
        "--package=pam_nightlatch",
        "--package=nightlatch",
    ]))
}

/// Builds the module that panics on demand, into a folder of its own so that nobody installs it by mistake.
pub fn build_planted_panic(workspace: &Workspace) -> Result<()> {
    process::run(
        workspace
            .cargo(&[
                "build",
                "--release",
                "--package=pam_nightlatch",
                "--features=planted-panic",
                "--target-dir",
            ])
            .arg(planted_panic(workspace)),
    )
}

/// The module as it is installed.
pub fn module(workspace: &Workspace) -> PathBuf {
    workspace.target.join("release").join(MODULE)
}

/// How tests, demo and benchmark are told where the artifacts are.
pub fn variables(workspace: &Workspace) -> [(&'static str, PathBuf); 3] {
    [
        ("NIGHTLATCH_MODULE", module(workspace)),
        (
            "NIGHTLATCH_COMMAND",
            workspace.target.join("release/nightlatch"),
        ),
        (
            "NIGHTLATCH_PANIC_MODULE",
            planted_panic(workspace).join("release").join(MODULE),
        ),
    ]
}

fn planted_panic(workspace: &Workspace) -> PathBuf {
    workspace.target.join("planted-panic")
}

const MODULE: &str = "libpam_nightlatch.so";
