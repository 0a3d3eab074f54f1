mod facts;
mod keep;

use super::*;
use crate::backup_codes::Count;
use crate::check::Refusal;
use crate::config::ServiceName;
use crate::id::Id;
use crate::state::{Bucket, KnownPlace};
use crate::testing::token::token;
use crate::testing::{CHEAP, NOW, RULES};
use crate::token::{Period, Token};

fn set() -> BackupCodes {
    cheap_set().0
}

fn enrollment(tokens: Vec<Token>) -> Enrollment {
    Enrollment {
        user: UserName::parse("alice").unwrap(),
        uid: 1000,
        created: NOW,
        tokens,
        backup_codes: Some(set()),
        scratch_codes: None,
    }
}

/// Applies a transaction and writes the change back.
pub(super) fn apply<T: Transaction>(record: &mut Record, transaction: T) -> T::Outcome {
    apply_at(record, transaction, NOW)
}

fn apply_at<T: Transaction>(record: &mut Record, mut transaction: T, now: Time) -> T::Outcome {
    let (outcome, change) = transaction.apply(record, now);
    match change {
        Change::Nothing => {}
        Change::State(state) => record.state = written(&state),
        Change::Enrollment(enrollment, state) => {
            *record = Record {
                enrollment: Some(enrollment),
                state: written(&state),
                ..Record::default()
            };
        }
        Change::Remove => *record = Record::default(),
    }
    outcome
}

pub(super) fn set_of(record: &Record) -> Option<Id> {
    let codes = record.enrollment.as_ref()?.backup_codes.as_ref()?;
    Some(codes.id)
}

pub(super) fn unlock(record: &mut Record, mend: Mend) -> Result<Unlocked, NothingThere> {
    apply(
        record,
        Unlock {
            mend,
            rules: &RULES,
        },
    )
}

/// What a store would have written.
fn written(state: &State) -> State {
    assert_eq!(state.integrity, Integrity::Whole, "doubts must be resolved");
    State::parse(&state.to_text()).unwrap()
}

fn enroll(tokens: Vec<Token>, existing: Existing) -> Enroll<'static> {
    Enroll {
        rules: &RULES,
        enrollment: enrollment(tokens),
        existing,
        proved: Vec::new(),
    }
}

pub(super) fn enrolled() -> Record {
    let mut record = Record::default();
    apply(
        &mut record,
        enroll(vec![token(1, "phone"), token(2, "tablet")], Existing::Keep),
    );
    record
}

pub(super) fn answer(record: &mut Record, text: &str) -> Verdict {
    answer_at(record, text, NOW)
}

pub(super) fn answer_at(record: &mut Record, text: &str, now: Time) -> Verdict {
    let answer = Answer::parse(text.as_bytes()).unwrap();
    let attempt = Attempt::new(1000, Place::Local(1), &answer, &RULES);
    apply_at(record, attempt, now)
}

pub(super) fn code(number: u8) -> String {
    let token = token(number, "x");
    token.code_at(Period::THIRTY.step_at(NOW)).to_string()
}

#[test]
fn an_enrollment_that_exists_is_kept_unless_it_is_to_be_replaced() {
    let mut record = enrolled();
    assert_eq!(
        apply(&mut record, enroll(vec![token(3, "new")], Existing::Keep)),
        Enrolled::Exists
    );
    assert_eq!(record.enrollment.as_ref().unwrap().tokens.len(), 2);
    assert_eq!(
        apply(
            &mut record,
            enroll(vec![token(3, "new")], Existing::Replace)
        ),
        Enrolled::Replaced
    );
    assert_eq!(
        record.enrollment.as_ref().unwrap().tokens[0].label.as_str(),
        "new"
    );
}

#[test]
fn the_code_that_proved_a_token_opens_no_door() {
    let mut record = Record::default();
    let token = token(1, "phone");
    let proved = vec![TokenState {
        last_step: Some(Period::THIRTY.step_at(NOW)),
        ..TokenState::new(token.id)
    }];
    apply(
        &mut record,
        Enroll {
            enrollment: enrollment(vec![token]),
            existing: Existing::Keep,
            proved,
            rules: &RULES,
        },
    );
    assert!(matches!(
        answer(&mut record, &code(1)),
        Verdict::Refused(Refusal::Replayed { .. })
    ));
}

#[test]
fn while_an_enrollment_is_replaced_the_state_serves_both() {
    let record = enrolled();
    let (_, change) = enroll(vec![token(3, "new")], Existing::Replace).apply(&record, NOW);
    let Change::Enrollment(_, state) = change else {
        panic!()
    };
    let mut between = Record { state, ..record };
    assert!(matches!(
        answer(&mut between, &code(1)),
        Verdict::Accepted(_)
    ));
}

#[test]
fn locks_outlive_a_new_enrollment_but_the_hard_limit_ends_with_it() {
    let mut record = enrolled();
    record.state.elsewhere = Bucket {
        failures: 7,
        since: NOW,
    };
    apply(
        &mut record,
        enroll(vec![token(3, "new")], Existing::Replace),
    );
    assert_eq!(record.state.elsewhere.failures, 7);
    record.state.disable();
    record.state.elsewhere.failures = 100;
    apply(
        &mut record,
        enroll(vec![token(4, "newer")], Existing::Replace),
    );
    assert!(matches!(
        answer(&mut record, &code(4)),
        Verdict::Accepted(_)
    ));
    // What the one before left goes with the next change.
    apply(
        &mut record,
        enroll(vec![token(5, "newest")], Existing::Replace),
    );
    assert_eq!(
        (record.state.is_disabled(), record.state.elsewhere.failures),
        (false, 0)
    );
}

#[test]
fn replacing_again_and_again_never_outgrows_the_state() {
    let mut record = Record::default();
    for round in 0..10_u8 {
        let tokens = (0..8)
            .map(|index| token(round * 8 + index, &format!("{round}-{index}")))
            .collect();
        apply(&mut record, enroll(tokens, Existing::Replace));
        assert!(
            record.state.tokens.len() <= State::MOST_TOKENS
                && record.state.spent.len() <= State::MOST_SETS
        );
        assert!(State::parse(&record.state.to_text()).is_ok());
    }
}

#[test]
fn new_codes_end_the_old_ones_and_no_longer_wait() {
    let mut record = enrolled();
    let old = record
        .enrollment
        .as_ref()
        .unwrap()
        .backup_codes
        .as_ref()
        .unwrap()
        .id;
    record.state.spent[0].codes = 7;
    record.state.waiting = Some(old);
    assert_eq!(
        apply(
            &mut record,
            RenewCodes {
                codes: set(),
                rules: &RULES
            }
        ),
        Ok(())
    );
    assert_ne!(
        record
            .enrollment
            .as_ref()
            .unwrap()
            .backup_codes
            .as_ref()
            .unwrap()
            .id,
        old
    );
    assert!(record.state.waiting != set_of(&record));
    assert_eq!(
        apply(
            &mut Record::default(),
            RenewCodes {
                codes: set(),
                rules: &RULES
            }
        ),
        Err(NothingThere::NotEnrolled)
    );
}

#[test]
fn one_token_can_be_removed_and_the_last_one_takes_everything_along() {
    let mut record = enrolled();
    let remove = |label: &str| Remove {
        label: Some(Label::parse(label).unwrap()),
        rules: &RULES,
    };
    assert_eq!(
        apply(&mut record, remove("watch")),
        Err(NothingThere::NoSuchToken)
    );
    assert_eq!(apply(&mut record, remove("phone")), Ok(Removed::Token));
    assert!(matches!(
        answer(&mut record, &code(2)),
        Verdict::Accepted(_)
    ));
    assert_eq!(
        apply(&mut record, remove("tablet")),
        Ok(Removed::Everything)
    );
    assert!(record.enrollment.is_none());
    assert_eq!(
        apply(
            &mut record,
            Remove {
                label: None,
                rules: &RULES
            }
        ),
        Err(NothingThere::NotEnrolled)
    );
}

#[test]
fn what_is_left_of_an_enrollment_can_be_removed() {
    let mut record = enrolled();
    record.enrollment = None;
    let remove = |label| Remove {
        label,
        rules: &RULES,
    };
    assert_eq!(
        apply(&mut record, remove(Some(Label::parse("phone").unwrap()))),
        Err(NothingThere::NotEnrolled)
    );
    assert_eq!(apply(&mut record, remove(None)), Ok(Removed::Everything));
    assert!(record.is_empty());
}

#[test]
fn unlocking_forgets_failures_but_not_the_hard_limit() {
    let mut record = enrolled();
    record.state.elsewhere = Bucket {
        failures: 60,
        since: NOW,
    };
    record.state.waiting = set_of(&record);
    assert_eq!(unlock(&mut record, Mend::Locks), Ok(Unlocked::Released));
    assert_eq!(
        (
            record.state.elsewhere.failures,
            record.state.waiting.is_some()
        ),
        (0, false)
    );
    record.state.disable();
    assert_eq!(
        unlock(&mut record, Mend::Locks),
        Ok(Unlocked::StillDisabled)
    );
    assert_eq!(
        answer(&mut record, &code(1)),
        Verdict::Refused(Refusal::Disabled)
    );
}

#[test]
fn a_clock_that_ran_ahead_is_mended_without_making_a_used_code_new() {
    let mut record = enrolled();
    let future = NOW.plus(1_000_000_000);
    for known in &mut record.state.tokens {
        known.last_step = Some(Period::THIRTY.step_at(future));
    }
    record.state.elsewhere = Bucket {
        failures: 6,
        since: future,
    };
    record.state.places.push(KnownPlace {
        place: Place::Local(1),
        last_success: future,
        bucket: Bucket::default(),
    });
    assert!(matches!(
        answer(&mut record, &code(1)),
        Verdict::Unavailable(Fault::Clock)
    ));
    assert_eq!(unlock(&mut record, Mend::Clock), Ok(Unlocked::Done));
    assert!(matches!(
        answer(&mut record, &code(1)),
        Verdict::Refused(Refusal::Replayed { .. })
    ));
    assert_eq!(
        record.state.tokens[0].last_step,
        Some(Period::THIRTY.step_at(NOW).plus(1))
    );
    assert_eq!(
        (
            record.state.places[0].last_success,
            record.state.elsewhere.since
        ),
        (NOW, NOW)
    );
}

/// When by the right clock a code was given there is not known: from now on it would count for too long.
#[test]
fn a_place_that_a_clock_ahead_made_trusted_is_forgotten_when_the_clock_is_mended() {
    let mut record = enrolled();
    let sshd = ServiceName::known("sshd");
    record
        .state
        .note_trust(&sshd, Place::Local(1), NOW.plus(1_000_000));
    record.state.note_trust(&sshd, Place::Local(2), NOW);
    assert_eq!(unlock(&mut record, Mend::Clock), Ok(Unlocked::Done));
    let trusted = |place| record.state.trusted_since(&sshd, place);
    assert_eq!(
        (trusted(Place::Local(1)), trusted(Place::Local(2))),
        (None, Some(NOW))
    );
}

#[test]
fn beside_a_state_of_somebody_elses_nothing_is_changed_but_for_a_fresh_one() {
    let mut record = enrolled();
    record.state.tokens = vec![TokenState::new(Id::new().unwrap())];
    let renew = RenewCodes {
        codes: set(),
        rules: &RULES,
    };
    assert_eq!(apply(&mut record, renew), Err(NothingThere::StateLost));
    for mend in [Mend::Locks, Mend::Clock] {
        assert_eq!(unlock(&mut record, mend), Err(NothingThere::StateLost));
    }
    assert_eq!(unlock(&mut record, Mend::FreshState), Ok(Unlocked::Done));
}

#[test]
fn a_fresh_state_holds_everything_for_used_that_may_have_been() {
    let (codes_of_alice, codes) = cheap_set();
    let mut record = enrolled();
    record.enrollment.as_mut().unwrap().backup_codes = Some(codes_of_alice);
    record.state = State {
        integrity: Integrity::Lost,
        ..State::default()
    };
    for mend in [Mend::Locks, Mend::Clock] {
        assert_eq!(unlock(&mut record, mend), Err(NothingThere::StateLost));
    }
    assert_eq!(unlock(&mut record, Mend::FreshState), Ok(Unlocked::Done));
    assert!(matches!(
        answer(&mut record, &code(1)),
        Verdict::Refused(Refusal::Replayed { .. })
    ));
    for code in codes {
        assert!(matches!(
            answer(&mut record, &code.grouped()),
            Verdict::Refused(Refusal::Replayed { .. })
        ));
    }
}

/// What is left when the state of a change was written and the enrollment was not: a full disk, a crash between.
fn half_written<T: Transaction>(record: &Record, mut transaction: T) -> Record {
    let (_, Change::Enrollment(_, state)) = transaction.apply(record, NOW) else {
        panic!("no enrollment was to be written");
    };
    Record {
        state: written(&state),
        ..record.clone()
    }
}

#[test]
fn half_a_replacement_forgives_nothing() {
    let mut record = enrolled();
    record.state.disable();
    let mut half = half_written(&record, enroll(vec![token(3, "new")], Existing::Replace));
    assert_eq!(
        answer(&mut half, &code(1)),
        Verdict::Refused(Refusal::Disabled)
    );
}

#[test]
fn half_a_renewal_leaves_the_old_codes_waiting() {
    let (codes_of_alice, codes) = cheap_set();
    let mut record = enrolled();
    record.enrollment.as_mut().unwrap().backup_codes = Some(codes_of_alice);
    record.state.waiting = set_of(&record);
    let renew = RenewCodes {
        codes: set(),
        rules: &RULES,
    };
    let mut half = half_written(&record, renew);
    assert_eq!(
        answer(&mut half, &codes[0].grouped()),
        Verdict::Refused(Refusal::BackupCodesWait)
    );
}

#[test]
fn no_change_of_a_doubtful_record_makes_a_used_code_new() {
    let (codes_of_alice, codes) = cheap_set();
    for found in [Integrity::OneSlotBad, Integrity::Copied] {
        let mut doubtful = enrolled();
        doubtful.enrollment.as_mut().unwrap().backup_codes = Some(codes_of_alice.clone());
        doubtful.state.integrity = found;
        let changes: [fn(&mut Record); 3] = [
            |record| {
                let label = Some(Label::parse("tablet").unwrap());
                apply(
                    record,
                    Remove {
                        label,
                        rules: &RULES,
                    },
                )
                .unwrap();
            },
            |record| {
                apply(
                    record,
                    Unlock {
                        mend: Mend::Clock,
                        rules: &RULES,
                    },
                )
                .unwrap();
            },
            |record| {
                let codes = record.enrollment.as_ref().unwrap().backup_codes.clone();
                let renew = RenewCodes {
                    codes: codes.unwrap(),
                    rules: &RULES,
                };
                apply(record, renew).unwrap();
            },
        ];
        for change in changes {
            let mut record = doubtful.clone();
            change(&mut record);
            let verdict = answer(&mut record, &code(1));
            assert!(
                matches!(verdict, Verdict::Refused(Refusal::Replayed { .. })),
                "{found:?}: {verdict:?}"
            );
            if found == Integrity::Copied {
                assert_eq!(
                    answer(&mut record, &codes[0].grouped()),
                    Verdict::Refused(Refusal::BackupCodesWait)
                );
            }
        }
    }
}

#[test]
fn whoever_gets_a_name_that_somebody_had_before_gets_none_of_their_places() {
    let mut record = enrolled();
    let bucket = Bucket {
        failures: 3,
        since: NOW,
    };
    record.state.places.push(KnownPlace {
        place: Place::Local(1),
        last_success: NOW,
        bucket,
    });
    let mut new = enroll(vec![token(3, "new")], Existing::Replace);
    new.enrollment.uid = 1001;
    apply(&mut record, new);
    assert_eq!(
        (record.state.places.len(), record.state.elsewhere.failures),
        (0, 3)
    );
}

fn cheap_set() -> (BackupCodes, Vec<crate::backup_codes::BackupCode>) {
    BackupCodes::make(Count::DEFAULT, CHEAP).unwrap()
}

#[test]
fn a_fresh_state_can_be_read_though_the_one_before_knew_of_two_other_enrollments() {
    let mut record = enrolled();
    apply(
        &mut record,
        enroll(vec![token(3, "new")], Existing::Replace),
    );
    // As after a backup of the state was restored beside an enrollment that is newer than it.
    record.enrollment = Some(enrollment(vec![token(4, "newest")]));
    // The state is parsed there as the store would.
    assert_eq!(unlock(&mut record, Mend::FreshState), Ok(Unlocked::Done));
    assert!(record.state.token(token(4, "newest").id).is_some());
    assert!(record.state.spent_of(set_of(&record).unwrap()).is_some());
}
