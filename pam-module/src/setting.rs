//! What every hook that decides something begins with: its arguments, the configuration, and what it reaches of the world.

use nightlatch_core::audit::{Audit as _, Event};
use nightlatch_core::check::Fault;
use nightlatch_core::config::{Config, ConfigError};
use nightlatch_core::login::World;
use nightlatch_core::store::FileStore;
use nightlatch_core::surroundings::System;
use nightlatch_core::time::SystemClock;
use pamsm::PamError;

use crate::arguments::Arguments;
use crate::auth::unavailable;
use crate::host::{HostLog, PamHost};
use crate::memory;
use crate::shield::CallerShield;

/// The arguments of the line in /etc/pam.d and the configuration.
pub struct Setting {
    /// The arguments.
    pub arguments: Arguments,
    /// The configuration that they name, or the usual one.
    pub config: Config,
}

impl Setting {
    /// Reads both. Whatever is wrong is logged, and the code denies.
    pub fn read(host: &dyn PamHost, words: &[String]) -> Result<Self, PamError> {
        let misconfigured = |problem: &str| {
            HostLog(host).note(&Event::Misconfigured {
                service: &host.service(),
                problem,
            });
            PamError::SERVICE_ERR
        };
        let arguments = Arguments::parse(words).map_err(|bad| misconfigured(&bad.to_string()))?;
        // A process that is not root must not be the one to decide, and may not read what it would take.
        if host.effective_uid() != 0 {
            let problem =
                "the application does not run as root, so that codes cannot be checked for it";
            return Err(unavailable(host, &Fault::Unusable(problem.to_owned())));
        }
        if let Some(problem) = memory::shortage() {
            return Err(unavailable(host, &Fault::Unusable(problem.to_owned())));
        }
        let config = load(&arguments).map_err(|error| misconfigured(&error.to_string()))?;
        Ok(Self { arguments, config })
    }
}

fn load(arguments: &Arguments) -> Result<Config, ConfigError> {
    match &arguments.config {
        Some(path) => Config::load(path),
        None => Config::load_default(),
    }
}

/// What a login reaches of the world: the store on this host, in the shield that its callers make necessary, the clock, the log.
pub struct Reach<'h> {
    store: FileStore,
    clock: SystemClock,
    log: HostLog<'h>,
}

impl<'h> Reach<'h> {
    /// Opens nothing yet.
    pub fn of(host: &'h dyn PamHost, config: &Config) -> Self {
        Self {
            store: FileStore::new(&config.store.dir).with_shield(Box::new(CallerShield)),
            clock: SystemClock::new(),
            log: HostLog(host),
        }
    }

    /// The same as the rules take it.
    pub fn world(&self) -> World<'_> {
        World {
            store: &self.store,
            clock: &self.clock,
            audit: &self.log,
            surroundings: &System,
        }
    }
}
