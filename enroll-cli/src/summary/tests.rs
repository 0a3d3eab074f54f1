//! What is told about records of every kind.

use nightlatch_core::account::UserName;
use nightlatch_core::backup_codes::{BackupCodes, Cost, Count};
use nightlatch_core::config::Config;
use nightlatch_core::state::{Bucket, KnownPlace, SpentCodes, TokenState};
use nightlatch_core::token::{Period, Step};

use super::*;
use crate::testing::token;

const NOW: Time = Time::from_unix(1_795_487_400);
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
            created: NOW,
            tokens: vec![token],
            backup_codes: Some(set),
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
         Enrolled:     2026-11-24T02:30:00Z\n  \
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
        r#"{"user":"alice","uid":1000,"enrolled":true,"created":"2026-11-24T02:30:00Z","tokens":[{"label":"phone","kind":"totp","algorithm":"SHA1","digits":6,"period":30,"last_used":"2026-11-24T02:29:00Z"}],"backup_codes":{"left":8,"of":10,"waiting":false},"wrong_codes":0,"failures":[],"disabled":false,"problems":[]}"#
    );
}

#[test]
fn somebody_who_is_not_enrolled_is_told_as_such() {
    let summary = summary(&alice(), &Record::default());
    assert!(!summary.enrolled);
    assert_eq!(summary.page(), "alice (uid 1000)\n  Enrolled:     no\n");
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
    assert!(
        summary
            .page()
            .contains("Failures:     6 from everywhere else, locked for 30 seconds\n")
    );
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
            with(&|record| record.state.disable()),
            "nightlatch enroll alice --replace",
        ),
    ] {
        let problems = summary(&person, &record).problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].ends_with(mend), "{problems:?}");
    }
}
