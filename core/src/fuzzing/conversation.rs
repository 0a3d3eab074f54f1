//! A login by whoever does not have the code: nothing that is said or done tells who is enrolled, locked or known.

use std::cell::Cell;
use std::time::Duration;

use super::input::texts;
use crate::account::{Account, UserName};
use crate::answer::{Answer, BadAnswer};
use crate::audit::{Audit, Event};
use crate::backup_codes::{Digest, Salt};
use crate::check::Verdict;
use crate::config::Config;
use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::login::{AsksFor, Conversation, Echo, Login, Request, Step, Subject, Then, World};
use crate::state::{Bucket, Closed, Standing, State, Ticket, TokenState};
use crate::store::{MemoryStore, Past, Record, Store};
use crate::surroundings::System;
use crate::testing::NOW;
use crate::testing::token::token;
use crate::time::{Clock, ClockError, Time};
use crate::token::{Digits, Token};

/// Any answers, at any times, to an enrolled person of any past, to some who are not enrolled and to an unknown name, whether a
/// rule denies or not, and whether people enroll by invitation or not at all: the questions, what is said and the time it takes
/// are the same, the questions come to an end, and the door stays shut. Where whoever was never enrolled may enroll, that
/// shows, as it must, for them alone; and nothing is kept by it.
pub fn conversation(bytes: &[u8]) {
    let Some((&[failures, flags, prompts, pace], answers)) = bytes.split_first_chunk() else {
        return;
    };
    let answers: Vec<_> = texts(answers)
        .map(|answer| Answer::parse(answer.as_bytes()))
        .collect();
    let is_fit = |answer: &_| match answer {
        // One of these may be right by chance, once in a long while.
        Ok(Answer::Code(code)) => code.as_str().len() != usize::from(DIGITS),
        // Each of these takes tens of milliseconds where nobody is enrolled, as it must.
        Ok(Answer::BackupCode(_) | Answer::Tail(_)) => false,
        Err(_) => true,
    };
    if !answers.iter().all(is_fit) {
        return;
    }
    let prompts = 1 + prompts % 10;
    let text = format!("[login]\nprompts = {prompts}\n[token]\ndigits = {DIGITS}\n");
    let with = |more: &str| Config::parse(&format!("{text}{more}"), "/x.toml".as_ref()).unwrap();
    let config = with("");
    let store = store(failures, flags);
    let under = |config: &Config, subject| transcript(subject, &store, config, &answers, pace);

    let unknown = under(&config, Subject::Unknown);
    assert!(unknown.questions <= config.login.prompts.get());
    let everybody = || {
        let names = ["alice", "bob", "carol", "dave", "erin"];
        let known = names.map(|name| Subject::Known(account(name)));
        known.into_iter().chain([Subject::Unknown])
    };
    let deny = "[[rule]]\nsecond_factor = \"deny\"\n";
    let by_invitation = "[enrollment]\nmode = \"at-login\"\n[at_login]\nticket = true\n";
    for config in [&config, &with(deny), &with(by_invitation)] {
        for subject in everybody() {
            assert_eq!(under(config, subject), unknown);
        }
    }
    let open = "[enrollment]\nmode = \"at-login\"\n[at_login]\nopen = true\nqr = \"none\"\n";
    let open = with(open);
    for subject in everybody() {
        let is_offered = match &subject {
            Subject::Known(account) => matches!(account.name.as_str(), "bob" | "carol"),
            Subject::Unknown | Subject::Unresolved(_) => false,
        };
        let seen = under(&open, subject);
        assert_eq!(seen.said != unknown.said, is_offered);
        assert!(seen.questions <= u32::from(prompts));
    }
    assert!(store.look(&account("bob").name).unwrap().is_empty());
}

/// All that somebody can see of a login.
#[derive(Debug, Default, PartialEq, Eq)]
struct Transcript {
    questions: u32,
    said: Vec<String>,
    waited: Duration,
    ended: bool,
}

fn transcript(
    subject: Subject,
    store: &MemoryStore,
    config: &Config,
    answers: &[Result<Answer, BadAnswer>],
    pace: u8,
) -> Transcript {
    let clock = Stopwatch::default();
    let world = World {
        store,
        clock: &clock,
        audit: &Nowhere,
        surroundings: &System,
    };
    let request = Request {
        subject,
        service: "sshd".to_owned(),
        rhost: Some("192.0.2.7".to_owned()),
        real_uid: 0,
        prompt: None,
        asks_for: AsksFor::Code,
        echo: Echo::Off,
    };
    let mut login = Login::new(world, config, request);
    let mut transcript = Transcript::default();
    transcript.note(login.start());
    for answer in answers {
        if transcript.ended {
            break;
        }
        clock.passed.set(clock.passed.get() + u64::from(pace));
        transcript.note(login.answer(answer.clone()));
    }
    transcript.waited = clock.waited.get();
    transcript
}

impl Transcript {
    fn note(&mut self, step: Step) {
        self.said.extend(step.say);
        match step.then {
            Then::Ask(prompt) => {
                self.questions += 1;
                self.said.push(prompt.text.to_string());
            }
            Then::Done(verdict) => {
                let is_shut = matches!(verdict, Verdict::Refused(_) | Verdict::Unavailable(_));
                assert!(is_shut, "{verdict:?}");
                self.ended = true;
            }
        }
    }
}

/// Alice is enrolled and has failed this often; the flags say what else is the matter with her record. Nobody else is: carol is
/// invited, dave was removed, erin is closed, and of bob nothing is kept.
fn store(failures: u8, flags: u8) -> MemoryStore {
    let token = Token {
        digits: Digits::try_from(u64::from(DIGITS)).unwrap(),
        ..token(1, "phone")
    };
    let mut state = State {
        tokens: vec![TokenState::new(token.id)],
        elsewhere: Bucket {
            failures: failures.into(),
            since: NOW,
        },
        ..State::default()
    };
    if flags & 1 != 0 {
        state.disable();
    }
    if flags & 16 != 0 {
        state.closed = Closed::Yes;
    }
    if flags & 2 != 0 {
        // No state beside an enrollment.
        state.tokens.clear();
    }
    let enrollment = Enrollment {
        user: account("alice").name,
        // The second one is an account that got the name of somebody who left.
        uid: 1000 + u32::from(flags >> 2 & 1),
        created: NOW,
        tokens: vec![token],
        backup_codes: None,
        scratch_codes: None,
    };
    let store = MemoryStore::new();
    let record = Record {
        enrollment: Some(enrollment),
        state,
        ..Record::default()
    };
    store.put(&account("alice").name, record);
    let alone = State {
        standing: Standing::Alone,
        ..State::default()
    };
    let invited = State {
        ticket: Some(Ticket {
            id: Id::from_bytes([1; 16]),
            salt: Salt::from_bytes([1; 16]),
            digest: Digest::parse(&"9".repeat(64)).unwrap(),
            expires: NOW.plus(u64::from(flags)),
        }),
        ..alone.clone()
    };
    let closed = State {
        closed: Closed::Yes,
        ..alone
    };
    for (name, state, past) in [
        ("carol", invited, Past::Never),
        ("dave", State::default(), Past::Removed),
        ("erin", closed, Past::Never),
    ] {
        let record = Record {
            enrollment: None,
            state,
            past,
        };
        store.put(&account(name).name, record);
    }
    if flags & 8 != 0 {
        store.fail_writes();
    }
    store
}

fn account(name: &str) -> Account {
    Account {
        name: UserName::parse(name).unwrap(),
        uid: 1000,
        alias: None,
    }
}

/// A clock that stands still but for what passes between answers.
#[derive(Default)]
struct Stopwatch {
    passed: Cell<u64>,
    waited: Cell<Duration>,
}

impl Clock for Stopwatch {
    fn now(&self) -> Result<Time, ClockError> {
        Ok(NOW.plus(self.passed.get()))
    }

    fn elapsed(&self) -> Duration {
        self.waited.get()
    }

    fn sleep(&self, duration: Duration) {
        self.waited.set(self.waited.get() + duration);
    }
}

struct Nowhere;

impl Audit for Nowhere {
    fn note(&self, _: &Event<'_>) {}
}

/// How long alice's codes are.
const DIGITS: u8 = 7;
