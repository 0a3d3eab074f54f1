//! `list`: whom it shows, in which order, and what a spreadsheet makes of it.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

use std::fs;
use std::process::Command;

use nightlatch_tests::{World, sandboxed};

/// The names that `list --json` with these options has, in its order.
fn listed(world: &World, options: &[&str]) -> Vec<String> {
    let arguments = [&["list", "--json"], options].concat();
    let list = world.nightlatch(&arguments).succeeds().json();
    let names = list.as_array().unwrap().iter();
    names
        .map(|entry| entry["user"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn it_shows_those_that_are_asked_for() {
    sandboxed(|world| {
        world.configure("local = [\"door\"]\n[backup_codes]\ncount = 1\n");
        let alice = world.user("alice").in_group("staff-here").enrolled();
        let _bob = world.user("bob").enrolled();
        let carol = world.user("carol").in_group("staff-here").enrolled();
        world.user("dave");
        let _ = world.nightlatch(&["invite", "dave"]).succeeds();
        alice.gets_in_with(&alice.backup_codes()[0]);
        let _ = world.nightlatch(&["lock", "bob"]).succeeds();
        let wrong = carol.phone().wrong_code();
        for _ in 0..6 {
            let _ = carol.tries().answers([&wrong]).run();
        }
        for (options, names) in [
            (&[][..], &["alice", "bob", "carol", "dave"][..]),
            (&["--no-codes"], &["alice"]),
            (&["--locked"], &["bob", "carol"]),
            (&["--never-used"], &["bob", "carol"]),
            (&["--unused-for", "1h"], &["bob", "carol"]),
            (&["--short-secret"], &[]),
            (&["--group", "staff-here"], &["alice", "carol"]),
            (&["--group", "dave", "--group", "bob"], &["bob", "dave"]),
            (&["--group", "staff-here", "--locked"], &["carol"]),
            (
                &["--sort", "last-used", "--reverse"],
                &["alice", "bob", "carol", "dave"],
            ),
            (&["--sort", "codes"], &["alice", "dave", "bob", "carol"]),
        ] {
            assert_eq!(listed(world, options), names, "{options:?}");
        }
        let none = world.nightlatch(&["list", "--short-secret"]).succeeds();
        assert!(none.stdout.starts_with("Nobody"), "{none:#?}");
        let unknown = world
            .nightlatch(&["list", "--group", "no-such-group"])
            .is_refused();
        assert!(unknown.stderr.contains("getent group"), "{unknown:#?}");
        // A year later nobody has used it for long.
        let clock = world.clock();
        clock.is_off_by(365 * 86_400);
        let run = world.nightlatch_by(&clock, &["list", "--unused-for", "90d", "--json"]);
        assert_eq!(run.succeeds().json().as_array().unwrap().len(), 3);
    });
}

#[test]
fn a_record_that_cannot_be_read_is_shown_whatever_is_asked_for() {
    sandboxed(|world| {
        world.user("alice").enrolled();
        let bob = world.user("bob").enrolled();
        fs::write(bob.directory().join("enrollment.toml"), "torn").unwrap();
        for (form, says) in [
            ("--json", "\"error\":"),
            ("--csv", "bob,,unreadable,"),
            ("--reverse", "bob: cannot be read"),
        ] {
            let run = world
                .nightlatch(&["list", "--short-secret", form])
                .exits_with(1);
            assert!(run.stdout.contains(says), "{run:#?}");
        }
    });
}

#[test]
fn the_accounts_are_read_once_however_many_people_there_are() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 1\n");
        for number in 0..12 {
            world.passing_user(&format!("u{number}")).enrolled();
        }
        let strace = ["strace", "-f", "-e", "trace=openat", "-o", "/run/opened"];
        let run = world.nightlatch_below(&strace, &["list", "--group", "root"]);
        assert!(run.succeeds().stdout.starts_with("Nobody"));
        let opened = fs::read_to_string("/run/opened").unwrap();
        for file in ["\"/etc/passwd\"", "\"/etc/group\""] {
            let times = opened.matches(file).count();
            assert!((1..=4).contains(&times), "{file}: {times} times");
        }
    });
}

/// Reads a table with another library, and gives the rows as JSON.
fn as_others_read_it(world: &World, options: &[&str]) -> serde_json::Value {
    let arguments = [&["list", "--csv"], options].concat();
    let table = world.nightlatch(&arguments).succeeds().stdout;
    fs::write("/run/table.csv", table).unwrap();
    let script = "import csv, json\n\
                  print(json.dumps(list(csv.DictReader(open('/run/table.csv', newline='')))))";
    let output = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_spreadsheet_reads_what_stands_there_and_runs_none_of_it() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 3\n");
        world.user("alice").enrolled();
        for (number, label) in (0..).zip(["=1+1", "+1", "-1", "@SUM(A1)", "a, \"b\""]) {
            let _ = world
                .passing_user(&format!("u{number}"))
                .enrolled_with(&[&format!("--label={label}")]);
        }
        let rows = as_others_read_it(world, &[]);
        let rows = rows.as_array().unwrap();
        assert_eq!(rows[0]["user"], "alice");
        assert_eq!(rows[0]["tokens"], "phone");
        assert_eq!(rows[0]["state"], "open");
        assert_eq!(rows[0]["backup_codes_left"], "3");
        for row in rows {
            for (column, cell) in row.as_object().unwrap() {
                let cell = cell.as_str().unwrap();
                assert!(!cell.starts_with(['=', '+', '-', '@']), "{column}: {cell}");
            }
        }
        assert!(rows.iter().any(|row| row["tokens"] == "'=1+1"), "{rows:#?}");
        assert!(
            rows.iter().any(|row| row["tokens"] == "a, \"b\""),
            "{rows:#?}"
        );
    });
}
