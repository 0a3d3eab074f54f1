//! A temporary code: one code that an administrator reads out to somebody who proved who they are, on the telephone as a rule.
//!
//! It has a backup code's shape, opens one door once until it expires, and only beside the enrollment that it was made for. Whoever
//! talks an administrator into one gets in with it; so what became of it is kept until its owner has been told.

use super::State;
use crate::backup_codes::{Cost, Digest, Salt};
use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::place::Place;
use crate::time::Time;

/// A temporary code, kept as a digest alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemporaryCode {
    /// What it stands beside: the set of backup codes, or where there is none, the first token. With that it ends.
    pub beside: Id,
    /// What its digest is made with: the salt of that set, so that one digest tests an answer against both; one of its own where
    /// there is none.
    pub salt: Salt,
    /// Its digest, at the cost of that set, or at [`COST`](Self::COST).
    pub digest: Digest,
    /// The moment from which on it opens nothing.
    pub expires: Time,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a temporary code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nobody used it, and its owner has not been told that it was made.
    Untold,
    /// Nobody used it, and its owner knows that it was made.
    Told,
    /// It opened a door, and its owner has not been told.
    Used {
        /// When.
        at: Time,
        /// From where.
        from: Place,
    },
}

/// What the owner is to be told of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It was made.
    Made,
    /// It was used.
    Used {
        /// From where.
        from: Place,
    },
}

impl TemporaryCode {
    /// What its digest costs where there is no set of backup codes. It is not kept: an answer costs the same where there is neither.
    pub const COST: Cost = Cost::DEFAULT;

    /// What one that is made now stands beside.
    #[must_use]
    pub fn base(enrollment: &Enrollment) -> Option<Id> {
        let set = enrollment.backup_codes.as_ref().map(|set| set.id);
        set.or_else(|| Some(enrollment.tokens.first()?.id))
    }

    /// Whether an answer with this digest, made with this salt, is the code. Takes constant time.
    #[must_use]
    pub fn matches(&self, salt: &Salt, digest: &Digest) -> bool {
        self.salt == *salt && self.digest == *digest
    }

    /// Whether it is too late.
    #[must_use]
    pub fn is_expired(&self, now: Time) -> bool {
        now >= self.expires
    }

    /// Whether it was used.
    #[must_use]
    pub fn is_used(&self) -> bool {
        matches!(self.fate, Fate::Used { .. })
    }

    /// What its owner does not know of it.
    fn news(&self) -> Option<News> {
        match self.fate {
            Fate::Untold => Some(News::Made),
            Fate::Told => None,
            Fate::Used { from, .. } => Some(News::Used { from }),
        }
    }
}

impl State {
    /// Ends a temporary code. That one was used is still to be told.
    pub fn end_temporary_code(&mut self) {
        self.temporary_code.take_if(|code| !code.is_used());
    }

    /// Forgets a temporary code that was made beside something else than this enrollment.
    pub(super) fn keep_temporary_code_of(&mut self, enrollment: Option<&Enrollment>) {
        let base = enrollment.and_then(TemporaryCode::base);
        if enrollment.is_none() {
            self.temporary_code = None;
        } else if self.temporary_code.as_ref().map(|code| code.beside) != base {
            self.end_temporary_code();
        }
    }

    /// What is to be told of a temporary code.
    #[must_use]
    pub fn news_of_temporary_code(&self) -> Option<News> {
        self.temporary_code.as_ref().and_then(TemporaryCode::news)
    }

    /// Notes that it was told. What can open nothing any more is forgotten.
    pub fn note_told_of_temporary_code(&mut self, now: Time) {
        self.temporary_code
            .take_if(|code| code.is_used() || code.is_expired(now));
        if let Some(code) = &mut self.temporary_code {
            code.fate = Fate::Told;
        }
    }
}
