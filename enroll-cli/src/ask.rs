//! Questions: one line of standard input for each, and signals obeyed while somebody thinks.
//!
//! The terminal is left as it is. Answers are seen while they are typed: a one-time code is used up by being typed here,
//! and a terminal whose echo was never switched off cannot be left without it.

use std::io;
use std::os::fd::AsFd;

use anyhow::Context as _;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
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
    pub fn ask(&mut self, question: &str) -> anyhow::Result<Option<Zeroizing<Vec<u8>>>> {
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
            if self.wait()? == Obeyed::WasStopped {
                // A half-typed line is gone, as the terminal's driver drops it; ask again.
                self.screen.write(question)?;
                continue;
            }
            if self.read()? == 0 {
                self.screen.write("\n")?;
                return Ok(if line.is_empty() { None } else { Some(line) });
            }
        }
    }

    /// Waits until there is something to read.
    fn wait(&self) -> anyhow::Result<Obeyed> {
        loop {
            let obeyed = self.signals.obey()?;
            if obeyed == Obeyed::WasStopped {
                return Ok(obeyed);
            }
            let stdin = io::stdin();
            let mut sources = [
                PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut sources, PollTimeout::NONE) {
                Ok(_) if sources[1].any() == Some(true) => {}
                Ok(_) => return Ok(Obeyed::Nothing),
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

/// More than any answer has. `pending` never holds more than one chunk, for it is emptied before the next is read.
const LONGEST_LINE: usize = 1024;
const CHUNK: usize = 1024;
