//! What was kept by a program of another version: an older one's is read, and written in the new way when something in it changes;
//! a later one's is left alone. The later program is made up (`testing/later.rs`), the way through the store is the real one.

use super::*;
use crate::state::Closed;
use crate::testing::later::as_it;

/// The files as they are: the enrollment and the state that counts.
fn files(house: &House) -> (String, Vec<u8>) {
    let enrollment = fs::read_to_string(house.file("enrollment.toml")).unwrap();
    (enrollment, fs::read(house.state()).unwrap())
}

/// The versions of the two slots.
fn of_slots(state: &[u8]) -> (u8, u8) {
    (state[8], state[slots::SLOT + 8])
}

/// As a login does it: the state alone.
fn log_in(house: &House) -> Result<(), StoreError> {
    house
        .store
        .transact(&alice(), &mut |record| Ok(one_more(record)))
}

fn is_refused_for_its_version(house: &House, path: &Path, version: u32, known: u32) {
    let problem =
        format!("version {version} is not known; this program reads versions up to {known}");
    let before = files(house);
    for refused in [house.store.look(&alice()).map(drop), log_in(house)] {
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(&path.display().to_string()), "{said}");
        assert!(said.contains(&problem), "{said}");
        assert!(
            said.contains("Use the Nightlatch that wrote it, or a later one"),
            "{said}"
        );
    }
    assert_eq!(files(house), before);
}

#[test]
fn an_older_record_is_read_and_each_file_is_written_anew_when_it_changes_and_not_before() {
    let house = House::with_alice();
    let (enrollment, state) = files(&house);
    assert!(enrollment.contains("\nversion = 1\n") && enrollment.contains("\ncreated = "));
    assert_eq!(of_slots(&state), (1, 1));
    let tokens = house.look().enrollment.unwrap().tokens;

    as_it(|| {
        assert_eq!(house.found(), (3, Integrity::Whole));
        house.change(Change::Nothing).unwrap();
        assert_eq!(files(&house), (enrollment.clone(), state.clone()));

        // A login writes one slot. The other one, and the enrollment, stay as they were.
        log_in(&house).unwrap();
        let (same, state) = files(&house);
        assert_eq!(same, enrollment);
        assert!([(1, 3), (3, 1)].contains(&of_slots(&state)), "{state:?}");
        assert_eq!(house.found(), (4, Integrity::Whole));
        log_in(&house).unwrap();
        let (same, state) = files(&house);
        assert_eq!((same, of_slots(&state)), (enrollment.clone(), (3, 3)));
        assert_eq!(house.found(), (5, Integrity::Whole));

        let changed = Enrollment {
            uid: 1001,
            ..house.look().enrollment.unwrap()
        };
        house
            .change(Change::Enrollment(changed, super::state(6)))
            .unwrap();
        let (new, _) = files(&house);
        assert!(new.contains("\nversion = 3\n"), "{new}");
        assert!(
            new.contains("\nsince = ") && !new.contains("\ncreated = "),
            "{new}"
        );
        assert!(
            new.contains("\nwritten_by = \"a later program\"\n"),
            "{new}"
        );
        let record = house.look();
        let enrollment = record.enrollment.unwrap();
        assert_eq!((enrollment.uid, enrollment.tokens.len()), (1001, 1));
        assert_eq!(enrollment.tokens[0].id, tokens[0].id);
        assert_eq!(
            *enrollment.tokens[0].secret.to_base32(),
            *tokens[0].secret.to_base32()
        );
        assert_eq!(record.state.elsewhere.failures, 6);
    });
}

#[test]
fn a_state_of_version_2_is_read_by_the_program_after_it_too() {
    let house = House::with_alice();
    let closed = State {
        closed: Closed::Yes,
        ..state(7)
    };
    house.change(Change::State(closed.clone())).unwrap();
    assert_eq!(of_slots(&files(&house).1), (2, 2));
    as_it(|| {
        assert_eq!(house.look().state, closed);
        log_in(&house).unwrap();
        assert_eq!(house.found(), (8, Integrity::Whole));
    });
}

#[test]
fn what_the_later_program_wrote_the_older_one_refuses_by_file_and_version_and_leaves_as_it_is() {
    let house = House::with_alice();
    let older = files(&house).0;
    as_it(|| log_in(&house).unwrap());
    // One slot of the two is enough: it may be the newer one.
    is_refused_for_its_version(&house, &house.state(), 3, 2);
    as_it(|| {
        let enrollment = house.look().enrollment.unwrap();
        house
            .change(Change::Enrollment(enrollment, state(9)))
            .unwrap();
    });
    is_refused_for_its_version(&house, &house.file("enrollment.toml"), 3, 2);
    // Even where the enrollment is one that it knows.
    let newer = files(&house).0;
    fs::write(house.file("enrollment.toml"), older).unwrap();
    is_refused_for_its_version(&house, &house.state(), 3, 2);
    fs::write(house.file("enrollment.toml"), newer).unwrap();

    // Nothing is lost meanwhile.
    as_it(|| {
        assert_eq!(house.found(), (9, Integrity::Whole));
        log_in(&house).unwrap();
        assert_eq!(house.found(), (10, Integrity::Whole));
    });
}

#[test]
fn the_later_program_refuses_what_comes_after_it_and_what_its_own_version_does_not_have() {
    let house = House::with_alice();
    as_it(|| {
        let enrollment = house.look().enrollment.unwrap();
        house
            .change(Change::Enrollment(enrollment, state(3)))
            .unwrap();
        let path = house.file("enrollment.toml");
        let good = fs::read_to_string(&path).unwrap();
        fs::write(&path, good.replace("version = 3", "version = 4")).unwrap();
        is_refused_for_its_version(&house, &path, 4, 3);
        for (old, new) in [
            ("since = ", "created = "),
            ("written_by = \"a later program\"\n", ""),
            ("version = 3", "version = 2"),
        ] {
            fs::write(&path, good.replace(old, new)).unwrap();
            let said = house.store.look(&alice()).unwrap_err().to_string();
            assert!(!said.contains("is not known"), "{said}");
        }
        fs::write(&path, good).unwrap();
        assert_eq!(house.found(), (3, Integrity::Whole));
    });
}
