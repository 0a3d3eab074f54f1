//! Where words for people go, and machine-readable results: unbuffered, so that secrets leave no copies in buffers, and
//! with errors that are returned, so that a reader who went away is no panic.

use std::fmt::Write as _;
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

    /// Writes a line, or several. Whatever in it could draw on the terminal is spelled out.
    pub fn say(&self, line: &str) -> anyhow::Result<()> {
        let mut text = Zeroizing::new(String::with_capacity(line.len() + 1));
        text.push_str(line);
        text.push('\n');
        self.page(&text)
    }

    /// Writes lines that end. The same holds for them.
    pub fn page(&self, lines: &str) -> anyhow::Result<()> {
        if lines.chars().all(is_plain_or_ends_a_line) {
            return self.write(lines);
        }
        self.write(&Zeroizing::new(shown_lines(lines)))
    }

    /// Writes TOML. Whatever in its strings could draw on the terminal is escaped, as TOML has it.
    pub fn toml(&self, toml: &str) -> anyhow::Result<()> {
        self.write(&respelled(toml, is_plain_or_ends_a_line, |c| {
            format!("\\U{:08X}", u32::from(c))
        }))
    }

    /// Writes a value as JSON, on one line. Whatever in it could draw on a terminal is escaped, as JSON has it.
    pub fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        // Room for a whole enrollment: a buffer that grows leaves copies of secrets behind.
        let mut text = Zeroizing::new(Vec::with_capacity(ROOM_FOR_JSON));
        serde_json::to_writer(&mut *text, value).context("the result has no form in JSON")?;
        if let Some(escaped) = str::from_utf8(&text).ok().and_then(escaped_in_json) {
            text = Zeroizing::new(escaped.into_bytes());
        }
        text.push(b'\n');
        (&self.file)
            .write_all(&text)
            .with_context(|| format!("writing to standard {} failed", self.name))
    }
}

/// A name or a label as it may be shown: whatever could turn text around or draw on the terminal is spelled out.
pub fn shown(text: &str) -> String {
    respelled(text, is_plain, |c| c.escape_unicode().to_string())
}

/// The same for a text of several lines.
pub fn shown_lines(text: &str) -> String {
    respelled(text, is_plain_or_ends_a_line, |c| {
        c.escape_unicode().to_string()
    })
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, ' '..='~')
}

fn is_plain_or_ends_a_line(c: char) -> bool {
    is_plain(c) || c == '\n'
}

/// JSON with what is not plain as `\u`: it stands in strings, and nowhere else. None where all of it is plain.
fn escaped_in_json(json: &str) -> Option<String> {
    let escape = |c: char| {
        let mut escaped = String::new();
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
        escaped
    };
    (!json.chars().all(is_plain)).then(|| respelled(json, is_plain, escape))
}

/// The text with other spellings of what is not kept.
fn respelled(text: &str, is_kept: fn(char) -> bool, spell: impl Fn(char) -> String) -> String {
    // Room for all of it at once: a buffer that grows leaves copies behind of what may be secret.
    let mut respelled = String::with_capacity(text.len() * LONGEST_SPELLING);
    for c in text.chars() {
        if is_kept(c) {
            respelled.push(c);
        } else {
            respelled.push_str(&spell(c));
        }
    }
    respelled
}

/// In bytes: `\U0000007F`, for one byte.
const LONGEST_SPELLING: usize = 10;

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

    #[test]
    fn json_of_odd_characters_is_plain_and_means_the_same() {
        let odd = "\u{202e}x\u{9b}31m\u{1f600}\u{7f}é\\";
        let json = serde_json::to_string(odd).unwrap();
        let escaped = escaped_in_json(&json).unwrap();
        assert_eq!(escaped, r#""\u202ex\u009b31m\ud83d\ude00\u007fé\\""#);
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), odd);
        assert_eq!(escaped_in_json(r#"{"user":"élodie"}"#), None);
    }
}
