//! Watching over a trial, and taking it back when it is over. `--try` starts this; nobody types it.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use super::take_back::{Reason, take_back};
use crate::cli::Watch;
use crate::setup::kept::{Kept, peek};
use crate::setup::trial::{Moment, Standing};
use crate::setup::watch::disarm;
use crate::signals::Signals;

/// Watches.
pub fn run(how: Watch) -> anyhow::Result<()> {
    match how {
        Watch::Look => end_what_is_over(),
        Watch::Wait => wait(),
        Watch::Alone => {
            // Out of the session of whoever began it; and neither its end nor a key reaches us.
            nix::unistd::setsid().context("no session of our own can be had")?;
            let _signals = Signals::hold()?;
            std::io::stdout()
                .write_all(b"\n")
                .and_then(|()| std::io::stdout().flush())?;
            wait()
        }
    }
}

/// Takes the trial back if it is over, whether somebody still watches over it or not.
pub fn end_what_is_over() -> anyhow::Result<()> {
    look().map(drop)
}

fn wait() -> anyhow::Result<()> {
    loop {
        match look() {
            Ok(None) => return disarm(),
            Ok(Some(left)) => thread::sleep(left.min(OFTEN)),
            // A disk that is full or away for a moment. There is nobody to tell, and nothing better to do than to try again.
            Err(_) => thread::sleep(OFTEN),
        }
    }
}

/// Takes the trial back if it is over. Gives how long it goes on else; none where there is none any more.
fn look() -> anyhow::Result<Option<Duration>> {
    let Some(trial) = peek()?.trial else {
        return Ok(None);
    };
    if let Standing::Left(left) = trial.at(&Moment::now()?) {
        return Ok(Some(left));
    }
    // Whoever has it open may be confirming it.
    let Some(kept) = Kept::open()? else {
        return Ok(None);
    };
    let Some(trial) = kept.record()?.trial else {
        return Ok(None);
    };
    let reason = match trial.at(&Moment::now()?) {
        Standing::Left(left) => return Ok(Some(left)),
        Standing::Over => Reason::NotConfirmed,
        Standing::Rebooted => Reason::Rebooted,
    };
    take_back(&kept, &trial.services, reason, &trial.by)?;
    Ok(None)
}

/// A clock that is set forward is noticed so soon.
const OFTEN: Duration = Duration::from_secs(1);
