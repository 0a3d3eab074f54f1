//! `cargo xtask ci`: what a person runs before pushing, and what CI runs.

use anyhow::Result;

use crate::packages::{BUILD, END_TO_END, INSPECT};
use crate::stages::Stages;
use crate::workspace::Workspace;
use crate::{hardening, licences, minimum_rust, packages, process, symbols, test, unsafe_code};

/// Every check, each run although one before it failed, with the time that it took.
pub fn run(workspace: &Workspace) -> Result<()> {
    let mut stages = Stages::default();
    let ready = stages.run("packages", || {
        packages::install(&[BUILD, INSPECT, END_TO_END])
    }) && stages.run("dependencies", || {
        // Everything after this works offline, and a Cargo.lock that lags behind is found here.
        process::run(&mut workspace.cargo(&["fetch", "--locked"]))
    });
    if !ready {
        return stages.finish();
    }
    stages.run("format", || {
        process::run(&mut workspace.cargo(&["fmt", "--all", "--check"]))
    });
    stages.run("clippy", || clippy(workspace));
    stages.run("no unsafe code", unsafe_code::check);
    stages.run("minimum Rust", minimum_rust::check);
    stages.run("documentation", || documentation(workspace));
    if stages.run("cargo-deny, the tool", || licences::install_tool(workspace)) {
        stages.run("licences and bans", || licences::check(workspace));
    }
    test::test(workspace, &mut stages);
    stages.run("symbols", || symbols::check(workspace));
    stages.run("hardening", || hardening::check(workspace));
    stages.finish()
}

fn clippy(workspace: &Workspace) -> Result<()> {
    // The second run reads the code that only the module with planted faults has.
    for what in [
        ["--workspace", "--all-targets"],
        ["--package=pam_nightlatch", "--all-features"],
    ] {
        process::run(workspace.cargo(&["clippy"]).args(what).args([
            "--",
            "--deny=warnings",
            "--deny=clippy::incompatible_msrv",
        ]))?;
    }
    Ok(())
}

fn documentation(workspace: &Workspace) -> Result<()> {
    // With private items, which a crate's own page may then link to: nobody reads these pages but the people who change them.
    let rules = "--deny=warnings --allow=rustdoc::private_intra_doc_links";
    process::run(
        workspace
            .cargo(&[
                "doc",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ])
            .env("RUSTDOCFLAGS", rules),
    )
}
