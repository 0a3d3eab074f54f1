//! The store on this host: `store.toml`, and a directory for each person that holds the enrollment, the state and perhaps
//! a tombstone. docs/format.md describes it byte by byte.
//!
//! Nothing stays open between two calls, and every call begins at `/`: a file system that is unmounted or mounted
//! meanwhile is noticed.

use std::path::{Path, PathBuf};

use super::limits::{check_cpu_limit, check_file_size_limit};
use super::lock::{self, NoShield, PATIENCE, Patience, Shield};
use super::person::Person;
use super::states::StateFiles;
use super::turn::{self, Locks, Turn, Waiting};
use super::{Change, Record, Store, StoreError, marker, slots};
use crate::account::UserName;
use crate::safe_file::{Directory, Guard, Owner, check_whole};
use crate::state::Integrity;

/// Records as files that belong to root.
pub struct FileStore {
    directory: PathBuf,
    owner: Owner,
    shield: Box<dyn Shield>,
}

impl FileStore {
    /// The store in this directory, an absolute path. Nothing is opened yet.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            owner: Owner::ROOT,
            shield: Box::new(NoShield),
        }
    }

    /// Makes the store if there is none: its directory, whose parent must exist, and what says that it is a store.
    pub fn create(directory: &Path) -> Result<Self, StoreError> {
        let store = Self::new(directory);
        store.make()?;
        Ok(store)
    }

    /// A store that belongs to `uid` instead of root, for tests that run as anybody.
    #[cfg(any(test, feature = "fuzzing"))]
    fn owned_by(directory: &Path, uid: u32) -> Self {
        Self {
            owner: Owner::for_tests(uid),
            ..Self::new(directory)
        }
    }

    /// [`create`](Self::create) for [`owned_by`](Self::owned_by).
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn create_owned_by(directory: &Path, uid: u32) -> Result<Self, StoreError> {
        let store = Self::owned_by(directory, uid);
        store.make()?;
        Ok(store)
    }

    /// Protects whoever holds a lock with this shield.
    #[must_use]
    pub fn with_shield(self, shield: Box<dyn Shield>) -> Self {
        Self { shield, ..self }
    }

    fn make(&self) -> Result<(), StoreError> {
        check_whole(&self.directory)?;
        let (Some(parent), Some(name)) = (self.directory.parent(), self.directory.file_name())
        else {
            return Err(StoreError::NotAStore(self.directory.clone()));
        };
        let parent = Directory::open(parent, self.owner)?
            .ok_or_else(|| StoreError::NotAStore(self.directory.clone()))?;
        let mut patience = Patience::new(PATIENCE);
        loop {
            parent.make_directory(name)?;
            let Some(directory) = parent.child(name, Guard::Unwritable)? else {
                continue;
            };
            // Two that make it at once would give it two ids.
            let made = lock::alone(&directory, &NoShield, &mut patience, &mut || {
                directory.make_directory(USERS)?;
                marker::write(&directory)
            })?;
            if made.is_some() {
                return Ok(());
            }
        }
    }

    /// Opens the directory of all people, in a store that this program understands.
    fn people(&self) -> Result<Directory, StoreError> {
        let store = Directory::open(&self.directory, self.owner)?
            .ok_or_else(|| StoreError::NotAStore(self.directory.clone()))?;
        marker::check(&store)?;
        store
            .child(USERS, Guard::Unwritable)?
            .ok_or_else(|| StoreError::NotAStore(self.directory.join(USERS)))
    }

    /// `None`: the directory was taken away meanwhile.
    fn look_once(&self, who: &UserName) -> Result<Option<Record>, StoreError> {
        let Some(directory) = self.people()?.child(who.directory_name(), Guard::Secret)? else {
            return Ok(Some(Record::default()));
        };
        let states = StateFiles::list(&directory)?;
        let person = Person::read(&directory, who, &states, None)?;
        Ok((!person.may_be_elsewhere()?).then(|| person.into_record()))
    }
}

impl Store for FileStore {
    fn look(&self, who: &UserName) -> Result<Record, StoreError> {
        let mut found = None;
        for _ in 0..LOOKS {
            let looked = self.look_once(who)?;
            // Without the lock, a file may be missed while it is made, succeeded or removed.
            let is_whole = looked.as_ref().is_some_and(|record| {
                record.state.integrity != Integrity::Lost
                    && (record.enrollment.is_some() || record.is_vacant())
            });
            found = looked.or(found);
            if is_whole {
                break;
            }
        }
        found.ok_or_else(|| StoreError::Overtaken {
            path: self.whereabouts(who).into(),
        })
    }

    fn transact(
        &self,
        who: &UserName,
        decide: &mut dyn FnMut(&Record) -> Result<Change, StoreError>,
    ) -> Result<(), StoreError> {
        // Before anything is decided: nobody learns whether a code was right from a try that could not be recorded.
        check_file_size_limit(slots::FILE)?;
        check_cpu_limit()?;
        let mut waiting = Waiting::new(&*self.shield);
        let mut locks = Locks::State;
        loop {
            let people = self.people()?;
            let Some(directory) = people.child(who.directory_name(), Guard::Secret)? else {
                // Nothing is kept about them. A directory is made only when something is to be.
                if matches!(
                    decide(&Record::default())?,
                    Change::Nothing | Change::Remove
                ) {
                    return Ok(());
                }
                people.make_directory(who.directory_name())?;
                continue;
            };
            match turn::take(&directory, who, locks, &mut waiting, decide)? {
                Turn::Taken => return Ok(()),
                Turn::NeedsTheDirectory => locks = Locks::DirectoryAndState,
                Turn::Moved => {}
            }
        }
    }

    fn whereabouts(&self, who: &UserName) -> String {
        let directory = self.directory.join(USERS).join(who.directory_name());
        directory.display().to_string()
    }

    /// What cannot be a person's name is left out. What is no directory is not: it keeps its person out.
    fn users(&self) -> Result<Vec<UserName>, StoreError> {
        let names = self.people()?.names()?;
        let mut users: Vec<_> = names
            .iter()
            .filter_map(|name| UserName::from_directory_name(name).ok())
            .collect();
        users.sort();
        Ok(users)
    }
}

const USERS: &str = "users";
/// How often a record is read again that looks damaged.
const LOOKS: usize = 4;

#[cfg(test)]
mod tests;
