//! Changes in a directory, each of them durable when it returns, and whole or not there after a crash at any point.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};

use nix::errno::Errno;
use nix::fcntl::{self, OFlag, RenameFlags};
use nix::sys::stat::{self, FchmodatFlags, Mode, SFlag};
use nix::unistd::{self, UnlinkatFlags};

use super::directory::{ALWAYS, Directory, FileIdentity, above_standard};
use super::{SafeFileError, again, change};
use crate::id::Id;
use crate::random::RandomError;

/// What the name of a temporary file of [`Directory::add`] begins with. One that is found was left by a killed process, or
/// by one that others went on without.
pub const TEMPORARY: &str = "new.";

impl Directory {
    /// Puts a new file in the place of whatever file has this name, whole and durably, or leaves the old one.
    ///
    /// `contents` is given the identity that the file will have. Call it under a lock: a temporary file that is found is
    /// taken for one that a killed process left, and replaced.
    pub fn replace<C: AsRef<[u8]>, E: From<SafeFileError>>(
        &self,
        name: &str,
        contents: impl FnOnce(FileIdentity) -> Result<C, E>,
    ) -> Result<(), E> {
        let temporary = format!("{name}.new");
        let mut file = self.create_anew(&temporary)?;
        let written = self.fill(&temporary, &mut file, contents).and_then(|()| {
            change(|| fcntl::renameat(self.file(), temporary.as_str(), self.file(), name))
                .map_err(|error| self.not_in_place(name, error).into())
        });
        if written.is_err() {
            self.discard(&temporary);
        }
        written?;
        Ok(self.sync()?)
    }

    /// Puts a new file there under a name that nothing has, whole and durably. `Ok(None)` means that something has it.
    ///
    /// `contents` is given the identity that the file will have. Several may do this at once, for one name too: each
    /// writes to a temporary file of its own, whose name begins with [`TEMPORARY`].
    pub fn add<C: AsRef<[u8]>, E: From<SafeFileError> + From<RandomError>>(
        &self,
        name: &str,
        contents: impl FnOnce(FileIdentity) -> Result<C, E>,
    ) -> Result<Option<File>, E> {
        let (temporary, mut file) = self.create_temporary::<E>()?;
        if let Err(error) = self.fill(&temporary, &mut file, contents) {
            self.discard(&temporary);
            return Err(error);
        }
        if !self.put_in_place(&temporary, name)? {
            return Ok(None);
        }
        self.sync()?;
        Ok(Some(file))
    }

    /// Makes an empty file under a name that nothing has, locked (`flock`) from the moment when it is there; not durable.
    /// `Ok(None)` means that something has the name.
    pub fn add_locked<E: From<SafeFileError> + From<RandomError>>(
        &self,
        name: &str,
    ) -> Result<Option<File>, E> {
        let (temporary, file) = self.create_temporary::<E>()?;
        if let Err(error) = file.try_lock() {
            self.discard(&temporary);
            let error = io::Error::from(error);
            return Err(SafeFileError::io(&self.path().join(&temporary), "locking", error).into());
        }
        Ok(self.put_in_place(&temporary, name)?.then_some(file))
    }

    /// Takes files away, in this order and not durably: those that a crash brings back must not matter. What is no file
    /// any more is passed over.
    pub fn tidy<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<(), SafeFileError> {
        for name in names {
            self.unlink(name)?;
        }
        Ok(())
    }

    /// Makes an empty file if there is none of this name, durably.
    pub fn mark(&self, name: &str) -> Result<(), SafeFileError> {
        match self.create(name) {
            Ok(file) => flush(&file)
                .map_err(|error| SafeFileError::io(&self.path().join(name), "flushing", error))?,
            Err(Errno::EEXIST) => {}
            Err(error) => {
                return Err(SafeFileError::io(
                    &self.path().join(name),
                    "creating",
                    error,
                ));
            }
        }
        self.sync()
    }

    /// Takes a file away, durably. Says whether there was one.
    pub fn remove(&self, name: &str) -> Result<bool, SafeFileError> {
        let there_was_one = self.unlink(name)?;
        if there_was_one {
            self.sync()?;
        }
        Ok(there_was_one)
    }

    /// Makes a directory (0700) in this one if there is none of this name, durably.
    pub fn make_directory(&self, name: impl AsRef<OsStr>) -> Result<(), SafeFileError> {
        let name = name.as_ref();
        let path = || self.path().join(name);
        match change(|| stat::mkdirat(self.file(), name, Mode::S_IRWXU)) {
            // The umask may have taken bits away. Nobody else can have exchanged it: only the owner writes here.
            Ok(()) => stat::fchmodat(
                self.file(),
                name,
                Mode::S_IRWXU,
                FchmodatFlags::FollowSymlink,
            )
            .map_err(|error| SafeFileError::io(&path(), "setting its mode", error))?,
            Err(Errno::EEXIST) => {}
            Err(error) => return Err(SafeFileError::io(&path(), "making the directory", error)),
        }
        self.sync()
    }

    /// Flushes the names in this directory to the disk.
    pub fn sync(&self) -> Result<(), SafeFileError> {
        flush(self.file()).map_err(|error| SafeFileError::io(self.path(), "flushing", error))
    }

    fn fill<C: AsRef<[u8]>, E: From<SafeFileError>>(
        &self,
        name: &str,
        file: &mut File,
        contents: impl FnOnce(FileIdentity) -> Result<C, E>,
    ) -> Result<(), E> {
        let failed =
            |doing, error: io::Error| SafeFileError::io(&self.path().join(name), doing, error);
        let identity = FileIdentity::of(file).map_err(|error| failed("looking at it", error))?;
        let contents = contents(identity)?;
        write(file, contents.as_ref()).map_err(|error| failed("writing", error))?;
        flush(file).map_err(|error| failed("flushing", error))?;
        Ok(())
    }

    fn unlink(&self, name: &str) -> Result<bool, SafeFileError> {
        match change(|| unistd::unlinkat(self.file(), name, UnlinkatFlags::NoRemoveDir)) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(error) => Err(self.not_removed(name, error)),
        }
    }

    fn create_temporary<E: From<SafeFileError> + From<RandomError>>(
        &self,
    ) -> Result<(String, File), E> {
        let name = format!("{TEMPORARY}{}", Id::new()?);
        let file = self
            .create(&name)
            .map_err(|error| SafeFileError::io(&self.path().join(&name), "creating", error))?;
        Ok((name, file))
    }

    /// Gives a temporary file its name, if nothing has that; else takes it away.
    fn put_in_place(&self, temporary: &str, name: &str) -> Result<bool, SafeFileError> {
        let flags = RenameFlags::RENAME_NOREPLACE;
        match change(|| fcntl::renameat2(self.file(), temporary, self.file(), name, flags)) {
            Ok(()) => Ok(true),
            Err(error) => {
                self.discard(temporary);
                match error {
                    // Without the temporary file, somebody tidied up: they went on, and hold the name or a later one.
                    Errno::EEXIST | Errno::ENOENT => Ok(false),
                    error => Err(self.not_in_place(name, error)),
                }
            }
        }
    }

    /// Nothing depends on it: whoever comes next replaces or removes what is left.
    fn discard(&self, temporary: &str) {
        let _ = change(|| unistd::unlinkat(self.file(), temporary, UnlinkatFlags::NoRemoveDir));
    }

    fn not_in_place(&self, name: &str, error: Errno) -> SafeFileError {
        SafeFileError::io(
            &self.path().join(name),
            "putting the new file in place",
            error,
        )
    }

    /// Says what stands there, where it is no file.
    fn not_removed(&self, name: &str, error: Errno) -> SafeFileError {
        match error {
            Errno::EISDIR => self.refused(name, SFlag::S_IFREG, error),
            error => SafeFileError::io(&self.path().join(name), "removing", error),
        }
    }

    /// Creates a file in the place of one that may have been left over.
    fn create_anew(&self, name: &str) -> Result<File, SafeFileError> {
        let failed = |error| SafeFileError::io(&self.path().join(name), "creating", error);
        match self.create(name) {
            Err(Errno::EEXIST) => {
                change(|| unistd::unlinkat(self.file(), name, UnlinkatFlags::NoRemoveDir))
                    .map_err(|error| self.refused(name, SFlag::S_IFREG, error))?;
                self.create(name).map_err(failed)
            }
            other => other.map_err(failed),
        }
    }

    fn create(&self, name: &str) -> Result<File, Errno> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | ALWAYS;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let file = change(|| fcntl::openat(self.file(), name, flags, mode))?;
        let file = above_standard(file)
            .map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
        // The umask may have taken bits away.
        stat::fchmod(&file, mode)?;
        Ok(file)
    }
}

/// `write_all` of the standard library, which begins again for ever when it is interrupted.
fn write(file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match change(|| file.write(bytes))? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => bytes = &bytes[count..],
        }
    }
    Ok(())
}

/// `sync_all` of the standard library, which begins again for ever when it is interrupted.
fn flush(file: &File) -> io::Result<()> {
    Ok(again(|| unistd::fsync(file))?)
}
