//! The system calls that a program makes on the store, found by tracing it; and `strace` told to kill the program at one of
//! them, to stop it there, or to let that one fail.
//!
//! A call is known by its name and by how many of that name the program made before it. So the runs must be alike: the same
//! program with the same arguments on a record in the same condition. That it was such a call that was hit is seen in the
//! trace of each run.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::person::STORE;
use crate::process::Pid;
use crate::sandbox::scratch;

/// One system call of a program on the store, or on a directory on the way there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    name: String,
    /// Which of this name it is, from 1.
    number: usize,
    /// As it was traced.
    line: String,
}

/// Which calls fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// This one.
    Once,
    /// This one, and every call of its name from then on.
    FromThenOn,
}

impl Call {
    /// Every call on the store that a program makes which `run` runs below the words it is given.
    pub fn traced(run: impl FnOnce(&[&str])) -> Vec<Self> {
        let trace = trace_file();
        run(&below(&[], &trace));
        let text = read(&trace);
        let mut numbers = BTreeMap::new();
        let mut calls = Vec::new();
        for line in text.lines() {
            let Some((name, _)) = line.split_once('(') else {
                continue;
            };
            let number: &mut usize = numbers.entry(name).or_default();
            *number += 1;
            if is_on_the_store(line) {
                calls.push(Self {
                    name: name.to_owned(),
                    number: *number,
                    line: line.to_owned(),
                });
            }
        }
        assert!(!calls.is_empty(), "no call on the store:\n{text}");
        calls
    }

    /// Lets `run` run the program once more, killed just before this call is made.
    pub fn killing(&self, run: impl FnOnce(&[&str])) {
        let text = self.hitting("signal=SIGKILL", &self.number.to_string(), run);
        assert!(
            text.contains("+++ killed by SIGKILL +++"),
            "{self:?}:\n{text}"
        );
    }

    /// Lets `run` run the program once more with this call failing: `error` is the name of an `errno`.
    pub fn failing(&self, error: &str, which: Failing, run: impl FnOnce(&[&str])) {
        let when = match which {
            Failing::Once => self.number.to_string(),
            Failing::FromThenOn => format!("{}+", self.number),
        };
        self.hitting(&format!("error={error}"), &when, run);
    }

    /// Lets `run` run the program once more, stopped for good when it has made this call, as if frozen: whatever it holds, it goes on holding.
    /// After `meanwhile` it moves again, and what came of it comes back.
    pub fn stopping<T: Send>(
        &self,
        run: impl FnOnce(&[&str]) -> T + Send,
        meanwhile: impl FnOnce(),
    ) -> T {
        let trace = trace_file();
        let (tracing, inject) = (
            format!("trace={}", self.name),
            format!("inject={}:signal=SIGSTOP:when={}", self.name, self.number),
        );
        let wrapper = below(&["-e", &tracing, "-e", &inject], &trace);
        thread::scope(|scope| {
            let running = scope.spawn(|| run(&wrapper));
            let until = Instant::now() + PATIENCE;
            while !fs::read_to_string(&trace).is_ok_and(|text| text.contains(STOPPED)) {
                assert!(
                    Instant::now() < until && !running.is_finished(),
                    "{self:?} was not made again"
                );
                thread::sleep(Duration::from_millis(2));
            }
            // Whatever fails in there, the program moves again, or its run would never end.
            let outcome = panic::catch_unwind(AssertUnwindSafe(meanwhile));
            Pid::of_the_child_of(&trace).signal("CONT");
            let came = running.join().expect("what runs it does not panic");
            outcome.unwrap_or_else(|panic| panic::resume_unwind(panic));
            came
        })
    }

    /// Whether it gets or frees a lock.
    #[must_use]
    pub fn locks(&self) -> bool {
        self.name == "flock"
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a program that made these calls made it too: as many of its name.
    #[must_use]
    pub fn is_among(&self, calls: &[Self]) -> bool {
        calls
            .iter()
            .any(|call| (&call.name, call.number) == (&self.name, self.number))
    }

    /// Whether it changes what is on the disk, or makes sure that it is there.
    #[must_use]
    pub fn changes(&self) -> bool {
        let name = self.name.as_str();
        CHANGING.contains(&name) || (name == "openat" && self.line.contains("O_CREAT"))
    }

    fn hitting(&self, how: &str, when: &str, run: impl FnOnce(&[&str])) -> String {
        let trace = trace_file();
        let (tracing, inject) = (
            format!("trace={}", self.name),
            format!("inject={}:{how}:when={when}", self.name),
        );
        run(&below(&["-e", &tracing, "-e", &inject], &trace));
        let text = read(&trace);
        let hit = text
            .lines()
            .filter(|line| line.starts_with(&format!("{}(", self.name)))
            .nth(self.number - 1)
            .unwrap_or_else(|| panic!("{self:?} was not made again:\n{text}"));
        assert!(
            is_on_the_store(hit),
            "{self:?} is not what was hit, {hit}:\n{text}"
        );
        text
    }
}

/// With `-y`, every descriptor shows its path.
fn is_on_the_store(line: &str) -> bool {
    let arguments = line.rsplit_once(") = ").map_or(line, |(call, _)| call);
    let on_the_way = ["</>", "</var>", "</var/lib>", ", \"/\", "];
    arguments.contains(STORE) || on_the_way.iter().any(|part| arguments.contains(part))
}

fn below<'a>(more: &[&'a str], trace: &'a str) -> Vec<&'a str> {
    [&["strace", "-q", "-y", "-o", trace], more].concat()
}

fn trace_file() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path: PathBuf = scratch().join(format!("calls-{number}"));
    path.to_str().expect("our own path").to_owned()
}

fn read(trace: &str) -> String {
    let text = fs::read(trace).expect("`strace` does not run: install strace");
    String::from_utf8_lossy(&text).into_owned()
}

const STOPPED: &str = "--- stopped by SIGSTOP ---";
const PATIENCE: Duration = Duration::from_secs(20);

const CHANGING: [&str; 12] = [
    "write",
    "pwrite64",
    "ftruncate",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdirat",
    "fchmod",
];
