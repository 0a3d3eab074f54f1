//! The lock on a person's record: `flock` on the person's directory, so that nothing stale can stay.
//!
//! Who may signal or stop its holder can shut the person out, and a caller of su may signal the su that runs us. So the
//! holder works in a [`Shield`], which the module gives: this crate has no unsafe code and cannot make one.

use std::fs::TryLockError;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

use super::StoreError;
use crate::safe_file::Directory;

/// How long somebody waits for the lock before the store counts as unavailable.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Protects the holder of a lock from whoever started the host.
pub trait Shield: Send + Sync {
    /// Runs `work` once, so that the caller of the host cannot signal or stop this thread meanwhile. Where it cannot
    /// protect, it must not run `work`. `work` does not panic.
    fn shelter(&self, work: &mut dyn FnMut());
}

/// No protection: for hosts that nobody else may signal.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoShield;

impl Shield for NoShield {
    fn shelter(&self, work: &mut dyn FnMut()) {
        work();
    }
}

/// How much longer somebody will wait.
#[derive(Debug)]
pub(super) struct Patience {
    ends: Instant,
    pause: Duration,
}

impl Patience {
    pub(super) fn new(length: Duration) -> Self {
        Self {
            ends: Instant::now() + length,
            pause: FIRST_PAUSE,
        }
    }

    /// Waits a little, each time somewhat longer. `None` when there is no patience left.
    fn pause(&mut self) -> Option<()> {
        let left = self.ends.checked_duration_since(Instant::now())?;
        thread::sleep(self.pause.min(left));
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Some(())
    }
}

/// Runs `work` while nobody else holds the lock on `directory`.
///
/// `Ok(None)` means that it is no longer the directory at its path: nothing was done, and it has to be opened again. Each
/// try to get the lock is sheltered together with the work; the pauses between tries are not, so that Ctrl-C still works.
pub(super) fn alone<T>(
    directory: &Directory,
    shield: &dyn Shield,
    patience: &mut Patience,
    work: &mut dyn FnMut() -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    loop {
        let mut attempt = None;
        // The shield sees no panic: however it is made, it puts back what it changed.
        shield.shelter(&mut || {
            attempt = Some(panic::catch_unwind(AssertUnwindSafe(|| {
                try_alone(directory, work)
            })))
        });
        match attempt {
            Some(Ok(result)) => match result? {
                Attempt::Done(value) => return Ok(Some(value)),
                Attempt::Moved => {
                    // Whoever exchanges it again and again does not keep us for ever.
                    patience.pause().ok_or_else(|| busy(directory))?;
                    return Ok(None);
                }
                Attempt::Busy => patience.pause().ok_or_else(|| busy(directory))?,
            },
            Some(Err(panic)) => panic::resume_unwind(panic),
            None => {
                return Err(StoreError::Unsheltered {
                    path: directory.path().to_owned(),
                });
            }
        }
    }
}

enum Attempt<T> {
    Done(T),
    Moved,
    Busy,
}

fn try_alone<T>(
    directory: &Directory,
    work: &mut dyn FnMut() -> Result<T, StoreError>,
) -> Result<Attempt<T>, StoreError> {
    match directory.file().try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Attempt::Busy),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {
            return Ok(Attempt::Busy);
        }
        Err(TryLockError::Error(source)) => {
            return Err(StoreError::Io {
                path: directory.path().to_owned(),
                doing: "locking",
                source,
            });
        }
    }
    let _held = Held(directory);
    if directory.is_at_its_path()? {
        work().map(Attempt::Done)
    } else {
        Ok(Attempt::Moved)
    }
}

/// Unlocks when dropped. Closing the descriptor would not do: a child that the host forked may have inherited it.
struct Held<'d>(&'d Directory);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // It cannot fail on a lock that is held; and if it did, closing the descriptor is left.
        let _ = self.0.file().unlock();
    }
}

fn busy(directory: &Directory) -> StoreError {
    StoreError::Busy {
        path: directory.path().to_owned(),
    }
}

const FIRST_PAUSE: Duration = Duration::from_micros(500);
const LONGEST_PAUSE: Duration = Duration::from_millis(16);
