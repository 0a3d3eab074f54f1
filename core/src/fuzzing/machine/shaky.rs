//! A store in memory that fails where it is told to, and knows what it kept all the same.

use std::cell::{Cell, RefCell};

use crate::account::{Account, UserName};
use crate::answer::Answer;
use crate::check::{Rules, Verdict};
use crate::place::Place;
use crate::store::{Change, MemoryStore, Record, Store, StoreError};
use crate::testing::At;
use crate::time::Time;
use crate::transaction::{Attempt, Close, Remove, Transaction as _};

/// What goes wrong, once.
#[derive(Debug, Default)]
pub(super) enum Trouble {
    #[default]
    None,
    /// Nothing can be read.
    Unreadable,
    /// It fails before it asks for a decision.
    Before,
    /// It asks for one, and cannot keep it.
    NotKept,
    /// It keeps it, and fails then: whoever asked does not know.
    KeptUnknown,
    /// It asks again and again, as one that compares and swaps.
    Again,
    /// The same, and what it decides upon has changed meanwhile.
    Rival(Rival),
}

/// Somebody who is faster.
#[derive(Debug)]
pub(super) struct Rival {
    pub who: Account,
    pub does: Does,
    pub rules: Rules,
    pub now: Time,
}

/// What somebody does who is faster.
#[derive(Debug)]
pub(super) enum Does {
    Answer(Place, Answer),
    Close,
    Remove,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outrun {
    pub rival: Rival,
    pub verdict: Option<Verdict>,
    pub before: Record,
    pub after: Record,
    pub kept: Kept,
}

/// What was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Nothing,
    State,
    Enrollment,
    Removal,
}

#[derive(Default)]
pub(super) struct Shaky {
    inner: MemoryStore,
    trouble: RefCell<Trouble>,
    /// Whether the last change failed.
    failed: Cell<bool>,
    /// Whether a record could not be looked at.
    unread: Cell<bool>,
    kept: RefCell<Vec<Kept>>,
    outrun: RefCell<Option<Outrun>>,
}

/// What happened since trouble was planted.
pub(super) struct Happened {
    /// Whether the last change failed.
    pub failed: bool,
    /// Whether a record could not be looked at.
    pub unread: bool,
    kept: Vec<Kept>,
    pub outrun: Option<Outrun>,
}

impl Happened {
    /// What was kept, if anything was, after so many other changes.
    pub(super) fn kept(&self, others: usize) -> Option<Kept> {
        let mut kept = self.kept.iter().copied();
        let others = kept
            .by_ref()
            .filter(|kept| *kept != Kept::Nothing)
            .take(others);
        others.for_each(drop);
        let found = kept.find(|kept| *kept != Kept::Nothing);
        assert!(
            kept.all(|kept| kept == Kept::Nothing),
            "two changes at once"
        );
        found
    }
}

impl Shaky {
    pub(super) fn plant(&self, trouble: Trouble) {
        self.trouble.replace(trouble);
    }

    pub(super) fn happened(&self) -> Happened {
        self.trouble.take();
        Happened {
            failed: self.failed.take(),
            unread: self.unread.take(),
            kept: self.kept.take(),
            outrun: self.outrun.take(),
        }
    }

    /// What is there, whatever goes wrong.
    pub(super) fn record(&self, who: &UserName) -> Record {
        self.inner.look(who).unwrap()
    }

    pub(super) fn put(&self, who: &UserName, record: Record) {
        self.inner.put(who, record);
    }

    fn fail() -> StoreError {
        StoreError::Io {
            path: "memory".into(),
            doing: "using",
            source: std::io::ErrorKind::StorageFull.into(),
        }
    }

    /// Keeps what is decided, and says what that was.
    fn keep(
        &self,
        who: &UserName,
        decide: &mut dyn FnMut(&Record) -> Result<Change, StoreError>,
    ) -> Result<Kept, StoreError> {
        let mut kept = Kept::Nothing;
        self.inner.transact(who, &mut |record| {
            let change = decide(record)?;
            kept = match &change {
                Change::Nothing => Kept::Nothing,
                Change::State(_) => Kept::State,
                Change::Enrollment(..) => Kept::Enrollment,
                Change::Remove => Kept::Removal,
            };
            Ok(change)
        })?;
        Ok(kept)
    }

    fn let_pass(&self, rival: Rival) {
        let who = rival.who.name.clone();
        let before = self.record(&who);
        let mut verdict = None;
        let kept = self.keep(&who, &mut |record| {
            let (now, rules) = (rival.now, &rival.rules);
            let change = match &rival.does {
                Does::Answer(place, answer) => {
                    let mut attempt = Attempt::new(rival.who.uid, *place, answer, rules);
                    let (said, change) = attempt.apply(record, now);
                    verdict = Some(said);
                    change
                }
                Does::Close => Close { rules }.apply(record, now).1,
                Does::Remove => Remove { label: None, rules }.apply(record, now).1,
            };
            Ok(change)
        });
        let after = self.record(&who);
        self.outrun.replace(Some(Outrun {
            rival,
            verdict,
            before,
            after,
            kept: kept.unwrap(),
        }));
    }
}

impl Store for Shaky {
    fn look(&self, who: &UserName) -> Result<Record, StoreError> {
        match *self.trouble.borrow() {
            Trouble::Unreadable => {
                self.unread.set(true);
                Err(Self::fail())
            }
            _ => self.inner.look(who),
        }
    }

    fn transact(
        &self,
        who: &UserName,
        decide: &mut dyn FnMut(&Record) -> Result<Change, StoreError>,
    ) -> Result<(), StoreError> {
        let done = self.transact_or_fail(who, decide);
        self.failed.set(done.is_err());
        done
    }

    fn whereabouts(&self, who: &UserName) -> String {
        self.inner.whereabouts(who)
    }

    fn users(&self) -> Result<Vec<UserName>, StoreError> {
        self.inner.users()
    }
}

impl Shaky {
    fn transact_or_fail(
        &self,
        who: &UserName,
        decide: &mut dyn FnMut(&Record) -> Result<Change, StoreError>,
    ) -> Result<(), StoreError> {
        if matches!(*self.trouble.borrow(), Trouble::Unreadable) {
            return Err(Self::fail());
        }
        let record = self.record(who);
        match self.trouble.take() {
            Trouble::None | Trouble::Unreadable => {}
            Trouble::Before => return Err(Self::fail()),
            Trouble::NotKept => {
                decide(&record)?;
                return Err(Self::fail());
            }
            Trouble::KeptUnknown => {
                let kept = self.keep(who, decide)?;
                self.kept.borrow_mut().push(kept);
                return Err(Self::fail());
            }
            Trouble::Again => {
                decide(&record)?;
                decide(&record)?;
            }
            Trouble::Rival(rival) => {
                decide(&record)?;
                self.let_pass(rival);
            }
        }
        let kept = self.keep(who, decide)?;
        self.kept.borrow_mut().push(kept);
        Ok(())
    }
}

/// The time is what it is set to, or cannot be told.
#[derive(Default)]
pub(super) struct Watch {
    pub now: Cell<Option<Time>>,
    pub slept: Cell<std::time::Duration>,
}

impl crate::time::Clock for Watch {
    fn now(&self) -> Result<Time, crate::time::ClockError> {
        match self.now.get() {
            Some(now) => At(now).now(),
            None => Err(crate::time::ClockError),
        }
    }

    fn elapsed(&self) -> std::time::Duration {
        self.slept.get()
    }

    fn sleep(&self, duration: std::time::Duration) {
        self.slept.set(self.slept.get() + duration);
    }
}
