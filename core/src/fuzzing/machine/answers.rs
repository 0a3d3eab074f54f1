//! What somebody types: right, used, early, late, of others, in pairs that resynchronise, and what is no code at all.

use super::Course;
use crate::answer::{Answer, BadAnswer, LONGEST_ANSWER};
use crate::combined::{Field, LONGEST_FIELD};
use crate::login::AsksFor;
use crate::token::{Step, Token};

/// An answer, and how it was written.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub text: String,
    pub answer: Result<Answer, BadAnswer>,
}

impl Typed {
    /// What arrives of a text where this is asked for.
    pub(super) fn new(text: &str, asked: AsksFor) -> Self {
        let answer = match asked {
            AsksFor::Code => Answer::parse(text.as_bytes()),
            AsksFor::Both => {
                let field = format!("{PASSWORD}{text}").into_bytes();
                Field::new(field.into()).answer()
            }
        };
        let text = text.to_owned();
        Self { text, answer }
    }

    /// Whether it takes as long as a backup code where it is refused.
    pub(super) fn takes_a_digest(&self) -> bool {
        match &self.answer {
            Ok(answer) => answer.is_long(),
            Err(bad) => *bad == BadAnswer::Long,
        }
    }
}

impl Course<'_> {
    /// What somebody types who is, or says to be, this person.
    pub(super) fn text_of(&self, person: usize, how: u8) -> String {
        let (kind, choice) = (how & 15, usize::from(how >> 4));
        let tokens = self.people[person].tokens();
        let chosen = tokens.get(choice % tokens.len().max(1));
        // Where the choice says how far, the token is the first of its kind.
        let token = match kind {
            5 | 6 => tokens.iter().find(|token| token.period().is_some()),
            7 => tokens.iter().find(|token| token.period().is_none()),
            _ => chosen,
        };
        let step = token.map(|token| self.next_step(token));
        let code = |move_by: fn(Step, u64) -> Step, by: usize| match (token, step) {
            (Some(token), Some(step)) => token.code_at(move_by(step, by as u64)).to_string(),
            _ => "31415926".to_owned(),
        };
        match kind {
            0 | 1 => code(Step::plus, 0),
            2 if choice.is_multiple_of(2) => code(Step::minus, 1 + choice / 2),
            2 => code(Step::plus, 1 + choice / 2),
            3 => match token.and_then(|token| Some((token, self.opened.last(token)?))) {
                Some((token, last)) => token.code_at(last).to_string(),
                None => code(Step::plus, 0),
            },
            4 => match self.typed.len() {
                0 => code(Step::plus, 0),
                count => self.typed[count - 1 - choice % count].text.clone(),
            },
            // Two of these in a row may resynchronise.
            5 => code(Step::plus, 2 + choice),
            6 => code(Step::minus, 2 + choice),
            7 => code(Step::plus, 10 + choice),
            8 | 9 => {
                let of_now = self.made.of(self.people[person].set());
                let all: Vec<_> = self.made.all().collect();
                let codes = if kind == 8 { of_now } else { all };
                match codes.len() {
                    0 => NOBODYS.to_owned(),
                    count => codes[choice % count].grouped().to_string(),
                }
            }
            10 => match self.invitations.len() {
                0 => NOBODYS.to_owned(),
                count => self.invitations[count - 1 - choice % count].clone(),
            },
            11 => [
                "",
                PASSWORD,
                "12345",
                "123 456 789",
                "\u{8}\n\r\u{7f}INCORRECT",
                &"1".repeat(LONGEST_ANSWER + 1),
                &"7".repeat(LONGEST_FIELD + 1),
                "\u{661}\u{662}\u{663}456",
            ][choice % 8]
                .to_owned(),
            12 => self.text_of(1 - person, u8::try_from(choice).unwrap() << 4),
            13 => format!("{:0digits$}", 1_234_567 + choice, digits = 8 - choice % 3),
            14 => NOBODYS.to_lowercase(),
            _ => code(|step, by| step.plus(1000 + by), choice),
        }
    }

    /// The answer that opens now, of a person who has one.
    pub(super) fn right_now(&self, person: usize, how: u8) -> Option<Answer> {
        let kind = if how & 0x80 == 0 { 0 } else { 8 };
        let text = self.text_of(person, kind | how & 0x70);
        let answer = Answer::parse(text.as_bytes()).ok()?;
        self.people[person].enrolled.as_ref().map(|_| answer)
    }

    /// The step that a token shows now.
    pub(super) fn next_step(&self, token: &Token) -> Step {
        match token.period() {
            Some(period) => self.present(period),
            None => self.opened.last(token).map_or(Step(0), |last| last.plus(1)),
        }
    }
}

/// It is nowhere to be read again.
pub(super) const PASSWORD: &str = "correct horse battery staple 4711x";

/// It has the shape of a backup code, and opens nothing.
const NOBODYS: &str = "3333-4444-6666-7777-9999";
