//! What a login runs through: the lines of a service for one kind, with what they include in their place.

use std::path::{Path, PathBuf};

use super::control::{Actions, Flow};
use super::lines::{self, Entry, PamFile, Rule, Said};
use super::{Kind, PamFiles, Unreadable};

/// The lines of a service for one kind, in the order in which they are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The service that was asked for.
    pub service: String,
    /// Which lines.
    pub kind: Kind,
    /// Whose lines they are: the service's own, or those of `other`, which hold where it has none of the kind.
    pub of: String,
    /// The lines.
    pub steps: Vec<Step>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The file it stands in.
    pub file: PathBuf,
    /// Where it begins there, from 1.
    pub line: usize,
    /// Of how many substacks it is a part. Jumps count lines of the same depth; a [`Does::Substack`] and what is in it are one.
    pub depth: usize,
    /// What is done.
    pub does: Does,
}

/// What a line does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Does {
    /// Runs a module.
    Run {
        /// As it is written: a name, or a path.
        module: String,
        /// Its arguments, brackets taken off.
        arguments: Vec<String>,
        /// What follows from what it returns.
        actions: Actions,
        /// Whether it may be missing without a word in the log. Missing it fails all the same.
        is_silent: bool,
    },
    /// Runs the lines that follow with a greater depth, as one.
    Substack(String),
    /// Fails, whatever comes: the line cannot be understood, or what it includes cannot be had.
    Fail(String),
}

impl Stack {
    pub(super) fn read(files: &PamFiles, service: &str, kind: Kind) -> Result<Self, Unreadable> {
        let own = steps(files, service, kind)?;
        let (of, steps) = if own.is_empty() {
            (OTHER, steps(files, OTHER, kind)?)
        } else {
            (service, own)
        };
        Ok(Self {
            service: service.to_owned(),
            kind,
            of: of.to_owned(),
            steps,
        })
    }

    /// The lines that run this module, given without its directory: `pam_unix.so`.
    pub fn running(&self, module: &str) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.runs(module))
    }
}

impl Step {
    /// Whether it runs this module, given without its directory.
    pub fn runs(&self, module: &str) -> bool {
        matches!(&self.does, Does::Run { module: own, .. } if lines::is(own, module))
    }
}

/// How far in a file is.
#[derive(Clone, Copy, Default)]
struct Level {
    includes: usize,
    substacks: usize,
}

/// What one entry of a service's own file stands for.
pub(super) fn of_entry(
    files: &PamFiles,
    path: &Path,
    entry: &Entry,
    kind: Kind,
) -> Result<Vec<Step>, Unreadable> {
    let mut steps = Vec::new();
    collect_entry(files, path, entry, kind, Level::default(), &mut steps)?;
    Ok(steps)
}

fn steps(files: &PamFiles, service: &str, kind: Kind) -> Result<Vec<Step>, Unreadable> {
    let mut steps = Vec::new();
    if let Some(file) = files.find(service)? {
        collect(files, &file, kind, Level::default(), &mut steps)?;
    }
    Ok(steps)
}

fn collect(
    files: &PamFiles,
    file: &PamFile,
    kind: Kind,
    level: Level,
    steps: &mut Vec<Step>,
) -> Result<(), Unreadable> {
    file.entries()
        .iter()
        .try_for_each(|entry| collect_entry(files, file.path(), entry, kind, level, steps))
}

fn collect_entry(
    files: &PamFiles,
    path: &Path,
    entry: &Entry,
    kind: Kind,
    level: Level,
    steps: &mut Vec<Step>,
) -> Result<(), Unreadable> {
    let step = |does| Step {
        file: path.to_owned(),
        line: *entry.lines.start(),
        depth: level.substacks,
        does,
    };
    let (name, substacks) = match &entry.said {
        Said::Unknown(word) => {
            // Where a file is included for one kind, it counts as that; else as auth.
            if level.includes > 0 || kind == Kind::Auth {
                steps.push(step(Does::Fail(format!("{word} is no type of line"))));
            }
            return Ok(());
        }
        Said::IncludeAll(name) => (name, 0),
        Said::Rule(rule) if rule.kind != kind => return Ok(()),
        Said::Rule(rule) => match &rule.flow {
            Some(Flow::Include) => (&rule.module, 0),
            Some(Flow::Substack) => {
                let name = rule.module.clone().unwrap_or_default();
                steps.push(step(Does::Substack(name)));
                (&rule.module, 1)
            }
            _ => {
                steps.push(step(run(rule)));
                return Ok(());
            }
        },
    };
    let level = Level {
        includes: level.includes + 1,
        substacks: level.substacks + substacks,
    };
    match included(files, name.as_deref(), level)? {
        Ok(file) => collect(files, &file, kind, level, steps)?,
        Err(why) => steps.push(step(Does::Fail(why))),
    }
    Ok(())
}

fn run(rule: &Rule) -> Does {
    match (&rule.flow, &rule.module) {
        (Some(Flow::Module(actions)), Some(module)) => Does::Run {
            module: module.clone(),
            arguments: rule.arguments.clone(),
            actions: actions.clone(),
            is_silent: rule.is_silent,
        },
        (None, _) => Does::Fail("the line has no control value".to_owned()),
        _ => Does::Fail("the line has no module".to_owned()),
    }
}

/// The file of that name, or why the line that includes it fails.
fn included(
    files: &PamFiles,
    name: Option<&str>,
    level: Level,
) -> Result<Result<PamFile, String>, Unreadable> {
    let Some(name) = name else {
        return Ok(Err("the line does not say what to include".to_owned()));
    };
    if level.includes >= DEEPEST {
        return Ok(Err(format!("{name} is included in itself, or too deep")));
    }
    let found = files.find(name)?;
    Ok(found.ok_or_else(|| format!("there is no {name} to include")))
}

/// The service that holds where another has nothing to say.
const OTHER: &str = "other";

/// libpam 1.5 gives up here.
const DEEPEST: usize = 16;
