//! Places where a code was given not long ago, and is not asked for again for a while (`[trust] remember`).
//!
//! That a code was given is noted in the account phase: behind a wrong first factor a code makes nothing trusted.

use crate::check::{Rules, is_open};
use crate::config::ServiceName;
use crate::place::Place;
use crate::state::Integrity;
use crate::store::{Change, Record};
use crate::time::Time;
use crate::transaction::Transaction;

/// Whether somebody need not be asked where they are now. Asked under the lock, since it opens a door; nothing is changed, unless
/// the clock was set back.
#[derive(Debug)]
pub struct Recall<'a> {
    /// The uid that the account has now.
    pub uid: u32,
    /// Where the person is.
    pub place: Place,
    /// What they want to use.
    pub service: &'a ServiceName,
    /// How long a code that was given counts, in seconds.
    pub remember: u64,
    /// The administrator's rules.
    pub rules: &'a Rules,
}

impl Transaction for Recall<'_> {
    type Outcome = bool;

    /// Only where a code would be looked at now, too: not while anything is locked, closed or doubted. A time in the future
    /// (the clock was set back) is not one at which a code was given; and it is forgotten, or the place would be trusted once more
    /// when the clock gets there.
    fn apply(&mut self, record: &Record, now: Time) -> (bool, Change) {
        let Some(since) = record.state.trusted_since(self.service, self.place) else {
            return (false, Change::Nothing);
        };
        if since > now && record.enrollment.is_some() {
            let mut state = record.state.clone();
            state.forget_trust_after(now);
            return (false, Change::State(state));
        }
        let is_known = since <= now && now.since(since) <= self.remember;
        let opens = is_known && is_open(record, self.uid, self.place, self.rules, now);
        (opens, Change::Nothing)
    }
}

/// Notes that somebody gave a code where they are, and that their first factor was right.
#[derive(Debug)]
pub struct Note<'a> {
    /// The uid that the account has now.
    pub uid: u32,
    /// Where the person is.
    pub place: Place,
    /// What they used.
    pub service: &'a ServiceName,
    /// The administrator's rules.
    pub rules: &'a Rules,
}

impl Transaction for Note<'_> {
    type Outcome = ();

    /// Not where something happened since that ends trust, or of which nobody knows. What a clock that was ahead left at other places
    /// is forgotten, or they would be trusted once more when the clock gets there.
    fn apply(&mut self, record: &Record, now: Time) -> ((), Change) {
        let is_sure = record.state.integrity == Integrity::Whole
            && is_open(record, self.uid, self.place, self.rules, now);
        if !is_sure {
            return ((), Change::Nothing);
        }
        let mut state = record.state.clone();
        state.forget_trust_after(now);
        state.note_trust(self.service, self.place, now);
        ((), Change::State(state))
    }
}
