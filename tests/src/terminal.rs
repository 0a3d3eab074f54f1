//! A program on a pseudo-terminal, as a person sits before it: text appears, something is typed, the program ends.
//!
//! The terminal is a plain one (echo on, canonical) of a given size, and the program leads a session of its own on it
//! (`setsid --ctty`), so that `ssh` finds its `/dev/tty` and Ctrl-C reaches whom it should. Expecting is waiting for a reader
//! thread, not polling: with two cores, a busy loop here is what makes everything else late.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::termios::{Termios, tcgetattr};

use crate::screen::Screen;

/// A running program and what it has shown so far.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: File,
    shown: Arc<Shown>,
    /// What lies before this offset was already waited for.
    seen: usize,
    size: (u16, u16),
    settings: Termios,
}

#[derive(Debug, Default)]
struct Shown {
    bytes: Mutex<(Vec<u8>, bool)>,
    grown: Condvar,
}

impl Terminal {
    /// Starts `program` on a terminal of 100 columns and 60 rows.
    pub fn run<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: &[A]) -> Self {
        Self::sized(100, 60, program, arguments, &[])
    }

    /// Starts `program` on a terminal of that size, with these variables added to its environment.
    pub fn sized<A: AsRef<OsStr>>(
        columns: u16,
        rows: u16,
        program: impl AsRef<OsStr>,
        arguments: &[A],
        environment: &[(&str, &str)],
    ) -> Self {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).expect("a pseudo-terminal");
        let stream = || Stdio::from(pty.slave.try_clone().expect("a descriptor"));
        let settings = tcgetattr(&pty.master).expect("a terminal has settings");
        let child = Command::new("setsid")
            .args(["--ctty", "--"])
            .arg(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .expect("`setsid` does not run: install util-linux");
        drop(pty.slave);

        let shown = Arc::new(Shown::default());
        let sink = Arc::clone(&shown);
        let keyboard = File::from(pty.master);
        let mut display = keyboard.try_clone().expect("a descriptor");
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                // A terminal that nobody holds any more reads as EIO.
                let length = display.read(&mut buffer).unwrap_or(0);
                let mut bytes = sink.bytes.lock().unwrap_or_else(PoisonError::into_inner);
                bytes.0.extend_from_slice(&buffer[..length]);
                bytes.1 = length == 0;
                drop(bytes);
                sink.grown.notify_all();
                if length == 0 {
                    break;
                }
            }
        });
        Self {
            child,
            keyboard,
            shown,
            seen: 0,
            size: (columns, rows),
            settings,
        }
    }

    /// Waits until `text` is shown, after what was waited for before, and gives what was shown up to its end.
    pub fn expect(&mut self, text: &str) -> String {
        self.expect_one_of(&[text]).1
    }

    /// Waits for the first of `texts` to be shown; gives which one, and what was shown up to its end.
    pub fn expect_one_of(&mut self, texts: &[&str]) -> (usize, String) {
        let found = self.wait(Instant::now() + PATIENCE, |new| {
            texts
                .iter()
                .enumerate()
                .filter_map(|(index, text)| find(new, text.as_bytes()).map(|end| (end, index)))
                .min()
        });
        let Some((end, index)) = found else {
            panic!(
                "the terminal never showed any of {texts:?}; it showed:\n{}",
                self.transcript()
            );
        };
        let new = self.bytes()[self.seen..self.seen + end].to_vec();
        self.seen += end;
        (index, String::from_utf8_lossy(&new).into_owned())
    }

    /// Types Ctrl-C until `text` is shown. More than once, since a program that has just shown its question (sudo for one) may
    /// be interrupted before it begins to read, and then read on.
    pub fn interrupt_until(&mut self, text: &str) {
        let gives_up = Instant::now() + PATIENCE;
        while Instant::now() < gives_up {
            self.type_keys("\x03");
            let until = Instant::now() + Duration::from_secs(1);
            if let Some(end) = self.wait(until, |new| find(new, text.as_bytes())) {
                self.seen += end;
                return;
            }
        }
        panic!(
            "Ctrl-C never led to {text:?}; the terminal showed:\n{}",
            self.transcript()
        );
    }

    /// Types `text` and Enter.
    pub fn type_line(&mut self, text: &str) -> &mut Self {
        self.type_keys(&format!("{text}\r"))
    }

    /// Types `keys` as they are: `"\x03"` is Ctrl-C.
    pub fn type_keys(&mut self, keys: &str) -> &mut Self {
        // A program that has gone does not read; what it showed says more than the error would.
        let _ = self.keyboard.write_all(keys.as_bytes());
        self
    }

    /// Waits for the program to end.
    pub fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                // What it said last may still be on its way.
                self.wait(Instant::now() + PATIENCE, |_| None::<()>);
                return status;
            }
            assert!(
                Instant::now() < until,
                "the program does not end; it showed:\n{}",
                self.transcript()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// All that was shown so far, control characters and all.
    #[must_use]
    pub fn transcript(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// What a person sees now.
    #[must_use]
    pub fn screen(&self) -> Screen {
        Screen::showing(&self.bytes(), self.size)
    }

    /// Asserts that the program left the terminal as it found it.
    pub fn is_left_sane(&self) {
        assert_eq!(
            self.settings_now(),
            self.settings,
            "the terminal was not put back as it was"
        );
        assert!(
            !self.screen().cursor_is_hidden(),
            "the cursor was left hidden"
        );
    }

    fn settings_now(&self) -> Termios {
        tcgetattr(&self.keyboard).expect("a terminal has settings")
    }

    fn bytes(&self) -> Vec<u8> {
        self.shown
            .bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .clone()
    }

    /// Waits until `found` sees something in what is new, the program has closed the terminal, or the time has come.
    fn wait<T>(&self, until: Instant, found: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let mut bytes = self
            .shown
            .bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(it) = found(&bytes.0[self.seen..]) {
                return Some(it);
            }
            let left = until.saturating_duration_since(Instant::now());
            if bytes.1 || left.is_zero() {
                return None;
            }
            bytes = self
                .shown
                .grown
                .wait_timeout(bytes, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `needle` ends in `haystack`.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
        .map(|start| start + needle.len())
}

/// Nothing that a person waits for here takes as long.
const PATIENCE: Duration = Duration::from_secs(20);
