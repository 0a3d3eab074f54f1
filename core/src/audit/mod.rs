//! What happened, as a closed list of events with one rendering: a line of `key=value` that no name can forge.
//!
//! The events, their keys and their reasons are documented in docs/events.md and stay stable: people write alerts and
//! fail2ban filters on them.

use std::fmt::{self, Write as _};

use crate::check::{Accepted, Exemption, Factor, Fault, Refusal};
use crate::place::Place;
use crate::state::Doubt;
use crate::surroundings::Problem;

/// Where events go. An event that cannot be kept never changes what happens.
pub trait Audit {
    /// Keeps an event.
    fn note(&self, event: &Event<'_>);
}

/// Something that an administrator may want to know.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A second factor opened the door.
    Accepted(Origin<'a>, &'a Accepted),
    /// An answer was refused.
    Rejected(Origin<'a>, &'a Refusal),
    /// It could not be told whether an answer was good.
    Unavailable(Origin<'a>, &'a Fault),
    /// A record of past logins could not be fully believed; what may have been used counts as used from now on.
    Doubtful {
        /// Whose login settled it.
        origin: Origin<'a>,
        /// Why it could not be believed.
        doubt: Doubt,
        /// Where the record is.
        whereabouts: &'a str,
    },
    /// Nobody was asked, since the policy says so.
    Exempt(Origin<'a>, Exemption),
    /// Something that a rule asks about could not be found out.
    Unresolved {
        /// Whose login it is.
        origin: Origin<'a>,
        /// What, what follows from it, and the mend.
        problem: &'a Problem,
    },
    /// The configuration or the module's arguments are wrong; everybody is refused.
    Misconfigured {
        /// The PAM service.
        service: &'a str,
        /// What is wrong and what mends it.
        problem: &'a str,
    },
    /// A login began. Noted only where the module's argument `debug` asks for it.
    Began {
        /// Whose.
        origin: Origin<'a>,
        /// The place that its failures are counted at.
        place: Place,
        /// The file that says what holds.
        config: &'a str,
    },
    /// The application's conversation failed.
    ConversationFailed(Origin<'a>),
    /// Something that cannot happen did; the login was refused.
    Panicked {
        /// The PAM service.
        service: &'a str,
    },
    /// Somebody was enrolled.
    Enrolled {
        /// Who.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// The token's label.
        label: &'a str,
        /// The token's kind.
        kind: &'a str,
        /// Whether an enrollment was replaced.
        replaced: bool,
        /// Whether the person proved that the authenticator has the secret.
        proved: bool,
    },
    /// Somebody has new backup codes; the old ones ended.
    CodesRenewed {
        /// Who.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// How many.
        count: usize,
    },
    /// A token was taken away.
    TokenRemoved {
        /// Whose.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// The token's label.
        label: &'a str,
    },
    /// An enrollment was taken away.
    EnrollmentRemoved {
        /// Whose.
        user: &'a str,
        /// By whom.
        by: &'a str,
    },
    /// Locks were opened, or a record was mended.
    Unlocked {
        /// Whose.
        user: &'a str,
        /// By whom.
        by: &'a str,
        /// What was mended.
        mended: &'a str,
    },
}

/// Whose login it is, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The name, canonical where the account exists.
    pub user: &'a str,
    /// The PAM service.
    pub service: &'a str,
    /// The remote host as the application gave it, believed or not.
    pub rhost: Option<&'a str>,
}

/// How much an event matters, by syslog's scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Something is broken and keeps people out.
    Error,
    /// Somebody should look.
    Warning,
    /// A change, or a refusal.
    Notice,
    /// The ordinary course of things.
    Info,
    /// For whoever looks for a mistake in the set-up.
    Debug,
}

impl Event<'_> {
    /// How much it matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::Unavailable(..) | Self::Misconfigured { .. } | Self::Panicked { .. } => {
                Severity::Error
            }
            Self::Doubtful { .. }
            | Self::Unresolved { .. }
            | Self::Rejected(
                _,
                Refusal::OtherUid
                | Refusal::Disabled
                | Refusal::ShareUsedUp
                | Refusal::BackupCodesWait,
            ) => Severity::Warning,
            Self::Accepted(..) | Self::Exempt(..) => Severity::Info,
            Self::Began { .. } => Severity::Debug,
            Self::Rejected(..)
            | Self::ConversationFailed(..)
            | Self::Enrolled { .. }
            | Self::CodesRenewed { .. }
            | Self::TokenRemoved { .. }
            | Self::EnrollmentRemoved { .. }
            | Self::Unlocked { .. } => Severity::Notice,
        }
    }

    /// The line for the log, without a newline.
    #[must_use]
    pub fn render(&self) -> String {
        let mut line = Line(String::with_capacity(160));
        match self {
            Self::Accepted(origin, accepted) => {
                line.word("event", "accepted").origin(origin);
                match &accepted.factor {
                    Factor::Token(label) => line.quoted("token", label.as_str()),
                    Factor::BackupCode { left } => {
                        line.word("factor", "backup-code").word("left", left)
                    }
                };
                if accepted.wrong.count > 0 {
                    line.word("wrong_since_last", accepted.wrong.count);
                }
            }
            Self::Rejected(origin, refusal) => {
                line.rejected(origin, refusal);
            }
            Self::Unavailable(origin, fault) => {
                line.word("event", "unavailable")
                    .origin(origin)
                    .told("problem", &fault.to_string());
            }
            Self::Doubtful {
                origin,
                doubt,
                whereabouts,
            } => {
                let problem = doubt.problem(origin.user);
                line.word("event", "doubtful")
                    .word("found", doubt.word())
                    .origin(origin)
                    .told("problem", &format!("{whereabouts}: {problem}"));
            }
            Self::Exempt(origin, exemption) => {
                line.word("event", "exempt")
                    .word("reason", exemption.reason())
                    .origin(origin);
                if let Exemption::Rule { number } = exemption {
                    line.word("rule", number);
                }
            }
            Self::Unresolved { origin, problem } => {
                line.word("event", "unresolved")
                    .origin(origin)
                    .told("problem", &problem.to_string());
            }
            Self::Misconfigured { service, problem } => {
                line.word("event", "misconfigured")
                    .quoted("service", service)
                    .told("problem", problem);
            }
            Self::Began {
                origin,
                place,
                config,
            } => {
                line.word("event", "began").origin(origin);
                line.word("place", place).quoted("config", config);
            }
            Self::ConversationFailed(origin) => {
                line.word("event", "conversation-failed").origin(origin);
            }
            Self::Panicked { service } => {
                line.word("event", "panicked")
                    .quoted("service", service)
                    .quoted(
                        "problem",
                        "a fault in Nightlatch; the login was refused. Please report it",
                    );
            }
            Self::Enrolled {
                user,
                by,
                label,
                kind,
                replaced,
                proved,
            } => {
                line.change("enrolled", user, by)
                    .quoted("token", label)
                    .word("kind", kind);
                line.word("replaced", replaced).word("proved", proved);
            }
            Self::CodesRenewed { user, by, count } => {
                line.change("codes-renewed", user, by).word("count", count);
            }
            Self::TokenRemoved { user, by, label } => {
                line.change("token-removed", user, by)
                    .quoted("token", label);
            }
            Self::EnrollmentRemoved { user, by } => {
                line.change("enrollment-removed", user, by);
            }
            Self::Unlocked { user, by, mended } => {
                line.change("unlocked", user, by).word("mended", mended);
            }
        }
        line.0
    }
}

/// A line being written. Writing to a String cannot fail.
struct Line(String);

impl Line {
    /// A value of ours: a word or a number.
    fn word(&mut self, key: &str, value: impl fmt::Display) -> &mut Self {
        self.key(key);
        let _ = write!(self.0, "{value}");
        self
    }

    /// A value of somebody else's: quoted, and cut where it is absurdly long.
    fn quoted(&mut self, key: &str, value: &str) -> &mut Self {
        self.cut(key, value, LONGEST_VALUE)
    }

    /// A text of ours that may hold what is somebody else's. The mend stands at its end, and must not be cut.
    fn told(&mut self, key: &str, value: &str) -> &mut Self {
        self.cut(key, value, LONGEST_TEXT)
    }

    fn cut(&mut self, key: &str, value: &str, longest: usize) -> &mut Self {
        self.key(key);
        self.0.push('"');
        for (index, c) in value.chars().enumerate() {
            if index == longest {
                self.0.push_str("...");
                break;
            }
            match c {
                '"' | '\\' => self.0.extend(['\\', c]),
                ' '..='~' => self.0.push(c),
                // Letters of other scripts too: some of them turn text around or look like others.
                _ => self.0.extend(c.escape_unicode()),
            }
        }
        self.0.push('"');
        self
    }

    fn rejected(&mut self, origin: &Origin<'_>, refusal: &Refusal) {
        self.word("event", "rejected")
            .word("reason", refusal.reason())
            .origin(origin);
        match refusal {
            Refusal::Wrong {
                locked_for: seconds @ 1..,
            }
            | Refusal::Locked { remaining: seconds } => {
                self.word("locked_for", seconds);
            }
            Refusal::Denied { rule } => {
                self.word("rule", rule);
            }
            _ => {}
        }
        if let Some(mend) = refusal.mend(origin.user) {
            self.told("mend", &mend);
        }
    }

    fn origin(&mut self, origin: &Origin<'_>) -> &mut Self {
        self.quoted("user", origin.user)
            .quoted("service", origin.service);
        if let Some(rhost) = origin.rhost {
            self.quoted("rhost", rhost);
        }
        self
    }

    fn change(&mut self, event: &str, user: &str, by: &str) -> &mut Self {
        self.word("event", event)
            .quoted("user", user)
            .quoted("by", by)
    }

    fn key(&mut self, key: &str) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(key);
        self.0.push('=');
    }
}

/// How many characters of somebody else's value are written.
const LONGEST_VALUE: usize = 256;
/// How many characters of a text of ours are written: a mend can hold the path twice, and the problem once more.
const LONGEST_TEXT: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::BadAnswer;
    use crate::state::WrongCodes;
    use crate::token::Label;
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
        let replayed = Refusal::Replayed { next_in: Some(3) };
        let phone = Accepted {
            factor: Factor::Token(Label::parse("phone").unwrap()),
            wrong: WrongCodes::default(),
        };
        let backup = Accepted {
            factor: Factor::BackupCode { left: 7 },
            wrong: WrongCodes {
                count: 4,
                from: Vec::new(),
            },
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
        ] {
            assert_eq!(event.render(), line);
        }
    }

    /// One of each event with every key that it can have. An event that is missing here does not compile: see `place_of`.
    fn one_of_each<'a>(
        accepted: &'a [Accepted; 2],
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
        ]
    }

    /// Where the event stands in [`one_of_each`].
    fn place_of(event: &Event<'_>) -> usize {
        match event {
            Event::Accepted(_, accepted) => match accepted.factor {
                Factor::Token(_) => 0,
                Factor::BackupCode { .. } => 1,
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
        }
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
    fn the_documentation_has_every_event_with_its_severity_and_keys_and_every_reason() {
        let page = include_str!("../../../docs/events.md");
        let wrong = WrongCodes {
            count: 4,
            from: Vec::new(),
        };
        let accepted = [
            Factor::Token(Label::parse("phone").unwrap()),
            Factor::BackupCode { left: 7 },
        ]
        .map(|factor| Accepted {
            factor,
            wrong: wrong.clone(),
        });
        let locked = Refusal::Wrong { locked_for: 30 };
        let unresolved = Problem::from("something".to_owned());
        let events = one_of_each(&accepted, &locked, &unresolved);
        for (index, event) in events.iter().enumerate() {
            assert_eq!(place_of(event), index);
            let line = event.render();
            let word = line.split([' ', '=']).nth(1).unwrap();
            let row = page
                .lines()
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
        for refusal in [
            Refusal::Wrong { locked_for: 0 },
            Refusal::Replayed { next_in: None },
            Refusal::Locked { remaining: 1 },
            Refusal::ShareUsedUp,
            Refusal::Disabled,
            Refusal::BackupCodesWait,
            Refusal::NotEnrolled,
            Refusal::OtherUid,
            Refusal::UnknownUser,
            Refusal::Denied { rule: 1 },
            Refusal::NotACode(BadAnswer::Empty),
            Refusal::Repeated,
        ] {
            let reason = refusal.reason();
            assert!(page.contains(&format!("| `{reason}` |")), "{reason}");
        }
        let (_, exemptions) = page.split_once("\nReasons of `exempt`:\n").unwrap();
        for exemption in [
            Exemption::NotEnrolled,
            Exemption::Rule { number: 1 },
            Exemption::Deadline,
            Exemption::Trusted,
        ] {
            let reason = exemption.reason();
            assert!(exemptions.contains(&format!("| `{reason}` |")), "{reason}");
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
}
