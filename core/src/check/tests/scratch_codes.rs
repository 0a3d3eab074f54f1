//! Scratch codes as answers: what another system gave people.

use super::*;
use crate::scratch_codes::{ScratchCode, ScratchCodes};
use crate::transaction::{Mend, RenewCodes, Transaction as _, Unlock};

const CODES: [&str; 3] = ["10000001", "31415926", "99999999"];
const DAY: u64 = 86_400;

/// Somebody with a phone and three scratch codes, for 30 days.
fn alice() -> Person {
    let mut alice = Person::enrolled();
    let codes = CODES.map(|code| ScratchCode::parse(code).unwrap());
    let scratch = ScratchCodes::make(&codes, CHEAP, NOW.plus(30 * DAY)).unwrap();
    alice.record.state.spent = vec![SpentCodes::none(scratch.set.id)];
    let enrollment = alice.record.enrollment.as_mut().unwrap();
    enrollment.backup_codes = None;
    enrollment.scratch_codes = Some(scratch);
    alice
}

#[test]
fn each_opens_once_however_it_is_grouped() {
    let mut alice = alice();
    for (index, code) in CODES.iter().enumerate() {
        let Verdict::Accepted(accepted) = alice.answers(&format!("{} {}", &code[..4], &code[4..]))
        else {
            panic!("code {index}")
        };
        let expires = NOW.plus(30 * DAY);
        let left = 2 - index;
        assert_eq!(accepted.factor, Factor::ScratchCode { left, expires });
        assert_eq!(accepted.backup_codes_left, Some(left));
        assert_eq!(
            alice.answers(code),
            Verdict::Refused(Refusal::Replayed {
                next: Next::BackupCode
            })
        );
    }
    assert_eq!(alice.record.state.elsewhere.failures, 0);
}

#[test]
fn one_opens_at_the_end_of_a_field_that_holds_a_password_too() {
    let alice = alice();
    let field = Answer::Tail(crate::answer::Tail::of("pass31415926").unwrap());
    assert!(is_accepted(&alice.decide_on(&field).0));
}

#[test]
fn a_wrong_one_is_charged_and_the_right_code_of_the_phone_goes_on_opening() {
    let mut alice = alice();
    assert!(is_wrong(&alice.answers("31415927")));
    assert_eq!(alice.record.state.elsewhere.failures, 1);
    let code = alice.code(0);
    assert!(is_accepted(&alice.answers(&code)));
}

#[test]
fn when_they_are_over_none_opens_and_none_is_left() {
    let mut alice = alice();
    alice.now = NOW.plus(30 * DAY);
    assert!(is_wrong(&alice.answers(CODES[0])));
    let code = alice.code(0);
    let Verdict::Accepted(accepted) = alice.answers(&code) else {
        panic!()
    };
    assert_eq!(accepted.backup_codes_left, Some(0));
}

#[test]
fn a_token_of_8_digits_comes_first_and_asks_for_no_digest() {
    let mut alice = alice();
    alice.record.enrollment.as_mut().unwrap().tokens[0].digits = Digits::try_from(8).unwrap();
    let code = Answer::parse(alice.code(0).as_bytes()).unwrap();
    assert!(matches!(
        check(&alice.record, &a_try(&code), NOW),
        Decision::Answer(Verdict::Accepted(_), _)
    ));
    // And the scratch codes open beside it.
    assert!(is_accepted(&alice.answers(CODES[1])));
}

#[test]
fn a_digest_is_asked_for_only_of_what_can_be_one_and_only_where_there_are_any() {
    let with = alice();
    let without = Person::enrolled();
    let over = Person {
        now: NOW.plus(30 * DAY),
        ..alice()
    };
    for (person, text, asked) in [
        (&with, "31415926", true),
        (&with, "01234567", false),
        (&with, "1234567", false),
        (&without, "31415926", false),
        (&over, "31415926", false),
    ] {
        let answer = Answer::parse(text.as_bytes()).unwrap();
        let decision = check(&person.record, &a_try(&answer), person.now);
        assert_eq!(
            matches!(decision, Decision::NeedsDigest(..)),
            asked,
            "{text}"
        );
    }
}

#[test]
fn a_backup_codes_shape_opens_nothing_beside_them() {
    let mut alice = alice();
    assert!(is_wrong(&alice.answers("3467-9CFH-JKMR-TWXY-3467")));
}

#[test]
fn in_a_copied_store_they_wait_for_an_administrator() {
    let mut alice = alice();
    alice.record.state.integrity = Integrity::Copied;
    for _ in 0..2 {
        assert_eq!(
            alice.answers(CODES[0]),
            Verdict::Refused(Refusal::BackupCodesWait)
        );
    }
    let mut unlock = Unlock {
        mend: Mend::Locks,
        rules: &RULES,
    };
    let (_, change) = unlock.apply(&alice.record, NOW);
    let crate::store::Change::State(state) = change else {
        panic!()
    };
    alice.record.state = state;
    assert!(is_accepted(&alice.answers(CODES[0])));
}

#[test]
fn a_fresh_state_holds_all_of_them_for_spent() {
    let mut alice = alice();
    let mut unlock = Unlock {
        mend: Mend::FreshState,
        rules: &RULES,
    };
    let (_, change) = unlock.apply(&alice.record, NOW);
    let crate::store::Change::State(state) = change else {
        panic!()
    };
    alice.record.state = state;
    assert!(matches!(
        alice.answers(CODES[0]),
        Verdict::Refused(Refusal::Replayed { .. })
    ));
}

#[test]
fn new_backup_codes_end_them() {
    let mut alice = alice();
    let (set, codes) = BackupCodes::make(crate::backup_codes::Count::DEFAULT, CHEAP).unwrap();
    let mut renew = RenewCodes {
        codes: set,
        rules: &RULES,
    };
    let (_, change) = renew.apply(&alice.record, NOW);
    let crate::store::Change::Enrollment(enrollment, state) = change else {
        panic!()
    };
    assert!(enrollment.scratch_codes.is_none());
    alice.record.enrollment = Some(enrollment);
    alice.record.state = state;
    assert!(is_wrong(&alice.answers(CODES[0])));
    assert!(is_accepted(&alice.answers(&codes[0].grouped())));
}
