//! What the command says and how it ends before it touches anything: needs no root.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot begin should fail loudly"
)]

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};

fn nightlatch(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightlatch"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn help_is_there_for_every_command_and_ends_well() {
    for command in [
        "enroll", "status", "list", "check", "codes", "remove", "lock", "unlock", "invite",
        "trust", "config",
    ] {
        let output = nightlatch(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(!output.stdout.is_empty(), "{command}");
    }
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [
        &[][..],
        &["enrol"],
        &["unlock"],
        &["unlock", "alice", "--clock", "--fresh-state"],
        &["enroll", "alice", "--digits", "9"],
        &["enroll", "alice", "--token", "sms"],
        &["enroll", "alice", "--counter", "-1"],
        &[
            "enroll",
            "alice",
            "--ask-secret",
            "--secret-file",
            "key.hex",
        ],
        &["enroll", "alice", "--ask-secret", "--yes"],
        &["lock"],
        &["invite"],
        &["invite", "alice", "--expires", "31d"],
        &["invite", "alice", "--expires", "7d", "--cancel"],
        &["trust"],
        &["trust", "forget", "alice", "--place", "host.example"],
        &["status", "alice", "--secret"],
        &["config", "explain", "alice"],
        &["config", "explain", "alice", "--service", "../sshd"],
    ] {
        let output = nightlatch(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_configuration_that_was_named_and_is_not_there_is_an_error() {
    let output = nightlatch(&["--config", "/nowhere/nightlatch.toml", "config", "check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with("nightlatch: /nowhere/nightlatch.toml: no such file"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_reader_that_went_away_is_an_error_and_no_panic() {
    let (theirs, ours) = UnixStream::pair().unwrap();
    drop(theirs);
    let mut child = Command::new(env!("CARGO_BIN_EXE_nightlatch"))
        .args(["config", "show"])
        .stdout(std::os::fd::OwnedFd::from(ours))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(said.starts_with("nightlatch: "), "{said}");
}
