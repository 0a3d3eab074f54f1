//! Going on without whoever holds a lock and does not move: a frozen process, which here is a thread that waits inside its
//! decision.

use std::os::unix::fs::DirBuilderExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::store::Shield;

/// How long the stores of these tests wait before they go on: long beside what a busy machine keeps a thread from running.
const SOON: Duration = Duration::from_millis(400);
/// Longer than whoever waits may look away.
const LONG: Duration = Duration::from_millis(1200);

struct Impatient(Duration);

impl Shield for Impatient {
    fn shelter(&self, work: &mut dyn FnMut()) -> std::io::Result<()> {
        work();
        Ok(())
    }

    fn goes_on_after(&self) -> Duration {
        self.0
    }
}

fn impatient(house: &House) -> FileStore {
    FileStore::owned_by(&house.path(), me()).with_shield(Box::new(Impatient(SOON)))
}

/// Runs `meanwhile` while somebody is frozen who holds alice's lock and has decided to make `change`; gives back what came
/// of that change once they move again.
fn while_frozen(house: &House, change: Change, meanwhile: impl FnOnce()) -> Result<(), StoreError> {
    while_frozen_in_run(1, house, change, meanwhile)
}

/// The same, frozen when it decides for the `run`th time: a change of an enrollment decides again under both locks.
fn while_frozen_in_run(
    run: usize,
    house: &House,
    change: Change,
    meanwhile: impl FnOnce(),
) -> Result<(), StoreError> {
    let (holds, is_held) = mpsc::channel();
    let (moves, may_move) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let frozen = scope.spawn(move || {
            let mut runs = 0;
            impatient(house).transact(&alice(), &mut |_| {
                runs += 1;
                if runs == run {
                    holds.send(()).unwrap();
                    may_move.recv().unwrap();
                }
                Ok(change.clone())
            })
        });
        // In here, so that it is gone if `meanwhile` panics: then they move too.
        let moves = moves;
        is_held.recv().unwrap();
        meanwhile();
        moves.send(()).unwrap();
        frozen.join().unwrap()
    })
}

fn goes_on(house: &House) {
    impatient(house)
        .transact(&alice(), &mut |record| Ok(one_more(record)))
        .unwrap();
}

#[test]
fn whoever_waits_goes_on_without_a_holder_that_does_not_move_and_its_write_counts_for_nothing() {
    let house = House::with_alice();
    let start = Instant::now();
    let late = while_frozen(&house, Change::State(state(99)), || {
        impatient(&house)
            .transact(&alice(), &mut |record| Ok(one_more(record)))
            .unwrap();
        assert!((SOON..SOON * 10).contains(&start.elapsed()));
        assert_eq!(house.found(), (4, Integrity::Whole));
    });
    assert!(
        matches!(late, Err(StoreError::Overtaken { .. })),
        "{late:?}"
    );
    assert_eq!(house.found(), (4, Integrity::Whole));
    // What was closed is gone, and the next one is written in place again.
    assert_eq!(fs::read_dir(house.file("")).unwrap().count(), 2);
    let path = house.state();
    house.change(Change::State(state(5))).unwrap();
    assert_eq!(house.state(), path);
}

#[test]
fn a_write_that_was_answered_is_in_whatever_comes_next() {
    let house = House::with_alice();
    // The holder has written and looked whether its file counts; it is stopped before it lets go of the lock.
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(house.state())
        .unwrap();
    house.change(Change::State(state(7))).unwrap();
    file.lock().unwrap();
    impatient(&house)
        .transact(&alice(), &mut |record| Ok(one_more(record)))
        .unwrap();
    assert_eq!(house.found(), (8, Integrity::Whole));
}

#[test]
fn a_holder_that_was_left_behind_before_its_write_is_not_told_that_it_was_kept() {
    let house = House::with_alice();
    let removed = while_frozen(&house, Change::State(state(99)), || {
        // Closed, and nobody went on yet.
        fs::write(house.file("state.2"), "").unwrap();
        fs::set_permissions(house.file("state.2"), Permissions::from_mode(0o600)).unwrap();
    });
    assert!(matches!(removed, Err(StoreError::Overtaken { .. })));
}

#[test]
fn an_administrator_goes_on_too() {
    let house = House::with_alice();
    let late = while_frozen(&house, Change::State(state(99)), || {
        let new = enrollment("alice");
        impatient(&house)
            .transact(&alice(), &mut |_| {
                Ok(Change::Enrollment(new.clone(), state(0)))
            })
            .unwrap();
        assert_eq!(*house.look().enrollment.unwrap().to_toml(), *new.to_toml());
        impatient(&house)
            .transact(&alice(), &mut |_| Ok(Change::Remove))
            .unwrap();
        assert!(house.look().enrollment.is_none());
    });
    assert!(matches!(late, Err(StoreError::Overtaken { .. })));
    // And nothing of it came back.
    assert!(house.look().enrollment.is_none() && house.is_removed() && house.has_no_state());
    house
        .change(Change::Enrollment(enrollment("alice"), state(1)))
        .unwrap();
    assert_eq!(house.found(), (1, Integrity::Whole));
}

#[test]
fn a_whole_row_of_holders_that_do_not_move_is_gone_past() {
    let house = House::with_alice();
    let mut second = None;
    let first = while_frozen(&house, Change::State(state(99)), || {
        second = Some(while_frozen(&house, Change::State(state(88)), || {
            goes_on(&house);
        }));
    });
    assert!(first.is_err() && second.unwrap().is_err());
    assert_eq!(house.found(), (4, Integrity::Whole));
    // A file that came too late counts for nothing, and goes with the next write.
    house.change(Change::State(state(5))).unwrap();
    assert_eq!(house.found(), (5, Integrity::Whole));
    assert_eq!(fs::read_dir(house.file("")).unwrap().count(), 2);
}

#[test]
fn a_file_that_comes_late_under_a_number_that_was_used_before_is_not_told_that_it_counts() {
    let house = House::with_alice();
    let mut late = None;
    let _ = while_frozen(&house, Change::State(state(77)), || {
        // Has closed state.1 and holds the empty state.2; its file will be state.3, if that is free.
        late = Some(while_frozen(&house, Change::State(state(99)), || {
            // Has closed state.2, and goes on to state.4.
            goes_on(&house);
            assert_eq!(house.found(), (4, Integrity::Whole));
            let _ = while_frozen(&house, Change::Nothing, || goes_on(&house));
            // state.6, and none of those before is left.
            assert_eq!(house.found(), (5, Integrity::Whole));
        }));
    });
    assert!(
        matches!(late, Some(Err(StoreError::Overtaken { .. }))),
        "{late:?}"
    );
    assert_eq!(house.found(), (5, Integrity::Whole));
}

#[test]
fn a_holder_below_whatever_higher_number_is_not_told_that_it_counts() {
    let house = House::with_alice();
    let late = while_frozen(&house, Change::State(state(99)), || {
        fs::write(house.file("state.8"), "").unwrap();
        fs::set_permissions(house.file("state.8"), Permissions::from_mode(0o600)).unwrap();
    });
    assert!(matches!(late, Err(StoreError::Overtaken { .. })));
}

#[test]
fn a_file_that_comes_late_means_nothing_after_a_removal() {
    let house = House::with_alice();
    let _ = while_frozen(&house, Change::State(state(77)), || {
        let _ = while_frozen(&house, Change::State(state(99)), || {
            impatient(&house)
                .transact(&alice(), &mut |_| Ok(Change::Remove))
                .unwrap();
        });
    });
    assert!(!house.has_no_state(), "it came");
    assert!(house.look().is_empty());
}

#[test]
fn a_removal_that_was_gone_past_leaves_nothing_that_means_anything() {
    let house = House::with_alice();
    while_frozen_in_run(2, &house, Change::Remove, || goes_on(&house)).unwrap();
    assert!(house.look().is_empty() && house.is_removed());
    house
        .change(Change::Enrollment(enrollment("alice"), state(1)))
        .unwrap();
    assert_eq!(house.found(), (1, Integrity::Whole));
}

#[test]
fn a_first_enrollment_that_fails_leaves_nothing_that_means_anything() {
    let house = House::new();
    fs::DirBuilder::new()
        .mode(0o700)
        .create(house.file(""))
        .unwrap();
    // In the way of the file that the enrollment is written to.
    fs::create_dir(house.file("enrollment.toml.new")).unwrap();
    let enroll = || house.change(Change::Enrollment(enrollment("alice"), state(3)));
    assert!(enroll().is_err());
    assert!(!house.has_no_state(), "half of it is there");
    assert!(house.look().is_empty());
    fs::remove_dir(house.file("enrollment.toml.new")).unwrap();
    enroll().unwrap();
    assert_eq!(house.found(), (3, Integrity::Whole));
    assert_eq!(fs::read_dir(house.file("")).unwrap().count(), 2);
    // From now on a state without its enrollment is half of something, and stays so if the mend is cut off.
    fs::remove_file(house.file("enrollment.toml")).unwrap();
    assert!(!house.look().is_empty());
    fs::create_dir(house.file("enrollment.toml.new")).unwrap();
    assert!(enroll().is_err());
    assert!(!house.look().is_empty());
}

/// A shield that is frozen before its second attempt.
struct FrozenBetween {
    attempts: AtomicUsize,
    is_frozen: mpsc::SyncSender<()>,
    moves: Mutex<mpsc::Receiver<()>>,
}

impl Shield for FrozenBetween {
    fn shelter(&self, work: &mut dyn FnMut()) -> std::io::Result<()> {
        if self.attempts.fetch_add(1, Ordering::Relaxed) == 1 {
            self.is_frozen.send(()).unwrap();
            self.moves.lock().unwrap().recv().unwrap();
        }
        work();
        Ok(())
    }

    fn goes_on_after(&self) -> Duration {
        SOON
    }
}

#[test]
fn whoever_was_frozen_while_waiting_does_not_go_on_without_a_holder_that_moves() {
    let house = House::with_alice();
    let (is_frozen, frozen) = mpsc::sync_channel(1);
    let (moves, may_move) = mpsc::channel();
    let shield = FrozenBetween {
        attempts: AtomicUsize::new(0),
        is_frozen,
        moves: Mutex::new(may_move),
    };
    let waiting = FileStore::owned_by(&house.path(), me()).with_shield(Box::new(shield));
    thread::scope(|scope| {
        // It saw the lock held once, and nothing was written since.
        while_frozen(&house, Change::Nothing, || {
            scope.spawn(|| waiting.transact(&alice(), &mut |_| Ok(Change::Nothing)));
            frozen.recv().unwrap();
        })
        .unwrap();
        thread::sleep(LONG);
        // Somebody else holds it now, and not for long.
        let store = FileStore::owned_by(&house.path(), me());
        let held = store.transact(&alice(), &mut |record| {
            moves.send(()).unwrap();
            thread::sleep(SOON / 4);
            Ok(one_more(record))
        });
        held.unwrap();
    });
    assert_eq!(house.found(), (4, Integrity::Whole));
}

#[test]
fn turns_that_write_nothing_are_not_taken_for_one_holder_that_does_not_move() {
    let house = House::with_alice();
    let hold = |length: Duration, change: fn(&Record) -> Change| {
        let store = FileStore::owned_by(&house.path(), me());
        let held = store.transact(&alice(), &mut |record| {
            thread::sleep(length);
            Ok(change(record))
        });
        held.unwrap();
    };
    thread::scope(|scope| {
        scope.spawn(|| hold(SOON * 9 / 10, |_| Change::Nothing));
        thread::sleep(SOON / 10);
        scope.spawn(|| impatient(&house).transact(&alice(), &mut |_| Ok(Change::Nothing)));
        thread::sleep(SOON / 10);
        // Its turn comes while the other has waited for nearly long enough.
        scope.spawn(|| hold(SOON * 6 / 10, one_more));
    });
    assert_eq!(house.found(), (4, Integrity::Whole));
}

#[test]
fn a_removal_closes_what_somebody_else_closed_before() {
    let house = House::with_alice();
    let mut gone_on = None;
    while_frozen_in_run(2, &house, Change::Remove, || {
        // Holds what it closed when the removal is done.
        let (holds, is_held) = mpsc::channel();
        let (moves, may_move) = mpsc::channel::<()>();
        let path = house.path();
        gone_on = Some((
            moves,
            thread::spawn(move || {
                let store = FileStore::owned_by(&path, me()).with_shield(Box::new(Impatient(SOON)));
                store.transact(&alice(), &mut |_| {
                    holds.send(()).unwrap();
                    may_move.recv().unwrap();
                    Ok(Change::State(state(99)))
                })
            }),
        ));
        is_held.recv().unwrap();
    })
    .unwrap();
    let (moves, gone_on) = gone_on.unwrap();
    moves.send(()).unwrap();
    let told = gone_on.join().unwrap();
    assert!(
        matches!(told, Err(StoreError::Overtaken { .. })),
        "{told:?}"
    );
    assert!(house.look().is_empty());
}

#[test]
fn of_many_that_wait_for_one_that_does_not_move_every_one_is_kept_or_told() {
    let house = House::with_alice();
    let mut kept = 0;
    let late = while_frozen(&house, Change::State(state(99)), || {
        kept = thread::scope(|scope| {
            let workers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        impatient(&house)
                            .transact(&alice(), &mut |record| Ok(one_more(record)))
                            .is_ok()
                    })
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| u32::from(worker.join().unwrap()))
                .sum()
        });
    });
    assert!(late.is_err());
    // One that was told "not known whether it was kept" may have been kept.
    let (failures, integrity) = house.found();
    assert!(
        (3 + kept..=3 + 8).contains(&failures),
        "{failures} of {kept}"
    );
    assert_eq!(integrity, Integrity::Whole);
    assert!(kept >= 1);
}

#[test]
fn as_long_as_a_state_goes_from_hand_to_hand_nobody_is_left_behind() {
    let house = House::with_alice();
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let store = FileStore::owned_by(&house.path(), me())
                    .with_shield(Box::new(Impatient(Duration::from_millis(400))));
                for _ in 0..10 {
                    store
                        .transact(&alice(), &mut |record| {
                            thread::sleep(Duration::from_millis(15));
                            Ok(one_more(record))
                        })
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(house.found(), (63, Integrity::Whole));
    assert!(house.file("state.1").exists());
}

#[test]
fn a_name_that_this_program_would_not_write_is_no_state() {
    let house = House::with_alice();
    for name in [
        "state",
        "state.01",
        "state.0",
        "state.+7",
        "state.9.bak",
        "state.9999999999999999999",
        "new.me",
    ] {
        fs::write(house.file(name), "").unwrap();
    }
    house.change(Change::State(state(4))).unwrap();
    assert_eq!(house.found(), (4, Integrity::Whole));
    assert!(house.file("state.9.bak").exists() && house.file("new.me").exists());
}

#[test]
fn after_the_last_number_there_is_none() {
    let house = House::with_alice();
    let last = house.file("state.999999999999999999");
    fs::rename(house.state(), &last).unwrap();
    // In place it can still be written.
    house.change(Change::State(state(4))).unwrap();
    assert_eq!(house.found(), (4, Integrity::Whole));
    fs::write(&last, "no slots").unwrap();
    assert_refused(house.change(Change::State(state(5))), &last, "remove it");
}
