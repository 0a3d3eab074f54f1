//! `config explain`: which rule holds for a login, why the ones before it do not, and what happens then.

use std::path::Path;

use nightlatch_core::config::{Config, Mode};
use serde::Serialize;

use super::config;
use crate::app::App;
use crate::cli;
use crate::foresight::{self, Foresight, Looked, Visit};
use crate::screen::Screen;

/// Explains what the configuration makes of a login.
pub fn run(app: &App, named: Option<&Path>, arguments: &cli::Explain) -> anyhow::Result<()> {
    let (path, text) = config::file(named)?;
    let lines = Config::rule_lines(text.as_deref().unwrap_or_default());
    let visit = Visit {
        user: &arguments.user,
        service: arguments.service.as_str(),
        rhost: arguments.rhost.as_deref(),
    };
    let Foresight {
        rules,
        rule,
        outcome,
        notes,
    } = foresight::foresee_with(app.into(), visit, &lines)?;
    let explanation = Explanation {
        user: visit.user,
        service: visit.service,
        rhost: visit.rhost,
        rules,
        rule,
        mode: app.config.enrollment.mode,
        outcome: outcome.word,
        reason: outcome.reason,
        text: outcome.text,
        notes,
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

/// A mode, as it is written.
fn word_of(mode: Mode) -> &'static str {
    match mode {
        Mode::Required => "required",
        Mode::Optional => "optional",
        Mode::AtLogin => "at-login",
    }
}
