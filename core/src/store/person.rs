//! The files of one person, in the person's directory: read into a record, changed in an order that survives a crash at
//! any point.

use super::limits::check_file_size_limit;
use super::slots::Next;
use super::states::{OpenState, StateFiles};
use super::{Change, Past, Record, StoreError};
use crate::account::UserName;
use crate::enrollment::{BadEnrollment, Enrollment};
use crate::safe_file::{Directory, Guard};
use crate::state::{Integrity, Standing, State};

/// One person's record as it was read.
pub(super) struct Person<'d> {
    directory: &'d Directory,
    who: &'d UserName,
    record: Record,
    states: &'d StateFiles<'d>,
    /// The state file that is locked, if there is one, and where in it the next state goes.
    locked: Option<(&'d OpenState, Option<Next>)>,
}

impl<'d> Person<'d> {
    /// Reads all that is kept about `who`. Without a `locked` state file it is for showing only, unless no state is there.
    pub(super) fn read(
        directory: &'d Directory,
        who: &'d UserName,
        states: &'d StateFiles<'d>,
        locked: Option<&'d OpenState>,
    ) -> Result<Self, StoreError> {
        let enrollment = read_enrollment(directory, who)?;
        let (state, next) = match states.read(locked)? {
            Some(found)
                if enrollment.is_none()
                    && found.state.standing == Standing::Beside
                    && means_nothing(directory)? =>
            {
                (State::default(), found.next)
            }
            Some(found) => (found.state, found.next),
            None if enrollment.is_some() => {
                let lost = State {
                    integrity: Integrity::Lost,
                    ..State::default()
                };
                (lost, None)
            }
            None => (State::default(), None),
        };
        let past = if enrollment.is_none() && directory.holds(REMOVED)? {
            Past::Removed
        } else {
            Past::Never
        };
        Ok(Self {
            directory,
            who,
            record: Record {
                enrollment,
                state,
                past,
            },
            states,
            locked: locked.map(|locked| (locked, next)),
        })
    }

    /// Whether nothing was enrolled here and the directory is no longer at its path: one that was taken away loses its files, and
    /// another one may be there.
    pub(super) fn may_be_elsewhere(&self) -> Result<bool, StoreError> {
        Ok(self.record.enrollment.is_none() && !self.directory.is_at_its_path()?)
    }

    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    pub(super) fn into_record(self) -> Record {
        self.record
    }

    /// Makes a change durable. The caller holds the lock that the change needs, and has since the record was read.
    pub(super) fn apply(&self, change: Change) -> Result<(), StoreError> {
        change.check()?;
        match change {
            Change::Nothing => Ok(()),
            Change::State(state) => self.write_state(&state).map(drop),
            Change::Enrollment(enrollment, state) => self.write_enrollment(&enrollment, &state),
            Change::Remove => self.remove(),
        }
    }

    /// Says where in the locked file the state goes that is written after that, if one can be written in place.
    fn write_state(&self, state: &State) -> Result<Option<Next>, StoreError> {
        let Some((file, Some(next))) = self.locked else {
            // None is there, or none that can be written in place.
            self.states.succeed(state)?;
            return Ok(None);
        };
        self.states.tidy_below(file)?;
        let mut after = file.write(state, next)?;
        // A slot that rots shows the state before. Of a step that was used then, `burn_steps` takes care; of a backup code that was
        // spent, or a counter, nothing else knows, so it is written twice.
        let (before, enrollment) = (&self.record.state, self.record.enrollment.as_ref());
        if state.is_to_stand_in_both_slots(before, enrollment)
            && let Some(next) = after
        {
            // It is kept without that as well. To deny now would tell a right backup code from a wrong one, which is
            // written once.
            after = file.write(state, next).unwrap_or(None);
        }
        self.states.check_current(file)?;
        Ok(after)
    }

    /// The state goes first: it holds the old entries and the new, so that it fits the old enrollment and the new.
    ///
    /// Where nothing is enrolled and a state stands alone, it goes on standing alone until the enrollment is there, and the
    /// invitation that it keeps is open until then.
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
        // Only where nothing is kept: where an enrollment is missing, it must not read as "not enrolled" if this is cut off.
        if self.record.is_empty() && !self.directory.holds(REMOVED)? {
            self.directory.mark(ENROLLING)?;
        }
        // One that was renamed before and not flushed must not come back to a state that has forgotten it.
        self.directory.sync()?;
        let before = &self.record.state;
        let beside = State {
            standing: Standing::Beside,
            ..state.clone()
        };
        let first = match before.standing {
            Standing::Beside => beside.clone(),
            Standing::Alone => State {
                standing: Standing::Alone,
                closed: before.closed,
                ticket: before.ticket.clone(),
                ..state.clone()
            },
        };
        let next = self
            .write_state(&first)
            .inspect_err(|_| self.forget_a_beginning())?;
        self.directory
            .replace(ENROLLMENT, |_| Ok::<_, StoreError>(text.as_bytes()))?;
        if before.standing == Standing::Alone {
            self.write_last(&beside, next)?;
        }
        self.directory.remove(REMOVED)?;
        self.directory.remove(ENROLLING)?;
        Ok(())
    }

    /// A second state of one change, into both slots: the one before it stood alone.
    fn write_last(&self, state: &State, next: Option<Next>) -> Result<(), StoreError> {
        let (Some((file, _)), Some(next)) = (self.locked, next) else {
            return StateFiles::list(self.directory)?.succeed(state);
        };
        if let Some(after) = file.write(state, next)? {
            // It is kept without that as well.
            let _ = file.write(state, after);
        }
        self.states.check_current(file)
    }

    /// Where a first enrollment came to nothing, as well as can be: nothing depends on it as long as there is no state.
    fn forget_a_beginning(&self) {
        if StateFiles::list(self.directory).is_ok_and(|states| states.highest().is_none()) {
            let _ = self.directory.remove(ENROLLING);
        }
    }

    /// The tombstone goes first: at no moment is there neither an enrollment nor a word that there was one. A state
    /// without an enrollment, which a crash in here can leave, goes too.
    fn remove(&self) -> Result<(), StoreError> {
        if self.record.enrollment.is_some() {
            if self.record.state.standing == Standing::Alone {
                // Without the enrollment it would count, with an invitation that was spent on this one.
                let mut beside = self.record.state.clone();
                beside.integrity = Integrity::Whole;
                beside.keep_only(self.record.enrollment.as_ref());
                self.write_last(&beside, self.locked.and_then(|(_, next)| next))?;
            }
            self.directory.mark(REMOVED)?;
            self.directory.remove(ENROLLMENT)?;
        }
        self.states.clear()
    }
}

/// Whether a state without an enrollment is what was left by somebody who is not enrolled any more, or not yet: a login that came
/// late, an enrollment that was cut off. Otherwise the enrollment is missing.
fn means_nothing(directory: &Directory) -> Result<bool, StoreError> {
    Ok(directory.holds(REMOVED)? || directory.holds(ENROLLING)?)
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
    let enrollment = Enrollment::parse(text).map_err(|error| match error {
        BadEnrollment::Version(version, known) => {
            let path = directory.path().join(ENROLLMENT);
            StoreError::unknown_version(path, version, known.into())
        }
        error => malformed(error.to_string()),
    })?;
    if enrollment.user != *who {
        return Err(malformed(format!(
            "it is the enrollment of {:?}",
            enrollment.user.as_str()
        )));
    }
    Ok(Some(enrollment))
}

const ENROLLMENT: &str = "enrollment.toml";
/// Somebody was enrolled here, and was removed.
const REMOVED: &str = "removed";
/// Somebody who was never enrolled is being enrolled, or that was cut off.
const ENROLLING: &str = "enrolling";
