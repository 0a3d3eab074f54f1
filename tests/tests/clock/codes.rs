//! A code opens once, wherever the clock is set; and one that was used by a clock ahead keeps its person out until it is mended.

use nightlatch_tests::{Code, sandboxed};

use crate::{DAY, HOUR, MOMENTS, YEAR, code_by, step_by};

/// One question: the return code says what came of the answer.
const ONE_QUESTION: &str = "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n";

#[test]
fn at_every_moment_a_code_opens_once_and_going_back_and_forward_makes_none_new() {
    sandboxed(|world| {
        world.configure(ONE_QUESTION);
        let (alice, clock) = (world.user("alice").enrolled(), world.clock());
        let gives = |code: &str| {
            let outcome = alice.tries().by(&clock).answers([code]).run();
            outcome.leaves_the_host_alone();
            outcome.only().code()
        };
        let mut used: Vec<(i64, String)> = Vec::new();
        for moment in MOMENTS {
            clock.shows(moment);
            let code = code_by(&alice, &clock);
            let is_new = used.iter().all(|(_, other)| *other != code);
            assert_eq!(gives(&code) == Code::Success, is_new, "{moment}");
            assert_eq!(gives(&code), Code::AuthErr, "{moment}");
            for (earlier, code) in &used {
                clock.shows(*earlier);
                assert_ne!(
                    gives(code),
                    Code::Success,
                    "back from {moment} to {earlier}"
                );
            }
            clock.shows(moment);
            assert_eq!(gives(&code), Code::AuthErr, "forward again to {moment}");
            used.push((moment, code));
        }
        // Nobody was charged for it.
        let status = world.nightlatch_by(&clock, &["status", "alice", "--json"]);
        assert_eq!(status.succeeds().json()["wrong_codes"], 0);
    });
}

/// A leap second, or a clock that is put right by a second: the same second twice.
#[test]
fn in_a_second_that_comes_twice_a_code_opens_once() {
    sandboxed(|world| {
        world.configure(ONE_QUESTION);
        let (alice, clock) = (world.user("alice").enrolled(), world.clock());
        // 2016-12-31T23:59:59Z, the second before the last leap second so far.
        let second = 1_483_228_799;
        for (shown, opens) in [(second, true), (second, false), (second + 1, false)] {
            clock.shows(shown);
            let code = alice.phone().code_of_step(second.unsigned_abs() / 30);
            let outcome = alice.tries().by(&clock).answers([code]).run();
            assert_eq!(outcome.successes() == 1, opens, "{outcome:#?}");
        }
    });
}

#[test]
fn a_code_of_a_time_to_come_is_a_fault_that_keeps_out_and_is_mended_as_it_says() {
    sandboxed(|world| {
        world.configure(ONE_QUESTION);
        let clock = world.clock();
        for (number, ahead) in [HOUR, DAY, YEAR, 30 * YEAR, 7900 * YEAR]
            .into_iter()
            .enumerate()
        {
            let name = format!("alice{number}");
            let alice = world.user(&name).enrolled();
            let gives = |code: &str| alice.tries().by(&clock).answers([code]).run().only().code();
            clock.is_off_by(ahead);
            let of_a_time_to_come = code_by(&alice, &clock);
            assert_eq!(gives(&of_a_time_to_come), Code::Success, "{ahead}");

            // Right again: nothing opens, and log, status and list say why and what mends it.
            clock.is_off_by(0);
            let log = world.log().from_now();
            for code in [
                &code_by(&alice, &clock),
                &of_a_time_to_come,
                &alice.backup_codes()[0],
            ] {
                assert_eq!(gives(code), Code::AuthinfoUnavail, "{ahead}");
            }
            let mend = format!("nightlatch unlock {name} --clock");
            let user = format!("user=\"{name}\"");
            log.says(&[
                "event=unavailable",
                &user,
                "a code was used that lies in the future",
                &mend,
            ]);
            let status = world
                .nightlatch(&["status", &name, "--json"])
                .succeeds()
                .json();
            let problems = status["problems"].to_string();
            assert!(problems.contains(&mend), "{problems}");
            let list = world.nightlatch(&["list"]).succeeds().stdout;
            let row = list.lines().find(|line| line.starts_with(&name)).unwrap();
            assert!(row.contains("problem"), "{row}");
            let explained = world.nightlatch(&["config", "explain", &name, "--service", "sshd"]);
            assert!(explained.succeeds().stdout.contains(&mend));

            // By itself it ends when the time has come.
            clock.is_off_by(ahead + 60);
            let code = code_by(&alice, &clock);
            assert_eq!(gives(&code), Code::Success, "{ahead}");

            // And with the mend: what could be used now counts as used, and what comes then opens.
            clock.is_off_by(0);
            let log = world.log().from_now();
            let mended = world.nightlatch(&["unlock", &name, "--clock"]).succeeds();
            assert!(mended.stdout.contains("taken back"), "{mended:?}");
            log.says(&["event=unlocked", &user, "mended=clock"]);
            assert_eq!(gives(&code_by(&alice, &clock)), Code::AuthErr, "{ahead}");
            clock.is_off_by(60);
            assert_eq!(gives(&code_by(&alice, &clock)), Code::Success, "{ahead}");
            assert_eq!(gives(&code_by(&alice, &clock)), Code::AuthErr, "{ahead}");
        }
    });
}

/// By less than the resync window it is no fault: people wait for as long as it was put back.
#[test]
fn a_clock_that_was_put_back_by_minutes_makes_people_wait_for_as_long() {
    sandboxed(|world| {
        let (alice, clock) = (world.user("alice").enrolled(), world.clock());
        alice.phone().wait_for_room(8);
        let step = step_by(&clock);
        let code = |away: i64| alice.phone().code_of_step(step.saturating_add_signed(away));
        let tries = |code: String| alice.tries().by(&clock).answers([code]).run();
        tries(code(0)).gives(Code::Success);
        clock.is_off_by(-300);
        let refused = tries(code(-10));
        let told = &refused.only().prompts[1].text;
        assert!(
            told.contains("already used. The next one comes in"),
            "{told}"
        );
        clock.is_off_by(30);
        tries(code(1)).gives(Code::Success);
    });
}

#[test]
fn a_clock_before_1970_denies_everybody_and_says_so() {
    sandboxed(|world| {
        world.configure(ONE_QUESTION);
        let (alice, clock) = (world.user("alice").enrolled(), world.clock());
        let una = world.user("una");
        let sentence = "the system's clock says a time before 1970: set it";
        let mut shown = Vec::new();
        for time in [-1000, -1_000_000_000, -(1 << 31), -(1 << 40)] {
            clock.shows(time);
            for answer in ["123456", &alice.backup_codes()[0]] {
                for (user, code) in [
                    ("alice", Code::AuthinfoUnavail),
                    (una.name(), Code::AuthinfoUnavail),
                    ("nobody-here", Code::AuthErr),
                ] {
                    let outcome = world.tries_of(user).by(&clock).answers([answer]).run();
                    outcome.gives(code).asking(1).leaves_the_host_alone();
                    shown.push(outcome.only().prompts[0].text.clone());
                }
            }
            world
                .log()
                .says(&["event=unavailable", "user=\"alice\"", sentence]);
        }
        assert!(shown.iter().all(|text| *text == shown[0]), "{shown:?}");
        clock.is_off_by(0);
        let right = alice
            .tries()
            .by(&clock)
            .answers([code_by(&alice, &clock)])
            .run();
        right.gives(Code::Success);
    });
}
