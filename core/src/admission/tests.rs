//! The account phase: what is told, what is kept, and who is kept out that nobody asked.

use super::*;
use crate::account::{Account, UserName};
use crate::at_login::Whence;
use crate::config::ServiceName;
use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::place::Place;
use crate::state::{Closed, SpentCodes, Standing, State, TokenState, WrongCodes};
use crate::store::{Change, Past, Record, Store};
use crate::surroundings::System;
use crate::testing::scene::{Scene, alice, bob, request, under};
use crate::testing::token::token;
use crate::token::{Digits, Label};

const DEADLINE: &str = "After 2027-01-31 you need a second factor to log in, and none is set up for you yet. Ask your \
                        administrator to enroll you.";

/// What bob proved in his login.
fn prepared() -> Prepared {
    let token = token(7, "phone");
    Prepared {
        proved: TokenState::new(token.id),
        enrollment: Enrollment {
            user: bob().name,
            uid: bob().uid,
            created: crate::testing::NOW,
            tokens: vec![token],
            backup_codes: None,
            scratch_codes: None,
        },
        ticket: None,
        from: Whence {
            place: Place::of_address("192.0.2.7"),
            trust: Some(ServiceName::known("sshd")),
        },
    }
}

fn admits(scene: &Scene, prepared: Option<Prepared>) -> Admission {
    let left = LeftByLogin {
        trust: None,
        prepared,
        say: vec!["A word.".to_owned()],
    };
    let request = request(Subject::Known(bob()));
    admit(scene.world(&System), &scene.config, &request, left)
}

fn unasked(scene: &Scene, subject: Subject) -> Admission {
    admit_unasked(scene.world(&System), &scene.config, &request(subject))
}

fn is_open(admission: &Admission, say: &[&str]) {
    assert_eq!(admission.entry, Entry::Open);
    assert_eq!(admission.say, say);
    assert_eq!(admission.have_read, None);
}

fn is_refused(admission: &Admission, say: &str) {
    assert_eq!(admission.entry, Entry::Refused);
    assert_eq!(admission.say, [say]);
}

fn lines(scene: &Scene) -> usize {
    scene.log.0.borrow().len()
}

#[test]
fn what_was_prepared_is_kept_once_and_noted() {
    let scene = Scene::new();
    is_open(&admits(&scene, Some(prepared())), &["A word."]);
    assert_eq!(
        scene.last_line(),
        r#"event=enrolled-at-login by=policy user="bob" service="sshd" rhost="192.0.2.7" token="phone""#
    );
    let record = scene.record_of(&bob());
    assert_eq!(record.enrollment.unwrap().tokens.len(), 1);
    assert_eq!(record.state.trusted.len(), 1);
    // Another login of the same person was slower.
    let late = admits(&scene, Some(prepared()));
    assert_eq!(late.entry, Entry::Refused);
    assert!(late.say.is_empty());
    let read = late.have_read.unwrap();
    assert!(
        read.text
            .starts_with("You were enrolled elsewhere meanwhile, ")
    );
    assert!(
        read.text
            .ends_with("\nPress Enter once you have read this: ")
    );
    assert_eq!(read.echo, Echo::On);
    assert!(
        scene
            .last_line()
            .starts_with("event=rejected reason=enrolled-meanwhile user=\"bob\"")
    );
}

#[test]
fn what_is_not_kept_is_said_to_be_so_and_why() {
    let closed = State {
        standing: Standing::Alone,
        closed: Closed::Yes,
        ..State::default()
    };
    let by_invitation = || Prepared {
        ticket: Some(Id::from_bytes([1; 16])),
        ..prepared()
    };
    for (state, prepared, reason, word) in [
        (closed, prepared(), "You were locked", "closed"),
        (
            State::default(),
            by_invitation(),
            "Your invitation",
            "invitation-over",
        ),
    ] {
        let scene = Scene::new();
        let record = Record {
            state: state.clone(),
            ..Record::default()
        };
        scene.store.put(&bob().name, record);
        let admission = admits(&scene, Some(prepared));
        assert_eq!(admission.entry, Entry::Refused);
        assert!(admission.have_read.unwrap().text.starts_with(reason));
        let reason = format!("event=rejected reason={word} user=\"bob\"");
        assert!(
            scene.last_line().starts_with(&reason),
            "{}",
            scene.last_line()
        );
        let record = scene.record_of(&bob());
        assert!(record.enrollment.is_none());
        assert_eq!(record.state, state);
    }
}

#[test]
fn what_cannot_be_written_lets_nobody_in() {
    let scene = Scene::new();
    scene.store.fail_writes();
    let admission = admits(&scene, Some(prepared()));
    assert_eq!(admission.entry, Entry::Unavailable);
    assert_eq!(admission.say, [messages::UNAVAILABLE]);
    assert!(
        scene
            .last_line()
            .starts_with("event=unavailable user=\"bob\"")
    );
    assert!(scene.record_of(&bob()).is_empty());
}

#[test]
fn a_store_that_runs_it_again_keeps_it_once() {
    let scene = Scene::new();
    scene.store.lose_races(3);
    is_open(&admits(&scene, Some(prepared())), &["A word."]);
    assert_eq!(lines(&scene), 1);
    assert_eq!(scene.record_of(&bob()).state.tokens.len(), 1);
}

#[test]
fn where_nothing_was_prepared_what_is_to_be_told_is_told() {
    let scene = Scene::new();
    is_open(&admits(&scene, None), &["A word."]);
    assert_eq!(lines(&scene), 0);
}

#[test]
fn after_a_login_few_codes_and_a_deadline_are_told_of() {
    let scene = under("enrollment.deadline = 2027-01-31\n");
    let told = |verdict| to_tell(&scene.config, &verdict);
    let with = |factor, backup_codes_left| {
        Verdict::Accepted(Accepted {
            factor,
            wrong: WrongCodes::default(),
            backup_codes_left,
            temporary_code: None,
        })
    };
    let token = || Factor::Token {
        label: Label::usual(),
        digits: Digits::SIX,
    };
    for (left, said) in [
        (None, None),
        (Some(4), None),
        (
            Some(3),
            Some("3 backup codes are left. Ask your administrator for new ones."),
        ),
        (
            Some(1),
            Some("1 backup code is left. Ask your administrator for new ones."),
        ),
        (
            Some(0),
            Some("No backup code is left. Ask your administrator for new ones."),
        ),
    ] {
        let said: Vec<&str> = said.into_iter().collect();
        assert_eq!(told(with(token(), left)), said);
    }
    // These were told how many are left.
    assert!(told(with(Factor::BackupCode { left: 1 }, Some(1))).is_empty());
    assert!(told(with(Factor::NewToken(Label::usual()), Some(1))).is_empty());

    assert_eq!(told(Verdict::Exempt(Exemption::Deadline)), [DEADLINE]);
    for exemption in [
        Exemption::NotEnrolled,
        Exemption::Trusted,
        Exemption::Rule { number: 1 },
    ] {
        assert!(told(Verdict::Exempt(exemption)).is_empty());
    }
    assert!(told(Verdict::Refused(Refusal::NotEnrolled)).is_empty());
}

#[test]
fn on_this_host_nobody_is_looked_after_whom_nobody_asked() {
    let scene = under("account.require_enrollment = true\n[[rule]]\nsecond_factor = \"deny\"\n");
    for service in ["sudo", "login", "ftp"] {
        let request = Request {
            service: service.to_owned(),
            ..request(Subject::Known(bob()))
        };
        let admission = admit_unasked(scene.world(&System), &scene.config, &request);
        is_open(&admission, &[]);
    }
    assert_eq!(lines(&scene), 0);
}

#[test]
fn a_rule_that_denies_holds_for_keys_and_one_that_skips_lets_in() {
    for must in [false, true] {
        let scene = under(&format!(
            "account.require_enrollment = {must}\n[[rule]]\nusers = [\"bob\"]\nsecond_factor = \"deny\"\n\
             [[rule]]\nsecond_factor = \"skip\"\n"
        ));
        is_refused(&unasked(&scene, Subject::Known(bob())), messages::DENIED);
        assert_eq!(
            scene.last_line(),
            r#"event=rejected reason=denied user="bob" service="sshd" rhost="192.0.2.7" rule=1"#
        );
        is_open(&unasked(&scene, Subject::Known(alice())), &[]);
    }
}

#[test]
fn the_unenrolled_are_kept_out_only_where_that_is_configured_and_needed() {
    let require = "[[rule]]\nsecond_factor = \"require\"\n";
    let open = "at_login.open = true\n";
    for (mode, rest, is_needed) in [
        ("required", "", true),
        ("at-login", open, true),
        ("optional", "", false),
        ("optional", require, true),
    ] {
        for must in [false, true] {
            let scene = under(&format!(
                "enrollment.mode = \"{mode}\"\naccount.require_enrollment = {must}\n{rest}"
            ));
            let admission = unasked(&scene, Subject::Known(bob()));
            if must && is_needed {
                is_refused(&admission, messages::NOT_ENROLLED);
                assert_eq!(
                    scene.last_line(),
                    r#"event=rejected reason=not-enrolled user="bob" service="sshd" rhost="192.0.2.7""#
                );
            } else {
                is_open(&admission, &[]);
                assert_eq!(lines(&scene), 0);
            }
            is_open(&unasked(&scene, Subject::Known(alice())), &[]);
        }
    }
}

#[test]
fn before_the_deadline_whoever_was_never_enrolled_is_let_in_and_told() {
    for must in [false, true] {
        let scene = under(&format!(
            "enrollment.deadline = 2027-01-31\naccount.require_enrollment = {must}\n"
        ));
        is_open(&unasked(&scene, Subject::Known(bob())), &[DEADLINE]);
        let end = crate::time::Time::parse_rfc3339("2027-02-01T00:00:00Z").unwrap();
        scene.clock.now.set(end.unix() - 1);
        is_open(&unasked(&scene, Subject::Known(bob())), &[DEADLINE]);
        scene.clock.now.set(end.unix());
        let late = unasked(&scene, Subject::Known(bob()));
        if must {
            is_refused(&late, messages::NOT_ENROLLED);
        } else {
            is_open(&late, &[]);
        }
    }
}

#[test]
fn before_the_deadline_it_is_no_way_in_for_whoever_was_removed_closed_or_half_lost() {
    let alone = |closed| State {
        standing: Standing::Alone,
        closed,
        ..State::default()
    };
    let half = State {
        tokens: vec![TokenState::new(Id::from_bytes([1; 16]))],
        ..State::default()
    };
    for (state, past, is_let_in) in [
        (alone(Closed::No), Past::Never, true),
        (alone(Closed::Yes), Past::Never, false),
        (State::default(), Past::Removed, false),
        (half, Past::Never, false),
    ] {
        let scene = under("enrollment.deadline = 2027-01-31\naccount.require_enrollment = true\n");
        let record = Record {
            enrollment: None,
            state,
            past,
        };
        scene.store.put(&bob().name, record);
        let admission = unasked(&scene, Subject::Known(bob()));
        assert_eq!(admission.entry == Entry::Open, is_let_in, "{past:?}");
    }
}

#[test]
fn a_rule_that_requires_means_now_whenever_the_deadline_is() {
    for must in [false, true] {
        let scene = under(&format!(
            "enrollment.deadline = 2027-01-31\naccount.require_enrollment = {must}\n\
             [[rule]]\nusers = [\"bob\"]\nsecond_factor = \"require\"\n"
        ));
        let admission = unasked(&scene, Subject::Known(bob()));
        if must {
            is_refused(&admission, messages::NOT_ENROLLED);
        } else {
            is_open(&admission, &[]);
        }
    }
}

#[test]
fn few_codes_are_told_of_to_whoever_comes_by_a_key() {
    let scene = Scene::new();
    let mut record = scene.record_of(&alice());
    let set = record.state.spent[0].set;
    record.state.spent[0] = SpentCodes {
        set,
        codes: 0b1_1111_1110,
    };
    scene.store.put(&alice().name, record);
    is_open(
        &unasked(&scene, Subject::Known(alice())),
        &["2 backup codes are left. Ask your administrator for new ones."],
    );
}

#[test]
fn names_without_an_account_are_kept_out_where_somebody_has_to_be_enrolled() {
    let fault = Fault::Unusable("the name service failed".to_owned());
    let scene = Scene::new();
    is_open(&unasked(&scene, Subject::Unknown), &[]);
    is_open(&unasked(&scene, Subject::Unresolved(fault.clone())), &[]);
    let scene = under("account.require_enrollment = true\n");
    is_refused(&unasked(&scene, Subject::Unknown), messages::NOT_ENROLLED);
    assert!(
        scene
            .last_line()
            .starts_with("event=rejected reason=unknown-user user=\"\"")
    );
    let unresolved = unasked(&scene, Subject::Unresolved(fault));
    assert_eq!(unresolved.entry, Entry::Unavailable);
    assert!(scene.last_line().starts_with("event=unavailable"));
}

/// A store that cannot be read.
struct Unreadable;

impl Store for Unreadable {
    fn look(&self, _: &UserName) -> Result<Record, StoreError> {
        Err(StoreError::NotAStore("/var/lib/nightlatch".into()))
    }

    fn transact(
        &self,
        who: &UserName,
        _: &mut dyn FnMut(&Record) -> Result<Change, StoreError>,
    ) -> Result<(), StoreError> {
        self.look(who).map(drop)
    }

    fn whereabouts(&self, _: &UserName) -> String {
        String::new()
    }

    fn users(&self) -> Result<Vec<UserName>, StoreError> {
        Ok(Vec::new())
    }
}

#[test]
fn a_store_that_cannot_be_read_keeps_out_whoever_has_to_be_enrolled_and_whoever_just_did() {
    let account: Account = bob();
    for must in [false, true] {
        let scene = under(&format!("account.require_enrollment = {must}\n"));
        let world = World {
            store: &Unreadable,
            ..scene.world(&System)
        };
        let request = request(Subject::Known(account.clone()));
        let admission = admit_unasked(world, &scene.config, &request);
        let left = LeftByLogin {
            trust: None,
            prepared: Some(prepared()),
            say: Vec::new(),
        };
        let kept = admit(world, &scene.config, &request, left);
        if must {
            assert_eq!(admission.entry, Entry::Unavailable);
            assert_eq!(admission.say, [messages::UNAVAILABLE]);
            assert!(scene.last_line().starts_with("event=unavailable"));
        } else {
            is_open(&admission, &[]);
        }
        assert_eq!(kept.entry, Entry::Unavailable);
    }
}
