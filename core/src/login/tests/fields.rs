//! Answers that come before any question, and fields of people who are exempt.

use zeroize::Zeroizing;

use super::*;
use crate::combined::Field;

/// What stands in `PAM_AUTHTOK` where a password and this are in one field.
fn behind_a_password(code: &str) -> Result<Answer, BadAnswer> {
    let bytes = format!("correct horse{code}").into_bytes();
    Field::new(Zeroizing::new(bytes)).answer()
}

/// How many tries were charged.
fn failures(scene: &Scene) -> u32 {
    let record = scene.store.look(&alice().name).unwrap();
    record.state.elsewhere.failures
}

#[test]
fn a_right_code_behind_the_first_password_opens_without_a_question() {
    let scene = Scene::new();
    let mut login = scene.login(Subject::Known(alice()));
    let end = login.start_with(behind_a_password(&scene.code()), Otherwise::Ask);
    assert!(matches!(verdict(end), Verdict::Accepted(_)));
}

#[test]
fn after_a_wrong_one_come_as_many_questions_as_ever() {
    let scene = Scene::new();
    let mut login = scene.login(Subject::Known(alice()));
    question(&login.start_with(behind_a_password("000000"), Otherwise::Ask));
    question(&login.answer(typed("000001")));
    question(&login.answer(typed("000002")));
    assert!(matches!(
        verdict(login.answer(typed("000003"))),
        Verdict::Refused(_)
    ));
}

#[test]
fn after_a_wrong_one_comes_no_question_where_nobody_may_be_asked() {
    let scene = Scene::new();
    for answer in [behind_a_password("000000"), behind_a_password("")] {
        let mut login = scene.login(Subject::Known(alice()));
        let end = login.start_with(answer, Otherwise::Refuse);
        assert!(matches!(verdict(end), Verdict::Refused(_)));
    }
    assert_eq!(failures(&scene), 1, "what has no code's shape is no try");
}

#[test]
fn the_same_field_again_is_charged_once() {
    let scene = Scene::new();
    let mut login = scene.login(Subject::Known(alice()));
    login.start_with(behind_a_password("000000"), Otherwise::Ask);
    login.answer(behind_a_password("000000"));
    assert_eq!(failures(&scene), 1);
}

#[test]
fn of_somebody_who_is_exempt_a_right_code_is_used_and_a_wrong_one_is_nothing() {
    let mut scene = Scene::new();
    let skip = "[[rule]]\nsecond_factor = \"skip\"\n";
    scene.config = Config::parse(skip, "test".as_ref()).unwrap();
    let mut login = scene.login(Subject::Known(alice()));
    assert!(matches!(verdict(login.start()), Verdict::Exempt(_)));
    let (right, wrong) = (
        behind_a_password(&scene.code()).unwrap(),
        behind_a_password("000000").unwrap(),
    );
    assert_eq!(login.spend(&wrong), None);
    assert_eq!(failures(&scene), 0);
    assert!(matches!(login.spend(&right), Some(Factor::Token { .. })));
    assert_eq!(login.spend(&right), None, "it was used");
    assert_eq!(scene.login(Subject::Known(bob())).spend(&right), None);
}

#[test]
fn the_question_for_both_says_so() {
    let scene = Scene::new();
    let mut login = scene.login(Subject::Known(alice()));
    login.request.asks_for = AsksFor::Both;
    assert_eq!(question(&login.start()), "Password & verification code: ");
}

#[test]
fn a_code_that_was_used_without_being_asked_for_forgets_no_wrong_ones() {
    let mut scene = Scene::new();
    let mut login = scene.login(Subject::Known(alice()));
    login.start();
    login.answer(typed("000000"));
    drop(login);
    let skip = "[[rule]]\nsecond_factor = \"skip\"\n";
    scene.config = Config::parse(skip, "test".as_ref()).unwrap();
    let login = scene.login(Subject::Known(alice()));
    let right = behind_a_password(&scene.code()).unwrap();
    assert!(login.spend(&right).is_some());
    let state = scene.store.look(&alice().name).unwrap().state;
    assert_eq!(
        (state.wrong.count, state.elsewhere.failures, state.places),
        (1, 1, vec![])
    );
}

#[test]
fn whoever_may_enroll_is_not_asked_for_a_code_because_their_password_ends_in_digits() {
    let mut scene = Scene::new();
    let open = "[enrollment]\nmode = \"at-login\"\n[at_login]\nopen = true\n";
    scene.config = Config::parse(open, "test".as_ref()).unwrap();
    let mut login = scene.login(Subject::Known(bob()));
    let step = login.start_with(behind_a_password("123456"), Otherwise::Ask);
    assert!(question(&step).ends_with(messages::PROOF));
    // Nobody is asked where nobody may be.
    let mut login = scene.login(Subject::Known(bob()));
    let end = login.start_with(behind_a_password("123456"), Otherwise::Refuse);
    assert!(matches!(verdict(end), Verdict::Refused(_)));
}
