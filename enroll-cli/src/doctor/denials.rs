//! Findings about what SELinux or AppArmor kept from the module, read off the logs of the last day.
//!
//! A line becomes a command that root is told to run, so only what the kernel and its audit wrote is read: in the log of the whole system
//! (`logger`) anybody can write a line that looks like theirs.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::Stdio;

use nightlatch_core::time::Time;

use super::finding::{Finding, Severity, quoted};
use crate::programs::of_the_host;

/// Everything denied during the last day.
pub fn examine(now: Time) -> Vec<Finding> {
    let mut text = String::new();
    for log in LOGS {
        text.push_str(&tail(Path::new(log)));
    }
    text.push_str(&journal());
    find(&text, now)
}

/// What of a log's lines is about us, each kind of denial once.
fn find(text: &str, now: Time) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let since = now.unix().saturating_sub(DAY);
    for line in text.lines() {
        let is_ours = OURS.iter().any(|name| line.contains(name));
        let is_recent = time_of(line).is_none_or(|time| time >= since);
        if !is_ours || !is_recent {
            continue;
        }
        let finding = if line.contains("avc:") && line.contains("denied") {
            selinux(line)
        } else if line.contains("apparmor=\"DENIED\"") {
            apparmor(line)
        } else {
            continue;
        };
        if findings.iter().all(|seen| {
            (seen.name, &seen.place, &seen.what) != (finding.name, &finding.place, &finding.what)
        }) {
            findings.push(finding);
        }
    }
    findings
}

fn selinux(line: &str) -> Finding {
    let asked = line
        .split_once('{')
        .and_then(|(_, after)| after.split_once('}'))
        .map_or("?", |(asked, _)| asked.trim());
    let of = value(line, "path=")
        .or_else(|| value(line, "name="))
        .unwrap_or("?");
    Finding::new(
        "denied-by-selinux",
        Severity::LockOut,
        value(line, "comm=").unwrap_or("?"),
        format!("SELinux denied it to {asked} {of}"),
        DENIED,
    )
    .mend("give the files the labels that the policy has for them; if it has none, see what audit2why makes of: ausearch -m avc -ts today")
    .run("restorecon -RFv /etc/nightlatch /var/lib/nightlatch")
}

fn apparmor(line: &str) -> Finding {
    let profile = value(line, "profile=").unwrap_or("?");
    let name = value(line, "name=").unwrap_or("?");
    let mask = value(line, "denied_mask=").unwrap_or("?");
    let file = profile.trim_start_matches('/').replace('/', ".");
    let local = format!("/etc/apparmor.d/local/{file}");
    Finding::new(
        "denied-by-apparmor",
        Severity::LockOut,
        profile,
        format!("AppArmor denied it {mask} on {name}"),
        DENIED,
    )
    .mend("allow the profile what the module needs, and load it again:")
    .run(format!(
        "printf '%s\\n' '/etc/nightlatch/** r,' '/var/lib/nightlatch/{{,**}} rwk,' >> {}",
        quoted(&local)
    ))
    .run(format!(
        "apparmor_parser -r {}",
        quoted(&format!("/etc/apparmor.d/{file}"))
    ))
}

/// The value behind a key, quoted or not.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let spaced = format!(" {key}");
    let (_, after) = line.split_once(spaced.as_str())?;
    match after.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => after.split(' ').next(),
    }
}

/// When the kernel says that it was: `audit(1732474000.123:45)`, in seconds since 1970.
fn time_of(line: &str) -> Option<u64> {
    let (_, after) = line.split_once("audit(")?;
    after.split(['.', ':']).next()?.parse().ok()
}

/// The end of a log; nothing where it cannot be read.
fn tail(path: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LONGEST)))?;
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// What the journal has of it; nothing where there is none.
fn journal() -> String {
    let is_there = ["/run/log/journal", "/var/log/journal"]
        .iter()
        .any(|dir| Path::new(dir).exists());
    if !is_there {
        return String::new();
    }
    let output = of_the_host("journalctl")
        .args([
            "--quiet",
            "--no-pager",
            "--output=cat",
            "--since=-1d",
            "--lines=500",
        ])
        .args(["--case-sensitive=no", "--grep=denied.*nightlatch"])
        // Who wrote a line the journal knows by itself; the line cannot say it.
        .args(FROM_THE_KERNEL)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

const LOGS: [&str; 2] = ["/var/log/audit/audit.log", "/var/log/kern.log"];
const FROM_THE_KERNEL: [&str; 3] = ["_TRANSPORT=kernel", "+", "_TRANSPORT=audit"];
/// What is ours in a line: SELinux names a file without its directory.
const OURS: [&str; 3] = [
    "nightlatch",
    "name=\"enrollment.toml\"",
    "name=\"store.toml\"",
];
const DENIED: &str = "what the module cannot read or write refuses everybody whom it asks";
/// In bytes.
const LONGEST: u64 = 1024 * 1024;
/// In seconds.
const DAY: u64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    const AVC: &str = "type=AVC msg=audit(1732474000.123:45): avc:  denied  { write } for  pid=7 comm=\"sshd\" \
                       path=\"/var/lib/nightlatch/users/alice/state.1\" dev=\"vda1\" ino=5 \
                       scontext=system_u:system_r:sshd_t:s0 tcontext=system_u:object_r:var_lib_t:s0 tclass=file permissive=0";
    const APPARMOR: &str = "kernel: audit: type=1400 audit(1732474000.200:46): apparmor=\"DENIED\" operation=\"open\" \
                            profile=\"/usr/sbin/sshd\" name=\"/etc/nightlatch/nightlatch.toml\" pid=8 comm=\"sshd\" \
                            requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=0";

    #[test]
    fn denials_of_the_last_day_are_found_once_each() {
        let text = format!("{AVC}\n{APPARMOR}\n{AVC}\nsome other line about nightlatch\n");
        let found = find(&text, Time::from_unix(1_732_474_100));
        let seen: Vec<_> = found
            .iter()
            .map(|one| (one.name, one.place.as_str(), one.what.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (
                    "denied-by-selinux",
                    "sshd",
                    "SELinux denied it to write /var/lib/nightlatch/users/alice/state.1"
                ),
                (
                    "denied-by-apparmor",
                    "/usr/sbin/sshd",
                    "AppArmor denied it r on /etc/nightlatch/nightlatch.toml"
                ),
            ]
        );
        assert!(found[1].commands[1].ends_with("/etc/apparmor.d/usr.sbin.sshd"));
    }

    #[test]
    fn what_is_old_or_of_others_is_left_out() {
        assert!(find(AVC, Time::from_unix(1_732_474_000 + 2 * DAY)).is_empty());
        let other = AVC.replace("nightlatch", "mysql");
        assert!(find(&other, Time::from_unix(1_732_474_100)).is_empty());
    }
}
