//! Places where a code was given not long ago, and is not asked for again for a while (`[trust] remember`).

use crate::check::{Rules, is_open};
use crate::config::ServiceName;
use crate::place::Place;
use crate::store::{Change, Record};
use crate::time::Time;
use crate::transaction::Transaction;

/// Whether somebody need not be asked where they are now. Asked under the lock, since it opens a door; nothing is changed.
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
    /// (the clock was set back) is not one at which a code was given.
    fn apply(&mut self, record: &Record, now: Time) -> (bool, Change) {
        let is_known = record
            .state
            .trusted_since(self.service, self.place)
            .is_some_and(|since| since <= now && now.since(since) <= self.remember);
        let opens = is_known && is_open(record, self.uid, self.place, self.rules, now);
        (opens, Change::Nothing)
    }
}
