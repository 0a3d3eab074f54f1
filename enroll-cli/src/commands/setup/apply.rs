//! Making the change: shown, agreed to, kept, watched over, and only then done.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use nightlatch_core::audit::{Audit as _, Event};
use nightlatch_core::login::Echo;
use nightlatch_core::store::FileStore;

use super::plan::{Plan, Service};
use super::take_back::{self, Reason};
use super::watch::end_what_is_over;
use crate::app::App;
use crate::ask::Asker;
use crate::cli;
use crate::commands::remove::is_yes;
use crate::failure::{Failure, in_words};
use crate::lockouts;
use crate::screen::{Screen, shown};
use crate::setup::kept::{self, Kept, Record, SetUp};
use crate::setup::replacing::put;
use crate::setup::sshd::{self, Reloaded};
use crate::setup::trial::Trial;
use crate::setup::watch::{self, Watcher};
use crate::signals::Signals;

/// Sets services up.
pub fn run(app: &App, named: Option<&Path>, arguments: &cli::Setup) -> anyhow::Result<()> {
    if !arguments.dry_run {
        end_what_is_over()?;
    }
    let screen = Screen::output()?;
    let plan = Plan::make(&kept::peek()?, &app.config, named, arguments)?;
    screen.page(&plan.diff())?;
    for note in &plan.notes {
        screen.say(note)?;
    }
    if plan.services.is_empty() {
        return screen.say("Nothing is to be changed.");
    }
    if changes_sshd(&plan) {
        sshd::check_as_it_is().context("nothing was changed")?;
    }
    if !arguments.dry_run {
        // As a package does: where there is no store, everybody would be refused.
        FileStore::create(&app.config.store.dir).context("nothing was changed")?;
    }
    let locked_out = locked_out(app, &plan, arguments).context("nothing was changed")?;
    for line in &locked_out {
        screen.say(line)?;
    }
    if arguments.dry_run {
        return screen.say("Nothing was changed, as you wished.");
    }
    if !locked_out.is_empty() && !arguments.allow_lockout {
        bail!(
            "nothing was changed, for these people would stand outside. Enroll or invite them first, or add --allow-lockout"
        );
    }
    let signals = Signals::hold()?;
    if !arguments.yes && !is_agreed(&screen, &signals, arguments)? {
        screen.say("Nothing was changed.")?;
        return Err(Failure::Told.into());
    }
    signals.obey()?;
    let kept = Kept::make().context("nothing was changed")?;
    let record = kept.record()?;
    if record.trial.is_some() {
        bail!(
            "something is tried already (nightlatch setup --status). First keep it, nightlatch setup --confirm, or take it back, \
             nightlatch setup --remove"
        );
    }
    if Plan::make(&record, &app.config, named, arguments)? != plan {
        bail!("the files were changed meanwhile, and nothing was done. Run it again");
    }
    check_with_sshd(&plan, arguments).context("nothing was changed")?;
    let watcher = begin(app, &kept, &record, &plan, arguments)?;
    let told = change(&plan, arguments).map_err(|error| give_up(app, &kept, &plan, &error))?;
    app.journal.note(&Event::SetUp {
        services: &plan.names().join(","),
        by: &app.by,
        placement: arguments.place.word(),
        until: kept.record()?.trial.map(|trial| trial.ends()),
    });
    for line in told {
        screen.say(&line)?;
    }
    tell(&screen, &kept.record()?, &plan, watcher)
}

/// Who would be asked for a code and has none, a line each.
fn locked_out(app: &App, plan: &Plan, arguments: &cli::Setup) -> anyhow::Result<Vec<String>> {
    let names = plan.names();
    let services: Vec<&str> = names.iter().map(String::as_str).collect();
    let (without_key, people) = if changes_sshd(plan) {
        sshd::Wanted::find(arguments.place)?
            .foresee(|sshd| lockouts::with_sshd(app.into(), &services, Some(sshd)))?
    } else {
        (Vec::new(), lockouts::on_this_host(app.into(), &services)?)
    };
    let without_key = without_key.iter().map(|user| {
        format!(
            "Would stand outside of sshd: {}. A key would be asked for, and they have none. Mend it: put theirs into \
             ~/.ssh/authorized_keys",
            shown(user)
        )
    });
    let lines = people.iter().map(|person| {
        let mend = person
            .mend()
            .map_or_else(String::new, |mend| format!(" Mend it: {mend}"));
        format!(
            "Would stand outside of {}: {}. {}{mend}",
            shown(&person.service),
            shown(&person.user),
            shown(&person.why)
        )
    });
    Ok(without_key.chain(lines).collect())
}

fn is_agreed(screen: &Screen, signals: &Signals, arguments: &cli::Setup) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "standard input is no terminal, so nobody can be asked; add --yes to change it without asking, or --dry-run".to_owned(),
        )
        .into());
    }
    let question = match arguments.trial {
        Some(_) => "Try this? [y/N] ",
        None => "Change this for good, without --try? [y/N] ",
    };
    let answer = Asker::new(screen, signals).ask(question, Echo::On)?;
    Ok(answer.is_some_and(|answer| is_yes(&answer)))
}

fn check_with_sshd(plan: &Plan, arguments: &cli::Setup) -> anyhow::Result<()> {
    if changes_sshd(plan) {
        sshd::Wanted::find(arguments.place)?.check()?;
    }
    Ok(())
}

fn changes_sshd(plan: &Plan) -> bool {
    plan.services
        .iter()
        .any(|service| service.name == sshd::SERVICE)
}

/// Keeps what is there, writes down what is about to be done, and sets somebody to watch.
fn begin(
    app: &App,
    kept: &Kept,
    before: &Record,
    plan: &Plan,
    arguments: &cli::Setup,
) -> anyhow::Result<Option<Watcher>> {
    let mut record = before.clone();
    for service in &plan.services {
        let mut files = Vec::new();
        for change in &service.files {
            files.push(kept.keep(&change.path, &change.before, &change.after)?);
        }
        let old = record
            .services
            .iter()
            .position(|set_up| set_up.service == service.name);
        if let Some(old) = old.map(|index| record.services.remove(index)) {
            let is_new = |path: &Path| service.files.iter().any(|change| change.path == path);
            files.extend(
                old.files
                    .into_iter()
                    .filter(|changed| !is_new(&changed.path)),
            );
        }
        record.services.push(SetUp {
            service: service.name.clone(),
            placement: arguments.place,
            files,
        });
    }
    let trial = arguments
        .trial
        .map(|span| Trial::begin(plan.names(), app.by.clone(), span.duration()));
    record.trial = trial.transpose()?;
    kept.write(&record)?;
    if record.trial.is_none() {
        return Ok(None);
    }
    match watch::arm() {
        Ok(watcher) => Ok(Some(watcher)),
        Err(error) => {
            // Nobody would take it back, so it does not begin.
            let undone = watch::disarm().and_then(|()| kept.write(before));
            let error = error.context("nothing was changed");
            Err(match undone {
                Ok(()) => error,
                Err(second) => error.context(in_words(&second)),
            })
        }
    }
}

/// Changes the files. sshd first learns to ask PAM, so that at no moment PAM asks where sshd would not let anybody answer.
fn change(plan: &Plan, arguments: &cli::Setup) -> anyhow::Result<Vec<String>> {
    let mut told = Vec::new();
    for service in &plan.services {
        for change in &service.files {
            put(&change.path, &change.after, &change.like)?;
            if is_sshds_own(service, &change.path) {
                sshd::Wanted::find(arguments.place)?.check_in_place()?;
                if sshd::reload()? == Reloaded::NotRunning {
                    told.push("No sshd was found running. One that runs has to read its configuration anew: reload it.".to_owned());
                }
            }
        }
    }
    Ok(told)
}

fn is_sshds_own(service: &Service, path: &Path) -> bool {
    service.name == sshd::SERVICE && path.starts_with("/etc/ssh")
}

/// Takes back what was begun, and says why.
fn give_up(app: &App, kept: &Kept, plan: &Plan, error: &anyhow::Error) -> anyhow::Error {
    let why = in_words(error);
    match take_back::take_back(kept, &plan.names(), Reason::Failed, &app.by) {
        Ok(_) => anyhow!("{why}. Everything is as it was"),
        Err(second) => anyhow!(
            "{why}. And it could not be taken back: {}",
            in_words(&second)
        ),
    }
}

fn tell(
    screen: &Screen,
    record: &Record,
    plan: &Plan,
    watcher: Option<Watcher>,
) -> anyhow::Result<()> {
    let names = shown(&plan.names().join(", "));
    let Some(trial) = &record.trial else {
        return screen.say(&format!(
            "Set up: {names}. Keep this session open until you have logged in once more from elsewhere.\n\
             To take it back: nightlatch setup --remove"
        ));
    };
    screen.say(&format!(
        "Set up, until {}: {names}.\nLog in from elsewhere, with a code; then, if it worked: nightlatch setup --confirm\n\
         Otherwise everything is taken back by itself{}.",
        trial.ends().to_rfc3339(),
        match watcher {
            Some(Watcher::Unit) => ", and at once when the host is rebooted",
            _ => ". There is no systemd here, so do not reboot before: what is tried would stay",
        }
    ))
}
