//! A clock that a test sets: log-ins through libpam, the command and sshd go by it, also while they run.
//!
//! It is set relative to the machine's own and goes on from there. How programs measure time that passes (`CLOCK_MONOTONIC`) is
//! left alone, as it is when somebody sets a clock, or when a machine was suspended: the time of day jumps, and nothing seems to
//! have passed. Files keep their times.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::stacks;

/// A clock that can be set. There is one in a world.
#[derive(Debug, Clone)]
pub struct Clock {
    file: &'static str,
}

impl Clock {
    /// The clock, right so far.
    pub(crate) fn new() -> Self {
        let clock = Self {
            // Where libfaketime looks when its environment says nothing: sshd empties that of the process that asks PAM.
            file: "/etc/faketimerc",
        };
        clock.is_off_by(0);
        clock
    }

    /// Sets it to this time, in seconds since 1970; before 1970 where it is negative.
    pub fn shows(&self, time: i64) {
        self.is_off_by(time - real());
    }

    /// Sets it so many seconds ahead of the right time, or behind it.
    pub fn is_off_by(&self, seconds: i64) {
        // Whoever reads it finds the old time or the new one.
        let new = format!("{}.new", self.file);
        fs::write(&new, format!("{seconds:+}\n")).expect("/etc is ours");
        fs::rename(&new, self.file).expect("/etc is ours");
    }

    /// Lets everything that is started from now on go by it: programs like sudo take nothing from their environment that would.
    pub fn is_everybodys(&self) {
        fs::write(
            "/etc/ld.so.preload",
            format!("{}\n", stacks::faketime_library().display()),
        )
        .expect("/etc is ours");
    }

    /// What a shell types so that what it starts takes that clock as programs do that go by it alone.
    pub const IN_A_SHELL: &str =
        "export FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 NO_FAKE_STAT=1";

    /// What it shows, in seconds since 1970.
    #[must_use]
    pub fn time(&self) -> i64 {
        let text = fs::read_to_string(self.file).expect("/etc is ours");
        let off: i64 = text.trim().parse().expect("we wrote it");
        real() + off
    }

    /// The environment of a program that is to go by it.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = stacks::faketime();
        environment.push(("FAKETIME_NO_CACHE", "1".to_owned()));
        environment.push(("FAKETIME_TIMESTAMP_FILE", self.file.to_owned()));
        environment
    }
}

/// The machine's own time, in seconds since 1970.
fn real() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().cast_signed())
}
