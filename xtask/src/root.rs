//! Becoming root: directly when we are, else through sudo, keeping the little environment that programs need.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::process;

/// A command that runs as root, with the caller's PATH and language and the variables given.
pub fn command(program: impl AsRef<OsStr>, variables: &[(&str, PathBuf)]) -> Result<Command> {
    let program = program.as_ref();
    if is_root()? {
        let mut command = Command::new(program);
        command.env("PATH", path()).envs(variables.iter().cloned());
        return Ok(command);
    }
    ensure!(
        on_path("sudo"),
        "{} must run as root, and there is no sudo here: run this as root, or install sudo",
        program.display()
    );
    Ok(through_sudo(program, variables))
}

/// Gives what root's programs left in a folder of ours back to us, so that `cargo clean` works.
pub fn give_back(folder: &Path) -> Result<()> {
    if is_root()? || !folder.exists() {
        return Ok(());
    }
    let us = ourselves()?;
    let owner = format!("{}:{}", us.uid(), us.gid());
    process::read(
        command("chown", &[])?
            .args(["--recursive", "--no-dereference", "--from=root", &owner])
            .arg(folder),
    )?;
    Ok(())
}

/// Whether a program is found on the PATH.
pub fn on_path(program: &str) -> bool {
    std::env::split_paths(&path()).any(|folder| folder.join(program).is_file())
}

fn is_root() -> Result<bool> {
    Ok(ourselves()?.uid() == 0)
}

/// Who we are: /proc/self belongs to the effective user, and reading that needs no unsafe code.
fn ourselves() -> Result<std::fs::Metadata> {
    std::fs::metadata("/proc/self").context("cannot see who we are: /proc is not mounted")
}

/// sudo drops the environment, so what must survive is handed over by `env`, where everybody can read it.
fn through_sudo(program: &OsStr, variables: &[(&str, PathBuf)]) -> Command {
    let assignment = |name: &str, value: &OsStr| {
        let mut word = OsString::from(name);
        word.push("=");
        word.push(value);
        word
    };
    let mut command = Command::new("sudo");
    command.args(["--", "env"]).arg(assignment("PATH", &path()));
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.arg(assignment(name, &value));
        }
    }
    for (name, value) in variables {
        command.arg(assignment(name, value.as_os_str()));
    }
    command.arg(program);
    command
}

/// The caller's PATH, with the folders of administrators' programs, which Debian leaves out for ordinary people.
fn path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    if !path.is_empty() {
        path.push(":");
    }
    path.push("/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin");
    path
}

const KEPT: [&str; 8] = [
    "CARGO",
    "CARGO_HOME",
    "CI",
    "LANG",
    "LC_ALL",
    "RUST_BACKTRACE",
    "RUST_TEST_THREADS",
    "TERM",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_is_told_the_variables_that_it_would_drop() {
        let command = through_sudo(
            OsStr::new("/somewhere/contract"),
            &[("NIGHTLATCH_MODULE", PathBuf::from("/m.so"))],
        );
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(words[..2], ["--", "env"]);
        assert!(words.contains(&OsStr::new("NIGHTLATCH_MODULE=/m.so")));
        assert_eq!(words.last(), Some(&OsStr::new("/somewhere/contract")));
    }

    #[test]
    fn programs_of_administrators_are_found() {
        assert!(on_path("chroot"));
        assert!(!on_path("no-such-program-anywhere"));
    }
}
