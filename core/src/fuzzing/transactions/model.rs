//! What is known to be true of alice's record, whatever the store says: what was answered with success, and what an
//! administrator decided to forget of it.

use std::collections::{BTreeMap, BTreeSet};

use super::Login;
use crate::account::UserName;
use crate::answer::Answer;
use crate::backup_codes::{BackupCode, BackupCodes, Digest, Salt};
use crate::check::{Accepted, Factor, Fault, Refusal, Rules, Verdict, fault};
use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::place::Place;
use crate::state::{Closed, Integrity, Ticket, TokenState};
use crate::store::{Record, StoreError};
use crate::testing::token::token;
use crate::testing::{CHEAP, NOW, RULES as DEFAULTS};
use crate::throttle::Throttle;
use crate::time::Time;
use crate::token::{Counter, Digits, Kind, Period, Step, Token};
use crate::transaction::Mend;

/// What must be true.
pub(super) struct Model {
    pub now: Time,
    /// What is enrolled.
    pub enrollment: Option<Enrollment>,
    /// An administrator closed the person, for sure.
    pub closed: Closed,
    /// The invitations that may be open.
    tickets: BTreeSet<Id>,
    /// The temporary codes that may be open, and until when.
    lent: Vec<(BackupCode, Time)>,
    /// A slot rotted or a backup came back: the state may not be the one that belongs to the enrollment.
    pub may_be_lost: bool,
    /// What the change under way makes of it.
    becomes: Becomes,
    /// The latest step of each token that opened.
    opened: BTreeMap<Id, Step>,
    /// The backup codes that opened, by set and number.
    spent: BTreeSet<(Id, u8)>,
    /// The set of which nobody knows what was spent, until an administrator says that it may be used.
    waiting: Option<Id>,
    /// The counter-based tokens of which nobody knows it.
    waiting_tokens: BTreeSet<Id>,
    /// What was used may be forgotten, but then all that could be used counts as used.
    burning: bool,
    disabled: bool,
    wrong: u32,
    tokens: BTreeMap<String, Token>,
    codes: Vec<(Id, u8, BackupCode)>,
    made: u8,
}

/// What a change makes of the enrollment.
#[allow(clippy::large_enum_variant, reason = "there are few, and not for long")]
pub(super) enum Becomes {
    Same,
    Enrolled(Enrollment),
    Removed,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            now: NOW,
            enrollment: None,
            closed: Closed::No,
            tickets: BTreeSet::new(),
            lent: Vec::new(),
            may_be_lost: false,
            becomes: Becomes::Same,
            opened: BTreeMap::new(),
            spent: BTreeSet::new(),
            waiting: None,
            waiting_tokens: BTreeSet::new(),
            burning: false,
            disabled: false,
            wrong: 0,
            tokens: BTreeMap::new(),
            codes: Vec::new(),
            made: 0,
        }
    }

    /// Lets time pass, or sets the clock back.
    pub(super) fn move_clock(&mut self, when: u8) {
        const FORWARD: [u64; 12] = [0, 1, 15, 29, 30, 31, 60, 90, 900, 86_400, 31 * 86_400, 0];
        const BACK: [u64; 4] = [30, 90, 3600, 86_400];
        let unix = self.now.unix();
        let unix = match usize::from(when % 16) {
            forward @ 0..12 => unix + FORWARD[forward],
            back => unix - BACK[back - 12],
        };
        self.now = Time::from_unix(unix);
        if self.burning {
            self.forget_the_future();
        }
    }

    pub(super) fn wait_for_locks_to_end(&mut self) {
        self.now = self.now.plus(3600);
    }

    /// An answer of this kind: 0 is a right one, if there is any.
    pub(super) fn login(&self, kind: u8, with: u8) -> Login {
        let place = match with >> 6 {
            0 => Place::Elsewhere,
            local => Place::Local(local.into()),
        };
        let answer = |text: &str| Answer::parse(text.as_bytes()).unwrap();
        let enrolled = self.enrollment.as_ref();
        let Some(token) =
            enrolled.map(|enrolled| &enrolled.tokens[usize::from(with) % enrolled.tokens.len()])
        else {
            let answer = answer("12345678");
            return Login {
                uid: UID,
                place,
                answer,
            };
        };
        let few = u64::from(with / 2 % 3);
        let opened = self.opened.get(&token.id).copied();
        // What may be right; what is around it; and where two codes in a row resynchronise.
        let (current, around, beyond) = if token.period().is_some() {
            let present = Period::THIRTY.step_at(self.now);
            (present, present.plus(few).minus(1), present.plus(3 + few))
        } else {
            let next = opened.map_or(Step(0), |last| last.plus(1));
            (next, next.plus(4 * few), next.plus(14 + few))
        };
        let code = |step| answer(&token.code_at(step));
        let (uid, answer) = match kind {
            0 => (UID, code(current)),
            1 => (UID, code(around)),
            2 => (UID, code(opened.unwrap_or(current))),
            3 if with & 0x10 != 0 => (UID, code(beyond)),
            3 => (UID, code(current.plus(1000))),
            4 if with == 0x3f => (UID + 1, code(current)),
            5 if with & 0x30 == 0x30 && !self.lent.is_empty() => {
                let (code, _) = &self.lent[usize::from(with & 0xf) % self.lent.len()];
                (UID, Answer::BackupCode(code.clone()))
            }
            _ => match self.codes.len() {
                0 => (UID, code(current)),
                made => {
                    let (_, _, backup) = &self.codes[made - 1 - usize::from(with & 0x3f) % made];
                    (UID, Answer::BackupCode(backup.clone()))
                }
            },
        };
        Login { uid, place, answer }
    }

    /// A right answer of a time-based token, if there is one.
    pub(super) fn login_by_time(&self) -> Option<Login> {
        let tokens = &self.enrollment.as_ref()?.tokens;
        let index = tokens.iter().position(|token| token.period().is_some())?;
        Some(self.login(0, u8::try_from(index).unwrap()))
    }

    /// Takes note of an answer's verdict, and whether it may be that.
    pub(super) fn answered(&mut self, login: &Login, verdict: Result<Verdict, StoreError>) {
        match verdict {
            Ok(Verdict::Accepted(accepted)) => self.opened(login, &accepted),
            Ok(Verdict::Refused(Refusal::Wrong { .. })) | Err(_) => self.wrong += 1,
            Ok(Verdict::Exempt(_)) => panic!("nobody is exempt"),
            Ok(Verdict::Invited(_)) => panic!("nobody takes invitations"),
            Ok(Verdict::Refused(_) | Verdict::Unavailable(_)) => {}
        }
    }

    fn opened(&mut self, login: &Login, accepted: &Accepted) {
        assert_eq!(login.uid, UID);
        assert!(!self.disabled, "disabled until enrolled anew");
        assert_eq!(self.closed, Closed::No, "closed until unlocked");
        match (&login.answer, &accepted.factor) {
            (Answer::Code(code), Factor::Token { label, .. }) => {
                let token = &self.tokens[label.as_str()];
                assert!(self.may_be_enrolled(|it| it.tokens.iter().any(|its| its.id == token.id)));
                assert!(
                    !self.waiting_tokens.contains(&token.id),
                    "nobody knows what was used of {label}"
                );
                let (first, last) = if token.period().is_some() {
                    let current = Period::THIRTY.step_at(self.now);
                    let reach = RULES.resync_window;
                    (current.minus(reach), current.plus(reach))
                } else {
                    let last = self.opened.get(&token.id).copied();
                    (Step(0), last.unwrap_or(Step(0)).plus(1000))
                };
                let step = token.matching_steps(code, first, last).pop().unwrap();
                let before = self.opened.insert(token.id, step);
                assert!(
                    before < Some(step),
                    "{label}: {before:?} opened, then {step:?}"
                );
            }
            (Answer::BackupCode(code), Factor::BackupCode { left }) => {
                let symbols = code.symbols();
                let of_these = |(_, _, made): &&(Id, u8, BackupCode)| made.symbols() == symbols;
                let &(set, number, _) = self.codes.iter().find(of_these).unwrap();
                assert!(self.may_be_enrolled(|it| set_of(it) == Some(set)));
                assert_ne!(self.waiting, Some(set), "nobody knows what was spent of it");
                assert!(self.spent.insert((set, number)), "{number} opened before");
                let spent = self.spent.iter().filter(|(of, _)| *of == set).count();
                assert!(left + spent <= usize::from(CODES), "{left} left");
            }
            (Answer::BackupCode(code), Factor::TemporaryCode) => {
                let is_it = |(lent, _): &(BackupCode, Time)| lent.symbols() == code.symbols();
                let place = self.lent.iter().position(is_it);
                let Some(place) = place else {
                    panic!("it ended, or opened before");
                };
                let (_, expires) = self.lent.remove(place);
                assert!(self.now < expires, "it had expired");
            }
            (answer, factor) => panic!("{answer:?} opened as {factor:?}"),
        }
    }

    /// Whether this holds of what is enrolled, or of what a change under way has perhaps put in its place.
    fn may_be_enrolled(&self, holds: impl Fn(&Enrollment) -> bool) -> bool {
        let new = match &self.becomes {
            Becomes::Enrolled(new) => Some(new),
            Becomes::Same | Becomes::Removed => None,
        };
        self.enrollment.as_ref().is_some_and(&holds) || new.is_some_and(&holds)
    }

    /// A change is under way that makes this of the enrollment.
    pub(super) fn expect(&mut self, becomes: Becomes) {
        self.becomes = becomes;
    }

    /// After a change, this is found; where it was promised, it must be the new one.
    pub(super) fn found(&mut self, found: Option<&Enrollment>, promised: bool) {
        let old = self.enrollment.as_ref();
        let new = match std::mem::replace(&mut self.becomes, Becomes::Same) {
            Becomes::Same => return assert_eq!(text(found), text(old), "nothing was to change"),
            Becomes::Enrolled(new) => Some(new),
            Becomes::Removed => None,
        };
        if text(found) == text(new.as_ref()) {
            if new.is_some() {
                self.tickets.clear();
            } else {
                self.closed = Closed::No;
            }
            self.enrollment = new;
            self.lent.clear();
            self.disabled = false;
        } else {
            assert!(!promised, "the change that was promised is not there");
            assert_eq!(text(found), text(old), "neither the old nor the new");
        }
    }

    /// A code proved a token while it was enrolled: it opens no door.
    pub(super) fn proved(&mut self, proved: &TokenState) {
        self.opened
            .extend(proved.last_step.map(|step| (proved.id, step)));
    }

    /// An administrator mended something, or tried to and nobody knows whether it was kept.
    pub(super) fn unlocked(&mut self, mend: Mend, for_sure: bool) {
        let set = self.enrollment.as_ref().and_then(set_of);
        if mend != Mend::Clock {
            self.closed = Closed::No;
        }
        if mend != Mend::Locks && for_sure {
            self.lent.clear();
        }
        match mend {
            Mend::Locks => {
                for id in std::mem::take(&mut self.waiting_tokens) {
                    self.opened.remove(&id);
                }
                if set.is_some() && self.waiting == set {
                    self.waiting = None;
                    self.spent.retain(|(of, _)| Some(*of) != set);
                }
            }
            Mend::Clock => self.forget_the_future(),
            Mend::FreshState => {
                self.forget_the_future();
                if let (Some(set), true) = (set, for_sure) {
                    self.spent.extend((0..CODES).map(|number| (set, number)));
                }
            }
        }
    }

    /// A slot of the state can no longer be read.
    pub(super) fn rotted(&mut self) {
        self.lent.clear();
        self.burning = true;
        self.may_be_lost = true;
        self.disabled = false;
    }

    /// An older state, or the same, came back from a backup.
    pub(super) fn restored(&mut self) {
        self.rotted();
        self.closed = Closed::No;
        let tokens = self.enrollment.iter().flat_map(|it| &it.tokens);
        self.waiting_tokens.extend(
            tokens
                .filter(|token| token.period().is_none())
                .map(|token| token.id),
        );
        self.waiting = self.enrollment.as_ref().and_then(set_of);
    }

    /// An administrator closed the person.
    pub(super) fn is_closed(&mut self) {
        self.closed = Closed::Yes;
        self.lent.clear();
    }

    /// There is no temporary code, for sure.
    pub(super) fn nothing_is_lent(&mut self) {
        self.lent.clear();
    }

    /// An administrator made a temporary code, or tried to and nobody knows whether it was kept.
    pub(super) fn lent(&mut self, code: BackupCode, expires: Time, for_sure: bool) {
        if for_sure {
            self.lent.clear();
        }
        self.lent.push((code, expires));
    }

    /// Whether the record may be this.
    pub(super) fn check(&mut self, record: &Record) {
        assert_eq!(
            text(record.enrollment.as_ref()),
            text(self.enrollment.as_ref())
        );
        if record.enrollment.is_none() {
            assert!(record.is_vacant(), "nobody is enrolled: {record:?}");
            if let Some(open) = record.state.open_ticket(self.now) {
                assert!(self.tickets.contains(&open.id), "it was spent: {open:?}");
            }
        }
        let lost = self.is_lost(record);
        assert!(!lost || self.may_be_lost, "{record:?}");
        if record.state.integrity == Integrity::Whole && !lost {
            self.burning = false;
            self.may_be_lost = false;
        }
        let mut state = record.state.clone();
        state.keep_only(self.enrollment.as_ref());
        self.disabled |= state.is_disabled();
        assert!(!self.disabled || self.may_be_disabled());
    }

    /// Whether the administrator has to begin the state anew.
    pub(super) fn is_lost(&self, record: &Record) -> bool {
        self.enrollment.as_ref().is_some_and(|enrollment| {
            fault(enrollment, &record.state, &RULES, self.now) == Some(Fault::StateLost)
        })
    }

    pub(super) fn may_be_disabled(&self) -> bool {
        self.wrong >= RULES.throttle.hard_limit
    }

    /// Later steps than could be used now are no longer known to be used.
    fn forget_the_future(&mut self) {
        // A counter does not pass by itself.
        let by_time = self
            .tokens
            .values()
            .filter(|token| token.period().is_some());
        for token in by_time {
            let latest = Period::THIRTY.step_at(self.now).plus(RULES.window);
            self.opened
                .entry(token.id)
                .and_modify(|step| *step = latest.min(*step));
        }
    }

    pub(super) fn new_enrollment(&mut self, tokens: usize) -> Enrollment {
        // The first one goes by time, the second one counts.
        let totp = Kind::Totp {
            period: Period::THIRTY,
        };
        let hotp = Kind::Hotp {
            counter: Counter::ZERO,
        };
        let kinds = [totp, hotp].into_iter().take(tokens);
        let tokens = kinds.map(|kind| self.new_token(kind)).collect();
        Enrollment {
            user: alice(),
            uid: UID,
            created: self.now,
            tokens,
            backup_codes: Some(self.new_codes()),
            scratch_codes: None,
        }
    }

    fn new_token(&mut self, kind: Kind) -> Token {
        self.made += 1;
        let token = Token {
            kind,
            digits: Digits::try_from(8).unwrap(),
            ..token(self.made, &format!("token {}", self.made))
        };
        self.tokens.insert(token.label.to_string(), token.clone());
        token
    }

    /// A ticket that nobody has, and that never expires.
    pub(super) fn new_ticket(&mut self) -> Ticket {
        self.made += 1;
        let id = Id::from_bytes([self.made; 16]);
        if self.enrollment.is_none() {
            self.tickets.insert(id);
        }
        Ticket {
            id,
            salt: Salt::from_bytes([self.made; 16]),
            digest: Digest::parse(&"9".repeat(64)).unwrap(),
            expires: Time::from_unix(u64::MAX),
        }
    }

    /// A temporary code that follows from its number, and that is in no set.
    pub(super) fn new_temporary_code(&mut self) -> BackupCode {
        self.made += 1;
        let pair = [self.made >> 4, self.made & 15].map(|nibble| SYMBOLS[usize::from(nibble)]);
        let text: String = pair
            .into_iter()
            .chain(['Y', 'Y'])
            .cycle()
            .take(20)
            .collect();
        BackupCode::parse(&text).unwrap()
    }

    /// A set whose codes follow from its number.
    pub(super) fn new_codes(&mut self) -> BackupCodes {
        self.made += 1;
        let id = Id::from_bytes([self.made; 16]);
        let salt = Salt::from_bytes([self.made; 16]);
        let mut digests = Vec::new();
        for number in 0..CODES {
            let symbols = |byte: u8| {
                [
                    SYMBOLS[usize::from(byte >> 4)],
                    SYMBOLS[usize::from(byte & 15)],
                ]
            };
            let text: String = symbols(self.made)
                .into_iter()
                .chain(symbols(number))
                .cycle()
                .take(20)
                .collect();
            let code = BackupCode::parse(&text).unwrap();
            digests.push(code.digest(&salt, CHEAP).unwrap());
            self.codes.push((id, number, code));
        }
        BackupCodes {
            id,
            salt,
            cost: CHEAP,
            digests,
        }
    }
}

pub(super) fn alice() -> UserName {
    UserName::parse("alice").unwrap()
}

fn text(enrollment: Option<&Enrollment>) -> Option<String> {
    enrollment.map(|enrollment| enrollment.to_toml().to_string())
}

fn set_of(enrollment: &Enrollment) -> Option<Id> {
    enrollment.backup_codes.as_ref().map(|set| set.id)
}

/// Limits low enough to be reached.
pub(super) const RULES: Rules = Rules {
    throttle: Throttle {
        free_failures: 1,
        hard_limit: 10,
        ..DEFAULTS.throttle
    },
    ..DEFAULTS
};
pub(super) const UID: u32 = 1000;
/// How many backup codes a set has.
const CODES: u8 = 3;
const SYMBOLS: [char; 16] = [
    '3', '4', '6', '7', '9', 'C', 'F', 'H', 'J', 'K', 'M', 'R', 'T', 'W', 'X', 'Y',
];
