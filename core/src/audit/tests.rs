//! Every event is rendered as its page says, and no name forges a line.

use super::*;
use crate::answer::BadAnswer;
use crate::check::{Factor, Next};
use crate::state::WrongCodes;
use crate::testing::NOW;
use crate::token::{Digits, Label};
use proptest::prelude::*;

fn origin<'a>(user: &'a str, rhost: Option<&'a str>) -> Origin<'a> {
    Origin {
        user,
        service: "sshd",
        rhost,
    }
}

#[test]
fn events_are_rendered_as_documented() {
    let replayed = Refusal::Replayed {
        next: Next::CodeIn(3),
    };
    let phone = Accepted {
        factor: Factor::Token {
            label: Label::parse("phone").unwrap(),
            digits: Digits::SIX,
        },
        wrong: WrongCodes::default(),
        backup_codes_left: None,
        temporary_code: None,
    };
    let backup = Accepted {
        factor: Factor::BackupCode { left: 7 },
        wrong: WrongCodes {
            count: 4,
            from: Vec::new(),
        },
        backup_codes_left: None,
        temporary_code: None,
    };
    for (event, line) in [
        (
            Event::Rejected(origin("alice", Some("192.0.2.7")), &replayed),
            r#"event=rejected reason=replayed user="alice" service="sshd" rhost="192.0.2.7""#,
        ),
        (
            Event::Rejected(origin("alice", None), &Refusal::Wrong { locked_for: 30 }),
            r#"event=rejected reason=wrong user="alice" service="sshd" locked_for=30"#,
        ),
        (
            Event::Rejected(origin("alice", None), &Refusal::Denied { rule: 3 }),
            r#"event=rejected reason=denied user="alice" service="sshd" rule=3"#,
        ),
        (
            Event::Exempt(origin("alice", None), Exemption::Rule { number: 2 }),
            r#"event=exempt reason=rule user="alice" service="sshd" rule=2"#,
        ),
        (
            Event::Exempt(origin("alice", None), Exemption::Deadline),
            r#"event=exempt reason=deadline user="alice" service="sshd""#,
        ),
        (
            Event::Accepted(origin("alice", None), &phone),
            r#"event=accepted user="alice" service="sshd" token="phone""#,
        ),
        (
            Event::Accepted(origin("alice", None), &backup),
            r#"event=accepted user="alice" service="sshd" factor=backup-code left=7 wrong_since_last=4"#,
        ),
        (
            Event::Enrolled {
                user: "alice",
                by: "root",
                label: "phone",
                kind: "totp",
                replaced: false,
                proved: true,
            },
            r#"event=enrolled user="alice" by="root" token="phone" kind=totp replaced=false proved=true"#,
        ),
        (
            Event::Invited {
                user: "alice",
                by: "root",
                expires: NOW,
            },
            r#"event=invited user="alice" by="root" expires=2026-11-24T02:30:00Z"#,
        ),
    ] {
        assert_eq!(event.render(), line);
    }
}

/// One of each event with every key that it can have. An event that is missing here does not compile: see `place_of`.
#[allow(
    clippy::too_many_lines,
    reason = "a list, in the order in which the events came to be"
)]
fn one_of_each<'a>(
    accepted: &'a [Accepted; 5],
    refusal: &'a Refusal,
    unresolved: &'a Problem,
) -> Vec<Event<'a>> {
    let origin = origin("alice", Some("192.0.2.7"));
    let (user, by, service, label) = ("alice", "root", "sshd", "phone");
    let problem = "something";
    vec![
        Event::Accepted(origin, &accepted[0]),
        Event::Accepted(origin, &accepted[1]),
        Event::Rejected(origin, refusal),
        Event::Unavailable(origin, &Fault::Clock),
        Event::Exempt(origin, Exemption::Rule { number: 2 }),
        Event::Misconfigured { service, problem },
        Event::Began {
            origin,
            place: Place::Elsewhere,
            config: "/x.toml",
        },
        Event::ConversationFailed(origin),
        Event::Panicked { service },
        Event::Enrolled {
            user,
            by,
            label,
            kind: "totp",
            replaced: false,
            proved: true,
        },
        Event::CodesRenewed {
            user,
            by,
            count: 10,
        },
        Event::TokenRemoved { user, by, label },
        Event::EnrollmentRemoved { user, by },
        Event::Unlocked {
            user,
            by,
            mended: "locks",
        },
        Event::Doubtful {
            origin,
            doubt: Doubt::Copied,
            whereabouts: "/var/lib/nightlatch/users/alice",
        },
        Event::Unresolved {
            origin,
            problem: unresolved,
        },
        Event::TokenAdded {
            user,
            by,
            label,
            kind: "hotp",
            proved: true,
        },
        Event::Locked {
            user,
            by,
            reason: Some("a strange call"),
        },
        Event::Invited {
            user,
            by,
            expires: NOW,
        },
        Event::InvitationCancelled { user, by },
        Event::TrustForgotten { user, by, count: 2 },
        Event::Accepted(origin, &accepted[2]),
        Event::Offered {
            origin,
            by: Opened::ByInvitation,
        },
        Event::EnrolledAtLogin {
            origin,
            label,
            by: Opened::ByPolicy,
        },
        Event::Accepted(origin, &accepted[3]),
        Event::TemporaryCodeMade {
            user,
            by,
            expires: NOW,
        },
        Event::TemporaryCodeCancelled { user, by },
        Event::SetUp {
            services: "sshd,sudo",
            by,
            placement: "after-password",
            until: Some(NOW),
        },
        Event::SetupConfirmed {
            services: "sshd,sudo",
            by,
        },
        Event::SetupTakenBack {
            services: "sshd,sudo",
            by,
            reason: "not-confirmed",
        },
        Event::Accepted(origin, &accepted[4]),
        Event::Imported {
            user,
            by,
            from: "google-authenticator",
            tokens: 1,
            scratch_codes: 5,
            replaced: false,
        },
        Event::ImportCaughtUp {
            user,
            by,
            from: "oath",
        },
    ]
}

/// Where the event stands in [`one_of_each`].
fn place_of(event: &Event<'_>) -> usize {
    match event {
        Event::Accepted(_, accepted) => match accepted.factor {
            Factor::Token { .. } => 0,
            Factor::BackupCode { .. } => 1,
            Factor::NewToken(_) => 21,
            Factor::TemporaryCode => 24,
            Factor::ScratchCode { .. } => 30,
        },
        Event::Rejected(..) => 2,
        Event::Unavailable(..) => 3,
        Event::Exempt(..) => 4,
        Event::Misconfigured { .. } => 5,
        Event::Began { .. } => 6,
        Event::ConversationFailed(..) => 7,
        Event::Panicked { .. } => 8,
        Event::Enrolled { .. } => 9,
        Event::CodesRenewed { .. } => 10,
        Event::TokenRemoved { .. } => 11,
        Event::EnrollmentRemoved { .. } => 12,
        Event::Unlocked { .. } => 13,
        Event::Doubtful { .. } => 14,
        Event::Unresolved { .. } => 15,
        Event::TokenAdded { .. } => 16,
        Event::Locked { .. } => 17,
        Event::Invited { .. } => 18,
        Event::InvitationCancelled { .. } => 19,
        Event::TrustForgotten { .. } => 20,
        Event::Offered { .. } => 22,
        Event::EnrolledAtLogin { .. } => 23,
        Event::TemporaryCodeMade { .. } => 25,
        Event::TemporaryCodeCancelled { .. } => 26,
        Event::SetUp { .. } => 27,
        Event::SetupConfirmed { .. } => 28,
        Event::SetupTakenBack { .. } => 29,
        Event::Imported { .. } => 31,
        Event::ImportCaughtUp { .. } => 32,
    }
}

/// The rows of the tables whose first column is headed so.
fn rows<'p>(page: &'p str, head: &'p str) -> impl Iterator<Item = &'p str> {
    page.split("\n\n")
        .map(str::trim_start)
        .filter(move |table| table.starts_with(&format!("| {head} |")))
        .flat_map(str::lines)
}

/// The keys of a line, in which no quoted value holds a quote.
fn keys(line: &str) -> Vec<&str> {
    let outside_quotes = line.split('"').step_by(2);
    outside_quotes
        .flat_map(|part| part.split(' '))
        .filter_map(|word| word.split_once('=').map(|(key, _)| key))
        .collect()
}

#[test]
fn the_documentation_has_every_event_with_its_severity_and_keys() {
    let page = include_str!("../../../docs/events.md");
    let wrong = WrongCodes {
        count: 4,
        from: Vec::new(),
    };
    let accepted = [
        Factor::Token {
            label: Label::parse("phone").unwrap(),
            digits: Digits::SIX,
        },
        Factor::BackupCode { left: 7 },
        Factor::NewToken(Label::parse("phone").unwrap()),
        Factor::TemporaryCode,
        Factor::ScratchCode {
            left: 4,
            expires: NOW,
        },
    ]
    .map(|factor| Accepted {
        factor,
        wrong: wrong.clone(),
        backup_codes_left: None,
        temporary_code: None,
    });
    let locked = Refusal::Wrong { locked_for: 30 };
    let unresolved = Problem::from("something".to_owned());
    let events = one_of_each(&accepted, &locked, &unresolved);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(place_of(event), index);
        let line = event.render();
        let word = line.split([' ', '=']).nth(1).unwrap();
        let row = rows(page, "event")
            .find(|row| row.starts_with(&format!("| `{word}` |")))
            .unwrap_or_else(|| panic!("no row for {word}"));
        let severity = format!("{:?}", event.severity()).to_lowercase();
        assert!(row.contains(&severity), "{severity} in {row}");
        let common = ["event", "user", "service", "rhost", "by"];
        for key in keys(&line).iter().filter(|key| !common.contains(key)) {
            let is_there = [format!("`{key}`"), format!("`{key}=")];
            assert!(
                is_there.iter().any(|text| row.contains(text)),
                "{key} in {row}"
            );
        }
    }
    // And none that does not exist.
    for row in rows(page, "event").filter(|row| row.starts_with("| `")) {
        let word = row.split('`').nth(1).unwrap();
        let is_it = |event: &Event<'_>| event.render().starts_with(&format!("event={word} "));
        assert!(events.iter().any(is_it), "{word} is no event");
    }
}

/// One of each refusal. One that is missing here does not compile: see `place_of_refusal`.
fn every_refusal() -> Vec<Refusal> {
    vec![
        Refusal::Wrong { locked_for: 0 },
        Refusal::Replayed {
            next: Next::BackupCode,
        },
        Refusal::Locked { remaining: 1 },
        Refusal::ShareUsedUp,
        Refusal::Disabled,
        Refusal::Closed,
        Refusal::TokenWaits,
        Refusal::BackupCodesWait,
        Refusal::NotEnrolled,
        Refusal::OtherUid,
        Refusal::UnknownUser,
        Refusal::Denied { rule: 1 },
        Refusal::NotACode(BadAnswer::Empty),
        Refusal::Repeated,
        Refusal::InvitationOver,
        Refusal::NotProved,
        Refusal::EnrolledMeanwhile,
        Refusal::TemporaryCodeOver,
    ]
}

/// Where the refusal stands in [`every_refusal`].
fn place_of_refusal(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::Wrong { .. } => 0,
        Refusal::Replayed { .. } => 1,
        Refusal::Locked { .. } => 2,
        Refusal::ShareUsedUp => 3,
        Refusal::Disabled => 4,
        Refusal::Closed => 5,
        Refusal::TokenWaits => 6,
        Refusal::BackupCodesWait => 7,
        Refusal::NotEnrolled => 8,
        Refusal::OtherUid => 9,
        Refusal::UnknownUser => 10,
        Refusal::Denied { .. } => 11,
        Refusal::NotACode(_) => 12,
        Refusal::Repeated => 13,
        Refusal::InvitationOver => 14,
        Refusal::NotProved => 15,
        Refusal::EnrolledMeanwhile => 16,
        Refusal::TemporaryCodeOver => 17,
    }
}

/// One of each exemption. One that is missing here does not compile: see `place_of_exemption`.
const EVERY_EXEMPTION: [Exemption; 4] = [
    Exemption::NotEnrolled,
    Exemption::Rule { number: 1 },
    Exemption::Deadline,
    Exemption::Trusted,
];

/// Where the exemption stands in [`EVERY_EXEMPTION`].
fn place_of_exemption(exemption: Exemption) -> usize {
    match exemption {
        Exemption::NotEnrolled => 0,
        Exemption::Rule { .. } => 1,
        Exemption::Deadline => 2,
        Exemption::Trusted => 3,
    }
}

#[test]
fn the_documentation_has_every_reason_of_a_refusal_and_of_an_exemption() {
    let page = include_str!("../../../docs/events.md");
    let (refusals, exemptions) = page.split_once("\nReasons of `exempt`:\n").unwrap();
    let has = |part: &str, reason: &str| {
        let row = format!("| `{reason}` |");
        rows(part, "reason").any(|line| line.starts_with(&row))
    };
    for (index, refusal) in every_refusal().iter().enumerate() {
        assert_eq!(place_of_refusal(refusal), index);
        let reason = refusal.reason();
        assert!(has(refusals, reason), "{reason}");
    }
    for (index, exemption) in EVERY_EXEMPTION.into_iter().enumerate() {
        assert_eq!(place_of_exemption(exemption), index);
        let reason = exemption.reason();
        assert!(has(exemptions, reason), "{reason}");
    }
}

#[test]
fn a_name_cannot_forge_a_line() {
    let forged = "x\" rhost=\"10.0.0.1\nevent=accepted user=\"root\u{202e}é";
    assert_eq!(
        Event::Exempt(origin(forged, None), Exemption::NotEnrolled).render(),
        r#"event=exempt reason=not-enrolled user="x\" rhost=\"10.0.0.1\u{a}event=accepted user=\"root\u{202e}\u{e9}" service="sshd""#
    );
}

#[test]
fn the_mend_at_the_end_of_a_problem_is_not_cut_however_long_the_name_is() {
    let path = format!(
        "/var/lib/nightlatch/users/{}/enrollment.toml",
        "%c3".repeat(85)
    );
    let mend = format!("chown root: {path} && chmod go= {path}");
    let fault = Fault::Unusable(format!(
        "{path}: it belongs to uid 1000. See who changed it, then: {mend}"
    ));
    let line = Event::Unavailable(origin("é", None), &fault).render();
    assert!(line.ends_with(&format!(" then: {mend}\"")), "{line}");
    let endless = Fault::Unusable("x".repeat(5000));
    let line = Event::Unavailable(origin("é", None), &endless).render();
    assert!(
        line.ends_with("x...\"") && line.len() < 2200,
        "{}",
        line.len()
    );
}

proptest! {
    #[test]
    fn no_name_makes_a_line_look_like_another(
        event in any::<u8>(),
        names in prop::array::uniform5("(?s:[\"\\\\ =a-z]|.){0,300}"),
    ) {
        let names = names.each_ref().map(String::as_bytes);
        crate::fuzzing::log_line(&[&[event], &names.join(&0xff)[..]].concat());
    }
}
