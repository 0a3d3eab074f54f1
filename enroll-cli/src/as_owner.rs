//! Files in people's homes, opened as the people that they belong to.
//!
//! A home is its person's: they can put a link, a pipe or somebody else's file in the place of what is looked for, and exchange it at any
//! moment. So the kernel is asked with their rights and no others, and what was opened is looked at before it is believed: what comes of it is
//! a file that they own, have under one name, and alone can write. (A server of homes that knows no root knows them.)

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{Gid, Uid, getgroups, setegid, seteuid, setgroups};
use zeroize::Zeroizing;

/// A file that was read.
#[derive(Debug)]
pub struct Owned {
    /// What is in it.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Whether others than its owner can read it.
    pub seen_by_others: bool,
}

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// The last part of the path is a link.
    #[error("a symbolic link, which is not followed: name the file that it leads to")]
    Link,
    /// A directory, a pipe, a device.
    #[error("not a file")]
    NotAFile,
    /// Somebody else's.
    #[error("it belongs to uid {0}, and not to whom it is said to be of")]
    OtherOwner(u32),
    /// It is another file's, too.
    #[error("it has other names (hard links): make a copy under one name")]
    OtherNames,
    /// Others may have put there what is in it.
    #[error("others than its owner can write it: chmod go-w")]
    WrittenByOthers,
    /// More than such a file can have.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// The kernel refused.
    #[error("it cannot be {doing} with the rights of its owner: {error}")]
    Io {
        /// What was done.
        doing: &'static str,
        /// Why it was refused.
        error: Errno,
    },
}

/// Reads a whole file of at most `longest` bytes that belongs to this account, with the rights of the account alone. `None` where there is
/// none, or no directory that it could be in.
///
/// The command has one thread. Should its own rights not come back, it ends at once.
pub fn read(path: &Path, uid: u32, gid: u32, longest: usize) -> Result<Option<Owned>, NotRead> {
    let file = {
        let _acting = Acting::begin(Uid::from_raw(uid), Gid::from_raw(gid))?;
        // A pipe is not waited for, and no terminal becomes ours.
        let flags = OFlag::O_RDONLY
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY
            | OFlag::O_CLOEXEC;
        match open(path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
            Err(Errno::ELOOP) => return Err(NotRead::Link),
            // A socket, a device that is not there.
            Err(Errno::ENXIO) => return Err(NotRead::NotAFile),
            Err(error) => {
                return Err(NotRead::Io {
                    doing: "opened",
                    error,
                });
            }
        }
    };
    check_and_read(&file, uid, longest).map(Some)
}

fn check_and_read(file: &File, uid: u32, longest: usize) -> Result<Owned, NotRead> {
    let failed = |doing| move |error| NotRead::Io { doing, error };
    let stat = fstat(file.as_fd()).map_err(failed("examined"))?;
    if SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) != SFlag::S_IFREG {
        return Err(NotRead::NotAFile);
    }
    if stat.st_uid != uid {
        return Err(NotRead::OtherOwner(stat.st_uid));
    }
    if stat.st_nlink != 1 {
        return Err(NotRead::OtherNames);
    }
    if stat.st_mode & (Mode::S_IWGRP | Mode::S_IWOTH).bits() != 0 {
        return Err(NotRead::WrittenByOthers);
    }
    // What is read counts, whatever its size was said to be.
    let mut bytes = Zeroizing::new(Vec::with_capacity(longest + 1));
    let most = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most)
        .read_to_end(&mut bytes)
        .map_err(|error: io::Error| {
            let error = Errno::from_raw(error.raw_os_error().unwrap_or(0));
            NotRead::Io {
                doing: "read",
                error,
            }
        })?;
    if bytes.len() > longest {
        return Err(NotRead::TooLong(longest));
    }
    let others = Mode::S_IRGRP | Mode::S_IROTH;
    Ok(Owned {
        bytes,
        seen_by_others: stat.st_mode & others.bits() != 0,
    })
}

/// While it lives, this process has the rights of somebody else in the file system.
struct Acting {
    groups: Vec<Gid>,
}

impl Acting {
    fn begin(uid: Uid, gid: Gid) -> Result<Self, NotRead> {
        let failed = |error| NotRead::Io {
            doing: "opened",
            error,
        };
        // Dropped on the way, it puts back what was changed by then.
        let acting = Self {
            groups: getgroups().map_err(failed)?,
        };
        setgroups(&[]).map_err(failed)?;
        setegid(gid).map_err(failed)?;
        seteuid(uid).map_err(failed)?;
        Ok(acting)
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        let root = seteuid(Uid::from_raw(0))
            .and_then(|()| setegid(Gid::from_raw(0)))
            .and_then(|()| setgroups(&self.groups));
        if root.is_err() {
            // Whatever came now would be done with rights that nobody expects.
            process::abort();
        }
    }
}
