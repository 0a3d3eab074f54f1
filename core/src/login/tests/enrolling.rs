//! The conversation of somebody who enrolls in it: who may, the questions, and that nothing is kept by it.

use super::*;
use crate::backup_codes::BackupCode;
use crate::login::enrolling::Gate;
use crate::messages::{KEPT, PROMPT, PROOF};
use crate::state::{Standing, State};
use crate::store::Past;
use crate::surroundings::System;
use crate::testing::scene::{Host, request};
use crate::testing::token::token;
use crate::token::{Period, Secret, Token};
use crate::transaction::{CancelInvite, Close, Invite, make_ticket, run};

/// People enroll at sshd and login by these gates.
pub(super) fn by(gates: &str) -> Scene {
    under(&format!(
        "[enrollment]\nmode = \"at-login\"\n[backup_codes]\ncount = 1\n[at_login]\nqr = \"none\"\n{gates}\n"
    ))
}

/// An administrator invites bob.
fn invited(scene: &Scene, seconds: u64) -> String {
    let (ticket, code) = make_ticket(scene.time().plus(seconds)).unwrap();
    let rules = &scene.config.rules();
    let mut invite = Invite { ticket, rules };
    let invited = run(&scene.store, &scene.clock, &bob().name, &mut invite);
    assert!(invited.unwrap().is_ok());
    code.grouped().to_string()
}

/// The app, with the key that the question shows.
pub(super) fn app(step: &Step) -> Token {
    let text = question(step);
    let key = text
        .lines()
        .find_map(|line| Secret::from_base32(&line.replace(' ', "")).ok());
    Token {
        secret: key.unwrap_or_else(|| panic!("no key in {text}")),
        ..token(1, "phone")
    }
}

/// What the app shows, so many steps from now.
pub(super) fn shown(scene: &Scene, app: &Token, steps: u64) -> Result<Answer, BadAnswer> {
    let step = Period::THIRTY.step_at(scene.time()).plus(steps);
    typed(&app.code_at(step))
}

/// A code that the app does not show anywhere near now.
fn wrong(scene: &Scene, app: &Token) -> Result<Answer, BadAnswer> {
    let steps = (0..6).map(|step| Period::THIRTY.step_at(scene.time()).minus(3).plus(step));
    let shown: Vec<_> = steps.map(|step| app.code_at(step).to_string()).collect();
    let codes = (0..10).map(|number| format!("{number:06}"));
    typed(
        &codes
            .into_iter()
            .find(|code| !shown.contains(code))
            .unwrap(),
    )
}

/// Whether somebody in this record is shown a key at once, may type an invitation, or is only asked for a code.
fn gate(scene: &Scene, record: &Record) -> Gate {
    scene.login(Subject::Known(bob())).gate(record)
}

fn removed() -> Record {
    Record {
        past: Past::Removed,
        ..Record::default()
    }
}

fn closed() -> Record {
    let state = State {
        standing: Standing::Alone,
        closed: Closed::Yes,
        ..State::default()
    };
    Record {
        state,
        ..Record::default()
    }
}

#[test]
fn whoever_was_never_enrolled_is_shown_a_key_and_then_the_backup_codes_and_nothing_is_written() {
    let scene = by("open = true");
    let mut login = scene.login(Subject::Known(bob()));
    let offered = login.start();
    assert!(question(&offered).ends_with(PROOF));
    assert_eq!(
        scene.last_line(),
        r#"event=offered by=policy user="bob" service="sshd" rhost="192.0.2.7""#
    );
    let app = app(&offered);
    let codes = login.answer(shown(&scene, &app, 0));
    let text = question(&codes);
    assert!(text.ends_with(KEPT), "{text}");
    let code = |line: &str| BackupCode::parse(&line.trim().replace('-', ""));
    assert_eq!(text.lines().filter_map(code).count(), 1);
    let Then::Ask(prompt) = &codes.then else {
        panic!()
    };
    // Enter is an answer that has to be seen to do something.
    assert_eq!(prompt.echo, Echo::On);
    let end = login.answer(Err(BadAnswer::Empty));
    let Verdict::Accepted(accepted) = verdict(end) else {
        panic!()
    };
    assert!(matches!(accepted.factor, Factor::NewToken(_)));
    let said = scene.last_line();
    assert!(said.starts_with("event=accepted user=\"bob\"") && said.contains("factor=new-token"));
    let prepared = login.into_prepared().unwrap();
    assert_eq!(prepared.enrollment.user, bob().name);
    assert_eq!(prepared.enrollment.uid, bob().uid);
    assert_eq!(prepared.ticket, None);
    assert!(prepared.enrollment.tokens[0].secret.is_same_as(&app.secret));
    assert!(scene.record_of(&bob()).is_empty());
    let lines = scene.log.0.borrow().join("\n");
    assert!(!lines.contains(app.secret.to_base32().as_str()));
}

#[test]
fn whatever_is_typed_once_the_codes_were_shown_is_an_answer() {
    for answer in [typed("123456"), typed("hunter2"), Err(BadAnswer::TooLong)] {
        let scene = by("open = true");
        let mut login = scene.login(Subject::Known(bob()));
        let app = app(&login.start());
        login.answer(shown(&scene, &app, 0));
        assert!(matches!(
            verdict(login.answer(answer)),
            Verdict::Accepted(_)
        ));
    }
}

#[test]
fn a_code_that_is_not_of_the_key_is_asked_for_again_and_the_last_one_is_the_end() {
    let scene = by("open = true");
    let mut login = scene.login(Subject::Known(bob()));
    let app = app(&login.start());
    for answer in [wrong(&scene, &app), typed("hunter2")] {
        let again = login.answer(answer);
        assert_eq!(
            question(&again),
            "That is not a code of this key. Wait for the next one and try again.\nCode that the app shows now: "
        );
        assert!(
            scene
                .last_line()
                .starts_with("event=rejected reason=not-proved user=\"bob\"")
        );
    }
    let end = login.answer(Err(BadAnswer::Empty));
    assert_eq!(verdict(end), Verdict::Refused(Refusal::NotProved));
    assert!(login.into_prepared().is_none());
    assert!(scene.record_of(&bob()).is_empty(), "nothing is charged");
}

#[test]
fn a_right_code_after_wrong_ones_proves_the_same_key() {
    let scene = by("open = true");
    let mut login = scene.login(Subject::Known(bob()));
    let app = app(&login.start());
    login.answer(wrong(&scene, &app));
    // The same wrong one again is no more than wrong.
    login.answer(wrong(&scene, &app));
    assert!(question(&login.answer(shown(&scene, &app, 0))).ends_with(KEPT));
}

#[test]
fn a_key_is_proved_within_the_window_and_not_beyond() {
    for (steps, proves) in [(0, true), (1, true), (2, false), (12, false)] {
        let scene = by("open = true");
        let mut login = scene.login(Subject::Known(bob()));
        let app = app(&login.start());
        let step = login.answer(shown(&scene, &app, steps));
        assert_eq!(question(&step).ends_with(KEPT), proves, "{steps}");
        let prepared = login.into_prepared();
        let last = prepared.and_then(|prepared| prepared.proved.last_step);
        let present = Period::THIRTY.step_at(scene.time());
        assert_eq!(last, proves.then(|| present.plus(steps)));
    }
}

#[test]
fn whoever_breaks_off_leaves_nothing_and_is_shown_another_key() {
    let scene = by("open = true");
    let mut keys = Vec::new();
    for answers in 0..3 {
        let mut login = scene.login(Subject::Known(bob()));
        let offered = login.start();
        keys.push(app(&offered).secret.to_base32().to_string());
        if answers > 0 {
            login.answer(wrong(&scene, &app(&offered)));
        }
        if answers > 1 {
            login.answer(shown(&scene, &app(&offered), 0));
        }
        drop(login);
        assert!(scene.record_of(&bob()).is_empty());
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 3);
}

#[test]
fn an_invitation_is_typed_at_the_ordinary_question_and_leads_to_the_key() {
    let scene = by("ticket = true");
    let ticket = invited(&scene, 60);
    let before = scene.record_of(&bob()).state;
    let mut login = scene.login(Subject::Known(bob()));
    assert_eq!(question(&login.start()), PROMPT);
    let offered = login.answer(typed(&ticket.to_lowercase().replace('-', " ")));
    assert!(question(&offered).ends_with(PROOF));
    assert_eq!(
        scene.last_line(),
        r#"event=offered by=invitation user="bob" service="sshd" rhost="192.0.2.7""#
    );
    assert!(question(&login.answer(shown(&scene, &app(&offered), 0))).ends_with(KEPT));
    let id = before.ticket.as_ref().map(|ticket| ticket.id);
    assert_eq!(login.into_prepared().unwrap().ticket, id);
    assert_eq!(
        scene.record_of(&bob()).state,
        before,
        "it is not used up yet"
    );
}

#[test]
fn after_wrong_ones_the_right_one_still_leads_there_with_as_many_questions_as_ever() {
    let scene = by("ticket = true");
    let ticket = invited(&scene, 60);
    let mut login = scene.login(Subject::Known(bob()));
    login.start();
    let said = login.answer(typed("3467-9CFH-JKMR-TWXY-3467"));
    assert!(question(&said).starts_with("Not accepted. "));
    assert!(
        scene
            .last_line()
            .starts_with("event=rejected reason=wrong user=\"bob\"")
    );
    login.answer(typed("123456"));
    assert_eq!(scene.record_of(&bob()).state.elsewhere.failures, 1);
    let app = app(&login.answer(typed(&ticket)));
    for _ in 0..2 {
        question(&login.answer(wrong(&scene, &app)));
    }
    assert!(question(&login.answer(shown(&scene, &app, 0))).ends_with(KEPT));
}

#[test]
fn an_invitation_that_does_not_hold_is_told_so_to_whoever_has_it() {
    let scene = by("ticket = true");
    let ticket = invited(&scene, 60);
    scene.pass(60);
    let mut login = scene.login(Subject::Known(bob()));
    login.start();
    assert_eq!(
        question(&login.answer(typed(&ticket))),
        "That invitation does not hold any more. Ask your administrator for a new one.\nVerification code: "
    );
}

#[test]
fn an_invitation_that_was_replaced_or_withdrawn_is_a_wrong_answer() {
    let scene = by("ticket = true");
    let first = invited(&scene, 60);
    let second = invited(&scene, 60);
    let mut login = scene.login(Subject::Known(bob()));
    login.start();
    assert!(question(&login.answer(typed(&first))).starts_with("Not accepted. "));
    let rules = &scene.config.rules();
    let mut cancel = CancelInvite { rules };
    let cancelled = run(&scene.store, &scene.clock, &bob().name, &mut cancel);
    assert!(cancelled.unwrap().is_ok());
    assert!(question(&login.answer(typed(&second))).starts_with("Not accepted. "));
    assert!(
        scene
            .last_line()
            .starts_with("event=rejected reason=not-enrolled")
    );
}

#[test]
fn an_invitation_is_its_persons_alone() {
    let scene = by("ticket = true");
    let ticket = invited(&scene, 60);
    for subject in [Subject::Known(alice()), Subject::Unknown] {
        let mut login = scene.login(subject);
        login.start();
        assert!(question(&login.answer(typed(&ticket))).starts_with("Not accepted. "));
    }
}

#[test]
fn whoever_was_closed_meanwhile_is_refused_and_their_invitation_is_there_once_they_are_open() {
    let scene = by("ticket = true");
    let ticket = invited(&scene, 60);
    let record = scene.record_of(&bob());
    let mut login = scene.login(Subject::Known(bob()));
    login.start();
    let rules = &scene.config.rules();
    let mut close = Close { rules };
    run(&scene.store, &scene.clock, &bob().name, &mut close)
        .unwrap()
        .unwrap();
    assert!(question(&login.answer(typed(&ticket))).starts_with("Not accepted. "));
    scene.store.put(&bob().name, record);
    let mut login = scene.login(Subject::Known(bob()));
    login.start();
    assert!(question(&login.answer(typed(&ticket))).ends_with(PROOF));
}

#[test]
fn where_no_question_may_be_asked_an_invitation_leads_to_none() {
    let scene = by("ticket = true");
    let ticket = invited(&scene, 60);
    let mut login = scene.login(Subject::Known(bob()));
    let end = login.start_with(typed(&ticket), Otherwise::Refuse);
    assert_eq!(verdict(end), Verdict::Refused(Refusal::NotEnrolled));
    let mut login = scene.login(Subject::Known(bob()));
    let offered = login.start_with(typed(&ticket), Otherwise::Ask);
    assert!(question(&offered).ends_with(PROOF));
}

#[test]
fn without_a_gate_only_who_was_never_enrolled_may_enroll() {
    let scene = by("open = true");
    let mut half = scene.record_of(&alice());
    half.enrollment = None;
    let mut lost = Record::default();
    lost.state.integrity = Integrity::Lost;
    for (record, expected) in [
        (Record::default(), Gate::Open),
        (removed(), Gate::ByInvitation),
        (closed(), Gate::Closed),
        (half, Gate::Closed),
        (lost, Gate::Closed),
        (scene.record_of(&alice()), Gate::Closed),
    ] {
        assert_eq!(gate(&scene, &record), expected, "{record:?}");
    }
}

#[test]
fn every_gate_that_is_given_has_to_let_somebody_through() {
    let (here, there) = ("192.0.2.0/24", "198.51.100.0/24");
    let (later, earlier) = ("2026-11-24", "2026-11-23");
    let mut combinations = 0;
    for network in [None, Some(here), Some(there)] {
        for until in [None, Some(later), Some(earlier)] {
            for ticket in [false, true] {
                for service in ["sshd", "login", "vpn"] {
                    let gates = [
                        format!("services = [\"{service}\", \"gdm\"]\nticket = {ticket}"),
                        network.map_or_else(String::new, |it| format!("networks = [\"{it}\"]")),
                        until.map_or_else(String::new, |day| format!("until = {day}")),
                        format!("open = {}", network.or(until).is_none() && !ticket),
                    ]
                    .join("\n");
                    let scene = by(&gates);
                    let is_through =
                        network != Some(there) && until != Some(earlier) && service == "sshd";
                    let expected = match (is_through, ticket) {
                        (true, false) => Gate::Open,
                        (true, true) => Gate::ByInvitation,
                        (false, _) => Gate::Closed,
                    };
                    assert_eq!(gate(&scene, &Record::default()), expected, "{gates}");
                    let is_offered =
                        question(&scene.login(Subject::Known(bob())).start()).ends_with(PROOF);
                    assert_eq!(is_offered, expected == Gate::Open, "{gates}");
                    combinations += 1;
                }
            }
        }
    }
    assert_eq!(combinations, 54);
}

#[test]
fn the_last_day_is_one_of_them_in_utc() {
    for (now, expected) in [
        ("2026-11-24T23:59:59Z", Gate::Open),
        ("2026-11-25T00:00:00Z", Gate::Closed),
    ] {
        let scene = by("until = 2026-11-24");
        let now = Time::parse_rfc3339(now).unwrap();
        scene.clock.now.set(now.unix());
        assert_eq!(gate(&scene, &Record::default()), expected);
    }
}

#[test]
fn a_network_is_believed_of_a_literal_address_that_is_not_the_hosts_own() {
    let scene = by("networks = [\"0.0.0.0/0\", \"::/0\"]");
    let other = Host(Ok("198.51.100.1".parse().unwrap()));
    let own = Host(Ok("192.0.2.7".parse().unwrap()));
    let unknown = Host(Err(nix::errno::Errno::EMFILE));
    for (host, rhost, service, is_offered) in [
        (&other, Some("192.0.2.7"), "sshd", true),
        (&other, Some("::ffff:192.0.2.7"), "sshd", true),
        (&other, Some("2001:db8::1"), "sshd", true),
        (&own, Some("192.0.2.7"), "sshd", false),
        (&unknown, Some("192.0.2.7"), "sshd", false),
        (&other, Some("127.0.0.1"), "sshd", false),
        (&other, Some("host.example"), "sshd", false),
        (&other, None, "sshd", false),
        // It is not believed about addresses.
        (&other, Some("192.0.2.7"), "login", false),
    ] {
        let request = Request {
            rhost: rhost.map(str::to_owned),
            service: service.to_owned(),
            ..request(Subject::Known(bob()))
        };
        let step = scene.login_of(host, request).start();
        assert_eq!(
            question(&step).ends_with(PROOF),
            is_offered,
            "{rhost:?} {service}"
        );
    }
}

#[test]
fn whom_a_rule_requires_to_be_asked_is_not_offered_anything() {
    for (word, is_asked) in [("require", true), ("deny", true), ("skip", false)] {
        let scene = under(&format!(
            "enrollment.mode = \"at-login\"\nat_login.open = true\n[[rule]]\nsecond_factor = \"{word}\"\n"
        ));
        let step = scene.login(Subject::Known(bob())).start();
        match step.then {
            Then::Ask(prompt) => assert_eq!((prompt.text.as_str(), is_asked), (PROMPT, true)),
            Then::Done(_) => assert!(!is_asked),
        }
    }
}

#[test]
fn in_other_modes_and_in_a_field_for_both_nobody_enrolls() {
    for mode in ["required", "optional"] {
        let scene = under(&format!("enrollment.mode = \"{mode}\"\n"));
        assert_eq!(gate(&scene, &Record::default()), Gate::Closed);
        let ticket = invited(&scene, 60);
        let mut login = scene.login(Subject::Known(bob()));
        if let Then::Ask(_) = login.start().then {
            assert!(question(&login.answer(typed(&ticket))).starts_with("Not accepted. "));
        }
    }
    for gates in ["open = true", "ticket = true"] {
        let scene = by(gates);
        let request = Request {
            asks_for: AsksFor::Both,
            ..request(Subject::Known(bob()))
        };
        let mut login = scene.login_of(&System, request);
        assert_eq!(question(&login.start()), "Password & verification code: ");
        let ticket = invited(&scene, 60);
        assert!(question(&login.answer(typed(&ticket))).starts_with("Not accepted. "));
    }
}

#[test]
fn names_without_an_account_are_asked_the_ordinary_question() {
    let scene = by("open = true");
    let fault = Fault::Unusable("the name service failed".to_owned());
    for subject in [Subject::Unknown, Subject::Unresolved(fault)] {
        assert_eq!(question(&scene.login(subject).start()), PROMPT);
    }
}

#[test]
fn whether_an_invitation_is_taken_is_decided_when_it_is_typed() {
    let scene = by("ticket = true");
    let ticket = invited(&scene, 60);
    let mut login = scene.login(Subject::Known(bob()));
    login.start();
    // Enrolled by an administrator meanwhile.
    let invited = scene.record_of(&bob());
    let mut enrolled = scene.record_of(&alice());
    let enrollment = enrolled.enrollment.as_mut().unwrap();
    enrollment.user = bob().name;
    enrollment.uid = bob().uid;
    scene.store.put(&bob().name, enrolled);
    assert!(question(&login.answer(typed(&ticket))).starts_with("Not accepted. "));
    assert!(scene.last_line().starts_with("event=rejected reason=wrong"));
    scene.store.put(&bob().name, invited);
    let mut login = scene.login(Subject::Known(bob()));
    login.start();
    question(&login.answer(typed(&ticket)));
}

#[test]
fn a_stranger_with_the_shape_of_a_ticket_is_shown_the_same_for_everybody() {
    type Make = fn(&Scene);
    fn lock(state: &mut State, scene: &Scene) {
        state.elsewhere.failures = 7;
        state.elsewhere.since = scene.time();
    }
    let people: [(&str, Make); 9] = [
        ("nobody", |_| {}),
        ("never enrolled", |_| {}),
        ("invited", |scene| {
            invited(scene, 600);
        }),
        ("invited once", |scene| {
            invited(scene, 0);
        }),
        ("invited and locked", |scene| {
            invited(scene, 600);
            let mut record = scene.record_of(&bob());
            lock(&mut record.state, scene);
            scene.store.put(&bob().name, record);
        }),
        ("removed", |scene| scene.store.put(&bob().name, removed())),
        ("closed", |scene| scene.store.put(&bob().name, closed())),
        ("enrolled", |scene| {
            scene.store.put(&bob().name, scene.record_of(&alice()));
        }),
        ("enrolled and locked", |scene| {
            let mut record = scene.record_of(&alice());
            lock(&mut record.state, scene);
            scene.store.put(&bob().name, record);
        }),
    ];
    for config in [
        "",
        "[enrollment]\nmode = \"at-login\"\n[at_login]\nticket = true\n",
        "[[rule]]\nsecond_factor = \"deny\"\n",
        "[enrollment]\nmode = \"at-login\"\n[at_login]\nticket = true\n[[rule]]\nsecond_factor = \"deny\"\n",
    ] {
        let mut first = None;
        for (who, make) in people {
            let scene = under(config);
            make(&scene);
            let subject = match who {
                "nobody" => Subject::Unknown,
                // Alice's record is that of her uid.
                _ if who.starts_with("enrolled") => Subject::Known(Account {
                    uid: alice().uid,
                    ..bob()
                }),
                _ => Subject::Known(bob()),
            };
            let mut login = scene.login(subject);
            let mut seen = vec![question(&login.start()).to_owned()];
            for answer in ["3467-9CFH-JKMR-TWXY-3467", "123456"] {
                let step = login.answer(typed(answer));
                seen.extend(step.say.clone());
                seen.push(question(&step).to_owned());
            }
            let end = login.answer(typed("hunter2"));
            seen.extend(end.say.clone());
            assert!(matches!(verdict(end), Verdict::Refused(_)), "{who}");
            assert!(login.into_prepared().is_none());
            let seen = (seen, scene.clock.slept.get());
            assert_eq!(
                *first.get_or_insert_with(|| seen.clone()),
                seen,
                "{who}: {config}"
            );
        }
    }
}
