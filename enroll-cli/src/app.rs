//! What every command works with: the configuration, the store, the clock, the log, and the right to use them.

use std::path::{self, Path};

use anyhow::{Context as _, bail};
use nightlatch_core::account::UserName;
use nightlatch_core::config::Config;
use nightlatch_core::store::{FileStore, Record, Store as _, StoreError};
use nightlatch_core::time::{Clock as _, SystemClock, Time};
use nix::unistd::Uid;

use crate::journal::Journal;
use crate::person::{self, Person};

/// What every command works with.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The records.
    pub store: FileStore,
    /// The time.
    pub clock: SystemClock,
    /// The log.
    pub journal: Journal,
    /// Who is behind this command.
    pub by: String,
}

impl App {
    /// Reads the configuration. Only root gets this far: the store belongs to it.
    pub fn open(config: Option<&Path>) -> anyhow::Result<Self> {
        if !Uid::effective().is_root() {
            bail!(
                "only root can do this so far. Run it with sudo, or ask your administrator to do it for you"
            );
        }
        let config = configuration(config)?;
        Ok(Self {
            store: FileStore::new(&config.store.dir),
            config,
            clock: SystemClock::new(),
            journal: Journal,
            by: person::behind(),
        })
    }

    /// The time.
    pub fn now(&self) -> anyhow::Result<Time> {
        Ok(self.clock.now()?)
    }

    /// The record of somebody who has an account or a record.
    pub fn record_of(&self, person: &Person) -> anyhow::Result<Record> {
        let record = self.store.look(&person.name)?;
        if person.uid.is_none() && record.is_empty() {
            return Err(person.unknown());
        }
        Ok(record)
    }

    /// The record of somebody who is to be enrolled: the first one on a host has no store yet.
    pub fn record_before_enrolling(&self, who: &UserName) -> anyhow::Result<Record> {
        match self.store.look(who) {
            Err(StoreError::NotAStore(_)) => Ok(Record::default()),
            other => Ok(other?),
        }
    }
}

/// The configuration in effect.
pub fn configuration(named: Option<&Path>) -> anyhow::Result<Config> {
    Ok(match named {
        Some(named) => Config::load(&absolute(named)?)?,
        None => Config::load_default()?,
    })
}

/// A path as the rules want it: whoever types a command may name a file from where they stand.
pub fn absolute(named: &Path) -> anyhow::Result<path::PathBuf> {
    path::absolute(named).with_context(|| format!("{}: not a path", named.display()))
}
