//! `config show` and `config check`: open to everybody who may read the file.

use std::path::{Path, PathBuf};

use nightlatch_core::config::DEFAULT_PATH;
use nightlatch_core::safe_file;
use serde::Serialize;

use crate::app::{absolute, configuration};
use crate::failure::Failure;
use crate::findings::{self, Finding, ThisHost};
use crate::screen::Screen;

/// Shows the configuration.
pub fn show(named: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let config = configuration(named)?;
    let screen = Screen::output()?;
    if json {
        screen.json(&config)
    } else {
        screen.toml(&config.to_toml())
    }
}

/// Says what is odd about the configuration. What is wrong with it is an error already.
pub fn check(named: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let config = configuration(named)?;
    let (path, text) = file(named)?;
    let findings = findings::find(&config, text.as_deref().unwrap_or_default(), &ThisHost);
    let screen = Screen::output()?;
    let path = path.display();
    if json {
        screen.json(&Report {
            path: path.to_string(),
            findings: &findings,
        })?;
    } else if !findings.is_empty() {
        for Finding { line, text } in &findings {
            let line = line.map_or_else(String::new, |line| format!(", line {line}"));
            screen.say(&format!("{path}{line}: warning: {text}"))?;
        }
    } else if text.is_none() {
        screen.say(&format!("{path}: not there, so the defaults hold: good"))?;
    } else {
        screen.say(&format!("{path}: good"))?;
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(Failure::Told.into())
    }
}

/// Where the configuration is, and its text if it is there.
pub fn file(named: Option<&Path>) -> anyhow::Result<(PathBuf, Option<String>)> {
    let path = absolute(named.unwrap_or(Path::new(DEFAULT_PATH)))?;
    let text = safe_file::read_configuration(&path)?;
    Ok((path, text))
}

/// What was found, for a program. The fields are documented in docs/command.md and stay stable.
#[derive(Serialize)]
struct Report<'a> {
    path: String,
    findings: &'a [Finding],
}
