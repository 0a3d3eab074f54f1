//! The system log, facility authpriv: one line an event, one connection a line (the log may have been restarted).

use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use nightlatch_core::audit::{Audit, Event, Severity};
use syslog::{Facility, Formatter3164, LoggerBackend};

use crate::failure::in_words;

/// The system log.
pub struct Journal;

impl Audit for Journal {
    /// Logs an event. Where that fails, standard error gets the line: what happened has happened.
    fn note(&self, event: &Event<'_>) {
        let line = event.render();
        if let Err(error) = send(event.severity(), &line) {
            let _ = writeln!(
                io::stderr(),
                "nightlatch: the system log cannot be reached ({}), so this was not logged: {line}",
                in_words(&error)
            );
        }
    }
}

fn send(severity: Severity, line: &str) -> anyhow::Result<()> {
    let mut log = syslog::unix(Formatter3164 {
        facility: Facility::LOG_AUTHPRIV,
        hostname: None,
        process: "nightlatch".to_owned(),
        pid: std::process::id(),
    })
    .context("/dev/log")?;
    // A log that takes nothing must not keep the command.
    match &log.backend {
        LoggerBackend::Unix(socket) => socket.set_write_timeout(Some(PATIENCE))?,
        LoggerBackend::UnixStream(socket) => socket.get_ref().set_write_timeout(Some(PATIENCE))?,
        _ => {}
    }
    match severity {
        Severity::Error => log.err(line),
        Severity::Warning => log.warning(line),
        Severity::Notice => log.notice(line),
        Severity::Info => log.info(line),
        Severity::Debug => log.debug(line),
    }?;
    Ok(())
}

const PATIENCE: Duration = Duration::from_secs(2);
