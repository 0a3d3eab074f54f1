//! The book says all that can be typed, configured and said: needs no root. What exists is read off what is built (its help, its
//! errors) or off the source, so that whatever is added is missed until it is written about.
//!
//! The threat model names the test that shows each thing it says: those have to exist.
//!
//! Events, their keys and their reasons are held against docs/events.md where they are made, in `core/src/audit/tests.rs`.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot begin should fail loudly"
)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nightlatch_core::check::{Accepted, Factor, Next, Refusal};
use nightlatch_core::config::{Config, LoginConfig};
use nightlatch_core::messages;
use nightlatch_core::place::Place;
use nightlatch_core::state::WrongCodes;

const COMMAND_PAGE: &str = include_str!("../../docs/command.md");
const PEOPLE_PAGE: &str = include_str!("../../docs/people.md");
const MODULE_PAGE: &str = include_str!("../../docs/pam.md");
const CONFIGURATION_PAGE: &str = include_str!("../../docs/configuration.md");
const THREATS_PAGE: &str = include_str!("../../docs/threat-model.md");

fn help(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_nightlatch"))
        .args(command)
        .arg("--help")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<&str> {
    let (_, list) = help.split_once("\nCommands:\n").unwrap_or_default();
    list.lines()
        .take_while(|line| !line.is_empty())
        // What is further in goes on with the line before.
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|command| !command.is_empty())
        .filter(|command| *command != "help")
        .collect()
}

/// The options that a help text lists.
fn options(help: &str) -> Vec<&str> {
    help.lines()
        .filter(|line| line.trim_start().starts_with('-'))
        .filter_map(|line| line.split(' ').find(|word| word.starts_with("--")))
        .collect()
}

/// The section of the page about a command.
fn section(command: &str) -> &'static str {
    let (_, after) = COMMAND_PAGE
        .split_once(&format!("\n## {command}\n"))
        .unwrap_or_else(|| panic!("no section about {command}"));
    after.split("\n## ").next().unwrap()
}

#[test]
fn the_page_about_the_command_has_every_command_and_every_option() {
    let all = help(&[]);
    for option in options(&all) {
        assert!(COMMAND_PAGE.contains(option), "{option}");
    }
    let mut seen = 0;
    for command in commands(&all) {
        let section = section(command);
        let help_of_it = help(&[command]);
        let mut helps = vec![help_of_it.clone()];
        for below in commands(&help_of_it) {
            let name = format!("`nightlatch {command} {below}");
            assert!(section.contains(&name), "{name}");
            helps.push(help(&[command, below]));
        }
        for option in helps.iter().flat_map(|help| options(help)) {
            seen += 1;
            let is_for_every_command = options(&all).contains(&option);
            assert!(
                is_for_every_command || section.contains(option),
                "{command} {option}"
            );
        }
    }
    assert!(seen > 30, "help texts are read wrongly: {seen} options");
}

#[test]
fn the_page_for_people_has_what_they_are_told() {
    let login = LoginConfig::default();
    let refused =
        |refusal: &Refusal| messages::refused(refusal, &login, Duration::from_secs(15 * 60));
    let accepted = |left| {
        let accepted = Accepted {
            factor: Factor::BackupCode { left },
            wrong: WrongCodes::default(),
            backup_codes_left: None,
            temporary_code: None,
        };
        messages::accepted(&accepted).unwrap()
    };
    let wrong_codes = messages::wrong_codes(&WrongCodes {
        count: 3,
        from: vec![Place::of_address("192.0.2.7")],
    });
    for told in [
        refused(&Refusal::Wrong { locked_for: 0 }),
        refused(&Refusal::Replayed {
            next: Next::CodeIn(12),
        }),
        refused(&Refusal::Replayed {
            next: Next::CodeOfToken,
        }),
        refused(&Refusal::Replayed {
            next: Next::BackupCode,
        }),
        refused(&Refusal::TokenWaits),
        refused(&Refusal::BackupCodesWait),
        accepted(9),
        accepted(0),
        wrong_codes,
    ] {
        assert!(PEOPLE_PAGE.contains(&format!("| `{told}` |")), "{told}");
    }
    assert!(PEOPLE_PAGE.contains(messages::PROMPT.trim_end()));
}

/// What stands in a source before its tests.
fn code(source: &str) -> &str {
    source.split("#[cfg(test)]").next().unwrap()
}

/// The texts that a source can say, each as the pieces between what is filled in. Words that are parts of others are left out.
fn texts(source: &str) -> Vec<Vec<String>> {
    let joined = code(source).replace("\\\n", "\u{0}");
    let mut texts = Vec::new();
    for line in joined
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
    {
        for literal in line.split('"').skip(1).step_by(2) {
            let mut words = literal.split('\u{0}');
            let mut text = words.next().unwrap_or_default().to_owned();
            words.for_each(|rest| text.push_str(rest.trim_start()));
            if text.split_whitespace().count() >= 3 {
                let mut pieces = Vec::new();
                let mut rest = text.as_str();
                while let Some((piece, after)) = rest.split_once('{') {
                    pieces.push(piece.trim().to_owned());
                    rest = after.split_once('}').unwrap().1;
                }
                pieces.push(rest.trim().to_owned());
                texts.push(pieces);
            }
        }
    }
    texts
}

/// The rows of a page's tables, and its paragraphs, each in one line.
fn passages(page: &str) -> impl Iterator<Item = String> {
    page.split("\n\n").flat_map(|block| {
        let is_table = block.starts_with('|');
        let block = block.replace('\n', if is_table { "\n" } else { " " });
        block.lines().map(str::to_owned).collect::<Vec<_>>()
    })
}

/// Whether a passage has these pieces, one after the other.
fn has(passage: &str, pieces: &[String]) -> bool {
    let mut rest = passage;
    pieces.iter().all(|piece| {
        let found = rest.split_once(piece.as_str());
        rest = found.map_or("", |(_, after)| after);
        found.is_some()
    })
}

#[test]
fn the_page_for_people_has_every_text_that_messages_can_say() {
    let texts = texts(include_str!("../../core/src/messages.rs"));
    for pieces in &texts {
        assert!(
            passages(PEOPLE_PAGE).any(|passage| has(&passage, pieces)),
            "docs/people.md does not have: {}",
            pieces.join(" … ")
        );
    }
    assert!(texts.len() > 15, "the source is read wrongly: {texts:?}");
}

#[test]
fn the_page_about_the_module_has_every_argument() {
    let source = code(include_str!("../../pam-module/src/arguments.rs"));
    let (_, arms) = source.split_once("pub fn parse").unwrap();
    let mut arguments: Vec<_> = arms
        .match_indices("(\"")
        .filter_map(|(at, _)| {
            let (word, after) = arms[at + 2..].split_once('"')?;
            let is_arm = after.starts_with(", Some(") || after.starts_with(", None");
            is_arm.then_some(word)
        })
        .collect();
    arguments.sort_unstable();
    arguments.dedup();
    for argument in &arguments {
        let row = |line: &str| {
            line.starts_with("| `")
                && line.split('|').nth(1).is_some_and(|cell| {
                    cell.split('`')
                        .skip(1)
                        .step_by(2)
                        .any(|word| word.split('=').next() == Some(argument))
                })
        };
        assert!(
            MODULE_PAGE.lines().any(row),
            "docs/pam.md has no row for the argument {argument}"
        );
        // And whoever mistypes one is told of it.
        let (_, told) = source.split_once("known are ").unwrap();
        assert!(told.contains(argument), "{argument}");
    }
    assert!(
        arguments.len() >= 5,
        "the source is read wrongly: {arguments:?}"
    );
}

/// The keys that a configuration may have where this one is wrong: what its error says was expected.
fn expected_keys(toml: &str) -> Vec<String> {
    let error = Config::parse(toml, Path::new("/x.toml"))
        .unwrap_err()
        .to_string();
    let Some((_, expected)) = error.split_once("unknown field `no_such_key`, expected ") else {
        return Vec::new();
    };
    expected
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_page_about_the_configuration_has_every_section_and_key() {
    let mut keys = 0;
    for section in expected_keys("no_such_key = 1") {
        // A table, a list of tables, or a table of tables.
        let forms = [
            format!("[{section}]"),
            format!("[[{section}]]"),
            format!("[{section}.sshd]"),
        ];
        let (heading, expected) = forms
            .iter()
            .map(|heading| {
                (
                    heading,
                    expected_keys(&format!("{heading}\nno_such_key = 1")),
                )
            })
            .find(|(_, expected)| !expected.is_empty())
            .unwrap_or_else(|| panic!("{section} has no keys"));
        let opened = heading.trim_end_matches("sshd]").trim_end_matches(']');
        let sections = |line: &str| line.trim_start_matches("# ").starts_with(opened);
        assert!(
            CONFIGURATION_PAGE.lines().any(sections),
            "docs/configuration.md does not show {heading}"
        );
        for key in expected {
            keys += 1;
            let shows = |line: &str| {
                let line = line.trim_start_matches("# ");
                line.starts_with(&format!("{key} = ")) || line.contains(&format!("`{key}`"))
            };
            assert!(
                CONFIGURATION_PAGE.lines().any(shows),
                "docs/configuration.md does not show {key} of {heading}"
            );
        }
    }
    assert!(keys >= 19, "the errors are read wrongly: {keys} keys");
}

/// The tests that a passage of the threat model names, each with its file: [`name`](../file).
fn named_tests(passage: &str) -> impl Iterator<Item = (&str, &str)> {
    passage.split("[`").skip(1).filter_map(|after| {
        let (name, after) = after.split_once("`](../")?;
        let (file, _) = after.split_once(')')?;
        Some((name, file))
    })
}

/// Whether a source has a test of that name.
fn has_test(source: &str, name: &str) -> bool {
    let mut is_test = false;
    source.lines().map(str::trim).any(|line| {
        let is_it = is_test && line.starts_with(&format!("fn {name}("));
        // Between the mark and the name stand other attributes and nothing else.
        is_test = line == "#[test]" || (is_test && line.starts_with("#["));
        is_it
    })
}

#[test]
fn every_stop_in_the_threat_model_is_shown_by_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut stops = 0;
    for section in THREATS_PAGE.split("\n## ").skip(1) {
        let (title, text) = section.split_once('\n').unwrap();
        assert!(text.contains("What does not stop it"), "{title}");
        let (_, table) = text
            .split_once("| what stops it | shown by |\n|---|---|\n")
            .unwrap_or_else(|| panic!("{title}: nothing is said to stop it"));
        for row in table.lines().take_while(|line| line.starts_with('|')) {
            stops += 1;
            let (stop, shown_by) = row[1..].split_once('|').unwrap();
            assert!(named_tests(shown_by).count() > 0, "{title}: {stop}");
            for (name, file) in named_tests(shown_by) {
                let source = std::fs::read_to_string(root.join(file))
                    .unwrap_or_else(|error| panic!("{title}: {file}: {error}"));
                assert!(has_test(&source, name), "{title}: no {name} in {file}");
            }
        }
    }
    assert!(stops > 30, "the page is read wrongly: {stops} stops");
}
