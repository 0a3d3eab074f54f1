//! What somebody can do to a second factor who has a shell on the host: the person's own, or that of another account.

use nightlatch_tests::{Code, Person, STORE, Tree, sandboxed};

#[test]
fn whoever_has_the_persons_own_shell_reads_changes_and_removes_nothing() {
    sandboxed(|world| {
        world.configure("");
        let alice = world.user("alice").enrolled();
        alice.gets_in_with(alice.phone().code());
        let places = [STORE, "/etc/nightlatch", "/etc/pam.d"];
        let before = places.map(Tree::of);

        assert_eq!(alice.types("id -un").stdout, "alice\n");
        let own = format!("{STORE}/users/alice");
        for line in [
            format!("cat {own}/enrollment.toml"),
            format!("cat {own}/state.1"),
            format!("ls {own}"),
            format!("ln {own}/enrollment.toml /tmp/mine"),
            format!("mv {own} {STORE}/users/bob"),
            format!("rm -rf {own}"),
            format!("mkdir {STORE}/users/mallory"),
            format!("mv {STORE} {STORE}.old"),
            "echo '[enrollment]\nmode = \"optional\"' > /etc/nightlatch/nightlatch.toml".to_owned(),
            "mv /etc/nightlatch /etc/nightlatch.old".to_owned(),
            "rm -f /etc/pam.d/sudo".to_owned(),
        ] {
            fails(&alice, &line);
        }
        for command in [
            "enroll alice --replace --yes --json",
            "enroll alice --label mine --yes --json",
            "codes alice",
            "remove alice --yes",
            "unlock alice",
            "unlock alice --fresh-state",
            "lock alice",
            "invite alice",
            "status alice",
            "list",
            "trust forget alice",
        ] {
            fails(&alice, &format!("nightlatch {command}"));
        }

        for (place, before) in places.iter().zip(&before) {
            let differs = Tree::of(place).differs_in(before);
            assert!(differs.is_empty(), "{differs:?}");
        }
        alice.gets_in_with(alice.phone().code());
    });
}

#[test]
fn another_account_that_guesses_on_this_host_is_locked_and_the_person_is_not() {
    sandboxed(|world| {
        world.configure(
            "[login]\nlocal = [\"door\"]\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n\
             [throttle]\nfree_failures = 1\nfirst_lock = \"10m\"\n",
        );
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob");
        let comes = |caller: &Person<'_>, answers: &[String]| {
            alice.tries().called_by(caller).answers(answers).run()
        };
        comes(&alice, &[alice.phone().code()]).gives(Code::Success);

        comes(&bob, &alice.phone().wrong_codes(2)).gives(Code::ConvErr);
        let log = world.log().from_now();
        comes(&bob, &[alice.phone().code_at(1)]).gives(Code::ConvErr);
        log.says(&["reason=locked", "user=\"alice\""]);

        let outcome = comes(&alice, &[alice.phone().code()]);
        let [notice] = outcome.gives(Code::Success).only().notices()[..] else {
            panic!("alice is told: {outcome:#?}")
        };
        assert!(notice.contains("2 wrong codes"), "{notice}");
    });
}

/// Asserts that a line fails in the person's shell, and shows nothing.
fn fails(person: &Person<'_>, line: &str) {
    let run = person.types(line);
    assert!(run.status.is_some_and(|status| status != 0), "{run:#?}");
    assert_eq!(run.stdout, "", "{run:#?}");
    assert!(
        run.stderr.contains("denied") || run.stderr.contains("root"),
        "{run:#?}"
    );
}
