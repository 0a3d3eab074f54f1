//! The command as scripts and administrators use it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use nightlatch_tests::{Code, sandboxed};

#[test]
fn an_enrollment_is_not_replaced_unless_that_is_asked_for() {
    sandboxed(|world| {
        let mut alice = world.user("alice").enrolled();
        let refused = world
            .nightlatch(&["enroll", "alice", "--yes", "--json"])
            .is_refused();
        assert!(refused.stderr.contains("--replace"), "{refused:#?}");
        alice.gets_in_with(alice.phone().code());

        let old_code = alice.phone().code_at(1);
        let old_backup = alice.backup_codes()[0].clone();
        alice.enroll_again();
        for old in [&old_code, &old_backup] {
            alice.tries().answers([old]).run().gives(Code::ConvErr);
        }
        for new in [&alice.phone().code(), &alice.backup_codes()[0]] {
            alice.gets_in_with(new);
        }
    });
}

#[test]
fn a_replacement_that_cannot_be_written_keeps_the_old_enrollment() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        for call in ["pwrite64", "fsync", "renameat"] {
            let run = world.nightlatch_below(
                &[
                    "strace",
                    "-f",
                    "-qq",
                    "-o",
                    "/dev/null",
                    "-e",
                    &format!("trace={call}"),
                    "-e",
                    &format!("inject={call}:error=ENOSPC"),
                ],
                &["enroll", "alice", "--replace", "--yes", "--json"],
            );
            let _ = run.is_refused();
        }
        alice.gets_in_with(alice.phone().code());
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
            [
                "added",
                "backup_codes",
                "counter",
                "kind",
                "label",
                "secret",
                "uri",
                "user"
            ]
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
            alice.gets_in_with(alice.phone().code());
        }
    });
}

#[test]
fn status_and_list_tell_what_is_there_and_no_secret() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        alice.gets_in_with(&alice.backup_codes()[0]);
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
            .nightlatch(&["codes", "alice", "--json"])
            .succeeds()
            .json();
        let new = renewed["backup_codes"][0].as_str().unwrap();
        alice
            .tries()
            .answers([&alice.backup_codes()[0]])
            .run()
            .gives(Code::ConvErr);
        alice.gets_in_with(new);
        alice.gets_in_with(alice.phone().code());
    });
}

#[test]
fn whoever_is_removed_stays_outside() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let code = alice.phone().code();
        let _ = world.nightlatch(&["remove", "alice", "--yes"]).succeeds();
        alice.is_kept_out_with(code);
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
        alice.gets_in_with(&code);
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
        }
    });
}

#[test]
fn check_tells_a_program_what_came_of_it_and_why() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let code = alice.phone().code();
        let check = |lines: &str| world.nightlatch_given(lines, &["check", "alice", "--json"]);

        let accepted = check(&code).succeeds().json();
        assert_eq!(accepted["verdict"], "accepted");
        assert_eq!(accepted["factor"], "token");
        assert_eq!(accepted["reason"], Value::Null);

        let replayed = check(&format!("nonsense\n\n{code}\n")).is_refused().json();
        assert_eq!(replayed["user"], "alice");
        assert_eq!(replayed["verdict"], "refused");
        assert_eq!(replayed["reason"], "replayed");
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
        for together in [
            &["--counter", "5"][..],
            &["--token", "hotp", "--period", "30"],
            &["--qr", "svg"],
        ] {
            let _ = world
                .nightlatch(&[&["enroll", "alice"], together].concat())
                .exits_with(2);
        }
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
