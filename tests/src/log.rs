//! What arrived at `/dev/log`: every line that sshd, sudo, the module and the command logged in this sandbox.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The log of a sandbox.
#[derive(Debug)]
pub struct Log {
    kept: Arc<Kept>,
}

/// One datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The facility and severity that the sender gave, as in RFC 5424: `facility * 8 + severity`.
    pub priority: u8,
    /// The line without priority and time: `sshd[12]: …`.
    pub text: String,
}

#[derive(Debug, Default)]
struct Kept {
    lines: Mutex<Vec<Line>>,
    grown: Condvar,
}

impl Log {
    /// Serves `/dev/log` from now on.
    pub(crate) fn open() -> Self {
        let socket = UnixDatagram::bind("/dev/log").expect("the private /dev has no log yet");
        fs::set_permissions("/dev/log", fs::Permissions::from_mode(0o666)).expect("ours");
        let kept = Arc::new(Kept::default());
        let sink = Arc::clone(&kept);
        thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(length) = socket.recv(&mut buffer) {
                let line = Line::parse(&String::from_utf8_lossy(&buffer[..length]));
                sink.lines
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
                sink.grown.notify_all();
            }
        });
        Self { kept }
    }

    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.kept
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The lines so far that hold `part`. A line that was logged before an answer was given may arrive a moment after it:
    /// what must be there is asked for with [`Log::says`].
    #[must_use]
    pub fn with(&self, part: &str) -> Vec<Line> {
        self.lines()
            .into_iter()
            .filter(|line| line.text.contains(part))
            .collect()
    }

    /// Asserts that a line with all of `parts` is in the log, or comes within two seconds.
    pub fn says(&self, parts: &[&str]) -> Line {
        let until = Instant::now() + Duration::from_secs(2);
        let mut lines = self
            .kept
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            let found = lines
                .iter()
                .find(|line| parts.iter().all(|part| line.text.contains(part)));
            if let Some(line) = found {
                return line.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let all: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
                panic!(
                    "no log line has all of {parts:?}; the log:\n{}",
                    all.join("\n")
                );
            }
            lines = self
                .kept
                .grown
                .wait_timeout(lines, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Asserts that no line so far holds `part`: a secret, say.
    pub fn never_says(&self, part: &str) {
        let found = self.with(part);
        assert!(found.is_empty(), "the log holds {part:?}: {found:?}");
    }
}

impl Line {
    /// `<86>Nov 24 02:30:00 sshd[12]: text`
    fn parse(datagram: &str) -> Self {
        let datagram = datagram.trim_end_matches(['\0', '\n']);
        let (priority, rest) = datagram
            .strip_prefix('<')
            .and_then(|rest| rest.split_once('>'))
            .unwrap_or(("0", datagram));
        // glibc's syslog writes "Mmm dd hh:mm:ss "; others write RFC 5424, which is left whole.
        let text = match rest.as_bytes().get(15) {
            Some(b' ') if rest.as_bytes().get(6) == Some(&b' ') => rest.get(16..).unwrap_or(rest),
            _ => rest,
        };
        Self {
            priority: priority.parse().unwrap_or(0),
            text: text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn a_datagram_of_glibc_is_split_into_priority_and_text() {
        let line = Line::parse("<86>Nov 24 02:30:00 sshd[12]: event=accepted");
        assert_eq!(line.priority, 86);
        assert_eq!(line.text, "sshd[12]: event=accepted");
    }
}
