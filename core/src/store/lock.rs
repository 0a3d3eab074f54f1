//! Locks, by `flock`, so that nothing stale can stay; and the patience of those who wait for one.
//!
//! Who may signal or stop its holder can shut a person out, and a caller of su may signal the su that runs us. So the
//! holder works in a [`Shield`], which the module gives: this crate has no unsafe code and cannot make one. Against what no
//! shield keeps off, whoever waits goes on without the holder after a while (see `turn` and `states`).

use std::fs::{File, TryLockError};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::StoreError;
use crate::safe_file::Directory;

/// How long somebody waits for the lock before the store counts as unavailable.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long a host that nobody else can stop waits for another's lock before it goes on without it. A disk that is slow
/// for once takes less; a disk that is always so slow makes whoever it happens to try again.
pub const GOES_ON_AFTER: Duration = Duration::from_secs(1);

/// Protects the holder of a lock from whoever started the host.
pub trait Shield: Send + Sync {
    /// Runs `work` once, so that the caller of the host cannot signal or stop this thread meanwhile. `work` does not panic.
    ///
    /// An error means that it could not protect, and then `work` was not run; or that it could not put back what it
    /// changed.
    fn shelter(&self, work: &mut dyn FnMut()) -> io::Result<()>;

    /// How long to wait for somebody else's lock before going on without them. Less than [`PATIENCE`]; longer where whoever
    /// started the host could stop it, so that such a host never goes before one that nobody can stop.
    fn goes_on_after(&self) -> Duration {
        GOES_ON_AFTER
    }
}

/// No protection: for hosts that nobody else may signal.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoShield;

impl Shield for NoShield {
    fn shelter(&self, work: &mut dyn FnMut()) -> io::Result<()> {
        work();
        Ok(())
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

/// What came of a try to get a lock and to work under it.
#[derive(Debug)]
pub(super) enum Attempt<T> {
    /// The work was done.
    Done(T),
    /// Somebody else holds the lock.
    Busy,
    /// What was locked is no longer what has to be locked.
    Moved,
}

/// Runs `attempt`, sheltered, until it no longer says that somebody else holds the lock. `Ok(None)` means that things moved: they
/// have to be opened again.
///
/// Each attempt is sheltered as a whole; the pauses between them are not, so that Ctrl-C still works.
pub(super) fn patiently<T>(
    path: &Path,
    shield: &dyn Shield,
    patience: &mut Patience,
    attempt: &mut dyn FnMut() -> Result<Attempt<T>, StoreError>,
) -> Result<Option<T>, StoreError> {
    let busy = || StoreError::Busy {
        path: path.to_owned(),
    };
    let unsheltered = |source| StoreError::Unsheltered {
        path: path.to_owned(),
        source,
    };
    loop {
        let mut outcome = None;
        // The shield sees no panic: however it is made, it puts back what it changed.
        let sheltered = shield.shelter(&mut || {
            outcome = Some(panic::catch_unwind(AssertUnwindSafe(&mut *attempt)));
        });
        sheltered.map_err(unsheltered)?;
        match outcome {
            Some(Ok(result)) => match result? {
                Attempt::Done(value) => return Ok(Some(value)),
                Attempt::Moved => {
                    // Whoever exchanges it again and again does not keep us for ever.
                    patience.pause().ok_or_else(busy)?;
                    return Ok(None);
                }
                Attempt::Busy => patience.pause().ok_or_else(busy)?,
            },
            Some(Err(panic)) => panic::resume_unwind(panic),
            None => return Err(unsheltered(io::ErrorKind::Other.into())),
        }
    }
}

/// Runs `work` while nobody else holds the lock on `directory`, which is looked for at its path again once it is locked.
pub(super) fn alone<T>(
    directory: &Directory,
    shield: &dyn Shield,
    patience: &mut Patience,
    work: &mut dyn FnMut() -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    patiently(directory.path(), shield, patience, &mut || {
        holding(directory.file(), directory.path(), &mut || {
            if directory.is_at_its_path()? {
                work().map(Attempt::Done)
            } else {
                Ok(Attempt::Moved)
            }
        })
    })
}

/// Runs `work` while nobody else holds the lock on `file`, or says at once that somebody does.
pub(super) fn holding<T>(
    file: &File,
    path: &Path,
    work: &mut dyn FnMut() -> Result<Attempt<T>, StoreError>,
) -> Result<Attempt<T>, StoreError> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Attempt::Busy),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {
            return Ok(Attempt::Busy);
        }
        Err(TryLockError::Error(source)) => {
            return Err(StoreError::Io {
                path: path.to_owned(),
                doing: "locking",
                source,
            });
        }
    }
    let _held = Held(file);
    work()
}

/// Unlocks when dropped. Closing the descriptor would not do: a child that the host forked may have inherited it.
struct Held<'f>(&'f File);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // It cannot fail on a lock that is held; and if it did, closing the descriptor is left.
        let _ = self.0.unlock();
    }
}

const FIRST_PAUSE: Duration = Duration::from_micros(500);
const LONGEST_PAUSE: Duration = Duration::from_millis(16);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::safe_file::Owner;
    use std::fs;
    use std::os::unix::fs::DirBuilderExt;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const SHORT: Duration = Duration::from_millis(60);

    fn directory(home: &tempfile::TempDir) -> Directory {
        let owner = Owner::for_tests(nix::unistd::Uid::current().as_raw());
        Directory::open(home.path(), owner).unwrap().unwrap()
    }

    fn try_it(directory: &Directory) -> Result<Option<()>, StoreError> {
        alone(directory, &NoShield, &mut Patience::new(SHORT), &mut || {
            Ok(())
        })
    }

    #[test]
    fn only_one_holds_the_lock_and_the_other_is_told_who_is_busy() {
        let home = crate::testing::home();
        let (first, second) = (directory(&home), directory(&home));
        let start = Instant::now();
        let result = alone(&first, &NoShield, &mut Patience::new(SHORT), &mut || {
            try_it(&second)
        });
        assert!(matches!(result, Err(StoreError::Busy { path }) if path == home.path()));
        assert!((SHORT..SHORT * 10).contains(&start.elapsed()));
    }

    #[test]
    fn the_lock_is_released_on_every_way_out_though_the_descriptor_lives_on() {
        let home = crate::testing::home();
        let first = directory(&home);
        // As a child of the host has it.
        let _inherited = first.file().try_clone().unwrap();
        let second = directory(&home);
        let mut patience = Patience::new(SHORT);

        assert_eq!(
            alone(&first, &NoShield, &mut patience, &mut || Ok(7)).unwrap(),
            Some(7)
        );
        assert_eq!(try_it(&second).unwrap(), Some(()));

        let failed = alone(&first, &NoShield, &mut patience, &mut || {
            Err::<(), _>(StoreError::FileSizeLimit)
        });
        assert!(matches!(failed, Err(StoreError::FileSizeLimit)));
        assert_eq!(try_it(&second).unwrap(), Some(()));

        let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
            let mut work =
                || -> Result<(), StoreError> { panic::resume_unwind(Box::new("planted")) };
            alone(&first, &NoShield, &mut patience, &mut work)
        }));
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"planted"));
        assert_eq!(try_it(&second).unwrap(), Some(()));
    }

    #[test]
    fn a_directory_that_is_no_longer_at_its_path_has_to_be_opened_again() {
        let home = crate::testing::home();
        let path = home.path().join("alice");
        let owner = Owner::for_tests(nix::unistd::Uid::current().as_raw());
        fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        let old = Directory::open(&path, owner).unwrap().unwrap();
        fs::rename(&path, home.path().join("old")).unwrap();
        assert_eq!(try_it(&old).unwrap(), None);
        fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        assert_eq!(try_it(&old).unwrap(), None);
        let new = Directory::open(&path, owner).unwrap().unwrap();
        assert_eq!(try_it(&new).unwrap(), Some(()));
    }

    /// Counts how often it sheltered, and sees whether the lock was held before and after.
    struct Watching<'d> {
        other: &'d Directory,
        free_before: AtomicUsize,
        free_after: AtomicUsize,
    }

    impl Shield for Watching<'_> {
        fn shelter(&self, work: &mut dyn FnMut()) -> io::Result<()> {
            let free = |count: &AtomicUsize| {
                if self.other.file().try_lock().is_ok() {
                    self.other.file().unlock().unwrap();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            };
            free(&self.free_before);
            work();
            free(&self.free_after);
            Ok(())
        }
    }

    #[test]
    fn the_lock_is_held_only_in_the_shield() {
        let home = crate::testing::home();
        let (mine, other) = (directory(&home), directory(&home));
        let shield = Watching {
            other: &other,
            free_before: 0.into(),
            free_after: 0.into(),
        };
        let mut patience = Patience::new(SHORT);
        let done = alone(&mine, &shield, &mut patience, &mut || {
            Ok(other.file().try_lock().is_err())
        });
        assert_eq!(done.unwrap(), Some(true));
        assert_eq!(
            (
                shield.free_before.into_inner(),
                shield.free_after.into_inner()
            ),
            (1, 1)
        );
    }

    #[test]
    fn a_shield_sees_no_panic() {
        struct Fragile(AtomicUsize);
        impl Shield for Fragile {
            fn shelter(&self, work: &mut dyn FnMut()) -> io::Result<()> {
                work();
                self.0.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }
        let home = crate::testing::home();
        let (directory, shield) = (directory(&home), Fragile(0.into()));
        let result = panic::catch_unwind(AssertUnwindSafe(|| {
            let mut work =
                || -> Result<(), StoreError> { panic::resume_unwind(Box::new("planted")) };
            alone(&directory, &shield, &mut Patience::new(SHORT), &mut work)
        }));
        assert!(result.is_err());
        assert_eq!(shield.0.into_inner(), 1);
    }

    #[test]
    fn given_a_shield_that_cannot_protect_nothing_is_done() {
        struct Broken;
        impl Shield for Broken {
            fn shelter(&self, _: &mut dyn FnMut()) -> io::Result<()> {
                Err(io::ErrorKind::PermissionDenied.into())
            }
        }
        let home = crate::testing::home();
        let mut work = || -> Result<(), StoreError> { panic!("it ran") };
        let result = alone(
            &directory(&home),
            &Broken,
            &mut Patience::new(SHORT),
            &mut work,
        );
        assert!(matches!(result, Err(StoreError::Unsheltered { .. })));
    }
}
