//! What arrived at `/dev/log`: every line that sshd, sudo, the module and the command logged in this sandbox.
//!
//! Whoever logs does not wait for the line to be read. So before anything is said about what is *not* in the log, a line of our
//! own goes the same way, and when it has come, all before it have.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The log of a sandbox, from the beginning or from some moment on.
#[derive(Debug)]
pub struct Log {
    kept: Arc<Kept>,
    from: usize,
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
                sink.lock().push(line);
                sink.grown.notify_all();
            }
        });
        Self { kept, from: 0 }
    }

    /// The log from now on: what was logged before is not in it.
    #[must_use]
    pub fn from_now(&self) -> Self {
        self.catch_up();
        Self {
            kept: Arc::clone(&self.kept),
            from: self.kept.lock().len(),
        }
    }

    /// All lines that were logged until now.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.catch_up();
        let lines = self.kept.lock();
        let mine = lines[self.from..].iter();
        mine.filter(|line| !line.is_ours()).cloned().collect()
    }

    /// The lines that were logged until now and hold `part`.
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
        let mut lines = self.kept.lock();
        loop {
            let found = lines[self.from..]
                .iter()
                .find(|line| parts.iter().all(|part| line.text.contains(part)));
            if let Some(line) = found {
                return line.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let all: Vec<_> = lines[self.from..]
                    .iter()
                    .map(|line| line.text.as_str())
                    .collect();
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

    /// The lines of the module and the command that were logged until now, each of which is asserted to be one line of printable
    /// ASCII, of bounded length, and to parse by docs/events.md.
    pub fn events(&self) -> Vec<Fields> {
        let lines = self.with("event=");
        lines.iter().map(Line::fields).collect()
    }

    /// Asserts that no line that was logged until now holds `part`: a secret, say.
    pub fn never_says(&self, part: &str) {
        let found = self.with(part);
        assert!(found.is_empty(), "the log holds {part:?}: {found:?}");
    }

    /// Waits until everything that was logged before has arrived.
    fn catch_up(&self) {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let last = format!("{OURS}{}.", NUMBER.fetch_add(1, Ordering::Relaxed));
        UnixDatagram::unbound()
            .and_then(|socket| socket.send_to(last.as_bytes(), "/dev/log"))
            .expect("the log of the sandbox is served");
        self.says(&[&last]);
    }
}

/// The keys and values of a line, as somebody reads them who knows docs/events.md and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The value of a key, which is there at most once.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(name, _)| name == key);
        let value = values.next().map(|(_, value)| value.as_str());
        assert_eq!(values.next(), None, "{key} twice: {self:?}");
        value
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// What the module or the command says in it: see [`Log::events`].
    #[must_use]
    pub fn fields(&self) -> Fields {
        let text = &self.text;
        let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        assert!(is_printable, "more than one line of text: {text:?}");
        assert!(text.len() < LONGEST_LINE, "{} bytes: {text}", text.len());
        // `su[12]: pam_nightlatch(su:auth): `, or `nightlatch[12]: `. A name before it is not one that could be forged.
        let (before, _) = text.split_once("event=").expect("an event");
        assert!(
            before.ends_with(": ") && !before.contains(['"', '=']),
            "{text}"
        );
        let mut fields = Vec::new();
        let mut rest = &text[before.len()..];
        while !rest.is_empty() {
            let (key, after) = rest.split_once('=').expect("a key");
            let is_key = key.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
            assert!(is_key && !key.is_empty(), "the key {key:?} in {text}");
            let (value, after) = if let Some(quoted) = after.strip_prefix('"') {
                unquoted(quoted)
            } else {
                let end = after.find(' ').unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            };
            fields.push((key.to_owned(), value));
            let is_last = after.is_empty();
            assert!(is_last || after.starts_with(' '), "behind a value: {text}");
            rest = after.strip_prefix(' ').unwrap_or(after);
        }
        Fields(fields)
    }

    /// Whether nobody but the log itself said this.
    fn is_ours(&self) -> bool {
        self.text.starts_with(OURS)
    }

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

/// The text up to the closing quote with its escapes undone, and what comes after it.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next().expect("a closing quote") {
            '"' => return (value, rest.as_str()),
            '\\' => match rest.next().expect("an escape") {
                c @ ('"' | '\\') => value.push(c),
                'u' => {
                    let escape = rest.as_str().strip_prefix('{');
                    let (code, after) = escape.and_then(|it| it.split_once('}')).expect("\\u{…}");
                    let code = u32::from_str_radix(code, 16).expect("hexadecimal digits");
                    value.push(char::from_u32(code).expect("a character"));
                    rest = after.chars();
                }
                c => panic!("\\{c} is no escape of docs/events.md"),
            },
            c => value.push(c),
        }
    }
}

/// No line is as long, in bytes: three names of 256 characters and a text of 2048, each of which takes ten bytes at most.
const LONGEST_LINE: usize = 30 * 1024;

/// How the lines begin that go through the log only to see that those before them have arrived.
const OURS: &str = "(the log of the sandbox has come to line ";

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn the_fields_of_a_line_are_read_as_they_are_documented() {
        let line = Line::parse(
            r#"<86>Nov 24 02:30:00 su[12]: pam_nightlatch(su:auth): event=rejected user="a\\\"b=\u{202e} c" locked_for=30"#,
        );
        let fields = line.fields();
        assert_eq!(fields.value("event"), Some("rejected"));
        assert_eq!(fields.value("user"), Some("a\\\"b=\u{202e} c"));
        assert_eq!(fields.value("locked_for"), Some("30"));
        assert_eq!(fields.value("rhost"), None);
    }

    #[test]
    fn a_datagram_of_glibc_is_split_into_priority_and_text() {
        let line = Line::parse("<86>Nov 24 02:30:00 sshd[12]: event=accepted");
        assert_eq!(line.priority, 86);
        assert_eq!(line.text, "sshd[12]: event=accepted");
    }
}
