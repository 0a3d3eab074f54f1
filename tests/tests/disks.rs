//! Hosts and disks that are not as they should be: full, read-only, limited, without standard descriptors.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nightlatch_tests::{Code, Disk, World, sandboxed};

#[test]
fn given_a_full_tmpfs_a_right_code_still_opens_and_nobody_is_enrolled_by_halves() {
    sandboxed(|world| {
        let disk = Disk::in_memory(STORE);
        given_a_full_disk(world, &disk);
    });
}

#[test]
fn given_a_full_ext4_a_right_code_still_opens_and_nobody_is_enrolled_by_halves() {
    sandboxed(|world| given_a_full_disk_of(world, "ext4", &Disk::ext4(STORE)));
}

#[test]
fn given_a_full_xfs_a_right_code_still_opens_and_nobody_is_enrolled_by_halves() {
    sandboxed(|world| given_a_full_disk_of(world, "xfs", &Disk::xfs(STORE)));
}

#[test]
fn given_a_full_btrfs_that_overwrites_in_place_a_right_code_still_opens() {
    sandboxed(|world| given_a_full_disk_of(world, "btrfs", &Disk::btrfs(STORE)));
}

fn given_a_full_disk_of(world: &World, kind: &str, disk: &Disk) {
    let mounts = fs::read_to_string("/proc/mounts");
    let here = format!("{STORE} {kind} ");
    assert!(
        mounts.as_ref().is_ok_and(|mounts| mounts.contains(&here)),
        "{mounts:?}"
    );
    given_a_full_disk(world, disk);
}

fn given_a_full_disk(world: &World, disk: &Disk) {
    let alice = world.user("alice").enrolled();
    world.user("bob");
    disk.fill();
    let people = world.nightlatch(&["list", "--json"]).succeeds().stdout;
    let before = disk.contents();
    for (arguments, changed) in [
        (&["enroll", "bob", "--yes", "--json"][..], &[][..]),
        // The state is written first, in place: it holds the old entries and the new, and fits both.
        (
            &["enroll", "alice", "--yes", "--json", "--replace"],
            &["users/alice/state.1"],
        ),
        (&["codes", "alice", "--json"], &["users/alice/state.1"]),
    ] {
        let refused = world.nightlatch(arguments).is_refused();
        assert_eq!(refused.stdout, "", "what is not kept is not shown");
        let after = disk.contents();
        let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let differing: Vec<_> = names
            .into_iter()
            .filter(|name| before.get(*name) != after.get(*name))
            .collect();
        let expected: Vec<_> = changed
            .iter()
            .map(|name| Path::new(STORE).join(name))
            .collect();
        assert_eq!(
            differing,
            expected.iter().collect::<Vec<_>>(),
            "{arguments:?}"
        );
    }
    let after = world.nightlatch(&["list", "--json"]).succeeds();
    assert_eq!(after.stdout, people);

    let code = alice.phone().code();
    alice.gets_in_with(&code);
    alice.is_kept_out_with(&code);
    alice.gets_in_with(&alice.backup_codes()[0]);
    alice.is_kept_out_with(&alice.backup_codes()[0]);
}

#[test]
fn a_store_that_cannot_be_written_is_unavailable_and_spends_nothing() {
    sandboxed(|world| given_a_read_only_disk(world, &Disk::in_memory(STORE)));
}

#[test]
fn a_store_on_a_read_only_ext4_is_unavailable_and_spends_nothing() {
    sandboxed(|world| given_a_read_only_disk(world, &Disk::ext4(STORE)));
}

#[test]
fn a_store_on_a_read_only_xfs_is_unavailable_and_spends_nothing() {
    sandboxed(|world| given_a_read_only_disk(world, &Disk::xfs(STORE)));
}

fn given_a_read_only_disk(world: &World, disk: &Disk) {
    let alice = world.user("alice").enrolled();
    let code = alice.phone().code();
    disk.remount("ro");
    for answer in [&code, &alice.phone().wrong_code()] {
        alice
            .tries()
            .always_answers(answer)
            .run()
            .gives(Code::AuthinfoUnavail)
            .asking(3)
            .leaves_the_host_alone();
    }
    let log = world.log();
    log.says(&["event=unavailable", "user=\"alice\"", STORE]);
    disk.remount("rw");
    alice.gets_in_with(&code);
}

#[test]
fn a_limit_on_file_sizes_below_the_states_is_unavailable_and_kills_nobody() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let code = alice.phone().code();
        for bytes in [0, 1, 4096, 8191] {
            let limit = format!("--fsize={bytes}:{bytes}");
            for answer in [&code, &alice.phone().wrong_code()] {
                // That the driver ends well is asserted with every run.
                alice
                    .tries()
                    .always_answers(answer)
                    .run_below(&["prlimit", &limit])
                    .gives(Code::AuthinfoUnavail)
                    .asking(3);
            }
        }
        world.log().says(&["event=unavailable", "RLIMIT_FSIZE"]);
        let tries = alice.tries().answers([&code]);
        tries
            .run_below(&["prlimit", "--fsize=8192:8192"])
            .gives(Code::Success);
    });
}

#[test]
fn a_limit_on_memory_is_unavailable_before_anything_is_charged_and_kills_nobody() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let wrong = alice.phone().wrong_code();
        let mut unavailable = 0;
        // That the driver lives is asserted with every run.
        for room in (0..=256).step_by(4).map(|kib| kib * 1024) {
            let outcome = alice
                .tries()
                .always_answers(&wrong)
                .with_room_for(room)
                .run();
            match outcome.only().code() {
                Code::AuthinfoUnavail => unavailable += 1,
                Code::AuthErr => {}
                other => panic!("{other:?} with room for {room} bytes"),
            }
        }
        println!("{unavailable} of 65 were unavailable");
        assert!((1..65).contains(&unavailable));
        world
            .log()
            .says(&["event=unavailable", "too little memory"]);
    });
}

#[test]
fn a_host_without_standard_descriptors_gets_none_of_the_stores_in_their_place() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let trace = "/run/trace";
        let tracing = [
            "strace",
            "-qq",
            "-o",
            trace,
            "-e",
            "trace=openat,openat2,fcntl,flock,pread64,pwrite64,fsync,fdatasync",
        ];
        alice
            .tries()
            .without_standard_descriptors()
            .answers([alice.phone().wrong_code(), alice.phone().code()])
            .run_below(&tracing)
            .gives(Code::Success)
            .asking(2)
            .leaves_the_host_alone();

        let trace = fs::read_to_string(trace).unwrap();
        // It did have to step aside: what is opened first gets the lowest number that is free.
        assert!(
            trace
                .lines()
                .any(|line| line.starts_with("openat(AT_FDCWD, \"/\"") && line.ends_with("= 0")),
            "{trace}"
        );
        for call in ["flock", "pread64", "pwrite64"] {
            let used: Vec<u32> = trace
                .lines()
                .filter_map(|line| line.strip_prefix(call)?.strip_prefix('(')?.split_once(','))
                .map(|(descriptor, _)| descriptor.parse().unwrap())
                .collect();
            assert!(!used.is_empty(), "{call} was seen:\n{trace}");
            assert!(
                used.iter().all(|&number| number > 2),
                "{call} {used:?}:\n{trace}"
            );
        }
    });
}

const STORE: &str = "/var/lib/nightlatch";
