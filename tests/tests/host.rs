//! What a module must never do to the program that loads it: die, print, change it, or grow it.

use nightlatch_tests::{Code, Stack, sandboxed};

#[test]
fn a_panic_in_a_hook_denies_and_the_host_lives_and_nothing_is_printed() {
    sandboxed(|world| {
        world.install_faulty_module();
        world.stack(
            "panicking",
            Stack::Lines(
                "auth required pam_nightlatch_faulty.so panic\naccount required pam_nightlatch_faulty.so panic\n",
            ),
        );
        let alice = world.user("alice").enrolled();
        let outcome = alice
            .tries()
            .service("panicking")
            .always_answers(alice.phone().code_at(0))
            .times(20)
            .run();
        outcome
            .gives(Code::ServiceErr)
            .asking(0)
            .leaves_the_host_alone();
        for login in &outcome.logins {
            assert_eq!(login.prompts, [], "nothing on the person's terminal");
        }
        world
            .log()
            .says(&["event=panicked", "service=\"panicking\""]);
        // What the panic says is not for the log either: nobody knows what is in it.
        world.log().never_says("planted");
    });
}

#[test]
fn a_panic_in_sshd_is_a_refusal_and_the_next_login_works() {
    sandboxed(|world| {
        world.install_faulty_module();
        let alice = world.user("alice").enrolled();
        let panicking = "auth requisite pam_unix.so nodelay\nauth required pam_nightlatch_faulty.so panic\n\
                         account required pam_unix.so\nsession required pam_permit.so\n";
        world.host_stack("sshd", Stack::Lines(panicking));
        let refused = alice.ssh();
        refused.is_turned_away();
        assert!(!refused.transcript().contains("panick"));

        world.host_stack("sshd", Stack::PasswordAndCode);
        alice.ssh().answers(&alice.phone().code()).is_let_in();
    });
}

#[test]
fn the_memory_of_a_digest_goes_back_to_the_kernel_whoever_it_is_of() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let backup_code = "3467-9CFH-JKMR-TWXY-346";
        let of_alice = ["3", "4", "6"].map(|end| format!("{backup_code}{end}").into_bytes());
        // What sshd makes of an answer of whom it does not know.
        let garbage = b"\x08\n\r\x7fINCORRECT\x08\n\r\x7fINCORRE".to_vec();
        let of_nobody = [garbage.clone(), garbage.clone(), garbage];
        for (name, answers) in [(alice.name(), of_alice), ("nobody-of-this-name", of_nobody)] {
            let outcome = world.tries_of(name).answers(answers).run();
            outcome
                .gives(Code::AuthErr)
                .asking(3)
                .leaves_the_host_alone();
        }
    });
}

#[test]
fn a_thousand_logins_in_one_process_leave_no_descriptor_and_no_memory_behind() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let phone = alice.phone();
        // One step ahead, so that a slow machine does not leave the window.
        let codes = phone.codes_from_step(phone.step_now() + 1, LOGINS);
        let mut tries = alice
            .tries()
            .times(LOGINS)
            .clock_moving_by(30)
            .calling(&["auth", "acct", "setcred"]);
        // Every fifth login mistypes first, so that refusals are among them.
        for (index, code) in codes.iter().enumerate() {
            tries = if index % 5 == 0 {
                tries.answers(["not a code", code])
            } else {
                tries.answers([code])
            };
        }
        let outcome = tries.run();
        outcome.gives(Code::Success).leaves_the_host_alone();
        assert_eq!(outcome.logins.len(), LOGINS);

        let [(_, warm_heap, warm_rss), (_, heap, rss)] = outcome.memory[..] else {
            panic!("memory was looked at twice: {:?}", outcome.memory)
        };
        println!("heap {warm_heap} to {heap} bytes, resident {warm_rss} to {rss} KiB");
        assert!(heap < warm_heap + 16 * 1024, "{warm_heap} to {heap} bytes");
        assert!(rss < warm_rss + 512, "{warm_rss} to {rss} KiB");
    });
}

#[test]
fn backup_codes_and_refusals_leave_nothing_behind_either() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        for code in &alice.backup_codes()[..3] {
            alice.gets_in_with(code);
        }
        let outcome = world
            .tries_of("nobody-of-this-name")
            .always_answers("123456")
            .times(200)
            .run();
        outcome.gives(Code::AuthErr).leaves_the_host_alone();
        let (first, last) = (outcome.memory[0], outcome.memory[1]);
        assert!(last.1 < first.1 + 16 * 1024, "{first:?} to {last:?}");
    });
}

const LOGINS: usize = 1000;
