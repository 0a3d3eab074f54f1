//! Findings about the store: whether it is there and can be written, what it lies on, and what keeps a record from being used.

use std::path::Path;
use std::process::Stdio;

use nightlatch_core::account::UserName;
use nightlatch_core::config::Config;
use nightlatch_core::state::Closed;
use nightlatch_core::store::{Store, StoreError};
use nightlatch_core::time::Time;
use nix::sys::statfs::statfs;
use nix::sys::statvfs::{FsFlags, statvfs};

use super::finding::{Finding, Severity, command_in, quoted};
use crate::accounts::Accounts;
use crate::person::Person;
use crate::programs::of_the_host;
use crate::screen::shown;
use crate::summary::Summary;

/// Everything to be said of the store and what is in it.
pub fn examine(config: &Config, store: &dyn Store, now: Time) -> Vec<Finding> {
    let dir = config.store.dir.as_path();
    let users = match store.users() {
        Ok(users) => users,
        Err(error) => return vec![unusable(dir, &error)],
    };
    let accounts = Accounts::of_this_host();
    let mut findings = ground(dir);
    for user in users {
        findings.extend(of_record(config, store, &accounts, &user, now));
    }
    findings
}

fn unusable(dir: &Path, error: &StoreError) -> Finding {
    let shown = dir.display().to_string();
    let text = error.to_string();
    let why = "without its store the module refuses everybody whom it asks";
    if matches!(error, StoreError::NotAStore(_)) {
        return Finding::new(
            "store-missing",
            Severity::LockOut,
            shown,
            "there is no store",
            why,
        )
        .mend(
            "if its file system is not mounted, mount it, and stop here. On a new host, the first enrollment makes it, or this does:",
        )
        .run("nightlatch invite root")
        .run("nightlatch invite root --cancel");
    }
    Finding::new(
        "store-unusable",
        Severity::LockOut,
        shown,
        text.clone(),
        why,
    )
    .mend("what it says, after a look at who changed it:")
    .run_all(command_in(&text))
}

/// What the store lies on.
fn ground(dir: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let place = dir.display().to_string();
    if let Ok(space) = statvfs(dir) {
        if space.flags().contains(FsFlags::ST_RDONLY) {
            findings.push(
                Finding::new(
                    "store-read-only",
                    Severity::LockOut,
                    place.clone(),
                    "its file system is mounted read-only",
                    "a login that cannot be recorded is refused, right code or not",
                )
                .mend(
                    "see in the kernel's log why (a disk that fails?), then mount it for writing:",
                )
                .run(remount(&quoted(&mount_of(dir)))),
            );
        } else if space.blocks_available() == 0
            || (space.files() > 0 && space.files_available() == 0)
        {
            findings.push(
                Finding::new(
                    "store-full",
                    Severity::Weakness,
                    place.clone(),
                    "its file system has no room left",
                    "logins go on, for they overwrite in place, but nobody can be enrolled",
                )
                .mend(format!("make room on it: df -h {}", quoted(&place))),
            );
        }
    }
    if let Some(what) = statfs(dir)
        .ok()
        .and_then(|found| bad_ground(dir, found.filesystem_type().0))
    {
        findings.push(
            Finding::new(
                "store-on-unsafe-ground",
                Severity::Weakness,
                place,
                what,
                "a code may open twice, or a full disk keep everybody out, where what was written is not there after a crash",
            )
            .mend("move the store to a local ext4 or XFS (docs/upkeep.md), or on btrfs: chattr +C on its directories before it is made"),
        );
    }
    findings
}

/// Of a file system that is read-only, or of one place where it is shown so.
fn remount(place: &str) -> String {
    format!("mount -o remount,bind,rw {place} && touch -c {place} || mount -o remount,rw {place}")
}

fn bad_ground(dir: &Path, kind: i64) -> Option<&'static str> {
    match kind {
        0x6969 | 0xff53_4d42 | 0xfe53_4d42 => Some("it lies on a network's file system"),
        0x2fc1_2fc1 => Some("it lies on ZFS, which does not overwrite in place"),
        0x0102_1994 | 0x8584_58f6 => {
            Some("it lies in memory: nothing of it is left after a reboot")
        }
        0x9123_683e if !overwrites(dir) => {
            Some("it lies on btrfs without `chattr +C`, which does not overwrite in place")
        }
        _ => None,
    }
}

/// Whether btrfs was told to overwrite in place.
fn overwrites(dir: &Path) -> bool {
    let listed = of_the_host("lsattr")
        .arg("-d")
        .arg(dir.join("users"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    listed.is_ok_and(|listed| {
        let text = String::from_utf8_lossy(&listed.stdout);
        let flags = text.split_whitespace().next().unwrap_or_default();
        flags.contains('C')
    })
}

/// Where the file system that a directory is on is mounted.
fn mount_of(dir: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    let own = points.filter(|point| dir.starts_with(point));
    own.max_by_key(|point| point.len())
        .unwrap_or("/")
        .to_owned()
}

fn of_record(
    config: &Config,
    store: &dyn Store,
    accounts: &Accounts,
    user: &UserName,
    now: Time,
) -> Vec<Finding> {
    let name = shown(user.as_str());
    let record = match store.look(user) {
        Ok(record) => record,
        Err(error) => {
            let text = error.to_string();
            let finding = Finding::new(
                "record-unusable",
                Severity::LockOut,
                name,
                text.clone(),
                "this person is refused, right code or not",
            );
            return vec![
                finding
                    .mend("what it says, after a look at who changed it:")
                    .run_all(command_in(&text)),
            ];
        }
    };
    // What the name service does not know now is said elsewhere.
    let Ok(uid) = accounts.uid_of(user) else {
        return Vec::new();
    };
    let person = Person {
        name: user.clone(),
        uid,
    };
    let summary = Summary::of(&person, &record, &config.rules(), now);
    let mut findings = Vec::new();
    for problem in &summary.problems {
        // Whom an administrator locked is outside on purpose.
        if record.state.closed == Closed::Yes && problem.starts_with("locked by an administrator") {
            findings.push(
                Finding::new(
                    "locked-by-an-administrator",
                    Severity::Note,
                    name.clone(),
                    "an administrator locked this person",
                    "nothing of theirs opens until they are unlocked",
                )
                .mend("if it is meant, leave it; else:")
                .run(format!("nightlatch unlock {}", quoted(user.as_str()))),
            );
            continue;
        }
        let has_account = uid.is_some();
        findings.push(
            Finding::new(
                if has_account {
                    "record-problem"
                } else {
                    "record-of-nobody"
                },
                if has_account {
                    Severity::LockOut
                } else {
                    Severity::Weakness
                },
                name.clone(),
                problem.clone(),
                if has_account {
                    "something of this person's does not open as it should"
                } else {
                    "whoever gets this name next finds somebody else's record"
                },
            )
            .mend("what it says:")
            .run_all(command_in(problem)),
        );
    }
    let used_up = summary
        .backup_codes
        .as_ref()
        .is_some_and(|codes| codes.left == 0);
    if used_up && summary.tokens.len() == 1 {
        findings.push(
            Finding::new(
                "no-backup-code-left",
                Severity::Note,
                name.clone(),
                "no backup code is left, and there is one token only",
                "if the phone is lost, this person needs an administrator",
            )
            .mend("make new ones:")
            .run(format!("nightlatch codes {}", quoted(user.as_str()))),
        );
    }
    findings
}
