//! Findings about the module's file: where libpam looks for it, whose it is, whether it can be loaded. It is read, never loaded.

use std::collections::BTreeSet;
use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};

use nightlatch_core::safe_file::{Access, Directory, Guard, Owner, SafeFileError};

use super::elf::Library;
use super::finding::{Finding, Severity, command_in, quoted};
use super::services::module_paths;
use super::stacks::Service;
use crate::pam_files::OURS;

/// Everything to be said of the module that these services load.
pub fn examine(services: &[Service]) -> Vec<Finding> {
    if services.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for written in module_paths(services) {
        if written.is_absolute() {
            findings.extend(of_file(&written));
            continue;
        }
        match security_dir() {
            Some(dir) => findings.extend(of_file(&dir.join(written))),
            None => findings.push(Finding::new(
                "not-looked-at",
                Severity::Note,
                OURS,
                "the directory of PAM's modules was not found (pam_unix.so is in none of the usual ones)",
                "the module's file was not looked at",
            )),
        }
    }
    findings
}

fn of_file(path: &Path) -> Vec<Finding> {
    let Ok(real) = fs::canonicalize(path) else {
        return vec![missing(path)];
    };
    let mut findings = Vec::new();
    let file = match read(&real) {
        Ok(Some(file)) => file,
        Ok(None) => return vec![missing(path)],
        Err(error) => {
            let text = error.to_string();
            findings.push(
                Finding::new(
                    "module-unsafe",
                    Severity::OpenDoor,
                    path.display().to_string(),
                    text.clone(),
                    "who can write it runs what they like as root at the next login",
                )
                .mend("see who changed it, put the built one there again, and:")
                .run_all(command_in(&text)),
            );
            match fs::read(&real) {
                Ok(file) => file,
                Err(_) => return findings,
            }
        }
    };
    findings.extend(not_loadable(path, &file));
    findings
}

fn read(real: &Path) -> Result<Option<Vec<u8>>, SafeFileError> {
    use std::io::Read as _;

    let (Some(parent), Some(name)) = (real.parent(), real.file_name()) else {
        return Ok(None);
    };
    let Some(directory) = Directory::open(parent, Owner::ROOT)? else {
        return Ok(None);
    };
    let opened = directory.open_file(name, Guard::Unwritable, LARGEST, Access::Read)?;
    let Some(mut opened) = opened else {
        return Ok(None);
    };
    let mut bytes = Vec::with_capacity(opened.length);
    match opened.file.read_to_end(&mut bytes) {
        Ok(_) => Ok(Some(bytes)),
        Err(source) => Err(SafeFileError::Io {
            path: real.to_owned(),
            doing: "reading",
            source,
        }),
    }
}

fn missing(path: &Path) -> Finding {
    let finding = Finding::new(
        "module-missing",
        Severity::LockOut,
        path.display().to_string(),
        "the module is not where libpam looks for it",
        "libpam takes a module that it cannot load for a failure, so everybody is refused",
    );
    let elsewhere = security_dirs()
        .into_iter()
        .map(|dir| dir.join(OURS))
        .find(|other| other.exists());
    match elsewhere {
        Some(other) => finding
            .mend(format!(
                "one is at {}, where libpam of this architecture does not look; put it in its place:",
                other.display()
            ))
            .run(format!(
                "install -o root -g root -m 644 {} {}",
                quoted(&other.to_string_lossy()),
                quoted(&path.to_string_lossy())
            )),
        None => finding.mend(
            "install it there (install -m 644 target/release/libpam_nightlatch.so THERE/pam_nightlatch.so), or take our lines out \
             of /etc/pam.d until then",
        ),
    }
}

fn not_loadable(path: &Path, file: &[u8]) -> Option<Finding> {
    let why = match Library::parse(file) {
        Err(error) => error.to_string(),
        Ok(library) => {
            let own = fs::read("/proc/self/exe")
                .ok()
                .and_then(|own| Library::parse(&own).ok());
            if own.is_some_and(|own| own.machine != library.machine) {
                "it is built for another processor".to_owned()
            } else {
                let missing: Vec<_> = library
                    .needs
                    .iter()
                    .filter(|name| !is_there(name))
                    .cloned()
                    .collect();
                if missing.is_empty() {
                    return None;
                }
                format!("it needs {}, which is not on this host", missing.join(", "))
            }
        }
    };
    Some(
        Finding::new(
            "module-not-loadable",
            Severity::LockOut,
            path.display().to_string(),
            why,
            "libpam takes a module that it cannot load for a failure, so everybody is refused",
        )
        .mend("install the module anew, built for this host"),
    )
}

/// Whether the loader would find a library, as far as that can be told by looking.
fn is_there(name: &str) -> bool {
    let mut dirs: BTreeSet<PathBuf> =
        ["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"]
            .iter()
            .map(PathBuf::from)
            .collect();
    dirs.extend(triplets().into_iter().flat_map(|triplet| {
        ["/lib", "/usr/lib", "/usr/local/lib"].map(|lib| Path::new(lib).join(&triplet))
    }));
    let configured = fs::read_dir("/etc/ld.so.conf.d").into_iter().flatten();
    for entry in configured.flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let lines = text.lines().map(str::trim);
        dirs.extend(
            lines
                .filter(|line| line.starts_with('/'))
                .map(PathBuf::from),
        );
    }
    dirs.iter().any(|dir| dir.join(name).exists())
}

/// Where libpam of this architecture looks: where its own modules are.
fn security_dir() -> Option<PathBuf> {
    security_dirs()
        .into_iter()
        .find(|dir| dir.join("pam_unix.so").exists())
}

/// Where modules may be, this architecture's own directory first.
fn security_dirs() -> Vec<PathBuf> {
    let own = triplets().into_iter().flat_map(|triplet| {
        ["/usr/lib", "/lib"].map(|lib| Path::new(lib).join(&triplet).join("security"))
    });
    let general = [
        "/usr/lib64/security",
        "/lib64/security",
        "/usr/lib/security",
        "/lib/security",
        "/usr/local/lib/security",
    ];
    own.chain(general.map(PathBuf::from)).collect()
}

/// Debian's names for this architecture.
fn triplets() -> Vec<String> {
    ["linux-gnu", "linux-gnueabihf", "linux-musl"]
        .iter()
        .map(|system| format!("{ARCH}-{system}"))
        .collect()
}

/// In bytes. What is built has less than 2 MiB, with everything for debuggers 40.
const LARGEST: usize = 128 * 1024 * 1024;
