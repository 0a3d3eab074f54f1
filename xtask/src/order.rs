//! `cargo xtask order`: writes `pam-module/order.ld`, which has the linker put what an ordinary login runs side by side.
//!
//! A login runs a fifth of the module's code, once. The kernel brings that into each process in pieces of 64 KiB, at 1.5 µs
//! each with taking it away again; scattered over the whole module, it is in all of them.
//!
//! The list is made from logins under callgrind. Names in it are without what the compiler makes anew for each build, so it
//! lasts; what no longer fits is only where it would be without a list.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::packages::{BUILD, END_TO_END};
use crate::workspace::Workspace;
use crate::{artifacts, end_to_end, packages, root};

/// Builds the module with its names, watches it at logins and writes the list.
pub fn run(workspace: &Workspace) -> Result<()> {
    packages::install(&[BUILD, END_TO_END])?;
    artifacts::build(workspace)?;
    let folder = workspace.target.join("order");
    let module = artifacts::build_with_names(workspace, &folder)?;
    let traces = folder.join("traces");
    let _ = fs::remove_dir_all(&traces);
    fs::create_dir_all(&traces)?;
    let arguments = [traces.to_string_lossy().into_owned()];
    end_to_end::program_with(
        workspace,
        "trace",
        &arguments,
        &[("NIGHTLATCH_MODULE", module)],
    )?;
    root::give_back(&workspace.target)?;

    let mut names = BTreeSet::new();
    for trace in fs::read_dir(&traces)? {
        let path = trace?.path();
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        names.extend(functions(&text).map(pattern));
    }
    ensure!(
        names.len() > 100,
        "the traces in {} name {} functions: were they of the module?",
        traces.display(),
        names.len()
    );
    let list = list(workspace);
    fs::write(&list, script(&names))?;
    println!("{} functions in {}", names.len(), list.display());
    Ok(())
}

fn list(workspace: &Workspace) -> PathBuf {
    workspace.root.join("pam-module/order.ld")
}

/// The functions that a trace of callgrind names, by their names in the object file: ours, since nothing else in a C program
/// that calls libpam has such names.
fn functions(trace: &str) -> impl Iterator<Item = &str> {
    // Names are given once, as `fn=(NUMBER) NAME`, or `cfn=` where they are first called; later only their numbers.
    trace.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        let (_, name) = value.split_once(' ')?;
        let mangled = name.starts_with("_ZN") || name.starts_with("_R");
        (matches!(key, "fn" | "cfn") && mangled).then_some(name)
    })
}

/// A name as the linker is to look for it: without the hashes of a build, which are `17h…E` at the end of older names and the
/// crate's in `Cs…_` of newer ones. Calls within themselves are `NAME'2` in a trace.
fn pattern(name: &str) -> String {
    let name = name.split('\'').next().unwrap_or(name);
    let name = name.split(".llvm.").next().unwrap_or(name);
    if let Some(stem) = name
        .strip_suffix('E')
        .and_then(|name| name.get(..name.len().checked_sub(16)?))
        && stem.ends_with("17h")
    {
        return format!("{stem}*");
    }
    let mut pattern = String::new();
    let mut rest = name;
    while let Some((before, hashed)) = rest.split_once("Cs") {
        pattern.push_str(before);
        match hashed.split_once('_') {
            Some((hash, after)) if hash.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                pattern.push_str("Cs*_");
                rest = after;
            }
            _ => {
                pattern.push_str("Cs");
                rest = hashed;
            }
        }
    }
    pattern + rest
}

/// Each function is in a section of its own until the linker puts them together.
fn script(names: &BTreeSet<String>) -> String {
    let mut sections = String::new();
    for name in names {
        let _ = writeln!(sections, "        *(.text.{name})");
    }
    format!(
        "/* What an ordinary login runs, side by side. Written by `cargo xtask order`, which says why. */\n\
         SECTIONS {{\n    .text.login : {{\n{sections}    }}\n}}\nINSERT BEFORE .text;\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_module_ran_is_read_from_a_trace() {
        let trace = "\
events: Ir
fn=(1) malloc
1 10
fn=(2) _ZN4core17h0123456789abcdefE
1 10
cfn=(1)
calls=1 0
cfn=(3) _RNvCs1_4core'2
calls=1 0
fn=(2)
";
        let found: Vec<_> = functions(trace).collect();
        assert_eq!(found, ["_ZN4core17h0123456789abcdefE", "_RNvCs1_4core'2"]);
    }

    #[test]
    fn what_differs_from_build_to_build_is_left_out_of_a_name() {
        for (name, expected) in [
            ("_ZN4toml5parse17h0123456789abcdefE", "_ZN4toml5parse17h*"),
            (
                "_ZN4toml5parse17h0123456789abcdefE.llvm.77",
                "_ZN4toml5parse17h*",
            ),
            (
                "_RNvMNtCsgEmfK2I1SDS_4core3netNtB2_6Parser'2",
                "_RNvMNtCs*_4core3netNtB2_6Parser",
            ),
            ("_RNvCs1_3stdCs2_5alloc", "_RNvCs*_3stdCs*_5alloc"),
            ("pam_sm_authenticate", "pam_sm_authenticate"),
            ("E", "E"),
        ] {
            assert_eq!(pattern(name), expected);
        }
    }

    #[test]
    fn a_script_puts_the_named_functions_before_the_others() {
        let script = script(&["_ZN1a17h*".to_owned()].into());
        assert!(script.contains("        *(.text._ZN1a17h*)\n"), "{script}");
        assert!(script.ends_with("INSERT BEFORE .text;\n"), "{script}");
    }
}
