//! What others do to the store: exchanged files, races of threads and processes, killed writers.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::*;
use crate::testing::own_process::{argument, command};

const FILES: [&str; 2] = ["enrollment.toml", "state.1"];

/// Both ways of reading must refuse.
fn assert_denied(house: &House, path: &Path, mend: &str) {
    assert_refused(house.store.look(&alice()), path, mend);
    let never = house
        .store
        .transact(&alice(), &mut |_| panic!("it was decided"));
    assert_refused(never, path, mend);
}

#[test]
fn anything_exchanged_for_a_file_is_refused_and_nothing_hangs() {
    for name in FILES {
        let house = House::with_alice();
        let path = house.file(name);
        let real = house.home.path().join("real");
        fs::rename(&path, &real).unwrap();

        symlink(&real, &path).unwrap();
        assert_denied(&house, &path, "symbolic link");
        fs::remove_file(&path).unwrap();

        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        assert_denied(&house, &path, "FIFO");
        fs::remove_file(&path).unwrap();

        fs::create_dir(&path).unwrap();
        assert_denied(&house, &path, "directory");
        fs::remove_dir(&path).unwrap();

        fs::hard_link(&real, &path).unwrap();
        assert_denied(&house, &path, "-samefile");
        fs::remove_file(&path).unwrap();

        fs::write(&path, vec![b'#'; 20_000]).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_denied(&house, &path, "restore or remove it");
        fs::remove_file(&path).unwrap();

        fs::rename(&real, &path).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_denied(&house, &path, "chmod go= ");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(house.found(), (3, Integrity::Whole));
    }
}

#[test]
fn anything_exchanged_for_a_directory_is_refused() {
    let house = House::with_alice();
    for path in [
        house.path(),
        house.path().join("users"),
        house.path().join("users/alice"),
    ] {
        let real = house.home.path().join("real");
        fs::rename(&path, &real).unwrap();

        symlink(&real, &path).unwrap();
        assert_denied(&house, &path, "without links");
        fs::remove_file(&path).unwrap();

        fs::write(&path, "").unwrap();
        assert_denied(&house, &path, "a file");
        fs::remove_file(&path).unwrap();

        fs::rename(&real, &path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o770)).unwrap();
        assert_denied(&house, &path, "chmod go");
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    }
    assert_eq!(house.found(), (3, Integrity::Whole));
}

#[test]
fn a_persons_directory_that_others_could_lock_is_refused() {
    let house = House::with_alice();
    let path = house.path().join("users/alice");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    assert_denied(&house, &path, "chmod go= ");
}

#[test]
fn a_damaged_enrollment_is_refused() {
    let house = House::with_alice();
    let path = house.file("enrollment.toml");
    for damaged in [&b""[..], b"\xff", b"version = 1\n"] {
        fs::write(&path, damaged).unwrap();
        assert_denied(&house, &path, "enroll the person anew");
    }
}

#[test]
fn temporary_files_of_killed_writers_are_in_nobodys_way() {
    let house = House::with_alice();
    let of_a_state = format!("new.{}", Id::new().unwrap());
    for name in ["enrollment.toml.new", &of_a_state] {
        fs::write(house.file(name), vec![0; 30_000]).unwrap();
    }
    house
        .change(Change::Enrollment(enrollment("alice"), state(4)))
        .unwrap();
    assert_eq!(house.found(), (4, Integrity::Whole));
    assert_eq!(fs::read_dir(house.file("")).unwrap().count(), 2);
}

#[test]
fn a_crash_in_the_middle_of_removing_is_finished_by_removing_again() {
    let house = House::with_alice();
    // As if killed after the enrollment was taken away.
    fs::write(house.file("removed"), "").unwrap();
    fs::remove_file(house.file("enrollment.toml")).unwrap();
    assert!(house.look().enrollment.is_none());
    house.change(Change::Remove).unwrap();
    assert!(house.is_removed());
    assert!(house.has_no_state());
    assert_eq!(house.found(), (0, Integrity::Whole));
}

#[test]
fn a_directory_that_is_exchanged_while_somebody_waits_for_it_is_opened_again() {
    let house = House::with_alice();
    let store = FileStore::owned_by(&house.path(), me());
    std::thread::scope(|scope| {
        house
            .store
            .transact(&alice(), &mut |_| {
                scope.spawn(|| {
                    store
                        .transact(&alice(), &mut |record| Ok(one_more(record)))
                        .unwrap();
                });
                std::thread::sleep(Duration::from_millis(50));
                fs::rename(house.file(""), house.home.path().join("old")).unwrap();
                Ok(Change::Nothing)
            })
            .unwrap();
    });
    // It was written to the new one, which was empty, and not to the old one.
    assert_eq!(house.found(), (1, Integrity::Whole));
    assert!(house.look().enrollment.is_none());
}

#[test]
fn a_directory_that_is_exchanged_at_any_moment_never_reads_as_empty() {
    let house = House::with_alice();
    let (here, other) = (house.file(""), house.home.path().join("other"));
    let exchange = || {
        fs::create_dir(&other).unwrap();
        fs::set_permissions(&other, Permissions::from_mode(0o700)).unwrap();
        for entry in fs::read_dir(&here).unwrap() {
            let name = entry.unwrap().file_name();
            fs::copy(here.join(&name), other.join(&name)).unwrap();
        }
        let flags = RenameFlags::RENAME_EXCHANGE;
        renameat2(AT_FDCWD, &here, AT_FDCWD, &other, flags).unwrap();
        fs::remove_dir_all(&other).unwrap();
    };
    std::thread::scope(|scope| {
        let exchanging = scope.spawn(|| (0..500).for_each(|_| exchange()));
        while !exchanging.is_finished() {
            if let Ok(record) = house.store.look(&alice()) {
                assert!(record.enrollment.is_some(), "looked at");
            }
            let mut found = None;
            let decided = house.store.transact(&alice(), &mut |record| {
                found = Some(record.enrollment.is_some());
                Ok(Change::Nothing)
            });
            assert!(decided.is_err() || found == Some(true), "decided about");
        }
    });
}

#[test]
fn threads_that_race_lose_no_change() {
    let house = House::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                // Each with a store of its own, as logins have.
                let store = FileStore::owned_by(&house.path(), me());
                for _ in 0..20 {
                    store
                        .transact(&alice(), &mut |record| Ok(one_more(record)))
                        .unwrap();
                }
            });
        }
        // Whoever looks meanwhile sees what was there at some moment.
        let mut last = 0;
        while last < 160 {
            let (failures, integrity) = house.found();
            assert!(
                failures >= last && integrity == Integrity::Whole,
                "{failures} after {last}, {integrity:?}"
            );
            last = failures;
        }
    });
    assert_eq!(house.found(), (160, Integrity::Whole));
}

#[test]
fn processes_that_race_lose_no_change() {
    const TEST: &str = "store::files::tests::hostile::processes_that_race_lose_no_change";
    if let Some(path) = argument() {
        let store = FileStore::owned_by(Path::new(&path), me());
        for _ in 0..50 {
            store
                .transact(&alice(), &mut |record| Ok(one_more(record)))
                .unwrap();
        }
        return;
    }
    let house = House::new();
    let children: Vec<_> = (0..8)
        .map(|_| {
            command(TEST, house.path().to_str().unwrap())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(house.found(), (400, Integrity::Whole));
}

#[test]
fn given_a_writer_that_is_killed_whatever_it_was_told_is_kept() {
    const TEST: &str =
        "store::files::tests::hostile::given_a_writer_that_is_killed_whatever_it_was_told_is_kept";
    if let Some(path) = argument() {
        let store = FileStore::owned_by(Path::new(&path), me());
        let mut told = std::io::stdout();
        loop {
            let mut number = 0;
            let decided = store.transact(&alice(), &mut |record| {
                number = record.state.elsewhere.failures + 1;
                // Now and then the whole file is written anew, which is another way of writing.
                Ok(if number % 16 == 0 {
                    Change::Enrollment(enrollment("alice"), state(number))
                } else {
                    Change::State(state(number))
                })
            });
            decided.unwrap();
            writeln!(told, "\ntold {number}").unwrap();
        }
    }
    let house = House::with_alice();
    let mut kept = 3;
    for round in 0..12 {
        let mut child = command(TEST, house.path().to_str().unwrap())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let numbers = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("told ")?.parse().ok());
        let mut told: u32 = kept;
        for number in numbers {
            if told == kept {
                // The first one. From now on it is killed at any moment.
                std::thread::sleep(Duration::from_micros(777 * (round + 1)));
                child.kill().unwrap();
            }
            told = number;
        }
        child.wait().unwrap();
        let (failures, integrity) = house.found();
        assert!(
            failures == told || failures == told + 1,
            "told {told}, found {failures}"
        );
        assert_eq!(integrity, Integrity::Whole);
        kept = failures;
    }
}
