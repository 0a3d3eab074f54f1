//! The one place that decides whether a try is good: a pure function of a record, a try and the time.
//!
//! It reads nothing, writes nothing and hashes nothing; where it needs the Argon2id digest of an answer, it says so and
//! is asked again. What it returns beside the verdict is the state to be made durable *before* anybody is told.

mod find;
mod invitation;
mod temporary;

pub(crate) use find::window;

use find::{Finding, Search, SetKind, find_in_set};
use invitation::invitation;
use temporary::find_temporary_code;

use crate::account::UserName;
use crate::answer::{Answer, BadAnswer};
use crate::backup_codes::{BackupCode, BackupCodeError, Cost, Digest, Salt};
use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::place::Place;
use crate::scratch_codes::ScratchCodes;
use crate::state::{Closed, Integrity, News, Resync, State, TemporaryCode, Ticket, WrongCodes};
use crate::store::Record;
use crate::throttle::{Gate, Throttle};
use crate::time::Time;
use crate::token::{Digits, Label};

/// One answer of one person from one place.
#[derive(Clone, Copy, Debug)]
pub struct Try<'a> {
    /// The uid that the account has now.
    pub uid: u32,
    /// Where the answer comes from.
    pub place: Place,
    /// What was answered.
    pub answer: &'a Answer,
    /// Its digest, once [`Decision::NeedsDigest`] asked for it. (It is asked for of a backup code, and of what can only be a scratch code.)
    pub digest: Option<&'a SaltedDigest>,
    /// Whether an invitation is an answer here.
    pub invitations: Invitations,
    /// When the person is told of wrong codes, if this is a success.
    pub told: Told,
    /// What the administrator allows.
    pub rules: &'a Rules,
}

impl Try<'_> {
    /// The answer's digest, if it was made with these.
    fn digest_under(&self, salt: &Salt, cost: Cost) -> Option<&Digest> {
        let made = self
            .digest
            .filter(|made| made.salt == *salt && made.cost == cost)?;
        Some(&made.digest)
    }
}

/// Whether an invitation is an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Invitations {
    /// It is not: nobody may enroll here now.
    #[default]
    NotTaken,
    /// It is.
    Taken,
}

/// When the person is told of wrong codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// At this success.
    Now,
    /// At a later one, since nobody hears of it now.
    Later,
}

/// A digest and what it was made with.
#[derive(Clone, Debug)]
pub struct SaltedDigest {
    /// The salt.
    pub salt: Salt,
    /// The cost.
    pub cost: Cost,
    /// The digest.
    pub digest: Digest,
}

impl SaltedDigest {
    /// Evaluates Argon2id: tens of milliseconds.
    pub fn make(code: &BackupCode, salt: Salt, cost: Cost) -> Result<Self, BackupCodeError> {
        Ok(Self {
            salt,
            cost,
            digest: code.digest(&salt, cost)?,
        })
    }

    /// The same of what an answer can be: a backup code, or a scratch code. `None` where it can be neither.
    pub fn of_answer(
        answer: &Answer,
        salt: Salt,
        cost: Cost,
    ) -> Result<Option<Self>, BackupCodeError> {
        let digest = match (answer, answer.scratch_code()) {
            (Answer::BackupCode(code), _) => code.digest(&salt, cost)?,
            (_, Some(code)) => code.digest(&salt, cost)?,
            (_, None) => return Ok(None),
        };
        Ok(Some(Self { salt, cost, digest }))
    }
}

/// What the administrator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How many steps before and after the current one are accepted (RFC 6238, 5.2).
    pub window: u64,
    /// How many steps a last step may lie ahead before the clock is held to be wrong, and how far off two codes in a row may be
    /// that resynchronise a token.
    pub resync_window: u64,
    /// How many counters after the last one used are accepted (RFC 4226, 7.4), 1 or more.
    pub look_ahead: u64,
    /// What failures cost.
    pub throttle: Throttle,
}

/// What [`check`] decides.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and it is not kept"
)]
pub enum Decision {
    /// The verdict, and the state to write before it is given.
    Answer(Verdict, Option<State>),
    /// Ask again with the answer's digest under this salt and cost.
    NeedsDigest(Salt, Cost),
}

/// How a login ends, or what came of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The door opens.
    Accepted(Accepted),
    /// It does not.
    Refused(Refusal),
    /// It cannot be told, so it does not.
    Unavailable(Fault),
    /// No second factor is asked for: the administrator's policy says so.
    Exempt(Exemption),
    /// The answer is an open invitation: somebody who is not enrolled may enroll now. It opens no door by itself.
    Invited(Id),
}

/// Why no second factor is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exemption {
    /// Nothing is enrolled, and the mode is `optional`.
    NotEnrolled,
    /// A rule skips it.
    Rule {
        /// The rule's number, counted from 1.
        number: usize,
    },
    /// Nothing was ever enrolled, and the deadline for it is not over.
    Deadline,
    /// A code was given there not long ago.
    Trusted,
}

impl Exemption {
    /// The word for it in the log and in `--json`: documented in docs/events.md, and stable.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotEnrolled => "not-enrolled",
            Self::Rule { .. } => "rule",
            Self::Deadline => "deadline",
            Self::Trusted => "trusted",
        }
    }
}

/// What opened the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Token, backup code or scratch code.
    pub factor: Factor,
    /// Wrong codes since the last success: somebody else may have the password.
    pub wrong: WrongCodes,
    /// How many backup codes, or scratch codes, were not spent yet, of somebody who has any.
    pub backup_codes_left: Option<usize>,
    /// What they are to know of a temporary code that was made for them.
    pub temporary_code: Option<News>,
}

/// A second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Factor {
    /// A token's code.
    Token {
        /// The token.
        label: Label,
        /// How many digits its codes have: how much of a field that ended in it was the code.
        digits: Digits,
    },
    /// A backup code.
    BackupCode {
        /// How many are left.
        left: usize,
    },
    /// A temporary code.
    TemporaryCode,
    /// A scratch code of another system.
    ScratchCode {
        /// How many are left.
        left: usize,
        /// When they end.
        expires: Time,
    },
    /// A token that was set up in this login, and is kept in the account phase.
    NewToken(Label),
}

/// Why an answer is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No code of theirs.
    Wrong {
        /// For how many seconds this place is locked now.
        locked_for: u64,
    },
    /// A code that was used already. Not charged: it teaches nobody anything.
    Replayed {
        /// What could be used instead.
        next: Next,
    },
    /// Not evaluated: this place is locked.
    Locked {
        /// Seconds until the lock ends.
        remaining: u64,
    },
    /// Not evaluated: this place's share of the hard limit is used up.
    ShareUsedUp,
    /// Not evaluated: the hard limit is used up.
    Disabled,
    /// Not evaluated: an administrator closed the person.
    Closed,
    /// A right code of a counter-based token, but the state may be too old to know whether it was used.
    TokenWaits,
    /// A right backup code or scratch code, but the state may be too old to know whether it was spent.
    BackupCodesWait,
    /// A right temporary code, but it ended.
    TemporaryCodeOver,
    /// Nothing is enrolled.
    NotEnrolled,
    /// What is enrolled belongs to an account of another uid.
    OtherUid,
    /// There is no such account.
    UnknownUser,
    /// Not evaluated: a rule of the administrator's keeps them out, whatever they answer.
    Denied {
        /// The rule's number, counted from 1.
        rule: usize,
    },
    /// Not evaluated: it has no code's shape.
    NotACode(BadAnswer),
    /// Not evaluated: the same as the answer before.
    Repeated,
    /// An invitation, but it ended, or was used or withdrawn meanwhile.
    InvitationOver,
    /// Not the code of the token that was just offered.
    NotProved,
    /// What was enrolled in this login is not kept: another one was faster.
    EnrolledMeanwhile,
}

/// What could be used instead of a code that was used already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The code that the authenticator shows in so many seconds.
    CodeIn(u64),
    /// The code that the token makes next, when it is asked to.
    CodeOfToken,
    /// Another backup code, or scratch code.
    BackupCode,
    /// Another temporary code.
    TemporaryCode,
}

impl Refusal {
    /// What an administrator can run where the person is kept out until one does.
    #[must_use]
    pub fn mend(&self, user: &str) -> Option<String> {
        match self {
            Self::ShareUsedUp | Self::Closed | Self::TokenWaits | Self::BackupCodesWait => {
                Some(format!("nightlatch unlock {user}"))
            }
            Self::Disabled | Self::OtherUid => Some(format!("nightlatch enroll {user} --replace")),
            Self::Wrong { .. }
            | Self::Replayed { .. }
            | Self::Locked { .. }
            | Self::TemporaryCodeOver
            | Self::NotEnrolled
            | Self::UnknownUser
            | Self::Denied { .. }
            | Self::NotACode(_)
            | Self::Repeated
            | Self::InvitationOver
            | Self::NotProved
            | Self::EnrolledMeanwhile => None,
        }
    }

    /// The word for it in the log and in `--json`: documented in docs/events.md, and stable.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Wrong { .. } => "wrong",
            Self::Replayed { .. } => "replayed",
            Self::Locked { .. } => "locked",
            Self::ShareUsedUp => "share-used-up",
            Self::Disabled => "disabled",
            Self::Closed => "closed",
            Self::TokenWaits => "token-waits",
            Self::BackupCodesWait => "backup-codes-wait",
            Self::TemporaryCodeOver => "temporary-code-over",
            Self::NotEnrolled => "not-enrolled",
            Self::OtherUid => "other-uid",
            Self::UnknownUser => "unknown-user",
            Self::Denied { .. } => "denied",
            Self::NotACode(_) => "not-a-code",
            Self::Repeated => "repeated",
            Self::InvitationOver => "invitation-over",
            Self::NotProved => "not-proved",
            Self::EnrolledMeanwhile => "enrolled-meanwhile",
        }
    }
}

/// Why it cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing can be read beside the enrollment.
    #[error(
        "the record of past logins cannot be read or does not belong to the enrollment; run: nightlatch unlock USER --fresh-state"
    )]
    StateLost,
    /// There is a record of past logins, and no enrollment.
    #[error(
        "there is a record of past logins, but the enrollment is missing: restore it, or run: nightlatch enroll USER; if \
         nobody is to be enrolled, run: nightlatch remove USER"
    )]
    EnrollmentLost,
    /// A code was used that lies in the future.
    #[error(
        "a code was used that lies in the future: set the clock right, then run: nightlatch unlock USER --clock"
    )]
    Clock,
    /// The store, the lock, the clock, the name service or memory could not be used: what, where, and the mend.
    #[error("{0}")]
    Unusable(String),
}

impl Fault {
    /// The same with the name of the person and the place of the record that it is about.
    #[must_use]
    pub fn of(self, who: &UserName, whereabouts: &str) -> Self {
        match self {
            Self::StateLost | Self::EnrollmentLost | Self::Clock => {
                let text = self.to_string().replace("USER", who.as_str());
                Self::Unusable(format!("{whereabouts}: {text}"))
            }
            Self::Unusable(_) => self,
        }
    }
}

/// Decides about one try.
#[must_use]
pub fn check(record: &Record, attempt: &Try<'_>, now: Time) -> Decision {
    let Some(enrollment) = &record.enrollment else {
        return match attempt.invitations {
            Invitations::Taken => invitation(record, attempt, now),
            Invitations::NotTaken => refuse_after_the_same_work(attempt, nothing_enrolled(record)),
        };
    };
    match decide(record, enrollment, attempt, now) {
        Decision::Answer(verdict, Some(mut state)) => {
            state.keep_others(&record.state, enrollment);
            Decision::Answer(verdict, Some(state))
        }
        other => other,
    }
}

/// Why nothing opens for somebody who has nothing enrolled.
fn nothing_enrolled(record: &Record) -> Refusal {
    match record.state.closed {
        Closed::Yes => Refusal::Closed,
        Closed::No => Refusal::NotEnrolled,
    }
}

/// The state that comes back knows of this enrollment alone.
fn decide(record: &Record, enrollment: &Enrollment, attempt: &Try<'_>, now: Time) -> Decision {
    if enrollment.uid != attempt.uid {
        return refuse_after_the_same_work(attempt, Refusal::OtherUid);
    }
    let Settled {
        mut state,
        must_write,
    } = match settle(record, enrollment, attempt.rules, now) {
        Ok(settled) => settled,
        Err(fault) => return Decision::Answer(Verdict::Unavailable(fault), None),
    };
    let refusal = shut(&state, &attempt.rules.throttle, attempt.place, now);
    if let Some(refusal) = refusal {
        return Decision::Answer(Verdict::Refused(refusal), must_write.then_some(state));
    }
    let finding = match attempt.answer {
        Answer::Code(_) | Answer::Tail(_) => {
            let search = Search {
                state: &state,
                rules: attempt.rules,
                place: attempt.place,
                now,
            };
            let finding = search.find_code(enrollment, attempt.answer);
            let scratch = scratch_codes(enrollment, attempt.answer, now);
            match (finding, scratch) {
                // No token's, so it may be a scratch code.
                (Finding::Miss(resync), Some(scratch)) => {
                    let (salt, cost) = (scratch.set.salt, scratch.set.cost);
                    let Some(digest) = attempt.digest_under(&salt, cost) else {
                        return Decision::NeedsDigest(salt, cost);
                    };
                    let kind = SetKind::ScratchCodes {
                        expires: scratch.expires,
                    };
                    match find_in_set(Some(&scratch.set), kind, &state, digest) {
                        Finding::Miss(_) => Finding::Miss(resync),
                        found => found,
                    }
                }
                (finding, _) => finding,
            }
        }
        Answer::BackupCode(_) => {
            let set = enrollment.backup_codes.as_ref();
            let (salt, cost) = salt_and_cost(record);
            match attempt.digest_under(&salt, cost) {
                Some(digest) => find_temporary_code(&state, &salt, digest, attempt.place, now)
                    .unwrap_or_else(|| find_in_set(set, SetKind::BackupCodes, &state, digest)),
                None => return Decision::NeedsDigest(salt, cost),
            }
        }
    };
    match finding {
        Finding::Fresh { factor, spend } => {
            spend.note_in(&mut state);
            // Who uses a temporary code knows of it, and may not be whose it is.
            let temporary_code = state
                .news_of_temporary_code()
                .filter(|_| factor != Factor::TemporaryCode);
            let wrong = match attempt.told {
                Told::Now => {
                    if factor != Factor::TemporaryCode {
                        state.note_told_of_temporary_code(now);
                    }
                    std::mem::take(&mut state.wrong)
                }
                Told::Later => state.wrong.clone(),
            };
            state.note_success(attempt.place, now);
            note_resync(&mut state, attempt.place, None);
            let accepted = Accepted {
                factor,
                wrong,
                backup_codes_left: state.backup_codes_left(enrollment, now),
                temporary_code,
            };
            Decision::Answer(Verdict::Accepted(accepted), Some(state))
        }
        Finding::Used(refusal) => {
            Decision::Answer(Verdict::Refused(refusal), must_write.then_some(state))
        }
        Finding::Miss(resync) => {
            note_resync(&mut state, attempt.place, resync);
            charge(state, attempt, now)
        }
    }
}

/// The scratch codes that this answer may be one of now.
fn scratch_codes<'e>(
    enrollment: &'e Enrollment,
    answer: &Answer,
    now: Time,
) -> Option<&'e ScratchCodes> {
    let scratch = enrollment.scratch_codes.as_ref()?;
    (answer.scratch_code().is_some() && !scratch.is_over(now)).then_some(scratch)
}

/// Charges a wrong answer.
fn charge(mut state: State, attempt: &Try<'_>, now: Time) -> Decision {
    let throttle = &attempt.rules.throttle;
    throttle.charge(&mut state, attempt.place, now);
    let locked_for = match throttle.gate(&state, attempt.place, now) {
        Gate::Locked { remaining } => remaining,
        Gate::Open | Gate::ShareUsedUp | Gate::Disabled => 0,
    };
    Decision::Answer(Verdict::Refused(Refusal::Wrong { locked_for }), Some(state))
}

/// Only the next try from the same place is the second one: another miss replaces what the one before left, or clears it. Tries
/// from elsewhere leave it, unless they are the first of two themselves.
fn note_resync(state: &mut State, place: Place, first: Option<Resync>) {
    state.resync.take_if(|resync| resync.place == place);
    state.resync = first.or(state.resync);
}

/// Why an answer from `place` is not looked at now, if it is not. `state` has been settled.
fn shut(state: &State, throttle: &Throttle, place: Place, now: Time) -> Option<Refusal> {
    match (state.closed, throttle.gate(state, place, now)) {
        (Closed::Yes, _) => Some(Refusal::Closed),
        (Closed::No, Gate::Locked { remaining }) => Some(Refusal::Locked { remaining }),
        (Closed::No, Gate::ShareUsedUp) => Some(Refusal::ShareUsedUp),
        (Closed::No, Gate::Disabled) => Some(Refusal::Disabled),
        (Closed::No, Gate::Open) => None,
    }
}

/// Whether a code of this account from `place` would be looked at now.
#[must_use]
pub fn is_open(record: &Record, uid: u32, place: Place, rules: &Rules, now: Time) -> bool {
    let settled = match &record.enrollment {
        Some(enrollment) if enrollment.uid == uid => settle(record, enrollment, rules, now),
        Some(_) | None => return false,
    };
    settled.is_ok_and(|settled| shut(&settled.state, &rules.throttle, place, now).is_none())
}

/// What makes a record useless until an administrator mends it, if anything.
#[must_use]
pub fn fault(enrollment: &Enrollment, state: &State, rules: &Rules, now: Time) -> Option<Fault> {
    if state.integrity == Integrity::Lost {
        return Some(Fault::StateLost);
    }
    for token in &enrollment.tokens {
        let Some(known) = state.token(token.id) else {
            return Some(Fault::StateLost);
        };
        let Some(period) = token.period() else {
            continue;
        };
        let latest = period.step_at(now).plus(rules.resync_window);
        if known.last_step > Some(latest) {
            return Some(Fault::Clock);
        }
    }
    None
}

/// A state brought up to date.
struct Settled {
    state: State,
    /// Whether it must be written even if nothing else comes of the try.
    must_write: bool,
}

/// Brings a state up to date with the enrollment, the clock and the doubts about its file.
fn settle(
    record: &Record,
    enrollment: &Enrollment,
    rules: &Rules,
    now: Time,
) -> Result<Settled, Fault> {
    if let Some(fault) = fault(enrollment, &record.state, rules, now) {
        return Err(fault);
    }
    let mut state = record.state.clone();
    state.keep_only(Some(enrollment));
    let mut must_write = state.settle_places(now);
    must_write |= state.resolve_doubts(enrollment, rules, now);
    Ok(Settled { state, must_write })
}

/// Where there is nothing to compare with, an answer costs what it costs elsewhere: else the time would tell who is enrolled.
fn refuse_after_the_same_work(attempt: &Try<'_>, refusal: Refusal) -> Decision {
    match (attempt.answer, attempt.digest) {
        (Answer::BackupCode(_), None) => {
            let (salt, cost) = salt_and_cost(&Record::default());
            Decision::NeedsDigest(salt, cost)
        }
        _ => Decision::Answer(Verdict::Refused(refusal), None),
    }
}

/// What the digest of an answer is made with that has a backup code's shape; where there is nothing to compare it with, what it
/// costs elsewhere.
pub(crate) fn salt_and_cost(record: &Record) -> (Salt, Cost) {
    let set = record
        .enrollment
        .as_ref()
        .map(|enrollment| enrollment.backup_codes.as_ref());
    let State {
        ticket,
        temporary_code,
        ..
    } = &record.state;
    match (set, ticket, temporary_code) {
        (Some(Some(set)), ..) => (set.salt, set.cost),
        (Some(None), _, Some(code)) => (code.salt, TemporaryCode::COST),
        (None, Some(ticket), _) => (ticket.salt, Ticket::COST),
        (Some(None), _, None) | (None, None, _) => (Salt::from_bytes([0; 16]), Cost::of_nobody()),
    }
}

#[cfg(test)]
mod tests;
