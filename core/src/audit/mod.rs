//! What happened, as a closed list of events with one rendering: a line of `key=value` that no name can forge.
//!
//! The events, their keys and their reasons are documented in docs/events.md and stay stable: people write alerts and
//! fail2ban filters on them.

mod line;

use line::Line;

use crate::check::{Accepted, Exemption, Fault, Refusal};
use crate::place::Place;
use crate::state::Doubt;
use crate::surroundings::Problem;
use crate::time::Time;

/// Where events go. An event that cannot be kept never changes what happens.
pub trait Audit {
    /// Keeps an event.
    fn note(&self, event: &Event<'_>);
}

/// Something that an administrator may want to know.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A second factor opened the door.
    Accepted(Origin<'a>, &'a Accepted),
    /// An answer was refused.
    Rejected(Origin<'a>, &'a Refusal),
    /// It could not be told whether an answer was good.
    Unavailable(Origin<'a>, &'a Fault),
    /// A record of past logins could not be fully believed; what may have been used counts as used from now on.
    Doubtful {
        /// Whose login settled it.
        origin: Origin<'a>,
        /// Why it could not be believed.
        doubt: Doubt,
        /// Where the record is.
        whereabouts: &'a str,
    },
    /// Nobody was asked, since the policy says so.
    Exempt(Origin<'a>, Exemption),
    /// Something that a rule asks about could not be found out.
    Unresolved {
        /// Whose login it is.
        origin: Origin<'a>,
        /// What, what follows from it, and the mend.
        problem: &'a Problem,
    },
    /// Somebody who is not enrolled was shown a new token.
    Offered {
        /// Whose login it is.
        origin: Origin<'a>,
        /// What opened the offer.
        by: Opened,
    },
    /// Somebody enrolled in their login: the first factor was right, and it is kept.
    EnrolledAtLogin {
        /// Whose login it is.
        origin: Origin<'a>,
        /// The token's label.
        label: &'a str,
        /// What opened the offer.
        by: Opened,
    },
    /// The configuration or the module's arguments are wrong; everybody is refused.
    Misconfigured {
        /// The PAM service.
        service: &'a str,
        /// What is wrong and what mends it.
        problem: &'a str,
    },
    /// A login began. Noted only where the module's argument `debug` asks for it.
    Began {
        /// Whose.
        origin: Origin<'a>,
        /// The place that its failures are counted at.
        place: Place,
        /// The file that says what holds.
        config: &'a str,
    },
    /// The application's conversation failed.
    ConversationFailed(Origin<'a>),
    /// Something that cannot happen did; the login was refused.
    Panicked {
        /// The PAM service.
        service: &'a str,
    },
    /// Somebody was enrolled.
    Enrolled {
        /// Who.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// The token's label.
        label: &'a str,
        /// The token's kind.
        kind: &'a str,
        /// Whether an enrollment was replaced.
        replaced: bool,
        /// Whether the person proved that the authenticator has the secret.
        proved: bool,
    },
    /// Somebody was enrolled with what they had in another system.
    Imported {
        /// Who.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// The other system's format.
        from: &'a str,
        /// How many tokens.
        tokens: usize,
        /// How many scratch codes.
        scratch_codes: usize,
        /// Whether an enrollment was replaced.
        replaced: bool,
    },
    /// Somebody was imported before, and what the other system accepted since counts as used.
    ImportCaughtUp {
        /// Who.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// The other system's format.
        from: &'a str,
    },
    /// Somebody who is enrolled has one more token.
    TokenAdded {
        /// Who.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// The token's label.
        label: &'a str,
        /// The token's kind.
        kind: &'a str,
        /// Whether the person proved that the authenticator has the secret.
        proved: bool,
    },
    /// Somebody has new backup codes; the old ones ended.
    CodesRenewed {
        /// Who.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// How many.
        count: usize,
    },
    /// Somebody got a temporary code; an earlier one ended.
    TemporaryCodeMade {
        /// Who.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// Until when it holds.
        expires: Time,
    },
    /// A temporary code was taken back.
    TemporaryCodeCancelled {
        /// Whose.
        user: &'a str,
        /// By whom.
        by: &'a str,
    },
    /// A token was taken away.
    TokenRemoved {
        /// Whose.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// The token's label.
        label: &'a str,
    },
    /// An enrollment was taken away.
    EnrollmentRemoved {
        /// Whose.
        user: &'a str,
        /// By whom.
        by: &'a str,
    },
    /// Locks were opened, or a record was mended.
    Unlocked {
        /// Whose.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// What was mended.
        mended: &'a str,
    },
    /// Somebody was closed: nothing opens until they are unlocked.
    Locked {
        /// Who.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// Why, in their words.
        reason: Option<&'a str>,
    },
    /// Somebody got an invitation to enroll; an earlier one ended.
    Invited {
        /// Who.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// Until when it holds.
        expires: Time,
    },
    /// An invitation was taken back.
    InvitationCancelled {
        /// Whose.
        user: &'a str,
        /// By whom.
        by: &'a str,
    },
    /// Services ask for the code from now on.
    SetUp {
        /// Which, with commas between them.
        services: &'a str,
        /// By whom.
        by: &'a str,
        /// Where among what else they ask for.
        placement: &'a str,
        /// Until when it is tried; for good where it is not.
        until: Option<Time>,
    },
    /// What was tried stays.
    SetupConfirmed {
        /// Which services.
        services: &'a str,
        /// By whom.
        by: &'a str,
    },
    /// What was there before a service was set up is back.
    SetupTakenBack {
        /// Which services.
        services: &'a str,
        /// By whom; where nobody confirmed it in time, by whom it was set up.
        by: &'a str,
        /// Why: `removed`, `not-confirmed`, `rebooted` or `failed`.
        reason: &'a str,
    },
    /// Places where somebody was not asked are forgotten.
    TrustForgotten {
        /// Whose.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// How many.
        count: usize,
    },
}

/// What let somebody enroll in their login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The policy alone.
    ByPolicy,
    /// An invitation.
    ByInvitation,
}

impl Opened {
    fn word(self) -> &'static str {
        match self {
            Self::ByPolicy => "policy",
            Self::ByInvitation => "invitation",
        }
    }
}

/// Whose login it is, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The name, canonical where the account exists.
    pub user: &'a str,
    /// The PAM service.
    pub service: &'a str,
    /// The remote host as the application gave it, believed or not.
    pub rhost: Option<&'a str>,
}

/// How much an event matters, by syslog's scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Something is broken and keeps people out.
    Error,
    /// Somebody should look.
    Warning,
    /// A change, or a refusal.
    Notice,
    /// The ordinary course of things.
    Info,
    /// For whoever looks for a mistake in the set-up.
    Debug,
}

impl Event<'_> {
    /// How much it matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::Unavailable(..) | Self::Misconfigured { .. } | Self::Panicked { .. } => {
                Severity::Error
            }
            Self::Doubtful { .. }
            | Self::Unresolved { .. }
            | Self::Rejected(
                _,
                Refusal::OtherUid
                | Refusal::Disabled
                | Refusal::ShareUsedUp
                | Refusal::TokenWaits
                | Refusal::BackupCodesWait,
            ) => Severity::Warning,
            Self::Accepted(..) | Self::Exempt(..) | Self::Offered { .. } => Severity::Info,
            Self::Began { .. } => Severity::Debug,
            Self::Rejected(..)
            | Self::ConversationFailed(..)
            | Self::Enrolled { .. }
            | Self::EnrolledAtLogin { .. }
            | Self::Imported { .. }
            | Self::ImportCaughtUp { .. }
            | Self::TokenAdded { .. }
            | Self::CodesRenewed { .. }
            | Self::TemporaryCodeMade { .. }
            | Self::TemporaryCodeCancelled { .. }
            | Self::TokenRemoved { .. }
            | Self::EnrollmentRemoved { .. }
            | Self::Unlocked { .. }
            | Self::Locked { .. }
            | Self::Invited { .. }
            | Self::InvitationCancelled { .. }
            | Self::SetUp { .. }
            | Self::SetupConfirmed { .. }
            | Self::SetupTakenBack { .. }
            | Self::TrustForgotten { .. } => Severity::Notice,
        }
    }

    /// The line for the log, without a newline.
    #[must_use]
    #[allow(
        clippy::too_many_lines,
        reason = "an arm for each event, so that what a line says can be read in one place"
    )]
    pub fn render(&self) -> String {
        let mut line = Line::new();
        match self {
            Self::Accepted(origin, accepted) => {
                line.accepted(origin, accepted);
            }
            Self::Rejected(origin, refusal) => {
                line.rejected(origin, refusal);
            }
            Self::Unavailable(origin, fault) => {
                line.word("event", "unavailable")
                    .origin(origin)
                    .told("problem", &fault.to_string());
            }
            Self::Doubtful {
                origin,
                doubt,
                whereabouts,
            } => {
                line.doubtful(origin, *doubt, whereabouts);
            }
            Self::Exempt(origin, exemption) => {
                line.word("event", "exempt")
                    .word("reason", exemption.reason())
                    .origin(origin);
                if let Exemption::Rule { number } = exemption {
                    line.word("rule", number);
                }
            }
            Self::Unresolved { origin, problem } => {
                line.word("event", "unresolved")
                    .origin(origin)
                    .told("problem", &problem.to_string());
            }
            Self::Offered { origin, by } => {
                line.word("event", "offered")
                    .word("by", by.word())
                    .origin(origin);
            }
            Self::EnrolledAtLogin { origin, label, by } => {
                line.word("event", "enrolled-at-login")
                    .word("by", by.word())
                    .origin(origin)
                    .quoted("token", label);
            }
            Self::Misconfigured { service, problem } => {
                line.word("event", "misconfigured")
                    .quoted("service", service)
                    .told("problem", problem);
            }
            Self::Began {
                origin,
                place,
                config,
            } => {
                line.word("event", "began").origin(origin);
                line.word("place", place).quoted("config", config);
            }
            Self::ConversationFailed(origin) => {
                line.word("event", "conversation-failed").origin(origin);
            }
            Self::Panicked { service } => {
                line.word("event", "panicked")
                    .quoted("service", service)
                    .quoted(
                        "problem",
                        "a fault in Nightlatch; the login was refused. Please report it",
                    );
            }
            Self::Enrolled {
                user,
                by,
                label,
                kind,
                replaced,
                proved,
            } => {
                line.change("enrolled", user, by)
                    .quoted("token", label)
                    .word("kind", kind);
                line.word("replaced", replaced).word("proved", proved);
            }
            Self::Imported {
                user,
                by,
                from,
                tokens,
                scratch_codes,
                replaced,
            } => {
                line.change("imported", user, by)
                    .word("from", from)
                    .word("tokens", tokens);
                line.word("scratch_codes", scratch_codes)
                    .word("replaced", replaced);
            }
            Self::ImportCaughtUp { user, by, from } => {
                line.change("import-caught-up", user, by).word("from", from);
            }
            Self::TokenAdded {
                user,
                by,
                label,
                kind,
                proved,
            } => {
                line.change("token-added", user, by)
                    .quoted("token", label)
                    .word("kind", kind)
                    .word("proved", proved);
            }
            Self::CodesRenewed { user, by, count } => {
                line.change("codes-renewed", user, by).word("count", count);
            }
            Self::TemporaryCodeMade { user, by, expires } => {
                line.change("temporary-code-made", user, by)
                    .word("expires", expires.to_rfc3339());
            }
            Self::TemporaryCodeCancelled { user, by } => {
                line.change("temporary-code-cancelled", user, by);
            }
            Self::TokenRemoved { user, by, label } => {
                line.change("token-removed", user, by)
                    .quoted("token", label);
            }
            Self::EnrollmentRemoved { user, by } => {
                line.change("enrollment-removed", user, by);
            }
            Self::SetUp {
                services,
                by,
                placement,
                until,
            } => {
                line.of_services("set-up", services, by)
                    .word("placement", placement);
                if let Some(until) = until {
                    line.word("until", until.to_rfc3339());
                }
            }
            Self::SetupConfirmed { services, by } => {
                line.of_services("setup-confirmed", services, by);
            }
            Self::SetupTakenBack {
                services,
                by,
                reason,
            } => {
                line.of_services("setup-taken-back", services, by)
                    .word("reason", reason);
            }
            Self::Unlocked { user, by, mended } => {
                line.change("unlocked", user, by).word("mended", mended);
            }
            Self::Locked { user, by, reason } => {
                line.change("locked", user, by);
                if let Some(reason) = reason {
                    line.quoted("reason", reason);
                }
            }
            Self::Invited { user, by, expires } => {
                line.change("invited", user, by)
                    .word("expires", expires.to_rfc3339());
            }
            Self::InvitationCancelled { user, by } => {
                line.change("invitation-cancelled", user, by);
            }
            Self::TrustForgotten { user, by, count } => {
                line.change("trust-forgotten", user, by)
                    .word("count", count);
            }
        }
        line.into_text()
    }
}

#[cfg(test)]
mod tests;
