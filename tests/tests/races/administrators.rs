//! Several administrators who enroll one person at the same moment.

use std::thread;

use nightlatch_tests::{Person, Phone, Run, nightlatch, rounds, sandboxed};

use crate::history::backup_codes;

#[test]
fn of_several_that_enroll_one_person_at_once_exactly_one_does() {
    sandboxed(|world| {
        world.configure(QUICK);
        let mut alice = world.user("alice");
        for round in 0..rounds(6, 1000) {
            let runs = at_once(4, &["enroll", "alice", "--yes", "--json"]);
            let (kept, refused): (Vec<_>, Vec<_>) =
                runs.into_iter().partition(|run| run.status == Some(0));
            assert_eq!(kept.len(), 1, "round {round}: {kept:#?} {refused:#?}");
            for run in refused {
                let run = run.is_refused();
                assert!(run.stderr.contains("is enrolled already"), "{run:#?}");
                assert_eq!(run.stdout, "", "what is not kept is not shown");
            }
            takes(&mut alice, &kept[0]);
            alice.gets_in_with(alice.phone().code_at(0));
            alice.gets_in_with(&alice.backup_codes()[0]);
            if round % 2 == 0 {
                let _ = nightlatch(&["remove", "alice", "--yes"]).succeeds();
            } else {
                alice.is_forgotten();
            }
        }
    });
}

#[test]
fn of_several_that_replace_an_enrollment_at_once_one_is_the_last_and_holds() {
    sandboxed(|world| {
        world.configure(QUICK);
        let mut alice = world.user("alice").enrolled();
        for round in 0..rounds(4, 1000) {
            let old = alice.phone().code_at(0);
            let runs = at_once(4, &["enroll", "alice", "--replace", "--yes", "--json"]);
            let mut opened = 0;
            for run in runs {
                let run = run.succeeds();
                takes(&mut alice, &run);
                let code = alice.phone().code_at(0);
                let holds = alice.tries().answers([&code]).run().successes() == 1;
                let backup = &alice.backup_codes()[0];
                let backup_holds = alice.tries().answers([backup]).run().successes() == 1;
                assert_eq!(holds, backup_holds, "a phone and its codes go together");
                opened += usize::from(holds);
            }
            assert_eq!(opened, 1, "round {round}");
            let tries = alice.tries().answers([old]);
            assert_eq!(tries.run().successes(), 0, "the old phone has ended");
            // Wrong codes were given, and whoever held last is not known to this test.
            alice.enroll_again();
            let _ = nightlatch(&["unlock", "alice"]).succeeds();
        }
    });
}

/// Starts the same command so many times at once.
fn at_once(count: usize, arguments: &[&str]) -> Vec<Run> {
    thread::scope(|scope| {
        let runs: Vec<_> = (0..count)
            .map(|_| scope.spawn(|| nightlatch(arguments)))
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

/// Gives the person what this `enroll --json` printed.
fn takes(person: &mut Person<'_>, run: &Run) {
    let json = run.json();
    let phone = Phone::scanning(json["uri"].as_str().unwrap());
    person.takes_phone(phone, backup_codes(run));
}

pub const QUICK: &str = "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n\
                         [backup_codes]\ncount = 2\n[throttle]\nfree_failures = 19\n";
