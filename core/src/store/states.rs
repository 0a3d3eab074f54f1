//! Which of a person's state files counts: `state.N`, the highest number.
//!
//! Nearly always there is one, and whoever holds the lock on it (`flock`) overwrites it in place. But a process that holds
//! a lock can be kept from running by whoever started it (`cgroup.freeze` asks for no credentials), and nothing takes
//! the lock away from it. So the file is taken away from the lock:
//!
//! - Whoever waited long enough closes `state.N` to its holder by making `state.N+1`, empty. An empty file holds nothing;
//!   it is there to be locked instead.
//! - A holder looks, after its write and before anything is answered, whether its file is still the one that counts. If
//!   a higher one was there by then, the write may be in it or not, and is answered with an error. If none was, the write is
//!   in whatever comes next, since that is read after a higher file was made.
//! - A new state that cannot be written in place goes to a new file, which appears whole, under the next number, and only if nothing
//!   has that number. So of several that go on from one file, one does.
//! - Whatever is taken away, a higher number stays, be it that of an empty file. A file that comes late can take a number that was
//!   used before, but never the highest, and so it does not count.
//!
//! `tests/model/going_on.py` goes through every interleaving of this for a few processes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::SystemTime;

use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;

use super::StoreError;
use super::slots::{self, Found, Next};
use crate::id::Id;
use crate::safe_file::{Access, Directory, FileIdentity, Guard, TEMPORARY, again, change};
use crate::state::{Integrity, State};

/// A person's state files, as they were at one moment.
#[derive(Debug)]
pub(super) struct StateFiles<'d> {
    directory: &'d Directory,
    /// In rising order.
    numbers: Vec<u64>,
    /// Left over by killed processes, or in the hands of ones that others went on without.
    temporary: Vec<String>,
}

impl<'d> StateFiles<'d> {
    /// Lists them.
    pub(super) fn list(directory: &'d Directory) -> Result<Self, StoreError> {
        let mut files = Self {
            directory,
            numbers: Vec::new(),
            temporary: Vec::new(),
        };
        for name in directory.names()? {
            if let Some(number) = number_of(&name) {
                files.numbers.push(number);
            } else if is_temporary(&name) {
                files.temporary.push(name);
            }
        }
        files.numbers.sort_unstable();
        Ok(files)
    }

    /// The number of the file to lock. `None`: nothing was ever kept.
    pub(super) fn highest(&self) -> Option<u64> {
        self.numbers.last().copied()
    }

    /// Opens the file to lock, for writing. `None`: there is none, or it is gone by now.
    pub(super) fn open_highest(&self) -> Result<Option<OpenState>, StoreError> {
        match self.highest() {
            Some(number) => self.open(number, Access::ReadAndWriteDurably),
            None => Ok(None),
        }
    }

    /// What the files hold: that of the highest that is not empty. `None`: all are empty, or gone by now.
    ///
    /// `locked` is the highest, if it is locked; the caller goes on writing through it.
    pub(super) fn read(&self, locked: Option<&OpenState>) -> Result<Option<Found>, StoreError> {
        for &number in self.numbers.iter().rev() {
            let found = match locked.filter(|locked| locked.number == number) {
                Some(locked) => locked.read()?,
                None => match self.open(number, Access::Read)? {
                    Some(file) => file.read_while_it_may_be_written()?,
                    None => None,
                },
            };
            if let Some(found) = found {
                let next = found.next.filter(|_| self.highest() == Some(number));
                return Ok(Some(Found { next, ..found }));
            }
        }
        Ok(None)
    }

    /// Closes the highest file to whoever holds its lock, by an empty one that is locked when it appears. What is kept is not
    /// touched. `None`: somebody else closed it at the same moment.
    pub(super) fn close_highest(&self) -> Result<Option<OpenState>, StoreError> {
        let number = self.next_number()?;
        let file = self.directory.add_locked::<StoreError>(&name(number))?;
        Ok(file.map(|file| OpenState::new(self.directory, number, file)))
    }

    /// Keeps a state in a new file, durably, and takes away the ones before.
    pub(super) fn succeed(&self, state: &State) -> Result<(), StoreError> {
        let number = self.next_number()?;
        // Before, so that whoever is killed here again and again leaves one behind and not thousands. None of them is needed:
        // whoever made one held the lock that we hold and was gone past, or was about to close what we hold and looks again.
        self.directory
            .tidy(self.temporary.iter().map(String::as_str))?;
        let contents = |identity| slots::new_file(state, identity);
        let Some(file) = self.directory.add(&name(number), contents)? else {
            return Err(self.overtaken(number));
        };
        let new = OpenState::new(self.directory, number, file);
        // If it does not count, it stays nevertheless: somebody may be reading it to go on from it.
        self.check_current(&new)?;
        self.tidy(new.number)
    }

    /// Takes away what is left of files before the one that counts. What it holds must be durable by then.
    ///
    /// If the one that counts appeared while we were not looking, its name may not be on the disk yet.
    pub(super) fn tidy_below(&self, current: &OpenState) -> Result<(), StoreError> {
        if self.numbers.len() > 1 || !self.temporary.is_empty() {
            self.directory.sync()?;
            self.tidy(current.number)?;
        }
        Ok(())
    }

    /// Takes away all that is kept, durably; an empty file under the next number stays.
    pub(super) fn clear(&self) -> Result<(), StoreError> {
        if self.numbers.is_empty() {
            return Ok(());
        }
        let mut files = Self::list(self.directory)?;
        // What is above by now is somebody's who went on without us: they are gone past, too.
        for _ in 0..MOST_GONE_PAST {
            let number = files.next_number()?;
            if self
                .directory
                .add_locked::<StoreError>(&name(number))?
                .is_some()
            {
                files.tidy(number)?;
                return Ok(self.directory.sync()?);
            }
            files = Self::list(self.directory)?;
        }
        Err(self.overtaken(files.next_number()?))
    }

    /// Makes sure that a file is the one that counts *now*; see this module's text for why that is asked after every write.
    pub(super) fn check_current(&self, file: &OpenState) -> Result<(), StoreError> {
        if Self::list(self.directory)?.has_for_current(file)? {
            Ok(())
        } else {
            Err(self.overtaken(file.number))
        }
    }

    /// Whether a file is the one that counts, in a directory that is still the person's.
    pub(super) fn has_for_current(&self, file: &OpenState) -> Result<bool, StoreError> {
        // No higher number at all. To look for the next one alone would not do: that one may have come and gone, and a file that
        // comes late can take its number.
        Ok(self.highest() == Some(file.number)
            && self.directory.leads_to(&name(file.number), file.file())?
            && self.directory.is_at_its_path()?)
    }

    /// The lowest first: at no moment does one seem to count that no longer does.
    fn tidy(&self, current: u64) -> Result<(), StoreError> {
        let before: Vec<_> = self
            .numbers
            .iter()
            .filter(|&&number| number < current)
            .map(|&number| name(number))
            .collect();
        let names = before.iter().chain(&self.temporary).map(String::as_str);
        Ok(self.directory.tidy(names)?)
    }

    fn open(&self, number: u64, access: Access) -> Result<Option<OpenState>, StoreError> {
        let name = name(number);
        let file = self
            .directory
            .open_file(&name, Guard::Secret, slots::FILE, access)?;
        Ok(file.map(|open| OpenState::new(self.directory, number, open.file)))
    }

    fn next_number(&self) -> Result<u64, StoreError> {
        match self.highest() {
            None => Ok(1),
            Some(number) if number < LAST => Ok(number + 1),
            Some(number) => Err(StoreError::Malformed {
                path: self.directory.path().join(name(number)),
                problem: "no higher number can follow".to_owned(),
                mend: "Nightlatch does not write such a name: find out who did, then remove it"
                    .to_owned(),
            }),
        }
    }

    fn overtaken(&self, number: u64) -> StoreError {
        StoreError::Overtaken {
            path: self.directory.path().join(name(number)),
        }
    }
}

/// An open state file.
#[derive(Debug)]
pub(super) struct OpenState {
    /// For the words of errors.
    pub path: PathBuf,
    /// The N in its name.
    pub number: u64,
    file: File,
}

impl OpenState {
    fn new(directory: &Directory, number: u64, file: File) -> Self {
        Self {
            path: directory.path().join(name(number)),
            number,
            file,
        }
    }

    /// The file, for locking and writing.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Notes that somebody else has the lock now: those who wait see it, and do not take two holders for one. Not durable, and
    /// where it cannot be noted, nothing depends on it.
    pub(super) fn changes_hands(&self) {
        let _ = futimens(self.file(), &TimeSpec::UTIME_OMIT, &TimeSpec::UTIME_NOW);
    }

    /// When it was last written, or changed hands, by whatever clock.
    pub(super) fn last_moved(&self) -> Result<SystemTime, StoreError> {
        self.file()
            .metadata()
            .and_then(|metadata| metadata.modified())
            .map_err(|error| self.failed("looking at it", error))
    }

    /// What it holds. `None` where it is empty.
    fn read(&self) -> Result<Option<Found>, StoreError> {
        let mut bytes = [0; slots::FILE];
        let identity =
            FileIdentity::of(&self.file).map_err(|error| self.failed("looking at it", error))?;
        let filled = read_from_start(self.file(), &mut bytes)
            .map_err(|error| self.failed("reading", error))?;
        let found = (filled > 0).then(|| slots::read(&bytes[..filled], identity));
        match found.as_ref().and_then(|found| found.unknown_version) {
            Some(version) => Err(StoreError::unknown_version(
                self.path.clone(),
                u64::from(version),
                u64::from(State::latest_version()),
            )),
            None => Ok(found),
        }
    }

    /// The same without the lock: a slot that is just being written looks torn, so it is read again.
    fn read_while_it_may_be_written(&self) -> Result<Option<Found>, StoreError> {
        let mut found = self.read()?;
        for _ in 0..SECOND_READS {
            match &found {
                Some(Found { state, .. })
                    if matches!(state.integrity, Integrity::OneSlotBad | Integrity::Lost) =>
                {
                    found = self.read()?;
                }
                _ => break,
            }
        }
        Ok(found)
    }

    /// The write of a login: one system call, on the disk when it returns (the file was opened with `O_DSYNC`). Says where
    /// the one after it goes.
    pub(super) fn write(&self, state: &State, next: Next) -> Result<Option<Next>, StoreError> {
        let slot = slots::encode(state, next)?;
        let written = write_once(self.file(), &slot, next.offset as u64);
        if written.is_err() {
            // It may be in memory without being on the disk. Taken for the newest state, it would send the next write to
            // the other slot, the only one that is known to be on the disk.
            let _ = write_once(self.file(), &slots::INVALID, next.offset as u64);
        }
        written.map_err(|error| self.failed("writing", error))?;
        Ok(next.after())
    }

    fn failed(&self, doing: &'static str, source: io::Error) -> StoreError {
        StoreError::Io {
            path: self.path.clone(),
            doing,
            source,
        }
    }
}

fn read_from_start(file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match again(|| file.read_at(&mut bytes[filled..], filled as u64))? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

fn write_once(file: &File, slot: &slots::Slot, at: u64) -> io::Result<()> {
    match change(|| file.write_at(slot, at))? {
        slots::SLOT => Ok(()),
        _ => Err(io::ErrorKind::StorageFull.into()),
    }
}

fn name(number: u64) -> String {
    format!("{PREFIX}{number}")
}

/// The number in a name, if it is one that this program would write.
fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?;
    let number = digits.parse().ok()?;
    (digits.starts_with(|first: char| ('1'..='9').contains(&first)) && number <= LAST)
        .then_some(number)
}

fn is_temporary(name: &str) -> bool {
    name.strip_prefix(TEMPORARY)
        .is_some_and(|id| Id::parse(id).is_ok())
}

const PREFIX: &str = "state.";
/// The last number: 18 digits, more than there are moments to use them in.
const LAST: u64 = 999_999_999_999_999_999;
const SECOND_READS: usize = 3;
/// More than can go on at the same moment.
const MOST_GONE_PAST: usize = 16;
