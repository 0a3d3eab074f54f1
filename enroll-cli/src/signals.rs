//! Signals that wait until nothing is half done.
//!
//! While [`Signals`] is held, Ctrl-C, Ctrl-Z and their like do nothing by themselves. They are looked for where stopping
//! is clean: at every question and before every change. So no handler is needed, no colour is left switched on, no record
//! is left locked or half written, and whoever stops is told to by an error that cleans up on its way out.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::os::fd::{AsFd, BorrowedFd};

/// The signals that a person or a session sends, held back.
pub struct Signals {
    held: SigSet,
    waiting: SignalFd,
}

impl Signals {
    /// Holds them back until the value is dropped.
    pub fn hold() -> nix::Result<Self> {
        let held: SigSet = HELD.into_iter().collect();
        let waiting = SignalFd::with_flags(&held, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        held.thread_block()?;
        Ok(Self { held, waiting })
    }

    /// Obeys what came meanwhile: an error asks the caller to clean up and end; Ctrl-Z stops here and goes on here.
    pub fn obey(&self) -> Result<Obeyed, Interrupted> {
        let mut obeyed = Obeyed::Nothing;
        loop {
            match self.waiting.read_signal() {
                Ok(Some(info)) => {
                    let number = i32::try_from(info.ssi_signo).unwrap_or_default();
                    match Signal::try_from(number) {
                        Ok(Signal::SIGTSTP) => {
                            self.stop_until_continued();
                            obeyed = Obeyed::WasStopped;
                        }
                        Ok(signal) => return Err(Interrupted(signal)),
                        // Not one that was asked for.
                        Err(_) => {}
                    }
                }
                Err(Errno::EINTR) => {}
                // Nothing waits. Anything else cannot happen to a descriptor of our own.
                Ok(None) | Err(_) => return Ok(obeyed),
            }
        }
    }

    fn stop_until_continued(&self) {
        let stop: SigSet = [Signal::SIGTSTP].into_iter().collect();
        // If one of these fails we are not stopped, and that is all.
        let _ = stop.thread_unblock();
        let _ = raise(Signal::SIGTSTP);
        let _ = self.held.thread_block();
    }
}

impl AsFd for Signals {
    /// Readable when a signal waits to be [obeyed](Signals::obey).
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.waiting.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // What still waits is delivered now, and does what it does to any program.
        let _ = self.held.thread_unblock();
    }
}

/// What [`Signals::obey`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obeyed {
    /// No signal had come.
    Nothing,
    /// The program was stopped and went on: what was on the screen may be gone.
    WasStopped,
}

/// Somebody asked the program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped; nothing more was changed")]
pub struct Interrupted(Signal);

impl Interrupted {
    /// Ends as if the signal had never been held back, so that a shell sees it. Returns only where it is ignored.
    pub fn die(self) {
        let signal: SigSet = [self.0].into_iter().collect();
        let _ = signal.thread_unblock();
        let _ = raise(self.0);
    }
}

const HELD: [Signal; 5] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_signal_waits_until_it_is_obeyed() {
        let signals = Signals::hold().unwrap();
        assert_eq!(signals.obey(), Ok(Obeyed::Nothing));
        raise(Signal::SIGTERM).unwrap();
        assert_eq!(signals.obey(), Err(Interrupted(Signal::SIGTERM)));
        assert_eq!(signals.obey(), Ok(Obeyed::Nothing));
    }
}
