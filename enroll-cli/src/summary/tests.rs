//! What is told about records of every kind.

use nightlatch_core::account::UserName;
use nightlatch_core::backup_codes::{BackupCodes, Cost, Count, Digest, Salt};
use nightlatch_core::config::Config;
use nightlatch_core::id::Id;
use nightlatch_core::state::{
    Bucket, Closed, Fate, KnownPlace, SpentCodes, Standing, State, TemporaryCode, Ticket,
    TokenState, TrustedPlace, Waiting,
};
use nightlatch_core::token::{Drift, Kind, Label, Period, Step, Token};
use serde_json::{Value, json};

use super::*;
use crate::testing::token;

const NOW: Time = Time::from_unix(1_795_487_400);
const YESTERDAY: Time = Time::from_unix(1_795_401_000);
const CHEAP: Cost = Cost {
    m_kib: 8,
    t: 1,
    p: 1,
};

fn alice() -> Person {
    Person {
        name: UserName::parse("alice").unwrap(),
        uid: Some(1000),
    }
}

fn record() -> Record {
    let token = token();
    let (set, _) = BackupCodes::make(Count::DEFAULT, CHEAP).unwrap();
    let state = State {
        tokens: vec![TokenState {
            last_step: Some(Period::THIRTY.step_at(NOW).minus(2)),
            ..TokenState::new(token.id)
        }],
        spent: vec![SpentCodes {
            set: set.id,
            codes: 0b101,
        }],
        ..State::default()
    };
    Record {
        enrollment: Some(Enrollment {
            user: alice().name,
            uid: 1000,
            created: YESTERDAY,
            tokens: vec![token],
            backup_codes: Some(set),
            scratch_codes: None,
        }),
        state,
        ..Record::default()
    }
}

fn summary(person: &Person, record: &Record) -> Summary {
    Summary::of(person, record, &Config::default().rules(), NOW)
}

#[test]
fn an_enrollment_in_order_is_told_without_its_secrets() {
    let summary = summary(&alice(), &record());
    assert_eq!(
        summary.page(),
        "alice (uid 1000)\n  \
         Enrolled:     2026-11-23T02:30:00Z\n  \
         Token:        phone (totp, SHA1, 6 digits, 30 s), last used 2026-11-24T02:29:00Z\n  \
         Backup codes: 8 of 10 left\n"
    );
    assert_eq!(
        summary.row(),
        ["alice", "phone", "8 of 10", "2026-11-24T02:29:00Z", "open"]
    );
    let json = serde_json::to_string(&summary).unwrap();
    assert_eq!(
        json,
        r#"{"user":"alice","uid":1000,"enrolled":true,"created":"2026-11-23T02:30:00Z","tokens":[{"label":"phone","kind":"totp","algorithm":"SHA1","digits":6,"period":30,"last_used":"2026-11-24T02:29:00Z","counter":null,"drift":0,"waiting":false,"short_secret":false}],"backup_codes":{"left":8,"of":10,"waiting":false},"scratch_codes":null,"temporary_code":null,"last_login":null,"wrong_codes":0,"failures":[],"disabled":false,"locked":false,"invitation":null,"trusted":[],"problems":[]}"#
    );
}

#[test]
fn somebody_who_is_not_enrolled_is_told_as_such() {
    let summary = summary(&alice(), &Record::default());
    assert!(!summary.enrolled);
    assert_eq!(summary.page(), "alice (uid 1000)\n  Enrolled:     no\n");
}

#[test]
fn a_token_that_counts_and_a_clock_that_is_off_are_told() {
    let mut record = record();
    let fob = Token {
        id: Id::from_bytes([2; 16]),
        label: Label::parse("key").unwrap(),
        kind: Kind::Hotp {
            counter: 5.try_into().unwrap(),
        },
        ..token()
    };
    record.enrollment.as_mut().unwrap().tokens.push(fob.clone());
    record.state.tokens[0].drift = Drift::new(-5).unwrap();
    record.state.tokens.push(TokenState::new(fob.id));
    let told = summary(&alice(), &record);
    assert_eq!(told.problems, [""; 0]);
    let page = told.page();
    assert!(
        page.contains("last used 2026-11-24T02:29:00Z, clock 3 minutes behind\n"),
        "{page}"
    );
    assert!(
        page.contains("  Token:        key (hotp, SHA1, 6 digits), next counter 5\n"),
        "{page}"
    );
    let json = serde_json::to_value(&told).unwrap();
    assert_eq!(json["tokens"][0]["drift"], -5);
    for (key, value) in [
        ("period", json!(null)),
        ("last_used", json!(null)),
        ("drift", json!(null)),
        ("counter", json!(5)),
    ] {
        assert_eq!(json["tokens"][1][key], value, "{key}");
    }
    record.state.tokens[1].last_step = Some(Step(8));
    assert_eq!(summary(&alice(), &record).tokens[1].counter, Some(9));
}

#[test]
fn whoever_is_not_enrolled_but_invited_or_locked_is_told_of() {
    let mut record = Record {
        state: State {
            standing: Standing::Alone,
            ticket: Some(ticket(NOW.plus(3600))),
            ..State::default()
        },
        ..Record::default()
    };
    let told = summary(&alice(), &record);
    assert_eq!(
        told.page(),
        "alice (uid 1000)\n  Enrolled:     no\n  Invitation:   until 2026-11-24T03:30:00Z\n"
    );
    assert_eq!(told.row()[4], "invited until 2026-11-24T03:30:00Z");
    assert!(told.is_worth_a_line());
    record.state.ticket = Some(ticket(NOW));
    let told = summary(&alice(), &record);
    assert_eq!(told.row()[4], "invitation expired");
    record.state.ticket = None;
    assert!(!summary(&alice(), &record).is_worth_a_line());
    record.state.closed = Closed::Yes;
    let told = summary(&alice(), &record);
    assert_eq!(told.row()[4], "locked");
    assert!(told.problems[0].ends_with("nightlatch unlock alice"));
}

#[test]
fn trusted_places_are_told() {
    let mut record = record();
    let sshd = "sshd".to_owned().try_into().unwrap();
    record.state.trusted = vec![TrustedPlace {
        service: sshd,
        place: Place::of_address("192.0.2.7"),
        since: NOW,
    }];
    let told = summary(&alice(), &record);
    assert!(
        told.page()
            .contains("  Trusted:      sshd from 192.0.2.7, since 2026-11-24T02:30:00Z\n")
    );
    assert_eq!(
        serde_json::to_value(&told.trusted).unwrap(),
        json!([{"service": "sshd", "place": "address:192.0.2.7", "since": "2026-11-24T02:30:00Z"}])
    );
}

/// Every field that a program may read is on the page about the command.
#[test]
fn the_page_about_the_command_has_every_field() {
    let mut record = record();
    record.state.elsewhere.failures = 1;
    record.state.ticket = Some(ticket(NOW));
    record
        .state
        .note_trust(&"sshd".to_owned().try_into().unwrap(), Place::Local(1), NOW);
    let json = serde_json::to_value(summary(&alice(), &record)).unwrap();
    let page = include_str!("../../../docs/command.md");
    let mut fields = 0;
    let mut values = vec![&json];
    while let Some(value) = values.pop() {
        if let Value::Object(object) = value {
            for (field, value) in object {
                fields += 1;
                assert!(page.contains(&format!("`{field}`")), "{field}");
                values.push(value);
            }
        } else if let Value::Array(array) = value {
            assert!(!array.is_empty() || value == &json["problems"], "{value}");
            values.extend(array);
        }
    }
    assert!(fields > 30, "{fields}");
}

fn ticket(expires: Time) -> Ticket {
    Ticket {
        id: Id::from_bytes([3; 16]),
        salt: Salt::from_bytes([3; 16]),
        digest: Digest::parse(&"0".repeat(64)).unwrap(),
        expires,
    }
}

#[test]
fn locks_are_told_by_place() {
    let mut record = record();
    record.state.places = vec![KnownPlace {
        place: Place::of_address("192.0.2.7"),
        last_success: NOW,
        bucket: Bucket::default(),
    }];
    record.state.elsewhere = Bucket {
        failures: 6,
        since: NOW,
    };
    let summary = summary(&alice(), &record);
    assert_eq!(summary.failures.len(), 1);
    let failure = &summary.failures[0];
    assert_eq!(
        (failure.place.as_str(), failure.failures, failure.locked_for),
        ("elsewhere", 6, 30)
    );
    assert!(summary.page().contains(
        "Failures:     6 from everywhere else, locked for 30 seconds, until 2026-11-24T02:30:30Z\n"
    ));
    assert_eq!(summary.row()[4], "locked for 30 seconds");
}

#[test]
fn a_share_that_is_used_up_is_closed() {
    let mut record = record();
    record.state.elsewhere.failures = 60;
    let summary = summary(&alice(), &record);
    assert!(summary.failures[0].closed);
    assert_eq!(summary.row()[4], "closed");
}

#[test]
fn every_problem_names_its_mend() {
    let with = |change: &dyn Fn(&mut Record)| {
        let mut record = record();
        change(&mut record);
        record
    };
    let gone = Person {
        uid: None,
        ..alice()
    };
    let other = Person {
        uid: Some(1001),
        ..alice()
    };
    for (person, record, mend) in [
        (gone, record(), "nightlatch remove alice"),
        (other, record(), "nightlatch enroll alice --replace"),
        (
            alice(),
            with(&|record| record.state.integrity = Integrity::Lost),
            "nightlatch unlock alice --fresh-state",
        ),
        (
            alice(),
            with(&|record| record.state.tokens.clear()),
            "nightlatch unlock alice --fresh-state",
        ),
        (
            alice(),
            with(&|record| record.state.tokens[0].last_step = Some(Step(u64::MAX / 30))),
            "nightlatch unlock alice --clock",
        ),
        (
            alice(),
            with(&|record| record.state.integrity = Integrity::Copied),
            "nightlatch unlock alice",
        ),
        (
            alice(),
            with(&|record| {
                record.state.waiting = record
                    .enrollment
                    .as_ref()
                    .and_then(|enrollment| enrollment.backup_codes.as_ref())
                    .map(|set| set.id);
            }),
            "nightlatch unlock alice",
        ),
        (
            alice(),
            with(&|record| record.state.closed = Closed::Yes),
            "nightlatch unlock alice",
        ),
        (
            alice(),
            with(&|record| {
                let token = &mut record.enrollment.as_mut().unwrap().tokens[0];
                token.kind = Kind::Hotp {
                    counter: 0.try_into().unwrap(),
                };
                record.state.tokens[0].waiting = Waiting::Yes;
            }),
            "nightlatch unlock alice",
        ),
        (
            alice(),
            with(&|record| {
                let token = &mut record.enrollment.as_mut().unwrap().tokens[0];
                token.kind = Kind::Hotp {
                    counter: 0.try_into().unwrap(),
                };
                record.state.tokens[0].last_step = Some(Step(u64::MAX));
            }),
            "nightlatch enroll alice --replace",
        ),
        (
            alice(),
            with(&|record| record.state.disable()),
            "nightlatch enroll alice --replace",
        ),
    ] {
        let problems = summary(&person, &record).problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].ends_with(mend), "{problems:?}");
    }
}

/// With a temporary code that this became of.
fn lent(fate: Fate, expires: Time) -> Record {
    let mut record = record();
    record.state.temporary_code = Some(TemporaryCode {
        beside: TemporaryCode::base(record.enrollment.as_ref().unwrap()).unwrap(),
        salt: Salt::from_bytes([1; 16]),
        digest: Digest::parse(&"9".repeat(64)).unwrap(),
        expires,
        fate,
    });
    record
}

#[test]
fn what_became_of_a_temporary_code_is_told_and_not_the_code() {
    let used = Fate::Used {
        at: NOW,
        from: Place::of_address("192.0.2.7"),
    };
    let later = NOW.plus(3600);
    for (fate, expires, line, json) in [
        (
            Fate::Untold,
            later,
            "  Temporary:    until 2026-11-24T03:30:00Z\n",
            json!({"expires": "2026-11-24T03:30:00Z", "expired": false, "used": null}),
        ),
        (
            Fate::Told,
            NOW,
            "  Temporary:    expired 2026-11-24T02:30:00Z\n",
            json!({"expires": "2026-11-24T02:30:00Z", "expired": true, "used": null}),
        ),
        (
            used,
            later,
            "  Temporary:    used 2026-11-24T02:30:00Z from 192.0.2.7; they have not been told\n",
            json!({
                "expires": "2026-11-24T03:30:00Z",
                "expired": false,
                "used": {"at": "2026-11-24T02:30:00Z", "place": "address:192.0.2.7"},
            }),
        ),
    ] {
        let told = summary(&alice(), &lent(fate, expires));
        assert!(told.page().contains(line), "{}", told.page());
        let told = serde_json::to_value(&told).unwrap();
        assert_eq!(told["temporary_code"], json);
        assert!(!told.to_string().contains(&"9".repeat(64)));
    }
}

#[test]
fn in_a_state_that_may_be_old_no_temporary_code_is_told_of() {
    let mut record = lent(Fate::Untold, NOW.plus(3600));
    record.state.integrity = Integrity::OneSlotBad;
    assert_eq!(summary(&alice(), &record).temporary_code, None);
}

#[test]
fn the_last_login_is_told_with_its_place() {
    let mut record = record();
    record.state.places = [(Place::Local(0), 60), (Place::of_address("192.0.2.7"), 30)]
        .map(|(place, ago)| KnownPlace {
            place,
            last_success: Time::from_unix(NOW.unix() - ago),
            bucket: Bucket::default(),
        })
        .into();
    let told = summary(&alice(), &record);
    let line = "  Last login:   2026-11-24T02:29:30Z from 192.0.2.7\n";
    assert!(told.page().contains(line), "{}", told.page());
    assert_eq!(told.row()[3], "2026-11-24T02:29:30Z");
}

#[test]
fn the_code_that_proved_an_enrollment_is_no_use_of_it() {
    let mut record = record();
    let last_step = |ago| Some(Period::THIRTY.step_at(Time::from_unix(NOW.unix() - ago)));
    record.state.tokens[0].last_step = last_step(86_400);
    let told = summary(&alice(), &record);
    assert_eq!(told.row()[3], "unknown", "two backup codes are spent");
    record.state.spent[0].codes = 0;
    let told = summary(&alice(), &record);
    assert_eq!(told.row()[3], "never");
    assert_eq!(told.seen.enrolled, Some(YESTERDAY));
    record.state.tokens[0].last_step = last_step(86_400 - 660);
    assert_ne!(summary(&alice(), &record).row()[3], "never");
}
