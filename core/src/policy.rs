//! Who needs a second factor where: a pure function of the configuration's rules and the circumstances of a login.
//!
//! Rules are read from the top, and the first one that matches holds. What could not be found out about somebody (the name
//! service failed) counts as a match for rules that require or deny, and not for rules that skip. What is found out, and how, is
//! the business of [`surroundings`](crate::surroundings).

use std::net::IpAddr;

use crate::account::UserName;
use crate::config::{
    AtLoginConfig, Config, Day, EnrollmentConfig, GroupName, Network, Rule, SecondFactor,
    ServiceName,
};
use crate::state::Closed;
use crate::store::Record;
use crate::time::Time;

/// All that rules can ask about a login.
#[derive(Clone, Debug)]
pub struct Circumstances<'a> {
    /// Whose code is asked for.
    pub who: Who<'a>,
    /// The PAM service.
    pub service: &'a str,
    /// Where the person comes from.
    pub remote: Remote,
}

/// Whose code is asked for, as far as rules know people.
#[derive(Clone, Debug)]
pub enum Who<'a> {
    /// Somebody with an account.
    Account {
        /// The canonical name.
        name: &'a str,
        /// The groups, of those that rules name.
        groups: Groups,
    },
    /// A name that leads to no account: it is no user and in no group.
    Nobody,
    /// A name that the name service could not tell anything about.
    Unresolved,
}

/// The groups of somebody, of those that rules name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// They are in these, as primary or supplementary groups.
    pub known: Vec<GroupName>,
    /// Of these it could not be found out, or they are in them by one of their names and not by the other.
    pub unresolved: Vec<GroupName>,
}

/// Where a login comes from, as far as rules and trust may rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// A literal address from a service that is believed, in its canonical form. Not a loopback address, nor one of this host.
    Believed(IpAddr),
    /// The same, but it could not be found out whether it is one of this host.
    MaybeOurs(IpAddr),
    /// Anything else. No network holds it.
    NotBelieved,
}

/// What holds for a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// What this rule says.
    Rule {
        /// Its number, counted from 1.
        number: usize,
        /// What it says.
        says: SecondFactor,
    },
    /// What the mode of `[enrollment]` says, for no rule matches.
    Mode,
}

/// A condition of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `services`
    Services,
    /// `users`
    Users,
    /// `groups`
    Groups,
    /// `networks`
    Networks,
}

/// What holds under these circumstances.
#[must_use]
pub fn rule(config: &Config, circumstances: &Circumstances<'_>) -> Ruling {
    let mut numbered = (1..).zip(&config.rule);
    numbered
        .find(|(_, rule)| mismatch(rule, circumstances).is_none())
        .map_or(Ruling::Mode, |(number, rule)| Ruling::Rule {
            number,
            says: rule.second_factor,
        })
}

/// Through which day somebody is let in who never had anything enrolled, if that is not over.
#[must_use]
pub fn grace(config: &EnrollmentConfig, record: &Record, now: Time) -> Option<Day> {
    let needs_none_yet = record.was_never_enrolled() && record.state.closed == Closed::No;
    config
        .deadline
        .filter(|deadline| needs_none_yet && now < deadline.end())
}

/// The first condition of a rule that does not hold; none where the rule matches.
#[must_use]
pub fn mismatch(rule: &Rule, circumstances: &Circumstances<'_>) -> Option<Condition> {
    let doubtful_is_enough = match rule.second_factor {
        SecondFactor::Require | SecondFactor::Deny => true,
        SecondFactor::Skip => false,
    };
    let conditions = [
        (Condition::Services, services(rule, circumstances)),
        (Condition::Users, users(rule, &circumstances.who)),
        (Condition::Groups, groups(rule, &circumstances.who)),
        (Condition::Networks, networks(rule, circumstances.remote)),
    ];
    let fails = |answer| match answer {
        Answer::Holds => false,
        Answer::CannotTell => !doubtful_is_enough,
        Answer::Fails => true,
    };
    conditions
        .into_iter()
        .find_map(|(condition, answer)| fails(answer).then_some(condition))
}

/// Whether a rule matches whenever another one does: its conditions are the same or wider.
///
/// `wider` and `narrower` are told apart by their conditions alone, not by what they say.
#[must_use]
pub fn covers(wider: &Rule, narrower: &Rule) -> bool {
    fn is_within<T>(
        narrower: Option<&Vec<T>>,
        wider: Option<&Vec<T>>,
        within: impl Fn(&T, &T) -> bool,
    ) -> bool {
        match (narrower, wider) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(narrower), Some(wider)) => narrower
                .iter()
                .all(|value| wider.iter().any(|wide| within(value, wide))),
        }
    }
    is_within(narrower.users.as_ref(), wider.users.as_ref(), UserName::eq)
        && is_within(
            narrower.groups.as_ref(),
            wider.groups.as_ref(),
            GroupName::eq,
        )
        && is_within(
            narrower.services.as_ref(),
            wider.services.as_ref(),
            ServiceName::eq,
        )
        && is_within(
            narrower.networks.as_ref(),
            wider.networks.as_ref(),
            |network, wide| wide.covers(network),
        )
}

/// A gate of an enrollment at login that does not let somebody through. Whether an invitation is needed is another matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutGate {
    /// It is not one of the services where people may enroll.
    Services,
    /// They do not come from one of the networks.
    Networks,
    /// The last day is over.
    Until,
}

/// The first gate that is shut under these circumstances; none where all that are given are open.
#[must_use]
pub fn shut_gate(
    gates: &AtLoginConfig,
    service: &str,
    remote: Remote,
    now: Time,
) -> Option<ShutGate> {
    let is_here = |named: &ServiceName| named.as_str() == service;
    let is_from = |network: &Network| match remote {
        Remote::Believed(address) => network.contains(address),
        // A gate that cannot tell stays shut.
        Remote::MaybeOurs(_) | Remote::NotBelieved => false,
    };
    if !gates.services.iter().any(is_here) {
        return Some(ShutGate::Services);
    }
    if let Some(networks) = &gates.networks
        && !networks.iter().any(is_from)
    {
        return Some(ShutGate::Networks);
    }
    let is_over = gates.until.is_some_and(|day| now >= day.end());
    is_over.then_some(ShutGate::Until)
}

/// Whether a condition holds. In the order of how much it takes: of several values the best one counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Fails,
    CannotTell,
    Holds,
}

impl Answer {
    fn holds_if(condition: bool) -> Self {
        if condition { Self::Holds } else { Self::Fails }
    }
}

/// A condition that is not given holds; one without values does not.
fn best<T>(values: Option<&Vec<T>>, answer: impl Fn(&T) -> Answer) -> Answer {
    values.map_or(Answer::Holds, |values| {
        values.iter().map(answer).max().unwrap_or(Answer::Fails)
    })
}

fn services(rule: &Rule, circumstances: &Circumstances<'_>) -> Answer {
    best(rule.services.as_ref(), |service| {
        Answer::holds_if(service.as_str() == circumstances.service)
    })
}

fn users(rule: &Rule, who: &Who<'_>) -> Answer {
    best(rule.users.as_ref(), |user| match who {
        Who::Account { name, .. } => Answer::holds_if(user.as_str() == *name),
        Who::Nobody => Answer::Fails,
        Who::Unresolved => Answer::CannotTell,
    })
}

fn groups(rule: &Rule, who: &Who<'_>) -> Answer {
    best(rule.groups.as_ref(), |group| match who {
        Who::Account { groups, .. } if groups.known.contains(group) => Answer::Holds,
        Who::Account { groups, .. } if groups.unresolved.contains(group) => Answer::CannotTell,
        Who::Account { .. } | Who::Nobody => Answer::Fails,
        Who::Unresolved => Answer::CannotTell,
    })
}

fn networks(rule: &Rule, remote: Remote) -> Answer {
    best(rule.networks.as_ref(), |network| match remote {
        Remote::Believed(address) if network.contains(address) => Answer::Holds,
        Remote::MaybeOurs(address) if network.contains(address) => Answer::CannotTell,
        Remote::Believed(_) | Remote::MaybeOurs(_) | Remote::NotBelieved => Answer::Fails,
    })
}

#[cfg(test)]
mod tests;
