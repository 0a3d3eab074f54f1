//! A file that is only there if all went well: made anew, for its owner alone, and taken away again unless it is kept.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nix::fcntl::{OFlag, open, openat};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::{Mode, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// A new file with a secret in it.
pub struct OutputFile {
    /// Held open, so that what is taken away is in the directory in which it was made.
    directory: OwnedFd,
    name: PathBuf,
    file: File,
    fate: Fate,
}

enum Fate {
    TakenAway,
    Kept,
}

impl OutputFile {
    /// Makes the file and writes it. What exists is never overwritten, and a symbolic link is something that exists.
    pub fn write(path: &Path, content: &[u8]) -> anyhow::Result<Self> {
        check_file_size_limit(content.len())?;
        let Some(name) = path.file_name() else {
            bail!("{}: not the name of a file", path.display());
        };
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let directory = open(
            parent,
            OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )
        .with_context(|| format!("{}: the directory cannot be opened", parent.display()))?;
        let file = openat(
            &directory,
            name,
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
            Mode::S_IRUSR | Mode::S_IWUSR,
        )
        .map_err(io::Error::from)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                anyhow::anyhow!(
                    "{}: is there already, and is not overwritten; name another file",
                    path.display()
                )
            }
            _ => anyhow::Error::new(error).context(format!("{}: cannot be made", path.display())),
        })?;
        let mut made = Self {
            directory,
            name: name.into(),
            file: file.into(),
            fate: Fate::TakenAway,
        };
        made.file
            .write_all(content)
            .and_then(|()| made.file.sync_all())
            .with_context(|| format!("{}: cannot be written", path.display()))?;
        Ok(made)
    }

    /// Lets the file stay.
    pub fn keep(mut self) {
        self.fate = Fate::Kept;
    }

    /// Whether what bears the name is still what was made.
    fn is_ours(&self) -> bool {
        let there = fstatat(
            self.directory.as_fd(),
            &self.name,
            nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW,
        );
        match (there, fstat(&self.file)) {
            (Ok(there), Ok(made)) => (there.st_dev, there.st_ino) == (made.st_dev, made.st_ino),
            _ => false,
        }
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if matches!(self.fate, Fate::TakenAway) && self.is_ours() {
            // If it cannot be taken away, there is nothing left to try.
            let _ = unlinkat(&self.directory, &self.name, UnlinkatFlags::NoRemoveDir);
        }
    }
}

/// A write beyond the limit would kill the process with half a file there.
fn check_file_size_limit(bytes: usize) -> anyhow::Result<()> {
    let (limit, _) = getrlimit(Resource::RLIMIT_FSIZE)?;
    if limit < bytes as u64 {
        bail!(
            "the limit on file sizes (RLIMIT_FSIZE, `ulimit -f`) is too small for the QR code: raise it"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_file_that_is_kept_is_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("qr.svg");
        OutputFile::write(&path, b"secret").unwrap().keep();
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_file_that_is_not_kept_is_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("qr.svg");
        drop(OutputFile::write(&path, b"secret").unwrap());
        assert!(!path.exists());
    }

    #[test]
    fn what_somebody_put_in_its_place_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("qr.svg");
        let file = OutputFile::write(&path, b"secret").unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "other").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"other");
    }

    #[test]
    fn what_exists_is_never_overwritten_and_no_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target");
        let link = directory.path().join("link");
        symlink(&target, &link).unwrap();
        fs::write(directory.path().join("old"), "old").unwrap();
        for path in [link, directory.path().join("old")] {
            let error = OutputFile::write(&path, b"secret").err().unwrap();
            assert!(error.to_string().contains("is there already"), "{error}");
        }
        assert!(!target.exists());
        assert_eq!(fs::read(directory.path().join("old")).unwrap(), b"old");
    }
}
