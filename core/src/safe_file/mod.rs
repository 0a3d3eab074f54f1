//! Opening files that somebody else may have tampered with.
//!
//! A path is walked from `/` one component at a time; no symbolic link is followed, and on the way every directory is
//! checked through its descriptor: it must belong to root and nobody else may write in it. What is opened at the end is
//! checked in the same way, so between the check and the use there is no moment in which it can be exchanged. Whatever
//! is not as it must be is an error that names the path and the mend. No descriptor below 3 is ever kept.

mod again;
mod changes;
mod directory;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod planted;

use std::io;
use std::path::{Component, Path, PathBuf};

use nix::sys::stat::{FileStat, SFlag};
use zeroize::Zeroizing;

pub(crate) use again::{again, change};
pub use changes::TEMPORARY;
pub use directory::{Access, Directory, FileIdentity, OpenFile};

/// Reads a configuration file, which must belong to root and be writable by nobody else.
///
/// `Ok(None)` means that the file, or a directory on the way to it, does not exist.
pub fn read_configuration(path: &Path) -> Result<Option<String>, SafeFileError> {
    read_text(path, Owner::ROOT)
}

/// [`read_configuration`] where everything may belong to `uid` instead of root, for tests that run as anybody.
#[cfg(test)]
fn read_configuration_owned_by(path: &Path, uid: u32) -> Result<Option<String>, SafeFileError> {
    read_text(path, Owner::for_tests(uid))
}

/// Reads a whole file of at most `longest` bytes.
///
/// `Ok(None)` means that the file, or a directory on the way to it, does not exist.
pub fn read(
    path: &Path,
    owner: Owner,
    guard: Guard,
    longest: usize,
) -> Result<Option<Zeroizing<Vec<u8>>>, SafeFileError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(SafeFileError::not_absolute(path));
    };
    check_whole(path)?;
    match Directory::open(parent, owner)? {
        Some(directory) => directory.read(name, guard, longest),
        None => Ok(None),
    }
}

/// Who must own what is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    uid: u32,
    sticky: StickyParents,
}

impl Owner {
    /// Root: the only owner outside tests.
    pub const ROOT: Self = Self {
        uid: 0,
        sticky: StickyParents::Refused,
    };

    /// Somebody else, for tests that run as anybody and in a temporary directory: parents may belong to root too, and
    /// may be writable by all if they are sticky, as `/tmp` is (what we own there, nobody else can exchange).
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) const fn for_tests(uid: u32) -> Self {
        Self {
            uid,
            sticky: StickyParents::Allowed,
        }
    }
}

/// What nobody but the owner may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Write: configuration, and directories on the way.
    Unwritable,
    /// Anything: secrets, which must have no second name either, and directories that are locked (who can open one can
    /// hold its lock).
    Secret,
}

/// Why a file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum SafeFileError {
    /// It is not as it must be: owner, mode, type, size or name.
    #[error("{}: {problem}. {mend}", path.display())]
    Unsafe {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What mends it.
        mend: String,
    },
    /// A text file that holds something else.
    #[error("{}: not text in UTF-8. Save it as UTF-8", .0.display())]
    NotText(PathBuf),
    /// The operating system refused.
    #[error("{}: {doing} failed: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl SafeFileError {
    fn not_absolute(path: &Path) -> Self {
        Self::Unsafe {
            path: path.to_owned(),
            problem: "not an absolute path without `..`".to_owned(),
            mend: "Write the whole path, from / on".to_owned(),
        }
    }

    fn io(path: &Path, doing: &'static str, source: impl Into<io::Error>) -> Self {
        Self::Io {
            path: path.to_owned(),
            doing,
            source: source.into(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StickyParents {
    Refused,
    Allowed,
}

fn read_text(path: &Path, owner: Owner) -> Result<Option<String>, SafeFileError> {
    let Some(bytes) = read(path, owner, Guard::Unwritable, LONGEST_CONFIGURATION)? else {
        return Ok(None);
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(SafeFileError::NotText(path.to_owned())),
    }
}

/// Refuses a path that does not start at `/` or goes back up.
pub(crate) fn check_whole(path: &Path) -> Result<(), SafeFileError> {
    let mut components = path.components();
    let starts_at_root = components.next() == Some(Component::RootDir);
    if starts_at_root && components.all(|component| matches!(component, Component::Normal(_))) {
        Ok(())
    } else {
        Err(SafeFileError::not_absolute(path))
    }
}

/// Checks a directory on the way (`Guard::Unwritable`) or one that is locked (`Guard::Secret`).
fn check_directory(
    path: &Path,
    stat: &FileStat,
    owner: Owner,
    guard: Guard,
) -> Result<(), SafeFileError> {
    if kind(stat) != SFlag::S_IFDIR {
        return Err(wrong_kind(path, stat, SFlag::S_IFDIR));
    }
    let sticky = owner.sticky == StickyParents::Allowed && stat.st_mode & STICKY != 0;
    let others = match guard {
        Guard::Unwritable if sticky => 0,
        Guard::Unwritable => WRITABLE,
        Guard::Secret => ANYTHING,
    };
    let is_owned = match guard {
        Guard::Unwritable => stat.st_uid == owner.uid || stat.st_uid == 0,
        Guard::Secret => stat.st_uid == owner.uid,
    };
    check_owner_and_mode(path, stat, owner, is_owned, others)
}

/// Checks a file that is read or written. One that was replaced since it was opened has no name left; that is fine.
fn check_file(
    path: &Path,
    stat: &FileStat,
    owner: Owner,
    guard: Guard,
    longest: usize,
) -> Result<(), SafeFileError> {
    if kind(stat) != SFlag::S_IFREG {
        return Err(wrong_kind(path, stat, SFlag::S_IFREG));
    }
    let others = match guard {
        Guard::Unwritable => WRITABLE,
        Guard::Secret => ANYTHING,
    };
    check_owner_and_mode(path, stat, owner, stat.st_uid == owner.uid, others)?;
    if guard == Guard::Secret && stat.st_nlink > 1 {
        return Err(SafeFileError::Unsafe {
            path: path.to_owned(),
            problem: format!("it has {} names (hard links)", stat.st_nlink),
            mend: format!(
                "Find the others with: find / -xdev -samefile {} -ls; then remove them",
                path.display()
            ),
        });
    }
    if usize::try_from(stat.st_size).map_or(true, |size| size > longest) {
        return Err(too_long(path, longest));
    }
    Ok(())
}

fn check_owner_and_mode(
    path: &Path,
    stat: &FileStat,
    owner: Owner,
    is_owned: bool,
    others: u32,
) -> Result<(), SafeFileError> {
    let open = stat.st_mode & others;
    if is_owned && open == 0 {
        return Ok(());
    }
    let shown = path.display();
    let mut problems = Vec::new();
    let mut mends = Vec::new();
    if !is_owned {
        problems.push(format!("it belongs to uid {}", stat.st_uid));
        mends.push(format!(
            "chown {} {shown}",
            if owner.uid == 0 {
                "root:".to_owned()
            } else {
                owner.uid.to_string()
            }
        ));
    }
    if open != 0 {
        let (can, change) = if others == WRITABLE {
            ("write", "go-w")
        } else {
            ("use", "go=")
        };
        problems.push(format!(
            "others can {can} it (mode {:04o})",
            stat.st_mode & 0o7777
        ));
        mends.push(format!("chmod {change} {shown}"));
    }
    Err(SafeFileError::Unsafe {
        path: path.to_owned(),
        problem: problems.join(" and "),
        mend: format!("See who changed it, then: {}", mends.join(" && ")),
    })
}

fn wrong_kind(path: &Path, stat: &FileStat, wanted: SFlag) -> SafeFileError {
    let is = match kind(stat) {
        SFlag::S_IFREG => "a file",
        SFlag::S_IFDIR => "a directory",
        SFlag::S_IFLNK => "a symbolic link",
        SFlag::S_IFIFO => "a FIFO",
        SFlag::S_IFSOCK => "a socket",
        _ => "a device",
    };
    let (must, mend) = if wanted == SFlag::S_IFDIR {
        (
            "a directory",
            "Put a directory there, or give the path that leads to it without links",
        )
    } else {
        (
            "a regular file",
            "Find out who put it there, then put the file itself there or remove it",
        )
    };
    SafeFileError::Unsafe {
        path: path.to_owned(),
        problem: format!("it is {is} and must be {must}"),
        mend: mend.to_owned(),
    }
}

fn too_long(path: &Path, longest: usize) -> SafeFileError {
    SafeFileError::Unsafe {
        path: path.to_owned(),
        problem: format!("it is longer than {longest} bytes"),
        mend: "Find out who wrote it, then restore or remove it".to_owned(),
    }
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

/// Parsing takes about ten times as much memory, and a login must not run out of it (see `memory.rs` of the module).
const LONGEST_CONFIGURATION: usize = 8 * 1024;
const WRITABLE: u32 = 0o022;
const ANYTHING: u32 = 0o077;
const STICKY: u32 = 0o1000;

#[cfg(test)]
mod tests;
