//! How the module is linked, for it is loaded at every login.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CC");
    link_the_unwinder();
    pack_relocations();
    put_side_by_side_what_a_login_runs();
}

/// Links the unwinder statically: finding and relocating a dynamic `libgcc_s` costs every login about 170 µs.
fn link_the_unwinder() {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let Ok(output) = Command::new(&compiler)
        .arg("-print-file-name=libgcc_eh.a")
        .output()
    else {
        return println!("cargo:warning={compiler} cannot be run; the module will load libgcc_s");
    };
    let answer = String::from_utf8_lossy(&output.stdout);
    // A compiler that has no such file answers with the bare name.
    match Path::new(answer.trim())
        .parent()
        .filter(|folder| folder.is_absolute())
    {
        Some(folder) => {
            println!("cargo:rustc-link-search=native={}", folder.display());
            println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
        }
        None => {
            println!("cargo:warning={compiler} has no libgcc_eh.a; the module will load libgcc_s");
        }
    }
}

/// Writes the 1,500 addresses that loading has to adjust as a bitmap (`DT_RELR`), which saves a twentieth of it. A glibc before
/// 2.36 cannot read that and would not load the module, so one that may have to run with such a glibc is linked without.
/// That of the machine that builds is the oldest it can run with anyway: its symbols carry versions.
fn pack_relocations() {
    let target = |name: &str| std::env::var(name).unwrap_or_default();
    let runs_here = target("HOST") == target("TARGET") && target("CARGO_CFG_TARGET_ENV") == "gnu";
    if runs_here && glibc().is_some_and(|version| version >= (2, 36)) {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,pack-relative-relocs");
    }
}

/// By the list that `cargo xtask order` makes. It only moves code. lld and GNU ld read it; another linker would stop there.
fn put_side_by_side_what_a_login_runs() {
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/order.ld");
    println!("cargo:rerun-if-changed={list}");
    println!("cargo:rustc-cdylib-link-arg=-T{list}");
}

/// Major and minor version of this machine's glibc.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?;
    // `glibc 2.36`
    let answer = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = answer.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
