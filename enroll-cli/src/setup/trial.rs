//! A change that is tried: until when, and whether that is over.
//!
//! It ends when the span has passed by the clock that nobody can set (the time since the host was booted, sleep included) or by the
//! clock on the wall, whichever comes first, so that no jump of a clock lengthens it; and with a reboot at once, for that is what
//! somebody does who cannot get in.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use nightlatch_core::time::Time;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// What is tried.
    pub services: Vec<String>,
    /// Who began it.
    pub by: String,
    began: Moment,
    /// In milliseconds.
    span: u64,
}

/// A moment, by every clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// Milliseconds since 1970.
    wall: u64,
    /// Milliseconds since the host was booted.
    up: u64,
    /// Which boot that was.
    boot: String,
}

/// Where a trial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It goes on for so long.
    Left(Duration),
    /// The span has passed.
    Over,
    /// The host was booted anew.
    Rebooted,
}

impl Trial {
    /// A trial that begins now.
    pub fn begin(services: Vec<String>, by: String, span: Duration) -> anyhow::Result<Self> {
        Ok(Self {
            services,
            by,
            began: Moment::now()?,
            span: millis(span),
        })
    }

    /// Where it stands at a moment.
    pub fn at(&self, now: &Moment) -> Standing {
        if now.boot != self.began.boot {
            return Standing::Rebooted;
        }
        let ends = |began: u64| began.saturating_add(self.span);
        let left = ends(self.began.wall)
            .saturating_sub(now.wall)
            .min(ends(self.began.up).saturating_sub(now.up));
        if left == 0 {
            Standing::Over
        } else {
            Standing::Left(Duration::from_millis(left))
        }
    }

    /// When it began, by the clock on the wall.
    pub fn began(&self) -> Time {
        Time::from_unix(self.began.wall / 1000)
    }

    /// When it ends, by the clock on the wall.
    pub fn ends(&self) -> Time {
        Time::from_unix(self.began.wall.saturating_add(self.span) / 1000)
    }
}

impl Moment {
    /// Now.
    pub fn now() -> anyhow::Result<Self> {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("the clock shows a time before 1970")?;
        let up = clock_gettime(ClockId::CLOCK_BOOTTIME)
            .context("the time since the boot cannot be had")?;
        let boot = fs::read_to_string(BOOT).context(BOOT)?;
        Ok(Self {
            wall: millis(wall),
            up: millis(up.into()),
            boot: boot.trim().to_owned(),
        })
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

const BOOT: &str = "/proc/sys/kernel/random/boot_id";

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(wall: u64, up: u64) -> Moment {
        Moment {
            wall,
            up,
            boot: "first".to_owned(),
        }
    }

    fn trial() -> Trial {
        Trial {
            services: vec!["sshd".to_owned()],
            by: "root".to_owned(),
            began: moment(1_000_000, 5_000),
            span: 60_000,
        }
    }

    #[test]
    fn it_ends_by_the_clock_that_comes_first() {
        for (wall, up, standing) in [
            (1_000_000, 5_000, Standing::Left(Duration::from_secs(60))),
            (1_030_000, 35_000, Standing::Left(Duration::from_secs(30))),
            (1_060_000, 65_000, Standing::Over),
            // The clock on the wall was set back, and forward.
            (400_000, 64_999, Standing::Left(Duration::from_millis(1))),
            (400_000, 65_000, Standing::Over),
            (9_000_000, 5_001, Standing::Over),
        ] {
            assert_eq!(trial().at(&moment(wall, up)), standing, "{wall} {up}");
        }
    }

    #[test]
    fn a_reboot_ends_it_at_once() {
        let now = Moment {
            boot: "second".to_owned(),
            ..moment(1_000_001, 1)
        };
        assert_eq!(trial().at(&now), Standing::Rebooted);
    }

    #[test]
    fn now_is_a_moment_of_this_boot() {
        let trial = Trial::begin(Vec::new(), String::new(), Duration::from_secs(60)).unwrap();
        assert!(matches!(
            trial.at(&Moment::now().unwrap()),
            Standing::Left(_)
        ));
    }
}
