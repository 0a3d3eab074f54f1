//! Another account on the host runs su for somebody and freezes it: by a control group of its own, which asks for no
//! credentials, at any moment, above all while the lock is held. Here root stops the process, which is the same to it.

use std::thread;
use std::time::{Duration, Instant};

use nightlatch_tests::{Call, Code, Person, Pid, Stack, Terminal, Tries, World, rounds, sandboxed};

#[test]
fn whoever_is_frozen_wherever_they_hold_the_lock_keeps_nobody_out() {
    sandboxed(|world| {
        world.configure(QUICK);
        let calls = under_the_lock(&enrolled(world, 0));
        println!("frozen after each of {} calls", calls.len());
        let count = rounds(calls.len(), 1000);
        let each: Vec<_> = (1..=count)
            .zip(calls.iter().cycle())
            .map(|(number, call)| (enrolled(world, number), call))
            .collect();
        let mut waits = Vec::new();
        for some in each.chunks(AT_ONCE) {
            thread::scope(|scope| {
                let at_once: Vec<_> = some
                    .iter()
                    .map(|(person, call)| scope.spawn(|| gets_in_past_a_frozen_one(person, call)))
                    .collect();
                waits.extend(at_once.into_iter().map(|one| one.join().unwrap()));
            });
        }
        let slowest = waits.iter().max();
        println!(
            "{} of {count} got in, the slowest after {slowest:?}",
            waits.len()
        );
    });
}

/// How long it took.
fn gets_in_past_a_frozen_one(person: &Person<'_>, call: &Call) -> Duration {
    let code = person.phone().code();
    let start = Instant::now();
    let mut took = Duration::ZERO;
    let late = call.stopping(
        |wrapper| wrong(person).run_below(wrapper),
        || {
            person.gets_in_with(&code);
            took = start.elapsed();
            // The program itself waits five seconds at most.
            assert!(took < Duration::from_secs(5), "{call:?}: {took:?}");
        },
    );
    // It was refused, or could not be told; and what happened meanwhile stands.
    let late = late.only().code();
    assert!(
        matches!(late, Code::AuthErr | Code::AuthinfoUnavail),
        "{late:?} after {call:?}"
    );
    person.is_kept_out_with(&code);
    let files = person.state_files();
    assert_eq!(files.len(), 1, "{call:?}: {files:?}");
    took
}

#[test]
fn one_after_the_other_frozen_with_the_lock_keep_nobody_out() {
    sandboxed(|world| {
        world.configure(QUICK);
        let alice = enrolled(world, 1);
        let calls = under_the_lock(&alice);
        let first = &calls[0];
        let code = alice.phone().code();
        let frozen = |meanwhile: &mut dyn FnMut()| {
            let late = first.stopping(|wrapper| wrong(&alice).run_below(wrapper), meanwhile);
            late.gives(Code::AuthErr);
        };
        frozen(&mut || frozen(&mut || frozen(&mut || alice.gets_in_with(&code))));
        alice.is_kept_out_with(&code);
        assert_eq!(alice.state_files().len(), 1);
    });
}

#[test]
fn given_a_frozen_su_of_somebody_else_its_victim_logs_in_becomes_herself_and_is_administered() {
    sandboxed(|world| {
        world.configure(QUICK);
        world.host_stack("sshd", Stack::PasswordAndCode);
        world.host_stack("su", Stack::CodeOnly(""));
        let mut alice = world.user("alice").enrolled();
        world.user("bob");
        for meanwhile in [
            (&|alice: &mut Person<'_>| {
                let code = alice.phone().code();
                alice.ssh().answers(&code).is_let_in();
            }) as &dyn Fn(&mut Person<'_>),
            &|alice| {
                // As her own su or sudo: its caller could stop it too, and waits longer.
                let mut su =
                    Terminal::run("setpriv", &["--ruid=alice", "su", "alice", "-c", "echo in"]);
                su.expect("Verification code: ");
                su.type_line(&alice.backup_codes()[0]);
                su.expect("\r\nin");
            },
            &|_| does(world, &["unlock", "alice"]),
            &|_| does(world, &["codes", "alice"]),
            &|alice| alice.enroll_again(),
            &|_| does(world, &["remove", "alice", "--yes"]),
        ] {
            let mut su = Terminal::run("strace", &FROZEN_SU);
            su.expect("Verification code: ");
            su.type_line("000000");
            su.expect("stopped by SIGSTOP");
            let start = Instant::now();
            meanwhile(&mut alice);
            let took = start.elapsed();
            assert!(took < Duration::from_secs(5), "{took:?}");
            Pid::of_the_child_of(FROZEN_SU[0]).signal("CONT");
            // It goes on from what there is now.
            su.expect("Not accepted.");
            if alice.enrollment().is_some() {
                does(world, &["unlock", "alice"]);
            }
        }
    });
}

fn does(world: &World, arguments: &[&str]) {
    let _ = world.nightlatch(arguments).succeeds();
}

/// A login with a wrong code.
fn wrong(person: &Person<'_>) -> Tries {
    person.tries().always_answers(person.phone().wrong_code())
}

/// The calls that a login makes from getting the lock to giving it back.
fn under_the_lock(person: &Person<'_>) -> Vec<Call> {
    let calls = Call::traced(|wrapper| {
        let _ = wrong(person).run_below(wrapper);
    });
    let locking: Vec<_> = (0..calls.len())
        .filter(|&index| calls[index].locks())
        .collect();
    let [got, freed] = locking[..] else {
        panic!("it is locked once: {calls:#?}")
    };
    calls[got..freed].to_vec()
}

fn enrolled(world: &World, number: usize) -> Person<'_> {
    world.passing_user(&format!("person{number}")).enrolled()
}

/// Nothing waits but for a lock.
const QUICK: &str = "[login]\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n";

/// bob's su of alice, stopped once it has the lock.
const FROZEN_SU: [&str; 10] = [
    "--user=bob",
    "-qq",
    "-e",
    "trace=flock",
    "-e",
    "inject=flock:signal=SIGSTOP:when=1",
    "su",
    "alice",
    "-c",
    "true",
];

/// So many are frozen at once.
const AT_ONCE: usize = 20;
