//! What real hosts hold while a session lives, and at their questions: the same as without the module.
//!
//! `pam_warn`, which only logs, is in the stack both times, so that what libpam keeps for whoever logs is there both times.

use std::thread;
use std::time::Duration;

use nightlatch_tests::{Person, Process, Session, Stack, Terminal, World, sandboxed};

#[test]
fn su_and_what_it_starts_hold_what_they_hold_without_the_module() {
    sandboxed(|world| {
        let mut session = session_by_password(&world.user("alice"), world);
        let bob = world.user("bob").enrolled();
        world.host_stack("su", Stack::Lines(WITHOUT));
        begin(&mut session, SU, &bob, Asks::Password);
        let before = [SU, "cat"].map(Process::running);
        end(&mut session);

        world.host_stack("su", Stack::Lines(WITH));
        begin(&mut session, SU, &bob, Asks::PasswordAndCode);
        let now = [SU, "cat"].map(Process::running);
        assert_eq!(now, before);
    });
}

#[test]
fn sudo_holds_what_it_holds_without_the_module() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        alice.may_sudo();
        let mut session = session_by_password(&alice, world);
        world.host_stack("sudo", Stack::Lines(WITHOUT));
        begin(&mut session, SUDO, &alice, Asks::Password);
        let before = Process::running(SUDO);
        end(&mut session);

        world.host_stack("sudo", Stack::Lines(WITH));
        begin(&mut session, SUDO, &alice, Asks::PasswordAndCode);
        assert_eq!(Process::running(SUDO), before);
    });
}

#[test]
fn sshd_holds_nothing_at_the_question_for_a_code_that_it_did_not_hold_at_the_password() {
    sandboxed(|world| {
        let lines = format!("auth optional pam_warn.so\n{WITH}");
        world.host_stack("sshd", Stack::Lines(&lines));
        let alice = world.user("alice").enrolled();
        world.start_sshd();
        let mut ssh = Terminal::run(
            "ssh",
            &[
                "-F",
                "none",
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
                "-o",
                "PreferredAuthentications=keyboard-interactive",
                "alice@127.0.0.1",
            ],
        );
        ssh.expect("assword:");
        // PAM runs in a process of its own there, which ends with the authentication.
        let before = Process::running("sshd: alice [pam]");
        ssh.type_line(alice.password());
        ssh.expect(QUESTION);
        ssh.type_line(&alice.phone().wrong_code());
        ssh.expect(QUESTION);
        assert_eq!(Process::running("sshd: alice [pam]"), before);
    });
}

#[test]
fn sshd_and_its_session_hold_what_they_hold_without_the_module() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        world.host_stack("sshd", Stack::Lines(WITHOUT));
        let without = alice.ssh().is_let_in();
        let before = SSHD.map(Process::running);
        drop(without);
        while Process::is_running(SSHD[0]) {
            thread::sleep(Duration::from_millis(20));
        }

        world.host_stack("sshd", Stack::Lines(WITH));
        let _with = alice.ssh().answers(&alice.phone().code()).is_let_in();
        assert_eq!(SSHD.map(Process::running), before);
    });
}

/// Somebody's shell, reached without the module.
fn session_by_password(person: &Person<'_>, world: &World) -> Session {
    world.host_stack("sshd", Stack::Lines(WITHOUT));
    person.ssh().is_let_in()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    Password,
    PasswordAndCode,
}

/// Types a command that runs `cat` as somebody else, answers what is asked, mistypes the code once, and sees that `cat` runs.
fn begin(session: &mut Session, command: &str, person: &Person<'_>, asks: Asks) {
    let terminal = session.terminal();
    // The command as it stands in `/proc` is the one that is typed but for the quotes.
    let Some((program, script)) = command.split_once("-c ") else {
        panic!("{command:?} has no -c")
    };
    terminal.type_line(&format!("{program}-c '{script}'; echo status=$?"));
    // What was typed is shown too.
    terminal.expect("status=");
    terminal.expect_one_of(&["assword: ", "password for "]);
    terminal.type_line(person.password());
    if asks == Asks::PasswordAndCode {
        for answer in [person.phone().wrong_code(), person.phone().code()] {
            terminal.expect(QUESTION);
            terminal.type_line(&answer);
        }
    }
    terminal.expect("in=42");
}

/// Ends `cat`, as the end of its input does.
fn end(session: &mut Session) {
    session.terminal().type_keys("\x04").expect("status=0");
}

const SU: &str = "su bob -c echo in=$((6 * 7)); exec cat";
const SUDO: &str = "sudo -k sh -c echo in=$((6 * 7)); exec cat";
const SSHD: [&str; 2] = ["sshd: alice [priv]", "sshd: alice@*"];
const QUESTION: &str = "Verification code: ";

const WITHOUT: &str = "auth requisite pam_unix.so nodelay\nauth optional pam_warn.so\n\
                       account required pam_unix.so\nsession required pam_permit.so\n";
const WITH: &str = "auth requisite pam_unix.so nodelay\nauth required pam_nightlatch.so\nauth optional pam_warn.so\n\
                    account required pam_unix.so\naccount required pam_nightlatch.so\nsession required pam_permit.so\n";
