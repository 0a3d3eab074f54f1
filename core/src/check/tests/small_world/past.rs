//! What the search knows by itself of the way to a node, to compare the state with.

use super::must;
use crate::place::Place;
use crate::state::State;
use crate::throttle::Gate;

/// The wrong answers that were evaluated, by who pays for them: since the last right one there, or since all was forgiven.
#[derive(Clone, Debug, Default)]
pub(super) struct Guesses {
    /// A known place pays for itself.
    known: Vec<(Place, u32)>,
    /// All others pay together.
    elsewhere: u32,
    /// Whether they were ever too many in all.
    too_many: bool,
}

/// What a world allows, in numbers that nobody computed: how many guesses, and how long a lock is after so many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) one_known_place: u32,
    pub(super) known_places: u32,
    /// What of that each known place keeps for itself, where there is one of them, where there are two, and so on; the last one also
    /// where there are more.
    pub(super) kept: &'static [u32],
    pub(super) elsewhere: u32,
    pub(super) all: u32,
    /// After no guess, after one, and so on; the last one also after more.
    pub(super) locks: &'static [u64],
}

impl Limits {
    pub(super) fn lock(&self, guesses: u32) -> u64 {
        let last = self.locks.len() - 1;
        self.locks[usize::try_from(guesses).unwrap().min(last)]
    }

    /// What each of so many known places keeps.
    pub(super) fn kept(&self, places: usize) -> u32 {
        self.kept[self.kept.len().min(places.max(1)) - 1]
    }

    pub(super) fn longest_lock(&self) -> u64 {
        self.locks[self.locks.len() - 1]
    }
}

impl Guesses {
    /// A wrong answer from `place` was evaluated.
    pub(super) fn wrong(&mut self, place: Place, limits: &Limits) {
        *self.at(place) += 1;
        self.too_many |= self.all() >= limits.all;
    }

    /// Somebody got in.
    pub(super) fn right(&mut self, place: Place) {
        *self.at(place) = 0;
        if place != Place::Elsewhere && self.known.iter().all(|known| known.0 != place) {
            self.known.push((place, 0));
        }
    }

    /// Nobody knows a place any more, but what it has to pay for stays.
    pub(super) fn forget(&mut self, place: Place) {
        let index = self
            .known
            .iter()
            .position(|known| known.0 == place)
            .unwrap();
        self.elsewhere += self.known.swap_remove(index).1;
    }

    /// An administrator forgives all. What was too much stays too much.
    pub(super) fn forgive(&mut self) {
        self.elsewhere = 0;
        for known in &mut self.known {
            known.1 = 0;
        }
    }

    /// How often whoever pays for `place` has guessed.
    pub(super) fn of(&self, place: Place) -> u32 {
        self.known
            .iter()
            .find(|known| known.0 == place)
            .map_or(self.elsewhere, |known| known.1)
    }

    pub(super) fn knows(&self, place: Place) -> bool {
        self.known.iter().any(|known| known.0 == place)
    }

    /// Whether an answer from `place` must not be evaluated, as far as guesses go, and how its gate says so; or else what is wrong with
    /// its gate.
    pub(super) fn shut(
        &self,
        place: Place,
        gate: Gate,
        limits: &Limits,
    ) -> Result<Option<Gate>, String> {
        let share = if self.knows(place) {
            limits.one_known_place
        } else {
            limits.elsewhere
        };
        let due = if self.too_many {
            Some(Gate::Disabled)
        } else if self.of(place) >= share || self.nothing_is_left(place, gate, limits) {
            Some(Gate::ShareUsedUp)
        } else {
            None
        };
        let is_shut = matches!(gate, Gate::ShareUsedUp | Gate::Disabled);
        must!(
            due == is_shut.then_some(gate),
            "{place:?} is {gate:?}, and {due:?} is due"
        );
        Ok(due)
    }

    /// Whether a gate may say that nothing is left beside what the known places keep, where its own share is not used up.
    fn nothing_is_left(&self, place: Place, gate: Gate, limits: &Limits) -> bool {
        let kept = limits.kept(self.known.len());
        let used_or_kept =
            |kept: u32| -> u32 { self.known.iter().map(|known| known.1.max(kept)).sum() };
        let is_possible = if self.knows(place) {
            used_or_kept(kept) >= limits.known_places
                || self.elsewhere + used_or_kept(kept) >= limits.all
        } else {
            self.elsewhere + used_or_kept(kept.min(1)) >= limits.all
        };
        gate == Gate::ShareUsedUp && is_possible
    }

    /// The state counts the same guesses in the same places.
    pub(super) fn agree_with(&self, state: &State) -> Result<(), String> {
        must!(
            state.elsewhere.failures == self.elsewhere,
            "elsewhere there were {} guesses",
            self.elsewhere
        );
        must!(
            state.places.len() == self.known.len(),
            "these places are known: {:?}",
            self.known
        );
        for known in &state.places {
            must!(
                self.knows(known.place) && known.bucket.failures == self.of(known.place),
                "{:?}: {} guesses were evaluated",
                known.place,
                self.of(known.place)
            );
        }
        must!(
            state.is_disabled() == self.too_many,
            "were there too many? {}",
            self.too_many
        );
        Ok(())
    }

    fn at(&mut self, place: Place) -> &mut u32 {
        match self.known.iter_mut().find(|known| known.0 == place) {
            Some(known) => &mut known.1,
            None => &mut self.elsewhere,
        }
    }

    fn all(&self) -> u32 {
        self.known.iter().map(|known| known.1).sum::<u32>() + self.elsewhere
    }
}
