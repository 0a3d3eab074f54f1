//! The proof that an authenticator has the secret: a code that is right now. Nothing is written before it.

use nightlatch_core::answer::{Answer, BadAnswer, OneTimeCode};
use nightlatch_core::check::Rules;
use nightlatch_core::messages::span;
use nightlatch_core::state::TokenState;
use nightlatch_core::time::Time;
use nightlatch_core::token::{Kind, Period, Step, Token};

/// What a line turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Finding {
    /// A right code. Its step counts as used.
    Proved(TokenState),
    /// A code, but not one that is right now.
    Wrong(String),
    /// No code: a slip of the finger that is no try.
    NoCode(String),
}

/// What a line proves about a token that is not kept yet.
pub fn examine(line: &[u8], token: &Token, rules: &Rules, now: Time) -> Finding {
    let code = match Answer::parse(line) {
        Ok(Answer::Code(code)) if code.as_str().len() == usize::from(token.digits.get()) => code,
        Ok(Answer::Code(_) | Answer::Tail(_))
        | Err(
            BadAnswer::NotACode
            | BadAnswer::TooLong
            | BadAnswer::NotText
            | BadAnswer::Password
            | BadAnswer::Long,
        ) => {
            return Finding::NoCode(format!(
                "That is not a code: type the {} digits that the authenticator shows.",
                token.digits.get()
            ));
        }
        Ok(Answer::BackupCode(_)) => {
            return Finding::NoCode(
                "That looks like a backup code. Type the digits that the authenticator shows."
                    .to_owned(),
            );
        }
        Err(BadAnswer::Empty) => {
            return Finding::NoCode(
                "Type the digits that the authenticator shows. Ctrl-C stops, and nothing is written."
                    .to_owned(),
            );
        }
    };
    match token.kind {
        Kind::Totp { period } => by_clock(&code, token, period, rules, now),
        Kind::Hotp { counter } => by_counter(&code, token, counter.step(), rules),
    }
}

/// The code of a token that goes by a clock.
fn by_clock(
    code: &OneTimeCode,
    token: &Token,
    period: Period,
    rules: &Rules,
    now: Time,
) -> Finding {
    let current = period.step_at(now);
    let around = |steps: u64| token.matching_steps(code, current.minus(steps), current.plus(steps));
    if let Some(&step) = around(rules.window).last() {
        return Finding::Proved(TokenState {
            last_step: Some(step),
            ..TokenState::new(token.id)
        });
    }
    match around(rules.resync_window).last() {
        Some(&step) => Finding::Wrong(clocks_differ(period, step, current)),
        None => Finding::Wrong(
            "That code is not right. Wait for the next one and try again.".to_owned(),
        ),
    }
}

/// The code of a token that counts.
fn by_counter(code: &OneTimeCode, token: &Token, first: Step, rules: &Rules) -> Finding {
    let beyond = first.plus(rules.look_ahead);
    if let Some(&step) = token.matching_steps(code, first, beyond.minus(1)).last() {
        return Finding::Proved(TokenState {
            last_step: Some(step),
            ..TokenState::new(token.id)
        });
    }
    let farther = token.matching_steps(code, beyond, beyond.plus(rules.resync_window));
    Finding::Wrong(match farther.first() {
        Some(step) => format!(
            "That code comes {} presses after counter {}. If the token was played with, stop with Ctrl-C and run this again with \
             --counter {}.",
            step.0 - first.0,
            first.0,
            step.plus(1).0
        ),
        None => "That code is not right. Press the button again, and type what it shows then."
            .to_owned(),
    })
}

/// The most common mistake, which the bare "not right" would leave people to guess.
fn clocks_differ(period: Period, step: Step, current: Step) -> String {
    let (one, other) = (period.start_of(step), period.start_of(current));
    let (difference, direction) = if step < current {
        (other.since(one), "past")
    } else {
        (one.since(other), "ahead")
    };
    format!(
        "That code is about {} {direction}. Set the clocks of the phone and of this host right, and try again.",
        span(difference)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::token;
    use nightlatch_core::config::Config;

    const NOW: Time = Time::from_unix(1_795_487_400);

    fn examined(line: &str) -> Finding {
        examine(line.as_bytes(), &token(), &Config::default().rules(), NOW)
    }

    #[test]
    fn the_code_of_now_and_of_its_neighbours_proves_and_is_used_up() {
        let current = Period::THIRTY.step_at(NOW);
        for step in [current.minus(1), current, current.plus(1)] {
            let proved = TokenState {
                last_step: Some(step),
                ..TokenState::new(token().id)
            };
            assert_eq!(examined(&token().code_at(step)), Finding::Proved(proved));
        }
    }

    #[test]
    fn a_code_of_another_time_says_that_the_clocks_differ() {
        let current = Period::THIRTY.step_at(NOW);
        for (step, words) in [
            (current.minus(10), "about 5 minutes past"),
            (current.plus(2), "about 60 seconds ahead"),
        ] {
            let Finding::Wrong(text) = examined(&token().code_at(step)) else {
                panic!("not wrong");
            };
            assert!(text.contains(words), "{text}");
        }
    }

    fn fob(counter: u64) -> Token {
        Token {
            kind: Kind::Hotp {
                counter: counter.try_into().unwrap(),
            },
            ..token()
        }
    }

    fn examined_by_counter(counter: u64, code: u64) -> Finding {
        let token = fob(counter);
        let code = token.code_at(Step(code));
        examine(code.as_bytes(), &token, &Config::default().rules(), NOW)
    }

    #[test]
    fn a_code_within_look_ahead_of_the_counter_proves_and_is_used_up() {
        for code in [5, 9, 14] {
            let proved = TokenState {
                last_step: Some(Step(code)),
                ..TokenState::new(fob(5).id)
            };
            assert_eq!(examined_by_counter(5, code), Finding::Proved(proved));
        }
    }

    #[test]
    fn a_code_farther_on_says_which_counter_is_right_and_one_before_proves_nothing() {
        for (code, words) in [
            (15, "--counter 16"),
            (35, "--counter 36"),
            (36, "not right"),
            (4, "not right"),
        ] {
            let Finding::Wrong(text) = examined_by_counter(5, code) else {
                panic!("not wrong");
            };
            assert!(text.contains(words), "{code}: {text}");
        }
    }

    #[test]
    fn the_last_counter_there_is_can_be_proved() {
        let last = u64::try_from(i64::MAX).unwrap();
        assert!(matches!(
            examined_by_counter(last, last),
            Finding::Proved(_)
        ));
    }

    #[test]
    fn a_slip_of_the_finger_is_no_try() {
        for line in [
            "",
            "12345",
            "1234567",
            "abc",
            "\x1b[A",
            "3467-9CFH-JKMR-TWXY-3467",
        ] {
            assert!(matches!(examined(line), Finding::NoCode(_)), "{line}");
        }
        assert!(matches!(examined("000000"), Finding::Wrong(_)));
    }
}
