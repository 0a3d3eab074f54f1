//! What a login would meet, found out without one: which rule holds, why the ones before it do not, and what comes of it.
//!
//! Whether somebody is asked is what a login itself says: one is begun, with nobody to answer it and nothing logged. Nothing
//! is spent, charged or kept.

use nightlatch_core::account::Account;
use nightlatch_core::audit::{Audit, Event};
use nightlatch_core::check::{self, Exemption, Fault, Refusal, Verdict};
use nightlatch_core::config::{Config, Mode, SecondFactor, Whose};
use nightlatch_core::login::{
    AsksFor, Conversation as _, Echo, Login, Request, Subject, Then, World,
};
use nightlatch_core::policy::{self, Circumstances, Condition, Remote, Ruling, ShutGate, Who};
use nightlatch_core::state::Closed;
use nightlatch_core::store::{Past, Record, Store};
use nightlatch_core::surroundings::{self, System};
use nightlatch_core::time::{Clock, Time};
use serde::Serialize;

use crate::app::App;
use crate::screen::shown;

/// What decides about a login: where its rules, records and time come from.
#[derive(Clone, Copy)]
pub struct Grounds<'a> {
    /// The configuration that the module would read.
    pub config: &'a Config,
    /// The records.
    pub store: &'a dyn Store,
    /// The time.
    pub clock: &'a dyn Clock,
}

impl<'a> Grounds<'a> {
    /// What a login of these would reach, which leaves no line in the log: nothing of it is a login.
    pub fn world(self) -> World<'a> {
        World {
            store: self.store,
            clock: self.clock,
            audit: &Mute,
            surroundings: &System,
        }
    }
}

impl<'a> From<&'a App> for Grounds<'a> {
    fn from(app: &'a App) -> Self {
        Self {
            config: &app.config,
            store: &app.store,
            clock: &app.clock,
        }
    }
}

/// A login that may come.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// Whose code is asked for; where the service asks for the invoker's, the invoker.
    pub user: &'a str,
    /// The PAM service.
    pub service: &'a str,
    /// The remote host as the service gives it.
    pub rhost: Option<&'a str>,
}

/// What would come of it.
pub struct Foresight {
    /// The rules that were looked at: up to the one that matches.
    pub rules: Vec<Looked>,
    /// The number of the rule that holds; none where the mode does.
    pub rule: Option<usize>,
    /// What happens.
    pub outcome: Outcome,
    /// What else is to be known about it.
    pub notes: Vec<String>,
}

/// Looks ahead.
pub fn foresee(grounds: Grounds<'_>, visit: Visit<'_>) -> anyhow::Result<Foresight> {
    foresee_with(grounds, visit, &[])
}

/// The same, where `lines` says in which lines of the configuration its rules begin.
pub fn foresee_with(
    grounds: Grounds<'_>,
    visit: Visit<'_>,
    lines: &[usize],
) -> anyhow::Result<Foresight> {
    let subject = match Account::look_up(visit.user) {
        Ok(Some(account)) => Subject::Known(account),
        Ok(None) => Subject::Unknown,
        Err(error) => Subject::Unresolved(Fault::Unusable(error.to_string())),
    };
    let (circumstances, problems) = surroundings::gather(
        grounds.config,
        &subject,
        visit.service,
        visit.rhost,
        &System,
    );
    let ruling = policy::rule(grounds.config, &circumstances);
    let scene = Scene {
        grounds,
        visit,
        subject: &subject,
        circumstances: &circumstances,
        ruling,
    };
    let notes = scene.notes().into_iter();
    Ok(Foresight {
        rules: scene.rules(lines),
        rule: scene.number(),
        outcome: scene.outcome()?,
        notes: notes
            .chain(problems.iter().map(ToString::to_string))
            .collect(),
    })
}

/// A rule that was looked at: up to the one that matches.
#[derive(Serialize)]
pub struct Looked {
    /// Its number, counted from 1.
    pub number: usize,
    /// The line in which it begins; 0 where that is not known.
    pub line: usize,
    /// Whether it matches.
    pub matches: bool,
    /// Why it does or does not.
    pub text: String,
}

/// What comes of a login.
pub struct Outcome {
    /// `asked`, `not-asked`, `offered`, `refused` or `unavailable`.
    pub word: &'static str,
    /// A word of docs/events.md.
    pub reason: Option<&'static str>,
    /// A sentence.
    pub text: String,
    /// What it takes for the person to get in at all; none where they can, and where it is meant that they cannot.
    pub needs: Option<Need>,
}

/// What it takes for somebody to get in who cannot, though nobody meant that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Something has to be enrolled for them.
    Enrolling,
    /// They may enroll while they log in, and for that they need an invitation.
    Inviting,
    /// What is enrolled cannot be used as it is; the text says why, and what mends it.
    Mending,
}

impl Outcome {
    fn needs(mut self, need: Need) -> Self {
        self.needs = Some(need);
        self
    }
}

struct Scene<'a> {
    grounds: Grounds<'a>,
    visit: Visit<'a>,
    subject: &'a Subject,
    circumstances: &'a Circumstances<'a>,
    ruling: Ruling,
}

impl Scene<'_> {
    /// The number of the rule that holds.
    fn number(&self) -> Option<usize> {
        match self.ruling {
            Ruling::Rule { number, .. } => Some(number),
            Ruling::Mode => None,
        }
    }

    fn rules(&self, lines: &[usize]) -> Vec<Looked> {
        let rules = &self.grounds.config.rule;
        let until = self.number().unwrap_or(rules.len());
        let looked_at = rules.iter().take(until).enumerate();
        looked_at
            .map(|(index, rule)| {
                let mismatch = policy::mismatch(rule, self.circumstances);
                Looked {
                    number: index + 1,
                    line: lines.get(index).copied().unwrap_or_default(),
                    matches: mismatch.is_none(),
                    text: match mismatch {
                        Some(condition) => format!("does not match: {}", self.why(condition)),
                        None => {
                            format!("matches: second_factor = \"{}\"", word(rule.second_factor))
                        }
                    },
                }
            })
            .collect()
    }

    fn why(&self, fails: Condition) -> String {
        let user = shown(self.visit.user);
        match (fails, &self.circumstances.who) {
            (Condition::Services, _) => {
                let service = self.visit.service;
                format!("{service} is none of its services")
            }
            (Condition::Users | Condition::Groups, Who::Nobody) => {
                format!("there is no account named {user}")
            }
            (Condition::Users | Condition::Groups, Who::Unresolved) => {
                format!("{user} cannot be looked up, and a rule that skips does not hold in doubt")
            }
            (Condition::Users, Who::Account { .. }) => format!("{user} is none of its users"),
            (Condition::Groups, Who::Account { .. }) => format!("{user} is in none of its groups"),
            (Condition::Networks, _) => self.why_no_network(),
        }
    }

    fn why_no_network(&self) -> String {
        let service = self.visit.service;
        let Some(rhost) = self.visit.rhost else {
            return "there is no remote host (--rhost)".to_owned();
        };
        let rhost = shown(rhost);
        let is_believed = |name: &str| {
            let mut believed = self.grounds.config.login.rhost_from.iter();
            believed.any(|service| service.as_str() == name)
        };
        match self.circumstances.remote {
            Remote::Believed(_) => format!("{rhost} is in none of its networks"),
            Remote::MaybeOurs(_) => {
                format!(
                    "{rhost} may be an address of this host's, and a rule that skips does not hold in doubt"
                )
            }
            Remote::NotBelieved if !is_believed(service) => {
                format!("{service} is not believed about addresses ([login] rhost_from)")
            }
            Remote::NotBelieved if rhost.parse::<std::net::IpAddr>().is_err() => {
                format!("{rhost} is not an address, and names are in no network")
            }
            Remote::NotBelieved => {
                format!("{rhost} is an address of this host itself, which is in no network")
            }
        }
    }

    fn notes(&self) -> Vec<String> {
        let service = self.visit.service;
        match self.grounds.config.whose(service) {
            Whose::Target => Vec::new(),
            Whose::Invoker => vec![format!(
                "{service} asks for the code of whoever calls it: {} is taken to be that person",
                shown(self.visit.user)
            )],
        }
    }

    fn outcome(&self) -> anyhow::Result<Outcome> {
        let world = self.grounds.world();
        let request = Request {
            subject: self.subject.clone(),
            service: self.visit.service.to_owned(),
            rhost: self.visit.rhost.map(str::to_owned),
            real_uid: 0,
            prompt: None,
            asks_for: AsksFor::Code,
            echo: Echo::Off,
        };
        let mut login = Login::new(world, self.grounds.config, request);
        match login.start().then {
            Then::Done(verdict) => Ok(self.of_verdict(&verdict)),
            Then::Ask(_) => self.of_question(),
        }
    }

    /// Nobody is asked.
    fn of_verdict(&self, verdict: &Verdict) -> Outcome {
        let user = shown(self.visit.user);
        match verdict {
            Verdict::Exempt(exemption) => {
                let why = match exemption {
                    Exemption::NotEnrolled => ", for nothing is enrolled".to_owned(),
                    Exemption::Rule { number } => format!(": rule {number} skips it"),
                    Exemption::Deadline => {
                        let deadline = self.grounds.config.enrollment.deadline;
                        let day = deadline.map_or_else(String::new, |day| day.to_string());
                        format!(" through {day}, for nothing was ever enrolled")
                    }
                    Exemption::Trusted => ", after a code from there not long ago".to_owned(),
                };
                outcome(
                    "not-asked",
                    Some(exemption.reason()),
                    format!("{user} is not asked for a code{why}."),
                )
            }
            Verdict::Refused(refusal) => outcome(
                "refused",
                Some(refusal.reason()),
                format!("{user} is refused without being asked: there is no such account."),
            ),
            Verdict::Unavailable(fault) => unavailable(&user, fault),
            // Nothing was answered.
            Verdict::Accepted(_) | Verdict::Invited(_) => {
                outcome("asked", None, format!("{user} is asked for a code."))
            }
        }
    }

    /// Somebody is asked. What of it depends on what is enrolled.
    fn of_question(&self) -> anyhow::Result<Outcome> {
        let user = shown(self.visit.user);
        let refused = |refusal: &Refusal, why: &str| {
            let text =
                format!("{user} is asked like everybody and refused, whatever the answer: {why}.");
            outcome("refused", Some(refusal.reason()), text)
        };
        if let Ruling::Rule {
            says: SecondFactor::Deny,
            number: rule,
        } = self.ruling
        {
            let why = format!("rule {rule} denies it");
            return Ok(refused(&Refusal::Denied { rule }, &why));
        }
        let account = match self.subject {
            Subject::Known(account) => account,
            Subject::Unknown => {
                return Ok(refused(&Refusal::UnknownUser, "there is no such account"));
            }
            Subject::Unresolved(fault) => return Ok(unavailable(&user, fault)),
        };
        let record = match self.grounds.store.look(&account.name) {
            Ok(record) => record,
            Err(error) => {
                return Ok(unavailable(&user, &Fault::Unusable(error.to_string())));
            }
        };
        if record.state.closed == Closed::Yes {
            let why = format!("an administrator closed them; run: nightlatch unlock {user}");
            return Ok(refused(&Refusal::Closed, &why));
        }
        let now = self.grounds.clock.now()?;
        // A login offers nothing over half a record.
        if record.enrollment.is_none() && !record.is_vacant() {
            let whereabouts = self.grounds.store.whereabouts(&account.name);
            let fault = Fault::EnrollmentLost.of(&account.name, &whereabouts);
            return Ok(refused(&Refusal::NotEnrolled, &fault.to_string()).needs(Need::Mending));
        }
        let Some(enrollment) = &record.enrollment else {
            return Ok(match self.shut_gate(now) {
                None => self.offered(&user, &record, now),
                Some(why) => {
                    let why = format!("nothing is enrolled{why}");
                    refused(&Refusal::NotEnrolled, &why).needs(Need::Enrolling)
                }
            });
        };
        if enrollment.uid != account.uid {
            let why = "what is enrolled belongs to an account of another uid";
            return Ok(refused(&Refusal::OtherUid, why).needs(Need::Enrolling));
        }
        let rules = self.grounds.config.rules();
        Ok(match check::fault(enrollment, &record.state, &rules, now) {
            Some(fault) => {
                let whereabouts = self.grounds.store.whereabouts(&account.name);
                unavailable(&user, &fault.of(&account.name, &whereabouts))
            }
            None => outcome("asked", None, format!("{user} is asked for a code.")),
        })
    }

    /// Why somebody who is not enrolled may not enroll while logging in; none where they may.
    fn shut_gate(&self, now: Time) -> Option<&'static str> {
        let config = self.grounds.config;
        if self.ruling != Ruling::Mode || config.enrollment.mode != Mode::AtLogin {
            return Some("");
        }
        let Circumstances {
            service, remote, ..
        } = *self.circumstances;
        if config.whose(service) == Whose::Invoker {
            return Some(", and nobody enrolls behind the password of another account");
        }
        match policy::shut_gate(&config.at_login, service, remote, now)? {
            ShutGate::Services => Some(", and this is no service of [at_login]"),
            ShutGate::Networks => Some(", and this is from no network of [at_login]"),
            ShutGate::Until => Some(", and the last day of [at_login] is over"),
        }
    }

    fn offered(&self, user: &str, record: &Record, now: Time) -> Outcome {
        let (needs_one, with) = match (self.grounds.config.at_login.ticket, record.past) {
            (true, _) => (true, ", with an invitation"),
            // What an administrator took away comes back by an administrator alone.
            (false, Past::Removed) => (
                true,
                ", with an invitation, since an enrollment was removed",
            ),
            (false, Past::Never) => (false, ""),
        };
        let ticket = record.state.ticket.as_ref();
        let text = format!("{user} may enroll while logging in{with}: nothing is enrolled yet.");
        if needs_one && ticket.is_none_or(|ticket| ticket.is_expired(now)) {
            let text =
                format!("{text} There is no invitation that holds; run: nightlatch invite {user}");
            outcome("offered", Some("not-enrolled"), text).needs(Need::Inviting)
        } else {
            outcome("offered", Some("not-enrolled"), text)
        }
    }
}

fn outcome(word: &'static str, reason: Option<&'static str>, text: String) -> Outcome {
    Outcome {
        word,
        reason,
        text,
        needs: None,
    }
}

fn unavailable(user: &str, fault: &Fault) -> Outcome {
    let text = format!("{user} is refused, right code or not: {fault}");
    outcome("unavailable", None, text).needs(Need::Mending)
}

/// What a rule says, as it is written.
fn word(second_factor: SecondFactor) -> &'static str {
    match second_factor {
        SecondFactor::Require => "require",
        SecondFactor::Skip => "skip",
        SecondFactor::Deny => "deny",
    }
}

/// A log that keeps nothing.
struct Mute;

impl Audit for Mute {
    fn note(&self, _: &Event<'_>) {}
}
