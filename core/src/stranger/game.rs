//! A host, alice who logs in there, a stranger who has her password, and somebody who counts.
//!
//! Whoever counts does not believe the state. Whether an answer was looked at is asked by giving the code that her phone shows, at
//! that moment and from there, to a copy of the record: had the answer been that code, would the door have opened?

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::dice::Dice;
use crate::answer::{Answer, BadAnswer};
use crate::check::Verdict;
use crate::login::{Conversation as _, Login, Request, Subject, Then};
use crate::place::Place;
use crate::state::TokenState;
use crate::surroundings::System;
use crate::testing::scene::{Scene, alice, request};
use crate::time::Time;
use crate::token::{Drift, Period, Step, Token};
use crate::transaction::{Attempt, Transaction as _};

/// A way to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Door {
    /// What alice must be told of tries there; also what tells places apart, but for those on the host itself.
    pub(super) said: String,
    service: &'static str,
    rhost: Option<String>,
    uid: u32,
}

impl Door {
    /// By ssh, from an IPv4 address.
    pub(super) fn ssh(address: &str) -> Self {
        Self::ssh_as(address, address)
    }

    /// By ssh, where PAM is told one thing and alice another.
    pub(super) fn ssh_as(rhost: &str, said: &str) -> Self {
        Self {
            said: said.to_owned(),
            service: "sshd",
            rhost: Some(rhost.to_owned()),
            uid: 0,
        }
    }

    /// By a service that is not believed about where somebody comes from.
    pub(super) fn unbelieved(rhost: &str) -> Self {
        Self {
            service: "vsftpd",
            ..Self::ssh_as(rhost, "elsewhere")
        }
    }

    /// On the host, as the account with this uid.
    pub(super) fn local(service: &'static str, uid: u32) -> Self {
        Self {
            said: "this host".to_owned(),
            service,
            rhost: None,
            uid,
        }
    }

    fn request(&self) -> Request {
        Request {
            service: self.service.to_owned(),
            rhost: self.rhost.clone(),
            real_uid: self.uid,
            ..request(Subject::Known(alice()))
        }
    }

    /// Which of alice's places it is, where it can be one.
    fn key(&self) -> Option<(String, u32)> {
        (self.said != "elsewhere").then(|| (self.said.clone(), self.uid))
    }
}

/// What somebody types who does not know the code.
#[derive(Clone, Debug)]
pub(super) enum Typed {
    /// A guess.
    Guess(String),
    /// What is no try: no code's shape, or a code that was used.
    NoTry(String),
}

/// Wrong answers that were looked at, counted from outside.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// All of them, alice's own mistakes too.
    pub(super) in_all: u32,
    /// Since alice last got in, wherever.
    since_success: u32,
    /// Since she last got in at an unknown place.
    pub(super) unknown: u32,
    /// At each known place, since she last got in there.
    pub(super) known: BTreeMap<(String, u32), u32>,
    /// Those that alice was not told of yet.
    untold: u32,
    /// And the first places that they came from.
    from: Vec<String>,
    /// The most there were at a time.
    pub(super) most: Most,
}

/// The most wrong answers that were looked at …
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Most {
    /// … between two of alice's logins.
    pub(super) since_success: u32,
    /// … in a row at unknown places.
    pub(super) unknown: u32,
    /// … in a row at one known place.
    pub(super) known: u32,
    /// … in a row at all places.
    pub(super) everywhere: u32,
}

pub(super) struct Game {
    pub(super) scene: Scene,
    pub(super) dice: Dice,
    tally: RefCell<Tally>,
    phone: Token,
    drift: i64,
    /// The last step whose code alice gave.
    given: Cell<Option<Step>>,
    /// How often she got in.
    pub(super) logins: Cell<u32>,
    /// When wrong answers were looked at.
    pub(super) moments: RefCell<Vec<u64>>,
    begin: u64,
}

impl Game {
    /// Alice's tokens, the first of which is her phone. Its clock is off by `drift` steps, which is known.
    pub(super) fn new(seed: u64, tokens: &[Token], drift: i64) -> Self {
        let scene = Scene::new();
        let mut record = scene.record_of(&alice());
        record.enrollment.as_mut().unwrap().tokens = tokens.to_vec();
        record.state.tokens = tokens
            .iter()
            .map(|token| TokenState {
                drift: Drift::new(drift).unwrap(),
                ..TokenState::new(token.id)
            })
            .collect();
        scene.store.put(&alice().name, record);
        let begin = scene.clock.now.get();
        Self {
            scene,
            dice: Dice::new(seed),
            tally: RefCell::default(),
            phone: tokens[0].clone(),
            drift,
            given: Cell::new(None),
            logins: Cell::new(0),
            moments: RefCell::default(),
            begin,
        }
    }

    /// Seconds since the beginning.
    pub(super) fn elapsed(&self) -> u64 {
        self.scene.clock.now.get() - self.begin
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.scene.pass(seconds);
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally.borrow().clone()
    }

    /// The step that alice's phone is in.
    fn shown(&self, now: Time) -> Step {
        Period::THIRTY
            .step_at(now)
            .drifted(Drift::new(self.drift).unwrap())
    }

    /// What alice's phone showed so many steps ago.
    pub(super) fn code_of_before(&self, steps: u64) -> String {
        let step = self.shown(self.scene.time()).minus(steps);
        self.phone.code_at(step).to_string()
    }

    /// The code that alice gave last, while giving it again is no guess.
    pub(super) fn used_code(&self) -> Option<String> {
        let step = self.given.get()?;
        (step.plus(1) >= self.shown(self.scene.time()))
            .then(|| self.phone.code_at(step).to_string())
    }

    /// Whether the code of alice's phone would open there in so many seconds, if she had not used it.
    pub(super) fn opens_in(&self, door: &Door, seconds: u64) -> bool {
        let now = self.scene.time().plus(seconds);
        let mut record = self.scene.record_of(&alice());
        record.enrollment.as_mut().unwrap().tokens.truncate(1);
        record.state.tokens.truncate(1);
        record.state.tokens[0].last_step = None;
        let code = self.phone.code_at(self.shown(now));
        let answer = Answer::parse(code.as_bytes()).unwrap();
        let rules = self.scene.config.rules();
        let mut attempt = Attempt::new(1000, self.place(door), &answer, &rules);
        matches!(attempt.apply(&record, now).0, Verdict::Accepted(_))
    }

    pub(super) fn opens(&self, door: &Door) -> bool {
        self.opens_in(door, 0)
    }

    /// In how many seconds the door opens to a right code; nothing if it does not within the longest lock, and so never by itself.
    pub(super) fn opens_after(&self, door: &Door) -> Option<u64> {
        let longest = self.scene.config.rules().throttle.longest_lock;
        if !self.opens_in(door, longest) {
            return None;
        }
        let (mut shut, mut open) = (0, longest);
        if self.opens(door) {
            return Some(0);
        }
        while open - shut > 1 {
            let middle = shut.midpoint(open);
            if self.opens_in(door, middle) {
                open = middle;
            } else {
                shut = middle;
            }
        }
        Some(open)
    }

    /// A login there, at the question.
    pub(super) fn at_the_question(&self, door: &Door) -> Login<'_> {
        let mut login = self.scene.login_of(&System, door.request());
        login.start();
        login
    }

    /// Gives answers in one conversation until it ends.
    pub(super) fn tries(&self, door: &Door, answers: &[Typed]) {
        let mut login = self.at_the_question(door);
        for typed in answers {
            if self.answers(&mut login, door, typed).is_break() {
                break;
            }
        }
        self.scene.log.0.borrow_mut().clear();
    }

    /// Gives one answer, which opens nothing, and counts it.
    pub(super) fn answers(
        &self,
        login: &mut Login<'_>,
        door: &Door,
        typed: &Typed,
    ) -> std::ops::ControlFlow<()> {
        let is_looked_at = self.opens(door);
        let before = self.scene.record_of(&alice()).state;
        let (Typed::Guess(text) | Typed::NoTry(text)) = typed;
        let step = login.answer(parse(text));
        let after = self.scene.record_of(&alice()).state;
        match typed {
            Typed::Guess(_) if is_looked_at => self.count(door),
            // Nothing is learned, and nothing changes: no lock is lengthened, nothing is counted.
            Typed::Guess(_) | Typed::NoTry(_) => assert_eq!(before, after, "{typed:?} {door:?}"),
        }
        match step.then {
            Then::Ask(_) => std::ops::ControlFlow::Continue(()),
            Then::Done(verdict) => {
                assert!(
                    matches!(verdict, Verdict::Refused(_)),
                    "a lucky guess: give the dice another seed. {verdict:?}"
                );
                std::ops::ControlFlow::Break(())
            }
        }
    }

    /// Alice makes so many mistakes and then gives the code of her phone, which opens. She is told of whatever was looked at.
    pub(super) fn alice_logs_in(&self, door: &Door, mistakes: u32) {
        let mut login = self.at_the_question(door);
        for _ in 0..mistakes {
            let wrong = Typed::Guess(self.dice.digits(6));
            let end = self.answers(&mut login, door, &wrong);
            assert!(end.is_continue(), "alice has a question left");
        }
        let step = self
            .given
            .get()
            .map_or(Step(0), |given| given.plus(1))
            .max(self.shown(self.scene.time()));
        let told = login.answer(parse(&self.phone.code_at(step)));
        assert!(
            matches!(told.then, Then::Done(Verdict::Accepted(_))),
            "alice is kept out at {door:?}, {} s after the beginning: {told:?}",
            self.elapsed()
        );
        self.given.set(Some(step));
        self.logins.set(self.logins.get() + 1);
        let mut tally = self.tally.borrow_mut();
        assert_eq!(told.say, words(tally.untold, &tally.from));
        tally.since_success = 0;
        tally.untold = 0;
        tally.from.clear();
        if let Some(failures) = door.key().and_then(|key| tally.known.get_mut(&key)) {
            *failures = 0;
        } else {
            tally.unknown = 0;
            tally.known.extend(door.key().map(|key| (key, 0)));
        }
        self.scene.log.0.borrow_mut().clear();
    }

    /// An administrator forgot all failures. What alice is to be told stays.
    pub(super) fn failures_are_forgotten(&self) {
        let mut tally = self.tally.borrow_mut();
        tally.unknown = 0;
        tally.known.values_mut().for_each(|failures| *failures = 0);
        tally.since_success = 0;
    }

    fn count(&self, door: &Door) {
        self.moments.borrow_mut().push(self.elapsed());
        let mut tally = self.tally.borrow_mut();
        let tally = &mut *tally;
        tally.in_all += 1;
        tally.since_success += 1;
        tally.untold += 1;
        if tally.from.len() < 4 && !tally.from.contains(&door.said) {
            tally.from.push(door.said.clone());
        }
        match door.key().and_then(|key| tally.known.get_mut(&key)) {
            Some(failures) => {
                *failures += 1;
                tally.most.known = tally.most.known.max(*failures);
            }
            None => tally.unknown += 1,
        }
        let everywhere = tally.unknown + tally.known.values().sum::<u32>();
        let most = &mut tally.most;
        most.since_success = most.since_success.max(tally.since_success);
        most.unknown = most.unknown.max(tally.unknown);
        most.everywhere = most.everywhere.max(everywhere);
        assert!(
            most.since_success <= 100
                && most.everywhere <= 100
                && most.unknown <= 60
                && most.known <= 20,
            "{most:?}"
        );
    }

    fn place(&self, door: &Door) -> Place {
        let config = &self.scene.config;
        config.place(door.service, door.rhost.as_deref(), door.uid)
    }
}

fn parse(text: &str) -> Result<Answer, BadAnswer> {
    Answer::parse(text.as_bytes())
}

/// What alice must be told of so many wrong codes from there.
fn words(count: u32, from: &[String]) -> Vec<String> {
    let codes = match count {
        0 => return Vec::new(),
        1 => "code",
        _ => "codes",
    };
    let from = from.join(" and ");
    vec![format!(
        "{count} wrong {codes} since your last login, from {from}. If that was not you, change your password."
    )]
}
