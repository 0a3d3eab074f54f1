//! A password and a code in one field, beyond the scenarios: with the stack of the book, with the real `pam_unix` behind, and
//! what is left to that by whom.

use std::fs;

use nightlatch_tests::{Code, Page, Stack, World, sandboxed};

use crate::house::{FORWARDED, RECORD, record_passwords};

#[test]
fn the_books_stack_for_one_field_opens_to_password_and_code_and_to_neither_alone() {
    sandboxed(|world| {
        follow_the_book(world);
        let alice = world.user("alice").enrolled();
        let code = alice.phone().code();
        let right = format!("{}{code}", alice.password());
        let opens = |field: &str| {
            let tries = alice.tries().service(ONE_FIELD).always_answers(field);
            let outcome = tries.calling(&["auth", "acct"]).run();
            outcome.leaves_the_host_alone();
            outcome.only().code()
        };
        let wrong = alice.phone().wrong_code();
        assert_eq!(
            opens(&format!("{}{wrong}", alice.password())),
            Code::AuthErr
        );
        assert_eq!(opens(alice.password()), Code::AuthErr);
        assert_eq!(
            opens(&code),
            Code::AuthErr,
            "the code was right, and is used now"
        );
        assert_eq!(opens(&right), Code::AuthErr, "used");
        let next = format!("{}{}", alice.password(), alice.phone().code());
        assert_eq!(opens(&next), Code::Success);
        let backup = format!("{}{}", alice.password(), alice.backup_codes()[0]);
        assert_eq!(opens(&backup), Code::Success);
        world.log().never_says(alice.password());
    });
}

#[test]
fn a_wrong_password_before_a_right_code_stays_out_and_has_used_the_code() {
    sandboxed(|world| {
        follow_the_book(world);
        let alice = world.user("alice").enrolled();
        let code = alice.phone().code();
        for password in ["wrong", alice.password()] {
            let tries = alice.tries().service(ONE_FIELD);
            tries
                .always_answers(format!("{password}{code}"))
                .run()
                .gives(Code::AuthErr);
        }
        world.log().says(&["event=accepted", "user=\"alice\""]);
        world.log().says(&["reason=replayed", "user=\"alice\""]);
    });
}

#[test]
fn a_refused_field_that_is_given_again_is_charged_once() {
    sandboxed(|world| {
        world.configure("[throttle]\nfree_failures = 1\n");
        recording(world, "forward_pass");
        let alice = world.user("alice").enrolled();
        let wrong = format!("{}{}", alice.password(), alice.phone().wrong_code());
        let tries = alice.tries().service(RECORDING).always_answers(&wrong);
        tries.run().gives(Code::AuthErr).asking(3);
        alice.gets_in_with(alice.phone().code());
    });
}

#[test]
fn what_is_left_after_a_refused_field_tells_nothing_about_anybody() {
    sandboxed(|world| {
        recording(world, "forward_pass");
        let alice = world.user("alice").enrolled_with(&["--digits", "8"]);
        let bob = world.user("bob");
        for (field, rest) in [
            ("hunter2000000", "hunter2"),
            ("hunter2", "hunter2"),
            ("hunter00000000", "hunter00"),
            ("hunter2HHHH-HHHH-HHHH-HHHH-HHHH", "hunter2"),
            ("000000", ""),
        ] {
            for name in [alice.name(), bob.name(), "nobody-of-this-name"] {
                assert_eq!(forwarded_by(world, name, field), rest.as_bytes(), "{name}");
            }
        }
    });
}

#[test]
fn a_password_need_not_be_text_and_a_field_has_room_for_640_bytes() {
    sandboxed(|world| {
        recording(world, "forward_pass");
        let alice = world.user("alice").enrolled();
        let odd = [&b"\xff\xfe"[..], &[b'o'; 509]].concat();
        let field = [&odd[..], alice.phone().code().as_bytes()].concat();
        assert_eq!(forwarded_by(world, alice.name(), &field), odd);
        // pam_exec would cut this one. No backup code has an "o": none can seem to stand at its end.
        let longest = "o".repeat(634) + &alice.phone().code();
        let tries = alice.tries().service(RECORDING).answers([longest]);
        tries.run().gives(Code::Success);
        let too_long = alice.tries().service(RECORDING).always_answers([b'1'; 641]);
        too_long.run().gives(Code::AuthErr);
        world.log().says(&["reason=not-a-code"]);
    });
}

#[test]
fn whoever_is_exempt_is_asked_for_the_password_and_a_right_code_behind_it_is_used() {
    sandboxed(|world| {
        world.configure("[[rule]]\nservices = [\"recording\"]\nsecond_factor = \"skip\"\n");
        recording(world, "forward_pass");
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob");
        let code = alice.phone().code();
        let with = |code: &str| format!("hunter2{code}").into_bytes();
        assert_eq!(
            forwarded_by(world, bob.name(), with("123456")),
            with("123456")
        );
        assert_eq!(forwarded_by(world, alice.name(), with("")), with(""));
        let wrong = alice.phone().wrong_code();
        assert_eq!(
            forwarded_by(world, alice.name(), with(&wrong)),
            with(&wrong)
        );
        assert_eq!(forwarded_by(world, alice.name(), with(&code)), b"hunter2");
        assert_eq!(
            forwarded_by(world, alice.name(), with(&code)),
            with(&code),
            "used"
        );
        let backup = &alice.backup_codes()[0];
        assert_eq!(forwarded_by(world, alice.name(), with(backup)), b"hunter2");
        alice.is_kept_out_with(code);
        let answers = alice.tries().service(RECORDING).answers(["hunter2"]);
        answers.run().asking(1);
    });
}

#[test]
fn whoever_is_exempt_and_may_not_be_asked_is_not() {
    sandboxed(|world| {
        world.configure("[enrollment]\nmode = \"optional\"\n");
        world.stack(
            ONE_FIELD,
            Stack::CodeOnly("use_first_pass forward_pass skip=success"),
        );
        world.user("alice").enrolled();
        let bob = world.user("bob");
        bob.tries()
            .service(ONE_FIELD)
            .run()
            .gives(Code::Success)
            .asking(0);
    });
}

#[test]
fn an_answer_that_is_the_password_is_no_code_but_may_be_a_field() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let code = alice.phone().code();
        let opens = |words: &str, field: &str| {
            let before = format!(
                "auth optional pam_unix.so nodelay\nauth required pam_nightlatch.so {words}\n"
            );
            world.stack(ONE_FIELD, Stack::Lines(&before));
            let tries = alice.tries().service(ONE_FIELD).always_answers(field);
            tries.run().only().code()
        };
        assert_eq!(opens("", &code), Code::AuthErr);
        world.log().says(&["reason=not-a-code"]);
        // An application with one field gives the same to both.
        assert_eq!(
            opens("forward_pass", &format!("hunter2{code}")),
            Code::Success
        );
    });
}

/// The module with these words, and behind it what records the password that it left.
fn recording(world: &World, words: &str) {
    record_passwords();
    let lines = format!(
        "auth required pam_nightlatch.so {words}\n\
         auth required pam_exec.so expose_authtok quiet {RECORD}\n"
    );
    world.stack(RECORDING, Stack::Lines(&lines));
}

/// What is left to the module behind when somebody gives this field.
fn forwarded_by(world: &World, name: &str, field: impl AsRef<[u8]>) -> Vec<u8> {
    let _ = fs::remove_file(FORWARDED);
    let tries = world.tries_of(name).service(RECORDING);
    let outcome = tries.always_answers(field).run();
    outcome.leaves_the_host_alone();
    let questions = outcome.only().questions();
    assert!(
        !questions.contains(&"Password: "),
        "the module behind was left nothing: {questions:?}"
    );
    fs::read(FORWARDED).expect("recorded")
}

fn follow_the_book(world: &World) {
    let recipe = Page::PAM.recipe("## Password and code in one field", "/etc/pam.d/openvpn");
    world.stack(ONE_FIELD, Stack::Lines(&(recipe.lines().join("\n") + "\n")));
}

/// The service of the book.
const ONE_FIELD: &str = "openvpn";

const RECORDING: &str = "recording";
