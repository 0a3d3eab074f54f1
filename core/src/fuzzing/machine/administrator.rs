//! What administrators do meanwhile, and the host: backups that come back, and people whom nobody asked.

use super::Course;
use super::listener::Heard;
use super::person::{Invitation, Person};
use super::shaky::{Kept, Trouble};
use super::visitor::coming;
use crate::account::Account;
use crate::admission::{self, Entry};
use crate::backup_codes::{BackupCode, BackupCodes, Salt};
use crate::check::Refusal;
use crate::config::{Mode, SecondFactor};
use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::login::{AsksFor, Echo, Request, Subject};
use crate::state::{Closed, Integrity, TokenState};
use crate::store::Past;
use crate::testing::CHEAP;
use crate::testing::token::token;
use crate::token::{Counter, Kind, Token};
use crate::transaction::{
    self, AddToken, CancelInvite, Close, Enroll, Existing, ForgetTrust, Invite, Mend, Remove,
    RenewCodes, Transaction, Unlock, make_ticket,
};

impl Course<'_> {
    pub(super) fn enroll_or_add(&mut self, person: usize, how: u8) {
        if how & 0x80 == 0 {
            self.enroll(person, how);
        } else {
            self.add_token(person, how);
        }
    }

    /// Bits of `how`: 0 and 1 say which tokens, 4 whether with backup codes, 5 whether one is replaced.
    pub(super) fn enroll(&mut self, person: usize, how: u8) {
        let kinds: &[bool] =
            [&[true][..], &[false], &[true, true], &[true, false]][usize::from(how & 3)];
        let tokens: Vec<_> = kinds
            .iter()
            .map(|&by_time| self.new_token(by_time))
            .collect();
        let account = self.people[person].account.clone();
        let enrollment = Enrollment {
            user: account.name,
            uid: account.uid,
            created: self.now,
            tokens,
            backup_codes: (how & 16 != 0).then(|| self.new_codes()),
            scratch_codes: None,
        };
        let first = &enrollment.tokens[0];
        let proved = (how & 64 != 0)
            .then(|| self.next_step(first))
            .map(|step| TokenState {
                last_step: Some(step),
                ..TokenState::new(first.id)
            });
        let existing = if how & 32 == 0 {
            Existing::Keep
        } else {
            Existing::Replace
        };
        let rules = &self.scene.config.rules();
        let kept = self.run(
            person,
            Enroll {
                enrollment: enrollment.clone(),
                existing,
                proved: proved.into_iter().collect(),
                rules,
            },
        );
        if kept == Kept::Enrollment {
            let is_new = self.people[person].enrolled.is_none();
            assert!(is_new || existing == Existing::Replace);
            self.note_proved(&enrollment.tokens[0], proved);
            self.people[person].enroll(enrollment);
        }
    }

    fn add_token(&mut self, person: usize, how: u8) {
        let token = self.new_token(how & 1 == 0);
        let proved = (how & 2 != 0).then(|| TokenState {
            last_step: Some(self.next_step(&token)),
            ..TokenState::new(token.id)
        });
        let add = AddToken {
            uid: self.people[person].account.uid,
            token: token.clone(),
            proved,
            rules: &self.scene.config.rules(),
        };
        if self.run(person, add) == Kept::Enrollment {
            self.note_proved(&token, proved);
            let person = &mut self.people[person];
            assert!(!person.ledger.disabled);
            person.trusted.clear();
            person.is_doubted = false;
            person.enrolled.as_mut().unwrap().tokens.push(token);
        }
    }

    fn note_proved(&mut self, token: &Token, proved: Option<TokenState>) {
        if let Some(step) = proved.and_then(|proved| proved.last_step) {
            self.opened.by_step(token, step);
        }
    }

    pub(super) fn take_away(&mut self, person: usize, how: u8) {
        let rules = &self.scene.config.rules();
        if how.is_multiple_of(4) {
            let codes = self.new_codes();
            let renew = RenewCodes {
                codes: codes.clone(),
                rules,
            };
            if self.run(person, renew) == Kept::Enrollment {
                let person = &mut self.people[person];
                person.trusted.clear();
                person.is_doubted = false;
                person.enrolled.as_mut().unwrap().backup_codes = Some(codes);
            }
            return;
        }
        let tokens = self.people[person].tokens();
        let label = (how & 3 == 1 && !tokens.is_empty())
            .then(|| tokens[usize::from(how >> 2) % tokens.len()].label.clone());
        let remove = Remove {
            label: label.clone(),
            rules,
        };
        let kept = self.run(person, remove);
        let person = &mut self.people[person];
        match kept {
            Kept::Nothing => {}
            Kept::Removal => person.removed(),
            Kept::Enrollment => {
                person.trusted.clear();
                person.is_doubted = false;
                let enrolled = person.enrolled.as_mut().unwrap();
                enrolled
                    .tokens
                    .retain(|token| Some(&token.label) != label.as_ref());
                assert!(!enrolled.tokens.is_empty());
            }
            Kept::State => panic!("nothing was taken away"),
        }
    }

    pub(super) fn close_or_unlock(&mut self, person: usize, how: u8) {
        let rules = &self.scene.config.rules();
        let mend = match how & 7 {
            0 | 1 => {
                let kept = self.run(person, Close { rules });
                return self.closed(person, kept);
            }
            2..=4 => Mend::Locks,
            5 | 6 => Mend::Clock,
            _ => Mend::FreshState,
        };
        if self.run(person, Unlock { mend, rules }) == Kept::State {
            self.unlocked(person, mend);
        }
    }

    /// Everything is taken away.
    pub(super) fn removed(&mut self, person: usize, kept: Kept) {
        if kept == Kept::Removal {
            self.people[person].removed();
        }
    }

    pub(super) fn closed(&mut self, person: usize, kept: Kept) {
        if kept == Kept::State {
            let person = &mut self.people[person];
            person.closed = Closed::Yes;
            person.trusted.clear();
            person.is_doubted = false;
        }
    }

    fn unlocked(&mut self, person: usize, mend: Mend) {
        let (now, window) = (self.now, self.window());
        let person = &mut self.people[person];
        person.is_doubted = false;
        match mend {
            Mend::Locks => {
                person.ledger.clear();
                person.closed = Closed::No;
                for id in std::mem::take(&mut person.waiting) {
                    self.opened.forget(id);
                }
                return;
            }
            Mend::Clock => {
                person.trusted.retain(|_, since| *since <= now);
                person.ledger.mend_clock(now);
            }
            Mend::FreshState => {
                let disabled = person.ledger.disabled;
                person.ledger = super::ledger::Ledger::default();
                person.ledger.disabled = disabled;
                person.trusted.clear();
                person.waiting.clear();
            }
        }
        for token in person.tokens() {
            if let Some(period) = token.period() {
                let latest = period.step_at(now).plus(window);
                self.opened.forget_later(token, latest);
            }
        }
    }

    pub(super) fn invite_or_forget(&mut self, person: usize, how: u8) {
        let rules = &self.scene.config.rules();
        match how & 3 {
            0 | 1 => {
                let Some(left) = self.digests.checked_sub(1) else {
                    return;
                };
                self.digests = left;
                let expires = self
                    .now
                    .plus([0, 60, 3600, 40 * 86_400][usize::from(how >> 2 & 3)]);
                let (ticket, code) = make_ticket(expires).unwrap();
                let (id, text) = (ticket.id, code.grouped().to_string());
                self.secrets.keep(&text);
                self.invitations.push(text.clone());
                if self.run(person, Invite { ticket, rules }) == Kept::State {
                    let person = &mut self.people[person];
                    assert!(person.enrolled.is_none());
                    person.ledger.clear();
                    person.invitation = Some(Invitation { id, expires, text });
                }
            }
            2 => {
                let kept = self.run(person, CancelInvite { rules });
                let person = &mut self.people[person];
                match kept {
                    Kept::Nothing => {}
                    Kept::State => person.invitation = None,
                    Kept::Removal => person.removed(),
                    Kept::Enrollment => panic!("an invitation was taken back"),
                }
            }
            _ => {
                let forget = ForgetTrust {
                    service: None,
                    place: None,
                    rules,
                };
                if self.run(person, forget) == Kept::State {
                    self.people[person].trusted.clear();
                    self.people[person].is_doubted = false;
                }
            }
        }
    }

    pub(super) fn host_acts(&mut self, person: usize, how: u8) {
        match how & 3 {
            0 => {
                let record = self.record(person);
                let mut known = self.people[person].clone();
                known.saved = None;
                if known.enrolled.is_some() && record.state.integrity == Integrity::Whole {
                    self.people[person].saved = Some(Box::new((record, known)));
                }
            }
            1 => self.restore(person),
            2 => self.come_by_key(how),
            _ => self.guess(how),
        }
    }

    /// An older state comes back from a backup, beside the enrollment that it belonged to.
    fn restore(&mut self, person: usize) {
        let Some((record, known)) = self.people[person].saved.clone().map(|saved| *saved) else {
            return;
        };
        let text = |person: &Person| {
            let enrolled = person.enrolled.as_ref();
            enrolled.map(|it| it.to_toml().to_string())
        };
        if text(&known) != text(&self.people[person]) {
            return;
        }
        let mut restored = record.clone();
        restored.state.integrity = Integrity::Copied;
        self.scene.store.put(&known.account.name, restored);
        let mut waiting: std::collections::BTreeSet<Id> = known.set().into_iter().collect();
        let counters = known
            .tokens()
            .iter()
            .filter(|token| token.period().is_none());
        waiting.extend(counters.map(|token| token.id));
        let saved = Some(Box::new((record, known.clone())));
        self.people[person] = Person {
            trusted: std::collections::BTreeMap::new(),
            is_doubted: true,
            waiting,
            saved,
            ..known
        };
        self.forget_where_doubted();
    }

    /// Somebody guesses from one place, and waits every lock out.
    fn guess(&mut self, how: u8) {
        self.scene.store.plant(Trouble::None);
        let slot = super::VISITORS - 1;
        for guess in 0..GUESSES {
            let longest = self.scene.config.rules().throttle.longest_lock;
            self.set_clock(self.now.plus(longest));
            self.visitors[slot] = None;
            // As whoever the rest says: alice or bob.
            self.begin(slot, 0, how & !3 | how >> 2 & 1);
            self.answer(slot, 0x0d | guess << 4);
        }
        self.visitors[slot] = None;
    }

    /// Somebody whom nobody asked is let in by their key, and comes to the account phase at once.
    fn come_by_key(&mut self, how: u8) {
        let person = usize::from(how >> 2 & 1);
        let (service, rhost, real_uid) = coming(how);
        let account = self.people[person].account.clone();
        let request = Request {
            subject: Subject::Known(account.clone()),
            service: service.to_owned(),
            rhost: rhost.map(str::to_owned),
            real_uid,
            prompt: None,
            asks_for: AsksFor::Code,
            echo: Echo::Off,
        };
        let scene = self.scene;
        let admission = admission::admit_unasked(scene.world(), &scene.config, &request);
        let happened = scene.store.happened();
        assert!(happened.kept(0).is_none() && happened.outrun.is_none());
        let (heard, lines) = scene.log.take();
        for text in lines
            .iter()
            .chain(&admission.say)
            .chain([&format!("{admission:?}")])
        {
            self.secrets.assert_kept(text);
        }
        let ruling = scene.host.ruling(
            &scene.config,
            &super::setting::Visit {
                who: super::setting::Someone::Known(&account),
                service,
                rhost,
            },
        );
        let says = ruling.map(|(_, says)| says);
        let config = &scene.config;
        let person = &self.people[person];
        let is_required = match says {
            Some(SecondFactor::Require) => true,
            Some(SecondFactor::Skip | SecondFactor::Deny) => false,
            None => config.enrollment.mode != Mode::Optional,
        };
        let deadline = config.enrollment.deadline.filter(|_| says.is_none());
        let may_wait = deadline.is_some_and(|last| self.now < last.end())
            && person.enrolled.is_none()
            && person.past == Past::Never
            && person.closed == Closed::No;
        let must = config.account.require_enrollment && is_required;
        let is_clock_well = scene.watch.now.get().is_some();
        if service != "sshd" {
            assert_eq!(admission.entry, Entry::Open);
        } else if says == Some(SecondFactor::Deny) {
            assert_eq!(admission.entry, Entry::Refused);
            assert!(matches!(
                heard[..],
                [Heard::Rejected(Refusal::Denied { .. })]
            ));
        } else if must && happened.unread {
            assert_eq!(admission.entry, Entry::Unavailable);
        } else if must && person.enrolled.is_none() && !(may_wait && is_clock_well) {
            assert_eq!(admission.entry, Entry::Refused);
        } else {
            assert_eq!(admission.entry, Entry::Open);
        }
    }

    /// Runs a change, and says what of it was kept, whatever its caller is told.
    fn run<T: Transaction>(&mut self, person: usize, mut transaction: T) -> Kept
    where
        T::Outcome: std::fmt::Debug,
    {
        let scene = self.scene;
        let Account { name, .. } = &self.people[person].account;
        let outcome = transaction::run(&scene.store, &scene.watch, name, &mut transaction);
        let happened = scene.store.happened();
        let kept = happened.kept(0).unwrap_or(Kept::Nothing);
        if let Some(outrun) = happened.outrun {
            self.judge_rival(outrun);
        }
        self.hear(&[format!("{outcome:?}")]);
        kept
    }

    fn new_token(&mut self, by_time: bool) -> Token {
        self.number += 1;
        let wanted = &self.scene.config.token;
        let kind = if by_time {
            Kind::Totp {
                period: wanted.period,
            }
        } else {
            Kind::Hotp {
                counter: Counter::ZERO,
            }
        };
        let token = Token {
            kind,
            digits: wanted.digits,
            ..token(self.number, &format!("token {}", self.number))
        };
        self.secrets.keep_key(&token);
        token
    }

    /// A set whose codes follow from its number.
    fn new_codes(&mut self) -> BackupCodes {
        self.number += 1;
        let (id, salt) = (
            Id::from_bytes([self.number; 16]),
            Salt::from_bytes([self.number; 16]),
        );
        let symbol = |nibble: u8| char::from(SYMBOLS[usize::from(nibble & 15)]);
        let codes = (0..CODES).map(|code| {
            // Each group ends in a Y, which is no hexadecimal digit: no id can look like a code.
            let pair = [self.number >> 4, self.number, code, 15];
            let symbols: String = pair.into_iter().map(symbol).cycle().take(20).collect();
            BackupCode::parse(&symbols).unwrap()
        });
        let codes: Vec<_> = codes.collect();
        for code in &codes {
            self.secrets.keep(code.symbols());
        }
        let digests = codes.iter().map(|code| code.digest(&salt, CHEAP).unwrap());
        let digests = digests.collect();
        self.made.add(id, codes);
        BackupCodes {
            id,
            salt,
            cost: CHEAP,
            digests,
        }
    }
}

const CODES: u8 = 3;
const GUESSES: u8 = 12;
const SYMBOLS: &[u8; 16] = b"34679CFHJKMRTWXY";
