//! Whoever calls su or sudo sets its limits, its descriptors, its umask and where it stands. Each of them, at its floor and
//! up from there: who may come in gets in or is denied, nobody else gets in, and no limit ends the host half-way, between
//! what it found out about a code and the record of the try.

#![allow(
    clippy::unwrap_used,
    reason = "an assertion of a test, in a function that several tests share"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nightlatch_tests::{Code, Ended, Person, Stack, World, rounds, sandboxed};

#[test]
fn no_limit_on_memory_ends_the_host_half_way() {
    sandboxed(|world| {
        let alice = ready(world);
        let kib = |kib: std::ops::RangeInclusive<u64>, short: usize, long: usize| -> Vec<u64> {
            kib.step_by(rounds(short, long))
                .map(|kib| kib * 1024)
                .collect()
        };
        // From where the program cannot be loaded to where everything fits.
        under_each(world, &alice, "stack", &kib(0..=1024, 16, 4));
        under_each(world, &alice, "as", &kib(2048..=16 * 1024, 256, 16));
        under_each(world, &alice, "data", &kib(0..=2048, 32, 4));
        under_each(world, &alice, "memlock", &[0, 1, 4096, 65536]);
    });
}

#[test]
fn no_limit_on_memory_ends_the_making_of_a_digest_half_way() {
    sandboxed(|world| {
        let alice = ready(world);
        let bob = world.user("bob").enrolled();
        let (wrong, right) = (&bob.backup_codes()[0], &alice.backup_codes()[0]);
        let codes = || (wrong.clone(), right.clone());
        // A digest takes 19 MiB.
        let values: Vec<_> = (0..=40_u64 << 20)
            .step_by(rounds(2 << 20, 1 << 18))
            .collect();
        for limit in ["as", "data"] {
            under_each_with(world, &alice, limit, &values, &codes);
        }
    });
}

#[test]
fn no_limit_on_anything_else_ends_the_host_half_way() {
    sandboxed(|world| {
        let alice = ready(world);
        under_each(world, &alice, "nofile", &(0..=24).collect::<Vec<_>>());
        under_each(world, &alice, "nproc", &[0, 1, 2, 8]);
        under_each(world, &alice, "fsize", &[0, 1, 4095, 4096, 8191, 8192]);
        under_each(world, &alice, "cpu", &[0, 1, 2]);
        for other in [
            "core",
            "locks",
            "msgqueue",
            "nice",
            "rtprio",
            "rttime",
            "sigpending",
        ] {
            under_each(world, &alice, other, &[0, 1]);
        }
    });
}

#[test]
fn under_the_smallest_stack_that_is_let_through_the_largest_environment_fits_too() {
    sandboxed(|world| {
        let alice = ready(world);
        let environment = format!("FILLING={}", "x".repeat(120 * 1024));
        let below = ["prlimit", "--stack=524288", "env", &environment];
        let [backup, other, ..] = alice.backup_codes() else {
            panic!("backup codes are made")
        };
        for code in [backup, other, &alice.phone().code()] {
            let tries = alice.tries().answers([code]);
            tries.run_below(&below).gives(Code::Success);
        }
    });
}

#[test]
fn a_process_that_has_nearly_used_up_its_time_is_unavailable_before_anything_is_evaluated() {
    sandboxed(|world| {
        let alice = ready(world);
        let mut unavailable = 0;
        for used in [0, 600, 750, 800, 850, 900, 950, 990] {
            // Processor time is counted on through exec.
            let script = format!(
                "import os, sys, time\n\
                 while time.process_time() < {used} / 1000: pass\n\
                 os.execvp(sys.argv[1], sys.argv[1:])"
            );
            let below = ["prlimit", "--cpu=1:1", "python3", "-c", &script];
            let before = record(&alice);
            let tries = alice.tries().answers([alice.phone().code_at(0)]);
            let in_time = match tries.end_below(&below) {
                Ended::Well(outcome) => match outcome.only().code() {
                    Code::Success => true,
                    Code::AuthinfoUnavail => {
                        unavailable += 1;
                        false
                    }
                    other => panic!("{other:?} having used {used} ms"),
                },
                // On its way there or back, but with nothing found out.
                Ended::Killed(_) => false,
                Ended::Badly(said) => panic!("{said}"),
            };
            assert!(in_time || used > 0);
            assert_eq!(record(&alice) != before, in_time, "{used} ms");
            put_back(before);
        }
        println!("{unavailable} of 8 were unavailable");
        assert!(unavailable > 0);
        world.log().says(&["event=unavailable", "RLIMIT_CPU"]);
    });
}

#[test]
fn with_descriptors_closed_in_every_combination_a_right_code_opens_and_a_wrong_one_does_not() {
    sandboxed(|world| {
        let alice = ready(world);
        for digits in ["0", "1", "2", "01", "02", "12", "012"] {
            for (answer, code) in [
                (alice.phone().wrong_code(), Code::AuthErr),
                (alice.phone().code_at(0), Code::Success),
            ] {
                let before = record(&alice);
                let tries = alice.tries().answers([&answer]);
                let outcome = tries.without_descriptors(digits).run();
                outcome.gives(code).leaves_the_host_alone();
                assert_ne!(record(&alice), before, "it is recorded");
                put_back(before);
            }
        }
    });
}

#[test]
fn whatever_the_umask_what_is_kept_is_roots_alone() {
    sandboxed(|world| {
        for (index, umask) in ["0", "0777", "022"].into_iter().enumerate() {
            let with_umask = format!("umask {umask}; exec \"$@\"");
            let below = ["sh", "-c", &with_umask, "sh"];
            // With the first, the store is made too.
            let name = format!("alice{index}");
            world.user(&name);
            let enroll = ["enroll", &name, "--yes", "--json"];
            let enrolled = world.nightlatch_below(&below, &enroll).succeeds().json();
            assert_kept_from_others(STORE.as_ref());

            let backup = enrolled["backup_codes"][0].as_str().unwrap();
            let tries = world.tries_of(&name).answers([backup]);
            tries
                .run_below(&below)
                .gives(Code::Success)
                .leaves_the_host_alone();
            for arguments in [
                &["codes", &name, "--json"][..],
                &["enroll", &name, "--replace", "--yes", "--json"],
                &["unlock", &name, "--fresh-state"],
                &["remove", &name, "--yes"],
                &enroll,
            ] {
                let _ = world.nightlatch_below(&below, arguments).succeeds();
                assert_kept_from_others(STORE.as_ref());
            }
        }
    });
}

#[test]
fn where_the_working_directory_is_gone_a_right_code_opens_and_somebody_can_be_enrolled() {
    sandboxed(|world| {
        let gone = "mkdir /run/gone && cd /run/gone && rmdir /run/gone && exec \"$@\"";
        let below = ["sh", "-c", gone, "sh"];
        let alice = ready(world);
        world.user("bob");
        let tries = alice.tries().answers([alice.phone().code()]);
        tries
            .run_below(&below)
            .gives(Code::Success)
            .leaves_the_host_alone();
        let enroll = ["enroll", "bob", "--yes", "--json"];
        let _ = world.nightlatch_below(&below, &enroll).succeeds();
    });
}

#[test]
fn su_for_real_lets_in_or_denies_whatever_its_caller_sets() {
    sandboxed(|world| {
        let alice = ready(world);
        let mallory = world.user("mallory");
        world.host_stack("su", Stack::CodeOnly(""));
        // su waits after a refusal of its own accord.
        fs::write("/etc/login.defs", "FAIL_DELAY 0\n").unwrap();
        let su = ["su", "alice", "-c", "true"];
        under_whatever_its_caller_sets(world, &alice, &mallory, &su);
    });
}

#[test]
fn sudo_for_real_lets_in_or_denies_whatever_its_caller_sets() {
    sandboxed(|world| {
        let alice = ready(world);
        world.host_stack("sudo", Stack::CodeOnly(""));
        alice.may_sudo();
        let sudo = ["sudo", "-k", "-S", "true"];
        under_whatever_its_caller_sets(world, &alice, &alice, &sudo);
    });
}

/// Has a program that runs as root called by `caller`, for `person` to log in, with a wrong and with the right code.
fn under_whatever_its_caller_sets(
    world: &World,
    person: &Person<'_>,
    caller: &Person<'_>,
    program: &[&str],
) {
    let mut seen = BTreeMap::<_, usize>::new();
    for below in what_a_caller_can_set() {
        let words: Vec<_> = below
            .iter()
            .map(String::as_str)
            .chain(program.iter().copied())
            .collect();
        let came = |answer: &str| {
            let before = record(person);
            let run = caller.calls(&TRACING, &words, answer);
            let came = match run.status {
                Some(0) => Came::In,
                Some(_) => Came::Denied,
                None if is_half_way(&words) => {
                    println!("{words:?}: {run:?}");
                    Came::HalfWay
                }
                None => Came::NotBegun,
            };
            let _ = world.nightlatch(&["status", person.name()]).succeeds();
            let charged = record(person) != before;
            put_back(before);
            (came, charged)
        };
        let wrong = came(&person.phone().wrong_code());
        let right = came(&person.phone().code_at(0));
        assert_ne!(wrong.0, Came::In, "{words:?}");
        if right.0 == Came::In {
            assert!(wrong.1, "{words:?}: codes can be tried for nothing");
        }
        *seen.entry(right.0).or_default() += 1;
    }
    println!("{program:?}: {seen:?}");
    assert!(!seen.contains_key(&Came::HalfWay), "{seen:?}");
    assert!(seen[&Came::In] > 10, "{seen:?}");
}

/// Words before a program, each of which sets one thing.
fn what_a_caller_can_set() -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let kib = |kib: &[u64]| kib.iter().map(|kib| kib * 1024).collect::<Vec<_>>();
    for (limit, values) in [
        ("as", kib(&[2048, 4096, 6144, 8192, 12288, 65536])),
        ("core", vec![0]),
        ("cpu", vec![0, 1]),
        ("data", kib(&[0, 64, 128, 256, 512, 1024])),
        ("fsize", vec![0, 1, 4096, 8191, 8192]),
        ("memlock", vec![0]),
        ("nofile", (0..16).step_by(rounds(3, 1)).collect()),
        ("nproc", vec![0, 1]),
        ("stack", kib(&[16, 32, 64, 128, 256, 512])),
    ] {
        for value in values {
            all.push(vec![
                "prlimit".to_owned(),
                format!("--{limit}={value}:{value}"),
            ]);
        }
    }
    for first in [
        "exec 0<&-",
        "exec 1>&-",
        "exec 2>&-",
        "exec 0<&- 1>&-",
        "exec 0<&- 2>&-",
        "exec 1>&- 2>&-",
        "exec 0<&- 1>&- 2>&-",
        "umask 0",
        "umask 0777",
        "mkdir /dev/shm/gone && cd /dev/shm/gone && rmdir /dev/shm/gone",
    ] {
        let script = format!("{first}; exec \"$@\"");
        all.push(["sh", "-c", &script, "sh"].map(str::to_owned).to_vec());
    }
    all
}

/// alice, enrolled, on a machine that lets everybody try once a login and often.
fn ready(world: &World) -> Person<'_> {
    world.configure(
        "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n[throttle]\nfree_failures = 19\n",
    );
    world.user("alice").enrolled()
}

/// Tries a wrong code and the right one under each of these values of the limit, each time with the same record.
fn under_each(world: &World, alice: &Person<'_>, limit: &str, values: &[u64]) {
    let codes = || (alice.phone().wrong_code(), alice.phone().code_at(0));
    under_each_with(world, alice, limit, values, &codes);
}

/// The same with other codes: a wrong one and a right one.
fn under_each_with(
    world: &World,
    alice: &Person<'_>,
    limit: &str,
    values: &[u64],
    codes: &dyn Fn() -> (String, String),
) {
    let mut seen = BTreeMap::<_, usize>::new();
    for value in values {
        let limited = format!("--{limit}={value}:{value}");
        let (wrong, right) = codes();
        let wrong = under(world, alice, &limited, &wrong);
        let right = under(world, alice, &limited, &right);
        assert_ne!(wrong.came, Came::In, "{limited}");
        // Or codes could be tried for nothing until one is right.
        if right.came == Came::In {
            assert_eq!(
                (wrong.came, wrong.charged),
                (Came::Refused, true),
                "{limited}"
            );
        }
        if right.charged {
            assert_eq!(right.came, Came::In, "{limited} spends a right code");
        }
        *seen.entry(right.came).or_default() += 1;
    }
    println!("{limit}: {seen:?}");
    assert!(!seen.contains_key(&Came::HalfWay), "{limit}: {seen:?}");
}

/// What came of one try under a limit.
#[derive(Debug)]
struct Tried {
    came: Came,
    /// Whether the record says that there was one.
    charged: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    /// Success.
    In,
    /// The answer was not right.
    Refused,
    /// Another error of PAM.
    Denied,
    /// The program did not start, or did not come as far as the module.
    NotBegun,
    /// The program ended in the module's hands.
    HalfWay,
}

fn under(world: &World, alice: &Person<'_>, limited: &str, answer: &str) -> Tried {
    let before = record(alice);
    let below = [&TRACING[..], &["prlimit", limited]].concat();
    let ended = alice.tries().answers([answer]).end_below(&below);
    let came = match &ended {
        Ended::Well(outcome) => match outcome.only().code() {
            Code::Success => Came::In,
            Code::AuthErr => Came::Refused,
            _ => Came::Denied,
        },
        Ended::Badly(_) | Ended::Killed(_) => {
            if is_half_way(&below) {
                println!("{limited}: {ended:?}");
                Came::HalfWay
            } else {
                Came::NotBegun
            }
        }
    };
    let _ = world.nightlatch(&["status", "alice"]).succeeds();
    let charged = record(alice) != before;
    put_back(before);
    Tried { came, charged }
}

/// Whether the program that was traced, below these words, had come as far as the module's own work.
fn is_half_way(words: &[&str]) -> bool {
    let calls = fs::read_to_string(TRACE).unwrap_or_default();
    if words.iter().any(|word| word.starts_with("--cpu=")) {
        // That limit kills wherever the program is, but nobody may have come as far as the lock.
        calls.contains("LOCK_EX")
    } else {
        // The first that the module opens is the configuration, component by component.
        calls.contains("\"nightlatch\"")
    }
}

/// What is known of alice's log-ins, file by file.
fn record(alice: &Person<'_>) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = alice.state_files().into_iter();
    files
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

/// Writes it back, into the same files.
fn put_back(record: BTreeMap<PathBuf, Vec<u8>>) {
    for (path, bytes) in record {
        fs::write(path, bytes).unwrap();
    }
}

/// Asserts of all that is in the store that it belongs to root and that the owner alone may do anything with it.
fn assert_kept_from_others(path: &Path) {
    let metadata = fs::symlink_metadata(path).unwrap();
    let mode = if metadata.is_dir() { 0o700 } else { 0o600 };
    assert_eq!(metadata.mode() & 0o7777, mode, "{}", path.display());
    assert_eq!(
        (metadata.uid(), metadata.gid()),
        (0, 0),
        "{}",
        path.display()
    );
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            assert_kept_from_others(&entry.unwrap().path());
        }
    }
}

const STORE: &str = "/var/lib/nightlatch";
const TRACE: &str = "/run/trace";
const TRACING: [&str; 6] = [
    "strace",
    "-qq",
    "-o",
    TRACE,
    "-e",
    "trace=openat,flock,pwrite64",
];
