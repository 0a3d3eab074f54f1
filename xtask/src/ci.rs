//! `cargo xtask ci`: what a person runs before pushing, and what CI runs.

use anyhow::Result;

use crate::instructions::Purpose;
use crate::packages::{BUILD, END_TO_END, FUZZ, INSPECT};
use crate::stages::Stages;
use crate::workspace::Workspace;
use crate::{
    fuzz, hardening, instructions, licences, minimum_rust, packages, probing, process, symbols,
    test, unsafe_code,
};

/// Every check, each run although one before it failed, with the time that it took.
pub fn run(workspace: &Workspace) -> Result<()> {
    let mut stages = Stages::default();
    let ready = stages.run("packages", || {
        packages::install(&[BUILD, INSPECT, FUZZ, END_TO_END])
    }) && stages.run("dependencies", || {
        // Everything after this works offline, and a Cargo.lock that lags behind is found here.
        process::run(&mut workspace.cargo(&["fetch", "--locked"]))?;
        process::run(
            workspace
                .cargo(&["fetch", "--locked", "--manifest-path"])
                .arg(fuzz::manifest(workspace)),
        )
    });
    if !ready {
        return stages.finish();
    }
    stages.run("format", || format(workspace));
    stages.run("clippy", || clippy(workspace));
    stages.run("no unsafe code", unsafe_code::check);
    stages.run("minimum Rust", minimum_rust::check);
    stages.run("documentation", || documentation(workspace));
    if stages.run("cargo-deny, the tool", || licences::TOOL.install(workspace)) {
        stages.run("licences and bans", || licences::check(workspace));
    }
    test::test(workspace, &mut stages);
    if stages.run("gungraun-runner, the tool", || {
        instructions::TOOL.install(workspace)
    }) {
        stages.run("instructions", || {
            instructions::count(workspace, Purpose::Compare)
        });
    }
    fuzz::fuzz(workspace, &fuzz::Choice::BRIEFLY, &mut stages);
    stages.run("symbols", || symbols::check(workspace));
    stages.run("hardening", || hardening::check(workspace));
    stages.run("questions to the processor", || probing::check(workspace));
    stages.finish()
}

fn format(workspace: &Workspace) -> Result<()> {
    process::run(&mut workspace.cargo(&["fmt", "--all", "--check"]))?;
    process::run(
        workspace
            .cargo(&["fmt", "--check", "--manifest-path"])
            .arg(fuzz::manifest(workspace)),
    )
}

fn clippy(workspace: &Workspace) -> Result<()> {
    // The second run reads the code that only the module with planted faults has, the last one the fuzz targets and what
    // the rules have for them.
    for what in [
        ["--workspace", "--all-targets"],
        ["--package=pam_nightlatch", "--all-features"],
    ] {
        process::run(workspace.cargo(&["clippy"]).args(what).args(CLIPPY))?;
    }
    process::run(fuzz::cargo_fuzz(workspace, "clippy")?.args(CLIPPY))
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

const CLIPPY: &[&str] = &["--", "--deny=warnings", "--deny=clippy::incompatible_msrv"];
