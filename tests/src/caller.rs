//! The programs that people and machines log in with, each on a terminal: what they make of what the server asks.

use std::path::Path;
use std::process::Command;

use crate::authenticator::Phone;
use crate::screen::Screen;
use crate::ssh::{self, Client, PROMPT};
use crate::terminal::Terminal;
use crate::visit::phone_by_key;

/// A program to log in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The stock `ssh`.
    OpenSsh,
    /// `PuTTY` without a window of its own.
    Plink,
    /// Python's paramiko, which programs use; what it is asked is shown as it is.
    Paramiko,
    /// Python's asyncssh; the same.
    AsyncSsh,
}

/// The terminal that somebody sits before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Cells in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
    /// The locale of the program in it.
    pub locale: &'static str,
}

/// Somebody at the door, with that program: the password was given.
#[derive(Debug)]
pub struct Caller {
    program: Program,
    terminal: Terminal,
}

impl Window {
    /// The smallest usual terminal.
    pub const SMALL: Self = Self::utf8(80, 24);

    /// A larger one.
    pub const LARGE: Self = Self::utf8(100, 50);

    /// A terminal of that size that speaks UTF-8.
    #[must_use]
    pub const fn utf8(columns: u16, rows: u16) -> Self {
        Self {
            columns,
            rows,
            locale: "C.UTF-8",
        }
    }

    /// The same for a program in the locale C.
    #[must_use]
    pub const fn in_locale_c(self) -> Self {
        Self {
            locale: "C",
            ..self
        }
    }
}

impl Caller {
    /// Begins a login and gives the password.
    pub(crate) fn begin(
        program: Program,
        window: Window,
        client: &Client<'_>,
        password: &str,
    ) -> Self {
        let words = program.words(client);
        let mut terminal = Terminal::sized(
            window.columns,
            window.rows,
            &words[0],
            &words[1..],
            &[("LANG", window.locale), ("LC_ALL", window.locale)],
        );
        terminal.expect("assword:");
        terminal.type_line(password);
        Self { program, terminal }
    }

    /// Waits until this is asked.
    pub fn is_asked(&mut self, question: &str) -> &mut Self {
        self.terminal.expect(question);
        self
    }

    /// What is seen now.
    #[must_use]
    pub fn screen(&self) -> Screen {
        self.terminal.screen()
    }

    /// All that was shown.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.terminal.transcript()
    }

    /// Types an answer and Enter.
    pub fn answers(&mut self, answer: &str) -> &mut Self {
        self.terminal.type_line(answer);
        self
    }

    /// The phone of somebody who types the key that is on the screen: the eight groups at the end of a line.
    #[must_use]
    pub fn phone_by_key(&self) -> Phone {
        phone_by_key(&self.screen().text())
    }

    /// The backup codes on the screen.
    #[must_use]
    pub fn backup_codes(&self) -> Vec<String> {
        let screen = self.screen().text();
        let is_code =
            |word: &&str| word.len() == 24 && word.split('-').all(|group| group.len() == 4);
        let codes = screen.split_whitespace().filter(is_code);
        codes.map(str::to_owned).collect()
    }

    /// Hangs up.
    pub fn hangs_up(self) {
        drop(self);
    }

    /// Asserts that the login was let in, and that the other side computes.
    pub fn is_let_in(&mut self) {
        if self.program == Program::Plink {
            // So that no server can pretend that the login is over and ask for more.
            self.terminal.expect("Press Return to begin session.");
            self.terminal.type_line("");
        }
        self.terminal.expect(match self.program {
            Program::OpenSsh | Program::Plink => PROMPT,
            Program::Paramiko | Program::AsyncSsh => PROGRAM_IS_READY,
        });
        self.terminal.type_line("echo in=$((6 * 7))");
        self.terminal.expect("in=42");
    }

    /// Asserts that the login was refused.
    pub fn is_turned_away(&mut self) {
        self.terminal
            .expect_one_of(&["Permission denied", "Access denied", "closed by"]);
    }
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::OpenSsh, Self::Plink, Self::Paramiko, Self::AsyncSsh];

    fn words(self, client: &Client<'_>) -> Vec<String> {
        match self {
            Self::OpenSsh => client.ssh(),
            Self::Plink => {
                let to = client.destination();
                let words = ["plink", "-ssh", "-t", "-hostkey", &host_key(), &to];
                words.map(str::to_owned).to_vec()
            }
            Self::Paramiko => script("with_paramiko.py", client.user),
            Self::AsyncSsh => script("with_asyncssh.py", client.user),
        }
    }
}

/// Debian's own Python runs it, which sees Debian's packages, and leaves nothing behind beside it.
pub(crate) fn script(name: &str, user: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("clients")
        .join(name);
    let path = path.display().to_string();
    ["/usr/bin/python3", "-B", "-Wignore", &path, user]
        .map(str::to_owned)
        .to_vec()
}

/// The fingerprint of the key of the sandbox's sshd.
fn host_key() -> String {
    let output = Command::new("ssh-keygen")
        .args(["-l", "-f", ssh::HOST_KEY])
        .output()
        .expect("`ssh-keygen` does not run: install openssh-client");
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    let fingerprint = line.split_whitespace().nth(1);
    fingerprint.expect("a fingerprint").to_owned()
}

/// What the programs in `clients/` show at the end of their prompt.
const PROGRAM_IS_READY: &str = "> ";
