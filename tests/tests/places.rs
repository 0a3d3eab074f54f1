//! Places: whose failures lock whom out. A stranger somewhere else does not close the doors that the person uses.

use nightlatch_tests::{Code, Person, Stack, World, sandboxed};

#[test]
fn failures_from_one_unknown_address_lock_all_of_them_and_no_place_where_the_person_got_in() {
    sandboxed(|world| {
        believes_addresses(
            world,
            "[throttle]\nfree_failures = 1\nfirst_lock = \"10m\"\n",
        );
        let alice = world.user("alice").enrolled();
        gets_in(&alice, HOME, &alice.phone().code());

        fails(&alice, STRANGER, 2);
        is_locked(world, &alice, STRANGER);
        is_locked(world, &alice, "198.51.100.200");
        is_locked(world, &alice, "host.example");
        gets_in(&alice, HOME, &alice.phone().code());
    });
}

#[test]
fn failures_at_a_known_place_lock_that_place_alone() {
    sandboxed(|world| {
        believes_addresses(
            world,
            "[throttle]\nfree_failures = 1\nfirst_lock = \"10m\"\n",
        );
        let alice = world.user("alice").enrolled();
        let [office, home, elsewhere, ..] = alice.backup_codes() else {
            panic!("backup codes are made")
        };
        gets_in(&alice, OFFICE, office);
        gets_in(&alice, HOME, home);

        fails(&alice, OFFICE, 2);
        is_locked(world, &alice, OFFICE);
        gets_in(&alice, HOME, &alice.phone().code());
        gets_in(&alice, STRANGER, elsewhere);
    });
}

#[test]
fn a_mapped_address_is_the_ipv4_address_and_an_ipv6_address_stands_for_its_64() {
    sandboxed(|world| {
        believes_addresses(
            world,
            "[throttle]\nfree_failures = 1\nfirst_lock = \"10m\"\n",
        );
        let alice = world.user("alice").enrolled();
        let [v4, v6, mapped, same_line, ..] = alice.backup_codes() else {
            panic!("backup codes are made")
        };
        gets_in(&alice, "192.0.2.1", v4);
        gets_in(&alice, "2001:db8:1:2::1", v6);

        fails(&alice, STRANGER, 2);
        gets_in(&alice, "::ffff:192.0.2.1", mapped);
        gets_in(&alice, "2001:db8:1:2:ffff:ffff:ffff:ffff", same_line);
        is_locked(world, &alice, "::ffff:192.0.2.2");
        is_locked(world, &alice, "2001:db8:1:3::1");

        // The other way round: who picks another address of the line does not get round its lock.
        fails(&alice, "2001:db8:1:2::bad", 2);
        is_locked(world, &alice, "2001:db8:1:2::1");
    });
}

#[test]
fn a_stranger_who_uses_up_the_strangers_share_does_not_close_the_known_place() {
    sandboxed(|world| {
        believes_addresses(world, "");
        let alice = world.user("alice").enrolled_with(&["--digits", "8"]);
        gets_in(&alice, HOME, &alice.phone().code());

        // 20 minutes between two tries: no lock is longer than 15.
        let mut stranger = alice.tries().from(STRANGER).clock_moving_by(PAUSE);
        let guesses = alice.phone().wrong_codes(SHARE + 1);
        for guess in &guesses {
            stranger = stranger.answers([guess]);
        }
        let log = world.log().from_now();
        stranger.times(guesses.len()).run().gives(Code::ConvErr);
        assert_eq!(log.with("reason=wrong").len(), SHARE);
        assert_eq!(log.with("reason=share-used-up").len(), 1);

        let later = alice.phone().step_now() + PAUSE * (SHARE as u64 + 2) / 30;
        let at_that_time = |host: &str, steps: u64| {
            let code = alice.phone().code_of_step(later + steps);
            let tries = alice.tries().from(host).always_answers(code);
            tries.at((later + steps) * 30 + 15).run()
        };
        at_that_time("203.0.113.77", 0).gives(Code::AuthErr);
        at_that_time(HOME, 1).gives(Code::Success);
        // Nor does the person's success open the strangers' share again.
        at_that_time(STRANGER, 2).gives(Code::AuthErr);
    });
}

#[test]
fn the_address_that_a_service_gives_is_not_believed_unless_the_configuration_says_so() {
    sandboxed(|world| {
        world.stack("door", Stack::CodeOnly("debug"));
        let alice = world.user("alice").enrolled();
        alice.tries().from(HOME).answers([""; 0]).run().asking(1);
        world.log().says(&["event=began", "place=elsewhere"]);
        believes_addresses(world, "");
        alice.tries().from(HOME).answers([""; 0]).run().asking(1);
        world
            .log()
            .says(&["event=began", &format!("place=address:{HOME}")]);
    });
}

/// Lets the driver's service say where somebody comes from, as sshd does.
fn believes_addresses(world: &World, toml: &str) {
    world.configure(&format!(
        "[login]\nrhost_from = [\"door\"]\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n{toml}"
    ));
}

fn gets_in(person: &Person<'_>, host: &str, code: &str) {
    let outcome = person.tries().from(host).answers([code]).run();
    outcome.gives(Code::Success).asking(1);
}

/// Gives so many wrong codes and hangs up.
fn fails(person: &Person<'_>, host: &str, times: usize) {
    let guesses = person.phone().wrong_codes(times);
    let outcome = person.tries().from(host).answers(guesses).run();
    outcome.gives(Code::ConvErr).asking(times + 1);
}

/// Asserts that a right code is refused for a lock.
fn is_locked(world: &World, person: &Person<'_>, host: &str) {
    let log = world.log().from_now();
    let code = person.phone().code_at(0);
    let outcome = person.tries().from(host).always_answers(code).run();
    outcome.gives(Code::AuthErr).asking(3);
    log.says(&["reason=locked", &format!("rhost=\"{host}\"")]);
    assert_eq!(log.with("event=accepted"), []);
}

const HOME: &str = "192.0.2.1";
const OFFICE: &str = "203.0.113.5";
const STRANGER: &str = "198.51.100.7";

/// What all unknown places may fail together, of the default hard limit of 100.
const SHARE: usize = 60;

/// Seconds between two tries of a patient stranger.
const PAUSE: u64 = 20 * 60;
