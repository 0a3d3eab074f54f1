//! Real sshd, real ssh: what a person meets at the door of a server.

use nightlatch_tests::{Stack, sandboxed};

#[test]
fn password_and_code_let_in_and_the_code_opens_no_second_door() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        let alice = world.user("alice").enrolled();
        let code = alice.phone().code();
        let mut session = alice.ssh().answers(&code).is_let_in();
        assert!(session.runs("id -un").contains("alice"));
        alice.ssh().answers(&code).is_refused();
        alice.ssh().answers(&alice.phone().code()).is_let_in();

        let accepted = world.log().says(&["event=accepted", "service=\"sshd\""]);
        assert!(
            accepted.text.contains("rhost=\"127.0.0.1\""),
            "{accepted:?}"
        );
        world.log().says(&[
            "event=rejected",
            "reason=replayed",
            "user=\"alice\"",
            "rhost=\"127.0.0.1\"",
        ]);
    });
}

#[test]
fn it_works_behind_what_debians_own_file_includes() {
    sandboxed(|world| {
        world.add_to_debians_stack("sshd");
        let alice = world.user("alice").enrolled();
        alice.ssh().answers(&alice.phone().code()).is_let_in();
        alice.ssh_with_password("wrong").is_turned_away();
    });
}

#[test]
fn a_mistyped_code_does_not_cost_the_password_again() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        let alice = world.user("alice").enrolled();
        alice
            .ssh()
            .answers(&alice.phone().wrong_code())
            .is_asked()
            .answers(&alice.phone().code())
            .is_let_in();
    });
}

#[test]
fn three_wrong_codes_end_it() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        let alice = world.user("alice").enrolled();
        let [one, two, three] = &alice.phone().wrong_codes(3)[..] else {
            unreachable!("three were asked for")
        };
        alice
            .ssh()
            .answers(one)
            .is_asked()
            .answers(two)
            .is_asked()
            .answers(three)
            .is_turned_away();
    });
}

#[test]
fn a_backup_code_lets_in_once() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        let alice = world.user("alice").enrolled();
        let code = &alice.backup_codes()[0];
        let session = alice.ssh().answers(code).is_let_in();
        assert!(
            session.transcript().contains("9 left"),
            "{}",
            session.transcript()
        );
        alice.ssh().answers(code).is_refused();
    });
}

#[test]
fn whoever_is_not_enrolled_is_asked_like_everybody_and_refused() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        world.user("alice").enrolled();
        let bob = world.user("bob");
        bob.ssh()
            .answers("123456")
            .is_asked()
            .answers("234567")
            .is_asked()
            .answers("345678")
            .is_turned_away();
    });
}

#[test]
fn where_it_is_optional_whoever_is_not_enrolled_gets_in_by_password() {
    sandboxed(|world| {
        world.configure("[enrollment]\nmode = \"optional\"\n");
        world.host_stack("sshd", Stack::PasswordAndCode);
        world.user("alice").enrolled();
        world.user("bob").ssh().is_let_in();
    });
}

#[test]
fn a_broken_configuration_shuts_the_door_and_asks_nothing() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        let alice = world.user("alice").enrolled();
        world.configure_exactly("[login]\nprompt = 3\n");
        alice.ssh().is_turned_away();
        world.log().says(&["/etc/nightlatch/nightlatch.toml"]);
    });
}

#[test]
fn sshs_password_method_lets_nobody_in_and_locks_nobody_out() {
    sandboxed(|world| {
        // sshd answers the hidden question with the password. That is no code, and so no try.
        world.configure("[throttle]\nfree_failures = 0\n");
        world.host_stack("sshd", Stack::PasswordAndCode);
        // Even where it looks like one.
        let alice = world.user("alice").whose_password_is("20261124").enrolled();
        for _ in 0..3 {
            alice.ssh_by_password_method().is_turned_away();
        }
        world.log().says(&["event=rejected", "reason=not-a-code"]);
        world.log().never_says("reason=wrong");
        alice.ssh().answers(&alice.phone().code()).is_let_in();
    });
}
