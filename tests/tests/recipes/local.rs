//! The recipes for sudo and su, done to Debian's own files.

use nightlatch_tests::{Page, Stack, sandboxed};

use crate::{PAM_SSHD, README_SSHD};

const SUDO_CODE_ONLY: &str = "## sudo: the code alone";
const SU: &str = "## su\n";

#[test]
fn sudo_and_sudo_i_ask_for_password_and_code() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        world.follow(&Page::PAM.recipe("## Where the line goes", "/etc/pam.d/sudo"));
        world.follow(
            &Page::README
                .recipe(README_SSHD, PAM_SSHD)
                .in_file("/etc/pam.d/sudo-i"),
        );
        let alice = world.user("alice").enrolled();
        alice.may_sudo();
        let mut session = alice.ssh().answers(&alice.backup_codes()[0]).is_let_in();
        for (command, service) in [("id -u", "sudo"), ("-i id -u", "sudo-i")] {
            let shown = session
                .sudo(&alice, command)
                .answers(&alice.phone().wrong_code())
                .is_asked()
                .answers(&alice.phone().code())
                .is_done();
            assert!(shown.contains("\r\n0\r\n"), "{shown}");
            let service = format!("service=\"{service}\"");
            world.log().says(&["event=accepted", &service]);
        }
    });
}

#[test]
fn sudo_asks_for_the_code_alone_and_for_a_right_one() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        world.follow(&Page::PAM.recipe(SUDO_CODE_ONLY, "/etc/pam.d/sudo"));
        let alice = world.user("alice").enrolled();
        alice.may_sudo();
        let mut session = alice.ssh().answers(&alice.backup_codes()[0]).is_let_in();
        let shown = session
            .sudo_without_password("id -u")
            .answers(&alice.phone().wrong_code())
            .is_asked()
            .answers(&alice.phone().code())
            .is_done();
        assert!(shown.contains("\r\n0\r\n"), "{shown}");
        session
            .sudo_without_password("id -u")
            .answers(&alice.phone().wrong_code())
            .is_refused();
    });
}

#[test]
fn su_asks_for_the_targets_password_and_code_and_root_for_nothing() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        world.follow(&Page::PAM.recipe(SU, "/etc/pam.d/su"));
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob").enrolled();
        let mut session = alice.ssh().answers(&alice.phone().code()).is_let_in();
        session
            .su(&bob, "id -un")
            .answers(&bob.phone().wrong_code())
            .is_refused();
        let shown = session
            .su(&bob, "id -un")
            .answers(&bob.phone().code())
            .is_done();
        assert!(shown.contains("\r\nbob\r\n"), "{shown}");
        session
            .su_as_login(&bob, "id -un")
            .answers(&bob.backup_codes()[0])
            .is_done();
        world.log().says(&["event=accepted", "service=\"su-l\""]);
        let shown = world.shell("su bob -c 'id -un'").succeeds();
        assert_eq!(shown.stdout, "bob\n");
    });
}
