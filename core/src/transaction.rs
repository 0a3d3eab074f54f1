//! Every change of a record, a login's and the command's, as a value that is applied under the lock.
//!
//! A transaction may be applied more than once (a store that compares and swaps runs it again when it lost a race), so
//! it only computes; whoever runs it tells people and the log after it returned.

mod add_token;
mod closing;
mod import;
mod invitation;
mod keep;
mod temporary;
mod trust;

pub use add_token::{AddToken, NotAdded};
pub use closing::{Close, Closing, NotClosed};
pub use import::{Import, Imported};
pub use invitation::{CancelInvite, Earlier, Invite, NoInvitation, NotInvited, make_ticket};
pub use keep::{Keep, NotKept};
pub use temporary::{
    CancelTemporaryCode, EarlierCode, MakeTemporaryCode, NoTemporaryCode, NotCancelled,
};
pub use trust::ForgetTrust;

use crate::account::UserName;
use crate::answer::Answer;
use crate::backup_codes::{BackupCodeError, BackupCodes};
use crate::check::{
    Decision, Fault, Invitations, Rules, SaltedDigest, Told, Try, Verdict, check, fault,
    salt_and_cost, window,
};
use crate::enrollment::Enrollment;
use crate::place::Place;
use crate::state::{
    Closed, Doubt, Integrity, SpentCodes, Standing, State, TokenState, Waiting, WrongCodes,
};
use crate::store::{Change, Record, Store, StoreError};
use crate::time::{Clock, Time};
use crate::token::{Drift, Kind, Label, Step};

/// A change of one person's record.
pub trait Transaction {
    /// What came of it.
    type Outcome;

    /// Decides what to make of the record. May be called again, with another record; only the last call counts.
    fn apply(&mut self, record: &Record, now: Time) -> (Self::Outcome, Change);
}

/// Runs a transaction: the time is taken under the lock, and what comes back is durable.
pub fn run<T: Transaction>(
    store: &dyn Store,
    clock: &dyn Clock,
    who: &UserName,
    transaction: &mut T,
) -> Result<T::Outcome, StoreError> {
    let mut outcome = None;
    store.transact(who, &mut |record| {
        let (result, change) = transaction.apply(record, clock.now()?);
        outcome = Some(result);
        Ok(change)
    })?;
    outcome.ok_or(StoreError::Undecided)
}

/// One answer at a login.
#[derive(Debug)]
pub struct Attempt<'a> {
    uid: u32,
    place: Place,
    answer: &'a Answer,
    rules: &'a Rules,
    invitations: Invitations,
    told: Told,
    /// Made at most once for a salt, however often the transaction is applied.
    digest: Option<SaltedDigest>,
    doubt: Option<Doubt>,
}

impl<'a> Attempt<'a> {
    /// An answer of the account with this uid, from this place.
    #[must_use]
    pub fn new(uid: u32, place: Place, answer: &'a Answer, rules: &'a Rules) -> Self {
        Self {
            uid,
            place,
            answer,
            rules,
            invitations: Invitations::NotTaken,
            told: Told::Now,
            digest: None,
            doubt: None,
        }
    }

    /// An invitation is an answer, too: somebody who is not enrolled may enroll now.
    #[must_use]
    pub fn or_an_invitation(self) -> Self {
        Self {
            invitations: Invitations::Taken,
            ..self
        }
    }

    /// Nobody hears of wrong codes now: a success keeps them for the next one.
    #[must_use]
    pub fn telling_nobody(self) -> Self {
        Self {
            told: Told::Later,
            ..self
        }
    }

    /// Why the record could not be fully believed, if the answer settled that.
    #[must_use]
    pub fn doubt(&self) -> Option<Doubt> {
        self.doubt
    }

    /// Makes the digest that will be needed, if the answer is a backup code, or can only be a scratch code, before anybody waits for the
    /// lock: under the lock, tries of one person would queue up behind each other's digests, and the time would tell who is enrolled.
    ///
    /// `record` may be out of date; then the digest is made again when it is needed.
    pub fn prepare(&mut self, record: &Record, now: Time) -> Result<(), BackupCodeError> {
        let (salt, cost) = match self.answer {
            Answer::BackupCode(_) => salt_and_cost(record),
            Answer::Code(_) | Answer::Tail(_) => match check(record, &self.as_try(), now) {
                Decision::NeedsDigest(salt, cost) => (salt, cost),
                Decision::Answer(..) => return Ok(()),
            },
        };
        self.digest = SaltedDigest::of_answer(self.answer, salt, cost)?;
        Ok(())
    }

    /// Whether a digest was made, which takes most of the time that there is to take.
    #[must_use]
    pub fn has_a_digest(&self) -> bool {
        self.digest.is_some()
    }

    fn as_try(&self) -> Try<'_> {
        Try {
            uid: self.uid,
            place: self.place,
            answer: self.answer,
            digest: self.digest.as_ref(),
            invitations: self.invitations,
            told: self.told,
            rules: self.rules,
        }
    }
}

impl Transaction for Attempt<'_> {
    type Outcome = Verdict;

    fn apply(&mut self, record: &Record, now: Time) -> (Verdict, Change) {
        // Once for the decision, once more with a digest. A third request would be a fault, and denies.
        for _ in 0..2 {
            let (salt, cost) = match check(record, &self.as_try(), now) {
                Decision::Answer(verdict, state) => {
                    self.doubt = state.as_ref().and_then(|_| record.state.integrity.doubt());
                    return (verdict, state.map_or(Change::Nothing, Change::State));
                }
                Decision::NeedsDigest(salt, cost) => (salt, cost),
            };
            match SaltedDigest::of_answer(self.answer, salt, cost) {
                Ok(digest) => self.digest = digest,
                Err(error) => {
                    return (
                        Verdict::Unavailable(Fault::Unusable(error.to_string())),
                        Change::Nothing,
                    );
                }
            }
        }
        (
            Verdict::Unavailable(Fault::Unusable("no decision was made".to_owned())),
            Change::Nothing,
        )
    }
}

/// Enrolls somebody.
#[derive(Debug)]
pub struct Enroll<'a> {
    /// What to keep.
    pub enrollment: Enrollment,
    /// What to do about an enrollment that exists.
    pub existing: Existing,
    /// For each new token that was proved, the step of the code that proved it: that code opens no door any more.
    pub proved: Vec<TokenState>,
    /// The administrator's rules.
    pub rules: &'a Rules,
}

/// What to do about an enrollment that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and nobody is enrolled.
    Keep,
    /// It is replaced.
    Replace,
}

/// What came of [`Enroll`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrolled {
    /// There was no enrollment before.
    New,
    /// One was replaced.
    Replaced,
    /// One exists and was kept.
    Exists,
}

impl Transaction for Enroll<'_> {
    type Outcome = Enrolled;

    fn apply(&mut self, record: &Record, now: Time) -> (Enrolled, Change) {
        if record.enrollment.is_some() && self.existing == Existing::Keep {
            return (Enrolled::Exists, Change::Nothing);
        }
        let mut state = state_to_change(record, self.rules, now);
        state.forget_trust();
        state.end_temporary_code();
        // "Disabled until enrolled anew", and then the count begins anew; other locks outlive an enrollment. The tokens of
        // the enrollment before stay disabled, so that nothing is forgiven if the new one cannot be written.
        if state.is_disabled() {
            state.clear_failures();
        }
        add_enrollment(&mut state, record, &self.enrollment, &self.proved);
        let outcome = if record.enrollment.is_some() {
            Enrolled::Replaced
        } else {
            Enrolled::New
        };
        (outcome, Change::Enrollment(self.enrollment.clone(), state))
    }
}

/// Lets a state know of a new enrollment, beside whatever it knows.
fn add_enrollment(
    state: &mut State,
    record: &Record,
    enrollment: &Enrollment,
    proved: &[TokenState],
) {
    let same_person = record
        .enrollment
        .as_ref()
        .is_some_and(|old| old.uid == enrollment.uid);
    if !same_person {
        // Names get reused: where somebody else got in is no place of this person.
        state.forget_places();
        state.wrong = WrongCodes::default();
        state.temporary_code = None;
    }
    // An invitation was for somebody who had nothing.
    state.ticket = None;
    for token in &enrollment.tokens {
        let proved = proved.iter().find(|proved| proved.id == token.id);
        state
            .tokens
            .push(proved.copied().unwrap_or(TokenState::new(token.id)));
    }
    let set = enrollment.set();
    state.spent.extend(set.map(|set| SpentCodes::none(set.id)));
}

/// Gives somebody new backup codes. Those from before end, scratch codes too.
#[derive(Debug)]
pub struct RenewCodes<'a> {
    /// The new set.
    pub codes: BackupCodes,
    /// The administrator's rules.
    pub rules: &'a Rules,
}

/// There is nothing to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NothingThere {
    /// Nobody of that name is enrolled.
    #[error("no second factor is enrolled")]
    NotEnrolled,
    /// There is no such token.
    #[error("there is no token with that label")]
    NoSuchToken,
    /// There is no record of past logins to change.
    #[error("{}", Fault::StateLost)]
    StateLost,
}

impl Transaction for RenewCodes<'_> {
    type Outcome = Result<(), NothingThere>;

    fn apply(&mut self, record: &Record, now: Time) -> (Self::Outcome, Change) {
        let Some(enrollment) = &record.enrollment else {
            return (Err(NothingThere::NotEnrolled), Change::Nothing);
        };
        if has_lost_its_state(record, enrollment, self.rules, now) {
            return (Err(NothingThere::StateLost), Change::Nothing);
        }
        let enrollment = Enrollment {
            backup_codes: Some(self.codes.clone()),
            scratch_codes: None,
            ..enrollment.clone()
        };
        // The old set goes on waiting, if it did, until the new one is in its place.
        let mut state = state_to_change(record, self.rules, now);
        state.forget_trust();
        state.end_temporary_code();
        if state.waiting.is_some() {
            // New codes do not wait; what the old ones said of the tokens is still so.
            for token in &enrollment.tokens {
                state.token_mut(token.id, |known| known.waiting = Waiting::Yes);
            }
        }
        state.spent.push(SpentCodes::none(self.codes.id));
        (Ok(()), Change::Enrollment(enrollment, state))
    }
}

/// Takes a token away, or all of them.
#[derive(Debug)]
pub struct Remove<'a> {
    /// Which one; all where it is `None`.
    pub label: Option<Label>,
    /// The administrator's rules.
    pub rules: &'a Rules,
}

/// What [`Remove`] took away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// One token; others are left.
    Token,
    /// The enrollment.
    Everything,
}

impl Transaction for Remove<'_> {
    type Outcome = Result<Removed, NothingThere>;

    fn apply(&mut self, record: &Record, now: Time) -> (Self::Outcome, Change) {
        let Some(enrollment) = &record.enrollment else {
            // What is left of one is taken away.
            return match &self.label {
                None if !record.is_empty() => (Ok(Removed::Everything), Change::Remove),
                _ => (Err(NothingThere::NotEnrolled), Change::Nothing),
            };
        };
        let mut left = enrollment.clone();
        match &self.label {
            Some(label) => left.tokens.retain(|token| token.label != *label),
            None => left.tokens.clear(),
        }
        if left.tokens.len() == enrollment.tokens.len() {
            (Err(NothingThere::NoSuchToken), Change::Nothing)
        } else if left.tokens.is_empty() {
            (Ok(Removed::Everything), Change::Remove)
        } else {
            let mut state = state_to_change(record, self.rules, now);
            state.forget_trust();
            state.end_temporary_code();
            (Ok(Removed::Token), Change::Enrollment(left, state))
        }
    }
}

/// Opens locks, or mends a record that keeps its person out.
#[derive(Debug)]
pub struct Unlock<'a> {
    /// What to mend.
    pub mend: Mend,
    /// The administrator's rules.
    pub rules: &'a Rules,
}

/// What [`Unlock`] mends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mend {
    /// Forgets failures and opens what waited for an administrator.
    Locks,
    /// Takes back what was noted by a clock that ran ahead. Steps that could be used now count as used, and what was learned of the
    /// tokens' own clocks is forgotten.
    Clock,
    /// Begins the record of past logins anew. Steps that could be used now, all counters and all backup codes count as used: a
    /// counter-based token has to be enrolled anew.
    FreshState,
}

/// What came of [`Unlock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlocked {
    /// It is done.
    Done,
    /// It is done, and what waited since the store was restored opens again: also what was used after the backup was made, for
    /// nobody knows that any more.
    Released,
    /// It is done, but the hard limit was reached: only enrolling anew helps.
    StillDisabled,
}

impl Transaction for Unlock<'_> {
    type Outcome = Result<Unlocked, NothingThere>;

    fn apply(&mut self, record: &Record, now: Time) -> (Self::Outcome, Change) {
        let Some(enrollment) = &record.enrollment else {
            return self.without_an_enrollment(record, now);
        };
        if self.mend != Mend::FreshState && has_lost_its_state(record, enrollment, self.rules, now)
        {
            return (Err(NothingThere::StateLost), Change::Nothing);
        }
        let rules = self.rules;
        let mut state = state_to_change(record, rules, now);
        let releases = self.mend == Mend::Locks && waits(enrollment, &state);
        match self.mend {
            Mend::Locks => {
                state.clear_failures();
                state.closed = Closed::No;
                state.waiting = None;
                state.resync = None;
                for known in &mut state.tokens {
                    known.waiting = Waiting::No;
                }
                if let Some(set) = enrollment.set()
                    && state.spent_of(set.id).is_none()
                {
                    state.spent.push(SpentCodes::none(set.id));
                }
            }
            Mend::Clock => {
                for token in &enrollment.tokens {
                    let Some(period) = token.period() else {
                        continue;
                    };
                    let present = period.step_at(now);
                    state.token_mut(token.id, |known| {
                        let latest = *window(present, known.drift, rules).end();
                        known.last_step = known.last_step.min(Some(latest));
                        known.drift = Drift::NONE;
                    });
                }
                state.forget_trust_after(now);
                // How long it still holds nobody knows.
                state.end_temporary_code();
                state.resync = None;
                for known in &mut state.places {
                    known.last_success = known.last_success.min(now);
                }
                state.settle_places(now);
                state.burn_steps(enrollment, rules, now);
            }
            Mend::FreshState => {
                let (disabled, closed) = (state.is_disabled(), state.closed);
                state = fresh_state(enrollment, rules, now);
                state.closed = closed;
                if disabled {
                    state.disable();
                }
            }
        }
        let outcome = if state.is_disabled() {
            Unlocked::StillDisabled
        } else if releases {
            Unlocked::Released
        } else {
            Unlocked::Done
        };
        state.keep_others(&record.state, enrollment);
        (Ok(outcome), Change::State(state))
    }
}

impl Unlock<'_> {
    /// Opens what is kept of somebody who is not enrolled: an invitation's failures, and what an administrator closed.
    fn without_an_enrollment(
        &self,
        record: &Record,
        now: Time,
    ) -> (Result<Unlocked, NothingThere>, Change) {
        if self.mend != Mend::Locks || record.state.standing != Standing::Alone {
            return (Err(NothingThere::NotEnrolled), Change::Nothing);
        }
        let mut state = state_to_change(record, self.rules, now);
        state.clear_failures();
        state.closed = Closed::No;
        (Ok(Unlocked::Done), Change::State(state))
    }
}

/// Whether backup codes, scratch codes or counters wait, since more of them may have been used than is known.
fn waits(enrollment: &Enrollment, state: &State) -> bool {
    let set = enrollment.set();
    let counters = enrollment
        .tokens
        .iter()
        .filter(|token| token.period().is_none());
    set.is_some_and(|set| state.waits(set.id))
        || counters
            .filter_map(|token| state.token(token.id))
            .any(|known| known.waiting == Waiting::Yes)
}

/// Whether nothing is known about past logins, or only about somebody else's.
fn has_lost_its_state(record: &Record, enrollment: &Enrollment, rules: &Rules, now: Time) -> bool {
    fault(enrollment, &record.state, rules, now) == Some(Fault::StateLost)
}

/// The state that a change begins with: without what belonged to enrollments before the present one, and without doubts.
fn state_to_change(record: &Record, rules: &Rules, now: Time) -> State {
    let mut state = record.state.clone();
    state.keep_only(record.enrollment.as_ref());
    match &record.enrollment {
        Some(enrollment) => {
            state.resolve_doubts(enrollment, rules, now);
        }
        // Where nothing is enrolled, there is nothing that could live again but an invitation.
        None if state.integrity != Integrity::Whole => {
            state.integrity = Integrity::Whole;
            state.ticket = None;
        }
        None => {}
    }
    state
}

/// The same where nothing is enrolled: the state stands alone.
fn vacant_state(record: &Record, rules: &Rules, now: Time) -> State {
    State {
        standing: Standing::Alone,
        ..state_to_change(record, rules, now)
    }
}

/// A state that knows nothing, and so holds everything for used that may have been.
fn fresh_state(enrollment: &Enrollment, rules: &Rules, now: Time) -> State {
    let mut state = State {
        tokens: enrollment
            .tokens
            .iter()
            .map(|token| TokenState {
                last_step: match token.kind {
                    Kind::Totp { .. } => None,
                    Kind::Hotp { .. } => Some(Step(u64::MAX)),
                },
                ..TokenState::new(token.id)
            })
            .collect(),
        spent: enrollment
            .set()
            .iter()
            .map(|set| SpentCodes {
                set: set.id,
                codes: u32::MAX,
            })
            .collect(),
        ..State::default()
    };
    state.burn_steps(enrollment, rules, now);
    state
}

#[cfg(test)]
mod sequences;
#[cfg(test)]
mod tests;
