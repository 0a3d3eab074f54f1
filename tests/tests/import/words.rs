//! What is asked, told and logged.

use nightlatch_tests::{Code, STORE, Tree, sandboxed};

use crate::files::{BASE32, give, has_nothing, import_all, is_refused, now, of, path_of};

#[test]
fn the_list_is_shown_with_fingerprints_and_kept_only_when_somebody_says_yes() {
    sandboxed(|world| {
        let alice = world.user("alice");
        give(
            &alice,
            format!("{BASE32}\n\" RATE_LIMIT 3 30\n\" TOTP_AUTH\n12345678\n"),
        );
        let begin =
            || world.nightlatch_on_a_terminal(&["import", "google-authenticator", "--all-homes"]);
        let mut terminal = begin();
        terminal.expect("Type yes to import it: ");
        let shown = terminal.transcript();
        // The first 8 bytes of the SHA-256 of 12345678901234567890, by sha256sum.
        assert!(shown.contains("fingerprint 6ed645ef0e1abea1"), "{shown}");
        for part in [
            "alice",
            "totp, 30 s",
            "1 scratch codes",
            "RATE_LIMIT",
            ".google_authenticator",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(
            !shown.contains(BASE32) && !shown.contains("12345678\r"),
            "{shown}"
        );
        terminal.type_line("no");
        assert_eq!(terminal.ended().code(), Some(1));
        has_nothing(&alice);
        let mut terminal = begin();
        terminal.expect("Type yes to import it: ");
        terminal.type_line("yes");
        assert!(terminal.ended().success(), "{}", terminal.transcript());
        world.log().says(&[
            "event=imported",
            "user=\"alice\"",
            "by=\"root\"",
            "from=google-authenticator tokens=1 scratch_codes=1 replaced=false",
        ]);
        alice.gets_in_with("12345678");
        world
            .log()
            .says(&["event=accepted", "factor=scratch-code left=0"]);
    });
}

#[test]
fn without_a_terminal_nothing_is_kept_unless_it_is_accepted_beforehand() {
    sandboxed(|world| {
        let alice = world.user("alice");
        give(&alice, format!("{BASE32}\n\" TOTP_AUTH\n"));
        let arguments = ["import", "google-authenticator", "--all-homes"];
        for more in [&[][..], &["--json"]] {
            let run = world.nightlatch(&[&arguments, more].concat()).exits_with(2);
            assert!(run.stderr.contains("--yes"), "{run:#?}");
        }
        let _ = world
            .nightlatch(&["import", "google-authenticator"])
            .exits_with(2);
        has_nothing(&alice);
    });
}

#[test]
fn a_dry_run_writes_nothing_and_says_what_would_be() {
    sandboxed(|world| {
        let alice = world.user("alice");
        give(&alice, format!("{BASE32}\n\" TOTP_AUTH\n"));
        let before = Tree::of(STORE);
        let run = world.nightlatch(&["import", "google-authenticator", "--all-homes", "--dry-run"]);
        let said = run.succeeds().stdout;
        assert!(
            said.contains("Nothing was written. To be imported: 1."),
            "{said}"
        );
        assert!(Tree::of(STORE).differs_in(&before).is_empty());
        let object = import_all(world, &["--dry-run"]);
        assert_eq!(
            (&object["dry_run"], &object["imported"]),
            (&true.into(), &1.into())
        );
        has_nothing(&alice);
        assert!(world.log().with("event=imported").is_empty());
    });
}

#[test]
fn nothing_is_overwritten_unless_that_is_said() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        give(&alice, format!("{BASE32}\n\" HOTP_COUNTER 1\n"));
        let before = Tree::of(alice.directory());
        let left_out = import_all(world, &["--yes"]);
        let problem = of(&left_out, "alice")["problem"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(problem.contains("--replace"), "{problem}");
        assert!(Tree::of(alice.directory()).differs_in(&before).is_empty());
        let replaced = import_all(world, &["--yes", "--replace"]);
        assert_eq!(of(&replaced, "alice")["outcome"], "replaced");
        world
            .log()
            .says(&["event=imported", "user=\"alice\"", "replaced=true"]);
        is_refused(world, &alice, &alice.phone().code(), "wrong");
    });
}

#[test]
fn scratch_codes_end_and_their_person_is_told_when() {
    sandboxed(|world| {
        let alice = world.user("alice");
        give(
            &alice,
            format!("{BASE32}\n\" TOTP_AUTH\n10000001\n10000002\n10000003\n"),
        );
        let path = path_of(&alice);
        let arguments = [
            "import",
            "google-authenticator",
            "--yes",
            "--scratch-codes-expire",
            "2d",
            path.to_str().unwrap(),
        ];
        let _ = world.nightlatch(&arguments).succeeds();
        let told = alice.tries().answers(["1000 0001"]).run();
        told.gives(Code::Success);
        let notices = told.only().notices().join(" ");
        assert!(
            notices.contains("Scratch code accepted. 2 left, and they end on "),
            "{notices}"
        );
        let status = world.nightlatch(&["status", "alice"]).succeeds().stdout;
        assert!(status.contains("2 of 3 left, until "), "{status}");
        assert!(status.contains("nightlatch codes alice"), "{status}");
        // Two days later they open nothing.
        let later = alice
            .tries()
            .from("192.0.2.7")
            .clock_off_by(2 * 86_400 + 60);
        later.answers(["10000002"]).run().gives(Code::ConvErr);
        let at = now() + 2 * 86_400 + 60;
        let status = world
            .nightlatch_at(at, &["status", "alice", "--json"])
            .succeeds()
            .json();
        assert_eq!(status["scratch_codes"]["expired"], true);
        assert_eq!(status["scratch_codes"]["left"], 0);
        // New backup codes end them at once.
        let codes = world
            .nightlatch(&["codes", "alice", "--json"])
            .succeeds()
            .json();
        is_refused(world, &alice, "10000003", "wrong");
        alice.gets_in_with(codes["backup_codes"][0].as_str().unwrap());
    });
}
