//! What lasts for a while, by a clock that is set: locks, trust, invitations, the deadline, the last day of enrolling at a login.

use nightlatch_core::messages::PROMPT;
use nightlatch_tests::{Clock, Code, Person, World, sandboxed};

use crate::{DAY, HOUR, YEAR, code_by};

const HOME: &str = "198.51.100.7";

/// What a try came to.
fn code(world: &World, clock: &Clock, user: &str, answer: &str) -> Code {
    let outcome = world
        .tries_of(user)
        .by(clock)
        .from(HOME)
        .answers([answer])
        .run();
    outcome.only().code()
}

#[test]
fn no_lock_is_longer_than_its_own_length_however_the_clock_is_set() {
    sandboxed(|world| {
        world.configure(
            "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n[throttle]\nfree_failures = 1\n",
        );
        let clock = world.clock();
        let to_1970 = -clock.time();
        for (number, jump) in [
            -HOUR,
            -DAY,
            -YEAR,
            -30 * YEAR,
            to_1970,
            HOUR,
            DAY,
            YEAR,
            30 * YEAR,
            7900 * YEAR,
        ]
        .into_iter()
        .enumerate()
        {
            let alice = world.user(&format!("alice{number}")).enrolled();
            let name = alice.name();
            clock.is_off_by(0);
            // Two failures, a lock of 30 s; a third one, a lock of 60 s.
            for (off, wrong) in [0, 0, 31].into_iter().zip(alice.phone().wrong_codes(3)) {
                clock.is_off_by(off);
                assert_eq!(code(world, &clock, name, &wrong), Code::AuthErr);
            }
            let locked_for = || {
                let status = world.nightlatch_by(&clock, &["status", name, "--json"]);
                status.succeeds().json()["failures"][0]["locked_for"]
                    .as_u64()
                    .unwrap()
            };
            assert!((50..=60).contains(&locked_for()));

            clock.is_off_by(31 + jump);
            let right = code_by(&alice, &clock);
            if jump > 0 {
                // Over, as by any clock that is later.
                assert_eq!(code(world, &clock, name, &right), Code::Success, "{jump}");
                continue;
            }
            // It begins at the moment at which somebody sees that it would begin in the future.
            let log = world.log().from_now();
            assert_eq!(code(world, &clock, name, &right), Code::AuthErr, "{jump}");
            log.says(&["event=rejected reason=locked", name]);
            assert!((50..=60).contains(&locked_for()), "{jump}");
            // No try makes it longer, and after its own length it is over.
            clock.is_off_by(31 + jump + 40);
            assert_eq!(code(world, &clock, name, &right), Code::AuthErr, "{jump}");
            assert!(locked_for() <= 20, "{jump}");
            clock.is_off_by(31 + jump + 61);
            let right = code_by(&alice, &clock);
            assert_eq!(code(world, &clock, name, &right), Code::Success, "{jump}");
        }
    });
}

/// Alice gives a backup code there.
fn gives_a_code(alice: &Person<'_>, clock: &Clock, number: usize) {
    let tries = alice.tries().by(clock).from(HOME);
    let outcome = tries
        .answers([&alice.backup_codes()[number]])
        .calling(&["auth", "acct"])
        .run();
    outcome.gives(Code::Success).asking(1);
}

fn is_asked(alice: &Person<'_>, clock: &Clock) -> bool {
    let outcome = alice
        .tries()
        .by(clock)
        .from(HOME)
        .answers(["no code"])
        .run();
    !outcome.only().questions().is_empty()
}

#[test]
fn trust_ends_where_the_clock_is_set_back_and_does_not_come_again_with_it() {
    sandboxed(|world| {
        world.configure(
            "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\nrhost_from = [\"door\"]\n\
             [trust]\nremember = \"1h\"\n",
        );
        let (alice, clock) = (world.user("alice").enrolled(), world.clock());
        let mut number = 0;
        for back in [HOUR, DAY, YEAR, 30 * YEAR] {
            // Set back from the right time, and set right from a time ahead.
            for (given, seen) in [(0, -back), (back, 0)] {
                clock.is_off_by(given);
                gives_a_code(&alice, &clock, number);
                number += 1;
                assert!(!is_asked(&alice, &clock), "{back}");
                clock.is_off_by(seen);
                assert!(
                    is_asked(&alice, &clock),
                    "{back}: trusted by a time that is to come"
                );
                clock.is_off_by(given);
                assert!(is_asked(&alice, &clock), "{back}: trusted once more");
            }
        }
        // Forward it ends, and where it is over it does not come again by itself.
        clock.is_off_by(0);
        gives_a_code(&alice, &clock, number);
        clock.is_off_by(HOUR + 5);
        assert!(is_asked(&alice, &clock));
    });
}

#[test]
fn an_invitation_goes_by_the_clock_and_ends_for_good_when_it_is_withdrawn() {
    sandboxed(|world| {
        world.configure(
            "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n[enrollment]\nmode = \"at-login\"\n\
             [at_login]\nqr = \"none\"\nticket = true\nservices = [\"door\"]\n",
        );
        let (bob, clock) = (world.user("bob"), world.clock());
        let invited = world.nightlatch_by(&clock, &["invite", "bob", "--expires", "1h", "--json"]);
        let invited = invited.succeeds().json();
        let ticket = invited["ticket"].as_str().unwrap();
        let is_offered = || {
            let outcome = bob.tries().by(&clock).answers([ticket]).run();
            outcome.only().questions().len() == 2
        };
        for (off, is_open) in [
            (0, true),
            (HOUR - 60, true),
            (HOUR + 5, false),
            (30 * YEAR, false),
            // What the book says: it has no other clock to go by.
            (0, true),
            (-YEAR, true),
        ] {
            clock.is_off_by(off);
            assert_eq!(is_offered(), is_open, "{off}");
            let state = world
                .nightlatch_by(&clock, &["status", "bob", "--json"])
                .succeeds()
                .json();
            assert_eq!(state["invitation"]["expired"], !is_open, "{off}");
        }
        let _ = world
            .nightlatch_by(&clock, &["invite", "bob", "--cancel"])
            .succeeds();
        for off in [0, -YEAR, YEAR] {
            clock.is_off_by(off);
            assert!(!is_offered(), "{off}");
        }
    });
}

#[test]
fn the_deadline_and_the_last_day_of_enrolling_go_by_the_clock_and_stand_open_for_nobody_before_1970()
 {
    sandboxed(|world| {
        let quick = "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n";
        let (una, clock) = (world.user("una"), world.clock());
        world.make_store();
        // 2033-05-18 ended 14 hours, 26 minutes and 40 seconds before two thousand million seconds and a day had passed.
        let end = 2_000_000_000 - 12_800 + DAY;
        let questions = |time: i64| {
            clock.shows(time);
            let outcome = una.tries().by(&clock).answers(["123456"]).run();
            outcome.leaves_the_host_alone();
            outcome
                .only()
                .questions()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        world.configure(&format!("{quick}[enrollment]\ndeadline = 2033-05-18\n"));
        for (time, asked) in [
            (0, 0),
            (end - 5, 0),
            (end, 1),
            (end + YEAR, 1),
            (1 << 40, 1),
            (end - DAY, 0),
            (-1000, 1),
        ] {
            assert_eq!(questions(time).len(), asked, "{time}");
        }
        world.configure(&format!(
            "{quick}[enrollment]\nmode = \"at-login\"\n[at_login]\nqr = \"none\"\nservices = [\"door\"]\n\
             until = 2033-05-18\n"
        ));
        for (time, offers) in [
            (0, true),
            (end - 5, true),
            (end, false),
            (1 << 40, false),
            (end - DAY, true),
            (-1000, false),
        ] {
            let questions = questions(time);
            assert_eq!(questions.len(), 1, "{:?}", world.log().lines());
            assert_eq!(questions[0] != PROMPT, offers, "{time}: {questions:?}");
        }
    });
}
