//! `cargo xtask demo`: the main job, whole, for somebody to watch.
//!
//! In a machine of its own: alice is enrolled, her QR code is read off the terminal, she logs in over SSH with password and
//! code, the same code is refused, sudo takes the next one, and a backup code opens once. Real nightlatch, sshd, ssh and
//! sudo. Each step is asserted; if one is not as it should be, that is said and the exit code is 1.
//!
//! `--interactive` goes on with the reader's own phone.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a step that is not as it should be ends the demo: main says which one it was"
)]

use std::env;
use std::io::{self, BufRead};
use std::panic::{self, AssertUnwindSafe};
use std::process::{Command, ExitCode};
use std::time::Instant;

use nightlatch_tests::{Background, Enrolling, Person, Phone, World, enter, outer_pid};

fn main() -> ExitCode {
    enter(|world| {
        // What went wrong is said once, below.
        panic::set_hook(Box::new(|_| {}));
        let mut shown = Vec::new();
        let demo = panic::catch_unwind(AssertUnwindSafe(|| demo(world, &mut shown)));
        match demo {
            Ok(()) => {
                println!("\nShown, on real sshd, ssh and sudo:");
                for what in &shown {
                    println!("  ok  {what}");
                }
                println!("Nothing outside this private machine was changed.");
            }
            Err(why) => {
                let why = why
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| why.downcast_ref::<&str>().copied())
                    .unwrap_or("for a reason that it does not give");
                for what in &shown {
                    println!("  ok  {what}");
                }
                println!("\nThe demo failed after {} steps: {why}", shown.len());
                return ExitCode::FAILURE;
            }
        }
        if env::args().any(|argument| argument == "--interactive") {
            interactive(world);
        }
        ExitCode::SUCCESS
    })
}

fn demo(world: &World, shown: &mut Vec<String>) {
    say("A private machine: its own /etc, /var/lib, /dev, network and processes.");
    let mut alice = world.user("alice");
    alice.may_sudo();
    say(&format!(
        "An account, alice, with the password \"{}\", and sudo for her.",
        alice.password()
    ));
    for service in ["sshd", "sudo"] {
        world.add_to_debians_stack(service);
    }
    say("In /etc/pam.d/sshd and /etc/pam.d/sudo, as the README says:");
    println!("    @include common-auth");
    println!("  + auth    required pam_nightlatch.so");
    println!("    @include common-account");
    println!("  + account required pam_nightlatch.so");

    say("The administrator enrolls alice: nightlatch enroll alice");
    let mut enrolling = Enrolling::begin(world, "alice", &[]);
    println!("{}", enrolling.transcript());
    let uri = enrolling
        .screen()
        .qr_code(Background::Dark)
        .expect("zbarimg reads the QR code off the terminal's screen");
    say(&format!(
        "zbarimg reads the QR code off that screen: {}",
        without_secret(&uri)
    ));
    shown.push("the QR code, read back from what the terminal showed".to_owned());

    let phone = Phone::scanning(&uri);
    let code = phone.code();
    say(&format!(
        "oathtool makes a code of what was read: {code}. It proves that the phone has it."
    ));
    let codes = enrolling.proves(&code);
    println!("{}", enrolling.transcript_since_the_code());
    shown.push(format!("alice enrolled, with {} backup codes", codes.len()));
    alice.takes_phone(phone, codes);

    log_in(&alice, shown);
    backup_code(&alice, shown);
}

fn log_in(alice: &Person<'_>, shown: &mut Vec<String>) {
    let code = alice.phone().code();
    say(&format!(
        "ssh alice@127.0.0.1, with her password and the next code, {code}."
    ));
    let mut session = alice.ssh().answers(&code).is_let_in();
    println!("{}", indented(&session.transcript()));
    shown.push("an SSH login with password and code accepted".to_owned());

    say("The same code again, at once:");
    let again = Instant::now();
    let refused = alice.ssh().answers(&code);
    refused.is_refused();
    println!("{}", indented(&refused.transcript()));
    shown.push(format!(
        "the same code refused, {} ms after ssh was started",
        again.elapsed().as_millis()
    ));
    drop(refused);

    say("sudo id -un, in the first login, with her password and the code after that.");
    let code = alice.phone().code();
    println!("That is {code}.");
    let before = session.transcript().len();
    let done = session.sudo(alice, "id -un").answers(&code).is_done();
    assert!(done.contains("\r\nroot\r\n"), "sudo ran: {done}");
    println!("{}", indented(&session.transcript()[before..]));
    shown.push("sudo accepted with the next code".to_owned());
}

fn backup_code(alice: &Person<'_>, shown: &mut Vec<String>) {
    let code = &alice.backup_codes()[0];
    say(&format!(
        "Her phone is lost. ssh with a backup code, {code}:"
    ));
    let session = alice.ssh().answers(code).is_let_in();
    println!("{}", indented(&session.transcript()));
    shown.push("a backup code accepted once".to_owned());

    say("The same backup code again:");
    let refused = alice.ssh().answers(code);
    refused.is_refused();
    println!("{}", indented(&refused.transcript()));
    shown.push("and refused the second time".to_owned());
}

/// The reader enrolls a phone of their own and comes in by the door.
fn interactive(world: &World) {
    let visitor = world.user("visitor");
    visitor.may_sudo();
    say("Now your own phone: scan this with your authenticator and type its code.");
    let enrolled = Command::new("nightlatch")
        .args(["enroll", "visitor"])
        .status()
        .is_ok_and(|status| status.success());
    if !enrolled {
        println!("Nothing was enrolled.");
        return;
    }
    let pid = outer_pid();
    println!("\nThe door is open. In another terminal, as root:\n");
    // The options keep ssh from writing to root's own known_hosts, which is not private.
    println!(
        "  nsenter --target {pid} --mount --net --uts --ipc --pid=/proc/{pid}/ns/pid_for_children \\"
    );
    println!("    ssh -F none -o UserKnownHostsFile=/run/known_hosts visitor@127.0.0.1\n");
    println!("The password is \"{}\".", visitor.password());
    println!("Enter here ends it all.");
    let _ = io::stdin().lock().read_line(&mut String::new());
}

fn say(text: &str) {
    println!("\n== {text}");
}

/// The secret of a demo guards nothing, but a habit is a habit.
fn without_secret(uri: &str) -> String {
    uri.split('&')
        .map(|part| match part.split_once("secret=") {
            Some((before, _)) => format!("{before}secret=..."),
            None => part.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("&")
}

fn indented(transcript: &str) -> String {
    transcript
        .lines()
        .map(|line| format!("    | {}", line.trim_end_matches('\r')))
        .collect::<Vec<_>>()
        .join("\n")
}
