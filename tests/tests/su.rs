//! Real su, inside a real login: the code asked for is that of the person one becomes.

use nightlatch_tests::{Stack, sandboxed};

#[test]
fn su_wants_the_targets_password_and_the_targets_code() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        world.host_stack("su", Stack::PasswordAndCode);
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob").enrolled();
        let mut session = alice.ssh().answers(&alice.phone().code()).is_let_in();
        session
            .su(&bob, "id -un")
            .answers(&alice.phone().code())
            .is_refused();
        let shown = session
            .su(&bob, "id -un")
            .answers(&bob.phone().code())
            .is_done();
        assert!(shown.contains("\r\nbob\r\n"), "{shown}");
        world
            .log()
            .says(&["event=accepted", "user=\"bob\"", "service=\"su\""]);
    });
}

#[test]
fn a_stack_of_the_code_alone_works_in_su() {
    sandboxed(|world| {
        // An IGNORE of setcred would break exactly this one.
        world.host_stack("sshd", Stack::PasswordAndCode);
        world.host_stack(
            "su",
            Stack::Lines(
                "auth required pam_nightlatch.so\naccount required pam_nightlatch.so\nsession required pam_permit.so\n",
            ),
        );
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob").enrolled();
        let mut session = alice.ssh().answers(&alice.phone().code()).is_let_in();
        session
            .su_without_password(&bob, "true")
            .answers(&bob.phone().code())
            .is_done();
    });
}
