//! The book says all that can be typed, and what people can be told: needs no root.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot begin should fail loudly"
)]

use std::process::Command;
use std::time::Duration;

use nightlatch_core::check::{Accepted, Factor, Refusal};
use nightlatch_core::config::LoginConfig;
use nightlatch_core::messages;
use nightlatch_core::place::Place;
use nightlatch_core::state::WrongCodes;

const COMMAND_PAGE: &str = include_str!("../../docs/command.md");
const PEOPLE_PAGE: &str = include_str!("../../docs/people.md");

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
        };
        messages::accepted(&accepted).unwrap()
    };
    let wrong_codes = messages::wrong_codes(&WrongCodes {
        count: 3,
        from: vec![Place::of_address("192.0.2.7")],
    });
    for told in [
        refused(&Refusal::Wrong { locked_for: 0 }),
        refused(&Refusal::Replayed { next_in: Some(12) }),
        refused(&Refusal::Replayed { next_in: None }),
        refused(&Refusal::BackupCodesWait),
        accepted(9),
        accepted(0),
        wrong_codes,
    ] {
        assert!(PEOPLE_PAGE.contains(&format!("| `{told}` |")), "{told}");
    }
    assert!(PEOPLE_PAGE.contains(messages::PROMPT.trim_end()));
}
