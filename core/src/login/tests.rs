mod enrolling;
mod fields;
mod interleaved;
mod policy;
mod trust;

use nix::time::{ClockId, clock_gettime};

use super::*;
use crate::backup_codes::{Cost, Salt};
use crate::check::Exemption;
use crate::state::{Closed, Integrity};
use crate::store::Record;
use crate::testing::scene::{Scene, alice, bob, question, typed, under, verdict};
use crate::time::Time;

#[test]
fn a_right_code_is_one_question_and_opens() {
    let scene = Scene::new();
    let mut login = scene.login(Subject::Known(alice()));
    assert_eq!(question(&login.start()), "Verification code: ");
    let end = login.answer(typed(&scene.code()));
    assert!(end.say.is_empty());
    assert!(matches!(verdict(end), Verdict::Accepted(_)));
    assert_eq!(
        scene.last_line(),
        r#"event=accepted user="alice" service="sshd" rhost="192.0.2.7" token="phone""#
    );
    assert_eq!(scene.clock.slept.get(), Duration::ZERO);
}

#[test]
fn a_refused_answer_is_asked_again_three_times_in_all() {
    let scene = Scene::new();
    let mut login = scene.login(Subject::Known(alice()));
    login.start();
    for answer in ["000000", "000001"] {
        assert_eq!(
            question(&login.answer(typed(answer))),
            "Not accepted. After several wrong codes, wait up to 15 minutes.\nVerification code: "
        );
    }
    assert!(matches!(
        verdict(login.answer(typed("000002"))),
        Verdict::Refused(_)
    ));
    assert_eq!(scene.log.0.borrow().len(), 3);
}

#[test]
fn a_right_code_after_a_typing_mistake_opens() {
    let scene = Scene::new();
    let mut login = scene.login(Subject::Known(alice()));
    login.start();
    login.answer(typed("000000"));
    let end = login.answer(typed(&scene.code()));
    assert_eq!(
        end.say,
        [
            "1 wrong code since your last login, from 192.0.2.7. If that was not you, change your password."
        ]
    );
    assert!(matches!(verdict(end), Verdict::Accepted(_)));
}

#[test]
fn wrong_codes_are_told_of_at_the_next_success_that_is_heard() {
    let scene = Scene::new();
    let mut login = scene.login(Subject::Known(alice()));
    login.start();
    login.answer(typed("000000"));

    let mut login = scene.login(Subject::Known(alice())).unheard();
    login.start();
    assert!(matches!(
        verdict(login.answer(typed(&scene.code()))),
        Verdict::Accepted(_)
    ));
    assert!(scene.last_line().ends_with("wrong_since_last=1"));

    for told in [true, false] {
        scene.pass(30);
        let mut login = scene.login(Subject::Known(alice()));
        login.start();
        assert_eq!(
            login.answer(typed(&scene.code())).say.len(),
            usize::from(told)
        );
    }
}

#[test]
fn where_required_the_conversation_is_the_same_for_everybody() {
    let scene = Scene::new();
    let locked = Scene::new();
    for _ in 0..2 {
        let mut login = locked.login(Subject::Known(alice()));
        login.start();
        for answer in ["000000", "000001", "000002"] {
            login.answer(typed(answer));
        }
    }
    let conversations = [
        (&scene, Subject::Known(alice())),
        (&scene, Subject::Known(bob())),
        (&scene, Subject::Unknown),
        (&locked, Subject::Known(alice())),
    ]
    .map(|(scene, subject)| {
        let before = scene.clock.slept.get();
        let mut login = scene.login(subject);
        let mut turns = vec![question(&login.start()).to_owned()];
        for answer in ["111111", "hunter2"] {
            turns.push(question(&login.answer(typed(answer))).to_owned());
        }
        let end = login.answer(typed("1111-2222"));
        assert!(end.say.is_empty());
        assert!(matches!(verdict(end), Verdict::Refused(_)));
        (turns, scene.clock.slept.get().saturating_sub(before))
    });
    for other in &conversations[1..] {
        assert_eq!(*other, conversations[0]);
    }
    assert_eq!(
        conversations[0].1,
        3 * Duration::from_millis(50),
        "each refusal waited for the floor"
    );
}

#[test]
fn what_has_no_codes_shape_is_asked_again_and_not_charged() {
    let scene = Scene::new();
    let mut login = scene.login(Subject::Known(alice()));
    login.start();
    login.answer(typed("hunter2"));
    login.answer(Err(BadAnswer::TooLong));
    assert_eq!(
        scene.last_line(),
        r#"event=rejected reason=not-a-code user="alice" service="sshd" rhost="192.0.2.7""#
    );
    assert_eq!(
        scene.store.look(&alice().name).unwrap().state.wrong.count,
        0
    );
}

/// How long this thread has worked: others on the machine do not count.
fn working_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .unwrap()
        .into()
}

/// How often the same is measured.
const ROUNDS: usize = 3;

/// What sshd hands on of somebody who is not there is garbage, as long as the answer was.
#[test]
fn whatever_is_as_long_as_a_scratch_code_costs_a_digest_whoever_it_is_of() {
    let took = |work: &mut dyn FnMut()| {
        let start = working_time();
        work();
        working_time().checked_sub(start).unwrap()
    };
    let scene = Scene::new();
    let has_scratch_codes = Scene::new();
    has_scratch_codes.brings_scratch_codes(&["10000001"]);
    let is_locked = Scene::new();
    is_locked.brings_scratch_codes(&["10000001"]);
    is_locked.is_locked();
    for (scene, subject) in [
        (&scene, Subject::Known(alice())),
        (&scene, Subject::Known(bob())),
        (&scene, Subject::Unknown),
        (&has_scratch_codes, Subject::Known(alice())),
        (&is_locked, Subject::Known(alice())),
    ] {
        for (answer, costs) in [
            ("\u{8}\n\r\u{7f}INCORRECT\u{8}\n\r\u{7f}INC", true),
            ("correct horse battery staple", true),
            ("123456              ", true),
            ("\u{8}\n\r\u{7f}INCO", true),
            ("99999999", true),
            ("00 00 00", true),
            ("\u{8}\n\r\u{7f}INC", false),
            ("0000000", false),
            ("correct", false),
        ] {
            // Whatever else runs on the host only adds to it: of several times the shortest counts, of a digest at that moment too.
            // Again in the same conversation, it costs as much.
            let (mut a_digest, mut shortest) = (Duration::MAX, [Duration::MAX; 2]);
            for _ in 0..ROUNDS {
                a_digest = a_digest.min(took(&mut || {
                    let salt = Salt::from_bytes([0; 16]);
                    let digest = BackupCode::of_nobody().digest(&salt, Cost::DEFAULT);
                    digest.unwrap();
                }));
                let mut login = scene.login(subject.clone());
                login.start();
                for shortest in &mut shortest {
                    let took = took(&mut || {
                        login.answer(typed(answer));
                    });
                    *shortest = took.min(*shortest);
                }
                scene.forgets_failures();
            }
            for took in shortest {
                assert_eq!(took > a_digest / 2, costs, "{answer:?} took {took:?}");
                assert!(took < a_digest * 7 / 4, "{answer:?} took {took:?}");
            }
        }
    }
}

#[test]
fn a_scratch_code_opens_once_and_its_person_is_told_when_they_end() {
    let scene = Scene::new();
    scene.brings_scratch_codes(&["10000001", "31415926"]);
    let log_in = |answer: &str| {
        let mut login = scene.login(Subject::Known(alice()));
        login.start();
        login.answer(typed(answer))
    };
    let step = log_in("3141 5926");
    assert_eq!(
        step.say,
        [
            "Scratch code accepted. 1 left, and they end on 2026-12-24; your administrator can make backup codes."
        ]
    );
    assert!(matches!(verdict(step), Verdict::Accepted(_)));
    assert_eq!(
        scene.last_line(),
        r#"event=accepted user="alice" service="sshd" rhost="192.0.2.7" factor=scratch-code left=1 expires=2026-12-24T02:30:00Z"#
    );
    assert!(question(&log_in("31415926")).starts_with("That backup code was already used."));
    assert!(
        scene
            .last_line()
            .starts_with("event=rejected reason=replayed")
    );
    // From the moment on at which they end, none opens.
    scene.clock.now.set(scene.clock.now.get() + 30 * 86_400);
    assert!(question(&log_in("10000001")).starts_with("Not accepted."));
    assert!(scene.last_line().starts_with("event=rejected reason=wrong"));
}

#[test]
fn a_backup_code_that_is_given_again_costs_a_digest_again() {
    let scene = Scene::new();
    let mut login = scene.login(Subject::Known(bob()));
    login.start();
    let times = [(); 2].map(|()| {
        let start = working_time();
        login.answer(typed("3467-9CFH-JKMR-TWXY-3467"));
        working_time().checked_sub(start).unwrap()
    });
    assert!(times[1] > times[0] / 2, "{times:?}");
    assert!(scene.last_line().contains("reason=repeated"));
}

/// However long it took: what is told is told at a multiple of the floor.
#[test]
fn a_refusal_that_takes_longer_than_the_floor_waits_for_the_next_one() {
    let mut scene = Scene::new();
    for (floor, spent, waits) in [
        (50, 0, 50),
        (50, 7, 43),
        (50, 51, 49),
        (50, 119, 31),
        (0, 3, 0),
    ] {
        let floor = format!("[login]\nrefusal_floor = \"{floor}ms\"\n");
        scene.config = Config::parse(&floor, "test".as_ref()).unwrap();
        let login = scene.login(Subject::Unknown);
        let answered = scene.clock.elapsed();
        scene.clock.sleep(Duration::from_millis(spent));
        let before = scene.clock.elapsed();
        login.wait_until_floor(answered);
        let waited = scene.clock.elapsed().checked_sub(before).unwrap();
        assert_eq!(waited, Duration::from_millis(waits), "{floor}{spent}");
    }
}

#[test]
fn the_same_answer_again_in_one_conversation_is_not_charged_again() {
    let scene = Scene::new();
    let mut login = scene.login(Subject::Known(alice()));
    login.start();
    login.answer(typed("000000"));
    login.answer(typed("000 000"));
    assert_eq!(
        scene.store.look(&alice().name).unwrap().state.wrong.count,
        1
    );
    assert!(
        scene
            .last_line()
            .starts_with("event=rejected reason=repeated")
    );
}

#[test]
fn a_used_code_is_told_as_such_in_the_next_login() {
    let scene = Scene::new();
    for _ in 0..2 {
        let mut login = scene.login(Subject::Known(alice()));
        login.start();
        let step = login.answer(typed(&scene.code()));
        if let Then::Ask(prompt) = step.then {
            assert_eq!(
                prompt.text,
                "That code was already used. The next one comes in 30 seconds.\nVerification code: ".to_owned().into()
            );
            return;
        }
    }
    panic!("the same code opened twice");
}

#[test]
fn when_the_state_cannot_be_written_right_and_wrong_codes_go_alike() {
    let scene = Scene::new();
    scene.store.fail_writes();
    for answer in [
        scene.code(),
        "000000".to_owned(),
        scene.backup_codes[0].grouped().to_string(),
    ] {
        let mut login = scene.login(Subject::Known(alice()));
        login.start();
        assert_eq!(
            question(&login.answer(typed(&answer))),
            "Not accepted. After several wrong codes, wait up to 15 minutes.\nVerification code: "
        );
        assert!(
            scene.last_line().starts_with("event=unavailable"),
            "{}",
            scene.last_line()
        );
        // The same again is looked at again, and whatever comes last, it could not be told.
        login.answer(typed(&answer));
        assert!(scene.last_line().starts_with("event=unavailable"));
        let end = login.answer(typed("hunter2"));
        assert!(matches!(verdict(end), Verdict::Unavailable(_)));
    }
}

#[test]
fn a_record_that_cannot_be_read_does_not_show_in_the_number_of_questions() {
    let scene = Scene::new();
    let mut record = scene.store.look(&alice().name).unwrap();
    record.state.integrity = Integrity::Lost;
    scene.store.put(&alice().name, record);
    let conversation = |subject| {
        let mut login = scene.login(subject);
        let mut questions = vec![question(&login.start()).to_owned()];
        for answer in ["111111", "222222"] {
            questions.push(question(&login.answer(typed(answer))).to_owned());
        }
        login.answer(typed("333333"));
        questions
    };
    assert_eq!(
        conversation(Subject::Known(alice())),
        conversation(Subject::Known(bob()))
    );
}

#[test]
fn what_an_unknown_person_typed_as_a_name_is_not_logged() {
    let scene = Scene::new();
    let mut login = scene.login(Subject::Unknown);
    login.start();
    login.answer(typed("123456"));
    assert_eq!(
        scene.last_line(),
        r#"event=rejected reason=unknown-user user="" service="sshd" rhost="192.0.2.7""#
    );
}

#[test]
fn a_store_that_runs_the_decision_again_still_opens_once_and_logs_once() {
    let scene = Scene::new();
    scene.store.lose_races(3);
    let mut login = scene.login(Subject::Known(alice()));
    login.start();
    let end = login.answer(typed(&scene.backup_codes[0].grouped()));
    let Verdict::Accepted(accepted) = verdict(end) else {
        panic!()
    };
    assert_eq!(accepted.factor, Factor::BackupCode { left: 9 });
    assert_eq!(scene.log.0.borrow().len(), 1);
}

#[test]
fn where_optional_only_the_enrolled_are_asked() {
    let scene = Scene::optional();
    assert_eq!(
        question(&scene.login(Subject::Known(alice())).start()),
        "Verification code: "
    );
    assert_eq!(
        verdict(scene.login(Subject::Known(bob())).start()),
        Verdict::Exempt(Exemption::NotEnrolled)
    );
    assert_eq!(
        scene.last_line(),
        r#"event=exempt reason=not-enrolled user="bob" service="sshd" rhost="192.0.2.7""#
    );
}

#[test]
fn where_optional_a_name_without_an_account_is_refused_and_not_exempt() {
    let scene = Scene::optional();
    let end = scene.login(Subject::Unknown).start();
    assert_eq!(verdict(end), Verdict::Refused(Refusal::UnknownUser));
}

#[test]
fn the_question_can_be_another_one() {
    let scene = Scene::new();
    let mut login = scene.login(Subject::Known(alice()));
    login.request.prompt = Some("Code = ".to_owned());
    login.request.echo = Echo::On;
    let Then::Ask(prompt) = login.start().then else {
        panic!()
    };
    assert_eq!((prompt.text.as_str(), prompt.echo), ("Code = ", Echo::On));
}

#[test]
fn a_right_code_that_was_given_during_a_lock_may_be_given_again_after_it() {
    let scene = Scene::new();
    let mut record = scene.store.look(&alice().name).unwrap();
    record.state.elsewhere = crate::state::Bucket {
        failures: 6,
        since: Time::from_unix(scene.clock.now.get()),
    };
    scene.store.put(&alice().name, record);
    let backup = scene.backup_codes[0].grouped();
    let mut login = scene.login(Subject::Known(alice()));
    login.start();
    login.answer(typed(&backup));
    assert!(
        scene
            .last_line()
            .starts_with("event=rejected reason=locked")
    );
    scene.clock.now.set(scene.clock.now.get() + 30);
    assert!(matches!(
        verdict(login.answer(typed(&backup))),
        Verdict::Accepted(_)
    ));
}

#[test]
fn a_name_service_that_fails_does_not_show_in_the_number_of_questions() {
    let scene = Scene::new();
    let fault = Fault::Unusable("the name service failed".to_owned());
    let mut login = scene.login(Subject::Unresolved(fault.clone()));
    login.start();
    for answer in ["111111", "hunter2"] {
        question(&login.answer(typed(answer)));
    }
    assert_eq!(
        verdict(login.answer(typed("222222"))),
        Verdict::Unavailable(fault)
    );
}

#[test]
fn a_record_that_was_doubted_is_logged_once() {
    let scene = Scene::new();
    let mut record = scene.store.look(&alice().name).unwrap();
    record.state.integrity = Integrity::Copied;
    scene.store.put(&alice().name, record);
    for _ in 0..2 {
        let mut login = scene.login(Subject::Known(alice()));
        login.start();
        login.answer(typed("000000"));
    }
    let lines = scene.log.0.borrow();
    let doubtful = lines
        .iter()
        .filter(|line| line.starts_with("event=doubtful found=copied user=\"alice\""));
    assert_eq!(doubtful.count(), 1, "{lines:?}");
}

#[test]
fn a_record_that_keeps_its_person_out_is_logged_with_its_place_and_the_command_that_mends_it() {
    for (damage, said) in [
        (
            (|record| record.state.integrity = Integrity::Lost) as fn(&mut Record),
            "problem=\"memory/alice: the record of past logins cannot be read or does not belong to the enrollment; run: \
             nightlatch unlock alice --fresh-state\"",
        ),
        (
            |record| record.state.tokens[0].last_step = Some(crate::token::Step(u64::MAX)),
            "problem=\"memory/alice: a code was used that lies in the future: set the clock right, then run: nightlatch \
             unlock alice --clock\"",
        ),
        (
            |record| record.enrollment.as_mut().unwrap().uid = 4242,
            "mend=\"nightlatch enroll alice --replace\"",
        ),
    ] {
        let scene = Scene::new();
        let mut record = scene.store.look(&alice().name).unwrap();
        damage(&mut record);
        scene.store.put(&alice().name, record);
        let mut login = scene.login(Subject::Known(alice()));
        login.start();
        login.answer(typed(&scene.code()));
        assert!(scene.last_line().ends_with(said), "{}", scene.last_line());
    }
}

#[test]
fn where_optional_a_state_without_its_enrollment_does_not_read_as_not_enrolled() {
    for integrity in [Integrity::Whole, Integrity::Lost] {
        let scene = Scene::optional();
        let mut record = scene.store.look(&alice().name).unwrap();
        record.enrollment = None;
        record.state.integrity = integrity;
        if integrity == Integrity::Lost {
            record.state.tokens.clear();
            record.state.spent.clear();
        }
        scene.store.put(&alice().name, record);
        let mut login = scene.login(Subject::Known(alice()));
        assert!(matches!(verdict(login.start()), Verdict::Unavailable(_)));
        let line = scene.last_line();
        assert!(line.contains("problem=\"memory/alice: "), "{line}");
        assert!(line.contains("nightlatch remove alice"), "{line}");
    }
}
