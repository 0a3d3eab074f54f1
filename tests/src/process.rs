//! A running host program as `/proc` shows it from outside: what it holds open, how it treats signals, who it is.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::wait::{WaitPidFlag, waitpid};

/// What a module could leave behind in a process. Two that went the same way are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Where the open descriptors lead to, in order; of sockets and pipes only that. Not their numbers: what the host itself
    /// opens and closes on its way does not come in the same order each time.
    pub descriptors: Vec<String>,
    /// The lines of `/proc/PID/status` that last: user ids, umask, threads, signals pending, blocked, ignored and caught.
    pub status: Vec<String>,
    /// The working directory.
    pub directory: PathBuf,
}

impl Process {
    /// The process with this command line (words with a space between them; `*` at its end stands for anything), once it has
    /// come to rest. Of several the first.
    #[must_use]
    pub fn running(command_line: &str) -> Self {
        let until = Instant::now() + PATIENCE;
        let mut rests = 0;
        let mut last = None;
        while rests < RESTS {
            assert!(
                Instant::now() < until,
                "no process {command_line:?} comes to rest: {last:#?}"
            );
            thread::sleep(Duration::from_millis(20));
            let now = find(command_line).and_then(Self::seen);
            rests = if now.is_some() && now == last {
                rests + 1
            } else {
                0
            };
            last = now;
        }
        last.expect("it was seen again and again")
    }

    /// The number of the process with this command line.
    #[must_use]
    pub fn pid_of(command_line: &str) -> u32 {
        find(command_line).unwrap_or_else(|| panic!("no process {command_line:?} is running"))
    }

    /// Whether there is such a process now.
    #[must_use]
    pub fn is_running(command_line: &str) -> bool {
        find(command_line).is_some()
    }

    /// `None` when it ended meanwhile.
    fn seen(pid: u32) -> Option<Self> {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let mut descriptors = Vec::new();
        for entry in fs::read_dir(proc.join("fd")).ok()? {
            let entry = entry.ok()?;
            let target = fs::read_link(entry.path()).ok()?;
            let target = target.to_string_lossy();
            let kind = target.split_once(":[").map_or(&*target, |(kind, _)| kind);
            descriptors.push(kind.to_owned());
        }
        descriptors.sort();
        let status = fs::read_to_string(proc.join("status")).ok()?;
        Some(Self {
            descriptors,
            status: status
                .lines()
                .filter(|line| LASTING.iter().any(|key| line.starts_with(key)))
                .map(str::to_owned)
                .collect(),
            directory: fs::read_link(proc.join("cwd")).ok()?,
        })
    }
}

/// The number of a running process.
#[derive(Debug, Clone, Copy)]
pub struct Pid(u32);

impl Pid {
    /// The program that runs below a wrapper (`strace`) which was given this word.
    ///
    /// # Panics
    ///
    /// Panics where there is none.
    #[must_use]
    pub fn of_the_child_of(word: &str) -> Self {
        let wrapper = all()
            .find(|pid| {
                let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                words
                    .split(|&byte| byte == 0)
                    .any(|one| one == word.as_bytes())
            })
            .unwrap_or_else(|| panic!("nothing runs with the word {word:?}"));
        let children = fs::read_to_string(format!("/proc/{wrapper}/task/{wrapper}/children"));
        let children = children.unwrap_or_default();
        let child = children.split_whitespace().next().map(str::parse);
        Self(
            child
                .expect("the wrapper runs something")
                .expect("a number"),
        )
    }

    /// Sends it a signal, as root.
    pub fn signal(self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.0.to_string()])
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "SIG{name} to {self:?}"
        );
    }
}

/// Lets go of what sshd left behind and has ended. Whom its parent did not wait for comes to process 1 of the sandbox, which is the
/// test; after thousands of log-ins the table of processes would be full.
pub(crate) fn bury_what_sshd_left() {
    let parent = format!("PPid:\t{}", std::process::id());
    for pid in all() {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let has = |line: &str| status.lines().any(|other| other.starts_with(line));
        if has("Name:\tsshd") && has("State:\tZ") && has(&parent) {
            let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
            // Whoever else waited for it was first.
            let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
        }
    }
}

fn all() -> impl Iterator<Item = u32> {
    let pids = fs::read_dir("/proc").expect("the sandbox has a /proc");
    pids.flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The smallest number of a process with this command line.
fn find(command_line: &str) -> Option<u32> {
    all()
        .filter(|pid| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            // Since OpenSSH 9.8 another program does what sshd did, under a name of its own.
            let words = words.replace("sshd-session: ", "sshd: ");
            match command_line.strip_suffix('*') {
                Some(beginning) => words.starts_with(beginning),
                None => words.trim_end() == command_line,
            }
        })
        .min()
}

/// The keys of `/proc/PID/status`.
const LASTING: [&str; 10] = [
    "Umask:", "Uid:", "Gid:", "Groups:", "Threads:", "SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:",
    "SigCgt:",
];

/// So many looks that show the same are rest.
const RESTS: u32 = 5;

const PATIENCE: Duration = Duration::from_secs(10);
