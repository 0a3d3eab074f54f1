//! `--status`: what is set up, whether its files are as they were left, and what is tried until when.

use serde::Serialize;

use crate::screen::{Screen, shown};
use crate::setup::kept::{Changed, Kept};
use crate::setup::replacing::{There, look};

/// Shows it.
pub fn run(json: bool) -> anyhow::Result<()> {
    let status = status()?;
    let screen = Screen::output()?;
    if json {
        return screen.json(&status);
    }
    if status.services.is_empty() {
        return screen.say("Nothing is set up by `nightlatch setup`.");
    }
    for service in &status.services {
        screen.say(&format!("{}: {}", shown(&service.name), service.placement))?;
        for file in &service.files {
            screen.say(&format!(
                "    {}: {}",
                shown(&file.path),
                file.state.words()
            ))?;
        }
    }
    match &status.trial {
        Some(trial) => screen.say(&format!(
            "Tried until {}, then taken back: {}. To keep it: nightlatch setup --confirm",
            trial.until,
            shown(&trial.services.join(", "))
        )),
        None => Ok(()),
    }
}

/// The object for programs. The fields are documented in docs/command.md and stay stable.
#[derive(Serialize)]
struct Status {
    services: Vec<Service>,
    trial: Option<Tried>,
}

#[derive(Serialize)]
struct Service {
    name: String,
    placement: &'static str,
    files: Vec<File>,
}

#[derive(Serialize)]
struct File {
    path: String,
    state: State,
}

/// How a file is.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    InPlace,
    AsBefore,
    Edited,
}

impl State {
    fn words(self) -> &'static str {
        match self {
            Self::InPlace => "in place",
            Self::AsBefore => "not changed, or back as it was",
            Self::Edited => "edited by somebody since",
        }
    }
}

#[derive(Serialize)]
struct Tried {
    services: Vec<String>,
    until: String,
}

fn status() -> anyhow::Result<Status> {
    let mut status = Status {
        services: Vec::new(),
        trial: None,
    };
    let Some(kept) = Kept::open()? else {
        return Ok(status);
    };
    let record = kept.record()?;
    for set_up in &record.services {
        let files = set_up.files.iter().map(|changed| file(&kept, changed));
        status.services.push(Service {
            name: set_up.service.clone(),
            placement: set_up.placement.word(),
            files: files.collect::<anyhow::Result<_>>()?,
        });
    }
    status.trial = record.trial.map(|trial| Tried {
        until: trial.ends().to_rfc3339(),
        services: trial.services,
    });
    Ok(status)
}

fn file(kept: &Kept, changed: &Changed) -> anyhow::Result<File> {
    let now = look(&changed.path)?;
    let state = if now == There::File(kept.after(changed)?) {
        State::InPlace
    } else if now == kept.before(changed)? {
        State::AsBefore
    } else {
        State::Edited
    };
    Ok(File {
        path: changed.path.display().to_string(),
        state,
    })
}
