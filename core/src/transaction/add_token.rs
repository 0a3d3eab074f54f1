//! One more token beside those that somebody has. Backup codes and what is known of the other tokens stay as they are.

use super::{Transaction, has_lost_its_state, state_to_change};
use crate::check::{Fault, Rules};
use crate::enrollment::Enrollment;
use crate::state::TokenState;
use crate::store::{Change, Record};
use crate::time::Time;
use crate::token::{Label, Token};

/// Gives somebody who is enrolled one more token.
#[derive(Debug)]
pub struct AddToken<'a> {
    /// The uid that the account has now.
    pub uid: u32,
    /// The token.
    pub token: Token,
    /// Where it was proved, the step of the code that proved it: that code opens no door any more.
    pub proved: Option<TokenState>,
    /// The administrator's rules.
    pub rules: &'a Rules,
}

/// Why a token was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdded {
    /// There is nothing that it could stand beside.
    #[error("nothing is enrolled")]
    NotEnrolled,
    /// What is enrolled belongs to an account of another uid.
    #[error("what is enrolled belongs to an account of another uid")]
    OtherUid,
    /// People choose by labels.
    #[error("there is a token with that label already")]
    LabelTaken,
    /// With one secret twice, a code would open twice.
    #[error("there is a token with that secret already")]
    SecretTaken,
    /// There is no room for one more.
    #[error(
        "there are {} tokens already, and that is the most",
        Enrollment::MOST_TOKENS
    )]
    Full,
    /// The hard limit was reached: nothing opens until somebody enrolls anew, and one more token is not that.
    #[error("too many wrong codes: nothing opens until enrolled anew")]
    Disabled,
    /// There is no record of past logins to change.
    #[error("{}", Fault::StateLost)]
    StateLost,
}

impl AddToken<'_> {
    /// What keeps a token of this label from an enrollment, as far as that can be told before the token is there.
    #[must_use]
    pub fn hindrance(enrollment: &Enrollment, uid: u32, label: &Label) -> Option<NotAdded> {
        if enrollment.uid != uid {
            Some(NotAdded::OtherUid)
        } else if enrollment.tokens.iter().any(|token| token.label == *label) {
            Some(NotAdded::LabelTaken)
        } else if enrollment.tokens.len() >= Enrollment::MOST_TOKENS {
            Some(NotAdded::Full)
        } else {
            None
        }
    }

    fn decide(&self, record: &Record, now: Time) -> Result<Change, NotAdded> {
        let enrollment = record.enrollment.as_ref().ok_or(NotAdded::NotEnrolled)?;
        if let Some(hindrance) = Self::hindrance(enrollment, self.uid, &self.token.label) {
            return Err(hindrance);
        }
        if enrollment
            .tokens
            .iter()
            .any(|token| token.is_twin_of(&self.token))
        {
            return Err(NotAdded::SecretTaken);
        }
        if has_lost_its_state(record, enrollment, self.rules, now) {
            return Err(NotAdded::StateLost);
        }
        let mut state = state_to_change(record, self.rules, now);
        if state.is_disabled() {
            return Err(NotAdded::Disabled);
        }
        state.forget_trust();
        state.end_temporary_code();
        state
            .tokens
            .push(self.proved.unwrap_or(TokenState::new(self.token.id)));
        let mut enrollment = enrollment.clone();
        enrollment.tokens.push(self.token.clone());
        Ok(Change::Enrollment(enrollment, state))
    }
}

impl Transaction for AddToken<'_> {
    type Outcome = Result<(), NotAdded>;

    fn apply(&mut self, record: &Record, now: Time) -> (Self::Outcome, Change) {
        match self.decide(record, now) {
            Ok(change) => (Ok(()), change),
            Err(hindrance) => (Err(hindrance), Change::Nothing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Refusal, Verdict};
    use crate::state::Usable;
    use crate::testing::token::token;
    use crate::testing::{NOW, RULES};
    use crate::token::Period;
    use crate::transaction::tests::{answer, apply, code, enrolled, set_of};

    fn add(number: u8, label: &str) -> AddToken<'static> {
        AddToken {
            uid: 1000,
            token: token(number, label),
            proved: None,
            rules: &RULES,
        }
    }

    #[test]
    fn a_token_that_was_added_opens_beside_the_others_and_the_backup_codes_stay() {
        let mut record = enrolled();
        record.state.spent[0].codes = 5;
        let set = set_of(&record);
        assert_eq!(apply(&mut record, add(3, "key")), Ok(()));
        for number in [3, 1, 2] {
            assert!(matches!(
                answer(&mut record, &code(number)),
                Verdict::Accepted(_)
            ));
        }
        assert_eq!(set_of(&record), set);
        assert_eq!(record.state.spent[0].codes, 5);
    }

    #[test]
    fn adding_a_token_makes_no_old_code_new() {
        let mut record = enrolled();
        assert!(matches!(
            answer(&mut record, &code(1)),
            Verdict::Accepted(_)
        ));
        let proved = TokenState {
            last_step: Some(Period::THIRTY.step_at(NOW)),
            ..TokenState::new(token(3, "key").id)
        };
        let add = AddToken {
            proved: Some(proved),
            ..add(3, "key")
        };
        assert_eq!(apply(&mut record, add), Ok(()));
        for used in [1, 3] {
            assert!(matches!(
                answer(&mut record, &code(used)),
                Verdict::Refused(Refusal::Replayed { .. })
            ));
        }
    }

    #[test]
    fn what_cannot_stand_beside_the_others_changes_nothing() {
        let mut full = enrolled();
        for number in 3..=8 {
            assert_eq!(
                apply(&mut full, add(number, &format!("token {number}"))),
                Ok(())
            );
        }
        let mut disabled = enrolled();
        disabled.state.disable();
        let mut lost = enrolled();
        lost.state.tokens.clear();
        let mut twin = token(9, "key");
        twin.secret = token(1, "phone").secret;
        let with = |change: &dyn Fn(&mut AddToken<'static>)| {
            let mut add = add(9, "key");
            change(&mut add);
            add
        };
        for (mut record, add, why) in [
            (Record::default(), add(9, "key"), NotAdded::NotEnrolled),
            (enrolled(), with(&|add| add.uid = 1001), NotAdded::OtherUid),
            (enrolled(), add(9, "phone"), NotAdded::LabelTaken),
            (
                enrolled(),
                with(&|add| add.token = twin.clone()),
                NotAdded::SecretTaken,
            ),
            (full, add(9, "key"), NotAdded::Full),
            (disabled, add(9, "key"), NotAdded::Disabled),
            (lost, add(9, "key"), NotAdded::StateLost),
        ] {
            let before = record.state.clone();
            assert_eq!(apply(&mut record, add), Err(why));
            assert_eq!(record.state, before);
        }
    }

    #[test]
    fn wrong_codes_and_locks_outlive_one_more_token() {
        let mut record = enrolled();
        record.state.elsewhere.failures = 7;
        record.state.wrong.count = 7;
        assert_eq!(apply(&mut record, add(3, "key")), Ok(()));
        assert_eq!(
            (record.state.elsewhere.failures, record.state.wrong.count),
            (7, 7)
        );
        assert!(
            record
                .state
                .tokens
                .iter()
                .all(|known| known.usable == Usable::Yes)
        );
    }
}
