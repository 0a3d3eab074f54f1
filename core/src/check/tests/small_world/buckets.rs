//! Worlds of failures alone: whoever answers is right or wrong, and nothing is known of how.

use super::key::{Key, add_state};
use super::must;
use super::past::{Guesses, Limits};
use super::rounds;
use super::search::{Size, World, explore};
use crate::id::Id;
use crate::place::Place;
use crate::state::{KnownPlace, State, TokenState, WrongCodes};
use crate::throttle::{Gate, Throttle};
use crate::time::Time;

/// Who may answer when, under which limits.
struct Buckets {
    throttle: Throttle,
    /// The same in numbers that nobody computed.
    limits: Limits,
    /// What the clock may show, at any time: it goes back as often as forward.
    moments: Vec<Time>,
    /// From where somebody answers.
    places: Vec<Place>,
    /// Where somebody got in before, and when; nobody answers there.
    old_places: Vec<(Place, Time)>,
}

#[derive(Clone, Debug)]
struct Node {
    state: State,
    guesses: Guesses,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Right(Place, Time),
    Wrong(Place, Time),
    /// An administrator forgives all.
    Unlock,
}

impl World for Buckets {
    type Node = Node;
    type Act = Act;

    fn first(&self) -> Node {
        let mut state = State {
            tokens: vec![TokenState::new(Id::from_bytes([1; 16]))],
            ..State::default()
        };
        let mut guesses = Guesses::default();
        for &(place, time) in &self.old_places {
            state.note_success(place, time);
            guesses.right(place);
        }
        Node { state, guesses }
    }

    fn key(&self, node: &Node) -> Key {
        let mut key = Vec::with_capacity(32);
        add_state(&mut key, &node.state);
        key.into()
    }

    fn acts(&self, _: &Node) -> Vec<Act> {
        let mut acts = vec![Act::Unlock];
        for &now in &self.moments {
            for &place in &self.places {
                acts.extend([Act::Right(place, now), Act::Wrong(place, now)]);
            }
        }
        acts
    }

    fn step(&self, node: &Node, act: Act) -> Result<Option<Node>, String> {
        let (place, now) = match act {
            Act::Right(place, now) | Act::Wrong(place, now) => (place, now),
            Act::Unlock => {
                let mut after = node.clone();
                after.state.clear_failures();
                after.guesses.forgive();
                after.guesses.agree_with(&after.state)?;
                return Ok(Some(after));
            }
        };
        let mut settled = node.clone();
        let moved = settled.state.settle_places(now);
        forgotten_in_time(&node.state, &mut settled, now)?;
        let gate = self.throttle.gate(&settled.state, place, now);
        self.is_due(&settled, place, gate, now)?;
        if gate != Gate::Open {
            // As `check` has it: written only where a lock was moved.
            let after = if moved { settled } else { node.clone() };
            self.nothing_is_lengthened(node, &after, place, now, gate)?;
            return Ok(moved.then_some(after));
        }
        let mut after = settled.clone();
        match act {
            Act::Right(..) => right(&settled, &mut after, place, now)?,
            _ => self.wrong(&settled, &mut after, place, now)?,
        }
        after.guesses.agree_with(&after.state)?;
        self.every_lock_ends(&after, now)?;
        self.nobody_is_kept_out(&after, now)?;
        Ok(Some(after))
    }

    fn tell(&self, act: Act) -> String {
        format!("{act:?}")
    }

    fn holds(&self, node: &Node) -> Result<(), String> {
        let text = node.state.to_text();
        must!(
            State::parse(&text).as_ref() == Ok(&node.state),
            "it is read as it was written: {text}"
        );
        Ok(())
    }
}

impl Buckets {
    fn wrong(
        &self,
        settled: &Node,
        after: &mut Node,
        place: Place,
        now: Time,
    ) -> Result<(), String> {
        self.throttle.charge(&mut after.state, place, now);
        after.guesses.wrong(place, &self.limits);
        after.state.wrong = WrongCodes::default();
        let gate = self.throttle.gate(&after.state, place, now);
        let due = match after.guesses.shut(place, gate, &self.limits)? {
            Some(shut) => shut,
            None => match self.limits.lock(after.guesses.of(place)) {
                0 => Gate::Open,
                remaining => Gate::Locked { remaining },
            },
        };
        must!(gate == due, "after it the place is {due:?}, not {gate:?}");
        // Whoever fails somewhere else shuts out nobody here, unless they shared what was used up.
        for &other in &self.places {
            let shares = !after.guesses.knows(place) && !after.guesses.knows(other);
            let gate = self.throttle.gate(&after.state, other, now);
            if !shares && after.guesses.shut(other, gate, &self.limits)?.is_none() && other != place
            {
                let before = self.throttle.gate(&settled.state, other, now);
                must!(gate == before, "{other:?} was {before:?} and is {gate:?}");
            }
        }
        Ok(())
    }

    /// A place is shut for good where its guesses are used up, else locked for what they cost at most.
    fn is_due(&self, settled: &Node, place: Place, gate: Gate, now: Time) -> Result<(), String> {
        let longest = self.limits.lock(settled.guesses.of(place));
        let shut = settled.guesses.shut(place, gate, &self.limits)?;
        if let (None, Gate::Locked { remaining }) = (shut, gate) {
            must!(
                remaining <= longest,
                "{remaining} s at {now:?}, and {longest} s is the most"
            );
        }
        Ok(())
    }

    /// A try at a shut place: its lock ends when it was said to end, and nobody anywhere waits longer for it.
    fn nothing_is_lengthened(
        &self,
        before: &Node,
        after: &Node,
        place: Place,
        now: Time,
        gate: Gate,
    ) -> Result<(), String> {
        if let Gate::Locked { remaining } = gate {
            let places_now = self.gate_at(&after.state, place, now).1;
            let ends = now.plus(remaining);
            let early = self.gate_at(&after.state, place, now.plus(remaining - 1)).0;
            must!(
                early != Gate::Open,
                "{remaining} s were told at {now:?}, and it opens earlier"
            );
            let (gate, places) = self.gate_at(&after.state, place, ends);
            // Where a place is forgotten meanwhile, what it has to pay for may make all others wait longer.
            must!(
                gate == Gate::Open || places != places_now,
                "{remaining} s were told at {now:?}; at {ends:?} it is {gate:?}"
            );
        }
        self.every_lock_ends(after, now)?;
        if before.state == after.state {
            return Ok(());
        }
        let ends = now.plus(self.limits.longest_lock());
        for &later in self
            .moments
            .iter()
            .filter(|later| **later >= now)
            .chain([&ends])
        {
            for &place in &self.places {
                let without = self.gate_at(&before.state, place, later).0;
                let with = self.gate_at(&after.state, place, later).0;
                must!(
                    without != Gate::Open || with == Gate::Open,
                    "{place:?} would be open at {later:?}, and is {with:?}"
                );
            }
        }
        Ok(())
    }

    /// Whatever was just done, no lock lasts longer than the longest one.
    fn every_lock_ends(&self, after: &Node, now: Time) -> Result<(), String> {
        let ends = now.plus(self.limits.longest_lock());
        for &place in &self.places {
            let gate = self.gate_at(&after.state, place, ends).0;
            must!(
                !matches!(gate, Gate::Locked { .. }),
                "{place:?} is {gate:?} at {ends:?}"
            );
        }
        Ok(())
    }

    /// Where nobody guessed since somebody got in there, the next answer is looked at.
    fn nobody_is_kept_out(&self, after: &Node, now: Time) -> Result<(), String> {
        let known = after.state.places.len();
        for &place in &self.places {
            let is_innocent = after.guesses.knows(place) && after.guesses.of(place) == 0;
            if is_innocent && self.limits.kept(known) > 0 {
                let gate = self.throttle.gate(&after.state, place, now);
                must!(gate == Gate::Open, "{place:?} is {gate:?} without a guess");
            }
        }
        Ok(())
    }

    /// The gate as it would be at a moment, and how many places would be known.
    fn gate_at(&self, state: &State, place: Place, then: Time) -> (Gate, usize) {
        let mut state = state.clone();
        state.settle_places(then);
        (self.throttle.gate(&state, place, then), state.places.len())
    }
}

/// Somebody gets in.
fn right(settled: &Node, after: &mut Node, place: Place, now: Time) -> Result<(), String> {
    after.state.note_success(place, now);
    after.state.wrong = WrongCodes::default();
    after.guesses.right(place);
    make_room(settled, after, place, now)?;
    let known = after.state.places.iter().find(|known| known.place == place);
    must!(
        known.map(|known| known.last_success) == (place != Place::Elsewhere).then_some(now),
        "a place is known from the moment at which somebody got in"
    );
    Ok(())
}

/// Those places are forgotten where nobody got in for 30 days, and no other; what they have to pay for stays.
fn forgotten_in_time(before: &State, settled: &mut Node, now: Time) -> Result<(), String> {
    for known in &before.places {
        let age = now.unix().saturating_sub(known.last_success.unix());
        if age > 30 * 86_400 {
            settled.guesses.forget(known.place);
        }
    }
    settled.guesses.agree_with(&settled.state)?;
    for bucket in settled
        .state
        .places
        .iter()
        .map(|known| known.bucket)
        .chain([settled.state.elsewhere])
    {
        must!(bucket.since <= now, "no lock begins after {now:?}");
    }
    Ok(())
}

/// For a new place the one makes room where somebody got in longest ago, where there are sixteen.
fn make_room(settled: &Node, after: &mut Node, place: Place, now: Time) -> Result<(), String> {
    let before = &settled.state.places;
    let gone: Vec<&KnownPlace> = before
        .iter()
        .filter(|known| {
            after
                .state
                .places
                .iter()
                .all(|left| left.place != known.place)
        })
        .collect();
    let is_new = place != Place::Elsewhere && !settled.guesses.knows(place);
    let expected = usize::from(is_new && before.len() == 16);
    must!(gone.len() == expected, "{gone:?} made room");
    for known in gone {
        let since = |known: &KnownPlace| known.last_success.min(now);
        let is_oldest = before.iter().all(|other| since(known) <= since(other));
        must!(is_oldest, "{known:?} made room");
        after.guesses.forget(known.place);
    }
    Ok(())
}

const HOME: Place = Place::Local(1);
const WORK: Place = Place::Local(2);
const HOTEL: Place = Place::Local(3);

fn moments(seconds: impl IntoIterator<Item = u64>) -> Vec<Time> {
    seconds.into_iter().map(Time::from_unix).collect()
}

/// A known place that may guess twice, and all others that may six times.
fn home() -> Buckets {
    Buckets {
        throttle: Throttle {
            free_failures: 0,
            first_lock: 1,
            longest_lock: 4,
            hard_limit: 10,
        },
        limits: Limits {
            one_known_place: 2,
            known_places: 4,
            kept: &[2, 1, 0],
            elsewhere: 6,
            all: 10,
            locks: &[0, 1, 2, 4],
        },
        moments: moments(0..7),
        places: vec![HOME, Place::Elsewhere],
        old_places: Vec::new(),
    }
}

#[test]
fn one_known_place_and_all_others() {
    let world = Buckets {
        moments: moments(0..rounds(7, 12)),
        ..home()
    };
    is_as_large_as(&world, (4558, 132_182), (21_973, 1_076_677));
}

#[test]
fn two_known_places_share_what_is_left_to_them() {
    let world = Buckets {
        moments: moments(0..rounds(3, 4)),
        places: vec![HOME, WORK, Place::Elsewhere],
        ..home()
    };
    is_as_large_as(&world, (9250, 175_750), (34_645, 866_125));
}

#[test]
fn three_known_places_of_which_none_uses_up_what_another_keeps() {
    let world = Buckets {
        throttle: Throttle {
            free_failures: 20,
            hard_limit: 15,
            ..home().throttle
        },
        limits: Limits {
            one_known_place: 3,
            known_places: 6,
            kept: &[3, 1, 1],
            elsewhere: 9,
            all: 15,
            locks: &[0],
        },
        moments: moments([0]),
        places: vec![HOME, WORK, HOTEL, Place::Elsewhere],
        ..home()
    };
    is_as_large_as(&world, (4270, 38_430), (4270, 38_430));
}

#[test]
fn a_place_that_is_forgotten_leaves_its_guesses_to_all_others() {
    const MONTH: u64 = 30 * 86_400;
    let world = Buckets {
        moments: moments([0, 1, 3, MONTH, MONTH + 1, MONTH + 2, MONTH + 4]),
        ..home()
    };
    is_as_large_as(&world, (3670, 106_430), (3670, 106_430));
}

#[test]
fn of_sixteen_places_one_makes_room_and_leaves_its_guesses_to_all_others() {
    let world = Buckets {
        moments: moments([11, 13, 14].into_iter().take(rounds(2, 3))),
        places: vec![HOME, HOTEL, Place::Elsewhere],
        old_places: (100..115)
            .map(|uid| (Place::Local(uid), Time::from_unix(12)))
            .collect(),
        ..home()
    };
    is_as_large_as(&world, (1974, 25_662), (13_460, 255_740));
}

/// Goes everywhere. How many states there are and how many steps between them is known, so that a world that shrinks is noticed.
fn is_as_large_as(world: &Buckets, short: (usize, usize), long: (usize, usize)) {
    let (states, steps) = rounds(short, long);
    assert_eq!(explore(world), Size { states, steps });
}
