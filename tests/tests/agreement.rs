//! Two authenticators that are not ours, `oathtool` and `pyotp`, and Nightlatch agree on a thousand random secrets, over all
//! algorithms, lengths and periods: the core's arithmetic, and the built module that lets in by it.

#![allow(
    clippy::unwrap_used,
    reason = "in a test, to panic is how an assertion reports"
)]

use std::fs::{self, File};
use std::io::Read;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use nightlatch_core::id::Id;
use nightlatch_core::time::Time;
use nightlatch_core::token::{self, Digits, Kind, Label, Period, Secret, Token};
use nightlatch_tests::{Algorithm, Code, Shape, oathtool, pyotp, sandboxed};

#[test]
fn oathtool_and_pyotp_agree_with_the_core_on_1000_random_secrets() {
    let questions = questions(20_000_000_000);
    let theirs = agreed_codes(&questions);
    for (question, code) in questions.iter().zip(&theirs) {
        let token = question.token();
        let period = Period::try_from(question.shape.period).unwrap();
        let step = period.step_at(Time::from_unix(question.time));
        assert_eq!(*token.code_at(step), **code, "{question:?}");
    }
}

#[test]
fn oathtool_and_pyotp_agree_with_the_module_on_1000_random_secrets() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let path = "/var/lib/nightlatch/users/alice/enrollment.toml";
        let enrollment = fs::read_to_string(path).unwrap();

        // One person whose token becomes another for each login. Its steps have to go up: so do the times, while the periods
        // go down.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = now.as_secs();
        let mut questions = questions(now);
        questions.sort_by_key(|question| u64::MAX - question.shape.period);
        for (time, question) in (now..).step_by(240).zip(&mut questions) {
            question.time = time;
        }
        for (question, code) in questions.iter().zip(agreed_codes(&questions)) {
            fs::write(path, with_token(&enrollment, question)).unwrap();
            let outcome = alice.tries().answers([code]).at(question.time).run();
            assert_eq!(outcome.only().code(), Code::Success, "{question:?}");
        }
    });
}

/// What is asked of everybody: a secret, how codes are made from it, and when.
#[derive(Debug, Clone)]
struct Question {
    secret: Secret,
    shape: Shape,
    time: u64,
}

impl Question {
    fn token(&self) -> Token {
        let algorithm = match self.shape.algorithm {
            Algorithm::Sha1 => token::Algorithm::Sha1,
            Algorithm::Sha256 => token::Algorithm::Sha256,
            Algorithm::Sha512 => token::Algorithm::Sha512,
        };
        Token {
            id: Id::from_bytes([0; 16]),
            label: Label::parse("phone").unwrap(),
            kind: Kind::Totp {
                period: Period::try_from(self.shape.period).unwrap(),
            },
            secret: self.secret.clone(),
            algorithm,
            digits: Digits::try_from(u64::from(self.shape.digits)).unwrap(),
        }
    }
}

/// A thousand questions: secrets of 16 to 64 bytes, all shapes in turn, times from 1970 to `latest`.
fn questions(latest: u64) -> Vec<Question> {
    let mut random = File::open("/dev/urandom").unwrap();
    let mut bytes = |count: usize| {
        let mut bytes = vec![0; count];
        random.read_exact(&mut bytes).unwrap();
        bytes
    };
    (0..1000)
        .map(|n: usize| {
            let length = 16 + usize::from(bytes(1)[0]) % 49;
            let period = match n / 9 % 8 {
                0 => 15,
                1 => 60,
                2 => 120,
                3 => 15 + u64::from(bytes(1)[0]) % 106,
                _ => 30,
            };
            Question {
                secret: Secret::from_bytes(bytes(length).into()).unwrap(),
                shape: Shape {
                    algorithm: [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][n % 3],
                    digits: [6, 7, 8][n / 3 % 3],
                    period,
                },
                time: u64::from_le_bytes(bytes(8).try_into().unwrap()) % latest,
            }
        })
        .collect()
}

/// The codes that both authenticators give.
fn agreed_codes(questions: &[Question]) -> Vec<String> {
    let asked: Vec<_> = questions
        .iter()
        .map(|question| {
            let secret = question.secret.to_base32().to_string();
            (secret, question.shape, question.time)
        })
        .collect();
    // oathtool is a process a code.
    let (one, other) = asked.split_at(asked.len() / 2);
    let ask = |part: &[(String, Shape, u64)]| -> Vec<String> {
        part.iter()
            .map(|(secret, shape, time)| oathtool(secret, *shape, *time))
            .collect()
    };
    let by_oathtool = thread::scope(|scope| {
        let first = scope.spawn(|| ask(one));
        let second = ask(other);
        [first.join().unwrap(), second].concat()
    });
    assert_eq!(by_oathtool, pyotp(&asked), "they agree with each other");
    by_oathtool
}

/// The enrollment with its token's secret and shape replaced.
fn with_token(enrollment: &str, question: &Question) -> String {
    let Shape {
        algorithm,
        digits,
        period,
    } = question.shape;
    let secret = question.secret.to_base32();
    let mut replaced = 0;
    let lines: Vec<_> = enrollment
        .lines()
        .map(|line| {
            let new = match line.split_once(" = ").map_or("", |(key, _)| key) {
                "secret" => format!("secret = \"base32:{}\"", *secret),
                "algorithm" => format!("algorithm = \"{algorithm}\""),
                "digits" => format!("digits = {digits}"),
                "period" => format!("period = {period}"),
                _ => return line.to_owned(),
            };
            replaced += 1;
            new
        })
        .collect();
    assert_eq!(replaced, 4, "the enrollment's form has changed");
    lines.join("\n") + "\n"
}
