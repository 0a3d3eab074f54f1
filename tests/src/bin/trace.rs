//! Which functions of the module run when people log in: ordinary logins under callgrind. `cargo xtask order` starts it.

#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    reason = "a trace of logins that were not as they should be would be worth nothing"
)]

use std::process::ExitCode;

use nightlatch_tests::{Code, Outcome, Tries, World, enter};

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!(
            "usage: trace FOLDER   (FOLDER: where the traces go; started by cargo xtask order)"
        );
        return ExitCode::from(2);
    };
    enter(|world| {
        trace(world, &folder);
        ExitCode::SUCCESS
    })
}

/// What sshd and sudo do all day: right codes, a typing mistake, a key.
fn trace(world: &World, folder: &str) {
    world.configure("[login]\nprompts = 3\n[throttle]\nfree_failures = 5\n");
    let alice = world.user("alice").enrolled();
    let run = |name: &str, tries: Tries| -> Outcome {
        let file = format!("--callgrind-out-file={folder}/{name}.%p");
        tries.run_below(&["valgrind", "--tool=callgrind", "--demangle=no", &file])
    };
    let whole = ["auth", "acct", "setcred"];
    let phone = alice.phone();
    let (wrong, right) = (phone.wrong_code(), phone.code());
    let mistyped = alice.tries().from("192.0.2.7").answers([&wrong, &right]);
    run("sshd", mistyped.calling(&whole)).gives(Code::Success);
    let next = phone.code();
    run("sudo", alice.tries().answers([&next])).gives(Code::Success);
    run("key", alice.tries().calling(&["acct"])).gives(Code::Success);
}
