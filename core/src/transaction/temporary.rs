//! A temporary code: handed out to somebody who is enrolled and cannot use what they have, and taken back.
//!
//! Its digest is made as those of the person's backup codes are, so that a try goes on taking one evaluation; which salt that is,
//! is known for sure under the lock alone.

use super::{Transaction, has_lost_its_state, state_to_change};
use crate::backup_codes::{BackupCode, BackupCodeError, Cost, Salt};
use crate::check::{Fault, Rules, SaltedDigest};
use crate::enrollment::Enrollment;
use crate::place::Place;
use crate::state::{Closed, Fate, TemporaryCode};
use crate::store::{Change, Record};
use crate::time::Time;

/// Gives somebody who is enrolled a temporary code. One from before ends.
#[derive(Debug)]
pub struct MakeTemporaryCode<'a> {
    /// The uid that the account has now.
    uid: u32,
    code: &'a BackupCode,
    expires: Time,
    /// For whom there is no set of backup codes that has one.
    salt: Salt,
    rules: &'a Rules,
    /// Made at most once for a salt, however often the transaction is applied.
    digest: Option<SaltedDigest>,
}

/// What became of a temporary code from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlierCode {
    /// There was none, or it had expired.
    None,
    /// It ended, and nobody had used it.
    Ended,
    /// It was used, and its owner has not been told.
    Used {
        /// When.
        at: Time,
        /// From where.
        from: Place,
    },
}

/// Why somebody was given no temporary code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTemporaryCode {
    /// There is nothing that it could stand in for.
    #[error("nothing is enrolled")]
    NotEnrolled,
    /// What is enrolled belongs to an account of another uid.
    #[error("what is enrolled belongs to an account of another uid")]
    OtherUid,
    /// An administrator closed them, and it would open nothing.
    #[error("they are locked")]
    Closed,
    /// The hard limit was reached, and it would open nothing.
    #[error("too many wrong codes: nothing opens until enrolled anew")]
    Disabled,
    /// There is no record of past logins to note it in.
    #[error("{}", Fault::StateLost)]
    StateLost,
    /// It could not be hashed.
    #[error("{0}")]
    Unhashed(String),
}

impl<'a> MakeTemporaryCode<'a> {
    /// This code for the account with this uid, until it expires.
    pub fn new(
        uid: u32,
        code: &'a BackupCode,
        expires: Time,
        rules: &'a Rules,
    ) -> Result<Self, BackupCodeError> {
        Ok(Self {
            uid,
            code,
            expires,
            salt: Salt::generate()?,
            rules,
            digest: None,
        })
    }

    /// Makes the digest that will be needed before anybody waits for the lock. `record` may be out of date; then it is made again.
    pub fn prepare(&mut self, record: &Record) -> Result<(), BackupCodeError> {
        if let Some(enrollment) = &record.enrollment {
            self.digest(enrollment)?;
        }
        Ok(())
    }

    fn digest(&mut self, enrollment: &Enrollment) -> Result<&SaltedDigest, BackupCodeError> {
        let set = enrollment.backup_codes.as_ref();
        let (salt, cost): (Salt, Cost) =
            set.map_or((self.salt, TemporaryCode::COST), |set| (set.salt, set.cost));
        let made = self.digest.take();
        let made = match made.filter(|made| made.salt == salt && made.cost == cost) {
            Some(made) => made,
            None => SaltedDigest::make(self.code, salt, cost)?,
        };
        Ok(self.digest.insert(made))
    }

    fn decide(
        &mut self,
        record: &Record,
        now: Time,
    ) -> Result<(EarlierCode, Change), NoTemporaryCode> {
        let (enrollment, beside) = record
            .enrollment
            .as_ref()
            .and_then(|enrollment| Some((enrollment, TemporaryCode::base(enrollment)?)))
            .ok_or(NoTemporaryCode::NotEnrolled)?;
        if enrollment.uid != self.uid {
            return Err(NoTemporaryCode::OtherUid);
        }
        if has_lost_its_state(record, enrollment, self.rules, now) {
            return Err(NoTemporaryCode::StateLost);
        }
        let mut state = state_to_change(record, self.rules, now);
        if state.closed == Closed::Yes {
            return Err(NoTemporaryCode::Closed);
        }
        if state.is_disabled() {
            return Err(NoTemporaryCode::Disabled);
        }
        let SaltedDigest { salt, digest, .. } = self
            .digest(enrollment)
            .map_err(|error| NoTemporaryCode::Unhashed(error.to_string()))?
            .clone();
        let earlier = state.temporary_code.replace(TemporaryCode {
            beside,
            salt,
            digest,
            expires: self.expires,
            fate: Fate::Untold,
        });
        let earlier = match earlier {
            Some(TemporaryCode {
                fate: Fate::Used { at, from },
                ..
            }) => EarlierCode::Used { at, from },
            Some(earlier) if !earlier.is_expired(now) => EarlierCode::Ended,
            Some(_) | None => EarlierCode::None,
        };
        state.keep_others(&record.state, enrollment);
        Ok((earlier, Change::State(state)))
    }
}

impl Transaction for MakeTemporaryCode<'_> {
    type Outcome = Result<EarlierCode, NoTemporaryCode>;

    fn apply(&mut self, record: &Record, now: Time) -> (Self::Outcome, Change) {
        match self.decide(record, now) {
            Ok((earlier, change)) => (Ok(earlier), change),
            Err(not) => (Err(not), Change::Nothing),
        }
    }
}

/// Takes a temporary code back that nobody has used.
#[derive(Debug)]
pub struct CancelTemporaryCode<'a> {
    /// The administrator's rules.
    pub rules: &'a Rules,
}

/// There is no temporary code to take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCancelled {
    /// There is none.
    #[error("there is no temporary code")]
    None,
    /// It was used.
    #[error("the temporary code was used")]
    Used,
}

impl Transaction for CancelTemporaryCode<'_> {
    type Outcome = Result<(), NotCancelled>;

    fn apply(&mut self, record: &Record, now: Time) -> (Self::Outcome, Change) {
        let Some(enrollment) = &record.enrollment else {
            return (Err(NotCancelled::None), Change::Nothing);
        };
        let mut known = record.state.clone();
        known.keep_only(record.enrollment.as_ref());
        match &known.temporary_code {
            None => return (Err(NotCancelled::None), Change::Nothing),
            Some(code) if code.is_used() => return (Err(NotCancelled::Used), Change::Nothing),
            Some(_) => {}
        }
        let mut state = state_to_change(record, self.rules, now);
        state.end_temporary_code();
        state.keep_others(&record.state, enrollment);
        (Ok(()), Change::State(state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Accepted, Factor, Next, Refusal, Verdict};
    use crate::state::{Bucket, Integrity, News};
    use crate::testing::token::token;
    use crate::testing::{NOW, RULES};
    use crate::transaction::tests::{answer, answer_at, apply, code, enrolled, unlock};
    use crate::transaction::{
        AddToken, Close, Enroll, Existing, Mend, Remove, RenewCodes, Unlocked,
    };

    const HOURS: u64 = 3600;

    fn typed() -> BackupCode {
        BackupCode::parse("34679CFHJKMRTWXY3467").unwrap()
    }

    fn make_for(record: &mut Record, uid: u32) -> Result<EarlierCode, NoTemporaryCode> {
        let code = typed();
        let make = MakeTemporaryCode::new(uid, &code, NOW.plus(8 * HOURS), &RULES).unwrap();
        apply(record, make)
    }

    fn make(record: &mut Record) -> Result<EarlierCode, NoTemporaryCode> {
        make_for(record, 1000)
    }

    fn cancel(record: &mut Record) -> Result<(), NotCancelled> {
        apply(record, CancelTemporaryCode { rules: &RULES })
    }

    /// With a temporary code, and perhaps no backup codes.
    fn lent(with_backup_codes: Codes) -> Record {
        let mut record = enrolled();
        if with_backup_codes == Codes::None {
            record.enrollment.as_mut().unwrap().backup_codes = None;
            record.state.spent.clear();
        }
        assert_eq!(make(&mut record), Ok(EarlierCode::None));
        record
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Codes {
        None,
        Some,
    }

    fn refusal(verdict: Verdict) -> Refusal {
        match verdict {
            Verdict::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    fn accepted(verdict: Verdict) -> Accepted {
        match verdict {
            Verdict::Accepted(accepted) => accepted,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_opens_once_with_backup_codes_or_without() {
        for codes in [Codes::Some, Codes::None] {
            let mut record = lent(codes);
            let opened = accepted(answer(&mut record, typed().symbols()));
            assert_eq!(opened.factor, Factor::TemporaryCode);
            assert_eq!(opened.temporary_code, None, "who uses it knows of it");
            let again = refusal(answer(&mut record, typed().symbols()));
            let next = Next::TemporaryCode;
            assert_eq!(again, Refusal::Replayed { next });
            assert_eq!(
                record.state.elsewhere,
                Bucket::default(),
                "it is not charged"
            );
        }
    }

    #[test]
    fn it_opens_until_it_expires() {
        let mut record = lent(Codes::Some);
        let expires = NOW.plus(8 * HOURS);
        let over = answer_at(&mut record.clone(), typed().symbols(), expires);
        assert_eq!(refusal(over), Refusal::TemporaryCodeOver);
        let before = Time::from_unix(expires.unix() - 1);
        let opened = answer_at(&mut record, typed().symbols(), before);
        assert_eq!(accepted(opened).factor, Factor::TemporaryCode);
    }

    #[test]
    fn another_code_of_its_shape_is_a_wrong_one() {
        for codes in [Codes::Some, Codes::None] {
            let mut record = lent(codes);
            let wrong = refusal(answer(&mut record, "34679CFHJKMRTWXY3469"));
            assert_eq!(wrong, Refusal::Wrong { locked_for: 0 });
        }
    }

    #[test]
    fn its_owner_is_told_once_that_it_was_made_and_once_that_it_was_used() {
        let mut record = lent(Codes::Some);
        let first = accepted(answer(&mut record, &code(1)));
        assert_eq!(first.temporary_code, Some(News::Made));
        let second = accepted(answer(&mut record, &code(2)));
        assert_eq!(second.temporary_code, None);
        accepted(answer(&mut record, typed().symbols()));
        let at = NOW.plus(60);
        let later = token(1, "phone").code_at(crate::token::Period::THIRTY.step_at(at));
        let third = accepted(answer_at(&mut record, &later, at));
        assert!(matches!(third.temporary_code, Some(News::Used { .. })));
        assert_eq!(record.state.temporary_code, None);
    }

    /// A way to end it, and its name.
    type Way<'w> = (&'w str, &'w dyn Fn(&mut Record));

    #[test]
    fn every_change_of_what_somebody_has_ends_it_and_so_does_a_lock() {
        let rules = &RULES;
        let new = || {
            let mut enrollment = enrolled().enrollment.unwrap();
            enrollment.tokens = vec![token(7, "new")];
            enrollment
        };
        let ways: [Way<'_>; 7] = [
            ("enroll", &|record| {
                let existing = Existing::Replace;
                let (enrollment, proved) = (new(), Vec::new());
                apply(
                    record,
                    Enroll {
                        enrollment,
                        existing,
                        proved,
                        rules,
                    },
                );
            }),
            ("codes", &|record| {
                let codes = new().backup_codes.unwrap();
                apply(record, RenewCodes { codes, rules }).unwrap();
            }),
            ("add", &|record| {
                let (uid, token, proved) = (1000, token(9, "key"), None);
                apply(
                    record,
                    AddToken {
                        uid,
                        token,
                        proved,
                        rules,
                    },
                )
                .unwrap();
            }),
            ("remove one", &|record| {
                let label = Some(token(2, "tablet").label);
                apply(record, Remove { label, rules }).unwrap();
            }),
            ("remove all", &|record| {
                apply(record, Remove { label: None, rules }).unwrap();
            }),
            ("lock", &|record| {
                apply(record, Close { rules }).unwrap();
            }),
            ("unlock --clock", &|record| {
                unlock(record, Mend::Clock).unwrap();
            }),
        ];
        for (way, end) in ways {
            let mut record = lent(Codes::Some);
            end(&mut record);
            assert_eq!(record.state.temporary_code, None, "{way}");
        }
    }

    #[test]
    fn it_does_not_outlive_what_it_was_made_beside_however_that_went() {
        let mut record = lent(Codes::None);
        record.enrollment.as_mut().unwrap().tokens.remove(0);
        let refused = refusal(answer(&mut record, typed().symbols()));
        assert_eq!(refused, Refusal::Wrong { locked_for: 0 });
        assert_eq!(record.state.temporary_code, None);
    }

    #[test]
    fn that_it_was_used_is_told_whatever_was_changed_meanwhile() {
        let mut record = lent(Codes::Some);
        accepted(answer(&mut record, typed().symbols()));
        let codes = enrolled().enrollment.unwrap().backup_codes.unwrap();
        apply(
            &mut record,
            RenewCodes {
                codes,
                rules: &RULES,
            },
        )
        .unwrap();
        apply(&mut record, Close { rules: &RULES }).unwrap();
        assert_eq!(unlock(&mut record, Mend::Locks), Ok(Unlocked::Done));
        let told = accepted(answer(&mut record, &code(1))).temporary_code;
        assert!(matches!(told, Some(News::Used { .. })));
    }

    #[test]
    fn a_state_that_may_be_old_has_none() {
        for integrity in [Integrity::Copied, Integrity::OneSlotBad] {
            let mut record = lent(Codes::Some);
            record.state.integrity = integrity;
            let refused = refusal(answer(&mut record, typed().symbols()));
            assert_eq!(refused, Refusal::Wrong { locked_for: 0 }, "{integrity:?}");
        }
    }

    #[test]
    fn for_whom_it_would_open_nothing_there_is_none() {
        let mut closed = enrolled();
        apply(&mut closed, Close { rules: &RULES }).unwrap();
        let mut disabled = enrolled();
        disabled.state.disable();
        let mut lost = enrolled();
        lost.state.tokens.clear();
        for (mut record, uid, why) in [
            (Record::default(), 1000, NoTemporaryCode::NotEnrolled),
            (enrolled(), 1001, NoTemporaryCode::OtherUid),
            (closed, 1000, NoTemporaryCode::Closed),
            (disabled, 1000, NoTemporaryCode::Disabled),
            (lost, 1000, NoTemporaryCode::StateLost),
        ] {
            let before = record.state.clone();
            assert_eq!(make_for(&mut record, uid), Err(why));
            assert_eq!(record.state, before);
        }
    }

    #[test]
    fn another_one_ends_it_and_says_what_became_of_it() {
        let mut record = lent(Codes::Some);
        assert_eq!(make(&mut record), Ok(EarlierCode::Ended));
        accepted(answer(&mut record, typed().symbols()));
        assert!(matches!(make(&mut record), Ok(EarlierCode::Used { .. })));
        record.state.temporary_code.as_mut().unwrap().expires = NOW;
        assert_eq!(make(&mut record), Ok(EarlierCode::None));
    }

    #[test]
    fn one_that_is_taken_back_is_gone_and_one_that_was_used_is_not() {
        let mut record = lent(Codes::Some);
        assert_eq!(cancel(&mut record), Ok(()));
        assert_eq!(record.state.temporary_code, None);
        assert_eq!(cancel(&mut record), Err(NotCancelled::None));
        assert_eq!(cancel(&mut Record::default()), Err(NotCancelled::None));
        let mut record = lent(Codes::Some);
        accepted(answer(&mut record, typed().symbols()));
        assert_eq!(cancel(&mut record), Err(NotCancelled::Used));
    }

    #[test]
    fn wrong_codes_are_not_forgiven_by_making_one() {
        let mut record = enrolled();
        record.state.elsewhere.failures = 7;
        assert_eq!(make(&mut record), Ok(EarlierCode::None));
        assert_eq!(record.state.elsewhere.failures, 7);
    }
}
