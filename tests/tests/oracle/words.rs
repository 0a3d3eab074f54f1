//! Through real sshd with the stock client: the same questions, the same texts, the same methods offered.

use nightlatch_tests::{Stack, sandboxed};

use crate::people::everybody;

#[test]
fn sshd_shows_a_stranger_the_same_of_everybody() {
    sandboxed(|world| {
        // `required` goes on after a wrong password: what a stranger without it sees is more here than anywhere else.
        world.host_stack(
            "sshd",
            Stack::Lines(
                "auth required pam_unix.so nodelay\nauth required pam_nightlatch.so\naccount required pam_unix.so\n\
                 account required pam_nightlatch.so\nsession required pam_permit.so\n",
            ),
        );
        let all = everybody(world, "fail_delay = \"0s\"\n");
        let mut shown = Vec::new();
        for answer in ["123456", "not a code", "", "3467-9CFH-JKMR-TWXY-3467"] {
            for somebody in &all {
                somebody.is_as_before();
                let transcript = world
                    .ssh_of(&somebody.name, "a wrong password")
                    .always_answers(answer);
                shown.push((
                    somebody.what,
                    what_matters(&transcript.replace(&somebody.name, "NAME")),
                ));
            }
            let (_, first) = &shown[0];
            assert_eq!(first.matches("Verification code:").count(), 3, "{first}");
            assert!(
                first.contains("can continue: password,keyboard-interactive"),
                "{first}"
            );
            for (what, other) in &shown {
                assert_eq!(other, first, "{what} is told apart after {answer:?}");
            }
            shown.clear();
        }
    });
}

/// The questions and texts, and what sshd offers. The rest of what the client tells of itself says nothing about anybody.
fn what_matters(transcript: &str) -> String {
    transcript
        .lines()
        .filter(|line| !line.starts_with("debug1:") || line.contains("can continue"))
        // The first of all log-ins.
        .filter(|line| !line.starts_with("Warning: Permanently added"))
        .flat_map(|line| [line.trim_end(), "\n"])
        .collect()
}
