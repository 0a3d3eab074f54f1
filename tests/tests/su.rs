//! Real su, inside a real login: the code asked for is that of the person one becomes.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nightlatch_tests::{Code, Process, Stack, Terminal, sandboxed};

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

#[test]
fn whoever_runs_su_cannot_stop_it_while_it_holds_somebodys_lock() {
    sandboxed(|world| {
        world.configure(
            "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n[throttle]\nfree_failures = 19\n",
        );
        world.host_stack("su", Stack::CodeOnly(""));
        let alice = world.user("alice").enrolled();
        world.user("bob");
        // su waits after a refusal of its own accord.
        fs::write("/etc/login.defs", "FAIL_DELAY 0\n").unwrap();
        // The write, under the lock, takes long enough to be hit for sure.
        let slow = [
            "-u",
            "bob",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=pwrite64",
            "-e",
            "inject=pwrite64:delay_enter=300ms",
            "su",
            "alice",
            "-c",
            "true",
        ];
        for (round, wrong) in alice.phone().wrong_codes(ROUNDS).iter().enumerate() {
            let mut su = Terminal::run("strace", &slow);
            su.expect("Verification code: ");
            let pid = Process::pid_of("su alice -c true");
            assert!(signalled_by_bob(pid, "CONT"), "it is bob's own process");
            su.type_line(wrong);
            wait_until_locking(pid);
            for signal in ["STOP", "KILL", "TSTP"] {
                assert!(
                    !signalled_by_bob(pid, signal),
                    "round {round}: SIG{signal} hit it"
                );
            }
            let outcome = alice.tries().answers([&alice.backup_codes()[round]]).run();
            outcome.gives(Code::Success);
            assert!(
                outcome.only().last_wait < Duration::from_secs(2),
                "{outcome:#?}"
            );
            su.expect("Authentication failure");
        }
    });
}

/// Whether a signal that bob sends reaches the process.
fn signalled_by_bob(pid: u32, signal: &str) -> bool {
    let sent = Command::new("setpriv")
        .args([
            "--reuid=bob",
            "--regid=bob",
            "--clear-groups",
            "kill",
            "-s",
            signal,
        ])
        .arg(pid.to_string())
        .stderr(Stdio::null())
        .status();
    sent.is_ok_and(|status| status.success())
}

/// Waits until that process holds a lock.
fn wait_until_locking(pid: u32) {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        // `1: FLOCK  ADVISORY  WRITE 4711 00:2f:12345 0 EOF`
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        if locks.contains(&format!("FLOCK  ADVISORY  WRITE {pid} ")) {
            return;
        }
        thread::sleep(Duration::from_millis(2));
    }
    panic!("su never takes the lock");
}

const ROUNDS: usize = 10;
