//! `config explain`: which rule holds for a login, why the ones before it do not, and what happens then.
//!
//! Whether somebody is asked is what a login itself says: one is begun, with nobody to answer it and nothing logged.

use std::path::Path;

use nightlatch_core::account::Account;
use nightlatch_core::audit::{Audit, Event};
use nightlatch_core::check::{self, Exemption, Fault, Refusal, Verdict};
use nightlatch_core::config::{Config, Mode, SecondFactor, Whose};
use nightlatch_core::login::{
    AsksFor, Conversation as _, Echo, Login, Request, Subject, Then, World,
};
use nightlatch_core::policy::{self, Circumstances, Condition, Remote, Ruling, ShutGate, Who};
use nightlatch_core::state::Closed;
use nightlatch_core::store::{Past, Record, Store as _};
use nightlatch_core::surroundings::{self, System};
use nightlatch_core::time::Time;
use serde::Serialize;

use super::config;
use crate::app::App;
use crate::cli;
use crate::screen::{Screen, shown};

/// Explains what the configuration makes of a login.
pub fn run(app: &App, named: Option<&Path>, arguments: &cli::Explain) -> anyhow::Result<()> {
    let subject = match Account::look_up(&arguments.user) {
        Ok(Some(account)) => Subject::Known(account),
        Ok(None) => Subject::Unknown,
        Err(error) => Subject::Unresolved(Fault::Unusable(error.to_string())),
    };
    let (path, text) = config::file(named)?;
    let lines = Config::rule_lines(text.as_deref().unwrap_or_default());
    let service = arguments.service.as_str();
    let rhost = arguments.rhost.as_deref();
    let (circumstances, problems) =
        surroundings::gather(&app.config, &subject, service, rhost, &System);
    let ruling = policy::rule(&app.config, &circumstances);
    let scene = Scene {
        app,
        arguments,
        subject: &subject,
        circumstances: &circumstances,
        ruling,
    };
    let outcome = scene.outcome()?;
    let explanation = Explanation {
        user: &arguments.user,
        service,
        rhost,
        rules: scene.rules(&lines),
        rule: scene.number(),
        mode: app.config.enrollment.mode,
        outcome: outcome.word,
        reason: outcome.reason,
        text: outcome.text,
        notes: scene
            .notes()
            .into_iter()
            .chain(problems.iter().map(ToString::to_string))
            .collect(),
    };
    let screen = Screen::output()?;
    if arguments.json {
        screen.json(&explanation)
    } else {
        screen.say(&path.display().to_string())?;
        screen.page(&explanation.page())
    }
}

/// What happens, for a program. The fields are documented in docs/command.md and stay stable.
#[derive(Serialize)]
struct Explanation<'a> {
    user: &'a str,
    service: &'a str,
    rhost: Option<&'a str>,
    rules: Vec<Looked>,
    rule: Option<usize>,
    mode: Mode,
    outcome: &'static str,
    reason: Option<&'static str>,
    text: String,
    notes: Vec<String>,
}

/// A rule that was looked at: up to the one that matches.
#[derive(Serialize)]
struct Looked {
    number: usize,
    line: usize,
    matches: bool,
    text: String,
}

impl Explanation<'_> {
    fn page(&self) -> String {
        let mut page = String::new();
        let mut say = |line: &str| {
            page.push_str(line);
            page.push('\n');
        };
        for rule in &self.rules {
            say(&format!(
                "rule {} (line {}): {}",
                rule.number, rule.line, rule.text
            ));
        }
        if self.rule.is_none() {
            let mode = word_of(self.mode);
            say(&format!("no rule matches, so the mode holds: {mode}"));
        }
        say(&self.text);
        for note in &self.notes {
            say(&format!("note: {note}"));
        }
        page
    }
}

/// What comes of a login.
struct Outcome {
    /// `asked`, `not-asked`, `offered`, `refused` or `unavailable`.
    word: &'static str,
    /// A word of docs/events.md.
    reason: Option<&'static str>,
    /// A sentence.
    text: String,
}

struct Scene<'a> {
    app: &'a App,
    arguments: &'a cli::Explain,
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
        let rules = &self.app.config.rule;
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
        let user = shown(&self.arguments.user);
        match (fails, &self.circumstances.who) {
            (Condition::Services, _) => {
                let service = self.arguments.service.as_str();
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
        let service = self.arguments.service.as_str();
        let Some(rhost) = self.arguments.rhost.as_deref() else {
            return "there is no remote host (--rhost)".to_owned();
        };
        let rhost = shown(rhost);
        let is_believed = |name: &str| {
            let mut believed = self.app.config.login.rhost_from.iter();
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
        let service = self.arguments.service.as_str();
        match self.app.config.whose(service) {
            Whose::Target => Vec::new(),
            Whose::Invoker => vec![format!(
                "{service} asks for the code of whoever calls it: {} is taken to be that person",
                shown(&self.arguments.user)
            )],
        }
    }

    fn outcome(&self) -> anyhow::Result<Outcome> {
        let world = World {
            store: &self.app.store,
            clock: &self.app.clock,
            audit: &Mute,
            surroundings: &System,
        };
        let request = Request {
            subject: self.subject.clone(),
            service: self.arguments.service.as_str().to_owned(),
            rhost: self.arguments.rhost.clone(),
            real_uid: 0,
            prompt: None,
            asks_for: AsksFor::Code,
            echo: Echo::Off,
        };
        let mut login = Login::new(world, &self.app.config, request);
        match login.start().then {
            Then::Done(verdict) => Ok(self.of_verdict(&verdict)),
            Then::Ask(_) => self.of_question(),
        }
    }

    /// Nobody is asked.
    fn of_verdict(&self, verdict: &Verdict) -> Outcome {
        let user = shown(&self.arguments.user);
        match verdict {
            Verdict::Exempt(exemption) => {
                let why = match exemption {
                    Exemption::NotEnrolled => ", for nothing is enrolled".to_owned(),
                    Exemption::Rule { number } => format!(": rule {number} skips it"),
                    Exemption::Deadline => {
                        let deadline = self.app.config.enrollment.deadline;
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
        let user = shown(&self.arguments.user);
        let refused = |refusal: &Refusal, why: &str| {
            let text =
                format!("{user} is asked like everybody and refused, whatever the answer: {why}.");
            Ok(outcome("refused", Some(refusal.reason()), text))
        };
        if let Ruling::Rule {
            says: SecondFactor::Deny,
            number: rule,
        } = self.ruling
        {
            return refused(&Refusal::Denied { rule }, &format!("rule {rule} denies it"));
        }
        let account = match self.subject {
            Subject::Known(account) => account,
            Subject::Unknown => return refused(&Refusal::UnknownUser, "there is no such account"),
            Subject::Unresolved(fault) => return Ok(unavailable(&user, fault)),
        };
        let record = match self.app.store.look(&account.name) {
            Ok(record) => record,
            Err(error) => {
                return Ok(unavailable(&user, &Fault::Unusable(error.to_string())));
            }
        };
        if record.state.closed == Closed::Yes {
            let why = format!("an administrator closed them; run: nightlatch unlock {user}");
            return refused(&Refusal::Closed, &why);
        }
        let now = self.app.now()?;
        // A login offers nothing over half a record.
        if record.enrollment.is_none() && !record.is_vacant() {
            let whereabouts = self.app.store.whereabouts(&account.name);
            let fault = Fault::EnrollmentLost.of(&account.name, &whereabouts);
            return refused(&Refusal::NotEnrolled, &fault.to_string());
        }
        let Some(enrollment) = &record.enrollment else {
            return match self.shut_gate(now) {
                None => Ok(self.offered(&user, &record, now)),
                Some(why) => refused(&Refusal::NotEnrolled, &format!("nothing is enrolled{why}")),
            };
        };
        if enrollment.uid != account.uid {
            return refused(
                &Refusal::OtherUid,
                "what is enrolled belongs to an account of another uid",
            );
        }
        let rules = self.app.config.rules();
        Ok(match check::fault(enrollment, &record.state, &rules, now) {
            Some(fault) => {
                let whereabouts = self.app.store.whereabouts(&account.name);
                unavailable(&user, &fault.of(&account.name, &whereabouts))
            }
            None => outcome("asked", None, format!("{user} is asked for a code.")),
        })
    }

    /// Why somebody who is not enrolled may not enroll while logging in; none where they may.
    fn shut_gate(&self, now: Time) -> Option<&'static str> {
        let config = &self.app.config;
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
        let (needs_one, with) = match (self.app.config.at_login.ticket, record.past) {
            (true, _) => (true, ", with an invitation"),
            // What an administrator took away comes back by an administrator alone.
            (false, Past::Removed) => (
                true,
                ", with an invitation, since an enrollment was removed",
            ),
            (false, Past::Never) => (false, ""),
        };
        let ticket = record.state.ticket.as_ref();
        let what_is_missing = if needs_one && ticket.is_none_or(|ticket| ticket.is_expired(now)) {
            format!(" There is no invitation that holds; run: nightlatch invite {user}")
        } else {
            String::new()
        };
        let text = format!(
            "{user} may enroll while logging in{with}: nothing is enrolled yet.{what_is_missing}"
        );
        outcome("offered", Some("not-enrolled"), text)
    }
}

fn outcome(word: &'static str, reason: Option<&'static str>, text: String) -> Outcome {
    Outcome { word, reason, text }
}

fn unavailable(user: &str, fault: &Fault) -> Outcome {
    let text = format!("{user} is refused, right code or not: {fault}");
    outcome("unavailable", None, text)
}

/// What a rule says, as it is written.
fn word(second_factor: SecondFactor) -> &'static str {
    match second_factor {
        SecondFactor::Require => "require",
        SecondFactor::Skip => "skip",
        SecondFactor::Deny => "deny",
    }
}

/// A mode, as it is written.
fn word_of(mode: Mode) -> &'static str {
    match mode {
        Mode::Required => "required",
        Mode::Optional => "optional",
        Mode::AtLogin => "at-login",
    }
}

/// Nothing of this is a login.
struct Mute;

impl Audit for Mute {
    fn note(&self, _: &Event<'_>) {}
}
