//! A login in a test: a store, a clock and a log, and alice, who is enrolled. Bob is not.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::time::Duration;

use nix::errno::Errno;

use super::CHEAP;
use super::token::token;
use crate::account::{Account, Entry, UserName};
use crate::answer::{Answer, BadAnswer};
use crate::audit::{Audit, Event};
use crate::backup_codes::{BackupCode, BackupCodes, Cost, Count};
use crate::check::Verdict;
use crate::config::{Config, GroupName, Mode};
use crate::enrollment::Enrollment;
use crate::login::{AsksFor, Echo, Login, Request, Step, Subject, Then, World};
use crate::scratch_codes::{ScratchCode, ScratchCodes};
use crate::state::{Bucket, SpentCodes, State, TokenState};
use crate::store::{MemoryStore, Record, Store};
use crate::surroundings::{GroupEntry, Surroundings, System, Unresolved};
use crate::time::{Clock, ClockError, Time};
use crate::token::{Period, Token};

/// A clock that stands still until somebody sleeps.
pub(crate) struct FakeClock {
    pub(crate) now: Cell<u64>,
    pub(crate) slept: Cell<Duration>,
}

impl Clock for FakeClock {
    fn now(&self) -> Result<Time, ClockError> {
        Ok(Time::from_unix(self.now.get()))
    }

    fn elapsed(&self) -> Duration {
        self.slept.get()
    }

    fn sleep(&self, duration: Duration) {
        self.slept.set(self.slept.get() + duration);
    }
}

#[derive(Default)]
pub(crate) struct Lines(pub(crate) RefCell<Vec<String>>);

impl Audit for Lines {
    fn note(&self, event: &Event<'_>) {
        self.0.borrow_mut().push(event.render());
    }
}

/// A store, a clock and a log, and alice's token.
pub(crate) struct Scene {
    pub(crate) store: MemoryStore,
    pub(crate) clock: FakeClock,
    pub(crate) log: Lines,
    pub(crate) config: Config,
    pub(crate) token: Token,
    pub(crate) backup_codes: Vec<BackupCode>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let token = token(1, "phone");
        let (set, backup_codes) = BackupCodes::make(Count::DEFAULT, CHEAP).unwrap();
        let set_id = set.id;
        let store = MemoryStore::new();
        let enrollment = Enrollment {
            user: alice().name,
            uid: 1000,
            created: Time::from_unix(0),
            tokens: vec![token.clone()],
            backup_codes: Some(set),
            scratch_codes: None,
        };
        let state = State {
            tokens: vec![TokenState::new(token.id)],
            spent: vec![SpentCodes::none(set_id)],
            ..State::default()
        };
        store.put(
            &alice().name,
            Record {
                enrollment: Some(enrollment),
                state,
                ..Record::default()
            },
        );
        let clock = FakeClock {
            now: Cell::new(1_795_487_400),
            slept: Cell::default(),
        };
        Self {
            store,
            clock,
            log: Lines::default(),
            config: Config::default(),
            token,
            backup_codes,
        }
    }

    /// Gives alice these scratch codes, for 30 days, in place of her backup codes.
    pub(crate) fn brings_scratch_codes(&self, codes: &[&str]) {
        let codes: Vec<_> = codes
            .iter()
            .map(|code| ScratchCode::parse(code).unwrap())
            .collect();
        let expires = Time::from_unix(self.clock.now.get() + 30 * 86_400);
        // What they cost is what everything costs that is as long.
        let scratch = ScratchCodes::make(&codes, Cost::DEFAULT, expires).unwrap();
        let mut record = self.record_of(&alice());
        record.state.spent = vec![SpentCodes::none(scratch.set.id)];
        let enrollment = record.enrollment.as_mut().unwrap();
        enrollment.backup_codes = None;
        enrollment.scratch_codes = Some(scratch);
        self.store.put(&alice().name, record);
    }

    /// Locks alice's door for strangers.
    pub(crate) fn is_locked(&self) {
        let mut record = self.record_of(&alice());
        record.state.elsewhere = Bucket {
            failures: 40,
            since: Time::from_unix(self.clock.now.get()),
        };
        self.store.put(&alice().name, record);
    }

    /// Lets alice's record forget failures that are no lock.
    pub(crate) fn forgets_failures(&self) {
        let mut record = self.record_of(&alice());
        if record.state.elsewhere.failures < 40 {
            record.state.clear_failures();
            self.store.put(&alice().name, record);
        }
    }

    pub(crate) fn optional() -> Self {
        let mut scene = Self::new();
        scene.config.enrollment.mode = Mode::Optional;
        scene
    }

    pub(crate) fn login(&self, subject: Subject) -> Login<'_> {
        self.login_on(&System, subject)
    }

    pub(crate) fn login_on<'w>(
        &'w self,
        surroundings: &'w dyn Surroundings,
        subject: Subject,
    ) -> Login<'w> {
        self.login_of(surroundings, request(subject))
    }

    pub(crate) fn login_of<'w>(
        &'w self,
        surroundings: &'w dyn Surroundings,
        request: Request,
    ) -> Login<'w> {
        Login::new(self.world(surroundings), &self.config, request)
    }

    pub(crate) fn world<'w>(&'w self, surroundings: &'w dyn Surroundings) -> World<'w> {
        World {
            store: &self.store,
            clock: &self.clock,
            audit: &self.log,
            surroundings,
        }
    }

    pub(crate) fn record_of(&self, account: &Account) -> Record {
        self.store.look(&account.name).unwrap()
    }

    pub(crate) fn time(&self) -> Time {
        Time::from_unix(self.clock.now.get())
    }

    /// Lets so many seconds pass.
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.now.set(self.clock.now.get() + seconds);
    }

    pub(crate) fn code(&self) -> String {
        self.token
            .code_at(Period::THIRTY.step_at(Time::from_unix(self.clock.now.get())))
            .to_string()
    }

    pub(crate) fn last_line(&self) -> String {
        self.log.0.borrow().last().cloned().unwrap_or_default()
    }
}

/// A host with this address, or one that cannot tell. It has no groups.
pub(crate) struct Host(pub(crate) Result<IpAddr, Errno>);

impl Surroundings for Host {
    fn gids_of(&self, _: &Account) -> Result<Vec<u32>, Unresolved> {
        Ok(Vec::new())
    }

    fn gids_of_alias(&self, _: &Entry) -> Result<Vec<u32>, Unresolved> {
        Ok(Vec::new())
    }

    fn group(&self, _: &GroupName) -> Result<Option<GroupEntry>, Unresolved> {
        Ok(None)
    }

    fn own_addresses(&self) -> Result<Vec<IpAddr>, Unresolved> {
        self.0.map(|own| vec![own]).map_err(Unresolved)
    }
}

/// A scene with these rules, and whatever else is in the text.
pub(crate) fn under(config: &str) -> Scene {
    let mut scene = Scene::new();
    scene.config = Config::parse(config, "test".as_ref()).unwrap();
    scene
}

/// Somebody comes by ssh, from 192.0.2.7.
pub(crate) fn request(subject: Subject) -> Request {
    Request {
        subject,
        service: "sshd".to_owned(),
        rhost: Some("192.0.2.7".to_owned()),
        real_uid: 0,
        prompt: None,
        asks_for: AsksFor::Code,
        echo: Echo::Off,
    }
}

pub(crate) fn alice() -> Account {
    Account {
        name: UserName::parse("alice").unwrap(),
        uid: 1000,
        alias: None,
    }
}

pub(crate) fn bob() -> Account {
    Account {
        name: UserName::parse("bob").unwrap(),
        uid: 1001,
        alias: None,
    }
}

pub(crate) fn typed(text: &str) -> Result<Answer, BadAnswer> {
    Answer::parse(text.as_bytes())
}

pub(crate) fn question(step: &Step) -> &str {
    match &step.then {
        Then::Ask(prompt) => &prompt.text,
        Then::Done(verdict) => panic!("ended with {verdict:?}"),
    }
}

pub(crate) fn verdict(step: Step) -> Verdict {
    match step.then {
        Then::Done(verdict) => verdict,
        Then::Ask(prompt) => panic!("asked {prompt:?}"),
    }
}
