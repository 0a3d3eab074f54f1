//! PAM's configuration files of the sandbox.
//!
//! The contract tests read theirs from a folder of their own (`pam_start_confdir`); sshd, sudo and su read `/etc/pam.d`, which in
//! the sandbox is an overlay.

use std::fs;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use crate::sandbox::scratch;

/// What a service's file says.
#[derive(Debug, Clone, Copy)]
pub enum Stack<'a> {
    /// The module alone, in `auth` and `account`, with these arguments: its return code is the stack's.
    CodeOnly(&'a str),
    /// The module in `sufficient`'s place before `pam_permit`: `PAM_IGNORE` becomes success here, and `PAM_PERM_DENIED` in
    /// [`Stack::CodeOnly`], which no other code does.
    CodeOrIgnore(&'a str),
    /// Password and then code. A wrong password ends it. For tests: `pam_unix` does not wait after a wrong one.
    PasswordAndCode,
    /// These very lines.
    Lines(&'a str),
}

/// The service that contract tests use.
pub const DOOR: &str = "door";

impl Stack<'_> {
    fn text(self) -> String {
        match self {
            Self::CodeOnly(arguments) => format!(
                "auth required pam_nightlatch.so {arguments}\n\
                 account required pam_nightlatch.so {arguments}\n"
            ),
            Self::CodeOrIgnore(arguments) => format!(
                "auth [success=ok ignore=ignore default=bad] pam_nightlatch.so {arguments}\n\
                 auth required pam_permit.so\n\
                 account required pam_permit.so\n"
            ),
            Self::PasswordAndCode => "auth requisite pam_unix.so nodelay\n\
                 auth required pam_nightlatch.so\n\
                 account required pam_unix.so\n\
                 account required pam_nightlatch.so\n\
                 session required pam_permit.so\n\
                 password required pam_deny.so\n"
                .to_owned(),
            Self::Lines(lines) => lines.to_owned(),
        }
    }
}

/// Writes the stack of a service for the driver.
pub(crate) fn write_for_driver(service: &str, stack: Stack<'_>) {
    let dir = confdir();
    fs::create_dir_all(&dir).expect("the scratch folder is ours");
    fs::write(dir.join(service), stack.text()).expect("the scratch folder is ours");
}

/// Writes `/etc/pam.d/SERVICE`.
pub(crate) fn write_for_host(service: &str, stack: Stack<'_>) {
    fs::write(PathBuf::from("/etc/pam.d").join(service), stack.text()).expect("/etc is ours");
}

/// The folder that the driver's services are in.
pub(crate) fn confdir() -> PathBuf {
    scratch().join("pam.d")
}

/// The environment in which libfaketime moves a program's clock, but not how it measures time that passes.
pub(crate) fn faketime() -> Vec<(&'static str, String)> {
    vec![
        ("LD_PRELOAD", faketime_library().display().to_string()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        // The files are as old as they are: a birth time that moves would make every record a copy.
        ("NO_FAKE_STAT", "1".to_owned()),
    ]
}

/// The same, moved by so many seconds.
pub(crate) fn faketime_off_by(seconds: i64) -> Vec<(&'static str, String)> {
    let mut environment = faketime();
    environment.push(("FAKETIME", format!("{seconds:+}")));
    environment
}

/// The same, showing this time now, in seconds since 1970.
pub(crate) fn faketime_at(time: u64) -> Vec<(&'static str, String)> {
    let now = UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    faketime_off_by(time.cast_signed() - now.cast_signed())
}

/// The same, standing still at this time, in seconds since 1970.
pub(crate) fn faketime_standing_at(time: u64) -> Vec<(&'static str, String)> {
    let mut environment = faketime();
    environment.push(("FAKETIME_FMT", "%s".to_owned()));
    environment.push(("FAKETIME", time.to_string()));
    environment
}

/// Where libfaketime is.
pub(crate) fn faketime_library() -> PathBuf {
    fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("faketime/libfaketime.so.1"))
        .find(|path| path.exists())
        .expect("libfaketime.so.1 is nowhere below /usr/lib: install faketime")
}
