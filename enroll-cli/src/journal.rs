//! The system log, facility authpriv: one line an event, one connection a line (the log may have been restarted).

use std::io::{self, Write as _};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process;
use std::time::Duration;

use nightlatch_core::audit::{Audit, Event, Severity};
use nix::errno::Errno;

/// The system log.
pub struct Journal;

impl Audit for Journal {
    /// Logs an event. Where that fails, standard error gets the line: what happened has happened.
    fn note(&self, event: &Event<'_>) {
        let line = event.render();
        if let Err(error) = send(Path::new(LOG), event.severity(), &line) {
            let _ = writeln!(
                io::stderr(),
                "nightlatch: the system log cannot be reached ({LOG}: {error}), so this was not logged: {line}"
            );
        }
    }
}

/// Sends a line as RFC 3164 has it, but for the time: the log has its own, and ours may be no time that its format can say.
fn send(to: &Path, severity: Severity, line: &str) -> io::Result<()> {
    let message = format!(
        "<{}>nightlatch[{}]: {line}",
        AUTHPRIV | priority(severity),
        process::id()
    );
    let log = UnixDatagram::unbound()?;
    // A log that takes nothing must not keep the command.
    log.set_write_timeout(Some(PATIENCE))?;
    match log.connect(to) {
        Ok(()) => log.send(message.as_bytes()).map(drop),
        Err(error) if error.raw_os_error() == Some(Errno::EPROTOTYPE as i32) => {
            let mut log = UnixStream::connect(to)?;
            log.set_write_timeout(Some(PATIENCE))?;
            // In a stream a NUL ends a message.
            log.write_all(format!("{message}\0").as_bytes())
        }
        Err(error) => Err(error),
    }
}

/// The severity's number in RFC 3164.
fn priority(severity: Severity) -> u8 {
    match severity {
        Severity::Error => 3,
        Severity::Warning => 4,
        Severity::Notice => 5,
        Severity::Info => 6,
        Severity::Debug => 7,
    }
}

/// The facility's number in RFC 3164, where severities are added to it.
const AUTHPRIV: u8 = 10 << 3;

const LOG: &str = "/dev/log";

const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::os::unix::net::UnixListener;

    /// A path below the machine's own folder for such, gone with the test.
    fn path(home: &tempfile::TempDir) -> std::path::PathBuf {
        home.path().join("log")
    }

    fn expected(text: &str) -> String {
        format!("<85>nightlatch[{}]: {text}", process::id())
    }

    #[test]
    fn a_line_goes_to_a_log_that_takes_datagrams() {
        let home = tempfile::tempdir().unwrap();
        let log = UnixDatagram::bind(path(&home)).unwrap();
        send(&path(&home), Severity::Notice, "event=locked").unwrap();
        let mut bytes = [0; 100];
        let length = log.recv(&mut bytes).unwrap();
        assert_eq!(bytes[..length], *expected("event=locked").as_bytes());
    }

    #[test]
    fn a_line_goes_to_a_log_that_takes_a_stream() {
        let home = tempfile::tempdir().unwrap();
        let log = UnixListener::bind(path(&home)).unwrap();
        send(&path(&home), Severity::Notice, "event=locked").unwrap();
        let mut text = String::new();
        log.accept().unwrap().0.read_to_string(&mut text).unwrap();
        assert_eq!(text, expected("event=locked\0"));
    }

    #[test]
    fn a_log_that_takes_nothing_is_an_error_after_a_while_and_one_that_is_not_there_at_once() {
        let home = tempfile::tempdir().unwrap();
        assert!(send(&path(&home), Severity::Error, "event=locked").is_err());
        // Nobody reads it, and it is full sooner or later.
        let _log = UnixDatagram::bind(path(&home)).unwrap();
        let line = "x".repeat(10_000);
        let full = (0..10_000).find_map(|_| send(&path(&home), Severity::Info, &line).err());
        assert_eq!(full.unwrap().kind(), io::ErrorKind::WouldBlock);
    }
}
