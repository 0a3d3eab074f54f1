//! Runs a test in a process of its own: for those that change what belongs to the whole process (umask, limits, descriptors) or
//! need several processes.

use std::env;
use std::process::{Command, Stdio};

/// Runs the test of this full name alone in a process of its own and asserts that it passed; says `true` in there.
pub(crate) fn in_a_process_of_its_own(test: &str) -> bool {
    if env::var_os(CHILD).is_some() {
        return true;
    }
    let output = command(test, "alone")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    false
}

/// The command that runs the test of this full name in a process of its own, where [`argument`] is `argument`.
pub(crate) fn command(test: &str, argument: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args([test, "--exact", "--test-threads=1", "--nocapture"])
        .env(CHILD, argument);
    command
}

/// What the process was started with, in one that [`command`] started.
pub(crate) fn argument() -> Option<String> {
    env::var(CHILD).ok()
}

const CHILD: &str = "NIGHTLATCH_TEST_CHILD";
