//! `--confirm`: what is tried stays.

use std::path::Path;

use anyhow::{anyhow, bail};
use nightlatch_core::audit::{Audit as _, Event};
use nightlatch_core::place::Place;
use nightlatch_core::store::Store as _;
use nightlatch_core::time::Time;

use super::take_back::{Reason, take_back};
use crate::app::App;
use crate::cli;
use crate::journal::Journal;
use crate::person;
use crate::screen::{Screen, shown};
use crate::setup::kept::Kept;
use crate::setup::sshd;
use crate::setup::trial::{Moment, Standing};
use crate::setup::watch;
use crate::signals::Signals;

/// Keeps what is tried.
pub fn run(named: Option<&Path>, arguments: &cli::Setup) -> anyhow::Result<()> {
    let screen = Screen::output()?;
    let signals = Signals::hold()?;
    let nothing = || {
        anyhow!(
            "nothing is tried: it was confirmed or taken back before. See: nightlatch setup --status"
        )
    };
    let kept = Kept::open()?.ok_or_else(nothing)?;
    let mut record = kept.record()?;
    let trial = record.trial.clone().ok_or_else(nothing)?;
    if !matches!(trial.at(&Moment::now()?), Standing::Left(_)) {
        take_back(&kept, &trial.services, Reason::NotConfirmed, &trial.by)?;
        bail!("the time is over, and it was taken back. Run it again: nightlatch setup --try");
    }
    let who = if arguments.force {
        None
    } else {
        let door = Door::of(&trial.services);
        Some(somebody_since(&App::open(named)?, trial.began(), door)?.ok_or_else(|| {
            anyhow!(
                "nobody has got in with a code {}since {}. Log in once from elsewhere, then confirm it; or, if you know better: \
                 nightlatch setup --confirm --force",
                door.word(),
                trial.began().to_rfc3339()
            )
        })?)
    };
    signals.obey()?;
    record.trial = None;
    kept.write(&record)?;
    watch::disarm()?;
    let services = trial.services.join(",");
    Journal.note(&Event::SetupConfirmed {
        services: &services,
        by: &person::behind(),
    });
    let who = who.map_or_else(String::new, |who| {
        format!(" {} got in with a code.", shown(&who))
    });
    screen.say(&format!(
        "Kept: {}.{who} To take it back: nightlatch setup --remove",
        shown(&services)
    ))
}

/// Where somebody has to have got in for a trial to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// Anywhere.
    Any,
    /// From an address: what is tried is the way in from elsewhere, and a code that sudo took, perhaps for this very command, says
    /// nothing about that.
    FromElsewhere,
}

impl Door {
    fn of(services: &[String]) -> Self {
        if services.iter().any(|service| service == sshd::SERVICE) {
            Self::FromElsewhere
        } else {
            Self::Any
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::FromElsewhere => "from an address ",
        }
    }

    fn is_at(self, place: Place) -> bool {
        self == Self::Any || matches!(place, Place::Address(_))
    }
}

/// Somebody who got in with a code since.
fn somebody_since(app: &App, began: Time, door: Door) -> anyhow::Result<Option<String>> {
    // What a clock that ran ahead left behind is no log-in of now.
    let since = began..=app.now()?;
    for user in app.store.users()? {
        // Whose record cannot be read says nothing; others may.
        let Ok(record) = app.store.look(&user) else {
            continue;
        };
        let places = &record.state.places;
        if places
            .iter()
            .any(|known| door.is_at(known.place) && since.contains(&known.last_success))
        {
            return Ok(Some(user.as_str().to_owned()));
        }
    }
    Ok(None)
}
