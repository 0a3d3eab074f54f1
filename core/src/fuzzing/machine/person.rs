//! What is known to be true of one person, whatever the store says.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::Ledger;
use crate::account::Account;
use crate::backup_codes::BackupCode;
use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::state::Closed;
use crate::store::{Past, Record};
use crate::time::Time;
use crate::token::{Step, Token};

#[derive(Clone)]
pub(super) struct Person {
    pub account: Account,
    pub enrolled: Option<Enrollment>,
    pub closed: Closed,
    pub past: Past,
    pub ledger: Ledger,
    /// Since when a code given for a service at a place is remembered.
    pub trusted: BTreeMap<(String, String), Time>,
    /// The invitation that holds.
    pub invitation: Option<Invitation>,
    /// A backup came back, and nobody drew the consequences yet: what was used may be forgotten, but then all that could be used
    /// counts as used.
    pub is_doubted: bool,
    /// Of these nobody knows what was used, until an administrator says that they may be.
    pub waiting: BTreeSet<Id>,
    pub saved: Option<Box<(Record, Person)>>,
}

#[derive(Clone)]
pub(super) struct Invitation {
    pub id: Id,
    pub expires: Time,
    pub text: String,
}

impl Person {
    pub(super) fn new(account: Account) -> Self {
        Self {
            account,
            enrolled: None,
            closed: Closed::No,
            past: Past::Never,
            ledger: Ledger::default(),
            trusted: BTreeMap::new(),
            invitation: None,
            is_doubted: false,
            waiting: BTreeSet::new(),
            saved: None,
        }
    }

    pub(super) fn tokens(&self) -> &[Token] {
        self.enrolled.as_ref().map_or(&[], |it| &it.tokens)
    }

    /// Whether what is enrolled, if anything is, belongs to an account of this uid.
    pub(super) fn has_uid(&self, uid: u32) -> bool {
        self.enrolled.as_ref().is_none_or(|it| it.uid == uid)
    }

    pub(super) fn set(&self) -> Option<Id> {
        Some(self.enrolled.as_ref()?.backup_codes.as_ref()?.id)
    }

    /// Everything that was kept is gone.
    pub(super) fn removed(&mut self) {
        if self.enrolled.is_some() {
            self.past = Past::Removed;
        }
        *self = Self {
            past: self.past,
            saved: self.saved.take(),
            ..Self::new(self.account.clone())
        };
    }

    /// This is enrolled from now on.
    pub(super) fn enroll(&mut self, enrollment: Enrollment) {
        self.trusted.clear();
        if self.ledger.disabled {
            self.ledger.clear();
            self.ledger.disabled = false;
        }
        let is_same = self
            .enrolled
            .as_ref()
            .is_some_and(|before| before.uid == enrollment.uid);
        if !is_same {
            self.ledger.forget_places();
            self.ledger.wrong = 0;
        }
        self.invitation = None;
        self.is_doubted = false;
        self.past = Past::Never;
        self.enrolled = Some(enrollment);
    }
}

/// What opened a door. It never does again, whoever tries.
#[derive(Default)]
pub(super) struct Opened {
    steps: BTreeSet<(Id, u64)>,
    codes: BTreeSet<(Id, u8)>,
    invitations: BTreeSet<Id>,
}

impl Opened {
    pub(super) fn by_step(&mut self, token: &Token, step: Step) {
        let last = self.last(token);
        assert!(last <= Some(step), "{last:?} opened, then {step:?}");
        let is_first = self.steps.insert((token.id, step.0));
        assert!(is_first, "{step:?} of {} opened twice", token.label);
    }

    pub(super) fn by_code(&mut self, set: Id, number: u8) {
        assert!(self.codes.insert((set, number)), "{number} opened twice");
    }

    pub(super) fn by_invitation(&mut self, id: Id) {
        assert!(self.invitations.insert(id), "an invitation was used twice");
    }

    pub(super) fn has_step(&self, token: &Token, step: Step) -> bool {
        self.steps.contains(&(token.id, step.0))
    }

    pub(super) fn has_code(&self, set: Id, number: u8) -> bool {
        self.codes.contains(&(set, number))
    }

    /// The latest step of a token that opened.
    pub(super) fn last(&self, token: &Token) -> Option<Step> {
        let of_this = (token.id, 0)..=(token.id, u64::MAX);
        self.steps
            .range(of_this)
            .next_back()
            .map(|(_, step)| Step(*step))
    }

    /// Steps of a time-based token later than this one are no longer known to be used.
    pub(super) fn forget_later(&mut self, token: &Token, latest: Step) {
        self.steps
            .retain(|(id, step)| *id != token.id || *step <= latest.0);
    }

    /// An administrator says that nothing of it was used.
    pub(super) fn forget(&mut self, id: Id) {
        self.steps.retain(|(token, _)| *token != id);
        self.codes.retain(|(set, _)| *set != id);
    }
}

/// Backup codes that were made, of every set.
#[derive(Default)]
pub(super) struct Made(Vec<(Id, u8, BackupCode)>);

impl Made {
    pub(super) fn add(&mut self, set: Id, codes: impl IntoIterator<Item = BackupCode>) {
        let numbered = (0..).zip(codes);
        self.0
            .extend(numbered.map(|(number, code)| (set, number, code)));
    }

    pub(super) fn of(&self, set: Option<Id>) -> Vec<&BackupCode> {
        let of_it = self.0.iter().filter(|(of, ..)| Some(*of) == set);
        of_it.map(|(_, _, code)| code).collect()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &BackupCode> {
        self.0.iter().map(|(_, _, code)| code)
    }

    pub(super) fn find(&self, typed: &BackupCode) -> Option<(Id, u8)> {
        let mut made = self.0.iter();
        made.find(|(_, _, code)| code.symbols() == typed.symbols())
            .map(|&(set, number, _)| (set, number))
    }
}

/// What the record says of failures. That the hard limit was reached is kept with the tokens of the enrollment.
pub(super) fn kept_ledger(record: &Record, person: &Person) -> Ledger {
    let known = |id| record.state.token(id);
    let disabled = person
        .tokens()
        .iter()
        .filter_map(|token| known(token.id))
        .any(|known| known.usable == crate::state::Usable::No);
    Ledger::of(record, disabled)
}
