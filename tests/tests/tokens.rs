//! Tokens of every kind through the real libpam: hardware tokens with a button, several tokens of one person, and tokens that
//! went astray and come back with two codes.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot begin should fail loudly"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{SystemTime, UNIX_EPOCH};

use nightlatch_tests::{Code, Fob, Person, Phone, Shape, World, sandboxed};

/// The secret of the vectors of RFC 4226, as a maker writes it.
const HEX: &str = "3132333435363738393031323334353637383930";

#[test]
fn a_token_with_a_button_logs_in_with_each_code_once() {
    sandboxed(|world| {
        let alice = world.user("alice");
        let fob = with_fob(world, &alice);
        for _ in 0..3 {
            let code = fob.code();
            alice.gets_in_with(&code);
            is_refused(&alice, &code, "replayed", world);
        }
        // Codes before those that were used are no better.
        is_refused(&alice, &fob.code_of(1), "replayed", world);
        world
            .log()
            .says(&["event=accepted", "user=\"alice\"", "token=\"key\""]);
        world.log().never_says(HEX);
        let check = |lines: &str| world.nightlatch_given(lines, &["check", "alice", "--json"]);
        let code = fob.code();
        assert_eq!(check(&code).succeeds().json()["factor"], "token");
        let replayed = check(&format!("nonsense\n\n{code}\n")).is_refused();
        assert_eq!(replayed.json()["reason"], "replayed");
    });
}

#[test]
fn a_button_may_be_pressed_in_the_pocket_a_few_times_but_not_many() {
    sandboxed(|world| {
        world.configure("[token]\nlook_ahead = 5\n");
        let alice = world.user("alice");
        let fob = with_fob(world, &alice);
        fob.is_played_with(4);
        alice.gets_in_with(fob.code());
        fob.is_played_with(5);
        is_refused(&alice, &fob.code(), "wrong", world);
    });
}

#[test]
fn two_codes_in_a_row_bring_a_token_back_that_was_played_with() {
    sandboxed(|world| {
        let alice = world.user("alice");
        let fob = with_fob(world, &alice);
        alice.gets_in_with(fob.code());
        fob.is_played_with(20);
        let (first, second) = (fob.code(), fob.code());
        let both = alice.tries().from(HOME).answers([&first, &second]).run();
        both.gives(Code::Success).asking(2);
        for used in [&first, &second] {
            is_refused(&alice, used, "replayed", world);
        }
        alice.gets_in_with(fob.code());
    });
}

#[test]
fn codes_that_do_not_follow_each_other_bring_nothing_back() {
    sandboxed(|world| {
        let alice = world.user("alice");
        let fob = with_fob(world, &alice);
        fob.is_played_with(20);
        let first = fob.code();
        fob.is_played_with(1);
        let third = fob.code();
        let not_in_a_row = alice.tries().from(HOME).answers([&first, &third]).run();
        not_in_a_row.gives(Code::ConvErr).asking(3);
        // The same one twice is one.
        let twice = alice.tries().from(HOME).answers([&first]).run();
        twice.gives(Code::ConvErr);
        let twice = alice.tries().from(HOME).answers([&first]).run();
        twice.gives(Code::ConvErr);
    });
}

#[test]
fn two_phones_and_a_token_of_one_person_each_open() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let tablet = added(world, &["--label", "tablet", "--digits", "8"]);
        let fob = with_fob(world, &alice);
        for _ in 0..2 {
            alice.gets_in_with(alice.phone().code());
            alice.gets_in_with(tablet.code());
            alice.gets_in_with(fob.code());
        }
        alice.gets_in_with(&alice.backup_codes()[0]);
        for label in ["phone", "tablet", "key"] {
            world
                .log()
                .says(&["event=accepted", &format!("token=\"{label}\"")]);
        }
        // One is lost; the others stay.
        let _ = world
            .nightlatch(&["remove", "alice", "--label", "tablet", "--yes"])
            .succeeds();
        is_refused(&alice, &tablet.code(), "wrong", world);
        alice.gets_in_with(fob.code());
    });
}

#[test]
fn a_label_that_is_there_and_a_label_that_was_not_typed_add_nothing() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        for (arguments, mend) in [
            (&["--label", "phone"][..], "nightlatch remove alice --label"),
            (&[][..], "--label"),
        ] {
            let arguments = [&["enroll", "alice", "--yes", "--json"], arguments].concat();
            let refused = world.nightlatch(&arguments).is_refused();
            assert!(refused.stderr.contains(mend), "{refused:#?}");
        }
        for number in 2..=8 {
            let _ = added(world, &["--label", &format!("token {number}")]);
        }
        let refused = world
            .nightlatch(&["enroll", "alice", "--label", "ninth", "--yes", "--json"])
            .is_refused();
        assert!(refused.stderr.contains("take one away"), "{refused:#?}");
        alice.gets_in_with(alice.phone().code());
    });
}

#[test]
fn a_phone_whose_clock_is_off_comes_back_with_two_codes_and_stays() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        for drift in [-5, 7] {
            let step = step_from_now(if drift < 0 { 20 } else { 100 });
            let told = |away: u64| {
                alice
                    .phone()
                    .code_of_step((step + away).saturating_add_signed(drift))
            };
            let login = |away: u64, code: &str| {
                let at = alice.tries().from(HOME).at((step + away) * 30 + 15);
                at.answers([code]).run()
            };
            login(0, &told(0)).gives(Code::ConvErr).asking(2);
            login(1, &told(1)).gives(Code::Success).asking(1);
            // What was typed on the way there is used up, and so is all before it.
            for used in [told(0), told(1)] {
                login(1, &used).gives(Code::ConvErr).asking(2);
            }
            // It stays as far off as it is, and so it is asked no more than others.
            login(2, &told(2)).gives(Code::Success).asking(1);
            login(40, &told(40)).gives(Code::Success).asking(1);
            // The step that the host's own clock is in is none of this phone's any more.
            let right = alice.phone().code_of_step(step + 60);
            login(60, &right).gives(Code::ConvErr).asking(2);
        }
        world.log().says(&["event=rejected", "reason=replayed"]);
    });
}

#[test]
fn a_secret_that_others_could_read_is_taken_with_a_warning_and_one_that_is_none_is_refused() {
    sandboxed(|world| {
        world.user("alice");
        let fob = Fob::new(HEX, 6);
        let path = fob.file();
        let enroll = |secret_file: &str| {
            let arguments = ["enroll", "alice", "--token", "hotp", "--yes", "--json"];
            world.nightlatch(&[&arguments[..], &["--secret-file", secret_file]].concat())
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let enrolled = enroll(path.to_str().unwrap()).succeeds();
        assert!(enrolled.stderr.contains("chmod go="), "{enrolled:#?}");
        let object = enrolled.json();
        assert_eq!(object["kind"], "hotp");
        assert_eq!(object["counter"], 0);
        let _ = world.nightlatch(&["remove", "alice", "--yes"]).succeeds();

        fs::write(&path, "ABCDEF234567ABCDEF234567ABCDEF23").unwrap();
        let refused = enroll(path.to_str().unwrap()).is_refused();
        assert!(refused.stderr.contains("`hex:`"), "{refused:#?}");
        assert!(!refused.stderr.contains("ABCDEF23"), "{refused:#?}");
        let refused = enroll("/dev/zero").is_refused();
        assert!(
            refused.stderr.contains("neither a file nor a pipe"),
            "{refused:#?}"
        );
    });
}

#[test]
fn a_secret_that_is_typed_is_not_shown_and_proves_itself() {
    sandboxed(|world| {
        let alice = world.user("alice");
        let fob = Fob::new(HEX, 6);
        let mut terminal = world.nightlatch_on_a_terminal(&[
            "enroll",
            "alice",
            "--token",
            "hotp",
            "--ask-secret",
            "--counter",
            "7",
        ]);
        terminal.expect("Secret of the token");
        terminal.type_line(HEX);
        terminal.expect("Code that the token shows now: ");
        fob.is_played_with(7);
        let proof = fob.code();
        terminal.type_line(&proof);
        assert!(terminal.ended().success(), "{}", terminal.transcript());
        terminal.is_left_sane();
        let shown = terminal.transcript();
        assert!(!shown.contains(HEX) && !shown.contains("GEZD"), "{shown}");
        is_refused(&alice, &proof, "replayed", world);
        alice.gets_in_with(fob.code());
    });
}

#[test]
fn a_proof_with_the_wrong_counter_says_which_one_is_right_and_writes_nothing() {
    sandboxed(|world| {
        let alice = world.user("alice");
        let fob = Fob::new(HEX, 6);
        fob.is_played_with(25);
        let file = fob.file();
        let file = file.to_str().unwrap();
        let arguments = ["enroll", "alice", "--token", "hotp", "--secret-file", file];
        let refused = world
            .nightlatch_given(&format!("{}\n", fob.code()), &arguments)
            .is_refused();
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(said.contains("--counter 26"), "{refused:#?}");
        assert!(!alice.directory().exists());
        let arguments = [&arguments[..], &["--counter", "26"]].concat();
        let _ = world
            .nightlatch_given(&format!("{}\n", fob.code()), &arguments)
            .succeeds();
        alice.gets_in_with(fob.code());
    });
}

/// Gives alice a fob, whose secret comes in a file and which proves itself with its first code.
fn with_fob(world: &World, alice: &Person<'_>) -> Fob {
    let fob = Fob::new(HEX, 6);
    let file = fob.file();
    let file = file.to_str().unwrap();
    let _ = world
        .nightlatch_given(
            &format!("{}\n", fob.code()),
            &[
                "enroll",
                alice.name(),
                "--label",
                "key",
                "--token",
                "hotp",
                "--secret-file",
                file,
            ],
        )
        .succeeds();
    fob
}

/// Gives alice another phone.
fn added(world: &World, more: &[&str]) -> Phone {
    let arguments = [&["enroll", "alice", "--yes", "--json"], more].concat();
    let added = world.nightlatch(&arguments).succeeds().json();
    assert_eq!(added["added"], true);
    assert_eq!(added["backup_codes"].as_array().map(Vec::len), Some(0));
    Phone::scanning(added["uri"].as_str().unwrap())
}

/// Asserts that a code is refused for this reason.
fn is_refused(alice: &Person<'_>, code: &str, reason: &str, world: &World) {
    let log = world.log().from_now();
    let refused = alice.tries().from(HOME).answers([code]).run();
    refused.gives(Code::ConvErr).asking(2);
    log.says(&["event=rejected", &format!("reason={reason}")]);
}

fn step_from_now(steps: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() / Shape::USUAL.period + steps
}

/// An address.
const HOME: &str = "192.0.2.7";
