//! Files sent by a real login: `scp` and `sftp` on a terminal.

use std::path::Path;

use crate::ssh::Client;
use crate::terminal::Terminal;

/// A transfer for which the password was given and the code is asked for.
#[derive(Debug)]
pub struct Transfer {
    terminal: Terminal,
}

/// A session of `sftp` that was let in.
#[derive(Debug)]
pub struct Sftp {
    terminal: Terminal,
}

impl Transfer {
    pub(crate) fn scp(client: &Client<'_>, file: &Path, name: &str, password: &str) -> Self {
        let from = file.to_str().expect("our own path").to_owned();
        let to = format!("{}:{name}", client.destination());
        Self::begin(client.run("scp", &[from, to]), password)
    }

    pub(crate) fn sftp(client: &Client<'_>, password: &str) -> Self {
        Self::begin(client.run("sftp", &[client.destination()]), password)
    }

    fn begin(mut terminal: Terminal, password: &str) -> Self {
        terminal.expect("assword:");
        terminal.type_line(password);
        terminal.expect("Verification code: ");
        Self { terminal }
    }

    /// Answers the question for the code and waits for the program to end; says whether it was content.
    pub fn ends_after(mut self, code: &str) -> bool {
        self.terminal.type_line(code);
        self.terminal.ended().success()
    }

    /// Answers the question for the code and asserts that `sftp` waits for commands.
    pub fn is_let_in_with(mut self, code: &str) -> Sftp {
        self.terminal.type_line(code);
        self.terminal.expect(SFTP_PROMPT);
        Sftp {
            terminal: self.terminal,
        }
    }
}

impl Sftp {
    /// Types a command and gives what was shown until the next prompt.
    pub fn runs(&mut self, command: &str) -> String {
        self.terminal.type_line(command);
        self.terminal.expect(SFTP_PROMPT)
    }
}

const SFTP_PROMPT: &str = "sftp> ";
