//! What a login would meet: the lines of its stacks, the rule that holds, the person's record, what is asked and told.
//!
//! The same look ahead as `config explain`, with what stands around it. Nothing is spent, charged or kept.

use std::fmt::Write as _;
use std::path::Path;

use nightlatch_core::account::Account;
use nightlatch_core::config::Config;
use nightlatch_core::login::{AsksFor, Conversation as _, Echo, Login, Request, Subject, Then};
use nightlatch_core::store::Store as _;
use serde::Serialize;

use crate::app::App;
use crate::commands::config_file;
use crate::doctor::{self, arguments};
use crate::foresight::{self, Grounds, Looked, Outcome, Visit};
use crate::pam_files::{Does, Kind, OURS, PamFiles, Stack, Step};
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
    /// The lines of the stacks, with what they include in its place.
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
        let (read, text) = config_file(named)?;
        let lines = Config::rule_lines(text.as_deref().unwrap_or_default());
        let foresight = foresight::foresee_with(app.into(), visit, &lines)?;
        let files = PamFiles::of_this_host();
        let mut notes = foresight.notes;
        let mut stack = |kind| {
            let stack = files.stack(visit.service, kind);
            stack.map_err(|error| notes.push(error.to_string())).ok()
        };
        let (auth, account) = (stack(Kind::Auth), stack(Kind::Account));
        let ours = auth.as_ref().and_then(|stack| stack.running(OURS).next());
        let of_line = match (&auth, ours) {
            (Some(_), None) => Some(not_asked(visit)),
            (_, Some(line)) => refused_by(line),
            (None, None) => None,
        };
        if let Some(line) = ours {
            notes.extend(said_of(line, visit, &read));
        }
        if visit.service == "sshd" {
            notes.push("with a public key sshd runs account alone, and asks no question of PAM's unless AuthenticationMethods says so".to_owned());
        }
        let (question, told) = match &of_line {
            Some(_) => (None, Vec::new()),
            None => question(app, visit, ours.map_or(&[], arguments)),
        };
        let outcome = of_line.unwrap_or(foresight.outcome);
        let mut lines = |stack: Option<Stack>| {
            stack.map_or_else(Vec::new, |stack| stack_lines(&stack, &mut notes))
        };
        let (auth, account) = (lines(auth), lines(account));
        Ok(Self {
            user: visit.user.to_owned(),
            service: visit.service.to_owned(),
            rhost: visit.rhost.map(str::to_owned),
            rules: foresight.rules,
            rule: foresight.rule,
            outcome: outcome.word,
            reason: outcome.reason,
            text: outcome.text,
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
        // Where our module is not run, no rule holds.
        if self.auth.iter().chain(&self.account).any(|line| line.ours) {
            for rule in &self.rules {
                say(&format!(
                    "rule {} (line {}): {}",
                    rule.number, rule.line, rule.text
                ));
            }
            if self.rule.is_none() {
                say("no rule matches, so the mode holds");
            }
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
            "{} has no lines for {}, so those of {} hold",
            stack.service,
            stack.kind.word(),
            stack.of
        ));
    }
    let line = |step: &Step| {
        let text = match &step.does {
            Does::Run {
                module,
                arguments,
                actions,
                ..
            } => {
                let words = [actions.word(), module].into_iter();
                let words = words.chain(arguments.iter().map(String::as_str));
                words.map(bracketed).collect::<Vec<_>>().join(" ")
            }
            Does::Substack(name) => format!("substack {name}"),
            Does::Fail(why) => format!("fails: {why}"),
        };
        Line {
            file: step.file.display().to_string(),
            number: step.line,
            text: format!("{}{text}", "  ".repeat(step.depth)),
            ours: step.runs(OURS),
        }
    };
    stack.steps.iter().map(line).collect()
}

/// A word as it has to be written.
fn bracketed(word: &str) -> String {
    if word.contains([' ', '\t']) {
        format!("[{}]", word.replace(']', "\\]"))
    } else {
        word.to_owned()
    }
}

/// What comes of it where `auth` does not run our module.
fn not_asked(visit: Visit<'_>) -> Outcome {
    let (user, service) = (shown(visit.user), shown(visit.service));
    Outcome {
        word: "not-asked",
        reason: None,
        text: format!("{user} is not asked for a code: {service} does not run our module."),
        needs: None,
    }
}

/// What comes of it where the module refuses everybody for what its line says.
fn refused_by(ours: &Step) -> Option<Outcome> {
    let wrong = arguments(ours)
        .iter()
        .find(|word| !doctor::is_known(word))?;
    let (file, line) = (ours.file.display(), ours.line);
    Some(Outcome {
        word: "unavailable",
        reason: None,
        text: format!(
            "Everybody is refused, right code or not: {file}, line {line}: the module does not know {}. What mends it: \
             nightlatch doctor",
            shown(wrong)
        ),
        needs: None,
    })
}

/// What our line changes that is not looked at here.
fn said_of(ours: &Step, visit: Visit<'_>, read: &Path) -> Vec<String> {
    let mut notes = Vec::new();
    let named = doctor::configuration(ours);
    if named != read {
        notes.push(format!(
            "our line reads {named}, and this was about {}; run: nightlatch --config {named} doctor --simulate {} --service {}",
            read.display(),
            visit.user,
            visit.service,
            named = named.display()
        ));
    }
    let says = |argument: &str| arguments(ours).iter().any(|word| word == argument);
    if says("use_first_pass") {
        notes.push(
            "use_first_pass: the code is looked for behind the password, and never asked for"
                .to_owned(),
        );
    } else if says("try_first_pass") {
        notes.push(
            "try_first_pass: not asked where the code was typed behind the password".to_owned(),
        );
    }
    notes
}

/// What is asked and told, by a login that is begun and never answered. `words` are the arguments of our line.
fn question(app: &App, visit: Visit<'_>, words: &[String]) -> (Option<String>, Vec<String>) {
    let says = |argument: &str| words.iter().any(|word| word == argument);
    let mut prompts = words.iter().rev();
    let prompt = prompts.find_map(|word| word.strip_prefix("prompt="));
    let subject = match Account::look_up(visit.user) {
        Ok(Some(account)) => Subject::Known(account),
        Ok(None) | Err(_) => Subject::Unknown,
    };
    let world = Grounds::from(app).world();
    let request = Request {
        subject,
        service: visit.service.to_owned(),
        rhost: visit.rhost.map(str::to_owned),
        real_uid: 0,
        prompt: prompt.map(str::to_owned),
        asks_for: if says("forward_pass") {
            AsksFor::Both
        } else {
            AsksFor::Code
        },
        echo: Echo::Off,
    };
    let step = Login::new(world, &app.config, request).start();
    let question = match step.then {
        Then::Ask(_) if says("use_first_pass") => None,
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
