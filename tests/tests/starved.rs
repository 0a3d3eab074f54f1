//! Another account on the host runs su for somebody, again and again and many at once, and gives those processes as little
//! of the processor and the disk as it can, so that each holds the lock for as long as possible. The person logs in
//! meanwhile, every time, and is enrolled anew.

#![allow(
    clippy::expect_used,
    reason = "an assertion of a test, in what it is made of"
)]

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nightlatch_tests::{Code, Person, Stack, World, rounds, sandboxed};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

#[test]
fn whoever_gets_hardly_any_time_while_they_hold_the_lock_keeps_nobody_out() {
    sandboxed(|world| {
        world.configure(
            "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\nrhost_from = [\"door\"]\n\
             [throttle]\nfree_failures = 19\n",
        );
        world.host_stack("su", Stack::CodeOnly(""));
        // su waits after a refusal of its own accord.
        fs::write("/etc/login.defs", "FAIL_DELAY 0\n").expect("/etc is ours");
        let mut alice = world.user("alice").enrolled();
        let mallory = world.user("mallory");
        // From then on she is known here, and strangers' failures are not hers.
        gets_in(&alice, 0);

        let cpu = first_cpu();
        let pinned = ["taskset", "--cpu-list", &cpu];
        let idle = ["chrt", "--idle", "0"];
        let mut ways_that_tried = 0;
        for how in [
            &["nice", "-n", "19"][..],
            &["ionice", "-c", "3"],
            &idle,
            &pinned,
            &[&pinned[..], &["nice", "-n", "19"]].concat(),
            &[&pinned[..], &idle[..]].concat(),
        ] {
            let _hogs = Crowd::of(&mallory, 2, &pinned, BURSTS);
            let _callers = Crowd::of(
                &mallory,
                CALLERS,
                how,
                "while :; do echo 000000 | su alice -c true; done",
            );
            let tried_before = tries_of_mallory(world);
            wait_a_while_for(|| tries_of_mallory(world) > tried_before);
            let watch = LockWatch::begin();
            let (mut slowest, mut enrolling) = (Duration::ZERO, Duration::ZERO);
            for _ in 0..rounds(1, 10) {
                enrolling = enrolling.max(time_of(|| alice.enroll_again()));
                for number in 0..alice.backup_codes().len() {
                    // Or mallory's tries would soon be refused without a write.
                    let _ = world.nightlatch(&["unlock", "alice"]).succeeds();
                    slowest = slowest.max(time_of(|| gets_in(&alice, number)));
                }
            }
            let logins = rounds(1, 10) * alice.backup_codes().len();
            let tried = tries_of_mallory(world) - tried_before;
            println!(
                "{how:?}: {logins} logins, the slowest took {slowest:?}, enrolling {enrolling:?}; {tried} tries of \
                 mallory's, who held a lock for up to {:?}",
                watch.end()
            );
            ways_that_tried += usize::from(tried > 0);
            assert!(slowest < Duration::from_secs(5), "{how:?}: {slowest:?}");
        }
        // Whoever gets no time at all never comes as far as the lock; that is not what most of these ways do.
        assert!(ways_that_tried >= 5, "{ways_that_tried} of 6");
    });
}

/// Asserts that one of her codes lets her in, as sshd would ask for it.
fn gets_in(alice: &Person<'_>, number: usize) {
    let tries = alice.tries().from("192.0.2.7");
    let outcome = tries.answers([&alice.backup_codes()[number]]).run();
    outcome.gives(Code::Success);
}

/// Until something is so, but not for ever.
fn wait_a_while_for(so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !so() && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
}

fn time_of(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// How often mallory's tries have come to an end.
fn tries_of_mallory(world: &World) -> usize {
    world.log().with("service=\"su\"").len()
}

/// Looks every now and then who holds a lock.
struct LockWatch {
    goes_on: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl LockWatch {
    fn begin() -> Self {
        let goes_on = Arc::new(AtomicBool::new(true));
        let still = Arc::clone(&goes_on);
        let thread = thread::spawn(move || {
            let (mut holder, mut since) = (None, Instant::now());
            let mut longest = Duration::ZERO;
            while still.load(Ordering::Relaxed) {
                let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
                // `1: FLOCK  ADVISORY  WRITE 4711 00:2f:12345 0 EOF`
                let now = locks
                    .lines()
                    .find_map(|line| line.split_once("FLOCK  ADVISORY  WRITE "))
                    .and_then(|(_, rest)| Some(rest.split_once(' ')?.0.to_owned()));
                if now != holder || now.is_none() {
                    (holder, since) = (now, Instant::now());
                }
                longest = longest.max(since.elapsed());
                thread::sleep(Duration::from_millis(2));
            }
            longest
        });
        Self { goes_on, thread }
    }

    /// How long the same process held one at the longest, as far as it was seen.
    fn end(self) -> Duration {
        self.goes_on.store(false, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// The first processor that we may use.
fn first_cpu() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let allowed = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .unwrap_or("0");
    let first = allowed.trim().split([',', '-']).next();
    first.unwrap_or("0").to_owned()
}

/// Many processes that do the same for as long as this lives.
struct Crowd(Vec<Child>);

impl Crowd {
    /// Has `person` run the script so many times at once, below these words.
    fn of(person: &Person<'_>, count: usize, below: &[&str], script: &str) -> Self {
        let uid = person.uid().to_string();
        let start = || {
            Command::new("setpriv")
                .args(["--reuid", &uid, "--regid", &uid, "--clear-groups"])
                .args(below)
                .args(["sh", "-c", script])
                .current_dir("/")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0)
                .spawn()
                .expect("`setpriv` does not run: install util-linux")
        };
        Self((0..count).map(|_| start()).collect())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // The group too: what a shell has started outlives it.
            let group = Pid::from_raw(child.id().cast_signed());
            let _ = killpg(group, Signal::SIGKILL);
            let _ = child.wait();
        }
    }
}

const CALLERS: usize = 8;

/// Takes a processor away for a second, now and then: whoever came as far as the lock in the pauses stays there.
const BURSTS: &str = "while :; do timeout 1 sh -c 'while :; do :; done'; sleep 0.1; done";
