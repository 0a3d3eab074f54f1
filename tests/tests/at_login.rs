//! Enrolling inside a login: who may, what is kept, and that nothing is kept without the first factor.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

use nightlatch_core::messages::{KEPT, PROMPT, PROOF, READ};
use nightlatch_tests::{Caller, Neighbour, Person, Phone, Stack, World, sandboxed};

/// Whoever is not enrolled may enroll at sshd, by these gates.
fn gates(world: &World, gates: &str) {
    world.configure(&format!(
        "[enrollment]\nmode = \"at-login\"\n[at_login]\nqr = \"none\"\n{gates}\n"
    ));
    world.host_stack("sshd", Stack::PasswordAndCode);
    world.make_store();
}

/// Gives the code of the key on the screen, and is shown the backup codes.
fn proves(caller: &mut Caller) -> Phone {
    let phone = caller.is_asked(PROOF).phone_by_key();
    caller.answers(&phone.code()).is_asked(KEPT);
    phone
}

/// Hands out an invitation.
fn invited(world: &World, person: &Person<'_>) -> String {
    let run = world
        .nightlatch(&["invite", person.name(), "--json"])
        .succeeds();
    run.json()["ticket"].as_str().unwrap().to_owned()
}

#[test]
fn whoever_enrolls_in_a_login_is_asked_for_that_code_from_then_on() {
    sandboxed(|world| {
        gates(world, "open = true");
        let alice = world.user("alice");
        let mut caller = alice.comes();
        let phone = caller.is_asked(PROOF).phone_by_key();
        let code = phone.code();
        caller.answers(&code).is_asked(KEPT);
        let backup_code = caller.backup_codes().remove(0);
        assert_eq!(alice.enrollment(), None, "nothing is kept before");
        caller.answers("").is_let_in();
        world
            .log()
            .says(&["pam_nightlatch(sshd:auth): event=offered by=policy user=\"alice\""]);
        world
            .log()
            .says(&["event=accepted", "factor=new-token token=\"phone\""]);
        world
            .log()
            .says(&["(sshd:account): event=enrolled-at-login by=policy user=\"alice\""]);
        world.log().never_says(phone.secret());

        // The code that proved it is used up.
        alice
            .ssh()
            .answers(&code)
            .is_asked()
            .answers(&backup_code)
            .is_let_in();
        let status = world
            .nightlatch(&["status", "alice", "--json"])
            .succeeds()
            .json();
        assert_eq!(status["backup_codes"]["left"], 9, "{status}");
    });
}

#[test]
fn a_wrong_first_factor_with_a_right_code_or_invitation_keeps_nothing() {
    sandboxed(|world| {
        let rest = "auth required pam_nightlatch.so\naccount required pam_unix.so\n\
                    account required pam_nightlatch.so\nsession required pam_permit.so\n";
        std::fs::write(
            "/etc/pam.d/first-factor",
            "auth required pam_unix.so nodelay\n",
        )
        .unwrap();
        for first in [
            "auth required pam_unix.so nodelay",
            "auth substack first-factor",
        ] {
            gates(world, "open = true");
            world.host_stack("sshd", Stack::Lines(&format!("{first}\n{rest}")));
            let name = format!("a{}", first.len());
            let person = world.user(&name);
            let mut caller = person.comes_with_password("wrong");
            proves(&mut caller);
            caller.answers("").is_turned_away();
            assert_eq!(person.enrollment(), None, "{first}");

            gates(world, "ticket = true");
            world.host_stack("sshd", Stack::Lines(&format!("{first}\n{rest}")));
            let ticket = invited(world, &person);
            let mut caller = person.comes_with_password("wrong");
            caller.is_asked(PROMPT).answers(&ticket);
            proves(&mut caller);
            caller.answers("").is_turned_away();
            assert_eq!(person.enrollment(), None, "{first}");
            // The invitation is still good for whoever has the password.
            let mut caller = person.comes();
            caller.is_asked(PROMPT).answers(&ticket);
            proves(&mut caller);
            caller.answers("").is_let_in();
        }
        // Where the stack ends at a wrong password, nobody is even asked.
        gates(world, "open = true");
        let bob = world.user("bob");
        bob.comes_with_password("wrong").is_turned_away();
        world.log().never_says("user=\"bob\"");
    });
}

#[test]
fn an_invitation_opens_one_enrollment_and_no_door() {
    sandboxed(|world| {
        gates(world, "ticket = true");
        let alice = world.user("alice");
        let bob = world.user("bob");
        let ticket = invited(world, &alice);
        // It is alice's.
        let mut caller = bob.comes();
        caller.is_asked(PROMPT).answers(&ticket).is_asked(PROMPT);
        assert!(caller.screen().text().contains("Not accepted."));
        caller.hangs_up();

        let mut caller = alice.comes();
        caller.is_asked(PROMPT).answers(&ticket.to_lowercase());
        proves(&mut caller);
        caller.answers("").is_let_in();
        world
            .log()
            .says(&["event=enrolled-at-login by=invitation user=\"alice\""]);
        let mut caller = alice.comes();
        caller.is_asked(PROMPT).answers(&ticket).is_asked(PROMPT);
        world
            .log()
            .says(&["event=rejected reason=wrong user=\"alice\""]);
    });
}

#[test]
fn of_two_who_enroll_at_once_one_is_kept_and_the_other_is_told() {
    sandboxed(|world| {
        gates(world, "open = true");
        let alice = world.user("alice");
        let (mut one, mut other) = (alice.comes(), alice.comes());
        let phone = proves(&mut one);
        proves(&mut other);
        one.answers("").is_let_in();
        other
            .answers("")
            .is_asked("You were enrolled elsewhere meanwhile")
            .is_asked(READ)
            .answers("")
            .is_turned_away();
        world
            .log()
            .says(&["event=rejected reason=enrolled-meanwhile user=\"alice\""]);
        assert!(alice.enrollment().unwrap().contains(phone.secret()));
    });
}

#[test]
fn whoever_breaks_off_leaves_nothing_and_can_begin_again() {
    sandboxed(|world| {
        gates(world, "open = true");
        let alice = world.user("alice");
        let mut caller = alice.comes();
        let first = caller.is_asked(PROOF).phone_by_key();
        caller.hangs_up();
        let mut caller = alice.comes();
        proves(&mut caller);
        caller.hangs_up();
        assert_eq!(alice.enrollment(), None);
        let mut caller = alice.comes();
        assert_ne!(proves(&mut caller).secret(), first.secret());
        caller.answers("").is_let_in();
    });
}

#[test]
fn whoever_was_removed_needs_an_invitation() {
    sandboxed(|world| {
        gates(world, "open = true");
        let alice = world.user("alice").enrolled();
        let _ = world.nightlatch(&["remove", "alice", "--yes"]).succeeds();
        let mut caller = alice.comes();
        caller.is_asked(PROMPT).answers("123456").is_asked(PROMPT);
        caller.answers(&invited(world, &alice));
        proves(&mut caller);
        caller.answers("").is_let_in();
    });
}

#[test]
fn without_the_account_line_nothing_is_kept() {
    sandboxed(|world| {
        gates(world, "open = true");
        world.host_stack(
            "sshd",
            Stack::Lines(
                "auth requisite pam_unix.so nodelay\nauth required pam_nightlatch.so\naccount required pam_unix.so\n\
                 session required pam_permit.so\n",
            ),
        );
        let alice = world.user("alice");
        let mut caller = alice.comes();
        proves(&mut caller);
        caller.answers("").is_let_in();
        assert_eq!(alice.enrollment(), None);
    });
}

#[test]
fn a_gate_that_is_shut_asks_as_everybody_is_asked() {
    sandboxed(|world| {
        let alice = world.user("alice");
        for shut in [
            "until = 2026-01-31",
            "services = [\"login\"]\nopen = true",
            "networks = [\"10.20.0.0/16\"]",
            // The host's own addresses are in no network.
            "networks = [\"127.0.0.0/8\", \"0.0.0.0/1\"]",
        ] {
            gates(world, shut);
            let mut caller = alice.comes();
            caller.is_asked(PROMPT).answers("123456").is_asked(PROMPT);
            caller.hangs_up();
            world
                .log()
                .says(&["event=rejected reason=not-enrolled user=\"alice\""]);
        }
        // Rules go before: who has to have a second factor cannot make one up.
        gates(
            world,
            "open = true\n[[rule]]\nusers = [\"alice\"]\nsecond_factor = \"require\"",
        );
        alice.comes().is_asked(PROMPT);
    });
}

#[test]
fn from_inside_people_enroll_and_from_outside_they_do_not() {
    sandboxed(|world| {
        gates(world, "networks = [\"10.20.0.0/16\"]");
        let office: Neighbour = world.neighbour();
        let alice = world.user("alice");
        let mut caller = alice.comes_from(&office);
        proves(&mut caller);
        caller.answers("").is_let_in();
    });
}
