//! What a person sees and the log says: refusals that tell nobody anything, and words for whoever proved a code.

use std::collections::BTreeMap;
use std::time::Duration;

use nightlatch_tests::{Code, Outcome, Stack, Style, sandboxed};

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
        alice.gets_in_with(&used);
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
fn no_refusal_comes_before_the_floor_and_its_time_does_not_tell_why() {
    sandboxed(|world| {
        world.configure_exactly("[throttle]\nfree_failures = 19\n");
        let strict = "/etc/nightlatch/strict.toml";
        std::fs::write(
            strict,
            "[throttle]\nfree_failures = 0\nfirst_lock = \"10m\"\n",
        )
        .unwrap();
        world.stack("strict", Stack::CodeOnly(&format!("config={strict}")));
        let [alice, carol, dave] =
            ["alice", "carol", "dave"].map(|name| world.user(name).enrolled());
        let bob = world.user("bob");
        let locking = carol.tries().service("strict");
        locking
            .answers([carol.phone().wrong_code()])
            .run()
            .gives(Code::ConvErr);

        let wrong = alice.phone().wrong_codes(3 * ROUNDS);
        // Letters of the right kind in an order that is not the right one.
        let backup = dave
            .backup_codes()
            .iter()
            .map(|code| code.chars().rev().collect::<String>());
        let backup: Vec<_> = backup.collect();
        let mut waits: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
        for round in 0..ROUNDS {
            let wrong = &wrong[3 * round..][..3];
            for (kind, tries) in [
                ("wrong", alice.tries().answers(wrong)),
                (
                    "wrong backup code",
                    dave.tries().answers(&backup[3 * round..][..3]),
                ),
                ("malformed", alice.tries().always_answers("my password")),
                ("empty", alice.tries().always_answers("")),
                (
                    "locked",
                    carol
                        .tries()
                        .service("strict")
                        .always_answers(carol.phone().code_at(0)),
                ),
                ("not enrolled", bob.tries().answers(wrong)),
                (
                    "unknown",
                    world.tries_of("nobody-of-this-name").answers(wrong),
                ),
            ] {
                let outcome = tries.run();
                let login = outcome.gives(Code::AuthErr).asking(3).only();
                let waits = waits.entry(kind).or_default();
                waits.extend(login.prompts[1..].iter().map(|question| question.after));
                waits.push(login.last_wait);
            }
        }
        let floor = Duration::from_millis(50);
        for (kind, waits) in &mut waits {
            waits.sort_unstable();
            assert!(waits[0] >= floor, "{kind}: {waits:?}");
        }
        // Whoever gives what could be a backup code knows that, and on a busy machine it takes longer than the floor. Whoever it is
        // of, it does (`oracle/`).
        let _ = waits.remove("wrong backup code");
        let medians: Vec<_> = waits.values().map(|waits| waits[waits.len() / 2]).collect();
        let spread = medians
            .iter()
            .max()
            .unwrap()
            .abs_diff(*medians.iter().min().unwrap());
        // Tenths of a millisecond where nothing else runs.
        assert!(spread < Duration::from_millis(10), "{waits:#?}");
        // Each kind was what it is called.
        for (user, reason, count) in [
            ("alice", "wrong", 3 * ROUNDS),
            ("dave", "wrong", 3 * ROUNDS),
            ("carol", "locked", 3 * ROUNDS),
            ("bob", "not-enrolled", 3 * ROUNDS),
        ] {
            let lines = world
                .log()
                .with(&format!("reason={reason} user=\"{user}\""));
            assert_eq!(lines.len(), count, "{lines:#?}");
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
        let longest = delays.iter().max().map_or(0, Duration::as_millis);
        assert!((900..=3100).contains(&longest), "{delays:?}");
    });
}

#[test]
fn a_silent_application_is_told_nothing() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        // Wrong codes are told of at the next success: here is something to say.
        alice.is_kept_out_with(alice.phone().wrong_code());
        let silent = alice
            .tries()
            .silently()
            .answers([alice.phone().code()])
            .run();
        silent.gives(Code::Success).asking(1);
        assert_eq!(silent.only().notices(), [""; 0]);
        // It is told where it is heard.
        let heard = alice.tries().answers([alice.phone().code()]).run();
        let [notice] = heard.gives(Code::Success).only().notices()[..] else {
            panic!("one notice: {heard:#?}")
        };
        assert!(notice.contains("wrong code"), "{notice}");
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

const ROUNDS: usize = 3;

/// What the person saw.
fn shown(outcome: &Outcome) -> Vec<(Style, String)> {
    let prompts = &outcome.only().prompts;
    prompts.iter().map(|p| (p.style, p.text.clone())).collect()
}
