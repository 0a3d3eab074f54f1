//! Changes of files that are not ours: whole or not at all, and with the owner, the mode and the attributes that they had.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use nightlatch_core::safe_file::{Directory, Owner};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{UnlinkatFlags, fsync, symlinkat, unlinkat};
use xattr::FileExt as _;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum There {
    /// Nothing.
    Nothing,
    /// A symbolic link that says this.
    Link(PathBuf),
    /// A file with these bytes.
    File(Vec<u8>),
}

/// A path in a directory that only root can change.
struct Named {
    directory: Directory,
    name: OsString,
    path: PathBuf,
}

/// Looks what stands at a path, links not followed.
pub fn look(path: &Path) -> anyhow::Result<There> {
    match Named::find(path)? {
        Some(named) => named.look(),
        None => Ok(There::Nothing),
    }
}

/// Puts a file in the place of what is there, with the owner, mode and attributes of the file at `like`, links followed.
pub fn put(path: &Path, contents: &[u8], like: &Path) -> anyhow::Result<()> {
    let named = Named::find_to_change(path)?;
    let temporary = named.temporary();
    let written = named
        .write(&temporary, contents, like)
        .and_then(|()| named.rename(&temporary));
    if written.is_err() {
        named.discard(&temporary);
    }
    written.with_context(|| not_changed(path))
}

/// Puts a symbolic link in the place of what is there.
pub fn link(path: &Path, target: &Path) -> anyhow::Result<()> {
    let named = Named::find_to_change(path)?;
    let temporary = named.temporary();
    named.discard(&temporary);
    symlinkat(target, named.directory.file(), temporary.as_os_str())
        .map_err(anyhow::Error::from)
        .and_then(|()| named.rename(&temporary))
        .with_context(|| not_changed(path))
}

/// Takes away what is there.
pub fn remove(path: &Path) -> anyhow::Result<()> {
    let Some(named) = Named::find(path)? else {
        return Ok(());
    };
    match unlinkat(
        named.directory.file(),
        named.name.as_os_str(),
        UnlinkatFlags::NoRemoveDir,
    ) {
        Ok(()) => named.sync(),
        Err(Errno::ENOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
    .with_context(|| not_changed(path))
}

/// Takes away what a command that was killed left beside a file.
pub fn tidy(path: &Path) -> anyhow::Result<()> {
    if let Some(named) = Named::find(path)? {
        named.discard(&named.temporary());
    }
    Ok(())
}

impl Named {
    fn find(path: &Path) -> anyhow::Result<Option<Self>> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            bail!("{}: not a file", path.display());
        };
        let directory = Directory::open(parent, Owner::ROOT)?;
        Ok(directory.map(|directory| Self {
            directory,
            name: name.to_owned(),
            path: path.to_owned(),
        }))
    }

    fn find_to_change(path: &Path) -> anyhow::Result<Self> {
        Self::find(path)?.ok_or_else(|| {
            anyhow!(
                "{}: the directory that it is in is not there",
                path.display()
            )
        })
    }

    fn look(&self) -> anyhow::Result<There> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file: File = match openat(
            self.directory.file(),
            self.name.as_os_str(),
            flags,
            Mode::empty(),
        ) {
            Ok(file) => file.into(),
            Err(Errno::ENOENT) => return Ok(There::Nothing),
            Err(Errno::ELOOP) => {
                let target = readlinkat(self.directory.file(), self.name.as_os_str());
                return Ok(There::Link(
                    target
                        .with_context(|| self.path.display().to_string())?
                        .into(),
                ));
            }
            Err(error) => return Err(error).with_context(|| self.path.display().to_string()),
        };
        if !file.metadata()?.is_file() {
            bail!("{} is not a file", self.path.display());
        }
        let mut bytes = Vec::new();
        file.take(LONGEST + 1)
            .read_to_end(&mut bytes)
            .with_context(|| self.path.display().to_string())?;
        if bytes.len() as u64 > LONGEST {
            bail!("{} is longer than {LONGEST} bytes", self.path.display());
        }
        Ok(There::File(bytes))
    }

    /// In the same directory, and of a name that neither libpam nor sshd takes for a file of theirs.
    fn temporary(&self) -> OsString {
        let mut name = OsString::from(".");
        name.push(&self.name);
        name.push(OsStr::from_bytes(b".nightlatch-new"));
        name
    }

    fn write(&self, temporary: &OsStr, contents: &[u8], like: &Path) -> anyhow::Result<()> {
        // One that is there was left by a command that was killed.
        self.discard(temporary);
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let mut file: File = openat(self.directory.file(), temporary, flags, mode)?.into();
        file.write_all(contents)?;
        dress(&file, like).with_context(|| {
            format!(
                "what {} has cannot be given to the new file",
                like.display()
            )
        })?;
        fsync(&file)?;
        Ok(())
    }

    fn rename(&self, temporary: &OsStr) -> anyhow::Result<()> {
        let directory = self.directory.file();
        renameat(directory, temporary, directory, self.name.as_os_str())?;
        self.sync()
    }

    fn sync(&self) -> anyhow::Result<()> {
        Ok(fsync(self.directory.file().as_fd())?)
    }

    fn discard(&self, temporary: &OsStr) {
        let _ = unlinkat(self.directory.file(), temporary, UnlinkatFlags::NoRemoveDir);
    }
}

/// Gives a new file the owner, the mode and the attributes of another.
fn dress(file: &File, like: &Path) -> io::Result<()> {
    let other = std::fs::metadata(like)?;
    fchown(file, Some(other.uid()), Some(other.gid()))?;
    fchmod(file, Mode::from_bits_truncate(other.mode() & 0o7777))?;
    let names = match xattr::list_deref(like) {
        Ok(names) => names,
        Err(error) if is_not_supported(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for name in names {
        if let Some(value) = xattr::get_deref(like, &name)? {
            match file.set_xattr(&name, &value) {
                Err(error) if !is_not_supported(&error) => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

fn is_not_supported(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EOPNOTSUPP as i32)
}

fn not_changed(path: &Path) -> String {
    format!(
        "{} was not changed. Is its file system read-only, or the file immutable (lsattr)?",
        path.display()
    )
}

/// In bytes.
const LONGEST: u64 = 1024 * 1024;
