//! PAM's configuration as libpam reads it: which file is a service's, what its lines say, and which lines a login runs through.
//!
//! Files are read losslessly, so that a change is an insertion between two lines and nothing else. Reading needs no more rights
//! than the files do, and follows links, as libpam does; what is found is never run.

mod control;
mod lines;
mod stack;

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::libc::{O_NOCTTY, O_NONBLOCK};

pub use control::{Action, Actions, Flow, Returned};
pub use lines::{Entry, PamFile, Said};
pub use stack::{Does, Stack, Step};

/// What a line is about: the management group, which man pages call the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Who somebody is.
    Auth,
    /// Whether they may come in now.
    Account,
    /// New passwords.
    Password,
    /// What surrounds a session.
    Session,
}

impl Kind {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Auth, Self::Account, Self::Password, Self::Session];

    /// As files write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Account => "account",
            Self::Password => "password",
            Self::Session => "session",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| word.eq_ignore_ascii_case(kind.word()))
    }
}

/// The files of a host.
#[derive(Clone, Debug)]
pub struct PamFiles {
    root: PathBuf,
}

impl PamFiles {
    /// Those of this host.
    pub fn of_this_host() -> Self {
        Self::below("/")
    }

    /// Those of the host whose file system begins in this directory. Paths are told as that host has them.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The file that libpam reads for a service, or for what is included by this name; none where there is none.
    pub fn find(&self, name: &str) -> Result<Option<PamFile>, Unreadable> {
        for path in Self::places(name) {
            if let Some(bytes) = self.read(&path)? {
                return Ok(Some(PamFile::parse(path, &bytes)));
            }
        }
        Ok(None)
    }

    /// What a login at this service runs through for `kind`, includes followed.
    pub fn stack(&self, service: &str, kind: Kind) -> Result<Stack, Unreadable> {
        Stack::read(self, service, kind)
    }

    /// What one entry of a service's own file stands for, includes followed.
    pub fn steps_of(
        &self,
        file: &PamFile,
        entry: &Entry,
        kind: Kind,
    ) -> Result<Vec<Step>, Unreadable> {
        stack::of_entry(self, file.path(), entry, kind)
    }

    /// The services that have a file of their own, sorted; what is only included is among them, for nothing tells it apart.
    pub fn services(&self) -> Result<Vec<String>, Unreadable> {
        let mut names = Vec::new();
        for dir in DIRECTORIES {
            let failed = |error| Unreadable {
                path: dir.into(),
                error,
            };
            let entries = match std::fs::read_dir(self.on_disk(Path::new(dir))) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                let name = entry.map_err(failed)?.file_name();
                // What dpkg, rpm and editors leave beside a file is no service that anybody uses.
                if let Some(name) = name.to_str().filter(|name| is_service(name)) {
                    names.push(name.to_owned());
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// Where a path of the host is here.
    pub fn on_disk(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Where the file for a name may be, the first that exists counts.
    fn places(name: &str) -> Vec<PathBuf> {
        if name.starts_with('/') {
            return vec![name.into()];
        }
        DIRECTORIES
            .iter()
            .map(|dir| Path::new(dir).join(name))
            .collect()
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, Unreadable> {
        let failed = |error| Unreadable {
            path: path.to_owned(),
            error,
        };
        // A FIFO in the file's place must not keep us.
        let opened = File::options()
            .read(true)
            .custom_flags(O_NONBLOCK | O_NOCTTY)
            .open(self.on_disk(path));
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::Error::other("it is not a regular file")));
        }
        let mut bytes = Vec::new();
        file.take(LONGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > LONGEST {
            return Err(failed(io::Error::other(format!(
                "it is longer than {LONGEST} bytes"
            ))));
        }
        Ok(Some(bytes))
    }
}

/// A file of PAM's that is there and cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: reading failed: {error}", path.display())]
pub struct Unreadable {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

fn is_service(name: &str) -> bool {
    let leftovers = [
        ".dpkg-", ".rpmnew", ".rpmsave", ".rpmorig", ".ucf-", ".bak", ".orig", ".swp",
    ];
    !name.starts_with('.')
        && !name.ends_with('~')
        && !leftovers.iter().any(|leftover| name.contains(leftover))
}

/// Where libpam looks, in this order. Debian's has no third one; where there is none, nothing is found in it.
pub const DIRECTORIES: [&str; 3] = ["/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d"];

/// The module's name, as lines have it.
pub const OURS: &str = "pam_nightlatch.so";

/// Services that are two names of one door: `sudo -i` and `su -` are services of their own.
pub const TWO_NAMES: [[&str; 2]; 2] = [["sudo", "sudo-i"], ["su", "su-l"]];

/// In bytes. The longest in Debian has 5 KiB.
const LONGEST: u64 = 1024 * 1024;

#[cfg(test)]
mod tests;
