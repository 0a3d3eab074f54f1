//! How failures become waiting.
//!
//! Each known place has a bucket of failures; all other places share one. In a bucket a few failures are free, then each
//! further one doubles a lock. The hard limit (NIST SP 800-63B-4, 3.2.2) is shared out among the places, so that a
//! stranger cannot use up what belongs to a place where they are not. Nothing here counts while a place is locked: a lock
//! has a ceiling, and tries during it do not lengthen it.

use crate::place::Place;
use crate::state::{Bucket, KnownPlace, State};
use crate::time::Time;

/// How much waiting failures cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// How many failures in a row cost nothing.
    pub free_failures: u32,
    /// The first lock, in seconds.
    pub first_lock: u64,
    /// The longest lock, in seconds.
    pub longest_lock: u64,
    /// How many failures in a row from everywhere disable the tokens, at most 100.
    pub hard_limit: u32,
}

/// Whether a try from a place is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It is.
    Open,
    /// Not for so many seconds.
    Locked {
        /// Seconds until the lock ends.
        remaining: u64,
    },
    /// This place's share of the hard limit is used up: not until an administrator opens it.
    ShareUsedUp,
    /// The hard limit is used up: not until somebody enrolls anew.
    Disabled,
}

impl Throttle {
    /// Whether a try from `place` is looked at now. `state` has been [settled](State::settle_places).
    #[must_use]
    pub fn gate(&self, state: &State, place: Place, now: Time) -> Gate {
        if state.is_disabled() {
            return Gate::Disabled;
        }
        let (bucket, used_up) = match state.known(place) {
            Some(known) => (known.bucket, self.is_used_up(known, state)),
            None => (state.elsewhere, self.is_used_up_elsewhere(state)),
        };
        if used_up {
            return Gate::ShareUsedUp;
        }
        match self
            .lock_length(bucket.failures)
            .saturating_sub(now.since(bucket.since))
        {
            0 => Gate::Open,
            remaining => Gate::Locked { remaining },
        }
    }

    /// Counts a failure from `place`.
    pub fn charge(&self, state: &mut State, place: Place, now: Time) {
        let bucket = state.bucket_mut(place);
        bucket.failures = bucket.failures.saturating_add(1);
        bucket.since = now;
        state.wrong.add(place);
        if state.failures_in_all() >= self.hard_limit {
            state.disable();
        }
    }

    /// How long a bucket is locked after so many failures in a row, in seconds.
    #[must_use]
    pub fn lock_length(&self, failures: u32) -> u64 {
        match failures.checked_sub(self.free_failures) {
            None | Some(0) => 0,
            Some(charged) => {
                let doubled = 1_u64.checked_shl(charged - 1).unwrap_or(u64::MAX);
                self.first_lock
                    .saturating_mul(doubled)
                    .min(self.longest_lock)
            }
        }
    }

    /// Whether a known place has no failures left.
    ///
    /// Each known place keeps a part of what they may fail together, which the others cannot use up. Else whoever was at two
    /// of them (in the networks of two cafés, say) would close those where they are not, and disable the tokens with what
    /// strangers may fail. A place that becomes known after the others used up everything keeps its part, too: whoever just got in
    /// there would be shut out of it at once.
    fn is_used_up(&self, known: &KnownPlace, state: &State) -> bool {
        let failures = known.bucket.failures;
        let Some(parts) = self.parts(state) else {
            return true;
        };
        failures >= self.share_of_one_known_place()
            || (failures >= parts.each && !self.may_take_more(known, parts, state))
    }

    /// What each known place keeps now. That is less than it should be where less is left: what was failed at places that were
    /// forgotten since takes room.
    fn parts(&self, state: &State) -> Option<Parts> {
        let left = self.left_by_unknown_places(state);
        (0..=self.kept_by_each(state)).rev().find_map(|each| {
            let spare = left.checked_sub(used_or_kept(&state.places, each))?;
            Some(Parts { each, spare })
        })
    }

    /// Whether a known place that has used its part may fail once more.
    fn may_take_more(&self, known: &KnownPlace, parts: Parts, state: &State) -> bool {
        let Parts { each, spare } = parts;
        if each == self.kept_by_each(state) {
            return spare > 0 && used_or_kept(&state.places, each) < self.share_of_known_places();
        }
        // What cannot be shared belongs to those that have been known for longest.
        let poor = state.places.iter().filter(|it| it.bucket.failures <= each);
        let mut first = poor.take(usize::try_from(spare).unwrap_or(usize::MAX));
        first.any(|it| it.place == known.place)
    }

    /// Whether unknown places have no failures left: they take nothing of the last that each known place keeps, or the tokens would
    /// be disabled although somebody never failed where they are.
    fn is_used_up_elsewhere(&self, state: &State) -> bool {
        let last_kept = self.kept_by_each(state).min(1);
        state.elsewhere.failures >= self.share_of_unknown_places()
            || used_or_kept(&state.places, last_kept) >= self.left_by_unknown_places(state)
    }

    /// What each known place keeps: an equal part of half of what they may fail together.
    fn kept_by_each(&self, state: &State) -> u32 {
        let places = u32::try_from(state.places.len()).unwrap_or(u32::MAX);
        self.share_of_one_known_place() / places.max(1)
    }

    /// What unknown places leave of the hard limit; something in any case, for it may be lower than it was.
    fn left_by_unknown_places(&self, state: &State) -> u32 {
        self.hard_limit
            .saturating_sub(state.elsewhere.failures)
            .max(1)
    }

    /// What the known places may fail together: two fifths.
    fn share_of_known_places(&self) -> u32 {
        self.hard_limit * 2 / 5
    }

    /// What one known place may fail: half of that.
    #[must_use]
    pub fn share_of_one_known_place(&self) -> u32 {
        self.share_of_known_places() / 2
    }

    /// What all other places may fail together: the rest.
    fn share_of_unknown_places(&self) -> u32 {
        self.hard_limit - self.share_of_known_places()
    }
}

impl State {
    /// Brings the places up to `now`: forgets those where nobody got in for [`KNOWN_FOR`], and lets a lock that begins in
    /// the future (the clock was set back) begin now, so that it lasts no longer than its own length.
    ///
    /// Says whether a lock was moved: that has to be written, or it would begin anew at every try.
    pub fn settle_places(&mut self, now: Time) -> bool {
        let (known, old) = self
            .places
            .iter()
            .partition(|known| now.since(known.last_success) <= KNOWN_FOR);
        self.places = known;
        let old: Vec<KnownPlace> = old;
        for forgotten in old {
            self.move_elsewhere(forgotten.bucket);
        }
        let mut moved = false;
        for bucket in self
            .places
            .iter_mut()
            .map(|known| &mut known.bucket)
            .chain([&mut self.elsewhere])
        {
            if bucket.since > now {
                bucket.since = now;
                moved = true;
            }
        }
        moved
    }

    /// Notes that the person got in from `place`: its bucket is cleared, and it is known from now on.
    ///
    /// Where they got in by a clock that was ahead, they did so now at the latest: else such a place would be known for longer
    /// than others, and take the room of those that come.
    pub fn note_success(&mut self, place: Place, now: Time) {
        for known in &mut self.places {
            known.last_success = known.last_success.min(now);
        }
        *self.bucket_mut(place) = Bucket::default();
        if let Some(known) = self.places.iter_mut().find(|known| known.place == place) {
            known.last_success = now;
            return;
        }
        if place == Place::Elsewhere {
            return;
        }
        if self.places.len() >= Self::MOST_PLACES {
            let oldest =
                (0..self.places.len()).min_by_key(|&index| self.places[index].last_success);
            if let Some(oldest) = oldest {
                // The others stay in the order in which they became known.
                let forgotten = self.places.remove(oldest);
                self.move_elsewhere(forgotten.bucket);
            }
        }
        self.places.push(KnownPlace {
            place,
            last_success: now,
            bucket: Bucket::default(),
        });
    }

    /// Forgets all failures.
    pub fn clear_failures(&mut self) {
        self.elsewhere = Bucket::default();
        for known in &mut self.places {
            known.bucket = Bucket::default();
        }
    }

    /// Forgets all places; their failures stay.
    pub fn forget_places(&mut self) {
        for forgotten in std::mem::take(&mut self.places) {
            self.move_elsewhere(forgotten.bucket);
        }
    }

    fn known(&self, place: Place) -> Option<&KnownPlace> {
        self.places.iter().find(|known| known.place == place)
    }

    fn bucket_mut(&mut self, place: Place) -> &mut Bucket {
        match self.places.iter_mut().find(|known| known.place == place) {
            Some(known) => &mut known.bucket,
            None => &mut self.elsewhere,
        }
    }

    fn failures_at_known_places(&self) -> u32 {
        self.places
            .iter()
            .fold(0, |sum, known| sum.saturating_add(known.bucket.failures))
    }

    fn failures_in_all(&self) -> u32 {
        self.failures_at_known_places()
            .saturating_add(self.elsewhere.failures)
    }

    /// A place that is forgotten leaves its failures behind, or forgetting would be a way round the limit.
    fn move_elsewhere(&mut self, bucket: Bucket) {
        self.elsewhere.failures = self.elsewhere.failures.saturating_add(bucket.failures);
        self.elsewhere.since = self.elsewhere.since.max(bucket.since);
    }
}

/// What the known places keep for themselves.
#[derive(Clone, Copy, Debug)]
struct Parts {
    /// Each of them.
    each: u32,
    /// What is left beyond that.
    spare: u32,
}

/// What the known places have used of what they may fail together, where each of them keeps so much of it.
fn used_or_kept(places: &[KnownPlace], kept: u32) -> u32 {
    let failures = places.iter().map(|known| known.bucket.failures);
    failures.fold(0, |sum: u32, failures| {
        sum.saturating_add(failures.max(kept))
    })
}

/// For how long a place stays known after the person got in there: 30 days, in seconds.
pub const KNOWN_FOR: u64 = 30 * 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;
    use crate::state::TokenState;
    use crate::testing::{NOW, RULES};
    use proptest::prelude::*;

    const THROTTLE: Throttle = RULES.throttle;

    fn place(number: u32) -> Place {
        Place::Local(number)
    }

    /// Fails as often as the gate lets through, waiting locks out; says how often that was.
    fn fail_until_closed(state: &mut State, place: Place, mut now: Time) -> u32 {
        for failures in 0.. {
            match THROTTLE.gate(state, place, now) {
                Gate::Open => THROTTLE.charge(state, place, now),
                Gate::Locked { remaining } => {
                    now = now.plus(remaining);
                    assert_eq!(THROTTLE.gate(state, place, now), Gate::Open);
                    THROTTLE.charge(state, place, now);
                }
                Gate::ShareUsedUp | Gate::Disabled => return failures,
            }
        }
        unreachable!()
    }

    #[test]
    fn five_failures_are_free_and_each_further_one_doubles_the_lock_up_to_its_ceiling() {
        let lengths: Vec<u64> = (4..13)
            .map(|failures| THROTTLE.lock_length(failures))
            .collect();
        assert_eq!(lengths, [0, 0, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(THROTTLE.lock_length(u32::MAX), 900);
    }

    #[test]
    fn a_known_place_is_not_locked_by_failures_elsewhere() {
        let mut state = State::default();
        state.note_success(place(1), NOW);
        for _ in 0..6 {
            THROTTLE.charge(&mut state, Place::Elsewhere, NOW);
        }
        assert_eq!(
            THROTTLE.gate(&state, place(2), NOW),
            Gate::Locked { remaining: 30 }
        );
        assert_eq!(THROTTLE.gate(&state, place(1), NOW), Gate::Open);
    }

    #[test]
    fn a_success_clears_its_own_bucket_only() {
        let mut state = State::default();
        state.note_success(place(1), NOW);
        THROTTLE.charge(&mut state, place(1), NOW);
        THROTTLE.charge(&mut state, Place::Elsewhere, NOW);
        state.note_success(place(1), NOW);
        assert_eq!(state.places[0].bucket.failures, 0);
        assert_eq!(state.elsewhere.failures, 1);
    }

    #[test]
    fn strangers_use_up_sixty_failures_and_close_only_their_own_places() {
        let mut state = State::default();
        state.note_success(place(1), NOW);
        assert_eq!(fail_until_closed(&mut state, Place::Elsewhere, NOW), 60);
        assert_eq!(THROTTLE.gate(&state, place(7), NOW), Gate::ShareUsedUp);
        assert_eq!(THROTTLE.gate(&state, place(1), NOW), Gate::Open);
    }

    /// Of somebody who got in at so many places.
    fn known_at(places: u32) -> State {
        let mut state = State {
            tokens: vec![TokenState::new(Id::from_bytes([1; 16]))],
            ..State::default()
        };
        for number in 1..=places {
            state.note_success(place(number), NOW);
        }
        state
    }

    #[test]
    fn known_places_have_twenty_each_and_forty_together_and_all_together_a_hundred() {
        let mut state = known_at(2);
        assert_eq!(fail_until_closed(&mut state, place(1), NOW), 20);
        assert_eq!(fail_until_closed(&mut state, place(2), NOW), 20);
        assert_eq!(THROTTLE.gate(&state, place(2), NOW), Gate::ShareUsedUp);
        assert!(!state.is_disabled());
        assert_eq!(fail_until_closed(&mut state, Place::Elsewhere, NOW), 60);
        assert!(state.is_disabled());
        assert_eq!(THROTTLE.gate(&state, place(2), NOW), Gate::Disabled);
    }

    #[test]
    fn whoever_fails_at_known_places_and_elsewhere_closes_none_where_they_are_not() {
        for places in 2..=State::MOST_PLACES {
            let places = u32::try_from(places).unwrap();
            let mut state = known_at(places);
            for number in 1..places {
                fail_until_closed(&mut state, place(number), NOW);
            }
            fail_until_closed(&mut state, Place::Elsewhere, NOW);
            let home = place(places);
            assert_eq!(THROTTLE.gate(&state, home, NOW), Gate::Open, "{places}");
            assert!(state.failures_in_all() < 100 && state.failures_at_known_places() < 40);
            // What is left opens it to a right code, and holds the limit where there is none.
            fail_until_closed(&mut state, home, NOW);
            assert!(state.failures_at_known_places() <= 40, "{places}");
        }
    }

    #[test]
    fn a_place_that_becomes_known_when_the_others_have_used_up_everything_is_open() {
        let mut state = known_at(2);
        fail_until_closed(&mut state, place(1), NOW);
        fail_until_closed(&mut state, place(2), NOW);
        state.note_success(place(3), NOW);
        assert_eq!(THROTTLE.gate(&state, place(3), NOW), Gate::Open);
        assert_eq!(THROTTLE.gate(&state, place(1), NOW), Gate::ShareUsedUp);
        let kept = THROTTLE.share_of_one_known_place() / 3;
        assert_eq!(fail_until_closed(&mut state, place(3), NOW), kept);
    }

    #[test]
    fn what_was_failed_at_places_that_are_forgotten_closes_none_where_nobody_failed() {
        let mut state = known_at(6);
        let mut now = NOW;
        fail_until_closed(&mut state, Place::Elsewhere, now);
        for number in 2..=6 {
            fail_until_closed(&mut state, place(number), now);
            now = now.plus(KNOWN_FOR + 1);
            // They get in at all places but that one, which is forgotten.
            for known in (1..=6).filter(|known| *known == 1 || *known > number) {
                state.note_success(place(known), now);
            }
            state.settle_places(now);
            assert!(state.known(place(number)).is_none());
            fail_until_closed(&mut state, Place::Elsewhere, now);
            assert_eq!(THROTTLE.gate(&state, place(1), now), Gate::Open, "{number}");
            assert!(!state.is_disabled() && state.failures_in_all() < 100);
        }
    }

    #[test]
    fn whoever_follows_to_places_that_become_known_one_by_one_closes_none_where_they_are_not() {
        for elsewhere_first in [true, false] {
            let mut state = known_at(1);
            for number in 2..=16 {
                state.note_success(place(number), NOW);
                let both = [Place::Elsewhere, place(number)];
                let order = if elsewhere_first { [0, 1] } else { [1, 0] };
                for turn in order {
                    fail_until_closed(&mut state, both[turn], NOW);
                }
                assert_eq!(THROTTLE.gate(&state, place(1), NOW), Gate::Open, "{number}");
                assert!(!state.is_disabled(), "{number}");
            }
        }
    }

    #[test]
    fn a_known_place_alone_has_its_twenty_however_many_there_are() {
        for places in 1..=State::MOST_PLACES {
            let mut state = known_at(u32::try_from(places).unwrap());
            assert_eq!(fail_until_closed(&mut state, place(1), NOW), 20, "{places}");
        }
    }

    #[test]
    fn a_place_is_forgotten_after_thirty_days_and_leaves_its_failures_behind() {
        let mut state = State::default();
        state.note_success(place(1), NOW);
        THROTTLE.charge(&mut state, place(1), NOW);
        assert!(!state.settle_places(NOW.plus(KNOWN_FOR)));
        assert_eq!(state.places.len(), 1);
        assert!(!state.settle_places(NOW.plus(KNOWN_FOR + 1)));
        assert_eq!((state.places.len(), state.elsewhere.failures), (0, 1));
    }

    #[test]
    fn of_seventeen_places_the_oldest_is_forgotten() {
        let mut state = State::default();
        for number in 0..17 {
            state.note_success(place(number), NOW.plus(u64::from(number)));
        }
        assert_eq!(state.places.len(), 16);
        assert!(state.known(place(0)).is_none() && state.known(place(16)).is_some());
    }

    #[test]
    fn elsewhere_never_becomes_known() {
        let mut state = State::default();
        state.note_success(Place::Elsewhere, NOW);
        assert!(state.places.is_empty());
    }

    #[test]
    fn a_place_that_a_clock_ahead_made_known_is_known_for_no_longer_than_others_from_the_next_success_on()
     {
        let mut state = State::default();
        state.note_success(place(1), NOW.plus(1_000_000_000));
        state.note_success(place(2), NOW);
        let known = |state: &State, number| state.known(place(number)).is_some();
        state.settle_places(NOW.plus(KNOWN_FOR));
        assert_eq!((known(&state, 1), known(&state, 2)), (true, true));
        state.settle_places(NOW.plus(KNOWN_FOR + 1));
        assert_eq!((known(&state, 1), known(&state, 2)), (false, false));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_lengthen_a_lock() {
        let mut state = State::default();
        for _ in 0..6 {
            THROTTLE.charge(&mut state, Place::Elsewhere, NOW);
        }
        let earlier = Time::from_unix(1000);
        assert!(state.settle_places(earlier));
        assert_eq!(
            THROTTLE.gate(&state, Place::Elsewhere, earlier),
            Gate::Locked { remaining: 30 }
        );
        assert!(!state.settle_places(earlier.plus(29)));
        assert_eq!(
            THROTTLE.gate(&state, Place::Elsewhere, earlier.plus(30)),
            Gate::Open
        );
    }

    proptest! {
        /// A number is a place: 0 is elsewhere, and 1 is home, where nobody ever fails.
        #[test]
        fn whatever_becomes_known_is_failed_at_and_is_forgotten_home_stays_open(
            steps in proptest::collection::vec((0..20_u32, any::<bool>(), 1..40_u32, 0..KNOWN_FOR), 1..60)
        ) {
            let mut state = known_at(1);
            let mut now = NOW;
            for (number, gets_in, failures, passes) in steps {
                now = now.plus(passes / 4);
                state.settle_places(now);
                state.note_success(place(1), now);
                let there = if number < 2 { Place::Elsewhere } else { place(number) };
                if gets_in && THROTTLE.gate(&state, there, now) == Gate::Open {
                    state.note_success(there, now);
                }
                for _ in 0..failures {
                    now = now.plus(THROTTLE.longest_lock);
                    if THROTTLE.gate(&state, there, now) == Gate::Open {
                        THROTTLE.charge(&mut state, there, now);
                    }
                }
                prop_assert_eq!(THROTTLE.gate(&state, place(1), now), Gate::Open);
                prop_assert!(state.failures_in_all() < 100);
            }
        }

        #[test]
        fn no_lock_is_longer_than_its_ceiling_whatever_the_clock_does(
            failures in 0..60_u32, since in any::<u64>(), now in any::<u64>()
        ) {
            let now = Time::from_unix(now);
            let mut state = State { elsewhere: Bucket { failures, since: Time::from_unix(since) }, ..State::default() };
            state.settle_places(now);
            match THROTTLE.gate(&state, Place::Elsewhere, now) {
                Gate::Locked { remaining } => prop_assert!(remaining <= THROTTLE.lock_length(failures)),
                Gate::ShareUsedUp => prop_assert!(failures >= 60),
                _ => {}
            }
        }
    }
}
