//! The clock is set while somebody is at it: a prompt that is open, a refusal that waits, a lock that is waited for. That is what
//! a suspended machine looks like, too: the time of day jumps, and nothing seems to have passed.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nightlatch_tests::{Clock, Code, Outcome, Person, Stack, World, sandboxed};

use crate::{DAY, HOUR, YEAR, code_by};

/// sshd with password and code, by a clock that can be set.
fn sshd(world: &World) -> Clock {
    world.host_stack("sshd", Stack::PasswordAndCode);
    let clock = world.clock();
    world.start_sshd_by(&clock);
    clock
}

#[test]
fn a_prompt_that_was_open_over_a_jump_takes_the_code_of_the_time_after_it() {
    sandboxed(|world| {
        let clock = sshd(world);
        let alice = world.user("alice").enrolled();
        for jump in [8 * HOUR, 30 * DAY, 30 * YEAR] {
            let asked = alice.ssh();
            let before = code_by(&alice, &clock);
            clock.shows(clock.time() + jump);
            let again = asked.answers(&before).is_asked();
            again.answers(&code_by(&alice, &clock)).is_let_in();
        }
        world
            .log()
            .says(&["event=rejected reason=wrong user=\"alice\" service=\"sshd\""]);
    });
}

#[test]
fn a_code_that_was_used_stays_used_through_real_sshd_wherever_the_clock_is_set() {
    sandboxed(|world| {
        let clock = sshd(world);
        let alice = world.user("alice").enrolled();
        for time in [0, (1 << 31) - 40, (1 << 31) + 60, (1 << 32) + 60] {
            clock.shows(time);
            let code = code_by(&alice, &clock);
            alice.ssh().answers(&code).is_let_in();
            alice.ssh().answers(&code).is_refused();
        }
        // Back: the fault is not told, and the log has it with its mend.
        clock.is_off_by(0);
        let refused = alice.ssh().always_answers(&code_by(&alice, &clock));
        assert!(!refused.contains("clock"), "{refused}");
        world.log().says(&[
            "event=unavailable",
            "service=\"sshd\"",
            "nightlatch unlock alice --clock",
        ]);
        let _ = world
            .nightlatch_by(&clock, &["unlock", "alice", "--clock"])
            .succeeds();
        clock.is_off_by(60);
        alice.ssh().answers(&code_by(&alice, &clock)).is_let_in();
    });
}

#[test]
fn sudo_takes_the_code_of_the_time_and_no_code_twice_over_the_end_of_31_bits() {
    sandboxed(|world| {
        let clock = sshd(world);
        world.host_stack("sudo", Stack::PasswordAndCode);
        let alice = world.user("alice").enrolled();
        alice.may_sudo();
        clock.shows((1 << 31) - DAY);
        let mut session = alice.ssh().answers(&code_by(&alice, &clock)).is_let_in();
        session.runs(Clock::IN_A_SHELL);
        clock.is_everybodys();
        for time in [(1 << 31) - 40, 1 << 31, (1 << 31) + YEAR] {
            clock.shows(time);
            let code = code_by(&alice, &clock);
            session.sudo(&alice, "true").answers(&code).is_done();
            session.sudo(&alice, "true").answers(&code).is_refused();
        }
        world.log().never_says("event=doubtful");
    });
}

/// A wrong code, and the clock that is set a while after the login began.
fn wrong_while_the_clock_jumps(
    alice: &Person<'_>,
    clock: &Clock,
    jump: i64,
    after: Duration,
) -> Outcome {
    let wrong = alice.phone().wrong_code();
    let tries = alice.tries().by(clock).answers([wrong]);
    thread::scope(|scope| {
        let login = scope.spawn(|| tries.run());
        thread::sleep(after);
        clock.is_off_by(jump);
        login.join().unwrap()
    })
}

#[test]
fn a_refusal_waits_for_its_floor_however_the_clock_is_set_meanwhile() {
    sandboxed(|world| {
        world.configure("[login]\nprompts = 1\nrefusal_floor = \"2s\"\nfail_delay = \"0s\"\n");
        let (alice, clock) = (world.user("alice").enrolled(), world.clock());
        for jump in [-YEAR, YEAR] {
            clock.is_off_by(0);
            let outcome = wrong_while_the_clock_jumps(&alice, &clock, jump, Duration::from_secs(1));
            outcome.gives(Code::AuthErr);
            let waited = outcome.only().last_wait;
            assert!(
                (Duration::from_secs(2)..Duration::from_secs(4)).contains(&waited),
                "{jump}: {waited:?}"
            );
        }
    });
}

#[test]
fn whoever_waits_for_a_lock_waits_for_as_long_however_the_clock_is_set_meanwhile() {
    sandboxed(|world| {
        let (alice, clock) = (world.user("alice").enrolled(), world.clock());
        for jump in [-YEAR, YEAR] {
            clock.is_off_by(0);
            let state = alice.state_files().pop().unwrap();
            let mut holder = Command::new("flock")
                .args(["--exclusive", &state.display().to_string(), "cat"])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            thread::sleep(Duration::from_millis(300));
            let start = Instant::now();
            let soon = Duration::from_millis(500);
            let outcome = wrong_while_the_clock_jumps(&alice, &clock, jump, soon);
            let waited = start.elapsed();
            drop(holder.stdin.take());
            holder.wait().unwrap();
            // After a second it goes on without whoever holds the lock, and is decided.
            outcome.gives(Code::ConvErr);
            assert!(
                (Duration::from_secs(1)..Duration::from_secs(4)).contains(&waited),
                "{jump}: {waited:?}"
            );
            let status = world
                .nightlatch(&["status", "alice", "--json"])
                .succeeds()
                .json();
            assert_ne!(status["wrong_codes"], 0, "{jump}: it was not decided");
        }
    });
}
