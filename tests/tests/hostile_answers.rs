//! Answers that nobody would give, and names that nobody has: refused like any other, and the host program lives.

use nightlatch_tests::{Code, Stack, World, sandboxed};

#[test]
fn an_answer_of_a_mebibyte_is_refused() {
    sandboxed(|world| {
        is_refused_without_harm(world, &vec![b'1'; 1024 * 1024]);
        is_refused_without_harm(world, &vec![b' '; 1024 * 1024]);
    });
}

#[test]
fn an_answer_that_is_longer_than_allowed_is_refused_though_a_code_is_in_it() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        // Digits in as many bytes as a backup code has symbols are none: what is so long takes as long as one.
        for (code, most) in [
            (alice.phone().code(), 19),
            (alice.backup_codes()[0].clone(), 128),
        ] {
            let in_bytes = |bytes: usize| format!("{code:<bytes$}");
            alice.is_kept_out_with(in_bytes(most + 1));
            let outcome = alice.tries().answers([in_bytes(most)]).run();
            outcome.gives(Code::Success);
        }
    });
}

#[test]
fn control_characters_are_no_part_of_a_code() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let code = alice.phone().code();
        for character in ["\x01", "\x08", "\t", "\r", "\n", "\x1b[A", "\x7f"] {
            for answer in [format!("{code}{character}"), format!("{character}{code}")] {
                alice.is_kept_out_with(&answer);
            }
        }
    });
}

#[test]
fn what_follows_a_nul_is_not_read() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        // An answer of PAM ends at its first NUL: an empty one, and a code with garbage behind it that is never seen.
        alice.is_kept_out_with(format!("\0{}", alice.phone().code_at(0)));
        alice
            .tries()
            .answers([format!("{}\0garbage", alice.phone().code())])
            .run()
            .gives(Code::Success);
    });
}

#[test]
fn broken_utf8_is_refused() {
    sandboxed(|world| {
        for answer in [
            &b"\xff\xfe"[..],
            b"12345\xc3",
            b"\xf0\x28\x8c\x28",
            b"\xed\xa0\x80123456",
            b"\xc0\x80",
        ] {
            is_refused_without_harm(world, answer);
        }
    });
}

#[test]
fn digits_of_other_scripts_are_no_code() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let code = alice.phone().code();
        let wide: String = code
            .chars()
            .map(|digit| char::from_u32(u32::from(digit) - 0x30 + 0xff10).unwrap())
            .collect();
        alice.is_kept_out_with(&wide);
    });
}

#[test]
fn what_has_no_codes_shape_costs_no_try() {
    sandboxed(|world| {
        world.configure("[throttle]\nfree_failures = 1\n");
        let alice = world.user("alice").enrolled();
        for answer in [
            "",
            "correct horse of alice",
            "\x08\n\r\x7fINCORRECT",
            "12345",
            "123456789",
        ] {
            alice.is_kept_out_with(answer);
        }
        alice.gets_in_with(alice.phone().code());
    });
}

#[test]
fn the_same_wrong_answer_again_costs_no_second_try() {
    sandboxed(|world| {
        world.configure("[throttle]\nfree_failures = 1\n");
        let alice = world.user("alice").enrolled();
        let wrong = alice.phone().wrong_code();
        alice
            .tries()
            .answers([&wrong, &wrong, &alice.phone().code()])
            .run()
            .gives(Code::Success)
            .asking(3);
    });
}

#[test]
fn a_name_of_any_kind_is_only_an_unknown_one() {
    sandboxed(|world| {
        world.user("alice").enrolled();
        for name in [
            "../alice",
            "alice/../alice",
            ".",
            "..",
            "/etc/passwd",
            "%s%n",
            "ALICE",
            "alice ",
            "a\u{e9}",
            "-rf",
            &"a".repeat(300),
            &"b".repeat(100_000),
        ] {
            world
                .tries_of(name)
                .always_answers("123456")
                .run()
                .gives(Code::AuthErr)
                .asking(3)
                .leaves_the_host_alone();
        }
        let people = std::fs::read_dir("/var/lib/nightlatch/users").unwrap();
        let people: Vec<_> = people.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(people, ["alice"], "nothing was kept for strangers");
    });
}

#[test]
fn a_host_of_any_kind_is_an_address_or_elsewhere_and_nothing_more() {
    sandboxed(|world| {
        world.configure(
            "[login]\nrhost_from = [\"door\"]\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n",
        );
        world.stack("door", Stack::CodeOnly("debug"));
        let mut alice = world.user("alice").enrolled();
        for (host, place) in [
            ("", "elsewhere"),
            ("UNKNOWN", "elsewhere"),
            ("192.0.2.1", "address:192.0.2.1"),
            ("::ffff:192.0.2.1", "address:192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"),
            ("fe80::1%eth0", "elsewhere"),
            ("1.2.3.4.5", "elsewhere"),
            ("192.0.2.1\n", "elsewhere"),
            ("\u{661}92.0.2.1", "elsewhere"),
            ("%n%n", "elsewhere"),
            (&"h".repeat(1000), "elsewhere"),
        ] {
            let log = world.log().from_now();
            alice.enroll_again();
            alice
                .tries()
                .from(host)
                .answers([alice.phone().code()])
                .run()
                .gives(Code::Success)
                .asking(1)
                .leaves_the_host_alone();
            log.says(&["event=began", &format!("place={place} ")]);
        }
    });
}

fn is_refused_without_harm(world: &World, answer: &[u8]) {
    // Whoever it is: the answer is looked at, and refused, before anybody's record is.
    world
        .tries_of("root")
        .always_answers(answer)
        .run()
        .asking(3)
        .gives(Code::AuthErr)
        .leaves_the_host_alone();
}
