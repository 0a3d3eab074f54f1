//! What `auth` prepares waits in the host's memory for the account phase, through the real libpam: it is for one person, one
//! login and one time. Here it is the warning that few backup codes are left.

use nightlatch_tests::{Code, Person, Stack, Tries, World, sandboxed};

#[test]
fn what_auth_hands_over_reaches_account_once() {
    sandboxed(|world| {
        let alice = handing_over(world);
        let outcome = opening(&alice).calling(&["auth", "acct", "acct"]).run();
        outcome.gives(Code::Success).leaves_the_host_alone();
        assert_eq!(
            outcome.only().notices(),
            ["3 backup codes are left. Ask your administrator for new ones."]
        );
    });
}

#[test]
fn what_is_handed_over_for_one_person_reaches_no_other() {
    sandboxed(|world| {
        let alice = handing_over(world);
        let bob = world.user("bob");
        let changed = opening(&alice).then_as(bob.name());
        let outcome = changed.calling(&["auth", "acct"]).run();
        assert_eq!(outcome.only().notices(), [""; 0]);
        assert_eq!(outcome.only().code_of("acct"), Code::Success);
    });
}

#[test]
fn what_an_earlier_login_of_the_host_prepared_is_gone() {
    sandboxed(|world| {
        let alice = handing_over(world);
        let wrong = alice.phone().wrong_codes(3);
        let answers = [&[alice.phone().code()], &wrong[..]].concat();
        let twice = alice.tries().service(HANDING).answers(answers);
        let outcome = twice.calling(&["auth", "auth", "acct"]).run();
        assert_eq!(outcome.only().results[1].1, Code::AuthErr);
        assert_eq!(outcome.only().notices(), [""; 0]);
    });
}

#[test]
fn another_module_in_the_same_stack_does_not_take_it_for_its_own() {
    sandboxed(|world| {
        let alice = handing_over(world);
        world.install_faulty_module();
        world.stack(
            HANDING,
            Stack::Lines(
                "auth required pam_nightlatch.so\naccount required pam_nightlatch_faulty.so\n",
            ),
        );
        let outcome = opening(&alice).calling(&["auth", "acct"]).run();
        outcome.gives(Code::Success).leaves_the_host_alone();
        assert_eq!(outcome.only().notices(), [""; 0]);
    });
}

fn handing_over(world: &World) -> Person<'_> {
    world.configure("[backup_codes]\ncount = 3\n");
    world.stack(HANDING, Stack::CodeOnly(""));
    world.user("alice").enrolled()
}

fn opening(person: &Person<'_>) -> Tries {
    let code = person.phone().code();
    person.tries().service(HANDING).answers([code])
}

/// The service.
const HANDING: &str = "handing";
