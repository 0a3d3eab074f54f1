//! What the configuration's rules and its deadline make of a login.

use super::*;
use crate::account::Entry;
use crate::config::GroupName;
use crate::state::{Standing, State};
use crate::store::Past;
use crate::surroundings::{GroupEntry, System, Unresolved};

#[test]
fn whom_a_rule_denies_is_asked_like_everybody_and_refused_with_a_right_code_that_stays_unused() {
    let scene = under("[[rule]]\nusers = [\"alice\"]\nsecond_factor = \"deny\"\n");
    let backup = scene.backup_codes[0].grouped();
    let mut login = scene.login(Subject::Known(alice()));
    question(&login.start());
    for answer in [&scene.code()[..], "hunter2"] {
        let step = login.answer(typed(answer));
        assert!(question(&step).starts_with("Not accepted. "));
    }
    let end = login.answer(typed(&backup));
    let denied = Refusal::Denied { rule: 1 };
    assert_eq!(verdict(end), Verdict::Refused(denied));
    assert!(
        scene
            .last_line()
            .starts_with("event=rejected reason=denied user=\"alice\"")
    );
    // Nobody's: nothing was evaluated, so nothing was used up or charged.
    let record = scene.store.look(&alice().name).unwrap();
    assert_eq!(record.state.tokens[0].last_step, None);
    assert_eq!(record.state.elsewhere.failures, 0);
}

#[test]
fn whom_a_rule_exempts_is_not_asked_and_the_log_has_its_number() {
    let scene = under(
        "[[rule]]\nusers = [\"bob\"]\nsecond_factor = \"deny\"\n\
         [[rule]]\nnetworks = [\"192.0.2.0/24\"]\nservices = [\"sshd\"]\nsecond_factor = \"skip\"\n",
    );
    let end = scene.login(Subject::Known(alice())).start();
    assert_eq!(verdict(end), Verdict::Exempt(Exemption::Rule { number: 2 }));
    assert_eq!(
        scene.last_line(),
        r#"event=exempt reason=rule user="alice" service="sshd" rhost="192.0.2.7" rule=2"#
    );
}

#[test]
fn a_rule_exempts_nobody_without_an_account() {
    let scene = under("[[rule]]\nsecond_factor = \"skip\"\n");
    let fault = Fault::Unusable("the name service failed".to_owned());
    for (subject, refused) in [
        (Subject::Unknown, Verdict::Refused(Refusal::UnknownUser)),
        (
            Subject::Unresolved(fault.clone()),
            Verdict::Unavailable(fault),
        ),
    ] {
        assert_eq!(verdict(scene.login(subject).start()), refused);
    }
}

#[test]
fn a_rule_that_requires_asks_the_unenrolled_where_the_mode_would_not() {
    for config in ["mode = \"optional\"", "deadline = 9999-12-31"] {
        let scene = under(&format!(
            "[enrollment]\n{config}\n[[rule]]\nusers = [\"bob\"]\nsecond_factor = \"require\"\n"
        ));
        let mut login = scene.login(Subject::Known(bob()));
        question(&login.start());
        for answer in ["123456", "234567"] {
            question(&login.answer(typed(answer)));
        }
        let end = login.answer(typed("345678"));
        assert_eq!(verdict(end), Verdict::Refused(Refusal::NotEnrolled));
    }
}

#[test]
fn through_the_day_of_the_deadline_whoever_was_never_enrolled_is_let_in_and_then_no_more() {
    for (now, is_let_in) in [
        ("2026-11-24T02:30:00Z", true),
        ("2026-11-24T23:59:59Z", true),
        ("2026-11-25T00:00:00Z", false),
    ] {
        let scene = under("enrollment.deadline = 2026-11-24");
        scene
            .clock
            .now
            .set(Time::parse_rfc3339(now).unwrap().unix());
        let step = scene.login(Subject::Known(bob())).start();
        if is_let_in {
            assert_eq!(verdict(step), Verdict::Exempt(Exemption::Deadline));
            assert_eq!(
                scene.last_line(),
                r#"event=exempt reason=deadline user="bob" service="sshd" rhost="192.0.2.7""#
            );
        } else {
            question(&step);
        }
    }
}

#[test]
fn before_the_deadline_everybody_else_is_asked() {
    let scene = under("enrollment.deadline = 2027-01-31");
    let fault = Fault::Unusable("the name service failed".to_owned());
    // Half a record must not read as "never enrolled".
    let mut half = scene.store.look(&alice().name).unwrap();
    half.enrollment = None;
    scene.store.put(&bob().name, half);
    for subject in [
        Subject::Known(alice()),
        Subject::Known(bob()),
        Subject::Unknown,
        Subject::Unresolved(fault),
    ] {
        question(&scene.login(subject).start());
    }
}

#[test]
fn before_the_deadline_whoever_was_enrolled_once_or_is_closed_is_asked() {
    for (past, state, is_let_in) in [
        // An invitation, say, is kept beside no enrollment.
        (Past::Never, alone(Closed::No), true),
        (Past::Never, alone(Closed::Yes), false),
        (Past::Removed, State::default(), false),
        (Past::Removed, alone(Closed::No), false),
    ] {
        let scene = under("enrollment.deadline = 2027-01-31");
        let record = Record {
            enrollment: None,
            state,
            past,
        };
        scene.store.put(&bob().name, record);
        let step = scene.login(Subject::Known(bob())).start();
        assert_eq!(matches!(step.then, Then::Done(_)), is_let_in, "{past:?}");
    }
}

#[test]
fn where_optional_whoever_is_closed_is_asked_though_nothing_is_enrolled() {
    let scene = Scene::optional();
    let record = Record {
        state: alone(Closed::Yes),
        ..Record::default()
    };
    scene.store.put(&bob().name, record);
    question(&scene.login(Subject::Known(bob())).start());
}

/// What is kept about somebody beside no enrollment.
fn alone(closed: Closed) -> State {
    State {
        standing: Standing::Alone,
        closed,
        ..State::default()
    }
}

/// A host whose name service is down.
struct Down;

impl Surroundings for Down {
    fn gids_of(&self, _: &Account) -> Result<Vec<u32>, Unresolved> {
        Ok(Vec::new())
    }

    fn gids_of_alias(&self, _: &Entry) -> Result<Vec<u32>, Unresolved> {
        Ok(Vec::new())
    }

    fn group(&self, _: &GroupName) -> Result<Option<GroupEntry>, Unresolved> {
        Err(Unresolved(nix::errno::Errno::ECONNREFUSED))
    }

    fn own_addresses(&self) -> Result<Vec<std::net::IpAddr>, Unresolved> {
        Ok(Vec::new())
    }
}

#[test]
fn a_group_that_cannot_be_resolved_is_logged_and_skips_nobody() {
    for (word, is_asked) in [("skip", false), ("require", true)] {
        let scene = under(&format!(
            "enrollment.mode = \"optional\"\n[[rule]]\ngroups = [\"ops\"]\nsecond_factor = \"{word}\"\n"
        ));
        let mut login = scene.login_on(&Down, Subject::Known(bob()));
        let step = login.start();
        assert_eq!(matches!(step.then, Then::Ask(_)), is_asked, "{word}");
        let first = scene.log.0.borrow()[0].clone();
        let said = "event=unresolved user=\"bob\" service=\"sshd\" rhost=\"192.0.2.7\" problem=\"the group ops could not be \
                    looked up (Connection refused): ";
        assert!(first.starts_with(said), "{first}");
    }
}

/// The password that was right there is the target's, and anybody has one of their own to go to.
#[test]
fn nobody_enrolls_behind_the_password_of_another_account() {
    let mut scene = Scene::new();
    let su = "[enrollment]\nmode = \"at-login\"\n[at_login]\nopen = true\nservices = [\"su\"]\n";
    let asked = |scene: &Scene, real_uid| {
        let request = Request {
            service: "su".to_owned(),
            rhost: None,
            real_uid,
            ..scene.login(Subject::Known(bob())).request
        };
        let world = World {
            store: &scene.store,
            clock: &scene.clock,
            audit: &scene.log,
            surroundings: &System,
        };
        question(&Login::new(world, &scene.config, request).start()).to_owned()
    };
    for (invoker, real_uid, may_enroll) in [
        ("", 1001, true),
        ("[service.su]\nsubject = \"invoker\"\n", 1001, false),
        // root is asked for the target's.
        ("[service.su]\nsubject = \"invoker\"\n", 0, true),
    ] {
        scene.config = Config::parse(&format!("{su}{invoker}"), "test".as_ref()).unwrap();
        let question = asked(&scene, real_uid);
        assert_eq!(question.ends_with(messages::PROOF), may_enroll, "{invoker}");
    }
}

#[test]
fn whoever_could_enroll_with_an_invitation_is_told_to_type_it_where_reasons_are_told() {
    let mut scene = Scene::new();
    let ticket = "[enrollment]\nmode = \"at-login\"\n[at_login]\nticket = true\n";
    for (login, told) in [
        ("", "Not accepted. "),
        ("[login]\nexplain = true\n", messages::NEEDS_INVITATION),
    ] {
        scene.config = Config::parse(&format!("{ticket}{login}"), "test".as_ref()).unwrap();
        let mut login = scene.login(Subject::Known(bob()));
        login.start();
        for answer in ["123456", "hunter2"] {
            let step = login.answer(typed(answer));
            assert!(question(&step).starts_with(told), "{}", question(&step));
        }
        // Whoever is enrolled is told what is wrong with their code.
        let mut login = scene.login(Subject::Known(alice()));
        login.start();
        let step = login.answer(typed("000000"));
        assert!(!question(&step).starts_with(messages::NEEDS_INVITATION));
    }
}
