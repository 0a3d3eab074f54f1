//! What wrong tries of one person cost, told from the tries alone: `throttle.rs` written a second time, so
//! that the two can be compared.

use std::collections::BTreeMap;

use crate::store::Record;
use crate::throttle::Throttle;
use crate::time::Time;

/// Failures by place. A place goes by the text that it is kept as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    known: BTreeMap<String, Known>,
    elsewhere: Pile,
    /// Wrong codes since the last success, to be told at the next one.
    pub wrong: u32,
    /// The hard limit was reached by what is enrolled.
    pub disabled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    last: Time,
    pile: Pile,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pile {
    failures: u32,
    since: Time,
}

/// Whether a try is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Open,
    Locked,
    UsedUp,
    Disabled,
}

impl Ledger {
    /// What a record says of it.
    pub(super) fn of(record: &Record, disabled: bool) -> Self {
        let state = &record.state;
        let known = state.places.iter().map(|known| {
            let pile = Pile {
                failures: known.bucket.failures,
                since: known.bucket.since,
            };
            let last = known.last_success;
            (known.place.to_string(), Known { last, pile })
        });
        Self {
            known: known.collect(),
            elsewhere: Pile {
                failures: state.elsewhere.failures,
                since: state.elsewhere.since,
            },
            wrong: state.wrong.count,
            disabled,
        }
    }

    /// Thirty days after the last success a place is one of all others, and a lock that begins in the future begins now.
    pub(super) fn settle(&mut self, now: Time) {
        let old: Vec<String> = self
            .known
            .iter()
            .filter(|(_, known)| now.since(known.last) > MONTH)
            .map(|(place, _)| place.clone())
            .collect();
        for place in old {
            self.forget(&place);
        }
        for known in self.known.values_mut() {
            known.pile.since = known.pile.since.min(now);
        }
        self.elsewhere.since = self.elsewhere.since.min(now);
    }

    /// Whether a try from `place` is looked at now.
    pub(super) fn door(&self, place: &str, throttle: &Throttle, now: Time) -> Door {
        let mut settled = self.clone();
        settled.settle(now);
        let (pile, used_up) = if let Some(Known { pile, .. }) = settled.known.get(place) {
            (*pile, settled.is_used_up(*pile, throttle))
        } else {
            let share = throttle.hard_limit - throttle.hard_limit * 2 / 5;
            let pile = settled.elsewhere;
            (pile, pile.failures >= share)
        };
        if settled.disabled {
            Door::Disabled
        } else if used_up {
            Door::UsedUp
        } else if now.unix() < pile.since.unix().saturating_add(length(pile, throttle)) {
            Door::Locked
        } else {
            Door::Open
        }
    }

    /// The known places may fail two fifths of the limit together, and each of them half of that. Of that half each keeps its part
    /// for itself.
    fn is_used_up(&self, pile: Pile, throttle: &Throttle) -> bool {
        let together = throttle.hard_limit * 2 / 5;
        let own = together / 2;
        let kept = own / u32::try_from(self.known.len()).unwrap();
        let failures = || self.known.values().map(|known| known.pile.failures);
        let left_by_others = failures().map(|it| it.max(kept)).sum::<u32>() < together;
        let has_some = pile.failures < own && failures().sum::<u32>() < together;
        !(has_some && (pile.failures < kept || left_by_others))
    }

    /// A try was evaluated and wrong.
    pub(super) fn charge(&mut self, place: &str, throttle: &Throttle, now: Time) {
        let pile = match self.known.get_mut(place) {
            Some(known) => &mut known.pile,
            None => &mut self.elsewhere,
        };
        pile.failures += 1;
        pile.since = now;
        self.wrong += 1;
        let at_known: u32 = self.known.values().map(|it| it.pile.failures).sum();
        let in_all = at_known + self.elsewhere.failures;
        assert!(in_all <= throttle.hard_limit, "{in_all} guesses in a row");
        self.disabled |= in_all == throttle.hard_limit;
    }

    /// Somebody got in.
    pub(super) fn succeed(&mut self, place: &str, now: Time) {
        if !self.known.contains_key(place) {
            self.elsewhere = Pile::default();
        }
        self.know(place, now);
    }

    /// A place is known from now on. Nobody got in anywhere later than now.
    pub(super) fn know(&mut self, place: &str, now: Time) {
        for known in self.known.values_mut() {
            known.last = known.last.min(now);
        }
        let (last, pile) = (now, Pile::default());
        if place != "elsewhere" {
            self.known.insert(place.to_owned(), Known { last, pile });
        }
    }

    pub(super) fn clear(&mut self) {
        self.elsewhere = Pile::default();
        for known in self.known.values_mut() {
            known.pile = Pile::default();
        }
    }

    pub(super) fn forget_places(&mut self) {
        for place in self.known.keys().cloned().collect::<Vec<_>>() {
            self.forget(&place);
        }
    }

    /// The clock was set right: nobody got in later than now.
    pub(super) fn mend_clock(&mut self, now: Time) {
        for known in self.known.values_mut() {
            known.last = known.last.min(now);
        }
        self.settle(now);
    }

    /// When the lock of a place ends, in seconds since 1970.
    pub(super) fn lock(&self, place: &str, throttle: &Throttle, now: Time) -> u64 {
        let mut settled = self.clone();
        settled.settle(now);
        let known = settled.known.get(place);
        let pile = known.map_or(settled.elsewhere, |known| known.pile);
        pile.since.unix().saturating_add(length(pile, throttle))
    }

    fn forget(&mut self, place: &str) {
        if let Some(Known { pile, .. }) = self.known.remove(place) {
            self.elsewhere.failures += pile.failures;
            self.elsewhere.since = self.elsewhere.since.max(pile.since);
        }
    }
}

/// How long a pile keeps its place locked, in seconds.
fn length(pile: Pile, throttle: &Throttle) -> u64 {
    let mut length = 0;
    for _ in throttle.free_failures..pile.failures {
        length = match length {
            0 => throttle.first_lock,
            shorter => (2 * shorter).min(throttle.longest_lock),
        };
    }
    length.min(throttle.longest_lock)
}

const MONTH: u64 = 30 * 24 * 60 * 60;
