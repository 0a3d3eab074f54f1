//! What an administrator does about people: invites, locks and unlocks them, forgets where they are trusted.

use serde_json::{Value, json};

use nightlatch_tests::{Code, World, sandboxed};

#[test]
fn an_invitation_is_shown_once_and_told_of_until_it_is_taken_back() {
    sandboxed(|world| {
        world.configure("[enrollment]\nmode = \"at-login\"\n[at_login]\nticket = true\n");
        world.user("alice");
        // The first thing on this host: it makes the store.
        let invited = world
            .nightlatch(&["invite", "alice", "--expires", "2d", "--json"])
            .succeeds();
        assert_eq!(invited.stderr, "");
        let invited = invited.json();
        let ticket = invited["ticket"].as_str().unwrap().to_owned();
        assert_eq!(ticket.replace('-', "").len(), 20);
        let status = status(world);
        assert_eq!(status["enrolled"], false);
        assert_eq!(
            status["invitation"],
            json!({"expires": invited["expires"], "expired": false})
        );
        let list = world.nightlatch(&["list"]).succeeds().stdout;
        assert!(list.contains("invited until"), "{list}");
        world
            .log()
            .says(&["event=invited", "user=\"alice\"", "by=\"root\"", "expires="]);
        world.log().never_says(&ticket);
        let page = world.nightlatch(&["status", "alice"]).succeeds().stdout;
        assert!(!page.contains(&ticket), "{page}");

        // Another one is another one.
        let again = world.nightlatch(&["invite", "alice"]).succeeds().stdout;
        assert!(again.contains("from before has ended"), "{again}");
        assert!(!again.contains(&ticket), "{again}");

        let _ = world
            .nightlatch(&["invite", "alice", "--cancel"])
            .succeeds();
        assert_eq!(self::status(world)["invitation"], Value::Null);
        let list = world.nightlatch(&["list"]).succeeds().stdout;
        assert_eq!(list, "Nobody is enrolled.\n");
        let nothing = world
            .nightlatch(&["invite", "alice", "--cancel"])
            .is_refused();
        assert!(nothing.stderr.contains("no invitation"), "{nothing:#?}");
        world.log().says(&["event=invitation-cancelled", "by="]);
    });
}

#[test]
fn whoever_is_enrolled_gets_no_invitation_before_they_are_removed() {
    sandboxed(|world| {
        world.configure("");
        let alice = world.user("alice").enrolled();
        let refused = world.nightlatch(&["invite", "alice"]).is_refused();
        assert!(
            refused.stderr.contains("nightlatch remove alice"),
            "{refused:#?}"
        );
        alice.gets_in_with(alice.phone().code());
        let _ = world.nightlatch(&["remove", "alice", "--yes"]).succeeds();
        let invited = world.nightlatch(&["invite", "alice"]).succeeds().stdout;
        // As it is configured the ticket is good for nothing, and that is said.
        assert!(invited.contains("at-login"), "{invited}");
        // An administrator who enrolls them by hand ends it.
        let alice = alice.enrolled();
        assert_eq!(status(world)["invitation"], Value::Null);
        alice.gets_in_with(alice.phone().code());
    });
}

#[test]
fn nothing_opens_for_whoever_is_locked_until_they_are_unlocked() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let locked = world.nightlatch(&["lock", "alice"]).succeeds().stdout;
        assert!(locked.contains("nightlatch unlock alice"), "{locked}");
        world
            .log()
            .says(&["event=locked", "user=\"alice\"", "by=\"root\""]);
        let code = alice.phone().code();
        for answer in [&code, &alice.backup_codes()[0]] {
            let refused = alice.tries().answers([answer]).run();
            refused.gives(Code::ConvErr).asking(2);
        }
        world.log().says(&["event=rejected", "reason=closed"]);
        let check = world
            .nightlatch_given(
                &format!("nonsense\n\n{code}\n"),
                &["check", "alice", "--json"],
            )
            .is_refused();
        assert_eq!(check.json()["reason"], "closed");
        assert_eq!(status(world)["locked"], true);
        let list = world.nightlatch(&["list"]).succeeds().stdout;
        assert!(list.ends_with(" locked\n"), "{list}");

        // Neither new codes nor one more token nor a whole new enrollment opens it.
        let _ = world.nightlatch(&["codes", "alice", "--json"]).succeeds();
        let mut alice = alice;
        alice.enroll_again();
        let new = alice.phone().code();
        alice.is_kept_out_with(&new);

        let _ = world.nightlatch(&["unlock", "alice"]).succeeds();
        alice.gets_in_with(alice.phone().code());
        assert_eq!(status(world)["locked"], false);
    });
}

#[test]
fn whoever_is_not_enrolled_can_be_locked_and_unlocked() {
    sandboxed(|world| {
        world.user("alice");
        let _ = world.nightlatch(&["lock", "alice"]).succeeds();
        let again = world.nightlatch(&["lock", "alice"]).succeeds().stdout;
        assert!(again.contains("already"), "{again}");
        assert_eq!(status(world)["locked"], true);
        let invited = world.nightlatch(&["invite", "alice"]).succeeds().stdout;
        assert!(invited.contains("nightlatch unlock alice"), "{invited}");
        let _ = world.nightlatch(&["unlock", "alice"]).succeeds();
        let status = status(world);
        assert_eq!(status["locked"], false);
        assert_eq!(status["invitation"]["expired"], false);
        let stranger = world
            .nightlatch(&["lock", "nobody-of-this-name"])
            .is_refused();
        assert!(stranger.stderr.contains("no account"), "{stranger:#?}");
    });
}

#[test]
fn whoever_is_trusted_nowhere_is_told_so() {
    sandboxed(|world| {
        world.user("alice").enrolled();
        let list = world
            .nightlatch(&["trust", "list", "alice", "--json"])
            .succeeds();
        assert_eq!(list.json(), json!({"user": "alice", "trusted": []}));
        let forgotten = world
            .nightlatch(&["trust", "forget", "alice", "--service", "sshd", "--json"])
            .succeeds();
        assert_eq!(forgotten.json(), json!({"user": "alice", "forgotten": 0}));
    });
}

fn status(world: &World) -> Value {
    world
        .nightlatch(&["status", "alice", "--json"])
        .succeeds()
        .json()
}
