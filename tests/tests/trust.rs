//! Places where a code was given not long ago are not asked again, by `[trust] remember`; and all that ends that.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

use nightlatch_tests::{Code, Person, Stack, World, sandboxed};

const HOME: &str = "198.51.100.7";
const ELSEWHERE: &str = "198.51.100.8";

/// A door whose word about addresses is believed and which remembers for so long; the return code tells who was not asked.
fn remembering(world: &World, remember: &str, rest: &str) {
    world.configure_exactly(&format!(
        "[login]\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\nprompts = 1\nrhost_from = [\"door\", \"gate\"]\n\
         [trust]\nremember = \"{remember}\"\n{rest}"
    ));
    world.stack("gate", Stack::CodeOnly(""));
}

/// Gives a backup code from there, which is asked for and let in.
fn gets_in(person: &Person<'_>, place: &str, code: &str) {
    let tries = person.tries().from(place).answers([code]);
    let outcome = tries.calling(&["auth", "acct"]).run();
    outcome.gives(Code::Success).asking(1);
    assert_eq!(outcome.only().code_of("acct"), Code::Success);
}

/// Asserts that no code is asked for. (In a stack of the module alone, that is refused by libpam.)
fn is_not_asked(person: &Person<'_>, place: &str) {
    let outcome = person.tries().from(place).run();
    outcome.gives(Code::PermDenied).asking(0);
}

/// Asserts that a code is asked for. What is answered is none, and counts as nothing.
fn is_asked(person: &Person<'_>, place: &str) {
    let outcome = person.tries().from(place).answers(["no code"]).run();
    outcome.gives(Code::AuthErr).asking(1);
}

#[test]
fn where_a_code_was_given_none_is_asked_for_a_while() {
    sandboxed(|world| {
        remembering(world, "1h", "");
        let alice = world.user("alice").enrolled();
        is_asked(&alice, HOME);
        gets_in(&alice, HOME, &alice.backup_codes()[0]);
        is_not_asked(&alice, HOME);
        world
            .log()
            .says(&["event=exempt reason=trusted user=\"alice\""]);
        // Not elsewhere, not for another service, not for somebody else, and not by what is no address.
        is_asked(&alice, ELSEWHERE);
        let gate = alice.tries().service("gate").from(HOME);
        gate.answers(["no code"])
            .run()
            .gives(Code::AuthErr)
            .asking(1);
        is_asked(&world.user("bob").enrolled(), HOME);
        is_asked(&alice, "host.example.org");
        // And no longer than that.
        let later = alice.tries().from(HOME).clock_off_by(3700);
        later
            .answers(["no code"])
            .run()
            .gives(Code::AuthErr)
            .asking(1);
    });
}

#[test]
fn without_the_setting_and_from_the_hosts_own_addresses_everybody_is_asked() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let mut codes = alice.backup_codes().iter();
        remembering(world, "0s", "");
        gets_in(&alice, HOME, codes.next().unwrap());
        is_asked(&alice, HOME);
        remembering(world, "1h", "");
        for own in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            gets_in(&alice, own, codes.next().unwrap());
            is_asked(&alice, own);
        }
    });
}

#[test]
fn whatever_changes_a_second_factor_ends_trust() {
    sandboxed(|world| {
        remembering(world, "1h", "");
        let mut alice = world.user("alice").enrolled();
        let run = |arguments: &[&str]| drop(world.nightlatch(arguments).succeeds());
        let changes: [&[&str]; 4] = [
            &["trust", "forget", "alice"],
            &["enroll", "alice", "--label", "tablet", "--yes", "--json"],
            &["lock", "alice"],
            &["codes", "alice", "--json"],
        ];
        for (change, code) in changes.into_iter().zip(alice.backup_codes()) {
            gets_in(&alice, HOME, code);
            is_not_asked(&alice, HOME);
            run(change);
            is_asked(&alice, HOME);
            run(&["unlock", "alice"]);
            is_asked(&alice, HOME);
        }
        alice.enroll_again();
        gets_in(&alice, HOME, &alice.backup_codes()[0]);
        is_not_asked(&alice, HOME);
        alice.enroll_again();
        is_asked(&alice, HOME);
        gets_in(&alice, HOME, &alice.backup_codes()[0]);
        run(&["remove", "alice", "--yes"]);
        alice.enroll();
        is_asked(&alice, HOME);
    });
}

#[test]
fn a_code_behind_a_wrong_password_makes_no_place_trusted() {
    sandboxed(|world| {
        remembering(world, "1h", "");
        let alice = world.user("alice").enrolled();
        // As after a wrong password: auth was asked, and account is not called.
        let tries = alice.tries().from(HOME).answers([&alice.backup_codes()[0]]);
        tries.run().gives(Code::Success).asking(1);
        is_asked(&alice, HOME);
        // For another user of the same application neither.
        let bob = world.user("bob");
        let tries = alice.tries().from(HOME).answers([&alice.backup_codes()[1]]);
        let changed = tries.then_as(bob.name()).calling(&["auth", "acct"]);
        changed.run().gives(Code::Success);
        is_asked(&alice, HOME);
    });
}

#[test]
fn a_place_that_is_locked_is_asked_although_it_is_trusted() {
    sandboxed(|world| {
        remembering(world, "1h", "");
        let alice = world.user("alice").enrolled();
        gets_in(&alice, HOME, &alice.backup_codes()[0]);
        is_not_asked(&alice, HOME);
        for wrong in alice.phone().wrong_codes(6) {
            let gate = alice.tries().service("gate").from(HOME);
            gate.answers([wrong]).run().gives(Code::AuthErr);
        }
        let locked = alice.tries().from(HOME).answers(["123456"]).run();
        locked.gives(Code::AuthErr).asking(1);
        world
            .log()
            .says(&["event=rejected reason=locked user=\"alice\" service=\"door\""]);
    });
}

#[test]
fn a_rule_that_requires_asks_whatever_is_remembered() {
    sandboxed(|world| {
        let rule = "[[rule]]\nusers = [\"alice\"]\nsecond_factor = \"require\"\n";
        remembering(world, "1h", rule);
        let alice = world.user("alice").enrolled();
        gets_in(&alice, HOME, &alice.backup_codes()[0]);
        is_asked(&alice, HOME);
    });
}
