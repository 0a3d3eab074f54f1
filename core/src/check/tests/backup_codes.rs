//! Backup codes as answers.

use super::*;

#[test]
fn a_backup_code_works_once_and_the_others_go_on_working() {
    let mut alice = Person::enrolled();
    let codes: Vec<String> = alice
        .codes
        .iter()
        .map(|code| code.grouped().to_string())
        .collect();
    for (index, code) in codes.iter().enumerate() {
        let Verdict::Accepted(accepted) = alice.answers(code) else {
            panic!("code {index}")
        };
        assert_eq!(accepted.factor, Factor::BackupCode { left: 9 - index });
        assert_eq!(
            alice.answers(code),
            Verdict::Refused(Refusal::Replayed {
                next: Next::BackupCode
            })
        );
    }
}

#[test]
fn a_digest_is_asked_for_only_where_the_answer_has_a_backup_codes_shape_and_the_place_is_open() {
    let mut alice = Person::enrolled();
    let backup = Answer::BackupCode(alice.codes[0].clone());
    let attempt = a_try(&backup);
    assert!(matches!(
        check(&alice.record, &attempt, NOW),
        Decision::NeedsDigest(_, CHEAP)
    ));
    alice.record.state.elsewhere = Bucket {
        failures: 6,
        since: NOW,
    };
    assert!(matches!(
        check(&alice.record, &attempt, NOW),
        Decision::Answer(Verdict::Refused(Refusal::Locked { .. }), None)
    ));
    let code = Answer::parse(b"123456").unwrap();
    assert!(matches!(
        check(
            &alice.record,
            &Try {
                answer: &code,
                ..attempt
            },
            NOW
        ),
        Decision::Answer(..)
    ));
}

#[test]
fn a_digest_under_another_salt_is_not_compared() {
    let alice = Person::enrolled();
    let backup = Answer::BackupCode(alice.codes[0].clone());
    let salt = Salt::from_bytes([9; 16]);
    let made = SaltedDigest {
        salt,
        cost: CHEAP,
        digest: alice.codes[0].digest(&salt, CHEAP).unwrap(),
    };
    let attempt = Try {
        digest: Some(&made),
        ..a_try(&backup)
    };
    assert!(matches!(
        check(&alice.record, &attempt, NOW),
        Decision::NeedsDigest(..)
    ));
}

#[test]
fn a_wrong_backup_code_is_charged_like_a_wrong_code() {
    let mut alice = Person::enrolled();
    assert!(is_wrong(&alice.answers("3333-3333-3333-3333-3333")));
    assert_eq!(alice.record.state.elsewhere.failures, 1);
}

#[test]
fn in_a_copied_store_backup_codes_wait_for_an_administrator() {
    let mut alice = Person::enrolled();
    alice.record.state.integrity = Integrity::Copied;
    let backup = alice.codes[0].grouped().to_string();
    assert_eq!(
        alice.answers(&backup),
        Verdict::Refused(Refusal::BackupCodesWait)
    );
    assert!(alice.record.state.waiting.is_some());
    assert_eq!(alice.record.state.elsewhere.failures, 0);
    let later = alice.waits(60).code(0);
    assert!(is_accepted(&alice.answers(&later)));
    assert_eq!(
        alice.answers(&backup),
        Verdict::Refused(Refusal::BackupCodesWait)
    );
}

#[test]
fn of_a_set_that_the_state_does_not_know_no_code_opens() {
    // As when an old enrollment is restored beside a state that has forgotten its set.
    let mut alice = Person::enrolled();
    alice.record.state.spent.clear();
    let backup = alice.codes[0].grouped().to_string();
    assert_eq!(
        alice.answers(&backup),
        Verdict::Refused(Refusal::BackupCodesWait)
    );
    let code = alice.code(0);
    assert!(is_accepted(&alice.answers(&code)));
}
