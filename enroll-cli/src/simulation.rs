//! What a login would meet: the rule that holds, the person's record, the lines that PAM goes through, what is asked and told.
//!
//! The same look ahead as `config explain`, with what stands around it. Nothing is spent, charged or kept.

use std::fmt::Write as _;
use std::path::Path;

use nightlatch_core::account::Account;
use nightlatch_core::audit::{Audit, Event};
use nightlatch_core::config::Config;
use nightlatch_core::login::{
    AsksFor, Conversation as _, Echo, Login, Request, Subject, Then, World,
};
use nightlatch_core::store::Store as _;
use nightlatch_core::surroundings::System;
use serde::Serialize;

use crate::app::App;
use crate::commands::config_file;
use crate::foresight::{self, Looked, Visit};
use crate::pam_files::{Does, Kind, PamFiles, Stack};
use crate::person::Person;
use crate::screen::shown;
use crate::summary::Summary;

/// What a login would meet. The fields are documented in docs/doctor.md and stay stable.
#[derive(Serialize)]
pub struct Simulation {
    user: String,
    service: String,
    rhost: Option<String>,
    rules: Vec<Looked>,
    rule: Option<usize>,
    outcome: &'static str,
    reason: Option<&'static str>,
    text: String,
    notes: Vec<String>,
    /// The question, where one is put.
    question: Option<String>,
    /// What is told before it, or in its place.
    told: Vec<String>,
    /// The person's record; none where it cannot be read, or there is no account.
    person: Option<Summary>,
    /// The lines that PAM goes through.
    auth: Vec<Line>,
    account: Vec<Line>,
}

/// A line of /etc/pam.d.
#[derive(Serialize)]
struct Line {
    file: String,
    #[serde(rename = "line")]
    number: usize,
    text: String,
    /// Whether it is ours.
    ours: bool,
}

impl Simulation {
    /// Of this login.
    pub fn of(app: &App, named: Option<&Path>, visit: Visit<'_>) -> anyhow::Result<Self> {
        let (_, text) = config_file(named)?;
        let lines = Config::rule_lines(text.as_deref().unwrap_or_default());
        let foresight = foresight::foresee_with(app.into(), visit, &lines)?;
        let files = PamFiles::of_this_host();
        let mut notes = foresight.notes;
        let mut stack = |kind| match files.stack(visit.service, kind) {
            Ok(stack) => stack_lines(&stack, &mut notes),
            Err(error) => {
                notes.push(error.to_string());
                Vec::new()
            }
        };
        let (auth, account) = (stack(Kind::Auth), stack(Kind::Account));
        if !auth.iter().any(|line| line.ours) {
            notes.push(format!(
                "{} does not run our module, so nobody is asked there",
                visit.service
            ));
        }
        if visit.service == "sshd" {
            notes.push("with a public key sshd runs account alone, and asks no question of PAM's unless AuthenticationMethods says so".to_owned());
        }
        let (question, told) = question(app, visit);
        Ok(Self {
            user: visit.user.to_owned(),
            service: visit.service.to_owned(),
            rhost: visit.rhost.map(str::to_owned),
            rules: foresight.rules,
            rule: foresight.rule,
            outcome: foresight.outcome.word,
            reason: foresight.outcome.reason,
            text: foresight.outcome.text,
            notes,
            question,
            told,
            person: person(app, visit.user),
            auth,
            account,
        })
    }

    /// For people.
    pub fn page(&self) -> String {
        let mut page = String::new();
        // Writing to a String cannot fail.
        let mut say = |line: &str| {
            let _ = writeln!(page, "{line}");
        };
        for (kind, lines) in [("auth", &self.auth), ("account", &self.account)] {
            say(&format!("{kind} of {}:", shown(&self.service)));
            for line in lines {
                let mark = if line.ours { ">" } else { " " };
                let text = shown(&line.text);
                say(&format!("{mark} {}:{}: {text}", line.file, line.number));
            }
        }
        for rule in &self.rules {
            say(&format!(
                "rule {} (line {}): {}",
                rule.number, rule.line, rule.text
            ));
        }
        if self.rule.is_none() {
            say("no rule matches, so the mode holds");
        }
        if let Some(person) = &self.person {
            for line in person.page().lines() {
                say(line);
            }
        }
        say(&self.text);
        for told in &self.told {
            say(&format!("told: {}", shown(told)));
        }
        if let Some(question) = &self.question {
            say(&format!("asked: {}", shown(question)));
        }
        for note in &self.notes {
            say(&format!("note: {}", shown(note)));
        }
        page
    }
}

/// The lines of a stack as they are written; what cannot be understood is noted.
fn stack_lines(stack: &Stack, notes: &mut Vec<String>) -> Vec<Line> {
    if stack.of != stack.service && !stack.steps.is_empty() {
        notes.push(format!(
            "{} has no lines of this kind, so those of {} hold",
            stack.service, stack.of
        ));
    }
    let line = |step: &crate::pam_files::Step| {
        let text = match &step.does {
            Does::Run {
                module, arguments, ..
            } => format!("{module} {}", arguments.join(" ")),
            Does::Substack(name) => format!("substack {name}"),
            Does::Fail(why) => format!("fails: {why}"),
        };
        Line {
            file: step.file.display().to_string(),
            number: step.line,
            text: format!("{}{}", "  ".repeat(step.depth), text.trim_end()),
            ours: step.runs("pam_nightlatch.so"),
        }
    };
    stack.steps.iter().map(line).collect()
}

/// What is asked and told, by a login that is begun and never answered.
fn question(app: &App, visit: Visit<'_>) -> (Option<String>, Vec<String>) {
    let subject = match Account::look_up(visit.user) {
        Ok(Some(account)) => Subject::Known(account),
        Ok(None) | Err(_) => Subject::Unknown,
    };
    let world = World {
        store: &app.store,
        clock: &app.clock,
        audit: &Mute,
        surroundings: &System,
    };
    let request = Request {
        subject,
        service: visit.service.to_owned(),
        rhost: visit.rhost.map(str::to_owned),
        real_uid: 0,
        prompt: None,
        asks_for: AsksFor::Code,
        echo: Echo::Off,
    };
    let step = Login::new(world, &app.config, request).start();
    let question = match step.then {
        Then::Ask(prompt) => Some(prompt.text.to_string()),
        Then::Done(_) => None,
    };
    (question, step.say)
}

fn person(app: &App, user: &str) -> Option<Summary> {
    let account = Account::look_up(user).ok()??;
    let record = app.store.look(&account.name).ok()?;
    let person = Person::from(account);
    let now = app.now().ok()?;
    Some(Summary::of(&person, &record, &app.config.rules(), now))
}

/// Nothing of this is a login.
struct Mute;

impl Audit for Mute {
    fn note(&self, _: &Event<'_>) {}
}
