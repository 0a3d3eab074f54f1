//! Where words for people go, and machine-readable results: unbuffered, so that secrets leave no copies in buffers, and
//! with errors that are returned, so that a reader who went away is no panic.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd;

use anyhow::Context as _;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::terminal::Look;

/// Standard output or standard error.
pub struct Screen {
    file: File,
    name: &'static str,
    look: Look,
}

impl Screen {
    /// Standard output.
    pub fn output() -> anyhow::Result<Self> {
        let stream = io::stdout();
        let look = Look::of(&stream);
        Self::new(stream.as_fd().try_clone_to_owned(), "output", look)
    }

    /// Standard error: where words go when standard output belongs to a program.
    pub fn error() -> anyhow::Result<Self> {
        let stream = io::stderr();
        let look = Look::of(&stream);
        Self::new(stream.as_fd().try_clone_to_owned(), "error", look)
    }

    fn new(
        descriptor: io::Result<std::os::fd::OwnedFd>,
        name: &'static str,
        look: Look,
    ) -> anyhow::Result<Self> {
        let file = descriptor.with_context(|| format!("standard {name} cannot be used"))?;
        Ok(Self {
            file: file.into(),
            name,
            look,
        })
    }

    /// What the terminal behind it can show.
    pub fn look(&self) -> &Look {
        &self.look
    }

    /// Writes text as it is, in one piece.
    pub fn write(&self, text: &str) -> anyhow::Result<()> {
        (&self.file)
            .write_all(text.as_bytes())
            .with_context(|| format!("writing to standard {} failed", self.name))
    }

    /// Writes a line.
    pub fn say(&self, line: &str) -> anyhow::Result<()> {
        let mut text = Zeroizing::new(String::with_capacity(line.len() + 1));
        text.push_str(line);
        text.push('\n');
        self.write(&text)
    }

    /// Writes a value as JSON, on one line.
    pub fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        // Room for a whole enrollment: a buffer that grows leaves copies of secrets behind.
        let mut text = Zeroizing::new(Vec::with_capacity(ROOM_FOR_JSON));
        serde_json::to_writer(&mut *text, value).context("the result has no form in JSON")?;
        text.push(b'\n');
        (&self.file)
            .write_all(&text)
            .with_context(|| format!("writing to standard {} failed", self.name))
    }
}

/// A name or a label as it may be shown: whatever could turn text around or draw on the terminal is spelled out.
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, ' '..='~') {
            shown.push(c);
        } else {
            shown.extend(c.escape_unicode());
        }
    }
    shown
}

const ROOM_FOR_JSON: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_draw_on_the_terminal() {
        assert_eq!(
            shown("élodie \u{202e}x\u{1b}[2J"),
            "élodie \\u{202e}x\\u{1b}[2J"
        );
    }
}
