//! One login, and beside it one by somebody who is unknown, comes from the same place and answers the same: until a code was
//! proved, both see the same.

use super::Course;
use super::answers::Typed;
use super::judge::{Told, Tried};
use super::setting::{Someone, Visit};
use super::shaky::Kept;
use crate::admission::{self, Entry};
use crate::check::{Fault, Verdict};
use crate::config::SecondFactor;
use crate::login::{AsksFor, Conversation, Echo, Login, Otherwise, Request, Step, Subject};
use crate::place::Place;
use crate::token::Token;

pub(super) struct Visitor<'s> {
    pub who: Who,
    pub request: Request,
    pub place: Place,
    pub login: Login<'s>,
    /// Until a code was proved.
    pub other: Option<Login<'s>>,
    pub stage: Stage,
    pub has_begun: bool,
    pub told: Told,
    /// What was evaluated last.
    pub previous: Option<String>,
    /// The key on the screen, the code that proved it, and the backup codes.
    pub shown: Option<Token>,
    pub proof: String,
    pub codes: Vec<String>,
    /// The rule that holds.
    pub ruling: Option<(usize, SecondFactor)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// One of the people, with the uid that the account has.
    Person(usize, u32),
    Unknown,
    Unresolved,
}

pub(super) enum Stage {
    Code,
    Proof,
    Codes,
    Done(Verdict),
}

/// How a login begins, or goes on.
pub(super) enum Call {
    Start,
    StartWith(Typed, Otherwise),
    Answer(Typed),
}

impl<'s> Course<'s> {
    pub(super) fn begin(&mut self, slot: usize, with: u8, how: u8) {
        let (service, rhost, real_uid) = coming(how);
        let who = match how & 3 {
            0 => Who::Person(0, 1000),
            1 => Who::Person(1, 1001),
            2 => Who::Unknown,
            _ if with & 16 == 0 => Who::Person(0, 4242),
            _ => Who::Unresolved,
        };
        let subject = match who {
            Who::Person(person, uid) => {
                let mut account = self.people[person].account.clone();
                account.uid = uid;
                Subject::Known(account)
            }
            Who::Unknown => Subject::Unknown,
            Who::Unresolved => Subject::Unresolved(Fault::Unusable("no name service".to_owned())),
        };
        let request = Request {
            subject,
            service: service.to_owned(),
            rhost: rhost.map(str::to_owned),
            real_uid,
            prompt: (with & 0x50 == 0x50).then(|| "Code = ".to_owned()),
            asks_for: if with & 16 == 0 {
                AsksFor::Code
            } else {
                AsksFor::Both
            },
            echo: Echo::Off,
        };
        let other = Request {
            subject: Subject::Unknown,
            ..request.clone()
        };
        let ruling = self.scene.host.ruling(
            &self.scene.config,
            &Visit {
                who: match &request.subject {
                    Subject::Known(account) => Someone::Known(account),
                    Subject::Unknown => Someone::Nobody,
                    Subject::Unresolved(_) => Someone::Unresolved,
                },
                service,
                rhost,
            },
        );
        let scene = self.scene;
        let told = if with & 0x88 == 0x80 {
            Told::Later
        } else {
            Told::Now
        };
        let heard = |login: Login<'s>| match told {
            Told::Now => login,
            Told::Later => login.unheard(),
        };
        let login = Login::new(scene.world(), &scene.config, request.clone());
        let other = Login::new(scene.other_world(), &scene.config, other);
        let visitor = Visitor {
            who,
            place: place_of(how),
            login: heard(login),
            other: Some(heard(other)),
            request,
            stage: Stage::Code,
            has_begun: false,
            told,
            previous: None,
            shown: None,
            proof: String::new(),
            codes: Vec::new(),
            ruling,
        };
        let first = FIRST[usize::from(with >> 5)];
        let in_a_field = || Typed::new(&self.text_of(who.as_whom(), first), AsksFor::Both);
        let call = match with >> 2 & 3 {
            0 | 1 => Call::Start,
            2 => Call::StartWith(in_a_field(), Otherwise::Ask),
            _ => Call::StartWith(in_a_field(), Otherwise::Refuse),
        };
        self.turn(slot, visitor, call);
    }

    pub(super) fn answer(&mut self, slot: usize, how: u8) {
        let Some(visitor) = self.visitors[slot].take() else {
            return;
        };
        let text = match (&visitor.stage, &visitor.shown) {
            (Stage::Done(_), _) => {
                self.visitors[slot] = Some(visitor);
                return;
            }
            (Stage::Proof, Some(token)) if how & 15 < 11 => {
                let step = self.next_step(token).plus(u64::from(how >> 7));
                token.code_at(step).to_string()
            }
            (Stage::Codes, _) => String::new(),
            _ => self.text_of(visitor.who.as_whom(), how),
        };
        let typed = Typed::new(&text, visitor.request.asks_for);
        self.turn(slot, visitor, Call::Answer(typed));
    }

    /// The first factor was right, and the application goes on to the account phase.
    pub(super) fn account_phase(&mut self, slot: usize) {
        let Some(visitor) = self.visitors[slot].take() else {
            return;
        };
        let verdict = match &visitor.stage {
            Stage::Done(verdict @ (Verdict::Accepted(_) | Verdict::Exempt(_))) => verdict.clone(),
            Stage::Done(_) => return,
            Stage::Code | Stage::Proof | Stage::Codes => {
                self.visitors[slot] = Some(visitor);
                return;
            }
        };
        let Who::Person(person, _) = visitor.who else {
            panic!("nobody came in");
        };
        let (scene, request) = (self.scene, &visitor.request);
        let left = visitor.login.into_left(&verdict);
        let mut said = vec![format!("{left:?}")];
        said.extend(left.say.clone());
        let trusted = left.trust.clone();
        let prepared = left.prepared.as_ref().map(|prepared| {
            let trusts = prepared.from.trust.is_some();
            (prepared.ticket, trusts)
        });
        let holds = match prepared {
            None => true,
            Some((ticket, _)) => self.may_be_kept(person, ticket),
        };
        let admission = admission::admit(scene.world(), &scene.config, request, left);
        said.push(format!("{admission:?}"));
        said.extend(admission.say.clone());
        said.extend(
            admission
                .have_read
                .iter()
                .map(|prompt| prompt.text.to_string()),
        );
        self.hear(&said);
        let happened = scene.store.happened();
        let kept = happened.kept(0);
        let is_outrun = happened.outrun.is_some();
        if let Some(outrun) = happened.outrun {
            self.judge_rival(outrun);
        }
        let key = (request.service.clone(), visitor.place.to_string());
        if let Some((ticket, trusts)) = prepared {
            let shown = visitor.shown.as_ref().unwrap();
            if kept == Some(Kept::Enrollment) {
                assert!(holds || is_outrun, "kept, though it may not be");
                self.kept_at_login(person, ticket, shown, &visitor.proof, &visitor.codes);
                let now = self.now;
                self.people[person].ledger.know(&key.1, now);
                if trusts {
                    self.assert_may_trust(&visitor.request);
                    self.people[person].trusted.insert(key, now);
                }
            }
            let is_kept = kept == Some(Kept::Enrollment) && !happened.failed;
            assert_eq!(admission.entry == Entry::Open, is_kept);
            let is_clear = !happened.failed && !is_outrun && scene.watch.now.get().is_some();
            assert!(!is_clear || holds == is_kept);
        } else {
            assert_eq!(admission.entry, Entry::Open);
            if kept == Some(Kept::State) {
                assert!(trusted.is_some(), "nothing was to be kept");
                self.assert_may_trust(&visitor.request);
                assert_eq!(self.people[person].closed, crate::state::Closed::No);
                self.people[person].trusted.insert(key, self.now);
            }
        }
    }

    /// The first factor was wrong, or the connection broke; or, exempt, somebody typed a code all the same.
    pub(super) fn break_off(&mut self, slot: usize, how: u8) {
        let Some(visitor) = self.visitors[slot].take() else {
            return;
        };
        let (Stage::Done(Verdict::Exempt(_)), Who::Person(person, uid)) =
            (&visitor.stage, visitor.who)
        else {
            return;
        };
        let typed = Typed::new(&self.text_of(person, how), AsksFor::Both);
        let Ok(answer) = &typed.answer else { return };
        if typed.takes_a_digest() {
            let Some(left) = self.digests.checked_sub(1) else {
                return;
            };
            self.digests = left;
        }
        self.note_secret(&typed);
        let before = self.record(person);
        let factor = visitor.login.spend(answer);
        let happened = self.scene.store.happened();
        let kept = happened.kept(0);
        let mut before = before;
        if let Some(outrun) = happened.outrun {
            if self.person_called(&outrun.rival.who) == Some(person) {
                before = outrun.after.clone();
            }
            self.judge_rival(outrun);
        }
        self.hear(&[format!("{factor:?}")]);
        let tried = Tried {
            person,
            uid,
            place: visitor.place,
            answer,
            told: Told::Now,
        };
        self.judge_spent(&tried, factor.as_ref(), &before, kept, happened.failed);
    }

    pub(super) fn note_secret(&mut self, typed: &Typed) {
        match &typed.answer {
            Ok(crate::answer::Answer::BackupCode(code)) => self.secrets.keep(code.symbols()),
            Ok(_) => self.secrets.keep_code(&plain(&typed.text)),
            Err(_) => return,
        }
        self.typed.push(typed.clone());
    }
}

impl Who {
    pub(super) fn person(self) -> Option<usize> {
        match self {
            Self::Person(person, _) => Some(person),
            Self::Unknown | Self::Unresolved => None,
        }
    }

    /// Whose codes somebody tries.
    fn as_whom(self) -> usize {
        self.person().unwrap_or(0)
    }
}

impl Visitor<'_> {
    /// Whether it has not begun.
    pub(super) fn is_new(&self) -> bool {
        !self.has_begun
    }

    /// Whether this was evaluated just before.
    pub(super) fn repeats(&self, typed: &Typed) -> bool {
        self.previous.as_ref() == Some(&plain(&typed.text))
    }
}

pub(super) fn go(login: &mut Login<'_>, call: &Call) -> Step {
    match call {
        Call::Start => login.start(),
        Call::StartWith(typed, otherwise) => login.start_with(typed.answer.clone(), *otherwise),
        Call::Answer(typed) => login.answer(typed.answer.clone()),
    }
}

pub(super) fn answered_text(call: Call) -> String {
    match call {
        Call::Start => String::new(),
        Call::StartWith(typed, _) | Call::Answer(typed) => typed.text,
    }
}

pub(super) fn plain(text: &str) -> String {
    text.replace([' ', '-'], "").to_ascii_uppercase()
}

/// The service, the remote host and the uid that somebody comes with.
pub(super) fn coming(how: u8) -> (&'static str, Option<&'static str>, u32) {
    let service = [
        "sshd", "sshd", "sshd", "sshd", "login", "sudo", "sudo", "vpn",
    ];
    let rhost = [
        Some("192.0.2.7"),
        Some("::ffff:192.0.2.7"),
        Some("198.51.100.9"),
        Some("2001:db8::5"),
        Some("host.example"),
        Some("127.0.0.1"),
        Some("192.0.2.1"),
        None,
    ];
    let choice = usize::from(how >> 5);
    let uid = [0, 1000, 1001, 0, 0, 1000, 0, 0][choice];
    (service[usize::from(how >> 2 & 7)], rhost[choice], uid)
}

/// The place that this is.
pub(super) fn place_of(how: u8) -> Place {
    match coming(how) {
        ("sshd", Some(rhost), _) => Place::of_address(rhost),
        ("login" | "sudo", _, uid) => Place::Local(uid),
        _ => Place::Elsewhere,
    }
}

/// What may stand in a field before the first question.
const FIRST: [u8; 8] = [0x00, 0x10, 0x08, 0x0d, 0x0b, 0x03, 0x0a, 0x05];
