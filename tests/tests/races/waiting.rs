//! Logins that wait for a lock while what it locks goes away.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::Duration;

use nightlatch_tests::{Code, Outcome, Person, STORE, Stack, World, nightlatch, sandboxed};

use crate::administrators::QUICK;

#[test]
fn whoever_waits_for_a_directory_that_is_exchanged_goes_on_with_the_new_one() {
    sandboxed(|world| {
        world.configure(QUICK);
        let mut alice = world.user("alice").enrolled();
        let old = alice.phone().code_at(0);
        let directory = alice.directory();
        let [aside, new] = ["aside", "new"].map(|name| Path::new(STORE).join(name));
        fs::rename(&directory, &aside).unwrap();
        alice.enroll();
        fs::rename(&directory, &new).unwrap();
        fs::rename(&aside, &directory).unwrap();

        let code = alice.phone().code_at(0);
        let outcome = while_locked(world, &mut alice, &[&old, &code], |_| {
            fs::rename(&directory, &aside).unwrap();
            fs::rename(&new, &directory).unwrap();
            fs::remove_dir_all(&aside).unwrap();
        });
        assert_eq!(outcome.successes(), 1, "{:#?}", world.log().with("event="));
        let log = world.log();
        assert_eq!(log.with("reason=wrong").len(), WAITING / 2);
        assert_eq!(log.with("reason=replayed").len(), WAITING / 2 - 1);
    });
}

#[test]
fn whoever_waits_for_somebody_who_is_removed_is_told_like_everybody() {
    sandboxed(|world| {
        world.configure(QUICK);
        let mut alice = world.user("alice").enrolled();
        let old = alice.phone().code_at(0);
        while_locked(world, &mut alice, &[&old], |alice| alice.is_forgotten()).gives(Code::AuthErr);
        let told = world.log().with("reason=not-enrolled").len();
        assert_eq!(told, WAITING);
    });
}

#[test]
fn whoever_waits_for_a_store_that_is_made_again_goes_on_with_the_new_one() {
    sandboxed(|world| {
        world.configure(QUICK);
        let mut alice = world.user("alice").enrolled();
        let old = alice.phone().code_at(0);
        let outcome = while_locked(world, &mut alice, &[&old], |alice| {
            let _ = world.shell("rm -rf /var/lib/nightlatch");
            alice.enroll();
        });
        for login in &outcome.logins {
            // For a moment there was no store.
            let code = login.code();
            assert!(
                matches!(code, Code::AuthErr | Code::AuthinfoUnavail),
                "{login:#?}"
            );
        }
        alice.gets_in_with(alice.phone().code_at(0));
        let _ = nightlatch(&["list"]).succeeds();
    });
}

/// Somebody sits on the lock of the person's state and never lets it go, and many logins wait for it, when `change` is made.
fn while_locked<'w>(
    world: &World,
    person: &mut Person<'w>,
    codes: &[&str],
    change: impl FnOnce(&mut Person<'w>),
) -> Outcome {
    let state = person.state_files().remove(0);
    let held = File::options().write(true).open(state).unwrap();
    held.lock().unwrap();
    let mut tries = person.tries().at_once(WAITING);
    for code in codes {
        tries = tries.answers([code]);
    }
    world.stack("door", Stack::CodeOnly("debug"));
    let logins = thread::spawn(move || tries.run());
    while world.log().with("event=began").len() < WAITING {
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_millis(200));
    change(person);
    let outcome = logins.join().unwrap();
    for login in &outcome.logins {
        assert!(
            login.last_wait < Duration::from_secs(4),
            "nobody waits for a lock that is no more: {login:#?}"
        );
    }
    outcome
}

const WAITING: usize = 8;
