//! Enrolls somebody with what they had in another system, so that it goes on working: once.
//!
//! Done again, it changes nothing, but that what the other system accepted meanwhile counts as used here too. Nothing that was used here or
//! there comes to life again by it, as long as what was imported is what is enrolled: of what was removed or replaced nobody knows what was used.

use super::{Existing, Transaction, add_enrollment, has_lost_its_state, state_to_change};
use crate::account::UserName;
use crate::backup_codes::{BackupCodeError, BackupCodes, Cost, Digest, Salt};
use crate::check::Rules;
use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::import::{Brought, BroughtToken};
use crate::random::RandomError;
use crate::scratch_codes::{ScratchCode, ScratchCodes};
use crate::state::{State, TokenState};
use crate::store::{Change, Record};
use crate::time::Time;
use crate::token::{Algorithm, Token};

/// Takes over what somebody brings along.
#[derive(Debug)]
pub struct Import<'a> {
    enrollment: Enrollment,
    brought: &'a Brought,
    existing: Existing,
    rules: &'a Rules,
    /// The digests of the scratch codes under the salt of a set that is enrolled already.
    digests: Option<(Salt, Cost, Vec<Digest>)>,
}

/// What came of [`Import`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// There was no enrollment before.
    New,
    /// One was replaced.
    Replaced,
    /// It was imported before, and nothing was used in the other system since.
    Same,
    /// It was imported before, and what was used in the other system since counts as used here now.
    CaughtUp,
    /// Something else is enrolled, and was kept.
    Exists,
    /// It was imported before, but there is no record of past logins to change.
    StateLost,
}

impl<'a> Import<'a> {
    /// What `brought` is enrolled as, with the scratch codes made of it ([`scratch_codes`](Self::scratch_codes)). (Whoever only wants to
    /// know what would come of it can do without them.)
    pub fn new(
        (user, uid): (UserName, u32),
        brought: &'a Brought,
        scratch_codes: Option<ScratchCodes>,
        existing: Existing,
        (rules, now): (&'a Rules, Time),
    ) -> Result<Self, RandomError> {
        let tokens = brought
            .tokens
            .iter()
            .map(|token| {
                Ok(Token {
                    id: Id::new()?,
                    label: token.label.clone(),
                    kind: token.kind,
                    secret: token.secret.clone(),
                    algorithm: Algorithm::Sha1,
                    digits: token.digits,
                })
            })
            .collect::<Result<_, RandomError>>()?;
        Ok(Self {
            enrollment: Enrollment {
                user,
                uid,
                created: now,
                tokens,
                backup_codes: None,
                scratch_codes,
            },
            brought,
            existing,
            rules,
            digests: None,
        })
    }

    /// The scratch codes that are kept of what somebody brings along: a digest each, tens of milliseconds. They open doors until then.
    pub fn scratch_codes(
        brought: &Brought,
        expires: Time,
    ) -> Result<Option<ScratchCodes>, BackupCodeError> {
        match &brought.scratch_codes[..] {
            [] => Ok(None),
            codes => ScratchCodes::make(codes, Cost::DEFAULT, expires).map(Some),
        }
    }

    /// Computes what it takes to compare the scratch codes with those of a record, before anybody waits for the lock.
    pub fn prepare(&mut self, record: &Record) -> Result<(), BackupCodeError> {
        let set = record
            .enrollment
            .as_ref()
            .and_then(|enrollment| enrollment.scratch_codes.as_ref())
            .map(|scratch| (scratch.set.salt, scratch.set.cost));
        let Some((salt, cost)) = set else {
            return Ok(());
        };
        let codes = &self.brought.scratch_codes;
        let digests = codes
            .iter()
            .map(|code: &ScratchCode| code.digest(&salt, cost));
        self.digests = Some((salt, cost, digests.collect::<Result<_, _>>()?));
        Ok(())
    }

    /// Whether all that is brought is enrolled already.
    fn is_enrolled_as(&self, old: &Enrollment) -> bool {
        let brought = &self.enrollment;
        old.uid == brought.uid
            && brought.tokens.iter().all(|token| {
                old.tokens
                    .iter()
                    .any(|other| makes_the_codes_of(token, other))
            })
    }

    /// Lets what the other system has accepted count as used.
    fn catch_up(&self, record: &Record, old: &Enrollment, now: Time) -> (Imported, Change) {
        if has_lost_its_state(record, old, self.rules, now) {
            return (Imported::StateLost, Change::Nothing);
        }
        let mut state = state_to_change(record, self.rules, now);
        let before = state.clone();
        for (brought, token) in self.brought.tokens.iter().zip(&self.enrollment.tokens) {
            for same in old
                .tokens
                .iter()
                .filter(|old| makes_the_codes_of(token, old))
            {
                state.token_mut(same.id, |known| {
                    known.last_step = known.last_step.max(brought.used);
                });
            }
        }
        if let Some(scratch) = &old.scratch_codes {
            self.spend_what_is_gone(&scratch.set, &mut state);
        }
        if state == before {
            (Imported::Same, Change::Nothing)
        } else {
            state.keep_others(&record.state, old);
            (Imported::CaughtUp, Change::State(state))
        }
    }

    /// A code of the set that is not in the file any more was spent there.
    fn spend_what_is_gone(&self, set: &BackupCodes, state: &mut State) {
        let Some((salt, cost, digests)) = &self.digests else {
            return;
        };
        if (*salt, *cost) != (set.salt, set.cost) {
            return;
        }
        let gone = (0_u8..)
            .zip(&set.digests)
            .filter(|(_, digest)| !digests.contains(digest))
            .fold(0_u32, |gone, (number, _)| gone | 1 << number);
        for spent in state.spent.iter_mut().filter(|spent| spent.set == set.id) {
            // Bits of codes alone.
            spent.codes |= gone;
        }
    }

    /// What is known of the tokens from the other system, and of those that were enrolled with the same secrets.
    fn known(&self, record: &Record) -> Vec<TokenState> {
        let old = record.enrollment.as_ref();
        let of_old = |token: &Token| {
            let old = old?.tokens.iter().find(|old| {
                old.secret.is_same_as(&token.secret)
                    && old.kind.as_str() == token.kind.as_str()
                    && old.period() == token.period()
            })?;
            record.state.token(old.id)?.last_step
        };
        let tokens = self.brought.tokens.iter().zip(&self.enrollment.tokens);
        tokens
            .map(|(brought, token): (&BroughtToken, &Token)| TokenState {
                last_step: brought.may_be_used.max(of_old(token)),
                drift: brought.drift,
                ..TokenState::new(token.id)
            })
            .collect()
    }
}

impl Transaction for Import<'_> {
    type Outcome = Imported;

    fn apply(&mut self, record: &Record, now: Time) -> (Imported, Change) {
        match &record.enrollment {
            Some(old) if self.is_enrolled_as(old) => return self.catch_up(record, old, now),
            Some(_) if self.existing == Existing::Keep => {
                return (Imported::Exists, Change::Nothing);
            }
            Some(_) | None => {}
        }
        let known = self.known(record);
        let mut state = state_to_change(record, self.rules, now);
        state.forget_trust();
        if state.is_disabled() {
            state.clear_failures();
        }
        add_enrollment(&mut state, record, &self.enrollment, &known);
        let outcome = match record.enrollment {
            Some(_) => Imported::Replaced,
            None => Imported::New,
        };
        (outcome, Change::Enrollment(self.enrollment.clone(), state))
    }
}

/// Whether two tokens make the same codes at the same time.
fn makes_the_codes_of(one: &Token, other: &Token) -> bool {
    one.secret.is_same_as(&other.secret)
        && one.kind.as_str() == other.kind.as_str()
        && one.period() == other.period()
        && (one.digits, one.algorithm) == (other.digits, other.algorithm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Refusal, Verdict};
    use crate::import::google_authenticator::File;
    use crate::testing::token::token;
    use crate::testing::{NOW, RULES};
    use crate::token::{Period, Step};
    use crate::transaction::tests::{answer, apply, enrolled};

    const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn brought(options: &str) -> Brought {
        let file = File::parse(format!("{BASE32}\n{options}").as_bytes()).unwrap();
        file.bring(&RULES, NOW).unwrap()
    }

    fn import(record: &mut Record, brought: &Brought, existing: Existing) -> Imported {
        let who = (UserName::parse("alice").unwrap(), 1000);
        let expires = NOW.plus(30 * 86_400);
        let scratch = Import::scratch_codes(brought, expires).unwrap();
        let mut import = Import::new(who, brought, scratch, existing, (&RULES, NOW)).unwrap();
        import.prepare(record).unwrap();
        apply(record, import)
    }

    /// The code of that secret and step or counter.
    fn code(step: Step) -> String {
        let secret = crate::token::Secret::from_base32(BASE32).unwrap();
        Token {
            secret,
            ..token(1, "phone")
        }
        .code_at(step)
        .to_string()
    }

    fn present() -> Step {
        Period::THIRTY.step_at(NOW)
    }

    #[test]
    fn what_was_accepted_until_a_minute_later_opens_nothing_and_what_comes_after_that_does() {
        let mut record = Record::default();
        let options = format!(
            "\" TOTP_AUTH\n\" TIME_SKEW 4\n\" DISALLOW_REUSE {}\n",
            present().0 + 4
        );
        assert_eq!(
            import(&mut record, &brought(&options), Existing::Keep),
            Imported::New
        );
        let shown = present().plus(4);
        for step in [shown.minus(1), shown, shown.plus(1)] {
            assert!(matches!(
                answer(&mut record, &code(step)),
                Verdict::Refused(Refusal::Replayed { .. })
            ));
        }
        assert_eq!(record.state.tokens[0].last_step, Some(shown.plus(3)));
        assert_eq!(record.state.tokens[0].drift.steps(), 4);
    }

    #[test]
    fn the_counter_goes_on_where_it_was() {
        let mut record = Record::default();
        assert_eq!(
            import(&mut record, &brought("\" HOTP_COUNTER 7\n"), Existing::Keep),
            Imported::New
        );
        for counter in [5, 6] {
            assert!(matches!(
                answer(&mut record, &code(Step(counter))),
                Verdict::Refused(Refusal::Replayed { .. })
            ));
        }
        assert!(matches!(
            answer(&mut record, &code(Step(7))),
            Verdict::Accepted(_)
        ));
    }

    #[test]
    fn of_scratch_codes_alone_each_opens_once_and_the_token_never() {
        let mut record = Record::default();
        let only = brought("12345678\n87654321\n");
        assert_eq!(import(&mut record, &only, Existing::Keep), Imported::New);
        for step in [Step(0), Step(1), present(), Step(u64::MAX)] {
            assert!(!matches!(
                answer(&mut record, &code(step)),
                Verdict::Accepted(_)
            ));
        }
        record.state.clear_failures();
        assert!(matches!(
            answer(&mut record, "12345678"),
            Verdict::Accepted(_)
        ));
        assert!(matches!(
            answer(&mut record, "12345678"),
            Verdict::Refused(Refusal::Replayed { .. })
        ));
    }

    #[test]
    fn again_it_changes_nothing_whether_it_may_replace_or_not() {
        let mut record = Record::default();
        let brought = brought("\" TOTP_AUTH\n12345678\n87654321\n");
        import(&mut record, &brought, Existing::Keep);
        assert!(matches!(
            answer(&mut record, "12345678"),
            Verdict::Accepted(_)
        ));
        let (state, toml) = (
            record.state.clone(),
            record.enrollment.as_ref().unwrap().to_toml(),
        );
        for existing in [Existing::Keep, Existing::Replace] {
            assert_eq!(import(&mut record, &brought, existing), Imported::Same);
            assert_eq!(record.state, state);
            assert_eq!(*record.enrollment.as_ref().unwrap().to_toml(), *toml);
        }
        // What was spent here is not alive again.
        assert!(!matches!(
            answer(&mut record, "12345678"),
            Verdict::Accepted(_)
        ));
        assert!(matches!(
            answer(&mut record, "87654321"),
            Verdict::Accepted(_)
        ));
    }

    #[test]
    fn again_what_was_used_in_the_other_system_since_counts_as_used() {
        let mut record = Record::default();
        import(
            &mut record,
            &brought("\" HOTP_COUNTER 7\n12345678\n87654321\n"),
            Existing::Keep,
        );
        let later = brought("\" HOTP_COUNTER 9\n87654321\n");
        assert_eq!(
            import(&mut record, &later, Existing::Keep),
            Imported::CaughtUp
        );
        assert_eq!(import(&mut record, &later, Existing::Keep), Imported::Same);
        for used in [&code(Step(8)), "12345678"] {
            assert!(matches!(
                answer(&mut record, used),
                Verdict::Refused(Refusal::Replayed { .. })
            ));
        }
        assert!(matches!(
            answer(&mut record, "87654321"),
            Verdict::Accepted(_)
        ));
        assert!(matches!(
            answer(&mut record, &code(Step(9))),
            Verdict::Accepted(_)
        ));
        // The other way round nothing comes to life.
        let earlier = brought("\" HOTP_COUNTER 7\n12345678\n87654321\n");
        assert_eq!(
            import(&mut record, &earlier, Existing::Replace),
            Imported::Same
        );
        assert!(!matches!(
            answer(&mut record, &code(Step(9))),
            Verdict::Accepted(_)
        ));
    }

    #[test]
    fn what_else_is_enrolled_is_kept_unless_it_may_be_replaced() {
        let mut record = enrolled();
        let before = record.enrollment.as_ref().unwrap().to_toml();
        let brought = brought("\" TOTP_AUTH\n");
        assert_eq!(
            import(&mut record, &brought, Existing::Keep),
            Imported::Exists
        );
        assert_eq!(*record.enrollment.as_ref().unwrap().to_toml(), *before);
        assert_eq!(
            import(&mut record, &brought, Existing::Replace),
            Imported::Replaced
        );
        assert_eq!(record.enrollment.as_ref().unwrap().tokens.len(), 1);
    }

    #[test]
    fn a_token_that_comes_back_in_another_enrollment_knows_what_was_used_of_it() {
        let mut record = Record::default();
        import(&mut record, &brought("\" HOTP_COUNTER 3\n"), Existing::Keep);
        assert!(matches!(
            answer(&mut record, &code(Step(9))),
            Verdict::Accepted(_)
        ));
        // Somebody else has the number now: it is no import of theirs.
        record.enrollment.as_mut().unwrap().uid = 1001;
        let same = brought("\" HOTP_COUNTER 3\n");
        assert_eq!(
            import(&mut record, &same, Existing::Replace),
            Imported::Replaced
        );
        assert!(matches!(
            answer(&mut record, &code(Step(9))),
            Verdict::Refused(Refusal::Replayed { .. })
        ));
    }

    #[test]
    fn where_the_record_of_past_logins_is_lost_nothing_is_changed() {
        let mut record = Record::default();
        let brought = brought("\" HOTP_COUNTER 3\n");
        import(&mut record, &brought, Existing::Keep);
        record.state.tokens.clear();
        assert_eq!(
            import(&mut record, &brought, Existing::Keep),
            Imported::StateLost
        );
    }
}
