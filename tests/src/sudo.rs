//! `sudo` and `su`, typed into a shell that was reached by a real login.

use crate::person::Person;
use crate::ssh::{PROMPT, Session, assert_says_refused};

/// A program in a session has asked for a password, got it, and now asks for a code, or has made up its mind.
#[derive(Debug)]
pub struct Asked<'s> {
    session: &'s mut Session,
    shown: String,
    asks: bool,
}

impl Session {
    /// Types `sudo COMMAND` and the person's password. Asks sudo to forget what it remembers first.
    pub fn sudo(&mut self, person: &Person<'_>, command: &str) -> Asked<'_> {
        self.asking(&sudo_line(command), person.password())
    }

    /// The same where sudo asks for no password.
    pub fn sudo_without_password(&mut self, command: &str) -> Asked<'_> {
        self.terminal().type_line(&sudo_line(command));
        self.asked()
    }

    /// Types `su USER -c COMMAND` and that user's password.
    pub fn su(&mut self, to: &Person<'_>, command: &str) -> Asked<'_> {
        self.asking(&su_line(to, command), to.password())
    }

    /// Types `su - USER -c COMMAND`, which is another service, and that user's password.
    pub fn su_as_login(&mut self, to: &Person<'_>, command: &str) -> Asked<'_> {
        self.asking(
            &su_line(to, command).replacen("su ", "su - ", 1),
            to.password(),
        )
    }

    /// Types `su USER -c COMMAND` where su asks for no password.
    pub fn su_without_password(&mut self, to: &Person<'_>, command: &str) -> Asked<'_> {
        self.terminal().type_line(&su_line(to, command));
        self.asked()
    }

    fn asking(&mut self, line: &str, password: &str) -> Asked<'_> {
        self.terminal().type_line(line);
        self.terminal()
            .expect_one_of(&["assword: ", "password for "]);
        self.terminal().type_line(password);
        self.asked()
    }

    fn asked(&mut self) -> Asked<'_> {
        let mut asked = Asked {
            session: self,
            shown: String::new(),
            asks: true,
        };
        asked.see();
        asked
    }
}

fn sudo_line(command: &str) -> String {
    format!("sudo -k; sudo {command}; echo status=$?")
}

fn su_line(to: &Person<'_>, command: &str) -> String {
    format!("su {} -c '{command}'; echo status=$?", to.name())
}

impl Asked<'_> {
    /// Answers the question for the code.
    #[must_use]
    pub fn answers(mut self, code: &str) -> Self {
        assert!(
            self.asks,
            "no code was asked for:\n{}",
            self.session.transcript()
        );
        self.session.terminal().type_line(code);
        self.see();
        self
    }

    /// Asserts that a code is asked for.
    #[must_use]
    pub fn is_asked(self) -> Self {
        assert!(
            self.asks,
            "no code was asked for:\n{}",
            self.session.transcript()
        );
        self
    }

    /// Asserts that the command ran, and gives what was shown.
    pub fn is_done(self) -> String {
        assert!(
            !self.asks && self.shown.contains("status=0"),
            "the command did not run:\n{}",
            self.session.transcript()
        );
        self.shown
    }

    /// Asserts that the answer was refused and, since the program may go on asking, ends it with Ctrl-C.
    pub fn is_refused(self) {
        if self.asks {
            assert_says_refused(&self.shown);
            self.session.terminal().interrupt_until(PROMPT);
        } else {
            assert!(
                !self.shown.contains("status=0"),
                "the command ran:\n{}",
                self.session.transcript()
            );
        }
    }

    fn see(&mut self) {
        let (which, shown) = self
            .session
            .terminal()
            .expect_one_of(&["Verification code: ", PROMPT]);
        self.asks = which == 0;
        self.shown = shown;
    }
}
