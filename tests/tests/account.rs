//! The account phase: warnings, and whom sshd lets in by a key without asking PAM.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

use nightlatch_tests::{Code, Page, World, sandboxed};

/// A key opens sshd, and PAM is asked for the account alone.
fn keys_alone(world: &World, toml: &str) {
    world.configure(toml);
    for file in ["/etc/ssh/sshd_config", "/etc/pam.d/sshd"] {
        world.follow(&Page::README.recipe("2. **sshd**", file));
    }
    world.start_sshd_as_configured();
}

#[test]
fn a_deadline_warns_those_who_are_not_enrolled_and_then_keeps_them_out() {
    sandboxed(|world| {
        world.make_store();
        world.configure("[enrollment]\ndeadline = 2027-01-31\n");
        let alice = world.passing_user("alice");
        let calls = ["auth", "acct"];
        let before = alice.tries().at(1_795_487_400).calling(&calls).run();
        assert_eq!(
            before.only().notices(),
            [
                "After 2027-01-31 you need a second factor to log in, and none is set up for you yet. Ask your administrator to enroll you."
            ]
        );
        assert_eq!(before.only().code_of("acct"), Code::Success);
        world
            .log()
            .says(&["event=exempt reason=deadline user=\"alice\""]);
        // 2027-02-01T00:00:00Z
        let after = alice.tries().at(1_801_440_000).answers(["123456"]).run();
        after.asking(2);
        world
            .log()
            .says(&["event=rejected reason=not-enrolled user=\"alice\""]);
    });
}

#[test]
fn whoever_has_few_backup_codes_left_is_told_after_the_first_factor() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 4\n");
        let alice = world.user("alice").enrolled();
        let calls = ["auth", "acct"];
        let told = |answer: &str| {
            let outcome = alice.tries().answers([answer]).calling(&calls).run();
            outcome.gives(Code::Success);
            outcome
                .only()
                .notices()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&alice.phone().code()), [""; 0]);
        assert_eq!(
            told(&alice.backup_codes()[0]),
            ["Backup code accepted. 3 left; your administrator can make new ones."]
        );
        assert_eq!(
            told(&alice.phone().code()),
            ["3 backup codes are left. Ask your administrator for new ones."]
        );
    });
}

#[test]
fn by_a_key_whoever_is_not_enrolled_gets_in_unless_the_account_phase_is_told_to_refuse() {
    sandboxed(|world| {
        keys_alone(world, "");
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob");
        assert!(bob.gets_in_by_key_alone());

        keys_alone(world, "[account]\nrequire_enrollment = true\n");
        assert!(alice.gets_in_by_key_alone());
        assert!(!bob.gets_in_by_key_alone());
        world
            .log()
            .says(&["(sshd:account): event=rejected reason=not-enrolled user=\"bob\""]);

        // Not before the deadline, nor where a rule exempts.
        keys_alone(
            world,
            "[account]\nrequire_enrollment = true\n[enrollment]\ndeadline = 2099-01-31\n",
        );
        assert!(bob.gets_in_by_key_alone());
        let rule = "[[rule]]\nusers = [\"bob\"]\nsecond_factor = \"skip\"\n";
        keys_alone(
            world,
            &format!("[account]\nrequire_enrollment = true\n{rule}"),
        );
        assert!(bob.gets_in_by_key_alone());
    });
}

#[test]
fn a_rule_that_denies_holds_for_keys_too() {
    sandboxed(|world| {
        keys_alone(
            world,
            "[[rule]]\nusers = [\"alice\"]\nsecond_factor = \"deny\"\n",
        );
        let alice = world.user("alice").enrolled();
        assert!(!alice.gets_in_by_key_alone());
        world
            .log()
            .says(&["(sshd:account): event=rejected reason=denied user=\"alice\""]);
        assert!(world.user("bob").gets_in_by_key_alone());
    });
}

#[test]
fn a_configuration_that_is_wrong_keeps_keys_out_too() {
    sandboxed(|world| {
        keys_alone(world, "[enrollment]\nmode = \"maybe\"\n");
        let alice = world.user("alice");
        assert!(!alice.gets_in_by_key_alone());
        world.log().says(&["(sshd:account): event=misconfigured"]);
        keys_alone(world, "");
        assert!(alice.gets_in_by_key_alone());
    });
}

#[test]
fn on_this_host_whoever_root_lets_through_is_not_looked_at() {
    sandboxed(|world| {
        let deny = "[[rule]]\nsecond_factor = \"deny\"\n[account]\nrequire_enrollment = true\n";
        world.configure(deny);
        world.add_to_debians_stack("su");
        world.user("bob");
        let _ = world.shell("su bob -c true").succeeds();
    });
}

#[test]
fn by_a_key_a_rule_that_requires_does_not_wait_for_the_deadline() {
    sandboxed(|world| {
        let rule = "[[rule]]\nusers = [\"bob\"]\nsecond_factor = \"require\"\n";
        let deadline = "[enrollment]\ndeadline = 2099-01-31\n";
        let refusing = "[account]\nrequire_enrollment = true\n";
        world.make_store();
        keys_alone(world, &format!("{refusing}{deadline}{rule}"));
        assert!(world.user("alice").gets_in_by_key_alone());
        assert!(!world.user("bob").gets_in_by_key_alone());
    });
}

#[test]
fn by_a_key_what_is_enrolled_for_another_account_of_that_name_does_not_count() {
    sandboxed(|world| {
        keys_alone(world, "[account]\nrequire_enrollment = true\n");
        let alice = world.user("alice").enrolled();
        assert!(alice.gets_in_by_key_alone());
        // usermod refuses while a process of the login before is on its way out.
        let until_gone =
            "for try in $(seq 100); do usermod --uid 5555 alice && exit 0; sleep 0.1; done; exit 1";
        let _ = world.shell(until_gone).succeeds();
        assert!(!alice.gets_in_by_key_alone());
        world
            .log()
            .says(&["(sshd:account): event=rejected reason=other-uid user=\"alice\""]);
    });
}
