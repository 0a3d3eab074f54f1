//! The contract of DESIGN section 6 through the real libpam: every row with its return code and its number of questions.

use std::fs::{self, File};

use nightlatch_tests::{Code, Outcome, Stack, Style, sandboxed};

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
        alice.tries().answers([grouped]).run().gives(Code::Success);
    });
}

#[test]
fn the_step_before_and_the_step_after_open_and_those_beyond_do_not() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        // Computed for one moment, and tried at that moment: the driver's clock stands in the middle of a step.
        let phone = alice.phone();
        let step = phone.step_now() + 1000;
        let now = i64::try_from(step * 30 + 15).unwrap() - unix_now();
        let opens = |away: i64| {
            let code = phone.code_of_step(step.saturating_add_signed(away));
            alice
                .tries()
                .answers([code])
                .clock_off_by(now)
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
fn every_refusal_looks_the_same() {
    sandboxed(|world| {
        world.configure("[throttle]\nfree_failures = 3\n");
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob");

        let wrong = alice.tries().answers(alice.phone().wrong_codes(3)).run();
        let malformed = alice.tries().always_answers("my password").run();
        let empty = alice.tries().always_answers("").run();
        alice
            .tries()
            .answers([alice.phone().wrong_codes(4).remove(3)])
            .run()
            .gives(Code::ConvErr);
        let locked = alice.tries().always_answers(alice.phone().code()).run();
        let not_enrolled = bob.tries().answers(alice.phone().wrong_codes(3)).run();
        let unknown = world
            .tries_of("nobody-of-this-name")
            .answers(alice.phone().wrong_codes(3))
            .run();

        for (what, outcome) in [
            ("wrong", &wrong),
            ("malformed", &malformed),
            ("empty", &empty),
            ("locked", &locked),
            ("not enrolled", &not_enrolled),
            ("unknown", &unknown),
        ] {
            outcome
                .gives(Code::AuthErr)
                .asking(3)
                .leaves_the_host_alone();
            assert_eq!(shown(outcome), shown(&wrong), "{what} is told apart");
        }
        for question in &wrong.only().questions()[1..] {
            assert!(question.starts_with("Not accepted."), "{question}");
            assert!(question.ends_with("\nVerification code: "), "{question}");
        }
        for reason in [
            "wrong",
            "not-a-code",
            "locked",
            "not-enrolled",
            "unknown-user",
        ] {
            world
                .log()
                .says(&["event=rejected", &format!("reason={reason}")]);
        }
    });
}

#[test]
fn a_used_code_is_refused_and_whoever_has_it_is_told_when_the_next_comes() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let used = alice.phone().code();
        alice.tries().answers([&used]).run().gives(Code::Success);
        let replayed = alice.tries().always_answers(&used).run();
        replayed
            .gives(Code::AuthErr)
            .asking(3)
            .leaves_the_host_alone();
        let told = replayed.only().questions()[1];
        assert!(
            told.starts_with("That code was already used. The next one comes in "),
            "{told}"
        );
        world.log().says(&["event=rejected", "reason=replayed"]);
        world.log().never_says(&used);
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
fn the_number_of_questions_is_the_configurations() {
    sandboxed(|world| {
        world.configure("[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n");
        let alice = world.user("alice").enrolled();
        alice
            .tries()
            .always_answers(alice.phone().wrong_code())
            .run()
            .gives(Code::AuthErr)
            .asking(1);
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
        alice
            .tries()
            .always_answers(phone.code_at(0))
            .run()
            .gives(Code::AuthErr)
            .asking(3);
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
        alice.tries().answers([first]).run().gives(Code::Success);
        alice
            .tries()
            .always_answers(first)
            .run()
            .gives(Code::AuthErr)
            .asking(3);
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
        alice
            .tries()
            .answers([other_hand])
            .run()
            .gives(Code::Success);
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
fn without_its_store_nobody_gets_in() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob");
        fs::remove_file("/var/lib/nightlatch/store.toml").unwrap();
        for mode in ["required", "optional"] {
            world.configure(&format!("[enrollment]\nmode = \"{mode}\"\n"));
            for person in [&alice, &bob] {
                let code = alice.phone().code_at(0);
                let outcome = person.tries().always_answers(code).run();
                outcome.gives(Code::AuthinfoUnavail);
            }
        }
    });
}

#[test]
fn a_record_that_others_could_write_is_not_believed() {
    sandboxed(|world| {
        use std::os::unix::fs::PermissionsExt;
        let alice = world.user("alice").enrolled();
        let path = "/var/lib/nightlatch/users/alice/enrollment.toml";
        fs::set_permissions(path, fs::Permissions::from_mode(0o664)).unwrap();
        alice
            .tries()
            .always_answers(alice.phone().code_at(0))
            .run()
            .gives(Code::AuthinfoUnavail);
        world.log().says(&[path]);
    });
}

#[test]
fn a_lock_that_somebody_sits_on_is_waited_for_and_then_unavailable() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let held = File::open("/var/lib/nightlatch/users/alice").unwrap();
        held.lock().unwrap();
        let outcome = alice.tries().always_answers(alice.phone().code_at(0)).run();
        outcome.gives(Code::AuthinfoUnavail);
        let waited = outcome.only().last_wait.as_millis();
        assert!((4900..7000).contains(&waited), "{waited} ms");
        held.unlock().unwrap();
        alice
            .tries()
            .answers([alice.phone().code()])
            .run()
            .gives(Code::Success);
    });
}

#[test]
fn when_the_state_cannot_be_written_a_right_code_looks_like_a_wrong_one() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let failing = [
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=pwrite64",
            "-e",
            "inject=pwrite64:error=ENOSPC",
        ];
        let code = alice.phone().code();
        let right = alice.tries().always_answers(&code).run_below(&failing);
        let wrong = alice
            .tries()
            .always_answers(alice.phone().wrong_code())
            .run_below(&failing);
        right.gives(Code::AuthinfoUnavail);
        wrong.gives(Code::AuthinfoUnavail);
        assert_eq!(shown(&right), shown(&wrong));
    });
}

#[test]
fn a_broken_configuration_denies_and_the_log_says_where_it_is_broken() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        for broken in [
            "[enrolment]\nmode = \"required\"\n",
            "[enrollment]\nmode = \"sometimes\"\n",
            "[login]\nprompts = \"three\"\n",
            "[login]\nprompts = 0\n",
            "not toml at all",
        ] {
            world.configure_exactly(broken);
            alice
                .tries()
                .always_answers(alice.phone().code_at(0))
                .run()
                .gives(Code::ServiceErr)
                .asking(0)
                .leaves_the_host_alone();
        }
        world.log().says(&["/etc/nightlatch/nightlatch.toml"]);
    });
}

#[test]
fn without_a_configuration_the_defaults_hold() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        fs::remove_dir_all("/etc/nightlatch").unwrap();
        alice
            .tries()
            .answers([alice.phone().code()])
            .run()
            .gives(Code::Success)
            .asking(1);
    });
}

#[test]
fn an_argument_that_is_not_understood_denies() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        for arguments in [
            "nullok",
            "skip=always",
            "skip",
            "config=",
            "config=/etc/nightlatch/absent.toml",
            "debug=yes",
            "echo=1",
            "panic",
        ] {
            world.stack("strange", Stack::CodeOnly(arguments));
            alice
                .tries()
                .service("strange")
                .always_answers(alice.phone().code_at(0))
                .run()
                .gives(Code::ServiceErr)
                .asking(0)
                .leaves_the_host_alone();
        }
        world.log().says(&["nullok"]);
    });
}

#[test]
fn arguments_change_the_question_the_echo_and_the_configuration() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        fs::write(
            "/etc/nightlatch/other.toml",
            "[login]\nprompts = 2\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n",
        )
        .unwrap();
        let arguments = "[prompt=Your code, please: ] echo debug config=/etc/nightlatch/other.toml";
        world.stack("other", Stack::CodeOnly(arguments));
        let wrong = alice.phone().wrong_code();
        let outcome = alice.tries().service("other").always_answers(&wrong).run();
        outcome.gives(Code::AuthErr).asking(2);
        for prompt in &outcome.only().prompts {
            assert_eq!(prompt.style, Style::EchoOn);
            assert!(prompt.text.ends_with("Your code, please: "), "{prompt:?}");
        }
        world.log().never_says(&wrong);
        world.log().never_says(alice.phone().secret());
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
fn credentials_are_success_whatever_is_broken() {
    sandboxed(|world| {
        let alice = world.user("alice");
        world.configure_exactly("not toml at all");
        world.stack("strange", Stack::CodeOnly("nonsense"));
        for service in ["door", "strange"] {
            let outcome = alice.tries().service(service).calling(&["setcred"]).run();
            outcome
                .gives(Code::Success)
                .asking(0)
                .leaves_the_host_alone();
        }
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

#[test]
fn a_silent_application_is_told_nothing() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        // Wrong codes are told of at the next success: here is something to say.
        alice
            .tries()
            .always_answers(alice.phone().wrong_code())
            .run()
            .gives(Code::AuthErr);
        let silent = alice
            .tries()
            .silently()
            .answers([alice.phone().code()])
            .run();
        silent.gives(Code::Success).asking(1);
        assert_eq!(silent.only().notices(), [""; 0]);
    });
}

#[test]
fn wrong_codes_are_told_of_at_the_next_success() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        alice
            .tries()
            .answers(alice.phone().wrong_codes(2))
            .run()
            .gives(Code::ConvErr);
        let outcome = alice.tries().answers([alice.phone().code()]).run();
        let login = outcome.gives(Code::Success).only();
        let [notice] = login.notices()[..] else {
            panic!("one notice: {login:#?}")
        };
        assert!(notice.contains("2 wrong codes"), "{notice}");
        assert!(notice.is_ascii(), "OpenSSH's client garbles the rest");
    });
}

#[test]
fn no_refusal_comes_before_the_floor() {
    sandboxed(|world| {
        world.configure_exactly("");
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob");
        for (person, answer) in [
            (&alice, alice.phone().wrong_code()),
            (&alice, String::new()),
            (&alice, "not a code".to_owned()),
            (&bob, "123456".to_owned()),
        ] {
            let outcome = person.tries().always_answers(answer).run();
            let login = outcome.gives(Code::AuthErr).asking(3).only();
            for question in &login.prompts[1..] {
                assert!(question.after.as_millis() >= 50, "{question:?}");
            }
            assert!(login.last_wait.as_millis() >= 50, "{login:?}");
        }
    });
}

#[test]
fn the_application_is_asked_to_wait_after_a_refusal_as_configured() {
    sandboxed(|world| {
        world.configure("[login]\nrefusal_floor = \"0s\"\nfail_delay = \"2s\"\n");
        let alice = world.user("alice").enrolled();
        let outcome = alice
            .tries()
            .always_answers(alice.phone().wrong_code())
            .run();
        let delays = &outcome.gives(Code::AuthErr).only().fail_delays;
        // libpam spreads a delay by a quarter and more to either side.
        let longest = delays
            .iter()
            .max()
            .map_or(0, std::time::Duration::as_millis);
        assert!((900..=3100).contains(&longest), "{delays:?}");
    });
}

#[test]
fn a_name_from_outside_forges_no_line_of_the_log() {
    sandboxed(|world| {
        world.user("alice").enrolled();
        let forged = "x\" event=accepted user=\"root";
        world
            .tries_of(forged)
            .from("h\n<86>sshd: event=accepted user=\"root\"")
            .always_answers("123456")
            .run()
            .gives(Code::AuthErr)
            .asking(3);
        world.log().says(&["event=rejected"]);
        for line in world.log().with("event=accepted") {
            assert!(
                !line.text.contains("user=\"root\""),
                "forged: {}",
                line.text
            );
            assert!(!line.text.contains('\n'), "two lines in one: {}", line.text);
        }
    });
}

/// What the person saw.
fn shown(outcome: &Outcome) -> Vec<(Style, String)> {
    let prompts = &outcome.only().prompts;
    prompts.iter().map(|p| (p.style, p.text.clone())).collect()
}

fn unix_now() -> i64 {
    std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |since| since.as_secs().cast_signed())
}
