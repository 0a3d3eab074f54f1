//! Findings about the clock: whether something keeps it right, and whether it is plainly wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::UNIX_EPOCH;

use nightlatch_core::time::Time;

use super::finding::{Finding, Severity};
use crate::programs::of_the_host;

/// Everything to be said of the clock. `files` were there before now.
pub fn examine(now: Time, files: &[PathBuf]) -> Vec<Finding> {
    let mut findings: Vec<_> = behind(now, files).into_iter().collect();
    findings.extend(not_kept());
    findings
}

/// A clock that shows a time before something that already is.
fn behind(now: Time, files: &[PathBuf]) -> Option<Finding> {
    let newest = files
        .iter()
        .filter_map(|path| {
            let changed = fs::metadata(path).ok()?.modified().ok()?;
            let seconds = changed.duration_since(UNIX_EPOCH).ok()?.as_secs();
            Some((seconds, path))
        })
        .max()?;
    let (changed, path) = newest;
    let ahead = changed.checked_sub(now.unix())?;
    (ahead > DAY).then(|| {
        Finding::new(
            "clock-behind",
            Severity::LockOut,
            "clock",
            format!(
                "it shows a time {} days before {} was changed",
                ahead / DAY,
                path.display()
            ),
            "right codes are refused, for they belong to another time; and old ones might be taken",
        )
        .mend("set it right, and let a service keep it: chronyd or systemd-timesyncd")
        .run("timedatectl set-ntp true")
    })
}

/// A clock that nothing keeps right.
fn not_kept() -> Option<Finding> {
    let is_container = [
        "/run/systemd/container",
        "/run/.containerenv",
        "/.dockerenv",
    ]
    .iter()
    .any(|path| Path::new(path).exists());
    if is_container {
        // Its clock is that of its host, which nobody in it can set.
        return None;
    }
    let what = match keeper() {
        None => "no service that keeps it right is running (chronyd, systemd-timesyncd, ntpd)"
            .to_owned(),
        Some(Keeper::Chrony) => chrony(&output("chronyc", &["-n", "-c", "tracking"])?)?,
        Some(Keeper::Timesyncd) => {
            if Path::new("/run/systemd/timesync/synchronized").exists() {
                return None;
            }
            "systemd-timesyncd runs, and has not reached a server yet".to_owned()
        }
        Some(Keeper::Ntpd) => ntpd(&output("ntpq", &["-c", "rv 0 leap"])?)?,
        Some(Keeper::Other) => return None,
    };
    Some(
        Finding::new(
            "clock-not-kept",
            Severity::Weakness,
            "clock",
            what,
            "a clock that drifts by more than half a minute refuses right codes",
        )
        .mend("let a service keep it, and let that reach its servers:")
        .run("timedatectl set-ntp true"),
    )
}

#[derive(Clone, Copy)]
enum Keeper {
    Chrony,
    Timesyncd,
    Ntpd,
    Other,
}

fn keeper() -> Option<Keeper> {
    let processes = fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|entry| {
        let is_process = entry
            .file_name()
            .to_string_lossy()
            .bytes()
            .all(|byte| byte.is_ascii_digit());
        let name = is_process
            .then(|| fs::read_to_string(entry.path().join("comm")).ok())
            .flatten()?;
        // The kernel keeps fifteen bytes of a name.
        match name.trim_end() {
            "chronyd" => Some(Keeper::Chrony),
            "systemd-timesyn" => Some(Keeper::Timesyncd),
            "ntpd" => Some(Keeper::Ntpd),
            "ptp4l" | "phc2sys" | "openntpd" | "VBoxService" | "vmtoolsd" => Some(Keeper::Other),
            _ => None,
        }
    })
}

/// What is wrong by `chronyc -c tracking`: the fifth field is how far the clock is off, in seconds, the last one the state.
fn chrony(tracking: &str) -> Option<String> {
    let fields: Vec<_> = tracking.trim().split(',').collect();
    if fields.last() == Some(&"Not synchronised") {
        return Some("chronyd runs, and is not synchronised".to_owned());
    }
    let off: f64 = fields.get(4)?.parse().ok()?;
    (off.abs() > MOST_OFF)
        .then(|| format!("chronyd says that it is off by {:.0} seconds", off.abs()))
}

/// What is wrong by `ntpq -c "rv 0 leap"`: 11 stands for a clock that is not synchronised.
fn ntpd(leap: &str) -> Option<String> {
    (leap.contains("leap=11") || leap.contains("leap=alarm"))
        .then(|| "ntpd runs, and is not synchronised".to_owned())
}

/// What a program says; none where it does not run.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = of_the_host(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// In seconds.
const DAY: u64 = 24 * 60 * 60;
/// In seconds: less than the shortest step of a token.
const MOST_OFF: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_chrony_and_ntpd_say_is_understood() {
        let well = "A29FC801,162.159.200.1,4,1732474000.1,0.000012,0.00001,0.00002,-3.1,0.0,0.1,0.02,0.001,64.2,Normal\n";
        assert_eq!(chrony(well), None);
        let off = well.replace("0.000012", "-75.4");
        assert!(chrony(&off).unwrap().contains("75 seconds"));
        let alone = well.replace("Normal", "Not synchronised");
        assert!(chrony(&alone).is_some());
        assert_eq!(chrony(""), None);
        assert!(ntpd("leap=11").is_some());
        assert_eq!(ntpd("leap=00"), None);
    }

    #[test]
    fn a_clock_before_a_file_is_behind() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let files = [file.path().to_owned()];
        let written = fs::metadata(file.path()).unwrap().modified().unwrap();
        let written = written.duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(behind(Time::from_unix(written), &files).is_none());
        assert!(behind(Time::from_unix(written - DAY), &files).is_none());
        let found = behind(Time::from_unix(written - 3 * DAY), &files).unwrap();
        assert!(found.what.contains("3 days"), "{}", found.what);
    }
}
