//! The store that the transactions run against, and what becomes of its files without it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::Uid;

use super::Login;
use super::model::{RULES, alice};
use crate::check::Verdict;
use crate::store::{FileStore, Record, Shield, Store, StoreError};
use crate::testing::At;
use crate::time::Time;
use crate::transaction::{self, Attempt, Transaction};

/// A store with one person in it.
pub(super) struct House {
    path: PathBuf,
    store: FileStore,
    saved: std::cell::RefCell<Option<Vec<u8>>>,
}

/// One of the two slots of a state file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    First,
    Second,
}

impl House {
    pub(super) fn new(home: &Path) -> Self {
        let path = home.join("store");
        let store = FileStore::create_owned_by(&path, Uid::current().as_raw()).unwrap();
        Self {
            path,
            store: store.with_shield(Box::new(Impatient)),
            saved: None.into(),
        }
    }

    pub(super) fn look(&self) -> Record {
        self.store.look(&alice()).unwrap()
    }

    pub(super) fn run<T: Transaction>(
        &self,
        transaction: &mut T,
        now: Time,
    ) -> Result<T::Outcome, StoreError> {
        transaction::run(&self.store, &At(now), &alice(), transaction)
    }

    pub(super) fn login(&self, login: &Login, now: Time) -> Result<Verdict, StoreError> {
        let mut attempt = Attempt::new(login.uid, login.place, &login.answer, &RULES);
        self.run(&mut attempt, now)
    }

    /// Makes a slot of the state file unreadable, if there is one.
    pub(super) fn rot(&self, slot: Slot) -> bool {
        let Some(file) = self.state_file() else {
            return false;
        };
        let mut bytes = fs::read(&file).unwrap();
        let at = match slot {
            Slot::First => 0,
            Slot::Second => bytes.len() / 2,
        };
        bytes[at] ^= 1;
        // In place: the file stays the same one.
        fs::write(&file, &bytes).unwrap();
        true
    }

    /// Keeps a copy of the state file.
    pub(super) fn save_state(&self) {
        if let Some(file) = self.state_file() {
            self.saved.replace(Some(fs::read(file).unwrap()));
        }
    }

    /// Puts the copy in the place of the state file, if there are both.
    pub(super) fn restore_state(&self) -> bool {
        let (Some(file), Some(bytes)) = (self.state_file(), &*self.saved.borrow()) else {
            return false;
        };
        let temporary = self.path.join("restored");
        fs::write(&temporary, bytes).unwrap();
        fs::set_permissions(&temporary, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(temporary, file).unwrap();
        true
    }

    /// After a login nothing lies about that killed processes left.
    pub(super) fn assert_tidy(&self) {
        let names = self.names();
        let states = names.iter().filter(|name| name.starts_with("state."));
        assert_eq!(states.count(), 1, "{names:?}");
        assert!(
            !names.iter().any(|name| name.starts_with("new.")),
            "{names:?}"
        );
    }

    /// The one that holds the state: the highest that is not empty.
    fn state_file(&self) -> Option<PathBuf> {
        let numbers = self.names().into_iter();
        let mut numbers: Vec<u64> = numbers
            .filter_map(|name| name.strip_prefix("state.")?.parse().ok())
            .collect();
        numbers.sort_unstable();
        let files = numbers.iter().rev();
        files
            .map(|number| self.person().join(format!("state.{number}")))
            .find(|file| fs::metadata(file).unwrap().len() > 0)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.person()).into_iter().flatten();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    fn person(&self) -> PathBuf {
        self.path.join("users/alice")
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // What is left is in the way of the next course, which says so.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Goes on at once without whoever holds a lock: nobody but those that are kept from running holds one.
struct Impatient;

impl Shield for Impatient {
    fn shelter(&self, work: &mut dyn FnMut()) -> std::io::Result<()> {
        work();
        Ok(())
    }

    fn goes_on_after(&self) -> Duration {
        Duration::ZERO
    }
}
