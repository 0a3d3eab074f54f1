//! What the command shows of names, labels, files and arguments that others chose: nothing that turns text around, draws on a
//! terminal or begins a line of its own.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nightlatch_tests::{Directory, Run, STORE, nightlatch, sandboxed};

#[test]
fn names_and_labels_of_odd_characters_are_spelled_out_by_every_command() {
    sandboxed(|world| {
        let directory = world.directory();
        let directory = serving(&directory);
        for (index, name) in NAMES.iter().enumerate() {
            let label = LABELS[index % LABELS.len()];
            let says = |arguments: &[&str]| is_clean(&nightlatch(arguments));
            let person = directory.person(name).enrolled_with(&["--label", label]);
            says(&["enroll", name, "--yes"]);
            says(&[
                "enroll",
                name,
                "--yes",
                "--replace",
                "--label",
                label,
                "--qr",
                "none",
            ]);
            for command in ["status", "codes", "lock", "unlock", "invite"] {
                says(&[command, name]);
                says(&[command, name, "--json"]);
            }
            is_clean(&world.nightlatch_given("123456\n234567\n", &["check", name]));
            for of_trust in ["list", "forget"] {
                says(&["trust", of_trust, name]);
            }
            for rhost in NAMES {
                let explain = [
                    "config",
                    "explain",
                    name,
                    "--service",
                    "sshd",
                    "--rhost",
                    rhost,
                ];
                says(&explain);
                says(&[&explain[..], &["--json"]].concat());
            }
            says(&["remove", name, "--label", "no such label", "--yes"]);
            says(&["remove", name, "--label", label, "--yes"]);
            says(&["status", name]);
            drop(person);
        }
        for name in NAMES {
            let _ = directory
                .person(name)
                .enrolled_with(&["--label", LABELS[0]]);
        }
        let listed = world.nightlatch(&["list"]).succeeds();
        is_clean(&listed);
        assert_eq!(
            listed.stdout.lines().count(),
            1 + NAMES.len(),
            "{}",
            listed.stdout
        );
        is_clean(&world.nightlatch(&["list", "--json"]).succeeds());

        // Their files cannot be read, and their accounts are gone.
        for entry in fs::read_dir(format!("{STORE}/users")).unwrap() {
            let file = entry.unwrap().path().join("enrollment.toml");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, format!("{text}\"\u{1b}[2J\u{9b}31m\u{202e}\" = 1\n")).unwrap();
        }
        world.directory().serves();
        is_clean(&world.nightlatch(&["list"]).exits_with(1));
        is_clean(&world.nightlatch(&["list", "--json"]).exits_with(1));
        for name in NAMES {
            for command in ["status", "unlock", "codes"] {
                is_clean(&world.nightlatch(&[command, name]));
            }
            is_clean(&world.nightlatch(&["remove", name, "--yes"]));
        }
    });
}

#[test]
fn an_argument_that_is_no_name_is_not_shown_as_it_is() {
    sandboxed(|world| {
        world.make_store();
        for argument in DRAWING {
            for command in [
                "enroll", "status", "codes", "remove", "lock", "unlock", "invite", "check",
            ] {
                is_clean(&world.nightlatch(&[command, argument]));
            }
            for arguments in [
                &["trust", "list", argument][..],
                &["trust", "forget", argument, "--service", argument],
                &["trust", "forget", "root", "--place", argument],
                &["config", "explain", argument, "--service", "sshd"],
                &["config", "explain", "root", "--service", argument],
                &[
                    "config",
                    "explain",
                    "root",
                    "--service",
                    "sshd",
                    "--rhost",
                    argument,
                ],
                &[
                    "config",
                    "explain",
                    "root",
                    "--service",
                    "sshd",
                    "--rhost",
                    argument,
                    "--json",
                ],
                &[
                    "enroll", "root", "--yes", "--qr", "none", "--label", argument,
                ],
                &["--config", argument, "list"],
                &["config", "check", argument],
                &["list", argument],
                &[argument],
            ] {
                is_clean(&world.nightlatch(arguments));
            }
        }
    });
}

#[test]
fn what_is_in_files_and_directories_is_not_shown_as_it_is() {
    sandboxed(|world| {
        let alice = world.passing_user("alice").enrolled();
        for drawing in DRAWING {
            for toml in [
                format!("\"{drawing}\" = 1\n"),
                format!("[login]\nprompts = \"{drawing}\"\n"),
                format!("[[rule]]\ngroups = [\"{drawing}\"]\nsecond_factor = \"deny\"\n"),
                format!("[[rule]]\nusers = [\"{drawing}\"]\nsecond_factor = \"{drawing}\"\n"),
                format!("[store]\ndir = \"/{drawing}\"\n"),
                format!("# {drawing}\n[\n"),
            ] {
                world.configure_exactly(&toml);
                for arguments in [
                    &["config", "check"][..],
                    &["config", "show"],
                    &["list"],
                    &["status", "alice"],
                    &["config", "explain", "alice", "--service", "sshd"],
                ] {
                    is_clean(&world.nightlatch(arguments));
                }
            }
            world.configure("");
            let file = alice.directory().join("enrollment.toml");
            let whole = fs::read_to_string(&file).unwrap();
            for text in [
                format!("{whole}\"{drawing}\" = 1\n"),
                whole.replace("version = 1", &format!("version = \"{drawing}\"")),
                whole.replace("\"phone\"", &format!("\"{drawing}\"")),
                whole.replace("user = \"alice\"", &format!("user = \"{drawing}\"")),
                drawing.to_owned(),
            ] {
                fs::write(&file, text).unwrap();
                is_clean(&world.nightlatch(&["status", "alice"]));
                is_clean(&world.nightlatch(&["list"]));
            }
            fs::write(&file, whole).unwrap();
            let odd = OsStr::from_bytes(drawing.as_bytes());
            let directory = Path::new(STORE).join("users").join(odd);
            fs::create_dir(&directory).unwrap();
            is_clean(&world.nightlatch(&["list"]));
            is_clean(&world.nightlatch(&["config", "check"]));
            fs::remove_dir(&directory).unwrap();
        }
    });
}

/// Asserts that nothing was written but letters, what is printable in ASCII, and ends of lines.
fn is_clean(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        let odd = |c: &char| !(c.is_alphanumeric() || matches!(c, ' '..='~' | '\n'));
        let odd: Vec<_> = text.chars().filter(odd).collect();
        assert!(odd.is_empty(), "{odd:?} from {}: {text:?}", run.said);
    }
}

/// Whoever has one of these names has an account.
fn serving<'w>(directory: &Directory<'w>) -> Directory<'w> {
    let directory = (70_000..)
        .zip(NAMES)
        .fold(directory.clone(), |directory, (uid, name)| {
            directory.knows(name, uid)
        });
    directory.serves();
    directory
}

/// Names that a name service may have: none holds a control character.
const NAMES: [&str; 6] = [
    "\u{202e}toor\u{2066}x",
    "a\u{2028}b\u{2029}c",
    "ro\u{200b}ot\u{feff}\u{ad}\u{e0041}",
    "a'b\"c\\d",
    "$(reboot);`x`",
    "\u{1f600}\u{fffc}\u{e000}",
];

/// Labels that a token may have.
const LABELS: [&str; 3] = ["\u{202e}enohp\u{2069}", "a\u{2028}b\u{200d}", "'\"\\$(x)"];

/// What no name, label or path of anybody should hold.
const DRAWING: [&str; 6] = [
    "\u{1b}[2J\u{1b}]0;title\u{7}",
    "\u{9b}31m\u{9d}0;x\u{9c}",
    "a\nnightlatch: all is well",
    "a\rb\u{8}c\u{7f}",
    "\u{202e}drawkcab\u{2028}",
    "\u{200b}\u{feff}",
];
