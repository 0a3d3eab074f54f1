//! Every command tells sane times wherever the clock stands, and breaks nowhere.

use nightlatch_tests::{Clock, Run, World, sandboxed};
use serde_json::Value;

use crate::MOMENTS;

const SENTENCE: &str = "the system's clock says a time before 1970: set it";

/// Each command that a person types without a terminal, with what it does to bob.
const COMMANDS: [&[&str]; 22] = [
    &["status", "alice", "--json"],
    &["status", "alice"],
    &["list", "--json"],
    &["list"],
    &["trust", "list", "alice", "--json"],
    &["trust", "forget", "alice"],
    &[
        "config",
        "explain",
        "alice",
        "--service",
        "sshd",
        "--rhost",
        "192.0.2.7",
    ],
    &["config", "check"],
    &["lock", "alice"],
    &["unlock", "alice"],
    &["unlock", "alice", "--clock"],
    &["unlock", "alice", "--fresh-state"],
    &["codes", "alice", "--json"],
    &["codes", "alice", "--temporary"],
    &["list", "--unused-for", "90d", "--csv"],
    &["invite", "bob", "--json"],
    &["invite", "bob", "--expires", "30d"],
    &["list"],
    &["invite", "bob", "--cancel"],
    &["enroll", "bob", "--yes", "--json"],
    &["status", "bob", "--json"],
    &["remove", "bob", "--yes"],
];

fn runs(world: &World, clock: &Clock, arguments: &[&str]) -> Run {
    let run = world.nightlatch_by(clock, arguments);
    assert!(!run.stderr.contains("panicked"), "{run:#?}");
    run
}

/// All times by RFC 3339 in it.
fn times(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) if text.ends_with('Z') && text.contains('T') => vec![text],
        Value::Array(values) => values.iter().flat_map(times).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| !["secret", "uri", "ticket", "backup_codes"].contains(&key.as_str()))
            .flat_map(|(_, value)| times(value))
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn at_every_moment_every_command_does_what_it_does_and_tells_times_of_the_calendar() {
    sandboxed(|world| {
        let clock = world.clock();
        let _alice = world.user("alice").enrolled();
        let _bob = world.user("bob");
        for moment in MOMENTS {
            clock.shows(moment);
            let log = world.log().from_now();
            for arguments in COMMANDS {
                let run = runs(world, &clock, arguments).succeeds();
                if arguments.contains(&"--json") {
                    for time in times(&run.json()) {
                        assert_eq!(time.len(), "1970-01-01T00:00:00Z".len(), "{run:?}");
                        assert!(
                            ("1970-01-01T00:00:00Z"..="9999-12-31T23:59:59Z").contains(&time),
                            "{run:?}"
                        );
                    }
                }
            }
            for event in ["locked", "unlocked", "codes-renewed", "invited", "enrolled"] {
                log.says(&[&format!("]: event={event} user=")]);
            }
        }
    });
}

#[test]
fn an_invitation_is_told_with_the_moment_at_which_it_ends() {
    sandboxed(|world| {
        let clock = world.clock();
        let _bob = world.user("bob");
        for (moment, ends) in [
            (0, "1970-01-08T00:00:0"),
            ((1 << 31) - 4, "2038-01-26T03:14:0"),
            ((1 << 32) - 5, "2106-02-14T06:28:1"),
            (253_402_300_740, "9999-12-30T22:00:00Z"),
        ] {
            clock.shows(moment);
            let invited = runs(world, &clock, &["invite", "bob", "--json"])
                .succeeds()
                .json();
            let expires = invited["expires"].as_str().unwrap();
            assert!(expires.starts_with(ends), "{moment}: {expires}");
        }
    });
}

#[test]
fn before_1970_a_command_changes_nothing_and_says_why() {
    sandboxed(|world| {
        let (alice, clock) = (world.user("alice").enrolled(), world.clock());
        let _bob = world.user("bob");
        let kept = || {
            let files = alice
                .state_files()
                .into_iter()
                .map(|file| std::fs::read(file).unwrap());
            (alice.enrollment(), files.collect::<Vec<_>>())
        };
        let before = kept();
        clock.shows(-1_000_000);
        for arguments in COMMANDS {
            let run = runs(world, &clock, arguments);
            if ["check", "remove", "forget"]
                .iter()
                .any(|word| arguments.contains(word))
            {
                // They need no time, or find nothing.
                continue;
            }
            let run = run.exits_with(1);
            assert!(
                run.stdout.contains(SENTENCE) || run.stderr.contains(SENTENCE),
                "{run:#?}"
            );
        }
        assert_eq!(kept(), before);
    });
}
