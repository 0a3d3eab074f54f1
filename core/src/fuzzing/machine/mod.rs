//! The login machine from outside: any logins at once, any answers, clocks, changes by administrators and faults of the store, under
//! any configuration, and what must hold for all of them.
//!
//! What is known to be true is kept apart from what the store says, and is told from what was typed, said and kept alone:
//! neither [`check`](mod@crate::check) nor [`throttle`](crate::throttle) is asked.

mod administrator;
mod answers;
mod judge;
mod ledger;
mod listener;
mod person;
mod setting;
mod shaky;
mod turn;
mod visitor;

use std::time::Duration;

use answers::Typed;
use listener::{Log, Secrets};
use person::{Made, Opened, Person};
use setting::Host;
use shaky::{Does, Rival, Shaky, Trouble, Watch};
use visitor::Visitor;

use crate::account::{Account, UserName};
use crate::config::Config;
use crate::login::World;
use crate::store::MemoryStore;
use crate::testing::NOW;
use crate::time::Time;
use crate::token::{Period, Step};

/// The first seven bytes choose the configuration and the host. Each step after them takes four: what is done, with what, how, and
/// how much time passes before it and what goes wrong meanwhile.
pub fn machine(bytes: &[u8]) {
    let Some((head, steps)) = bytes.split_first_chunk::<7>() else {
        return;
    };
    let scene = Scene::new(*head);
    let mut course = Course::new(&scene);
    for &[what, with, how, when] in steps.as_chunks::<4>().0.iter().take(MOST_STEPS) {
        course.step(what, with, how, when);
    }
    course.end();
}

/// The world that the logins are in, and another one for somebody who is unknown in it.
struct Scene {
    config: Config,
    host: Host,
    store: Shaky,
    watch: Watch,
    log: Log,
    empty: MemoryStore,
    other_watch: Watch,
    other_log: Log,
}

impl Scene {
    fn new(head: [u8; 7]) -> Self {
        let scene = Self {
            config: setting::config(head),
            host: Host::new(head[1]),
            store: Shaky::default(),
            watch: Watch::default(),
            log: Log::default(),
            empty: MemoryStore::new(),
            other_watch: Watch::default(),
            other_log: Log::default(),
        };
        scene.set_clock(Some(NOW));
        scene
    }

    fn world(&self) -> World<'_> {
        World {
            store: &self.store,
            clock: &self.watch,
            audit: &self.log,
            surroundings: &self.host,
        }
    }

    fn other_world(&self) -> World<'_> {
        World {
            store: &self.empty,
            clock: &self.other_watch,
            audit: &self.other_log,
            surroundings: &self.host,
        }
    }

    fn set_clock(&self, now: Option<Time>) {
        self.watch.now.set(now);
        self.other_watch.now.set(now);
    }

    fn slept(&self) -> (Duration, Duration) {
        (self.watch.slept.get(), self.other_watch.slept.get())
    }
}

struct Course<'s> {
    scene: &'s Scene,
    visitors: [Option<Visitor<'s>>; VISITORS],
    /// Alice, who is enrolled at first, and Bob, who is not.
    people: [Person; 2],
    now: Time,
    opened: Opened,
    made: Made,
    secrets: Secrets,
    /// Every answer that had a code's shape, in turn.
    typed: Vec<Typed>,
    invitations: Vec<String>,
    number: u8,
    /// How many digests at full cost are left: each takes tens of milliseconds where no fuzzer made them cheap.
    digests: u32,
}

impl<'s> Course<'s> {
    fn new(scene: &'s Scene) -> Self {
        let account = |name: &str, uid| Account {
            name: UserName::parse(name).unwrap(),
            uid,
            alias: None,
        };
        let mut course = Self {
            scene,
            visitors: [const { None }; VISITORS],
            people: [account("alice", 1000), account("bob", 1001)].map(Person::new),
            now: NOW,
            opened: Opened::default(),
            made: Made::default(),
            secrets: Secrets::default(),
            typed: Vec::new(),
            invitations: Vec::new(),
            number: 0,
            digests: MOST_DIGESTS,
        };
        course.secrets.keep(answers::PASSWORD);
        course.enroll(0, 0b0001_0011);
        course
    }

    fn step(&mut self, what: u8, with: u8, how: u8, when: u8) {
        self.move_clock(when & 15);
        let slot = usize::from(with) % VISITORS;
        let person = usize::from(with >> 2) % 2;
        let trouble = self.trouble(when >> 4, how);
        self.scene.store.plant(trouble);
        match what % 16 {
            0..=7 if self.visitors[slot].is_none() => self.begin(slot, with, how),
            0..=7 => self.answer(slot, how),
            8 | 9 => self.account_phase(slot),
            10 => self.break_off(slot, how),
            11 => self.enroll_or_add(person, how),
            12 => self.take_away(person, how),
            13 => self.close_or_unlock(person, how),
            14 => self.invite_or_forget(person, how),
            _ => self.host_acts(person, how),
        }
        let _ = self.scene.store.happened();
        self.check_records();
    }

    /// Lets time pass, sets the clock anywhere, or breaks it until it is moved again.
    fn move_clock(&mut self, when: u8) {
        const DAY: u64 = 86_400;
        let unix = self.now.unix();
        let unix = match when {
            0..=2 => unix,
            3 => unix + 1,
            4 => unix + 15,
            5 => unix + 30,
            6 => unix + 61,
            7 => unix + 900,
            8 => unix + 3600,
            9 => unix + DAY,
            10 => unix + 31 * DAY,
            11 => unix.saturating_sub(30),
            12 => unix.saturating_sub(3600),
            13 => 0,
            14 => return self.scene.set_clock(None),
            _ => NOW.unix(),
        };
        self.set_clock(Time::from_unix(unix));
    }

    fn set_clock(&mut self, now: Time) {
        self.now = now;
        self.scene.set_clock(Some(now));
        self.forget_where_doubted();
    }

    /// Whoever got a record back from a backup cannot know which later codes were used; the time tells which may have been.
    fn forget_where_doubted(&mut self) {
        for person in self.people.iter().filter(|person| person.is_doubted) {
            for token in person.tokens() {
                if let Some(period) = token.period() {
                    let latest = period.step_at(self.now).plus(self.window());
                    self.opened.forget_later(token, latest);
                }
            }
        }
    }

    fn trouble(&self, kind: u8, how: u8) -> Trouble {
        let rival = |does| {
            Trouble::Rival(Rival {
                who: self.people[usize::from(how & 1)].account.clone(),
                does,
                rules: self.scene.config.rules(),
                now: self.now,
            })
        };
        match kind {
            1 => Trouble::Unreadable,
            2 => Trouble::Before,
            3 => Trouble::NotKept,
            4 => Trouble::KeptUnknown,
            5 => Trouble::Again,
            6 => rival(Does::Close),
            7 => rival(Does::Remove),
            8..=11 => match self.right_now(usize::from(how & 1), how) {
                Some(answer) => rival(Does::Answer(visitor::place_of(how), answer)),
                None => Trouble::None,
            },
            _ => Trouble::None,
        }
    }

    fn window(&self) -> u64 {
        self.scene.config.rules().window
    }

    fn present(&self, period: Period) -> Step {
        period.step_at(self.now)
    }

    /// Nothing that was returned or written down holds a secret.
    fn hear(&mut self, said: &[String]) {
        let (_, lines) = self.scene.log.take();
        for text in said.iter().chain(&lines) {
            self.secrets.assert_kept(text);
        }
    }

    /// What is kept of everybody says what is known of them.
    fn check_records(&mut self) {
        for person in &mut self.people {
            let record = self.scene.store.record(&person.account.name);
            let text = |enrolled: Option<&crate::enrollment::Enrollment>| {
                enrolled.map(|it| it.to_toml().to_string())
            };
            assert_eq!(
                text(record.enrollment.as_ref()),
                text(person.enrolled.as_ref())
            );
            let kept = person::kept_ledger(&record, person);
            assert_eq!(kept, person.ledger, "{}", person.account.name.as_str());
            assert_eq!(record.state.closed, person.closed);
            assert_eq!(record.past, person.past);
        }
    }

    fn end(&mut self) {
        for person in &self.people {
            let record = self.scene.store.record(&person.account.name);
            self.secrets.assert_kept(&format!("{record:?}"));
        }
    }
}

const VISITORS: usize = 4;
const MOST_STEPS: usize = 48;
const MOST_DIGESTS: u32 = 18;
