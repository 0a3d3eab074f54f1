//! The system log, facility authpriv: one line an event, one connection a line (the log may have been restarted).

use std::io::{self, Write as _};
use std::os::unix::net::{UnixDatagram, UnixStream};
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
        if let Err(error) = send(event.severity(), &line) {
            let _ = writeln!(
                io::stderr(),
                "nightlatch: the system log cannot be reached ({LOG}: {error}), so this was not logged: {line}"
            );
        }
    }
}

/// Sends a line as RFC 3164 has it, but for the time: the log has its own, and ours may be no time that its format can say.
fn send(severity: Severity, line: &str) -> io::Result<()> {
    let message = format!(
        "<{}>nightlatch[{}]: {line}",
        AUTHPRIV | priority(severity),
        process::id()
    );
    let log = UnixDatagram::unbound()?;
    // A log that takes nothing must not keep the command.
    log.set_write_timeout(Some(PATIENCE))?;
    match log.connect(LOG) {
        Ok(()) => log.send(message.as_bytes()).map(drop),
        Err(error) if error.raw_os_error() == Some(Errno::EPROTOTYPE as i32) => {
            let mut log = UnixStream::connect(LOG)?;
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
