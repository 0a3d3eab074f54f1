//! A line of the log: no name in it, whatever it holds, can make it look like another.

use super::input::texts;
use crate::audit::{Event, Origin};
use crate::check::{Accepted, Exemption, Factor, Fault, Refusal};
use crate::place::Place;
use crate::state::{Doubt, WrongCodes};
use crate::surroundings::Problem;
use crate::time::Time;
use crate::token::{Digits, Label};

/// Every event with any names is one line of printable ASCII, out of which the same keys come as with harmless names, and
/// the names themselves.
pub fn log_line(bytes: &[u8]) {
    let Some((&kind, rest)) = bytes.split_first() else {
        return;
    };
    let mut given = texts(rest);
    let mut names: [String; NAMES] = std::array::from_fn(|_| given.next().unwrap_or_default());
    if Label::parse(&names[LABEL]).is_err() {
        HARMLESS[LABEL].clone_into(&mut names[LABEL]);
    }
    let line = line(kind, &names.each_ref().map(String::as_str));
    assert!(
        line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "{line}"
    );

    let found = fields(&line);
    let expected = fields(&self::line(kind, &HARMLESS));
    assert_eq!(keys(&found), keys(&expected), "{line}");
    let mut different = keys(&found);
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), found.len(), "{line}");
    for (found, expected) in found.iter().zip(&expected) {
        let whole = filled(&expected.value, &names);
        assert_eq!(found.value, cut(&whole, longest(&found.key)), "{line}");
    }
}

/// What was rendered with the harmless names, with these in their places.
fn filled(value: &str, names: &[String; NAMES]) -> String {
    let mut filled = String::new();
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let name = HARMLESS.iter().position(|name| rest.starts_with(name));
        let length = if let Some(name) = name {
            filled.push_str(&names[name]);
            HARMLESS[name].len()
        } else {
            filled.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    filled
}

/// The event of this number with these names in it.
#[allow(
    clippy::too_many_lines,
    reason = "an arm for each event, as where they are rendered"
)]
fn line(kind: u8, names: &[&str; NAMES]) -> String {
    let [user, service, rhost, text, label] = *names;
    let by = service;
    let origin = Origin {
        user,
        service,
        rhost: (kind & 0x80 == 0).then_some(rhost),
    };
    let accepted = |factor| Accepted {
        factor,
        wrong: WrongCodes {
            count: u32::from(kind >> 6),
            from: Vec::new(),
        },
        backup_codes_left: None,
        temporary_code: None,
    };
    let rendered = |event: Event<'_>| event.render();
    match kind % 32 {
        0 => rendered(Event::Accepted(
            origin,
            &accepted(Factor::Token {
                label: Label::parse(label).unwrap(),
                digits: Digits::SIX,
            }),
        )),
        1 => rendered(Event::Accepted(
            origin,
            &accepted(Factor::BackupCode { left: 7 }),
        )),
        2 => rendered(Event::Rejected(origin, &Refusal::Wrong { locked_for: 30 })),
        3 => rendered(Event::Rejected(origin, &Refusal::UnknownUser)),
        4 => rendered(Event::Unavailable(
            origin,
            &Fault::Unusable(text.to_owned()),
        )),
        5 => rendered(Event::Doubtful {
            origin,
            doubt: Doubt::Copied,
            whereabouts: text,
        }),
        6 => rendered(Event::Exempt(origin, Exemption::Rule { number: 2 })),
        7 => rendered(Event::Misconfigured {
            service,
            problem: text,
        }),
        8 => rendered(Event::Began {
            origin,
            place: Place::Local(1000),
            config: text,
        }),
        9 => rendered(Event::ConversationFailed(origin)),
        10 => rendered(Event::Panicked { service }),
        11 => rendered(Event::Enrolled {
            user,
            by,
            label: text,
            kind: "totp",
            replaced: true,
            proved: false,
        }),
        12 => rendered(Event::CodesRenewed {
            user,
            by,
            count: 10,
        }),
        13 => rendered(Event::TokenRemoved {
            user,
            by,
            label: text,
        }),
        14 => rendered(Event::EnrollmentRemoved { user, by }),
        15 => rendered(Event::Rejected(origin, &Refusal::Disabled)),
        16 => rendered(Event::Rejected(origin, &Refusal::ShareUsedUp)),
        17 => rendered(Event::Rejected(origin, &Refusal::BackupCodesWait)),
        18 => rendered(Event::Rejected(origin, &Refusal::OtherUid)),
        19 => rendered(Event::Unresolved {
            origin,
            problem: &Problem::from(text.to_owned()),
        }),
        20 => rendered(Event::Rejected(origin, &Refusal::Denied { rule: 1 })),
        21 => rendered(Event::TokenAdded {
            user,
            by,
            label: text,
            kind: "hotp",
            proved: true,
        }),
        22 => rendered(Event::Locked {
            user,
            by,
            reason: (kind & 0x80 == 0).then_some(text),
        }),
        23 => rendered(Event::Invited {
            user,
            by,
            expires: Time::from_unix(1_795_487_400),
        }),
        24 => rendered(Event::InvitationCancelled { user, by }),
        25 => rendered(Event::TrustForgotten { user, by, count: 2 }),
        26 => rendered(Event::TemporaryCodeMade {
            user,
            by,
            expires: Time::from_unix(1_795_487_400),
        }),
        27 => rendered(Event::TemporaryCodeCancelled { user, by }),
        28 => rendered(Event::Accepted(origin, &accepted(Factor::TemporaryCode))),
        _ => rendered(Event::Unlocked {
            user,
            by,
            mended: "locks",
        }),
    }
}

/// A key and its value, as somebody reads them who knows docs/events.md and nothing else.
struct Field {
    key: String,
    value: String,
}

fn fields(line: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        if !fields.is_empty() {
            rest = rest.strip_prefix(' ').unwrap();
        }
        let (key, after) = rest.split_once('=').unwrap();
        assert!(
            key.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{line}"
        );
        let value;
        (value, rest) = if let Some(quoted) = after.strip_prefix('"') {
            unquoted(quoted)
        } else {
            let end = after.find(' ').unwrap_or(after.len());
            (after[..end].to_owned(), &after[end..])
        };
        fields.push(Field {
            key: key.to_owned(),
            value,
        });
    }
    fields
}

fn keys(fields: &[Field]) -> Vec<&str> {
    fields.iter().map(|field| field.key.as_str()).collect()
}

/// The text up to the closing quote, and what comes after that.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next().unwrap() {
            '"' => return (value, characters.as_str()),
            '\\' => match characters.next().unwrap() {
                c @ ('"' | '\\') => value.push(c),
                'u' => {
                    let (code, after) = characters
                        .as_str()
                        .strip_prefix('{')
                        .and_then(|code| code.split_once('}'))
                        .unwrap();
                    let code = u32::from_str_radix(code, 16).unwrap();
                    value.push(char::from_u32(code).unwrap());
                    characters = after.chars();
                }
                c => panic!("\\{c} is no escape"),
            },
            c => value.push(c),
        }
    }
}

/// As much of a value as is written.
fn cut(value: &str, longest: usize) -> String {
    match value.char_indices().nth(longest) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value.to_owned(),
    }
}

/// How many characters of a value are written: more of a text that says what to do at its end.
fn longest(key: &str) -> usize {
    if matches!(key, "problem" | "mend") {
        2048
    } else {
        256
    }
}

/// How many names an event can hold, one of which is a token's label.
const NAMES: usize = 5;
const LABEL: usize = 4;
/// In no word of ours.
const HARMLESS: [&str; NAMES] = ["<user>", "<service>", "<host>", "<text>", "<label>"];
