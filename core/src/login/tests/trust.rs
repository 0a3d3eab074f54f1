//! Trusted places: where a code was given not long ago, and is not asked for again for a while.

use nix::errno::Errno;

use super::*;
use crate::admission::{Entry, LeftByLogin, admit};
use crate::backup_codes::{BackupCodes, Count};
use crate::state::{Bucket, State};
use crate::store::MemoryStore;
use crate::surroundings::System;
use crate::testing::CHEAP;
use crate::testing::scene::{Host, request};
use crate::testing::token::token;
use crate::token::Step as TokenStep;
use crate::transaction::{
    AddToken, Close, Enroll, Existing, ForgetTrust, Mend, Remove, RenewCodes, Transaction, Unlock,
    run,
};

/// Places are remembered for an hour.
fn remembering() -> Scene {
    under("trust.remember = \"1h\"\nlogin.rhost_from = [\"sshd\", \"vpn\"]\n")
}

/// Alice from there, for that service.
fn from(rhost: &str, service: &str) -> Request {
    Request {
        rhost: Some(rhost.to_owned()),
        service: service.to_owned(),
        ..request(Subject::Known(alice()))
    }
}

fn is_asked(scene: &Scene, request: Request) -> bool {
    is_asked_on(scene, &System, request)
}

fn is_asked_on(scene: &Scene, host: &dyn Surroundings, request: Request) -> bool {
    match scene.login_of(host, request).start().then {
        Then::Ask(_) => true,
        Then::Done(verdict) => {
            assert_eq!(verdict, Verdict::Exempt(Exemption::Trusted));
            false
        }
    }
}

/// Alice gives a right code there, and her password was right.
fn gives_a_code(scene: &Scene, host: &dyn Surroundings, request: &Request) {
    scene.pass(60);
    gives(scene, host, request, &scene.code());
}

fn gives(scene: &Scene, host: &dyn Surroundings, request: &Request, code: &str) {
    let left = left_by_a_login(scene, host, request, code);
    let admission = admit(scene.world(host), &scene.config, request, left);
    assert_eq!(admission.entry, Entry::Open);
}

/// What is left once a right code was given.
fn left_by_a_login(
    scene: &Scene,
    host: &dyn Surroundings,
    request: &Request,
    code: &str,
) -> LeftByLogin {
    let mut login = scene.login_of(host, request.clone());
    login.start();
    let verdict = verdict(login.answer(typed(code)));
    assert!(matches!(verdict, Verdict::Accepted(_)), "{verdict:?}");
    login.into_left(&verdict)
}

fn here() -> Request {
    from("192.0.2.7", "sshd")
}

/// Alice gave a code here.
fn trusted() -> Scene {
    let scene = remembering();
    gives_a_code(&scene, &System, &here());
    scene
}

/// Changes what is kept of alice.
fn changed(scene: &Scene, change: impl FnOnce(&mut Record)) {
    let mut record = scene.record_of(&alice());
    change(&mut record);
    scene.store.put(&alice().name, record);
}

#[test]
fn whoever_gave_a_code_is_not_asked_again_until_the_span_is_over() {
    let scene = trusted();
    let before = scene.record_of(&alice()).state;
    assert!(!is_asked(&scene, here()));
    assert_eq!(
        scene.last_line(),
        r#"event=exempt reason=trusted user="alice" service="sshd" rhost="192.0.2.7""#
    );
    scene.pass(3600);
    assert!(!is_asked(&scene, here()));
    // Being let in is no code: it does not go on for ever.
    assert_eq!(scene.record_of(&alice()).state, before);
    scene.pass(1);
    assert!(is_asked(&scene, here()));
    gives_a_code(&scene, &System, &here());
    assert!(!is_asked(&scene, here()));
}

#[test]
fn it_holds_for_the_same_person_place_and_service() {
    let scene = trusted();
    for request in [
        from("192.0.2.8", "sshd"),
        from("192.0.2.7", "vpn"),
        Request {
            subject: Subject::Known(bob()),
            ..here()
        },
        Request {
            subject: Subject::Unknown,
            ..here()
        },
        // An account that got the name of somebody who left.
        Request {
            subject: Subject::Known(Account {
                uid: 1001,
                ..alice()
            }),
            ..here()
        },
    ] {
        assert!(is_asked(&scene, request.clone()), "{request:?}");
    }
}

#[test]
fn of_an_ipv6_address_its_64_is_the_place() {
    let scene = remembering();
    gives_a_code(&scene, &System, &from("2001:db8::1", "sshd"));
    assert!(!is_asked(&scene, from("2001:db8::ffff:2", "sshd")));
    assert!(is_asked(&scene, from("2001:db8:0:1::1", "sshd")));
}

#[test]
fn a_mapped_address_is_the_same_place() {
    let scene = trusted();
    assert!(!is_asked(&scene, from("::ffff:192.0.2.7", "sshd")));
}

#[test]
fn where_the_clock_was_set_back_a_code_that_is_yet_to_be_given_counts_for_nothing() {
    let scene = trusted();
    changed(&scene, |record| {
        record.state.trusted[0].since = scene.time().plus(1);
    });
    assert!(is_asked(&scene, here()));
    // Nor does it begin to count when the clock gets there.
    scene.pass(1);
    assert!(is_asked(&scene, here()));
    // Nor does the administrator's setting it right make one of it.
    gives_a_code(&scene, &System, &here());
    changed(&scene, |record| {
        record.state.trusted[0].since = scene.time().plus(86_400);
    });
    let rules = &scene.config.rules();
    let mend = Mend::Clock;
    changes(&scene, Unlock { mend, rules }).unwrap();
    assert!(is_asked(&scene, here()));
}

fn failed(failures: u32, scene: &Scene) -> Bucket {
    Bucket {
        failures,
        since: scene.time(),
    }
}

#[test]
fn nobody_is_trusted_while_a_code_would_not_be_looked_at() {
    type Damage = fn(&Scene, &mut Record);
    let place = Place::of_address("192.0.2.7");
    let damages: [(&str, Damage); 9] = [
        ("locked", |scene, record| {
            record.state.places[0].bucket = failed(6, scene);
        }),
        ("its share used up", |scene, record| {
            record.state.places[0].bucket = failed(20, scene);
        }),
        ("unknown, and locked", |scene, record| {
            record.state.forget_places();
            record.state.elsewhere = failed(6, scene);
        }),
        ("disabled", |_, record| record.state.disable()),
        ("closed", |_, record| record.state.closed = Closed::Yes),
        ("one slot bad", |_, record| {
            record.state.integrity = Integrity::OneSlotBad;
        }),
        ("copied", |_, record| {
            record.state.integrity = Integrity::Copied;
        }),
        ("lost", |_, record| record.state.tokens.clear()),
        ("a clock that ran ahead", |_, record| {
            record.state.tokens[0].last_step = Some(TokenStep(u64::MAX));
        }),
    ];
    for (what, damage) in damages {
        let scene = trusted();
        assert_eq!(scene.record_of(&alice()).state.places[0].place, place);
        changed(&scene, |record| damage(&scene, record));
        assert!(is_asked(&scene, here()), "{what}");
    }
    // And without an enrollment there is nothing to be trusted with.
    let scene = trusted();
    changed(&scene, |record| record.enrollment = None);
    assert!(is_asked(&scene, here()));
}

#[test]
fn a_lock_elsewhere_is_no_matter_here() {
    let scene = trusted();
    changed(&scene, |record| {
        record.state.elsewhere = failed(60, &scene);
    });
    assert!(!is_asked(&scene, here()));
}

fn changes<T: Transaction>(scene: &Scene, mut transaction: T) -> T::Outcome {
    run(&scene.store, &scene.clock, &alice().name, &mut transaction).unwrap()
}

#[test]
fn every_change_by_an_administrator_forgets_it() {
    type Change = fn(&Scene);
    let changes: [(&str, Change); 6] = [
        ("lock", |scene| {
            let rules = &scene.config.rules();
            changes(scene, Close { rules }).unwrap();
            let mend = Mend::Locks;
            changes(scene, Unlock { mend, rules }).unwrap();
        }),
        ("codes", |scene| {
            let rules = &scene.config.rules();
            let (codes, _) = BackupCodes::make(Count::DEFAULT, CHEAP).unwrap();
            changes(scene, RenewCodes { codes, rules }).unwrap();
        }),
        ("enroll", |scene| {
            let mut enrollment = scene.record_of(&alice()).enrollment.unwrap();
            enrollment.tokens = vec![token(9, "phone")];
            let (set, _) = BackupCodes::make(Count::DEFAULT, CHEAP).unwrap();
            enrollment.backup_codes = Some(set);
            changes(
                scene,
                Enroll {
                    enrollment,
                    existing: Existing::Replace,
                    proved: Vec::new(),
                    rules: &scene.config.rules(),
                },
            );
        }),
        ("add", |scene| {
            let add = AddToken {
                token: token(9, "tablet"),
                proved: None,
                uid: alice().uid,
                rules: &scene.config.rules(),
            };
            changes(scene, add).unwrap();
        }),
        ("forget", |scene| {
            let forget = ForgetTrust {
                service: None,
                place: None,
                rules: &scene.config.rules(),
            };
            assert_eq!(changes(scene, forget).unwrap(), 1);
        }),
        ("fresh-state", |scene| {
            let rules = &scene.config.rules();
            let mend = Mend::FreshState;
            changes(scene, Unlock { mend, rules }).unwrap();
        }),
    ];
    for (what, change) in changes {
        let scene = trusted();
        change(&scene);
        assert!(is_asked(&scene, here()), "{what}");
        assert_eq!(scene.record_of(&alice()).state.trusted, [], "{what}");
    }
}

#[test]
fn whoever_is_removed_and_enrolled_again_is_asked() {
    let scene = trusted();
    let enrollment = scene.record_of(&alice()).enrollment.unwrap();
    let rules = &scene.config.rules();
    changes(&scene, Remove { label: None, rules }).unwrap();
    assert!(is_asked(&scene, here()));
    let enroll = Enroll {
        enrollment,
        existing: Existing::Keep,
        proved: Vec::new(),
        rules,
    };
    changes(&scene, enroll);
    assert!(is_asked(&scene, here()));
}

#[test]
fn where_an_address_cannot_be_believed_nothing_is_remembered_and_nobody_is_trusted() {
    let other = Host(Ok("198.51.100.1".parse().unwrap()));
    let own = Host(Ok("192.0.2.7".parse().unwrap()));
    let unknown = Host(Err(Errno::EMFILE));
    for (host, request) in [
        (&own, here()),
        (&own, from("::ffff:192.0.2.7", "sshd")),
        (&unknown, here()),
        (&other, from("127.0.0.1", "sshd")),
        (&other, from("::1", "sshd")),
        (&other, from("host.example", "sshd")),
        (
            &other,
            Request {
                rhost: None,
                ..here()
            },
        ),
        // On this host, whatever it says of addresses.
        (&other, from("192.0.2.7", "sudo")),
        (&other, from("192.0.2.7", "login")),
        (&other, from("192.0.2.7", "ftp")),
    ] {
        let scene = remembering();
        gives_a_code(&scene, host, &request);
        assert_eq!(scene.record_of(&alice()).state.trusted, [], "{request:?}");
        // And if it were.
        let place = scene.login_of(host, request.clone()).place;
        let service = ServiceName::known("sshd");
        let service = ServiceName::try_from(request.service.clone()).unwrap_or(service);
        changed(&scene, |record| {
            record.state.note_trust(&service, place, scene.time());
        });
        assert!(is_asked_on(&scene, host, request.clone()), "{request:?}");
    }
}

#[test]
fn a_wrong_code_is_no_code_and_a_backup_code_is_one() {
    let scene = remembering();
    let mut login = scene.login_of(&System, here());
    login.start();
    login.answer(typed("000000"));
    assert_eq!(scene.record_of(&alice()).state.trusted, []);
    let code = scene.backup_codes[0].grouped();
    gives(&scene, &System, &here(), &code);
    assert!(!is_asked(&scene, here()));
}

#[test]
fn where_nothing_is_remembered_nothing_is_written_and_what_was_is_not_looked_at() {
    let mut scene = trusted();
    scene.config = Config::default();
    assert!(is_asked(&scene, here()));
    let scene = Scene::new();
    gives_a_code(&scene, &System, &here());
    assert_eq!(scene.record_of(&alice()).state.trusted, []);
}

#[test]
fn a_rule_that_requires_asks_all_the_same_and_one_that_skips_says_so() {
    for (rule, expected) in [
        ("second_factor = \"require\"", None),
        ("second_factor = \"deny\"", None),
        (
            "second_factor = \"skip\"",
            Some(Exemption::Rule { number: 1 }),
        ),
        (
            "second_factor = \"require\"\nusers = [\"bob\"]",
            Some(Exemption::Trusted),
        ),
    ] {
        let mut scene = trusted();
        let config = format!("trust.remember = \"1h\"\n[[rule]]\n{rule}\n");
        scene.config = Config::parse(&config, "test".as_ref()).unwrap();
        let step = scene.login_of(&System, here()).start();
        match (step.then, expected) {
            (Then::Ask(_), None) => {}
            (Then::Done(verdict), Some(exemption)) => {
                assert_eq!(verdict, Verdict::Exempt(exemption), "{rule}");
            }
            (then, _) => panic!("{rule}: {then:?}"),
        }
    }
}

#[test]
fn in_every_mode_the_trusted_are_not_asked() {
    for mode in ["required", "optional", "at-login"] {
        let mut scene = trusted();
        let open = if mode == "at-login" {
            "at_login.open = true\n"
        } else {
            ""
        };
        let config = format!("trust.remember = \"1h\"\nenrollment.mode = \"{mode}\"\n{open}");
        scene.config = Config::parse(&config, "test".as_ref()).unwrap();
        assert!(!is_asked(&scene, here()), "{mode}");
    }
}

#[test]
fn a_store_that_cannot_be_read_asks_and_one_that_cannot_be_written_does_not_need_to_be() {
    let scene = trusted();
    scene.store.fail_writes();
    assert!(!is_asked(&scene, here()));
    let empty = Scene {
        store: MemoryStore::new(),
        ..trusted()
    };
    assert!(is_asked(&empty, here()));
    assert_eq!(empty.record_of(&alice()).state, State::default());
}

#[test]
fn a_code_behind_a_wrong_password_makes_nothing_trusted() {
    let scene = remembering();
    let left = left_by_a_login(&scene, &System, &here(), &scene.code());
    assert!(left.trust.is_some());
    // The account phase never comes.
    assert_eq!(scene.record_of(&alice()).state.trusted, []);
    assert!(is_asked(&scene, here()));
}

#[test]
fn what_happens_between_the_code_and_the_account_phase_ends_trust() {
    type Damage = fn(&Scene, &mut Record);
    let damages: [(&str, Damage); 6] = [
        ("closed", |_, record| record.state.closed = Closed::Yes),
        ("locked", |scene, record| {
            record.state.places[0].bucket = failed(6, scene);
        }),
        ("copied", |_, record| {
            record.state.integrity = Integrity::Copied;
        }),
        ("one slot bad", |_, record| {
            record.state.integrity = Integrity::OneSlotBad;
        }),
        ("removed", |_, record| *record = Record::default()),
        ("another account's", |_, record| {
            record.enrollment.as_mut().unwrap().uid = 1001;
        }),
    ];
    for (what, damage) in damages {
        let scene = remembering();
        let left = left_by_a_login(&scene, &System, &here(), &scene.code());
        changed(&scene, |record| damage(&scene, record));
        // They gave a right code, so they come in.
        let admission = admit(scene.world(&System), &scene.config, &here(), left);
        assert_eq!(admission.entry, Entry::Open, "{what}");
        assert_eq!(scene.record_of(&alice()).state.trusted, [], "{what}");
    }
}

#[test]
fn whoever_was_exempt_or_refused_leaves_no_place() {
    let scene = trusted();
    let mut login = scene.login_of(&System, here());
    let exempt = verdict(login.start());
    assert!(login.into_left(&exempt).is_only_words());
    let login = scene.login_of(&System, here());
    let refused = Verdict::Refused(Refusal::NotEnrolled);
    assert!(login.into_left(&refused).is_only_words());
}

/// A clock that is a day behind makes every record with a code of today useless (a fault of the clock); trust ends with it.
#[test]
fn where_the_clock_was_set_back_trust_ends_everywhere_although_nothing_else_is_decided() {
    let scene = trusted();
    gives_a_code(&scene, &System, &from("192.0.2.8", "sshd"));
    let now = scene.clock.now.get();
    scene.clock.now.set(now - 86_400);
    let before = scene.record_of(&alice()).state;
    assert!(is_asked(&scene, here()));
    let state = scene.record_of(&alice()).state;
    assert_eq!(
        state,
        State {
            trusted: Vec::new(),
            ..before
        }
    );
    scene.clock.now.set(now);
    assert!(is_asked(&scene, here()));
    assert!(is_asked(&scene, from("192.0.2.8", "sshd")));
}

/// Nobody comes from there meanwhile.
#[test]
fn what_a_clock_that_was_ahead_left_is_forgotten_when_a_code_is_given_anywhere() {
    let scene = trusted();
    changed(&scene, |record| {
        record.state.trusted[0].since = scene.time().plus(3600);
    });
    gives_a_code(&scene, &System, &from("192.0.2.8", "sshd"));
    scene.pass(3600);
    assert!(is_asked(&scene, here()));
}
