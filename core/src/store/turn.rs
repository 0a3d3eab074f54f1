//! One turn at a person's record: which locks it takes, how long it waits for them, and when it goes on without whoever
//! holds one.

use std::time::{Duration, Instant, SystemTime};

use super::lock::{self, Attempt, PATIENCE, Patience, Shield};
use super::person::Person;
use super::states::{OpenState, StateFiles};
use super::{Change, Record, StoreError};
use crate::account::UserName;
use crate::safe_file::Directory;

/// Decides about the record in `directory`, and keeps what was decided if the locks allow it.
pub(super) fn take(
    directory: &Directory,
    who: &UserName,
    locks: Locks,
    waiting: &mut Waiting<'_>,
    decide: &mut Decide<'_>,
) -> Result<Turn, StoreError> {
    let Waiting {
        shield,
        directory: for_directory,
        state: for_state,
        queue,
    } = waiting;
    let mut with_the_state = || {
        lock::patiently(directory.path(), *shield, for_state, &mut || {
            attempt(directory, who, locks, queue, decide)
        })
    };
    let turn = match locks {
        Locks::State => with_the_state()?,
        Locks::DirectoryAndState => {
            lock::alone(directory, *shield, for_directory, &mut with_the_state)?.flatten()
        }
    };
    Ok(turn.unwrap_or(Turn::Moved))
}

/// Which locks are taken. A login takes that of the state alone: whoever can stop a login then keeps no administrator from
/// the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locks {
    /// That of the state.
    State,
    /// That of the directory, and then that of the state if there is one: changes of an enrollment.
    DirectoryAndState,
}

/// What came of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It was decided, and what was decided is kept.
    Taken,
    /// It was decided that something changes which takes the lock on the directory; nothing was kept.
    NeedsTheDirectory,
    /// The directory is another by now, or the state is: both have to be opened again.
    Moved,
}

/// How long somebody has waited and will wait.
pub(super) struct Waiting<'s> {
    shield: &'s dyn Shield,
    directory: Patience,
    state: Patience,
    queue: Queue,
}

impl<'s> Waiting<'s> {
    /// Nobody has waited yet.
    pub(super) fn new(shield: &'s dyn Shield) -> Self {
        Self {
            shield,
            directory: Patience::new(PATIENCE),
            state: Patience::new(PATIENCE),
            queue: Queue {
                long_enough: shield.goes_on_after(),
                seen: None,
            },
        }
    }
}

/// Since when nothing has happened while we waited.
struct Queue {
    long_enough: Duration,
    /// Which file it was, when it was last written or changed hands, and since when we see this.
    seen: Option<(u64, SystemTime, Instant)>,
}

impl Queue {
    /// Whether whoever holds this file has held it long enough for us to go on without them. While it goes from hand to hand,
    /// our turn will come.
    fn is_over(&mut self, file: &OpenState) -> Result<bool, StoreError> {
        let (number, moved) = (file.number, file.last_moved()?);
        match self.seen {
            Some((seen, at, since)) if (seen, at) == (number, moved) => {
                Ok(since.elapsed() >= self.long_enough)
            }
            _ => {
                self.seen = Some((number, moved, Instant::now()));
                Ok(false)
            }
        }
    }
}

/// A closure of [`Store::transact`](super::Store::transact).
type Decide<'d> = dyn FnMut(&Record) -> Result<Change, StoreError> + 'd;

fn attempt(
    directory: &Directory,
    who: &UserName,
    locks: Locks,
    queue: &mut Queue,
    decide: &mut Decide<'_>,
) -> Result<Attempt<Turn>, StoreError> {
    let mut closed = None;
    loop {
        let states = StateFiles::list(directory)?;
        if states.highest().is_none() {
            return without_a_state(directory, who, locks, &states, decide);
        }
        let file = match closed.take() {
            Some(file) => file,
            None => match states.open_highest()? {
                Some(file) => file,
                None => return Ok(Attempt::Moved),
            },
        };
        let attempt = lock::holding(file.file(), &file.path, &mut || {
            file.changes_hands();
            let states = StateFiles::list(directory)?;
            if !states.has_for_current(&file)? {
                return Ok(Attempt::Moved);
            }
            let person = Person::read(directory, who, &states, Some(&file))?;
            if person.may_be_elsewhere()? {
                return Ok(Attempt::Moved);
            }
            settle(&person, locks, decide)
        })?;
        if !matches!(attempt, Attempt::Busy) || !queue.is_over(&file)? {
            return Ok(attempt);
        }
        closed = states.close_highest()?;
    }
}

/// Decides, and keeps what was decided if the locks allow it.
fn settle(
    person: &Person<'_>,
    locks: Locks,
    decide: &mut Decide<'_>,
) -> Result<Attempt<Turn>, StoreError> {
    let change = decide(person.record())?;
    if locks == Locks::State && matches!(change, Change::Enrollment(..) | Change::Remove) {
        return Ok(Attempt::Done(Turn::NeedsTheDirectory));
    }
    person.apply(change)?;
    Ok(Attempt::Done(Turn::Taken))
}

/// Where no state was ever kept, there is nothing to lock but the directory.
fn without_a_state(
    directory: &Directory,
    who: &UserName,
    locks: Locks,
    states: &StateFiles<'_>,
    decide: &mut Decide<'_>,
) -> Result<Attempt<Turn>, StoreError> {
    let person = Person::read(directory, who, states, None)?;
    if person.may_be_elsewhere()? {
        return Ok(Attempt::Moved);
    }
    if locks == Locks::DirectoryAndState {
        return settle(&person, locks, decide);
    }
    // An enrollment is written after its state. If a state is there by now, it came between our two looks; if not, it is lost.
    if person.record().enrollment.is_some() && StateFiles::list(directory)?.highest().is_some() {
        return Ok(Attempt::Moved);
    }
    match decide(person.record())? {
        Change::Nothing => Ok(Attempt::Done(Turn::Taken)),
        Change::State(_) | Change::Enrollment(..) | Change::Remove => {
            Ok(Attempt::Done(Turn::NeedsTheDirectory))
        }
    }
}
