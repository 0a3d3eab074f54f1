//! A store in memory, for tests of everything above the store.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::{Change, Past, Record, Store, StoreError};
use crate::account::UserName;
use crate::state::{Standing, State};

/// Records in memory. Faults can be planted: a store that cannot be written.
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: RefCell<BTreeMap<UserName, Record>>,
    writes_fail: RefCell<bool>,
    runs: RefCell<usize>,
}

impl MemoryStore {
    /// A store in which nobody is enrolled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on every write fails, as on a disk that broke.
    pub fn fail_writes(&self) {
        *self.writes_fail.borrow_mut() = true;
    }

    /// From now on writes succeed again.
    pub fn mend_writes(&self) {
        *self.writes_fail.borrow_mut() = false;
    }

    /// Runs every closure this often, as a store does that compares and swaps and loses races.
    pub fn lose_races(&self, runs: usize) {
        *self.runs.borrow_mut() = runs;
    }

    /// Puts a record in place.
    pub fn put(&self, who: &UserName, record: Record) {
        self.records.borrow_mut().insert(who.clone(), record);
    }
}

impl Store for MemoryStore {
    fn look(&self, who: &UserName) -> Result<Record, StoreError> {
        Ok(self.records.borrow().get(who).cloned().unwrap_or_default())
    }

    fn transact(
        &self,
        who: &UserName,
        decide: &mut dyn FnMut(&Record) -> Result<Change, StoreError>,
    ) -> Result<(), StoreError> {
        let record = self.look(who)?;
        for _ in 0..*self.runs.borrow() {
            decide(&record)?;
        }
        let change = decide(&record)?;
        change.check()?;
        if *self.writes_fail.borrow() && !matches!(change, Change::Nothing) {
            return Err(StoreError::Io {
                path: "memory".into(),
                doing: "writing",
                source: std::io::ErrorKind::StorageFull.into(),
            });
        }
        let record = match change {
            Change::Nothing => return Ok(()),
            Change::State(state) => Record { state, ..record },
            Change::Enrollment(enrollment, state) => Record {
                enrollment: Some(enrollment),
                state: State {
                    standing: Standing::Beside,
                    ..state
                },
                past: Past::Never,
            },
            Change::Remove => Record {
                past: if record.enrollment.is_some() {
                    Past::Removed
                } else {
                    record.past
                },
                ..Record::default()
            },
        };
        self.put(who, record);
        Ok(())
    }

    fn whereabouts(&self, who: &UserName) -> String {
        format!("memory/{}", who.as_str())
    }

    fn users(&self) -> Result<Vec<UserName>, StoreError> {
        Ok(self.records.borrow().keys().cloned().collect())
    }
}
