//! What `setup` would change, found out before anything is: one plan a service, shown to whoever asked.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use nightlatch_core::config::{Config, Mode, SecondFactor};

use crate::app::absolute;
use crate::cli;
use crate::failure::Failure;
use crate::pam_files::{Kind, PamFiles, TWO_NAMES};
use crate::screen::shown;
use crate::setup::kept::Record;
use crate::setup::placing::{Arguments, NotPlaced, place};
use crate::setup::replacing::{There, look};
use crate::setup::{Placement, block, diff, sshd};

/// What would be changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// The services in which something is to be changed.
    pub services: Vec<Service>,
    /// What somebody should know.
    pub notes: Vec<String>,
}

/// One service.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The files, in the order in which they are changed: sshd first learns to ask PAM, then PAM to ask for the code.
    pub files: Vec<Change>,
}

/// One file.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it is.
    pub path: PathBuf,
    /// What is there.
    pub before: There,
    /// What is to be there.
    pub after: Vec<u8>,
    /// Whose owner, mode and attributes it gets.
    pub like: PathBuf,
}

impl Plan {
    /// Finds out what would be changed.
    pub fn make(
        record: &Record,
        config: &Config,
        named: Option<&Path>,
        arguments: &cli::Setup,
    ) -> anyhow::Result<Self> {
        let files = PamFiles::of_this_host();
        let words = words(config, named, arguments.place)?;
        let mut plan = Self {
            services: Vec::new(),
            notes: Vec::new(),
        };
        for name in names(&files, arguments)? {
            plan.add(record, &files, &name, arguments.place, &words)?;
        }
        Ok(plan)
    }

    /// The difference that it makes, as `diff -u` shows it.
    pub fn diff(&self) -> String {
        let changes = self.services.iter().flat_map(|service| &service.files);
        let shown = changes.map(|change| match &change.before {
            There::File(before) => diff::unified(&change.path, Some(before), Some(&change.after)),
            There::Nothing | There::Link(_) => {
                diff::unified(&change.path, None, Some(&change.after))
            }
        });
        shown.collect()
    }

    /// The names of the services, with commas between them.
    pub fn names(&self) -> Vec<String> {
        self.services
            .iter()
            .map(|service| service.name.clone())
            .collect()
    }

    fn add(
        &mut self,
        record: &Record,
        files: &PamFiles,
        name: &str,
        placement: Placement,
        words: &Arguments,
    ) -> anyhow::Result<()> {
        check_placement(record, name, placement)?;
        let file = files.find(name)?.ok_or_else(|| no_such_service(name))?;
        let mut changes = Vec::new();
        let is_ours = match place(files, &file, placement, words) {
            Ok(placed) => {
                let path = Path::new(ETC).join(name);
                let before = look(&path)?;
                self.notes.extend(note_on_form(&path, &before, file.path()));
                self.notes.extend(placed.notes);
                changes.push(Change {
                    path,
                    before,
                    after: block::put_in(file.lines(), &placed.blocks, name),
                    like: file.path().to_owned(),
                });
                true
            }
            Err(NotPlaced::Already(why)) => {
                let is_ours = record.of(name).is_some();
                self.notes.push(if is_ours {
                    format!("{}: set up already.", shown(name))
                } else {
                    format!("{}: left as it is, for {why}", shown(name))
                });
                is_ours
            }
            Err(other) => return Err(anyhow!("{}: {other}", shown(name))),
        };
        if name == sshd::SERVICE && is_ours {
            let wanted = sshd::Wanted::find(placement)?;
            if wanted.before != There::File(wanted.after.clone()) {
                changes.insert(
                    0,
                    Change {
                        path: wanted.path,
                        before: wanted.before,
                        after: wanted.after,
                        like: sshd::MAIN.into(),
                    },
                );
            }
            self.notes.extend(note_on_keys(placement));
        }
        if placement == Placement::Instead && !changes.is_empty() {
            self.notes.push(format!(
                "{}: the code alone opens it. Whoever finds a phone beside an open session gets in.",
                shown(name)
            ));
        }
        if !changes.is_empty() {
            self.services.push(Service {
                name: name.to_owned(),
                files: changes,
            });
        }
        Ok(())
    }
}

/// The services that were named, and those that are another door to one of them.
fn names(files: &PamFiles, arguments: &cli::Setup) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for service in &arguments.services {
        let name = service.as_str();
        if name.starts_with('.')
            || name.contains('/')
            || name == "other"
            || name.starts_with("common-")
        {
            bail!(
                "{}: not a service. Of other and common-* too many things would ask that cannot. Name the services that are to ask",
                shown(name)
            );
        }
        for name in std::iter::once(name).chain(other_doors(files, name)?) {
            if !names.iter().any(|own| own == name) {
                names.push(name.to_owned());
            }
        }
    }
    Ok(names)
}

/// The other name of the door. Where its file includes that of the first one, that is enough.
fn other_doors(files: &PamFiles, name: &str) -> anyhow::Result<Option<&'static str>> {
    let Some([_, other]) = TWO_NAMES.into_iter().find(|[one, _]| *one == name) else {
        return Ok(None);
    };
    let (Some(own), Some(_)) = (files.find(name)?, files.find(other)?) else {
        return Ok(None);
    };
    let stack = files.stack(other, Kind::Auth)?;
    let includes_it = stack.steps.iter().any(|step| step.file == own.path());
    Ok((!includes_it).then_some(other))
}

fn check_placement(record: &Record, name: &str, placement: Placement) -> anyhow::Result<()> {
    let is_sshd = name == sshd::SERVICE;
    let name = shown(name);
    match (placement, is_sshd) {
        (Placement::AfterKey, false) => {
            return Err(Failure::Usage(format!(
                "{name} knows no keys: --place after-key is for sshd"
            ))
            .into());
        }
        (Placement::Instead, true) => {
            return Err(Failure::Usage(
                "in sshd the code alone would open the door to the whole world; --place after-key asks for key and code".to_owned(),
            )
            .into());
        }
        _ => {}
    }
    match record.of(&name) {
        Some(set_up) if set_up.placement != placement => bail!(
            "{name} is set up already, as {}. Take that back first: nightlatch setup --remove {name}",
            set_up.placement.word()
        ),
        _ => Ok(()),
    }
}

/// What stands behind the module in its lines.
fn words(config: &Config, named: Option<&Path>, placement: Placement) -> anyhow::Result<Arguments> {
    let mut both = String::new();
    if let Some(named) = named {
        let path = absolute(named)?;
        let path = path.display();
        both = format!(" [config={path}]");
        if both.contains(['\n', '#', '\\']) || both.matches(']').count() > 1 {
            bail!(
                "{}: this path cannot be written in a file of PAM's",
                shown(&path.to_string())
            );
        }
    }
    // sshd asks for the key itself. Where PAM then asks for nothing, somebody who is exempt would be refused.
    let may_exempt = config.enrollment.mode == Mode::Optional
        || config.enrollment.deadline.is_some()
        || config
            .rule
            .iter()
            .any(|rule| rule.second_factor == SecondFactor::Skip)
        || !config.trust.remember.get().is_zero();
    let skip = if placement == Placement::AfterKey && may_exempt {
        " skip=success"
    } else {
        ""
    };
    Ok(Arguments {
        auth: format!("{both}{skip}"),
        account: both,
    })
}

fn note_on_form(path: &Path, before: &There, read: &Path) -> Option<String> {
    let path = shown(&path.display().to_string());
    match before {
        There::File(_) => None,
        There::Nothing => Some(format!(
            "{path} is new: a copy of {}, which it comes before until it is taken back.",
            shown(&read.display().to_string())
        )),
        There::Link(target) => Some(format!(
            "{path} is a link to {} and becomes a file, so that nothing else is changed; taken back, it is the link again.",
            shown(&target.display().to_string())
        )),
    }
}

fn note_on_keys(placement: Placement) -> Option<String> {
    match placement {
        Placement::AfterPassword => Some(
            "sshd: a public key alone still opens the door without a code. For key and code: --place after-key.".to_owned(),
        ),
        Placement::AfterKey | Placement::Instead => None,
    }
}

fn no_such_service(name: &str) -> anyhow::Error {
    anyhow!(
        "there is no service {}: no file of that name is in {ETC}",
        shown(name)
    )
}

const ETC: &str = "/etc/pam.d";
