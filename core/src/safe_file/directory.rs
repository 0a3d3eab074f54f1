//! A directory that was reached safely, and the files in it: opening, reading, listing. What changes it is in `changes`.
//!
//! Everything here is relative to the directory's descriptor. The path is kept for the words of errors, and to see
//! whether the directory is still the one at its path.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use nix::NixPath;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{self, AT_FDCWD, AtFlags, OFlag};
use nix::libc::{dev_t, ino_t};
use nix::sys::stat::{self, FileStat, Mode, SFlag};
use nix::unistd;
use zeroize::Zeroizing;

use super::{
    Guard, Owner, SafeFileError, again, check_directory, check_file, check_whole, too_long,
    wrong_kind,
};

/// A directory, open and checked.
#[derive(Debug)]
pub struct Directory {
    file: File,
    path: PathBuf,
    owner: Owner,
}

/// What an opened file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Reading, and writing that is on the disk when it returns (`O_DSYNC`).
    ReadAndWriteDurably,
}

/// A file, open and checked.
#[derive(Debug)]
pub struct OpenFile {
    /// The file.
    pub file: File,
    /// How long it was when it was opened, in bytes.
    pub length: usize,
}

/// Which file a descriptor leads to: a copy, or one that was restored from a backup, is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    /// Its inode. Alone it does not tell: file systems hand a number out again, `tar -x` over a file often gets the same.
    pub inode: u64,
    /// When it was made, in nanoseconds since 1970, which nobody can set; 0 where the file system does not keep it, or the
    /// system does not say (a sandbox without `statx`).
    pub born: u64,
}

impl FileIdentity {
    /// Whether both may be of one file. A birth that is not known is not compared.
    #[must_use]
    pub fn may_be(self, other: Self) -> bool {
        let both_known = self.born != 0 && other.born != 0;
        self.inode == other.inode && (!both_known || self.born == other.born)
    }

    /// Of the file that is open.
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let born = metadata.created().ok();
        let since = born.and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            inode: metadata.ino(),
            born: since
                .and_then(|since| u64::try_from(since.as_nanos()).ok())
                .unwrap_or(0),
        })
    }
}

impl Directory {
    /// Walks to a directory from `/`. `Ok(None)` means that it, or one on the way, does not exist.
    pub fn open(path: &Path, owner: Owner) -> Result<Option<Self>, SafeFileError> {
        check_whole(path)?;
        let root = PathBuf::from("/");
        let Some(mut here) = Self::open_at(AT_FDCWD, "/", root, owner, Guard::Unwritable)? else {
            return Ok(None);
        };
        for name in path.iter().skip(1) {
            let Some(next) = here.child(name, Guard::Unwritable)? else {
                return Ok(None);
            };
            here = next;
        }
        Ok(Some(here))
    }

    /// Opens a directory in this one. `Ok(None)` means that it does not exist.
    pub fn child(
        &self,
        name: impl AsRef<OsStr>,
        guard: Guard,
    ) -> Result<Option<Self>, SafeFileError> {
        let name = name.as_ref();
        Self::open_at(&self.file, name, self.path.join(name), self.owner, guard)
    }

    /// Opens a file in this directory. `Ok(None)` means that it does not exist.
    pub fn open_file(
        &self,
        name: impl AsRef<OsStr>,
        guard: Guard,
        longest: usize,
        access: Access,
    ) -> Result<Option<OpenFile>, SafeFileError> {
        let name = name.as_ref();
        let access = match access {
            Access::Read => OFlag::O_RDONLY,
            Access::ReadAndWriteDurably => OFlag::O_RDWR | OFlag::O_DSYNC,
        };
        let path = self.path.join(name);
        let file = match again(|| fcntl::openat(&self.file, name, access | ALWAYS, Mode::empty())) {
            Ok(file) => kept(file, &path)?,
            Err(Errno::ENOENT) => return Ok(None),
            Err(error) => return Err(self.refused(name, SFlag::S_IFREG, error)),
        };
        let stat =
            stat::fstat(&file).map_err(|error| SafeFileError::io(&path, "looking at it", error))?;
        check_file(&path, &stat, self.owner, guard, longest)?;
        // The check made sure that it fits.
        let length = usize::try_from(stat.st_size).unwrap_or(longest);
        Ok(Some(OpenFile { file, length }))
    }

    /// Reads a whole file. `Ok(None)` means that it does not exist.
    pub fn read(
        &self,
        name: impl AsRef<OsStr>,
        guard: Guard,
        longest: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, SafeFileError> {
        let name = name.as_ref();
        let Some(OpenFile {
            mut file, length, ..
        }) = self.open_file(name, guard, longest, Access::Read)?
        else {
            return Ok(None);
        };
        // All the room at once, since a buffer that grows leaves copies behind. One byte more shows that it grew.
        let mut bytes = Zeroizing::new(vec![0; length + 1]);
        let mut filled = 0;
        while filled < bytes.len() {
            match again(|| file.read(&mut bytes[filled..])) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => {
                    return Err(SafeFileError::io(&self.path.join(name), "reading", error));
                }
            }
        }
        if filled > length {
            return Err(too_long(&self.path.join(name), length));
        }
        bytes.truncate(filled);
        Ok(Some(bytes))
    }

    /// Whether there is anything of this name, of whatever kind.
    pub fn holds(&self, name: &str) -> Result<bool, SafeFileError> {
        match stat::fstatat(&self.file, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(error) => Err(SafeFileError::io(
                &self.path.join(name),
                "looking for it",
                error,
            )),
        }
    }

    /// The names in this directory, of whatever kind, in no order. Those that are not UTF-8 are left out.
    pub fn names(&self) -> Result<Vec<String>, SafeFileError> {
        let failed = |error| SafeFileError::io(&self.path, "listing", error);
        // Opened anew: btrfs shows through a descriptor what there was when it was opened.
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | ALWAYS;
        let opened = match again(|| fcntl::openat(&self.file, ".", flags, Mode::empty())) {
            Ok(opened) => kept(opened, &self.path)?,
            // It was taken away while it was open.
            Err(Errno::ENOENT) => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let number = opened.as_raw_fd();
        let list = Dir::from_fd(opened.into()).map_err(|error| {
            // nix 0.31 leaves it open then, in the host; a test says so, and fails once that is no longer true.
            let _ = unistd::close(number);
            failed(error)
        })?;
        let mut names = Vec::new();
        for entry in list {
            let entry = entry.map_err(failed)?;
            if let Ok(name) = entry.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Whether `file` is what this name leads to.
    pub fn leads_to(&self, name: &str, file: &File) -> Result<bool, SafeFileError> {
        let failed = |error| SafeFileError::io(&self.path.join(name), "looking at it", error);
        match stat::fstatat(&self.file, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(there) => Ok(which(&there) == which(&stat::fstat(file).map_err(failed)?)),
            Err(Errno::ENOENT) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// Whether this is still the directory that its path leads to.
    pub fn is_at_its_path(&self) -> Result<bool, SafeFileError> {
        let failed = |error| SafeFileError::io(&self.path, "looking at it", error);
        match stat::lstat(&self.path) {
            Ok(there) => Ok(which(&there) == which(&stat::fstat(&self.file).map_err(failed)?)),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// The directory's descriptor, for locking.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The path by which the directory was reached.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open_at<P: NixPath + ?Sized>(
        parent: impl AsFd,
        name: &P,
        path: PathBuf,
        owner: Owner,
        guard: Guard,
    ) -> Result<Option<Self>, SafeFileError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | ALWAYS;
        let file = match again(|| fcntl::openat(&parent, name, flags, Mode::empty())) {
            Ok(file) => kept(file, &path)?,
            Err(Errno::ENOENT) => return Ok(None),
            Err(error) => return Err(refused(parent, name, &path, SFlag::S_IFDIR, error)),
        };
        let stat =
            stat::fstat(&file).map_err(|error| SafeFileError::io(&path, "looking at it", error))?;
        check_directory(&path, &stat, owner, guard)?;
        Ok(Some(Self { file, path, owner }))
    }

    pub(super) fn refused(
        &self,
        name: impl AsRef<OsStr>,
        wanted: SFlag,
        error: Errno,
    ) -> SafeFileError {
        refused(
            &self.file,
            name.as_ref(),
            &self.path.join(name.as_ref()),
            wanted,
            error,
        )
    }
}

/// What tells one file from all others that exist now.
fn which(stat: &FileStat) -> (dev_t, ino_t) {
    (stat.st_dev, stat.st_ino)
}

/// Says why something could not be opened: what stands there, if it is of the wrong kind, and else the system's reason.
fn refused<P: NixPath + ?Sized>(
    parent: impl AsFd,
    name: &P,
    path: &Path,
    wanted: SFlag,
    error: Errno,
) -> SafeFileError {
    match stat::fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) if super::kind(&stat) != wanted => wrong_kind(path, &stat, wanted),
        _ => SafeFileError::io(path, "opening", error),
    }
}

fn kept(file: OwnedFd, path: &Path) -> Result<File, SafeFileError> {
    above_standard(file).map_err(|error| SafeFileError::io(path, "opening", error))
}

/// Moves a descriptor out of the way of standard input, output and error, which the host may have closed: a library that
/// prints would write into our file.
pub(super) fn above_standard(file: OwnedFd) -> io::Result<File> {
    if file.as_raw_fd() > 2 {
        return Ok(file.into());
    }
    // This is F_DUPFD_CLOEXEC from 3 on, as the standard library says in its source; so it is checked here.
    let moved = file.try_clone()?;
    if moved.as_raw_fd() > 2 {
        Ok(moved.into())
    } else {
        Err(Errno::EMFILE.into())
    }
}

/// Never through a symbolic link, never inherited by a child, never waiting for the other end of a FIFO.
pub(super) const ALWAYS: OFlag = OFlag::O_NOFOLLOW
    .union(OFlag::O_CLOEXEC)
    .union(OFlag::O_NONBLOCK);
