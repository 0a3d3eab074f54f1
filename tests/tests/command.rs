//! The command: on a terminal as people use it, and without one as scripts do.

use std::fs;
use std::path::Path;

use nightlatch_tests::{Background, Code, Enrolling, Phone, Terminal, World, sandboxed};

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
            alice.tries().answers([answer]).run().gives(Code::Success);
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
        alice
            .tries()
            .answers([phone.code()])
            .run()
            .gives(Code::Success);
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
fn an_enrollment_is_not_replaced_unless_that_is_asked_for() {
    sandboxed(|world| {
        let mut alice = world.user("alice").enrolled();
        let refused = world
            .nightlatch(&["enroll", "alice", "--yes", "--json"])
            .is_refused();
        assert!(refused.stderr.contains("--replace"), "{refused:#?}");
        alice
            .tries()
            .answers([alice.phone().code()])
            .run()
            .gives(Code::Success);

        let old_code = alice.phone().code_at(1);
        let old_backup = alice.backup_codes()[0].clone();
        alice.enroll_again();
        for old in [&old_code, &old_backup] {
            alice.tries().answers([old]).run().gives(Code::ConvErr);
        }
        for new in [&alice.phone().code(), &alice.backup_codes()[0]] {
            alice.tries().answers([new]).run().gives(Code::Success);
        }
    });
}

#[test]
fn a_replacement_that_is_broken_off_keeps_the_old_enrollment() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let mut enrolling = Enrolling::begin(world, "alice", &["--replace"]);
        enrolling.ends_after("\x03");
        alice
            .tries()
            .answers([alice.phone().code()])
            .run()
            .gives(Code::Success);
    });
}

#[test]
fn a_replacement_that_cannot_be_written_keeps_the_old_enrollment() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        for fault in [
            "inject=fsync,fdatasync:error=EIO",
            "inject=rename,renameat,renameat2:error=ENOSPC",
            "inject=pwrite64,write:error=ENOSPC:when=1",
        ] {
            let trace = "trace=fsync,fdatasync,rename,renameat,renameat2,pwrite64,write";
            let status = std::process::Command::new("strace")
                .args(["-f", "-qq", "-o", "/dev/null", "-e", trace, "-e", fault])
                .args(["-P", "/var/lib/nightlatch/users/alice"])
                .args([
                    "nightlatch",
                    "enroll",
                    "alice",
                    "--replace",
                    "--yes",
                    "--json",
                ])
                .output()
                .expect("`strace` does not run: install strace");
            let _ = status;
        }
        alice
            .tries()
            .answers([alice.phone().code()])
            .run()
            .gives(Code::Success);
    });
}

#[test]
fn json_has_the_documented_fields() {
    sandboxed(|world| {
        world.user("alice");
        let enrolled = world
            .nightlatch(&["enroll", "alice", "--yes", "--json"])
            .succeeds()
            .json();
        let object = enrolled.as_object().unwrap();
        let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            ["backup_codes", "kind", "label", "secret", "uri", "user"]
        );
        assert_eq!(enrolled["user"], "alice");
        assert_eq!(enrolled["kind"], "totp");
        assert_eq!(enrolled["backup_codes"].as_array().unwrap().len(), 10);
        let secret = enrolled["secret"].as_str().unwrap();
        assert!(secret.len() >= 32, "160 bits in base32: {}", secret.len());
        assert!(enrolled["uri"].as_str().unwrap().contains(secret));
    });
}

#[test]
fn every_shape_of_token_can_be_enrolled_and_opens() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 1\n");
        let mut alice = world.user("alice");
        for (algorithm, digits, period) in [
            ("SHA1", "6", "15"),
            ("SHA256", "7", "60"),
            ("SHA512", "8", "120"),
        ] {
            alice = alice.enrolled_with(&[
                "--replace",
                "--algorithm",
                algorithm,
                "--digits",
                digits,
                "--period",
                period,
            ]);
            let shape = alice.phone().shape();
            assert_eq!(shape.algorithm.to_string(), algorithm);
            assert_eq!(shape.digits.to_string(), digits);
            assert_eq!(shape.period.to_string(), period);
            alice
                .tries()
                .answers([alice.phone().code()])
                .run()
                .gives(Code::Success);
        }
    });
}

#[test]
fn status_and_list_tell_what_is_there_and_no_secret() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        alice
            .tries()
            .answers([&alice.backup_codes()[0]])
            .run()
            .gives(Code::Success);
        for arguments in [
            &["status", "alice"][..],
            &["status", "alice", "--json"],
            &["list"],
            &["list", "--json"],
        ] {
            let run = world.nightlatch(arguments).succeeds();
            assert!(run.stdout.contains("alice"), "{run:#?}");
            assert!(!run.stdout.contains(alice.phone().secret()), "{run:#?}");
        }
        for arguments in [&["status", "alice", "--json"][..], &["list", "--json"]] {
            let json = world.nightlatch(arguments).succeeds().json();
            assert!(json.is_object() || json.is_array(), "{json}");
        }
    });
}

#[test]
fn new_backup_codes_end_the_old_ones() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let renewed = world
            .nightlatch(&["codes", "alice", "--yes", "--json"])
            .succeeds()
            .json();
        let new = renewed["backup_codes"][0].as_str().unwrap();
        alice
            .tries()
            .answers([&alice.backup_codes()[0]])
            .run()
            .gives(Code::ConvErr);
        alice.tries().answers([new]).run().gives(Code::Success);
        alice
            .tries()
            .answers([alice.phone().code()])
            .run()
            .gives(Code::Success);
    });
}

#[test]
fn whoever_is_removed_stays_outside() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let code = alice.phone().code();
        let _ = world.nightlatch(&["remove", "alice", "--yes"]).succeeds();
        alice
            .tries()
            .always_answers(code)
            .run()
            .gives(Code::AuthErr)
            .asking(3);
        world
            .log()
            .says(&["event=enrollment-removed", "user=\"alice\""]);
    });
}

#[test]
fn unlock_opens_a_lock() {
    sandboxed(|world| {
        world.configure("[throttle]\nfree_failures = 1\n");
        let alice = world.user("alice").enrolled();
        let code = alice.phone().code();
        let wrong = alice.phone().wrong_codes(2);
        alice.tries().answers(&wrong).run().gives(Code::ConvErr);
        alice.tries().answers([&code]).run().gives(Code::ConvErr);
        let _ = world.nightlatch(&["unlock", "alice"]).succeeds();
        alice.tries().answers([&code]).run().gives(Code::Success);
        world.log().says(&["event=unlocked", "user=\"alice\""]);
    });
}

#[test]
fn check_is_a_login_that_opens_nothing_twice() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let code = alice.phone().code();
        for (ends_well, answers) in [(true, 1), (false, 3)] {
            let mut terminal = world.nightlatch_on_a_terminal(&["check", "alice"]);
            for _ in 0..answers {
                terminal.expect("Verification code: ");
                terminal.type_line(&code);
            }
            assert_eq!(
                terminal.ended().success(),
                ends_well,
                "{}",
                terminal.transcript()
            );
            terminal.is_left_sane();
            assert!(
                !terminal.transcript().contains(&code),
                "the code was echoed"
            );
        }
    });
}

#[test]
fn the_configuration_is_shown_whole_and_checked() {
    sandboxed(|world| {
        let shown = world.nightlatch(&["config", "show"]).succeeds().stdout;
        for section in ["[enrollment]", "[token]", "[login]", "[throttle]"] {
            assert!(shown.contains(section), "{shown}");
        }
        let _ = world.nightlatch(&["config", "check"]).succeeds();
        world.configure_exactly("[token]\n\ndigits = 9\n");
        let refused = world.nightlatch(&["config", "check"]).is_refused();
        assert!(
            refused
                .stderr
                .contains("/etc/nightlatch/nightlatch.toml, line 3"),
            "{refused:#?}"
        );
    });
}

#[test]
fn mistakes_in_usage_are_exit_2_and_unknown_people_exit_1() {
    sandboxed(|world| {
        let _ = world.nightlatch(&["enrol", "alice"]).exits_with(2);
        let _ = world
            .nightlatch(&["enroll", "alice", "--digits"])
            .exits_with(2);
        let _ = world
            .nightlatch(&["enroll", "nobody-of-this-name", "--yes", "--json"])
            .is_refused();
        assert!(!Path::new("/var/lib/nightlatch/users/nobody-of-this-name").exists());
    });
}

#[test]
fn a_qr_code_as_svg_goes_to_a_file_of_the_owners_alone() {
    sandboxed(|world| {
        use std::os::unix::fs::PermissionsExt;
        world.user("alice");
        let _ = world
            .nightlatch(&[
                "enroll",
                "alice",
                "--yes",
                "--json",
                "--qr",
                "svg",
                "--output",
                "/run/user/qr.svg",
            ])
            .succeeds();
        let svg = fs::read_to_string("/run/user/qr.svg").unwrap();
        assert!(svg.contains("<svg"), "{svg}");
        let mode = fs::metadata("/run/user/qr.svg")
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
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
        terminal.expect("ode: ");
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
        terminal.expect("ode: ");
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
