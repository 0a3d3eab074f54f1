//! Real sudo, inside a real login.

use nightlatch_tests::{Stack, sandboxed};

#[test]
fn sudo_takes_the_next_code_and_no_code_twice() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        world.host_stack("sudo", Stack::PasswordAndCode);
        let alice = world.user("alice").enrolled();
        alice.may_sudo();
        let code = alice.phone().code();
        let mut session = alice.ssh().answers(&code).is_let_in();
        session.sudo(&alice, "id -u").answers(&code).is_refused();
        let shown = session
            .sudo(&alice, "id -u")
            .answers(&alice.phone().code())
            .is_done();
        assert!(shown.contains("\r\n0\r\n"), "{shown}");
        world
            .log()
            .says(&["event=accepted", "user=\"alice\"", "service=\"sudo\""]);
    });
}

#[test]
fn it_works_behind_what_debians_own_file_includes() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        world.add_to_debians_stack("sudo");
        let alice = world.user("alice").enrolled();
        alice.may_sudo();
        let mut session = alice.ssh().answers(&alice.phone().code()).is_let_in();
        session
            .sudo(&alice, "true")
            .answers(&alice.phone().code())
            .is_done();
    });
}

#[test]
fn sudo_takes_a_backup_code_once_and_a_mistake_before_it() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        world.host_stack("sudo", Stack::PasswordAndCode);
        let alice = world.user("alice").enrolled();
        alice.may_sudo();
        let [first, second, ..] = alice.backup_codes() else {
            panic!("backup codes are made")
        };
        let mut session = alice.ssh().answers(first).is_let_in();
        session
            .sudo(&alice, "true")
            .answers(&alice.phone().wrong_code())
            .is_asked()
            .answers(second)
            .is_done();
        session.sudo(&alice, "true").answers(second).is_refused();
    });
}
