//! `nightlatch enroll` on a terminal, as an administrator and the person beside them see it.

use std::process::ExitStatus;

use crate::screen::Screen;
use crate::terminal::Terminal;
use crate::world::World;

/// An enrollment that is under way: the QR code is on the screen and a code is asked for.
#[derive(Debug)]
pub struct Enrolling {
    terminal: Terminal,
    shown_before_code: usize,
}

impl Enrolling {
    /// Types `nightlatch enroll USER` with more arguments and waits for the question.
    pub fn begin(world: &World, user: &str, more: &[&str]) -> Self {
        let arguments = [&["enroll", user], more].concat();
        let mut terminal = world.nightlatch_on_a_terminal(&arguments);
        terminal.expect(QUESTION);
        Self {
            terminal,
            shown_before_code: 0,
        }
    }

    /// Types a wrong code and waits for the question to come again.
    pub fn mistypes(&mut self, code: &str) {
        self.terminal.type_line(code);
        self.terminal.expect(QUESTION);
    }

    /// Types the right code, asserts that the enrollment is done, and gives the backup codes that were shown.
    pub fn proves(&mut self, code: &str) -> Vec<String> {
        self.shown_before_code = self.terminal.transcript().len();
        self.terminal.type_line(code);
        let status = self.terminal.ended();
        assert!(
            status.success(),
            "not enrolled:\n{}",
            self.terminal.transcript()
        );
        let shown = self.transcript_since_the_code();
        shown
            .split_whitespace()
            .filter(|word| is_backup_code(word))
            .map(str::to_owned)
            .collect()
    }

    /// Types `keys` and waits for the command to end.
    pub fn ends_after(&mut self, keys: &str) -> ExitStatus {
        self.terminal.type_keys(keys);
        self.terminal.ended()
    }

    /// What a person sees now.
    #[must_use]
    pub fn screen(&self) -> Screen {
        self.terminal.screen()
    }

    /// The terminal.
    pub fn terminal(&self) -> &Terminal {
        &self.terminal
    }

    /// All that was shown.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.terminal.transcript()
    }

    /// What was shown since the code was typed that [`Enrolling::proves`] was given.
    #[must_use]
    pub fn transcript_since_the_code(&self) -> String {
        self.terminal.transcript().split_off(self.shown_before_code)
    }
}

/// `XXXX-XXXX-XXXX-XXXX-XXXX`
fn is_backup_code(word: &str) -> bool {
    let groups: Vec<_> = word.split('-').collect();
    groups.len() == 5
        && groups.iter().all(|group| {
            group.len() == 4 && group.chars().all(|symbol| symbol.is_ascii_alphanumeric())
        })
}

/// What the command asks for when it wants proof that the phone has the secret.
pub const QUESTION: &str = "Code that the app shows now: ";
