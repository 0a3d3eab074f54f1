//! What can be typed after `list`: whom to show, in which order, in which form.

use clap::{Args, ValueEnum};
use nightlatch_core::config::{BadGroupName, GroupName};

use crate::validity::Span;

/// `list`
#[derive(Debug, Args)]
#[command(
    after_help = "Of several conditions all have to hold. A record that cannot be read is shown whatever the conditions, and the \
                  exit status is 1.",
    after_long_help = "Of several conditions all have to hold. A record that cannot be read is shown whatever the conditions, and \
                       the exit status is 1.\n\nExamples:\n  \
        Who would stand outside without the phone:\n    \
            nightlatch list --no-codes\n\n  \
        Who has a second factor and does not use it, longest ago first:\n    \
            nightlatch list --unused-for 90d --sort last-used\n\n  \
        All of a group, for a spreadsheet:\n    \
            nightlatch list --group staff --csv > staff.csv"
)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag that is typed or not"
)]
pub struct List {
    /// Only who is enrolled and has no backup code left
    #[arg(long)]
    pub no_codes: bool,
    /// Only who is locked, by an administrator or by wrong codes, for a while or until somebody does something
    #[arg(long)]
    pub locked: bool,
    /// Only who is enrolled and has not logged in with it, as far as is known
    #[arg(long)]
    pub never_used: bool,
    /// Only who is enrolled and has not used it for so long, 12h or 90d, or ever
    #[arg(long, value_name = "SPAN")]
    pub unused_for: Option<Span>,
    /// Only who has a token whose secret is shorter than 112 bits, taken over from another system
    #[arg(long)]
    pub short_secret: bool,
    /// Only who is in this group, as the host knows it; given more than once, in any of them
    #[arg(long, value_name = "GROUP", value_parser = group)]
    pub group: Vec<GroupName>,
    /// In which order
    #[arg(long, value_enum, value_name = "BY", default_value_t = SortBy::User)]
    pub sort: SortBy,
    /// The other way round
    #[arg(long)]
    pub reverse: bool,
    /// Print a JSON array
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print a table for spreadsheets, as RFC 4180 has it
    #[arg(long)]
    pub csv: bool,
}

impl List {
    /// Whether there is any condition.
    pub fn has_conditions(&self) -> bool {
        self.no_codes
            || self.locked
            || self.never_used
            || self.unused_for.is_some()
            || self.short_secret
            || !self.group.is_empty()
    }
}

/// An order. Whoever is equal in it is in that of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SortBy {
    /// By name, byte by byte
    User,
    /// Enrolled longest ago first; who is not enrolled, before
    Created,
    /// Used longest ago first; what was never used, before
    LastUsed,
    /// Fewest backup codes left first
    Codes,
}

fn group(text: &str) -> Result<GroupName, BadGroupName> {
    text.to_owned().try_into()
}
