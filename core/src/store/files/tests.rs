//! The store on real files: what is kept and what comes back.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Uid, mkfifo};
use tempfile::TempDir;

use super::*;
use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::state::State;
use crate::testing::own_process::in_a_process_of_its_own;
use crate::time::Time;
use crate::token::{Algorithm, Digits, Kind, Label, Period, Secret, Token};

mod alone;
mod going_on;
mod hostile;
mod state_file;
mod versions;

/// A store of its own for each test.
struct House {
    home: TempDir,
    store: FileStore,
}

impl House {
    fn new() -> Self {
        let home = crate::testing::home();
        let store = FileStore::create_owned_by(&home.path().join("store"), me()).unwrap();
        Self { home, store }
    }

    /// With alice enrolled, and 3 failures in her state.
    fn with_alice() -> Self {
        let house = Self::new();
        house
            .change(Change::Enrollment(enrollment("alice"), state(3)))
            .unwrap();
        house
    }

    fn path(&self) -> PathBuf {
        self.home.path().join("store")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join("users/alice").join(name)
    }

    /// The state file that counts.
    fn state(&self) -> PathBuf {
        self.states().pop().expect("there is a state")
    }

    /// The state files that hold something, the highest number last.
    fn states(&self) -> Vec<PathBuf> {
        let mut found: Vec<(u64, PathBuf)> = fs::read_dir(self.file(""))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| fs::metadata(path).unwrap().len() > 0)
            .filter_map(|path| {
                let name = path.file_name()?.to_str()?;
                Some((name.strip_prefix("state.")?.parse().ok()?, path))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, path)| path).collect()
    }

    fn has_no_state(&self) -> bool {
        self.states().is_empty()
    }

    /// Whether there is a tombstone.
    fn is_removed(&self) -> bool {
        self.file("removed").exists()
    }

    fn look(&self) -> Record {
        self.store.look(&alice()).unwrap()
    }

    #[allow(
        clippy::needless_pass_by_value,
        reason = "without a borrow at every call it reads better"
    )]
    fn change(&self, change: Change) -> Result<(), StoreError> {
        self.store.transact(&alice(), &mut |_| Ok(change.clone()))
    }

    /// How many failures there are, and how far that can be believed.
    fn found(&self) -> (u32, Integrity) {
        let state = self.look().state;
        (state.elsewhere.failures, state.integrity)
    }
}

fn me() -> u32 {
    Uid::current().as_raw()
}

fn alice() -> UserName {
    UserName::parse("alice").unwrap()
}

fn enrollment(user: &str) -> Enrollment {
    let token = Token {
        id: Id::new().unwrap(),
        label: Label::parse("phone").unwrap(),
        kind: Kind::Totp {
            period: Period::THIRTY,
        },
        secret: Secret::generate(Algorithm::Sha1).unwrap(),
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
    };
    Enrollment {
        user: UserName::parse(user).unwrap(),
        uid: 1000,
        created: Time::from_unix(1_795_487_400),
        tokens: vec![token],
        backup_codes: None,
        scratch_codes: None,
    }
}

fn state(failures: u32) -> State {
    let mut state = State::default();
    state.elsewhere.failures = failures;
    state
}

fn one_more(record: &Record) -> Change {
    Change::State(state(record.state.elsewhere.failures + 1))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// The error must name the path and a mend that holds `mend`.
fn assert_refused<T>(result: Result<T, StoreError>, path: &Path, mend: &str) {
    let Err(error) = result else {
        panic!("{} was not refused", path.display())
    };
    let text = error.to_string();
    assert!(text.starts_with(&format!("{}: ", path.display())), "{text}");
    assert!(text.contains(mend), "{text}");
}

#[test]
fn a_new_store_is_empty_and_making_it_again_keeps_it() {
    let house = House::new();
    let marker = fs::read_to_string(house.path().join("store.toml")).unwrap();
    house
        .change(Change::Enrollment(enrollment("alice"), state(0)))
        .unwrap();
    FileStore::create_owned_by(&house.path(), me()).unwrap();
    assert_eq!(
        fs::read_to_string(house.path().join("store.toml")).unwrap(),
        marker
    );
    assert!(house.look().enrollment.is_some());
    assert_eq!(house.store.users().unwrap(), [alice()]);
}

#[test]
fn a_store_is_not_made_where_its_parent_does_not_exist() {
    let home = crate::testing::home();
    let result = FileStore::create_owned_by(&home.path().join("no/store"), me());
    assert!(matches!(result, Err(StoreError::NotAStore(_))));
}

#[test]
fn two_that_make_a_store_at_once_make_one() {
    let home = crate::testing::home();
    let path = home.path().join("store");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| FileStore::create_owned_by(&path, me()).unwrap());
        }
    });
    assert_eq!(fs::read_dir(&path).unwrap().count(), 2);
}

#[test]
fn all_that_is_made_is_closed_to_others() {
    let house = House::with_alice();
    for directory in [house.path(), house.path().join("users"), house.file("")] {
        assert_eq!(mode(&directory), 0o700);
    }
    for file in [
        house.path().join("store.toml"),
        house.file("enrollment.toml"),
        house.state(),
    ] {
        assert_eq!(mode(&file), 0o600);
    }
}

#[test]
fn without_its_marker_a_store_is_none() {
    let house = House::with_alice();
    fs::remove_file(house.path().join("store.toml")).unwrap();
    assert!(matches!(
        house.store.look(&alice()),
        Err(StoreError::NotAStore(_))
    ));
    assert!(matches!(house.store.users(), Err(StoreError::NotAStore(_))));
    let mut never = |_: &Record| panic!("it was decided");
    assert!(matches!(
        house.store.transact(&alice(), &mut never),
        Err(StoreError::NotAStore(_))
    ));
    fs::remove_dir_all(house.path()).unwrap();
    assert!(matches!(
        house.store.look(&alice()),
        Err(StoreError::NotAStore(_))
    ));
}

#[test]
fn without_the_directory_of_all_people_a_store_is_none() {
    let house = House::new();
    fs::remove_dir(house.path().join("users")).unwrap();
    assert!(matches!(
        house.store.look(&alice()),
        Err(StoreError::NotAStore(_))
    ));
}

#[test]
fn a_marker_that_is_not_understood_denies() {
    let house = House::with_alice();
    let path = house.path().join("store.toml");
    let good = fs::read_to_string(&path).unwrap();
    for bad in [
        good.replace("version = 1\n", ""),
        format!("{good}colour = 1\n"),
        good.replace("id = \"", "id = \"x"),
        String::new(),
        "\0".repeat(100),
    ] {
        fs::write(&path, bad).unwrap();
        assert_refused(house.store.look(&alice()), &path, "Restore it");
        assert_refused(house.change(Change::Nothing), &path, "Restore it");
        assert_refused(
            FileStore::create_owned_by(&house.path(), me()),
            &path,
            "Restore it",
        );
    }
}

#[test]
fn whatever_a_later_program_wrote_is_known_for_that_and_left_to_it() {
    let house = House::with_alice();
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    let (marker, enrollment) = (
        house.path().join("store.toml"),
        house.file("enrollment.toml"),
    );
    for path in [marker, enrollment] {
        let good = text(&path);
        for new in ["version = 3", "version = 3\ncolour = \"red\""] {
            fs::write(&path, good.replace("version = 1", new)).unwrap();
            assert_refused(house.store.look(&alice()), &path, "or a later one");
            assert_refused(house.change(Change::Nothing), &path, "or a later one");
        }
        fs::write(&path, good).unwrap();
    }
    let path = house.state();
    let good = fs::read(&path).unwrap();
    for slot in [0, slots::SLOT] {
        let mut later = good.clone();
        slots::of_version(&mut later[slot..slot + slots::SLOT], 3);
        fs::write(&path, &later).unwrap();
        assert_refused(house.store.look(&alice()), &path, "or a later one");
        assert_refused(
            house.change(Change::State(state(9))),
            &path,
            "or a later one",
        );
        assert_eq!(fs::read(&path).unwrap(), later);
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(house.found(), (3, Integrity::Whole));
}

#[test]
fn a_stranger_has_an_empty_record_and_gets_a_directory_only_when_something_is_kept() {
    let house = House::new();
    for change in [Change::Nothing, Change::Remove] {
        house.change(change).unwrap();
        assert!(house.look().enrollment.is_none());
        assert!(!house.file("").exists());
    }
    house.change(Change::State(state(1))).unwrap();
    assert_eq!(house.found(), (1, Integrity::Whole));
    assert!(house.look().enrollment.is_none());
}

#[test]
fn what_is_written_comes_back() {
    let house = House::new();
    let written = enrollment("alice");
    house
        .change(Change::Enrollment(written.clone(), state(3)))
        .unwrap();
    let record = house.look();
    assert_eq!(*record.enrollment.unwrap().to_toml(), *written.to_toml());
    assert_eq!(house.found(), (3, Integrity::Whole));
    assert!(!house.is_removed());
    for failures in 4..10 {
        house
            .store
            .transact(&alice(), &mut |record| Ok(one_more(record)))
            .unwrap();
        assert_eq!(house.found(), (failures, Integrity::Whole));
    }
}

#[test]
fn a_decision_that_fails_changes_nothing_and_frees_the_lock() {
    let house = House::with_alice();
    let before = fs::read(house.state()).unwrap();
    let result = house
        .store
        .transact(&alice(), &mut |_| Err(StoreError::FileSizeLimit));
    assert!(matches!(result, Err(StoreError::FileSizeLimit)));
    assert_eq!(fs::read(house.state()).unwrap(), before);
    house.change(Change::State(state(9))).unwrap();
}

#[test]
fn removing_leaves_a_tombstone_and_enrolling_takes_it_away() {
    let house = House::with_alice();
    house.change(Change::Remove).unwrap();
    let record = house.look();
    assert!(record.enrollment.is_none() && house.is_removed());
    assert_eq!(record.state, State::default());
    assert!(house.has_no_state());
    // Failures of somebody removed are kept, and do not bring anything back.
    house.change(Change::State(state(1))).unwrap();
    assert!(house.is_removed());
    house
        .change(Change::Enrollment(enrollment("alice"), state(0)))
        .unwrap();
    assert!(!house.is_removed());
    assert_eq!(fs::read_dir(house.file("")).unwrap().count(), 2);
}

#[test]
fn removing_somebody_who_is_not_enrolled_leaves_no_tombstone() {
    let house = House::new();
    house.change(Change::State(state(1))).unwrap();
    house.change(Change::Remove).unwrap();
    assert!(!house.is_removed());
    assert_eq!(house.found(), (0, Integrity::Whole));
}

#[test]
fn an_enrollment_in_the_wrong_directory_is_refused() {
    let house = House::with_alice();
    fs::rename(house.file(""), house.path().join("users/bob")).unwrap();
    let bob = UserName::parse("bob").unwrap();
    let path = house.path().join("users/bob/enrollment.toml");
    assert_refused(house.store.look(&bob), &path, "enroll the person anew");
    let never = house
        .store
        .transact(&bob, &mut |_| panic!("it was decided"));
    assert_refused(never, &path, "\"alice\"");
}

#[test]
fn an_enrollment_of_somebody_else_is_not_written() {
    let house = House::with_alice();
    let before = fs::read(house.file("enrollment.toml")).unwrap();
    let path = house.file("enrollment.toml");
    assert_refused(
        house.change(Change::Enrollment(enrollment("bob"), state(0))),
        &path,
        "\"bob\"",
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn everybody_with_a_record_is_listed_and_whatever_stands_in_the_place_of_one_but_no_other_name() {
    let house = House::with_alice();
    let users = house.path().join("users");
    for name in [".hidden", "Capital", "%61lice", "lost+found"] {
        fs::create_dir(users.join(name)).unwrap();
    }
    fs::write(users.join("file"), "").unwrap();
    symlink("alice", users.join("link")).unwrap();
    fs::write(users.join("Capital.file"), "").unwrap();
    for name in ["zoe", "DOMAIN\\bob", "first.last"] {
        let name = UserName::parse(name).unwrap();
        house
            .store
            .transact(&name, &mut |record| Ok(one_more(record)))
            .unwrap();
    }
    let names: Vec<_> = house
        .store
        .users()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        names,
        ["DOMAIN\\bob", "alice", "file", "first.last", "link", "zoe"]
    );
}

#[test]
fn a_path_that_is_not_whole_is_refused() {
    let store = FileStore::owned_by(Path::new("store"), me());
    assert_refused(store.look(&alice()), Path::new("store"), "whole path");
    assert_refused(
        FileStore::create_owned_by(Path::new("store"), me()),
        Path::new("store"),
        "whole path",
    );
}

#[test]
fn the_working_directory_and_the_umask_do_not_matter() {
    if !in_a_process_of_its_own(
        "store::files::tests::the_working_directory_and_the_umask_do_not_matter",
    ) {
        return;
    }
    umask(Mode::from_bits_truncate(0o777));
    let house = House::with_alice();
    let gone = crate::testing::home();
    std::env::set_current_dir(gone.path()).unwrap();
    drop(gone);
    house.change(Change::State(state(4))).unwrap();
    house.change(Change::Remove).unwrap();
    house
        .change(Change::Enrollment(enrollment("alice"), state(5)))
        .unwrap();
    assert_eq!(house.found(), (5, Integrity::Whole));
    assert_eq!(
        (mode(&house.file("")), mode(&house.state())),
        (0o700, 0o600)
    );
}
