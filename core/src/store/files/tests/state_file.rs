//! The state file on the disk: written in place, noticed when it is damaged, mended by the next write.

use super::*;
use crate::state::SpentCodes;

#[test]
fn a_login_overwrites_the_state_in_place() {
    let house = House::with_alice();
    let (state_file, enrollment_file) = (house.state(), house.file("enrollment.toml"));
    let before = (
        fs::metadata(&state_file).unwrap().ino(),
        fs::metadata(&enrollment_file).unwrap().ino(),
    );
    house.change(Change::State(state(4))).unwrap();
    house.change(Change::State(state(5))).unwrap();
    let after = (
        fs::metadata(&state_file).unwrap().ino(),
        fs::metadata(&enrollment_file).unwrap().ino(),
    );
    assert_eq!(before, after);
    assert_eq!(fs::metadata(&state_file).unwrap().len(), 8192);
}

#[test]
fn both_slots_of_a_new_state_are_really_on_the_disk() {
    let house = House::with_alice();
    assert!(fs::metadata(house.state()).unwrap().blocks() * 512 >= 8192);
}

#[test]
fn an_enrollment_without_a_state_has_lost_it_and_a_write_mends_it() {
    let house = House::with_alice();
    fs::remove_file(house.state()).unwrap();
    assert_eq!(house.found(), (0, Integrity::Lost));
    house.change(Change::State(state(1))).unwrap();
    assert_eq!(house.found(), (1, Integrity::Whole));
}

#[test]
fn bad_slots_are_noticed_and_mended_by_the_next_write() {
    let house = House::with_alice();
    let path = house.state();
    house.change(Change::State(state(4))).unwrap();
    let good = fs::read(&path).unwrap();
    let damaged = |bytes: &[usize]| {
        let mut file = good.clone();
        for &at in bytes {
            file[at] ^= 1;
        }
        fs::write(&path, file).unwrap();
    };
    // The second write went to the first slot.
    damaged(&[40]);
    assert_eq!(house.found(), (3, Integrity::OneSlotBad));
    house.change(Change::State(state(5))).unwrap();
    assert_eq!(house.found(), (5, Integrity::Whole));
    damaged(&[4096]);
    assert_eq!(house.found(), (4, Integrity::OneSlotBad));
    damaged(&[40, 4096]);
    assert_eq!(house.found(), (0, Integrity::Lost));
    house.change(Change::State(state(6))).unwrap();
    assert_eq!(house.found(), (6, Integrity::Whole));
    // What is lost is not written over: a new file takes its place.
    assert!(!path.exists());
    let path = house.state();
    // Swapped slots are as good as any.
    let file = fs::read(&path).unwrap();
    fs::write(&path, [&file[4096..], &file[..4096]].concat()).unwrap();
    assert_eq!(house.found(), (6, Integrity::Whole));
    for length in [0, 100, 4096, 8191] {
        fs::write(house.state(), &file[..length]).unwrap();
        assert_ne!(house.found().1, Integrity::Whole);
        house.change(Change::State(state(7))).unwrap();
        assert_eq!(
            (house.found(), fs::metadata(house.state()).unwrap().len()),
            ((7, Integrity::Whole), 8192)
        );
        assert_eq!(house.states().len(), 1);
    }
}

#[test]
fn a_spent_backup_code_stands_in_both_slots() {
    let house = House::with_alice();
    let set = Id::new().unwrap();
    let spent = SpentCodes { set, codes: 1 };
    house
        .store
        .transact(&alice(), &mut |record| {
            let mut state = record.state.clone();
            state.spent = vec![spent];
            Ok(Change::State(state))
        })
        .unwrap();
    let whole = fs::read(house.state()).unwrap();
    for slot in [0, slots::SLOT] {
        let mut bytes = whole.clone();
        bytes[slot] ^= 1;
        // In place: it stays the same file.
        fs::write(house.state(), &bytes).unwrap();
        let state = house.look().state;
        assert_eq!(state.integrity, Integrity::OneSlotBad);
        assert_eq!(state.spent_of(set), Some(&spent), "slot at {slot}");
    }
}

#[test]
fn a_state_that_was_copied_is_known_for_one_until_the_next_write() {
    let house = House::with_alice();
    let path = house.state();
    fs::copy(&path, house.file("copy")).unwrap();
    fs::rename(house.file("copy"), &path).unwrap();
    assert_eq!(house.found(), (3, Integrity::Copied));
    house.change(Change::State(state(4))).unwrap();
    assert_eq!(house.found(), (4, Integrity::Whole));
}

#[test]
fn a_state_that_was_restored_is_known_for_one_though_it_may_have_its_old_inode() {
    use std::os::unix::fs::MetadataExt as _;
    let house = House::with_alice();
    let path = house.state();
    let saved = fs::read(&path).unwrap();
    let mut same_inode = 0;
    for _ in 0..20 {
        let before = fs::metadata(&path).unwrap().ino();
        // As tar does it: taken away, then made anew, and file systems like to give the same number.
        fs::remove_file(&path).unwrap();
        fs::write(&path, &saved).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        same_inode += u32::from(fs::metadata(&path).unwrap().ino() == before);
        assert_eq!(house.found(), (3, Integrity::Copied));
    }
    println!("{same_inode} of 20 had the inode from before");
}

#[test]
fn a_state_whose_doubts_were_not_resolved_is_not_written() {
    let house = House::with_alice();
    for integrity in [Integrity::OneSlotBad, Integrity::Copied, Integrity::Lost] {
        let doubtful = State {
            integrity,
            ..state(9)
        };
        let refused = house.change(Change::State(doubtful.clone()));
        assert!(matches!(refused, Err(StoreError::Doubtful)));
        let refused = house.change(Change::Enrollment(enrollment("alice"), doubtful));
        assert!(matches!(refused, Err(StoreError::Doubtful)));
    }
    assert_eq!(house.found(), (3, Integrity::Whole));
}

#[test]
fn given_a_small_limit_on_file_sizes_nothing_is_decided() {
    if !in_a_process_of_its_own(
        "store::files::tests::state_file::given_a_small_limit_on_file_sizes_nothing_is_decided",
    ) {
        return;
    }
    let house = House::with_alice();
    for limit in [0, 4096, 8191] {
        setrlimit(Resource::RLIMIT_FSIZE, limit, nix::libc::RLIM_INFINITY).unwrap();
        let result = house
            .store
            .transact(&alice(), &mut |_| panic!("it was decided"));
        assert!(matches!(result, Err(StoreError::FileSizeLimit)));
    }
    setrlimit(Resource::RLIMIT_FSIZE, 8192, nix::libc::RLIM_INFINITY).unwrap();
    house.change(Change::State(state(4))).unwrap();
    house
        .change(Change::Enrollment(enrollment("alice"), state(5)))
        .unwrap();
    assert_eq!(house.found(), (5, Integrity::Whole));
}
