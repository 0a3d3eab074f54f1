//! Many logins, one record: a code opens one door, however many knock at the same moment.

use nightlatch_tests::{Code, sandboxed};

#[test]
fn of_8_processes_with_one_code_exactly_one_gets_in_in_each_of_100_rounds() {
    sandboxed(|world| {
        world.configure("[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n");
        let alice = world.user("alice").enrolled();
        // One step ahead, so that a slow machine does not leave the window.
        let step = alice.phone().step_now() + 1;
        let codes = alice.phone().codes_from_step(step, ROUNDS);
        for (round, code) in (0..).zip(&codes) {
            let outcome = alice
                .tries()
                .answers([code])
                .at_once(8)
                .clock_off_by(30 * round)
                .run();
            assert_eq!(outcome.logins.len(), 8);
            assert_eq!(outcome.successes(), 1, "round {round}: {outcome:#?}");
            for login in &outcome.logins {
                // Refused because it was used, and not because the record was busy.
                assert!(
                    matches!(login.code(), Code::Success | Code::AuthErr),
                    "{login:#?}"
                );
            }
        }
    });
}

#[test]
fn of_8_processes_with_8_backup_codes_each_gets_in_once_and_never_again() {
    sandboxed(|world| {
        world.configure("[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n");
        let alice = world.user("alice").enrolled();
        let knock = || {
            let mut tries = alice.tries().at_once(8);
            for code in &alice.backup_codes()[..8] {
                tries = tries.answers([code]);
            }
            tries.run()
        };
        knock().gives(Code::Success);
        let again = knock();
        assert_eq!(again.successes(), 0, "{again:#?}");
    });
}

#[test]
fn of_8_processes_with_one_backup_code_exactly_one_gets_in() {
    sandboxed(|world| {
        world.configure("[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n");
        let mut alice = world.user("alice").enrolled();
        for _ in 0..5 {
            alice.enroll_again();
            let outcome = alice
                .tries()
                .answers([&alice.backup_codes()[0]])
                .at_once(8)
                .run();
            assert_eq!(outcome.successes(), 1, "{outcome:#?}");
        }
    });
}

#[test]
fn parallel_tries_do_not_get_round_the_throttle() {
    sandboxed(|world| {
        world.configure(
            "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n[throttle]\nfree_failures = 3\n",
        );
        let alice = world.user("alice").enrolled();
        let mut tries = alice.tries().at_once(16);
        for wrong in alice.phone().wrong_codes(16) {
            tries = tries.answers([wrong]);
        }
        tries.run().gives(Code::AuthErr);
        world.log().says(&["reason=locked"]);
        // Three were free and the fourth locked; the other twelve were not looked at.
        let wrong = world.log().with("reason=wrong").len();
        assert_eq!(wrong, 4, "{:#?}", world.log().with("event=rejected"));
    });
}

const ROUNDS: usize = 100;
