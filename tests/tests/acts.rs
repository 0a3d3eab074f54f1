//! Every act of an administrator leaves a line in the log that names the person behind it, also behind sudo.
//!
//! What can be typed is read off the command's own help: a command or an option that is not known here fails a test until it is
//! said what it does.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use nightlatch_tests::{Code, Person, STORE, Stack, Tree, World, sandboxed};

/// What a command does.
enum Does {
    /// It shows something, and changes nothing. How it is typed; nothing where it is in a test of its own.
    Shows(&'static [&'static str]),
    /// It tries a code like a login, and the log has the login's line.
    Tries,
    /// It changes something. How each of its acts is typed, in an order in which each has something to change, and the event.
    Changes(&'static [(&'static str, &'static str)]),
}

/// All commands. The acts are gone through from the first to the last.
const COMMANDS: [(&str, Does); 18] = [
    (
        "enroll",
        Does::Changes(&[
            ("enroll alice --yes --json", "enrolled"),
            ("enroll alice --replace --yes --json", "enrolled"),
            ("enroll alice --label key --yes --json", "token-added"),
        ]),
    ),
    ("status", Does::Shows(&["status alice"])),
    (
        "list",
        Does::Shows(&["list", "list --csv", "list --group root --json"]),
    ),
    ("check", Does::Tries),
    (
        "codes",
        Does::Changes(&[
            ("codes alice --json", "codes-renewed"),
            (
                "codes alice --temporary --expires 2h --json",
                "temporary-code-made",
            ),
            (
                "codes alice --temporary --cancel",
                "temporary-code-cancelled",
            ),
        ]),
    ),
    ("trust list", Does::Shows(&["trust list alice"])),
    (
        "trust forget",
        Does::Changes(&[("trust forget alice --service door", "trust-forgotten")]),
    ),
    (
        "lock",
        Does::Changes(&[("lock alice --reason 'a strange call'", "locked")]),
    ),
    (
        "unlock",
        Does::Changes(&[
            ("unlock alice", "unlocked"),
            ("unlock alice --clock", "unlocked"),
            ("unlock alice --fresh-state", "unlocked"),
        ]),
    ),
    (
        "remove",
        Does::Changes(&[
            ("remove alice --label key --yes", "token-removed"),
            ("remove alice --yes", "enrollment-removed"),
        ]),
    ),
    (
        "invite",
        Does::Changes(&[
            ("invite alice --expires 2d --json", "invited"),
            ("invite alice --cancel", "invitation-cancelled"),
        ]),
    ),
    (
        "import google-authenticator",
        Does::Changes(&[
            (
                "import google-authenticator --user alice --yes /etc/alice.ga",
                "imported",
            ),
            (
                "import google-authenticator --all-homes --replace --yes",
                "imported",
            ),
        ]),
    ),
    (
        "import oath",
        Does::Changes(&[(
            "import oath --without-pin --replace --yes /etc/users.oath",
            "imported",
        )]),
    ),
    ("config show", Does::Shows(&["config show"])),
    ("config check", Does::Shows(&["config check"])),
    (
        "config explain",
        Does::Shows(&["config explain alice --service sshd"]),
    ),
    ("doctor", Does::Shows(&[])),
    (
        "setup",
        Does::Changes(&[
            ("setup su --yes --allow-lockout --try 1h", "set-up"),
            ("setup --confirm --force", "setup-confirmed"),
            ("setup --remove", "setup-taken-back"),
        ]),
    ),
];

/// Options of acts that are no acts of their own: what is made, from what, and how it is shown.
const NO_ACTS: [&str; 17] = [
    "--config",
    "--help",
    "--version",
    "--token",
    "--algorithm",
    "--digits",
    "--period",
    "--counter",
    "--secret-file",
    "--ask-secret",
    "--qr",
    "--output",
    "--place",
    "--json",
    "--dry-run",
    "--status",
    "--scratch-codes-expire",
];

#[test]
fn every_command_and_every_option_is_known_to_be_an_act_or_none() {
    sandboxed(|world| {
        let typed = commands_of(world, "");
        for command in &typed {
            let (_, does) = COMMANDS
                .iter()
                .find(|(known, _)| known == command)
                .unwrap_or_else(|| panic!("say in COMMANDS what `nightlatch {command}` does"));
            let Does::Changes(acts) = does else {
                continue;
            };
            for option in options(&help(world, command)) {
                let is_typed = |act: &&(&str, &str)| act.0.split(' ').any(|word| word == option);
                assert!(
                    NO_ACTS.contains(&option.as_str()) || acts.iter().any(|act| is_typed(&act)),
                    "say in COMMANDS what `nightlatch {command} {option}` does, or in NO_ACTS that it is no act"
                );
            }
        }
        assert!(typed.len() > 12, "the help is read wrongly: {typed:?}");
    });
}

#[test]
fn every_act_leaves_a_line_that_names_the_person_behind_sudo() {
    sandboxed(|world| {
        world.configure("rhost_from = [\"door\"]\n[trust]\nremember = \"1h\"\n");
        world.stack("door", Stack::CodeOnly(""));
        let alice = world.user("alice");
        let carol = world.user("carol");
        carol.may_sudo_without_password();
        has_something_to_bring(&alice);
        let mut seen = BTreeSet::new();
        for (command, does) in &COMMANDS {
            let Does::Changes(acts) = does else {
                continue;
            };
            for (typed, event) in *acts {
                if *event == "trust-forgotten" {
                    is_trusted(world, &alice);
                }
                let (log, before) = (world.log().from_now(), Tree::of(STORE));
                let _ = carol.types(&format!("sudo nightlatch {typed}")).succeeds();
                let changed = Tree::of(STORE).differs_in(&before);
                assert!(!changed.is_empty(), "`{typed}` changed nothing");
                let whom = if *command == "setup" {
                    "services=\"su\" by=\"carol\""
                } else {
                    "user=\"alice\" by=\"carol\""
                };
                log.says(&[&format!("event={event} "), whom]);
                assert_eq!(log.with("by=").len(), 1, "`{typed}` is one act");
                seen.insert(*command);
            }
        }
        assert!(seen.len() >= 7, "{seen:?}");
        world
            .log()
            .says(&["event=locked", "reason=\"a strange call\""]);
    });
}

#[test]
fn what_only_shows_something_changes_nothing_and_leaves_no_line() {
    sandboxed(|world| {
        world.user("alice").enrolled();
        let (log, before) = (world.log().from_now(), Tree::of(STORE));
        for (_, does) in &COMMANDS {
            let Does::Shows(ways) = does else {
                continue;
            };
            for typed in *ways {
                let words: Vec<_> = typed.split(' ').collect();
                let _ = world.nightlatch(&words).succeeds();
            }
        }
        let changed = Tree::of(STORE).differs_in(&before);
        assert!(changed.is_empty(), "{changed:?}");
        log.never_says("event=");
    });
}

#[test]
fn a_change_that_cannot_be_logged_is_told_with_who_did_it() {
    sandboxed(|world| {
        world.user("alice").enrolled();
        let carol = world.user("carol");
        carol.may_sudo_without_password();
        fs::remove_file("/dev/log").unwrap();
        let run = carol.types("sudo nightlatch lock alice").succeeds();
        assert!(
            run.stderr
                .contains("event=locked user=\"alice\" by=\"carol\""),
            "{run:#?}"
        );
    });
}

/// Alice gives a code at a door that remembers it.
fn is_trusted(world: &World, alice: &Person<'_>) {
    let codes = world.nightlatch(&["codes", "alice", "--json"]).succeeds();
    let codes = codes.json();
    let code = codes["backup_codes"][0].as_str().unwrap();
    let tries = alice.tries().from("198.51.100.7").answers([code]);
    let outcome = tries.calling(&["auth", "acct"]).run();
    outcome.gives(Code::Success).asking(1);
}

/// Alice has a token of each system that can be brought along, another one in each file.
fn has_something_to_bring(alice: &Person<'_>) {
    let of = |secret: &str| format!("{secret}\n\" TOTP_AUTH\n");
    let at_home = alice.home().join(".google_authenticator");
    for (file, text, uid) in [
        (
            Path::new("/etc/alice.ga"),
            of(&"GEZDGNBVGY3TQOJQ".repeat(2)),
            0,
        ),
        (&at_home, of(&"JBSWY3DPEHPK3PXP".repeat(2)), alice.uid()),
        (
            Path::new("/etc/users.oath"),
            "HOTP/T30 alice 1234 3132333435363738393031323334353637383939\n".to_owned(),
            0,
        ),
    ] {
        fs::write(file, text).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
        chown(file, Some(uid), None).unwrap();
    }
}

fn help(world: &World, command: &str) -> String {
    let words: Vec<_> = command.split(' ').chain(["--help"]).collect();
    let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    world.nightlatch(&words).succeeds().stdout
}

/// The commands below one, each as it is typed; itself, where there is none below.
fn commands_of(world: &World, command: &str) -> Vec<String> {
    let help = help(world, command);
    let (_, list) = help.split_once("\nCommands:\n").unwrap_or_default();
    let below: Vec<_> = list
        .lines()
        .take_while(|line| !line.is_empty())
        // What is further in goes on with the line before.
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .map(|name| format!("{command} {name}").trim().to_owned())
        .collect();
    if below.is_empty() {
        return vec![command.to_owned()];
    }
    let commands = below.iter().flat_map(|below| commands_of(world, below));
    commands.collect()
}

/// The options that a help text lists.
fn options(help: &str) -> Vec<String> {
    help.lines()
        .filter(|line| line.trim_start().starts_with('-'))
        .filter_map(|line| line.split([' ', ',']).find(|word| word.starts_with("--")))
        .map(str::to_owned)
        .collect()
}
