//! The values that are parsed at the edge, and the URI that goes out there.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::input::texts;
use crate::account::UserName;
use crate::answer::{Answer, BadAnswer, LONGEST_ANSWER};
use crate::id::Id;
use crate::offer::{QrForm, offer};
use crate::place::Place;
use crate::testing::token::token;
use crate::token::{
    Algorithm, Counter, Digits, Kind, Period, Secret, Token, otpauth_uri, short_otpauth_uri,
};

/// An answer is a code in one of its shapes, however it is grouped, or is refused; it is never printed.
pub fn answer(bytes: &[u8]) {
    let answer = match Answer::parse(bytes) {
        Ok(answer) => answer,
        Err(error) => {
            assert_eq!(error == BadAnswer::TooLong, bytes.len() > LONGEST_ANSWER);
            // What a password is like is compared with, not parsed.
            assert_ne!(error, BadAnswer::Password);
            return;
        }
    };
    assert!(bytes.len() <= LONGEST_ANSWER);
    let typed = std::str::from_utf8(bytes).unwrap();
    let plain = typed.replace([' ', '-'], "");
    let grouped = match &answer {
        Answer::Code(code) => {
            assert_eq!(code.as_str(), plain);
            assert!((6..=8).contains(&plain.len()));
            assert!(plain.bytes().all(|digit| digit.is_ascii_digit()));
            Zeroizing::new(plain.clone())
        }
        Answer::BackupCode(code) => {
            assert_eq!(code.symbols(), plain.to_ascii_uppercase());
            code.grouped()
        }
        Answer::Tail(_) => panic!("what is typed as a code is a whole one"),
    };
    assert!(
        Answer::parse(grouped.as_bytes())
            .unwrap()
            .is_same_as(&answer)
    );
    assert!(!format!("{answer:?}").contains(&plain));
}

/// A place has one spelling, and every address is a place that comes back.
pub fn place(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(place) = Place::parse(text) {
        assert_eq!(place.to_string(), text);
    }
    let place = Place::of_address(text);
    assert_eq!(
        place == Place::Elsewhere,
        text.parse::<IpAddr>().is_err(),
        "{text}"
    );
    let written = place.to_string();
    // In a state, words are divided by spaces.
    assert!(!written.contains(char::is_whitespace));
    assert_eq!(Place::parse(&written).unwrap(), place);
}

/// A name comes back from its directory, which stays inside the one of all people; no directory has two names.
pub fn user_name(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(name) = UserName::parse(text) {
        let directory = name.directory_name();
        assert!((1..=255).contains(&directory.len()) && !directory.starts_with('.'));
        assert!(directory.bytes().all(|byte| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_uppercase()
                || byte.is_ascii_digit()
                || b"_-.%".contains(&byte)
        }));
        assert_eq!(UserName::from_directory_name(&directory).unwrap(), name);
    }
    if let Ok(name) = UserName::from_directory_name(text) {
        assert_eq!(name.directory_name(), text);
    }
}

/// An otpauth URI, long or short, is plain ASCII, and everything comes back out of it by the rules for URIs. What is shown of
/// it to somebody who enrolls inside a login is as wide as it may be.
pub fn uri(bytes: &[u8]) {
    let Some((&[shape, length], rest)) = bytes.split_first_chunk() else {
        return;
    };
    let mut names = texts(rest);
    let (issuer, account) = (
        names.next().unwrap_or_default(),
        names.next().unwrap_or_default(),
    );
    let token = token_of(shape, length, rest);

    let uri = otpauth_uri(&token, &issuer, &account);
    let (label, parameters) = parts(&uri);
    assert_eq!(label, (issuer.clone(), account.clone()));
    let moves = match token.kind {
        Kind::Totp { period } => ("period", period.seconds().to_string()),
        Kind::Hotp { counter } => ("counter", counter.step().0.to_string()),
    };
    let [algorithm, digits, moves] = [
        ("algorithm", token.algorithm.as_str().to_owned()),
        ("digits", token.digits.get().to_string()),
        moves,
    ];
    let secret = ("secret", token.secret.to_base32().to_string());
    let all = [
        ("issuer", issuer.clone()),
        algorithm.clone(),
        digits.clone(),
        moves.clone(),
        secret.clone(),
    ];
    assert_eq!(parameters, all);

    let uri = short_otpauth_uri(&token, &issuer, &account);
    let (label, parameters) = parts(&uri);
    assert_eq!(label, (issuer.clone(), account.clone()));
    // What the Key Uri Format takes for granted.
    let is_usual = |(key, value): &(&str, String)| {
        [("algorithm", "SHA1"), ("digits", "6"), ("period", "30")].contains(&(*key, value))
    };
    let mut needed: Vec<_> = [algorithm, digits, moves]
        .into_iter()
        .filter(|parameter| !is_usual(parameter))
        .collect();
    needed.push(secret);
    assert_eq!(parameters, needed);

    if let Ok(account) = UserName::parse(&account) {
        for form in [QrForm::Utf8, QrForm::Ascii, QrForm::None] {
            let shown = offer(&token, &issuer, &account, form);
            assert!(shown.lines().all(|line| line.chars().count() <= 77));
            assert_eq!(shown.is_ascii(), form != QrForm::Utf8);
        }
    }
}

/// Issuer and account of a URI's label, and its parameters in order, all decoded.
fn parts(uri: &str) -> ((String, String), Vec<(&str, String)>) {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    assert!(
        uri.bytes()
            .all(|byte| unreserved(byte) || b"%:/?&=".contains(&byte))
    );
    let label = ["otpauth://totp/", "otpauth://hotp/"];
    let (label, query) = label
        .iter()
        .find_map(|kind| uri.strip_prefix(kind))
        .unwrap()
        .split_once('?')
        .unwrap();
    let (issuer, account) = label.split_once(':').unwrap();
    let parameters = query.split('&').map(|parameter| {
        let (key, value) = parameter.split_once('=').unwrap();
        (key, decoded(value))
    });
    ((decoded(issuer), decoded(account)), parameters.collect())
}

/// A token of which `shape` says algorithm, digits and period; its secret is `length` bytes taken from `bytes`, in turn.
fn token_of(shape: u8, length: u8, bytes: &[u8]) -> Token {
    let length = 16 + usize::from(length) % 113;
    let secret: Vec<u8> = bytes
        .iter()
        .chain(&[0])
        .copied()
        .cycle()
        .take(length)
        .collect();
    let [algorithm, digits, period] = [shape % 3, shape / 3 % 3, shape / 9];
    Token {
        id: Id::from_bytes([shape; 16]),
        secret: Secret::from_bytes(secret.into()).unwrap(),
        algorithm: [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][usize::from(algorithm)],
        digits: Digits::try_from(6 + u64::from(digits)).unwrap(),
        kind: match period {
            24.. => Kind::Hotp {
                counter: Counter::try_from(u64::from(shape)).unwrap(),
            },
            _ => Kind::Totp {
                period: Period::try_from(15 + u64::from(period)).unwrap(),
            },
        },
        ..token(1, "phone")
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}
