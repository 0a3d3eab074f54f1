//! Applications whose conversation errs: at the question, at the words after a success, while somebody enrolls, in the account
//! phase. Whatever comes of it denies, uses up nothing that was not answered, and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

use std::fs;

use nightlatch_tests::{
    Code, Ended, Person, STORE, Stack, Tries, Visit, World, phone_by_key, sandboxed,
};

#[test]
fn whatever_code_a_conversation_gives_that_is_not_success_denies_and_its_answer_does_not_count() {
    sandboxed(|world| {
        let alice = world.passing_user("alice").enrolled();
        let code = alice.phone().code();
        for kind in ["fail", "answer-and-fail"] {
            for given in (1..=32).chain([-1, 99, i32::MAX, i32::MIN]) {
                let tries = alice.tries().conversation(kind).giving(given);
                let outcome = tries.always_answers(&code).run();
                outcome
                    .gives(Code::ConvErr)
                    .asking(1)
                    .leaves_the_host_alone();
            }
        }
        for event in world.log().events() {
            let event_is = event.value("event").unwrap().to_owned();
            assert!(
                ["enrolled", "conversation-failed"].contains(&&*event_is),
                "{event:?}"
            );
        }
        assert_eq!(wrong_codes(world), 0);
        alice.gets_in_with(&code);
    });
}

#[test]
fn a_conversation_that_errs_at_a_later_question_is_charged_for_the_answers_before_alone() {
    sandboxed(|world| {
        let alice = world.passing_user("alice").enrolled();
        let mut charged = 0;
        for kind in ["fail", "answer-and-fail", "null-array", "null-answer"] {
            let guesses = alice.phone().wrong_codes(2);
            let tries = alice.tries().conversation(kind).at_message(2);
            let outcome = tries.answers(guesses).run();
            outcome
                .gives(Code::ConvErr)
                .asking(2)
                .leaves_the_host_alone();
            charged += 1;
            assert_eq!(wrong_codes(world), charged, "{kind}");
        }
        alice.gets_in_with(alice.phone().code());
    });
}

#[test]
fn the_code_in_an_answer_is_not_looked_at_as_pam_conv_says() {
    sandboxed(|world| {
        let alice = world.passing_user("alice").enrolled();
        for (given, code) in [1, 7, 19, -1].into_iter().zip(alice.backup_codes()) {
            let tries = alice.tries().conversation("answer-with-code").giving(given);
            tries.answers([code]).run().gives(Code::Success).asking(1);
        }
    });
}

#[test]
fn words_that_cannot_be_told_change_nothing_of_what_happened() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 3\n");
        for kind in ["fail", "answer-and-fail", "null-array", "answer-all"] {
            let alice = enrolled_anew(world);
            // Wrong codes are told of in auth, few codes in account.
            let _ = alice.tries().answers(alice.phone().wrong_codes(2)).run();
            let tries = alice.tries().conversation(kind).at_texts();
            let calls = ["auth", "acct", "setcred"];
            let outcome = tries.answers([alice.phone().code()]).calling(&calls).run();
            outcome.asking(1).leaves_the_host_alone();
            let login = outcome.only();
            for call in calls {
                assert_eq!(login.code_of(call), Code::Success, "{kind}");
            }
            assert_eq!(login.notices().len(), 2, "{login:#?}");
        }
    });
}

#[test]
fn a_field_of_any_bytes_and_length_is_refused_and_nothing_of_it_is_forwarded() {
    sandboxed(|world| {
        world.stack("both", Stack::CodeOnly("forward_pass"));
        let alice = world.passing_user("alice").enrolled();
        for field in fields() {
            let tries = alice.tries().service("both").always_answers(&field);
            let outcome = tries.run();
            outcome
                .gives(Code::AuthErr)
                .asking(3)
                .leaves_the_host_alone();
        }
        // The longest password that is taken, and one byte more.
        let code = alice.phone().code();
        let fits = format!("{}{code}", "p".repeat(640 - code.len()));
        let tries = alice.tries().service("both");
        let refused = tries.clone().always_answers(format!("p{fits}"));
        refused.run().gives(Code::AuthErr);
        tries.answers([fits]).run().gives(Code::Success);
    });
}

#[test]
fn whoever_is_not_asked_needs_no_conversation() {
    sandboxed(|world| {
        world.make_store();
        world.configure("[enrollment]\nmode = \"optional\"\n");
        world.stack("door", Stack::CodeOnly("skip=success"));
        let alice = world.passing_user("alice");
        let outcome = alice.tries().conversation("none").run();
        outcome
            .gives(Code::Success)
            .asking(0)
            .leaves_the_host_alone();
    });
}

#[test]
fn an_enrollment_in_a_login_whose_conversation_errs_is_not_kept() {
    sandboxed(|world| {
        offers(world);
        for kind in ["fail", "answer-and-fail", "null-array", "null-answer"] {
            for message in [1, 2] {
                let log = world.log().from_now();
                let nora = world.passing_user(&format!("nora-{kind}-{message}"));
                let mut visit = nora.tries().conversation(kind).at_message(message).begins();
                if message == 2 {
                    let code = phone_by_key(&visit.is_asked()).code();
                    visit.answers(code);
                }
                visit.is_asked();
                // Only one of them takes an answer.
                visit.answers("");
                let outcome = well(visit);
                outcome.gives(Code::ConvErr).leaves_the_host_alone();
                log.says(&["event=conversation-failed"]);
                assert!(nora.enrollment().is_none(), "{kind} at {message}");
            }
        }
    });
}

#[test]
fn who_was_faster_keeps_an_enrollment_and_the_other_is_refused_though_it_cannot_be_told() {
    sandboxed(|world| {
        offers(world);
        for kind in [
            "fail",
            "answer-and-fail",
            "null-array",
            "null-answer",
            "normal",
        ] {
            let nora = world.passing_user(&format!("nora-{kind}"));
            let tries = nora.tries().calling(&["auth", "acct"]);
            let mut slow = proved(&tries.clone().conversation(kind).at_message(3));
            let mut fast = proved(&tries);
            fast.answers("");
            let first = well(fast);
            assert_eq!(first.only().code_of("acct"), Code::Success);
            let kept = nora.enrollment();
            assert!(kept.is_some());
            // She has kept the codes, and has read, or not, that they are worth nothing.
            slow.answers("").answers("");
            let second = well(slow);
            second.asking(3).leaves_the_host_alone();
            assert_eq!(second.only().code(), Code::Success, "{kind}");
            assert_eq!(second.only().code_of("acct"), Code::PermDenied, "{kind}");
            assert_eq!(nora.enrollment(), kept);
        }
    });
}

#[test]
fn a_code_opens_for_nobody_whose_name_is_put_in_the_place_of_the_one_who_was_asked() {
    sandboxed(|world| {
        let alice = world.passing_user("alice").enrolled();
        let bob = world.passing_user("bob").enrolled();
        let renaming = || alice.tries().conversation("rename").then_as("bob");
        for code in [alice.phone().code(), bob.phone().code()] {
            let calls = ["auth", "acct"];
            let outcome = renaming().always_answers(code).calling(&calls).run();
            assert!(
                [Code::AuthErr, Code::AuthinfoUnavail].contains(&outcome.only().code()),
                "{outcome:#?}"
            );
            outcome.leaves_the_host_alone();
        }
        world
            .log()
            .says(&["event=unavailable", "PAM_USER was changed"]);
        bob.gets_in_with(bob.phone().code());
    });
}

/// Somebody who has proved a new key and is asked whether the backup codes are kept.
fn proved(tries: &Tries) -> Visit {
    let mut visit = tries.begins();
    let code = phone_by_key(&visit.is_asked()).code();
    visit.answers(code);
    let codes = visit.is_asked();
    assert!(codes.contains("backup codes"), "{codes}");
    visit
}

fn well(visit: Visit) -> nightlatch_tests::Outcome {
    match visit.ends() {
        Ended::Well(outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

/// Whoever has nothing enrolled is offered it at the driver's door.
fn offers(world: &World) {
    world.make_store();
    world.configure(
        "[enrollment]\nmode = \"at-login\"\n[at_login]\nservices = [\"door\"]\nopen = true\nqr = \"none\"\n",
    );
}

fn enrolled_anew(world: &World) -> Person<'_> {
    let _ = fs::remove_dir_all(format!("{STORE}/users/alice"));
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let others = accounts.lines().filter(|line| !line.starts_with("alice:"));
    let others: Vec<_> = others.map(|line| format!("{line}\n")).collect();
    fs::write("/etc/passwd", others.concat()).unwrap();
    world.passing_user("alice").enrolled()
}

fn wrong_codes(world: &World) -> u64 {
    let status = world.nightlatch(&["status", "alice", "--json"]).json();
    status["wrong_codes"].as_u64().unwrap()
}

fn fields() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        b"123".to_vec(),
        vec![b'p'; 512],
        vec![b'p'; 641],
        vec![b'1'; 64 * 1024],
        vec![b'1'; 1 << 20],
        vec![0xff; 64 * 1024],
        b"\xff\xfe123".to_vec(),
        b"\x1b[2J\x01\x7f\r\n".to_vec(),
        "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}"
            .as_bytes()
            .to_vec(),
    ]
}
