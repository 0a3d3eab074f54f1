//! One code that is read out on the telephone: what it opens, when it ends, and who is told of it.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

use nightlatch_tests::{Code, Person, Stack, World, sandboxed};
use serde_json::{Value, json};

/// A temporary code for alice.
fn temporary(world: &World) -> String {
    let made = world
        .nightlatch(&["codes", "alice", "--temporary", "--json"])
        .succeeds();
    made.json()["temporary_code"].as_str().unwrap().to_owned()
}

fn status(world: &World) -> Value {
    let status = world.nightlatch(&["status", "alice", "--json"]);
    status.succeeds().json()
}

/// What is said beside the questions when this opens the door.
fn told_with(person: &Person<'_>, answer: &str) -> String {
    let outcome = person.tries().answers([answer]).run();
    outcome.gives(Code::Success).asking(1);
    outcome.only().notices().concat()
}

/// What is said of an answer that is refused.
fn refused_with(person: &Person<'_>, answer: &str) -> String {
    let outcome = person.tries().answers([answer]).run();
    outcome.gives(Code::ConvErr).asking(2);
    outcome.only().questions()[1].to_owned()
}

#[test]
fn it_lets_somebody_in_through_ssh_once_and_its_owner_is_told() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        let alice = world.user("alice").enrolled();
        let code = temporary(world);
        world
            .log()
            .says(&["event=temporary-code-made user=\"alice\" by=\"root\" expires="]);
        world.log().never_says(&code);
        let session = alice.ssh().answers(&code.to_lowercase()).is_let_in();
        assert!(
            session.transcript().contains("Temporary code accepted."),
            "{}",
            session.transcript()
        );
        world
            .log()
            .says(&["event=accepted user=\"alice\"", "factor=temporary-code"]);
        alice.ssh().answers(&code).is_refused();
        let session = alice.ssh().answers(&alice.phone().code()).is_let_in();
        assert!(
            session
                .transcript()
                .contains("A temporary code that your administrator made for you was used"),
            "{}",
            session.transcript()
        );
    });
}

#[test]
fn what_became_of_it_is_told_until_its_owner_knows() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let code = temporary(world);
        assert_eq!(status(world)["temporary_code"]["used"], Value::Null);
        let told = told_with(&alice, &alice.phone().code());
        assert!(told.contains("made a temporary code for you"), "{told}");
        assert_eq!(told_with(&alice, &alice.phone().code()), "");
        let told = told_with(&alice, &code);
        assert!(told.starts_with("Temporary code accepted."), "{told}");
        let said = refused_with(&alice, &code);
        assert!(said.contains("already used"), "{said}");
        assert_eq!(
            status(world)["temporary_code"]["used"]["place"],
            json!("elsewhere")
        );
        // The next one says so, too.
        let made = world
            .nightlatch(&["codes", "alice", "--temporary"])
            .succeeds();
        assert!(made.stdout.contains("from before was used at"), "{made:#?}");
    });
}

#[test]
fn that_it_was_used_is_told_though_an_administrator_was_there_meanwhile() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let code = temporary(world);
        alice.gets_in_with(&code);
        let cancelled = world
            .nightlatch(&["codes", "alice", "--temporary", "--cancel"])
            .is_refused();
        assert!(cancelled.stderr.contains("was used"), "{cancelled:#?}");
        let _ = world.nightlatch(&["lock", "alice"]).succeeds();
        let _ = world.nightlatch(&["unlock", "alice"]).succeeds();
        let told = told_with(&alice, &alice.phone().code());
        assert!(told.contains("was used, from elsewhere"), "{told}");
        assert_eq!(status(world)["temporary_code"], Value::Null);
    });
}

#[test]
fn it_opens_for_whom_no_backup_code_is_left() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 1\n");
        let alice = world.user("alice").enrolled();
        alice.gets_in_with(&alice.backup_codes()[0]);
        let code = temporary(world);
        alice.gets_in_with(&code);
    });
}

#[test]
fn whatever_ends_it_ends_it() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        for ended_by in [
            &["codes", "alice", "--temporary", "--cancel"][..],
            &["codes", "alice", "--temporary", "--json"],
            &["codes", "alice", "--json"],
            &["enroll", "alice", "--label", "key", "--yes", "--json"],
            &["remove", "alice", "--label", "key", "--yes"],
            &["enroll", "alice", "--replace", "--yes", "--json"],
        ] {
            let code = temporary(world);
            let _ = world.nightlatch(ended_by).succeeds();
            let said = refused_with(&alice, &code);
            assert!(said.contains("Not accepted."), "{ended_by:?}: {said}");
            let _ = world.nightlatch(&["unlock", "alice"]).succeeds();
        }
        let code = temporary(world);
        let _ = world.nightlatch(&["lock", "alice"]).succeeds();
        let _ = world.nightlatch(&["unlock", "alice"]).succeeds();
        refused_with(&alice, &code);
    });
}

#[test]
fn it_ends_when_it_was_said_to_end() {
    sandboxed(|world| {
        let clock = world.clock();
        let alice = world.user("alice").enrolled();
        let code = temporary(world);
        clock.is_off_by(8 * 3600);
        let outcome = alice.tries().by(&clock).answers([&code]).run();
        outcome.gives(Code::ConvErr).asking(2);
        let said = outcome.only().questions()[1];
        assert!(said.contains("does not hold any more"), "{said}");
        world.log().says(&["reason=temporary-code-over"]);
        clock.is_off_by(8 * 3600 - 60);
        let outcome = alice.tries().by(&clock).answers([&code]).run();
        outcome.gives(Code::Success).asking(1);
    });
}

#[test]
fn for_whom_it_would_open_nothing_there_is_none_and_that_is_said_with_what_helps() {
    sandboxed(|world| {
        world.make_store();
        world.user("alice");
        for (before, helps) in [
            (&["status", "alice"][..], "nightlatch invite alice"),
            (
                &["enroll", "alice", "--yes", "--json"],
                "", // Then it is made.
            ),
            (&["lock", "alice"], "nightlatch unlock alice"),
        ] {
            let run = world.nightlatch(before);
            assert!(
                run.status == Some(0) || helps.contains("invite"),
                "{run:#?}"
            );
            let run = world.nightlatch(&["codes", "alice", "--temporary"]);
            if helps.is_empty() {
                let _ = run.succeeds();
            } else {
                let run = run.is_refused();
                assert!(run.stderr.contains(helps), "{run:#?}");
            }
        }
    });
}

#[test]
fn whoever_makes_one_is_told_what_keeps_it_from_opening() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let wrong = alice.phone().wrong_code();
        for _ in 0..6 {
            let _ = alice.tries().answers([&wrong]).run();
        }
        let made = world
            .nightlatch(&["codes", "alice", "--temporary"])
            .succeeds();
        assert!(
            made.stdout
                .contains("To open that: nightlatch unlock alice"),
            "{made:#?}"
        );
        let status = status(world);
        let until = &status["failures"][0]["locked_until"];
        assert!(until.as_str().is_some(), "{status:#}");
    });
}
