//! When two states are the same: a state as a row of numbers, every field of it.

use crate::place::Place;
use crate::state::{
    Bucket, Closed, Fate, Integrity, KnownPlace, Resync, Standing, State, TemporaryCode,
    TokenState, Usable, Waiting,
};

pub(super) type Key = Box<[u64]>;

/// Adds a state. Wrong codes that are still to be told are left out: nothing is decided by them, and they would count for ever.
pub(super) fn add_state(key: &mut Vec<u64>, state: &State) {
    // Whoever adds a field decides here what becomes of it.
    let State {
        standing,
        closed,
        tokens,
        resync,
        spent,
        places,
        elsewhere,
        wrong: _,
        waiting,
        ticket,
        temporary_code,
        trusted,
        integrity,
    } = state;
    assert!(ticket.is_none() && trusted.is_empty());
    let integrity = match integrity {
        Integrity::Whole => 0,
        Integrity::OneSlotBad => 1,
        Integrity::Copied => 2,
        Integrity::Lost => 3,
    };
    key.push(
        u64::from(*standing == Standing::Alone)
            | u64::from(*closed == Closed::Yes) << 1
            | u64::from(waiting.is_some()) << 2
            | integrity << 3,
    );
    for known in tokens {
        let TokenState {
            id: _,
            last_step,
            drift,
            usable,
            waiting,
        } = known;
        add_optional(key, last_step.map(|step| step.0));
        key.extend([
            drift.steps().cast_unsigned(),
            u64::from(*usable == Usable::No) | u64::from(*waiting == Waiting::Yes) << 1,
        ]);
    }
    match resync {
        None => key.push(u64::MAX),
        Some(Resync { token, step, place }) => {
            let token = tokens.iter().position(|known| known.id == *token).unwrap();
            key.extend([token as u64, step.0, of_place(*place)]);
        }
    }
    match temporary_code {
        None => key.push(u64::MAX),
        Some(TemporaryCode {
            beside: _,
            salt: _,
            digest: _,
            expires: _,
            fate,
        }) => match fate {
            Fate::Untold => key.push(0),
            Fate::Told => key.push(1),
            Fate::Used { at, from } => key.extend([2, at.unix(), of_place(*from)]),
        },
    }
    key.extend(spent.iter().map(|spent| u64::from(spent.codes)));
    for known in places {
        let KnownPlace {
            place,
            last_success,
            bucket,
        } = known;
        key.extend([of_place(*place), last_success.unix()]);
        add_bucket(key, *bucket);
    }
    add_bucket(key, *elsewhere);
}

pub(super) fn add_optional(key: &mut Vec<u64>, number: Option<u64>) {
    key.extend([u64::from(number.is_some()), number.unwrap_or_default()]);
}

pub(super) fn of_place(place: Place) -> u64 {
    match place {
        Place::Elsewhere => u64::MAX,
        Place::Local(uid) => uid.into(),
        Place::Address(_) => unreachable!("small worlds have no addresses"),
    }
}

fn add_bucket(key: &mut Vec<u64>, Bucket { failures, since }: Bucket) {
    key.extend([failures.into(), since.unix()]);
}
