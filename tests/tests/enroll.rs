//! `nightlatch enroll` on a terminal, as an administrator and the person beside them use it.

use std::path::Path;

use nightlatch_tests::{Background, Code, Enrolling, Phone, QUESTION, Terminal, World, sandboxed};

#[test]
fn enrolling_shows_a_qr_code_that_a_camera_reads_on_dark_and_on_light() {
    sandboxed(|world| {
        let alice = world.user("alice");
        let mut enrolling = Enrolling::begin(world, "alice", &[]);
        let screen = enrolling.screen();
        let uri = screen
            .qr_code(Background::Dark)
            .unwrap_or_else(|| panic!("unreadable on dark:\n{}", screen.text()));
        assert_eq!(
            screen.qr_code(Background::Light).as_ref(),
            Some(&uri),
            "unreadable on light"
        );
        for part in ["issuer=", "algorithm=SHA1", "digits=6", "period=30"] {
            assert!(uri.contains(part), "{uri}");
        }
        let phone = Phone::scanning(&uri);
        // The key is there in text as well, in groups perhaps.
        let text: String = screen.text().split_whitespace().collect();
        assert!(text.contains(phone.secret()), "{}", screen.text());

        let codes = enrolling.proves(&phone.code());
        assert_eq!(codes.len(), 10, "{}", enrolling.transcript());
        enrolling.terminal().is_left_sane();
        for answer in [phone.code(), codes[0].clone(), codes[9].clone()] {
            alice.gets_in_with(answer);
        }
        world
            .log()
            .says(&["event=enrolled", "user=\"alice\"", "by=\"root\""]);
        world.log().never_says(phone.secret());
    });
}

#[test]
fn the_code_that_proved_the_phone_opens_no_door() {
    sandboxed(|world| {
        let alice = world.user("alice");
        let (phone, _, code) = enroll(world, "alice", &[]);
        alice
            .tries()
            .answers([&code])
            .run()
            .gives(Code::ConvErr)
            .asking(2);
        alice.gets_in_with(phone.code());
    });
}

#[test]
fn a_code_mistyped_once_does_not_end_the_enrollment() {
    sandboxed(|world| {
        world.user("alice");
        let mut enrolling = Enrolling::begin(world, "alice", &[]);
        let phone = scanned(&enrolling);
        enrolling.mistypes(&phone.wrong_code());
        enrolling.proves(&phone.code());
    });
}

#[test]
fn three_wrong_codes_write_nothing() {
    sandboxed(|world| {
        world.user("alice");
        let mut enrolling = Enrolling::begin(world, "alice", &[]);
        let wrong = scanned(&enrolling).wrong_codes(3);
        enrolling.mistypes(&wrong[0]);
        enrolling.mistypes(&wrong[1]);
        let status = enrolling.ends_after(&format!("{}\r", wrong[2]));
        assert_eq!(status.code(), Some(1), "{}", enrolling.transcript());
        enrolling.terminal().is_left_sane();
        assert_nothing_is_kept("alice");
    });
}

#[test]
fn ctrl_c_leaves_nothing_behind_and_the_terminal_sane() {
    sandboxed(|world| {
        world.user("alice");
        let mut enrolling = Enrolling::begin(world, "alice", &[]);
        let status = enrolling.ends_after("\x03");
        assert!(!status.success());
        enrolling.terminal().is_left_sane();
        assert_nothing_is_kept("alice");
        // A terminal that goes away is the same.
        drop(Enrolling::begin(world, "alice", &[]));
        assert_nothing_is_kept("alice");
    });
}

#[test]
fn a_replacement_that_is_broken_off_keeps_the_old_enrollment() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let mut enrolling = Enrolling::begin(world, "alice", &["--replace"]);
        enrolling.ends_after("\x03");
        alice.gets_in_with(alice.phone().code());
    });
}

#[test]
fn without_utf8_the_qr_code_is_ascii_and_as_readable() {
    sandboxed(|world| {
        world.user("alice");
        let mut terminal = Terminal::sized(
            132,
            80,
            "nightlatch",
            &["enroll", "alice"],
            &[("LANG", "C"), ("LC_ALL", "C")],
        );
        terminal.expect(QUESTION);
        let screen = terminal.screen();
        assert!(terminal.transcript().is_ascii(), "{}", screen.text());
        assert!(
            screen.qr_code(Background::Dark).is_some()
                || screen.qr_code(Background::Light).is_some(),
            "unreadable:\n{}",
            screen.text()
        );
    });
}

#[test]
fn a_terminal_that_is_too_small_gets_the_key_in_text() {
    sandboxed(|world| {
        world.user("alice");
        let mut terminal = Terminal::sized(40, 12, "nightlatch", &["enroll", "alice"], &[]);
        terminal.expect(QUESTION);
        assert!(
            !terminal.transcript().contains('█'),
            "{}",
            terminal.transcript()
        );
        terminal.type_keys("\x03");
        assert!(!terminal.ended().success());
    });
}

/// Enrolls on a terminal: the phone, the backup codes, the code that proved it.
fn enroll(world: &World, user: &str, more: &[&str]) -> (Phone, Vec<String>, String) {
    let mut enrolling = Enrolling::begin(world, user, more);
    let phone = scanned(&enrolling);
    let code = phone.code();
    let codes = enrolling.proves(&code);
    (phone, codes, code)
}

fn scanned(enrolling: &Enrolling) -> Phone {
    let screen = enrolling.screen();
    let uri = screen.qr_code(Background::Dark);
    Phone::scanning(&uri.unwrap_or_else(|| panic!("unreadable:\n{}", screen.text())))
}

fn assert_nothing_is_kept(user: &str) {
    let dir = Path::new("/var/lib/nightlatch/users").join(user);
    assert!(!dir.exists(), "{} was left behind", dir.display());
}
