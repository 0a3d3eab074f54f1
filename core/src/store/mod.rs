//! Where records live: the joint between the rules and whatever keeps the records.
//!
//! [`FileStore`] keeps them on this host; [`MemoryStore`] keeps them in memory, for tests. A store that compares and
//! swaps over a network fits the same trait: it runs the closure of [`Store::transact`] again when it lost a race.

mod files;
mod limits;
mod lock;
mod marker;
mod memory;
mod person;
mod slots;
mod states;
mod turn;

use std::io;
use std::path::PathBuf;

pub use files::FileStore;
pub use lock::{GOES_ON_AFTER, NoShield, Shield};
pub use memory::MemoryStore;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use {marker::property as marker_property, slots::property as slots_property};

use crate::account::UserName;
use crate::enrollment::Enrollment;
use crate::safe_file::SafeFileError;
use crate::state::{Integrity, Standing, State};

/// All that is kept about one person.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// What was enrolled, if anything.
    pub enrollment: Option<Enrollment>,
    /// What logins left behind.
    pub state: State,
    /// Whether somebody who is not enrolled was enrolled before.
    pub past: Past,
}

/// Whether somebody who is not enrolled was enrolled before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Past {
    /// Never; or they are enrolled now.
    #[default]
    Never,
    /// They were, and an administrator took it away.
    Removed,
}

impl Record {
    /// Whether nothing is enrolled, for sure. A state that does not say that it stands alone was written when somebody was enrolled,
    /// and goes when they are removed: where one is left without its enrollment, that is missing.
    #[must_use]
    pub fn is_vacant(&self) -> bool {
        self.enrollment.is_none()
            && (self.state.standing == Standing::Alone || self.state == State::default())
    }

    /// Whether nothing is enrolled for sure, and never was.
    #[must_use]
    pub fn was_never_enrolled(&self) -> bool {
        self.is_vacant() && self.past == Past::Never
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.enrollment.is_none() && self.state == State::default()
    }
}

/// What a transaction makes of a record.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and it is not kept"
)]
pub enum Change {
    /// It stays as it is.
    Nothing,
    /// Logins left something behind. Where nothing is enrolled, the state has to stand [alone](Standing::Alone): else it would seem
    /// that the enrollment is missing.
    State(State),
    /// Somebody enrolled, or an enrollment was changed. The state is written first, and stands [beside](Standing::Beside) it.
    Enrollment(Enrollment, State),
    /// The enrollment is taken away, and the state with it; a tombstone stays.
    Remove,
}

impl Change {
    /// Refuses a state whose doubts were not [resolved](State::resolve_doubts): once it is written, nobody doubts it.
    fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::State(state) | Self::Enrollment(_, state)
                if state.integrity != Integrity::Whole =>
            {
                Err(StoreError::Doubtful)
            }
            Self::Nothing | Self::State(_) | Self::Enrollment(..) | Self::Remove => Ok(()),
        }
    }
}

/// A place where records are kept. Blocking, and shared by all threads.
pub trait Store {
    /// Reads a record, without a lock: good for showing, never for opening a door. A person without a record has an
    /// empty one.
    fn look(&self, who: &UserName) -> Result<Record, StoreError>;

    /// Shows the record to `decide` while nobody else can change it, and makes the change durable before it returns.
    ///
    /// `decide` may be run more than once; only its last run counts. An error means "not known whether it was kept".
    fn transact(
        &self,
        who: &UserName,
        decide: &mut dyn FnMut(&Record) -> Result<Change, StoreError>,
    ) -> Result<(), StoreError>;

    /// Where the record of `who` is, for words to an administrator.
    fn whereabouts(&self, who: &UserName) -> String;

    /// Everybody who has a record, sorted by name.
    fn users(&self) -> Result<Vec<UserName>, StoreError>;
}

/// Why the store could not be used. Every one of them denies; each text says where and what mends it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store where one should be.
    #[error(
        "{}: no Nightlatch store here. If its file system is not mounted, mount it; on a new host enroll or invite somebody first",
        .0.display()
    )]
    NotAStore(PathBuf),
    /// Something that is not as it must be: wrong owner, mode, type or size.
    #[error("{}: {problem}. {mend}", path.display())]
    Unsafe {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What mends it.
        mend: String,
    },
    /// A file that cannot be understood.
    #[error("{}: {problem}. {mend}", path.display())]
    Malformed {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What mends it.
        mend: String,
    },
    /// The operating system refused.
    #[error("{}: {doing} failed: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// Somebody else held the lock for too long.
    #[error("{}: another login or change has held the lock for {} s; try again", path.display(), lock::PATIENCE.as_secs())]
    Busy {
        /// The directory that is locked.
        path: PathBuf,
    },
    /// Somebody else went on without us: we held the lock for too long.
    #[error("{}: it took so long that another login or change went on from it; try again", path.display())]
    Overtaken {
        /// The file that no longer counts.
        path: PathBuf,
    },
    /// The holder of the lock could not be protected from the caller of the host.
    #[error("{}: the lock's holder could not be protected from signals: {source}", path.display())]
    Unsheltered {
        /// The directory that was to be locked.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The caller's limit on file sizes would kill the process in the middle of a write.
    #[error(
        "the limit on file sizes (RLIMIT_FSIZE, `ulimit -f`) is too small to record the login: raise it"
    )]
    FileSizeLimit,
    /// The caller's limit on processor time would kill the process before it has recorded the login.
    #[error(
        "the limit on processor time (RLIMIT_CPU, `ulimit -t`) leaves too little to record the login: raise it"
    )]
    CpuLimit,
    /// The clock cannot be used.
    #[error(transparent)]
    Clock(#[from] crate::time::ClockError),
    /// The kernel gave no random bits.
    #[error(transparent)]
    Random(#[from] crate::random::RandomError),
    /// A store returned without asking for a decision.
    #[error("the store made no decision: this is a fault in Nightlatch, please report it")]
    Undecided,
    /// A state was to be written whose doubts were not resolved: written, it would be believed.
    #[error(
        "the state's doubts were not resolved before it was written: this is a fault in Nightlatch, please report it"
    )]
    Doubtful,
    /// What was to be written holds more than can be read again: a limit was not kept.
    #[error(
        "the state ({bytes} bytes) holds more than could be read again: this is a fault in Nightlatch, please report it"
    )]
    StateTooLarge {
        /// How many bytes.
        bytes: usize,
    },
}

impl StoreError {
    /// A file of a later program. What this one would say of it otherwise could cost what is in it.
    fn unknown_version(path: PathBuf, version: u64, known: u64) -> Self {
        Self::Malformed {
            path,
            problem: format!(
                "version {version} is not known; this program reads versions up to {known}"
            ),
            mend: "Use the Nightlatch that wrote it, or a later one".to_owned(),
        }
    }
}

impl From<SafeFileError> for StoreError {
    fn from(error: SafeFileError) -> Self {
        match error {
            SafeFileError::Unsafe {
                path,
                problem,
                mend,
            } => Self::Unsafe {
                path,
                problem,
                mend,
            },
            SafeFileError::Io {
                path,
                doing,
                source,
            } => Self::Io {
                path,
                doing,
                source,
            },
            SafeFileError::NotText(path) => Self::Malformed {
                path,
                problem: "not text in UTF-8".to_owned(),
                mend: "Restore it from a backup".to_owned(),
            },
        }
    }
}
