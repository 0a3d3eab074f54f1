//! `setup` as it is typed.

use clap::{Args, ValueEnum};
use nightlatch_core::config::ServiceName;

use super::service;
use crate::setup::Placement;
use crate::setup::span::Span;

/// `setup`
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
        Ask for the code after the password in sshd and sudo; take it back after ten minutes unless it is confirmed:\n    \
            nightlatch setup sshd sudo --try 10m\n\n  \
        After a login that worked:\n    \
            nightlatch setup --confirm\n\n  \
        See what would be changed:\n    \
            nightlatch setup sshd --place after-key --dry-run\n\n  \
        Everything back as it was:\n    \
            nightlatch setup --remove")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag that is typed or not"
)]
pub struct Setup {
    /// The services, named like their files in /etc/pam.d; sudo brings sudo-i along. To take back, all that are set up where none is named
    #[arg(value_name = "SERVICE", value_parser = service)]
    pub services: Vec<ServiceName>,

    /// Where the code is asked for; after-key is for sshd, instead (the code alone) for all others
    #[arg(long, value_enum, value_name = "WHERE", default_value_t = Placement::AfterPassword)]
    pub place: Placement,

    /// Take everything back after so long, 1s to 24h, and after a reboot, unless somebody runs `setup --confirm` before
    #[arg(long = "try", value_name = "SPAN")]
    pub trial: Option<Span>,

    /// Show the change, and do nothing
    #[arg(long, conflicts_with_all = ["remove", "confirm", "status"])]
    pub dry_run: bool,

    /// Ask nothing
    #[arg(long)]
    pub yes: bool,

    /// Go on although people would be kept out; they are named
    #[arg(long)]
    pub allow_lockout: bool,

    /// Keep what is tried, after a login with a code since
    #[arg(long, conflicts_with_all = ["services", "remove", "trial"])]
    pub confirm: bool,

    /// With --confirm: also where nobody has given a code since
    #[arg(long, requires = "confirm")]
    pub force: bool,

    /// Put back what was there before; where a file was edited since, take our lines out and leave the rest
    #[arg(long, conflicts_with = "trial")]
    pub remove: bool,

    /// Show what is set up, and what is tried until when
    #[arg(long, conflicts_with_all = ["services", "remove", "confirm", "trial"])]
    pub status: bool,

    /// With --status: print one JSON object
    #[arg(long, requires = "status")]
    pub json: bool,

    /// Watch over a trial: what `--try` starts.
    #[arg(long, value_enum, hide = true)]
    pub watch: Option<Watch>,
}

/// How a trial is watched over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Watch {
    /// Take it back if it is over, and end.
    Look,
    /// Wait until it is over.
    Wait,
    /// The same, out of reach of what happens to whoever started it.
    Alone,
}
