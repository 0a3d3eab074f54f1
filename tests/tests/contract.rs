//! The contract of docs/pam.md through the real libpam: the rows of its table, with return codes and numbers of questions.

use std::fs::File;
use std::time::Instant;

use nightlatch_tests::{Code, Stack, Style, sandboxed};

#[test]
fn a_right_code_opens_and_is_asked_for_once() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let outcome = alice.tries().answers([alice.phone().code()]).run();
        outcome
            .gives(Code::Success)
            .asking(1)
            .leaves_the_host_alone();
        let question = &outcome.only().prompts[0];
        assert_eq!(question.text, "Verification code: ");
        assert_eq!(question.style, Style::EchoOff);
        let line = world
            .log()
            .says(&["event=accepted", "user=\"alice\"", "service=\"door\""]);
        assert_eq!(line.priority / 8, 10, "facility authpriv");
    });
}

#[test]
fn a_code_in_groups_is_the_same_code() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let code = alice.phone().code();
        let grouped = format!(" {} - {} ", &code[..3], &code[3..]);
        alice.gets_in_with(grouped);
    });
}

#[test]
fn the_step_before_and_the_step_after_open_and_those_beyond_do_not() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        // Computed for one moment, and tried at that moment: the driver's clock stands in the middle of a step.
        let phone = alice.phone();
        let step = phone.step_now() + 1000;
        let opens = |away: i64| {
            let code = phone.code_of_step(step.saturating_add_signed(away));
            alice
                .tries()
                .answers([code])
                .at(step * 30 + 15)
                .run()
                .only()
                .code()
        };
        assert_eq!(opens(-2), Code::ConvErr, "refused, and then hung up");
        assert_eq!(opens(2), Code::ConvErr, "refused, and then hung up");
        assert_eq!(opens(-1), Code::Success);
        assert_eq!(opens(1), Code::Success);
        assert_eq!(
            opens(0),
            Code::ConvErr,
            "earlier than the last accepted one"
        );
    });
}

#[test]
fn a_mistake_can_be_mended_in_the_same_conversation() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let answers = [alice.phone().wrong_code(), alice.phone().code()];
        alice
            .tries()
            .answers(answers)
            .run()
            .gives(Code::Success)
            .asking(2);
    });
}

#[test]
fn a_lock_keeps_a_right_code_out_until_it_ends() {
    sandboxed(|world| {
        world.configure("[throttle]\nfree_failures = 1\n");
        let alice = world.user("alice").enrolled();
        let phone = alice.phone();
        alice
            .tries()
            .answers(phone.wrong_codes(2))
            .run()
            .gives(Code::ConvErr);
        alice.is_kept_out_with(phone.code_at(0));
        // 30 s for the first failure that is not free; a minute later it has ended.
        alice
            .tries()
            .answers([phone.code_at(2)])
            .clock_off_by(60)
            .run()
            .gives(Code::Success);
    });
}

#[test]
fn a_backup_code_opens_once_however_it_is_written() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let [first, second, ..] = alice.backup_codes() else {
            panic!("backup codes are made")
        };
        alice.gets_in_with(first);
        alice.is_kept_out_with(first);
        let other_hand: String = second
            .chars()
            .filter(|c| *c != '-')
            .map(|c| {
                if c.is_uppercase() {
                    c.to_ascii_lowercase()
                } else {
                    c.to_ascii_uppercase()
                }
            })
            .collect();
        alice.gets_in_with(other_hand);
        world.log().never_says(first);
    });
}

#[test]
fn where_it_is_optional_whoever_is_not_enrolled_is_ignored() {
    sandboxed(|world| {
        world.configure("[enrollment]\nmode = \"optional\"\n");
        world.stack("ignoring", Stack::CodeOrIgnore(""));
        world.stack("opening", Stack::CodeOnly("skip=success"));
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob");

        // libpam turns a stack that says nothing but PAM_IGNORE into PAM_PERM_DENIED.
        bob.tries().run().gives(Code::PermDenied).asking(0);
        bob.tries()
            .service("ignoring")
            .run()
            .gives(Code::Success)
            .asking(0);
        bob.tries()
            .service("opening")
            .run()
            .gives(Code::Success)
            .asking(0);
        alice
            .tries()
            .service("opening")
            .always_answers(alice.phone().wrong_code())
            .run()
            .gives(Code::AuthErr)
            .asking(3);
    });
}

#[test]
fn a_lock_that_somebody_sits_on_is_waited_for_and_then_gone_round() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let held = File::open(&alice.state_files()[0]).unwrap();
        held.lock().unwrap();
        let outcome = alice.tries().answers([alice.phone().code()]).run();
        outcome.gives(Code::Success).asking(1);
        let waited = outcome.only().last_wait.as_millis();
        assert!((900..4000).contains(&waited), "{waited} ms");
    });
}

#[test]
fn whoever_changes_an_enrollment_keeps_no_login_waiting_and_other_changes_for_5_s() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let held = File::open(alice.directory()).unwrap();
        held.lock().unwrap();
        alice.gets_in_with(alice.phone().code());
        let begun = Instant::now();
        let refused = world.nightlatch(&["codes", "alice"]).is_refused();
        let waited = begun.elapsed().as_millis();
        assert!((4900..9000).contains(&waited), "{waited} ms");
        let directory = alice.directory().display().to_string();
        assert!(refused.stderr.contains(&directory), "{refused:#?}");
        held.unlock().unwrap();
        let _ = world.nightlatch(&["codes", "alice"]).succeeds();
    });
}

#[test]
fn a_conversation_that_fails_denies() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        for kind in ["fail", "null-array", "null-answer", "none"] {
            alice
                .tries()
                .conversation(kind)
                .run()
                .gives(Code::ConvErr)
                .leaves_the_host_alone();
        }
        // Whoever hangs up at the second question was still charged for the first.
        alice
            .tries()
            .answers([alice.phone().wrong_code()])
            .run()
            .gives(Code::ConvErr)
            .asking(2);
    });
}

#[test]
fn account_is_success_after_a_right_code() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let outcome = alice
            .tries()
            .answers([alice.phone().code()])
            .calling(&["auth", "acct", "setcred"])
            .run();
        let login = outcome.asking(1).leaves_the_host_alone().only();
        for call in ["auth", "acct", "setcred"] {
            assert_eq!(login.code_of(call), Code::Success, "{call}");
        }
    });
}

#[test]
fn session_and_password_are_ignored() {
    sandboxed(|world| {
        let alice = world.user("alice");
        let calls = ["open", "close", "chauthtok"];
        for (others, code) in [
            ("", Code::PermDenied),
            (
                "session required pam_permit.so\npassword required pam_permit.so\n",
                Code::Success,
            ),
        ] {
            world.stack(
                "idle",
                Stack::Lines(&format!(
                    "session required pam_nightlatch.so\npassword required pam_nightlatch.so\n{others}"
                )),
            );
            let outcome = alice.tries().service("idle").calling(&calls).run();
            for call in calls {
                assert_eq!(outcome.only().code_of(call), code, "{call}");
            }
        }
    });
}
