//! What wrong tries of one person cost, told from the tries alone: `throttle.rs` written a second time, so
//! that the two can be compared.

use crate::store::Record;
use crate::throttle::Throttle;
use crate::time::Time;

/// Failures by place. A place goes by the text that it is kept as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// Those that were known first come first.
    known: Vec<Known>,
    elsewhere: Pile,
    /// Wrong codes since the last success, to be told at the next one.
    pub wrong: u32,
    /// The hard limit was reached by what is enrolled.
    pub disabled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    place: String,
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
            let (place, last) = (known.place.to_string(), known.last_success);
            Known { place, last, pile }
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
        let is_old = |known: &&Known| now.since(known.last) > MONTH;
        let old = self.known.iter().filter(is_old);
        for place in old.map(|known| known.place.clone()).collect::<Vec<_>>() {
            self.forget(&place);
        }
        for known in &mut self.known {
            known.pile.since = known.pile.since.min(now);
        }
        self.elsewhere.since = self.elsewhere.since.min(now);
    }

    /// Whether a try from `place` is looked at now.
    pub(super) fn door(&self, place: &str, throttle: &Throttle, now: Time) -> Door {
        let mut settled = self.clone();
        settled.settle(now);
        let (pile, used_up) = match settled.known.iter().position(|it| it.place == place) {
            Some(index) => {
                let own = settled.own_share(index, throttle);
                let pile = settled.known[index].pile;
                (pile, pile.failures >= own)
            }
            None => (settled.elsewhere, settled.is_used_up_elsewhere(throttle)),
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

    /// How often the known place at `index` may fail, in all, with the others as they are.
    ///
    /// Half of two fifths of the limit at most. The known places may fail two fifths together, or what the unknown ones left of the
    /// limit if that is less, and each keeps an equal part of half of two fifths, which the others cannot use. Where less is left than
    /// that, each keeps as much as there is for all alike, and what cannot be shared goes by one to those that were known first.
    fn own_share(&self, index: usize, throttle: &Throttle) -> u32 {
        let together = throttle.hard_limit * 2 / 5;
        let left = throttle
            .hard_limit
            .saturating_sub(self.elsewhere.failures)
            .max(1);
        let count = u32::try_from(self.known.len()).unwrap();
        let full = together / 2 / count;
        let failures = |it: &Known| it.pile.failures;
        let taken = |kept: u32| {
            self.known
                .iter()
                .map(|it| failures(it).max(kept))
                .sum::<u32>()
        };
        let Some(kept) = (0..=full).rev().find(|kept| taken(*kept) <= left) else {
            return 0;
        };
        let own = failures(&self.known[index]);
        let more = if kept == full {
            taken(kept) < together.min(left)
        } else {
            let before = self.known[..index].iter().filter(|it| failures(it) <= kept);
            own <= kept && before.count() < usize::try_from(left - taken(kept)).unwrap()
        };
        (together / 2).min(if more { own.max(kept) + 1 } else { kept })
    }

    /// The unknown places may fail three fifths of the limit, and leave each known one a last try if it keeps any.
    fn is_used_up_elsewhere(&self, throttle: &Throttle) -> bool {
        let together = throttle.hard_limit * 2 / 5;
        let count = u32::try_from(self.known.len()).unwrap().max(1);
        let last = (together / 2 / count).min(1);
        let reserved: u32 = self.known.iter().map(|it| it.pile.failures.max(last)).sum();
        self.elsewhere.failures >= throttle.hard_limit - together
            || self.elsewhere.failures + reserved >= throttle.hard_limit
    }

    /// A try was evaluated and wrong.
    pub(super) fn charge(&mut self, place: &str, throttle: &Throttle, now: Time) {
        let pile = match self.known.iter_mut().find(|it| it.place == place) {
            Some(known) => &mut known.pile,
            None => &mut self.elsewhere,
        };
        pile.failures += 1;
        pile.since = now;
        self.wrong += 1;
        let at_known: u32 = self.known.iter().map(|it| it.pile.failures).sum();
        let in_all = at_known + self.elsewhere.failures;
        assert!(in_all <= throttle.hard_limit, "{in_all} guesses in a row");
        self.disabled |= in_all == throttle.hard_limit;
    }

    /// Somebody got in.
    pub(super) fn succeed(&mut self, place: &str, now: Time) {
        if self.known.iter().all(|it| it.place != place) {
            self.elsewhere = Pile::default();
        }
        self.know(place, now);
    }

    /// A place is known from now on. Nobody got in anywhere later than now.
    pub(super) fn know(&mut self, place: &str, now: Time) {
        for known in &mut self.known {
            known.last = known.last.min(now);
        }
        let (last, pile) = (now, Pile::default());
        match self.known.iter_mut().find(|it| it.place == place) {
            Some(known) => (known.last, known.pile) = (last, pile),
            None if place == "elsewhere" => {}
            None => {
                let place = place.to_owned();
                self.known.push(Known { place, last, pile });
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.elsewhere = Pile::default();
        for known in &mut self.known {
            known.pile = Pile::default();
        }
    }

    pub(super) fn forget_places(&mut self) {
        for place in self
            .known
            .iter()
            .map(|it| it.place.clone())
            .collect::<Vec<_>>()
        {
            self.forget(&place);
        }
    }

    /// The clock was set right: nobody got in later than now.
    pub(super) fn mend_clock(&mut self, now: Time) {
        for known in &mut self.known {
            known.last = known.last.min(now);
        }
        self.settle(now);
    }

    /// When the lock of a place ends, in seconds since 1970.
    pub(super) fn lock(&self, place: &str, throttle: &Throttle, now: Time) -> u64 {
        let mut settled = self.clone();
        settled.settle(now);
        let known = settled.known.iter().find(|it| it.place == place);
        let pile = known.map_or(settled.elsewhere, |known| known.pile);
        pile.since.unix().saturating_add(length(pile, throttle))
    }

    fn forget(&mut self, place: &str) {
        if let Some(index) = self.known.iter().position(|it| it.place == place) {
            let Known { pile, .. } = self.known.remove(index);
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
