//! Programs of the host that this one runs as root: found where the host has them, and not where whoever became root had theirs.
//!
//! `su` without `-` keeps its caller's search path, and in that may be directories that somebody else can write.

use std::process::Command;

/// A program of the host, by its name.
pub fn of_the_host(name: &str) -> Command {
    let mut command = Command::new(name);
    // Also where it is looked for.
    command.env("PATH", PATH);
    command
}

/// sudo's.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
