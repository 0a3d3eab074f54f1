//! Whoever hears all that is said and logged, and looks for secrets in it.

use std::cell::RefCell;

use crate::audit::{Audit, Event};
use crate::check::{Accepted, Exemption, Fault, Refusal};
use crate::token::Token;

/// What the log says of an answer.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    Accepted(Accepted),
    Rejected(Refusal),
    Unavailable(Fault),
    Exempt(Exemption),
    Offered,
}

#[derive(Default)]
pub(super) struct Log {
    heard: RefCell<Vec<Heard>>,
    lines: RefCell<Vec<String>>,
}

impl Log {
    /// What was noted since it was asked last, with the lines.
    pub(super) fn take(&self) -> (Vec<Heard>, Vec<String>) {
        (self.heard.take(), self.lines.take())
    }
}

impl Audit for Log {
    fn note(&self, event: &Event<'_>) {
        let mut lines = self.lines.borrow_mut();
        lines.push(event.render());
        lines.push(format!("{event:?}"));
        let heard = match event {
            Event::Accepted(_, accepted) => Heard::Accepted((*accepted).clone()),
            Event::Rejected(_, refusal) => Heard::Rejected((*refusal).clone()),
            Event::Unavailable(_, fault) => Heard::Unavailable((*fault).clone()),
            Event::Exempt(_, exemption) => Heard::Exempt(*exemption),
            Event::Offered { .. } => Heard::Offered,
            _ => return,
        };
        self.heard.borrow_mut().push(heard);
    }
}

/// All that nobody may read anywhere.
#[derive(Default)]
pub(super) struct Secrets {
    /// In lower case and without what people put between groups.
    texts: Vec<String>,
    /// One-time codes: short, so that a longer number may hold them by chance.
    codes: Vec<String>,
}

impl Secrets {
    pub(super) fn keep_key(&mut self, token: &Token) {
        let base32 = token.secret.to_base32();
        let bytes = data_encoding::BASE32_NOPAD
            .decode(base32.as_bytes())
            .unwrap();
        self.keep(&base32);
        self.keep(&data_encoding::HEXLOWER.encode(&bytes));
    }

    /// A backup code, an invitation, a password.
    pub(super) fn keep(&mut self, text: &str) {
        let text = plain(text);
        if !self.texts.contains(&text) {
            self.texts.push(text);
        }
    }

    pub(super) fn keep_code(&mut self, code: &str) {
        if !self.codes.iter().any(|kept| kept == code) {
            self.codes.push(code.to_owned());
        }
    }

    /// Nothing of it is in what was said.
    pub(super) fn assert_kept(&self, said: &str) {
        let lower = plain(said);
        for text in &self.texts {
            assert!(!lower.contains(text), "{text} is told in {said:?}");
        }
        for number in said.split(|c: char| !c.is_ascii_alphanumeric()) {
            let is_told = self.codes.iter().any(|code| code == number);
            assert!(!is_told, "{number} is told in {said:?}");
        }
    }
}

fn plain(text: &str) -> String {
    text.to_ascii_lowercase().replace([' ', '-'], "")
}
