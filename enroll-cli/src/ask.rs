//! Questions: one line of standard input for each, and signals obeyed while somebody thinks.
//!
//! Signals are held back while a terminal hides what is typed, so that it is never left like that: whoever ends or stops
//! puts it back first.

use std::io;
use std::os::fd::AsFd;

use anyhow::Context as _;
use nightlatch_core::login::Echo;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use zeroize::{Zeroize as _, Zeroizing};

use crate::screen::Screen;
use crate::signals::{Obeyed, Signals};

/// Who asks: the screen, standard input and the signals that end it.
pub struct Asker<'a> {
    screen: &'a Screen,
    signals: &'a Signals,
    /// What was read of standard input and not yet handed out.
    pending: Zeroizing<Vec<u8>>,
}

impl<'a> Asker<'a> {
    /// Asks on `screen`.
    pub fn new(screen: &'a Screen, signals: &'a Signals) -> Self {
        Self {
            screen,
            signals,
            pending: Zeroizing::new(Vec::with_capacity(CHUNK)),
        }
    }

    /// Asks and waits for a line. `None` is the end of the input. Of an absurdly long line only the beginning is kept.
    pub fn ask(
        &mut self,
        question: &str,
        echo: Echo,
    ) -> anyhow::Result<Option<Zeroizing<Vec<u8>>>> {
        let mut hidden = hide(echo);
        self.screen.write(question)?;
        let mut line = Zeroizing::new(Vec::with_capacity(LONGEST_LINE));
        loop {
            let end = self.pending.iter().position(|&byte| byte == b'\n');
            let taken = end.unwrap_or(self.pending.len());
            let room = LONGEST_LINE - line.len();
            line.extend_from_slice(&self.pending[..taken.min(room)]);
            self.drop_pending(end.map_or(taken, |end| end + 1));
            if end.is_some() {
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(Some(line));
            }
            if self.wait()? == Woken::BySignal {
                // Whoever ends or stops here leaves the terminal as it was.
                drop(hidden);
                let obeyed = self.signals.obey()?;
                hidden = hide(echo);
                if obeyed == Obeyed::WasStopped {
                    // The question is not on the screen any more, and a half-typed line is gone.
                    self.screen.write(question)?;
                }
            } else if self.read()? == 0 {
                self.screen.write("\n")?;
                return Ok(if line.is_empty() { None } else { Some(line) });
            }
        }
    }

    /// Waits until there is something to read or a signal to obey.
    fn wait(&self) -> anyhow::Result<Woken> {
        loop {
            let stdin = io::stdin();
            let mut sources = [
                PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut sources, PollTimeout::NONE) {
                Ok(_) if sources[1].any() == Some(true) => return Ok(Woken::BySignal),
                Ok(_) => return Ok(Woken::ByInput),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error).context("waiting for an answer failed"),
            }
        }
    }

    fn read(&mut self) -> anyhow::Result<usize> {
        let mut chunk = Zeroizing::new([0; CHUNK]);
        loop {
            match nix::unistd::read(io::stdin(), chunk.as_mut()) {
                Ok(count) => {
                    self.pending.extend_from_slice(&chunk[..count]);
                    return Ok(count);
                }
                Err(Errno::EINTR) => {}
                // A terminal that hung up.
                Err(Errno::EIO) => return Ok(0),
                Err(error) => return Err(error).context("reading the answer failed"),
            }
        }
    }

    fn drop_pending(&mut self, count: usize) {
        self.pending[..count].zeroize();
        self.pending.drain(..count);
    }
}

/// What ended the waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Woken {
    ByInput,
    BySignal,
}

/// A terminal that does not show what is typed, until the value is dropped.
struct Hidden {
    before: Termios,
}

/// Hides what is typed where that is wanted and standard input is a terminal.
fn hide(echo: Echo) -> Option<Hidden> {
    if echo == Echo::On {
        return None;
    }
    let before = tcgetattr(io::stdin()).ok()?;
    let mut after = before.clone();
    after.local_flags.remove(LocalFlags::ECHO);
    after.local_flags.insert(LocalFlags::ECHONL);
    // What was typed before the question is kept: programs type ahead.
    tcsetattr(io::stdin(), SetArg::TCSADRAIN, &after).ok()?;
    Some(Hidden { before })
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing put back.
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.before);
    }
}

/// More than any answer has. `pending` never holds more than one chunk, for it is emptied before the next is read.
const LONGEST_LINE: usize = 1024;
const CHUNK: usize = 1024;
