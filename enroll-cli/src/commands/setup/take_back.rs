//! Putting back what was there: because somebody wishes it, because nobody confirmed it, because it could not be done whole.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use nightlatch_core::audit::{Audit as _, Event};

use crate::cli;
use crate::failure::in_words;
use crate::journal::Journal;
use crate::pam_files::TWO_NAMES;
use crate::person;
use crate::screen::{Screen, shown};
use crate::setup::kept::{Changed, Kept, Record, SetUp};
use crate::setup::replacing::{self, There, look, put};
use crate::setup::{block, sshd, watch};
use crate::signals::Signals;

/// `--remove`.
pub fn remove(arguments: &cli::Setup) -> anyhow::Result<()> {
    let screen = Screen::output()?;
    let signals = Signals::hold()?;
    signals.obey()?;
    let kept = Kept::open()?.ok_or_else(nothing_set_up)?;
    let record = kept.record()?;
    let services: Vec<String> = if arguments.services.is_empty() {
        record
            .services
            .iter()
            .map(|set_up| set_up.service.clone())
            .collect()
    } else {
        named(&record, arguments)?
    };
    if services.is_empty() {
        return Err(nothing_set_up());
    }
    for line in take_back(&kept, &services, Reason::Removed, &person::behind())? {
        screen.say(&line)?;
    }
    Ok(())
}

/// Why something is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody wished it.
    Removed,
    /// Nobody confirmed it in time.
    NotConfirmed,
    /// The host was rebooted while it was tried.
    Rebooted,
    /// It could not be done whole.
    Failed,
}

impl Reason {
    fn word(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::NotConfirmed => "not-confirmed",
            Self::Rebooted => "rebooted",
            Self::Failed => "failed",
        }
    }
}

/// Takes services back, and says what came of each file. What could not be put back stays in the record, for the next try.
pub fn take_back(
    kept: &Kept,
    services: &[String],
    reason: Reason,
    by: &str,
) -> anyhow::Result<Vec<String>> {
    let mut record = kept.record()?;
    let (mut told, mut failed) = (Vec::new(), Vec::new());
    let mut is_sshd_changed = false;
    for service in services {
        let Some(set_up) = record.of(service).cloned() else {
            continue;
        };
        match put_back_all(kept, &set_up) {
            Ok(lines) => {
                told.extend(lines);
                is_sshd_changed |= service == sshd::SERVICE;
                record.services.retain(|other| other.service != *service);
            }
            Err(error) => failed.push(in_words(&error)),
        }
    }
    if is_sshd_changed {
        told.extend(reload());
    }
    if let Some(trial) = &mut record.trial {
        trial.services.retain(|service| {
            record
                .services
                .iter()
                .any(|other| other.service == *service)
        });
        if trial.services.is_empty() {
            record.trial = None;
        }
    }
    kept.write(&record)?;
    kept.tidy(&record)?;
    if !failed.is_empty() {
        bail!("{}", failed.join("; "));
    }
    if record.trial.is_none() {
        watch::disarm()?;
    }
    Journal.note(&Event::SetupTakenBack {
        services: &services.join(","),
        by,
        reason: reason.word(),
    });
    Ok(told)
}

fn named(record: &Record, arguments: &cli::Setup) -> anyhow::Result<Vec<String>> {
    let mut services = Vec::new();
    for service in &arguments.services {
        let name = service.as_str();
        if record.of(name).is_none() {
            bail!(
                "{} is not set up by `nightlatch setup`, so there is nothing to take back",
                shown(name)
            );
        }
        services.push(name.to_owned());
        // What came along with it goes with it.
        for [_, other] in TWO_NAMES.into_iter().filter(|[one, _]| *one == name) {
            services.extend(record.of(other).map(|set_up| set_up.service.clone()));
        }
    }
    Ok(services)
}

/// Last changed, first back: PAM stops to ask before sshd stops to let people answer.
fn put_back_all(kept: &Kept, set_up: &SetUp) -> anyhow::Result<Vec<String>> {
    let files = set_up.files.iter().rev();
    files.map(|changed| put_back(kept, changed)).collect()
}

fn put_back(kept: &Kept, changed: &Changed) -> anyhow::Result<String> {
    let path = changed.path.as_path();
    let name = shown(&path.display().to_string());
    let before = kept.before(changed)?;
    let after = kept.after(changed)?;
    replacing::tidy(path)?;
    let now = look(path)?;
    let as_it_was = format!("{name} is as it was.");
    if now == before {
        return Ok(as_it_was);
    }
    let There::File(now) = now else {
        return Ok(format!(
            "{name} was taken away or made a link by somebody since, and is left so."
        ));
    };
    if now == after {
        restore(path, &before)?;
        return Ok(as_it_was);
    }
    let Some(rest) = block::taken_out(&now) else {
        return Ok(if block::is_in(&now) {
            format!(
                "{name} was edited, and our lines have no end any more: take them out by hand, from # BEGIN nightlatch setup on."
            )
        } else {
            format!("{name} was edited, and our lines are not in it any more. It is left as it is.")
        });
    };
    // Nothing but ours is in it: then nothing was edited that anybody would miss.
    let is_only_ours =
        rest.trim_ascii().is_empty() || Some(&rest) == block::taken_out(&after).as_ref();
    if is_only_ours && !matches!(before, There::File(_)) {
        restore(path, &before)?;
        return Ok(as_it_was);
    }
    put(path, &rest, path)?;
    Ok(format!(
        "{name} was edited since: our lines are out, and the rest is left as it is."
    ))
}

fn restore(path: &Path, before: &There) -> anyhow::Result<()> {
    match before {
        There::Nothing => replacing::remove(path),
        There::Link(target) => replacing::link(path, target),
        There::File(bytes) => put(path, bytes, path),
    }
}

/// The files are back, whether a running sshd can be told or not.
fn reload() -> Option<String> {
    let reloaded =
        sshd::reload().context("sshd could not be told to read its configuration anew; reload it");
    reloaded.err().map(|error| in_words(&error))
}

fn nothing_set_up() -> anyhow::Error {
    anyhow!("nothing is set up by `nightlatch setup`, so there is nothing to take back")
}
