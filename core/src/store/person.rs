//! The files of one person, in the person's directory: read into a record, changed in an order that survives a crash at
//! any point.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use nix::sys::resource::{Resource, getrlimit};

use super::slots::{self, Next};
use super::{Change, Record, StoreError};
use crate::account::UserName;
use crate::enrollment::Enrollment;
use crate::safe_file::{Access, Directory, Guard};
use crate::state::{Integrity, State};

/// One person's record as it was read, and the descriptor that the next state goes through.
pub(super) struct Person<'d> {
    directory: &'d Directory,
    who: &'d UserName,
    record: Record,
    state: StateFile,
}

impl<'d> Person<'d> {
    /// Reads all that is kept about `who`. With `Access::Read` it is for showing only.
    pub(super) fn read(
        directory: &'d Directory,
        who: &'d UserName,
        access: Access,
    ) -> Result<Self, StoreError> {
        let enrollment = read_enrollment(directory, who)?;
        let (state, file) = read_state(directory, access)?;
        let state = match state {
            Some(state) => state,
            None if enrollment.is_some() => State {
                integrity: Integrity::Lost,
                ..State::default()
            },
            None => State::default(),
        };
        Ok(Self {
            directory,
            who,
            record: Record { enrollment, state },
            state: file,
        })
    }

    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    pub(super) fn into_record(self) -> Record {
        self.record
    }

    /// Makes a change durable. The caller holds the lock, and has since the record was read.
    pub(super) fn apply(self, change: Change) -> Result<(), StoreError> {
        change.check()?;
        match change {
            Change::Nothing => Ok(()),
            Change::State(state) => self.write_state(&state),
            Change::Enrollment(enrollment, state) => self.write_enrollment(&enrollment, &state),
            Change::Remove => self.remove(),
        }
    }

    fn write_state(&self, state: &State) -> Result<(), StoreError> {
        if let StateFile {
            file: Some(file),
            next: Some(next),
        } = &self.state
        {
            let slot = slots::encode(state, *next)?;
            return write_slot(file, &slot, next.offset as u64).map_err(|source| StoreError::Io {
                path: self.directory.path().join(STATE),
                doing: "writing",
                source,
            });
        }
        // None is there, or none that can be written in place: a new one, whole.
        self.directory
            .replace(STATE, |identity| slots::new_file(state, identity))
    }

    /// The state goes first: it holds the old entries and the new, so that it fits the old enrollment and the new.
    fn write_enrollment(&self, enrollment: &Enrollment, state: &State) -> Result<(), StoreError> {
        let text = enrollment.to_toml();
        if enrollment.user != *self.who || text.len() > Enrollment::LONGEST_FILE {
            // Written, it could never be read again.
            return Err(StoreError::Malformed {
                path: self.directory.path().join(ENROLLMENT),
                problem: format!(
                    "an enrollment of {:?}, {} bytes long, was to be written here",
                    enrollment.user.as_str(),
                    text.len()
                ),
                mend: "This is a fault in Nightlatch, please report it".to_owned(),
            });
        }
        // Both are known before anything is written: half a change helps nobody.
        check_file_size_limit(text.len())?;
        self.write_state(state)?;
        self.directory
            .replace(ENROLLMENT, |_| Ok::<_, StoreError>(text.as_bytes()))?;
        self.directory.remove(REMOVED)?;
        Ok(())
    }

    /// The tombstone goes first: at no moment is there neither an enrollment nor a word that there was one. A state
    /// without an enrollment, which a crash in here can leave, goes too.
    fn remove(&self) -> Result<(), StoreError> {
        if self.record.enrollment.is_some() {
            self.directory.mark(REMOVED)?;
            self.directory.remove(ENROLLMENT)?;
        }
        self.directory.remove(STATE)?;
        Ok(())
    }
}

/// Refuses where the process would get SIGXFSZ for a file of so many bytes: a caller of su can set that limit.
pub(super) fn check_file_size_limit(bytes: usize) -> Result<(), StoreError> {
    match getrlimit(Resource::RLIMIT_FSIZE) {
        Ok((soft, _)) if u64::try_from(bytes).is_ok_and(|bytes| bytes <= soft) => Ok(()),
        _ => Err(StoreError::FileSizeLimit),
    }
}

/// The open state file, if there is one, and where the next state goes.
struct StateFile {
    file: Option<File>,
    next: Option<Next>,
}

fn read_enrollment(
    directory: &Directory,
    who: &UserName,
) -> Result<Option<Enrollment>, StoreError> {
    let Some(bytes) = directory.read(ENROLLMENT, Guard::Secret, Enrollment::LONGEST_FILE)? else {
        return Ok(None);
    };
    let malformed = |problem: String| StoreError::Malformed {
        path: directory.path().join(ENROLLMENT),
        problem,
        mend: "Restore it from a backup, or remove it and enroll the person anew".to_owned(),
    };
    let text =
        std::str::from_utf8(&bytes).map_err(|_| malformed("not text in UTF-8".to_owned()))?;
    let enrollment = Enrollment::parse(text).map_err(|error| malformed(error.to_string()))?;
    if enrollment.user != *who {
        return Err(malformed(format!(
            "it is the enrollment of {:?}",
            enrollment.user.as_str()
        )));
    }
    Ok(Some(enrollment))
}

fn read_state(
    directory: &Directory,
    access: Access,
) -> Result<(Option<State>, StateFile), StoreError> {
    let Some(open) = directory.open_file(STATE, Guard::Secret, slots::FILE, access)? else {
        return Ok((
            None,
            StateFile {
                file: None,
                next: None,
            },
        ));
    };
    let failed = |doing, source| StoreError::Io {
        path: directory.path().join(STATE),
        doing,
        source,
    };
    let mut bytes = [0; slots::FILE];
    let identity = open
        .identity()
        .map_err(|error| failed("looking at it", error))?;
    let file = open.file;
    let filled = read_from_start(&file, &mut bytes).map_err(|error| failed("reading", error))?;
    let found = slots::read(&bytes[..filled], identity);
    Ok((
        Some(found.state),
        StateFile {
            file: Some(file),
            next: found.next,
        },
    ))
}

fn read_from_start(file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The write of a login: one system call, on the disk when it returns (the file was opened with `O_DSYNC`).
fn write_slot(file: &File, slot: &slots::Slot, at: u64) -> io::Result<()> {
    let written = write_once(file, slot, at);
    if written.is_err() {
        // It may be in memory without being on the disk. Taken for the newest state, it would send the next write to
        // the other slot, the only one that is known to be on the disk.
        let _ = write_once(file, &slots::INVALID, at);
    }
    written
}

fn write_once(file: &File, slot: &slots::Slot, at: u64) -> io::Result<()> {
    loop {
        match file.write_at(slot, at) {
            Ok(slots::SLOT) => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::StorageFull.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

const ENROLLMENT: &str = "enrollment.toml";
const STATE: &str = "state";
const REMOVED: &str = "removed";
