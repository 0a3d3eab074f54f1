//! What people have is gone: phones, backup codes; or somebody else tries theirs.

use nightlatch_tests::{Code, Enrolling, Person, Stack, World, phone_by_key, sandboxed};

use crate::{PAGE, gets_in, host, is_in_the_table, is_refused_everything};

/// Types what the page says on a terminal, with the new phone in the hand.
fn enrolls_anew<'w>(world: &'w World, mut alice: Person<'w>, arguments: &[&str]) -> Person<'w> {
    let mut enrolling = Enrolling::begin(world, "alice", arguments);
    let phone = phone_by_key(&enrolling.screen().text());
    let codes = enrolling.proves(&phone.code());
    alice.takes_phone(phone, codes);
    alice
}

#[test]
fn the_phone_is_gone() {
    sandboxed(|world| {
        let alice = host(world);
        let [enroll, lock] = PAGE.steps(
            "The phone is gone",
            ["nightlatch enroll alice --replace", "nightlatch lock alice"],
        );
        // Whoever has the phone, and the password, is shut out at once.
        let _ = world.types(&lock);
        is_refused_everything(&alice, &alice.phone().code_at(0));
        let _ = world.nightlatch(&["unlock", "alice"]).succeeds();

        // She herself gets in by a code from her sheet.
        let old_code = alice.backup_codes()[1].clone();
        alice.ssh().answers(&alice.backup_codes()[0]).is_let_in();
        assert_eq!(enroll.command(), "nightlatch enroll alice --replace");
        let old_phone = alice.phone().code_at(1);
        let alice = enrolls_anew(world, alice, &["--replace"]);
        is_refused_everything(&alice, &old_phone);
        is_refused_everything(&alice, &old_code);
        gets_in(&alice, &alice.backup_codes()[0]);
        let status = world.nightlatch(&["status", "alice"]).succeeds();
        assert!(status.stdout.contains("  Enrolled:     20"), "{status:?}");
    });
}

#[test]
fn the_phone_and_the_backup_codes_are_gone() {
    sandboxed(|world| {
        world.configure("[enrollment]\nmode = \"at-login\"\n[at_login]\nticket = true\n");
        let mut alice = host(world);
        // She has nothing to give but what she makes up.
        is_refused_everything(&alice, &alice.phone().wrong_code());
        let [temporary, remove, invite] = PAGE.steps(
            "The phone and the backup codes are gone",
            [
                "nightlatch codes alice --temporary",
                "nightlatch remove alice --yes",
                "nightlatch invite alice",
            ],
        );
        let is_code = |word: &&str| word.len() == 24 && word.matches('-').count() == 4;
        let shown = world.types(&temporary);
        let code = shown.split_whitespace().find(is_code).unwrap();
        alice.ssh().answers(code).is_let_in();
        is_refused_everything(&alice, code);

        let _ = world.types(&remove);
        let shown = world.types(&invite);
        let ticket = shown.split_whitespace().find(is_code).unwrap();

        let mut caller = alice.comes();
        caller.is_asked("Verification code: ").answers(ticket);
        caller.is_asked("Code that the app shows now: ");
        let phone = caller.phone_by_key();
        caller.answers(&phone.code());
        caller.is_asked("Press Enter once you have kept them: ");
        let codes = caller.backup_codes();
        caller.answers("").is_let_in();
        alice.takes_phone(phone, codes);
        world
            .log()
            .says(&["event=enrolled-at-login", "user=\"alice\""]);
        assert!(
            PAGE.section("The phone and the backup codes are gone")
                .contains("event=enrolled-at-login user=\"alice\"")
        );
        gets_in(&alice, &alice.backup_codes()[0]);
    });
}

#[test]
fn the_administrators_own_is_gone_and_there_is_a_root_shell() {
    sandboxed(|world| {
        let alice = host(world);
        is_refused_everything(&alice, &alice.phone().wrong_code());
        let text = PAGE.section("The administrator's own second factor is gone");
        assert!(text.contains("`nightlatch enroll alice --replace` (with `--qr ascii`"));
        let alice = enrolls_anew(world, alice, &["--replace", "--qr", "ascii"]);
        gets_in(&alice, &alice.backup_codes()[0]);
    });
}

/// A stranger's wrong code from there, so many minutes from now.
fn guesses(alice: &Person<'_>, from: &str, minutes: i64) {
    let tries = alice.tries().service("sshd").from(from);
    let outcome = tries
        .clock_off_by(minutes * 60)
        .always_answers(alice.phone().wrong_code())
        .run();
    outcome.gives(Code::AuthErr);
}

#[test]
fn wrong_codes_have_closed_the_door() {
    sandboxed(|world| {
        world.stack("sshd", Stack::CodeOnly(""));
        let alice = host(world);
        let log = world.log().from_now();
        let wrong = alice.phone().wrong_codes(6);
        for three in wrong.chunks(3) {
            alice
                .ssh()
                .answers(&three[0])
                .answers(&three[1])
                .answers(&three[2])
                .is_turned_away();
        }
        is_refused_everything(&alice, &alice.phone().code_at(0));
        is_in_the_table(&log, &["reason=locked"]);
        // The stranger has time.
        for guess in 1..=54 {
            guesses(&alice, "192.0.2.1", guess * 20);
        }
        is_refused_everything(&alice, &alice.phone().code_at(0));
        is_in_the_table(&log, &["share-used-up"]);

        let [list, status, unlock, everybody] = PAGE.steps(
            "Wrong codes have closed the door",
            [
                "nightlatch list",
                "nightlatch status alice",
                "nightlatch unlock alice",
                "for user in ",
            ],
        );
        world.types_all([&list, &status, &unlock]);
        gets_in(&alice, &alice.backup_codes()[0]);

        let bob = world.user("bob").enrolled();
        let _ = world.nightlatch(&["lock", "bob"]).succeeds();
        is_refused_everything(&bob, &bob.phone().code_at(0));
        let shown = world.types(&everybody);
        for name in ["alice", "bob"] {
            assert!(
                shown.contains(&format!("{name}: wrong codes are forgotten")),
                "{shown}"
            );
        }
        bob.ssh().answers(&bob.phone().code()).is_let_in();
    });
}

#[test]
fn where_all_is_used_up_alice_is_enrolled_anew() {
    sandboxed(|world| {
        world.configure("[throttle]\nfree_failures = 1\nhard_limit = 10\n");
        world.stack("sshd", Stack::CodeOnly(""));
        let alice = host(world);
        // Somebody who was everywhere that she was.
        let known = ["127.0.0.1", "198.51.100.1"];
        for (from, code) in known.iter().zip(alice.backup_codes()) {
            let tries = alice.tries().service("sshd").from(from);
            tries.answers([code]).run().gives(Code::Success);
        }
        let log = world.log().from_now();
        let everywhere = known
            .into_iter()
            .chain(["192.0.2.1"; 3])
            .chain(known)
            .chain(["192.0.2.1"; 3]);
        for (guess, from) in (1..).zip(everywhere) {
            guesses(&alice, from, guess * 20);
        }
        is_refused_everything(&alice, &alice.phone().code_at(0));
        is_in_the_table(&log, &["disabled"]);
        let section = PAGE.section("Wrong codes have closed the door");
        assert!(
            section.contains("`disabled` takes `nightlatch enroll alice --replace`"),
            "{section}"
        );
        let alice = enrolls_anew(world, alice, &["--replace"]);
        gets_in(&alice, &alice.backup_codes()[0]);
    });
}
