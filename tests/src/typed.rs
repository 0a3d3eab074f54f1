//! What a page shows somebody type in a root shell, and what it says is printed then: so that the commands of a page are run as they
//! stand there.
//!
//! In a fenced block a line that begins with `# ` is typed, and the lines below it, up to the next such line, are what it prints. `…` is
//! whatever comes there, also lines of it. How many spaces stand side by side does not matter.

use crate::command::Run;
use crate::recipe::Page;
use crate::world::World;

/// A command of a page, and what the page says that it prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    command: String,
    prints: String,
}

impl Page {
    /// What is typed in a section, in its order.
    pub fn typed(self, heading: &str) -> Vec<Typed> {
        typed_in(self.section(heading))
    }

    /// The commands of a section of which each begins so, in the order of these words: for a test that goes through a section with
    /// something of its own between the steps. Asserts that there are no more.
    pub fn steps<const N: usize>(self, heading: &str, words: [&str; N]) -> [Typed; N] {
        let all = self.typed(heading);
        let commands: Vec<_> = all.iter().map(|typed| typed.command.as_str()).collect();
        assert_eq!(all.len(), N, "{heading}: {commands:#?}");
        for (command, words) in commands.iter().zip(words) {
            assert!(
                command.starts_with(words),
                "{heading}: {words:?} in {commands:#?}"
            );
        }
        all.try_into().expect("as many")
    }
}

impl Typed {
    /// The command.
    pub fn command(&self) -> &str {
        &self.command
    }

    /// The same with other words in it, where the page's are meant for others or take too long.
    #[must_use]
    pub fn with(&self, old: &str, new: &str) -> Self {
        assert!(self.command.contains(old), "{old:?} in {self:?}");
        Self {
            command: self.command.replace(old, new),
            prints: self.prints.replace(old, new),
        }
    }

    /// Asserts that this is what the page says is printed.
    pub fn is_answered_by(&self, printed: &str) {
        assert!(
            is_like(&squeezed(printed), &squeezed(&self.prints)),
            "the page says that `{}` prints\n{}\nand it prints\n{printed}",
            self.command,
            self.prints
        );
    }
}

impl World {
    /// Types that in a root shell, asserts that it prints what the page says, and gives what it printed.
    pub fn types(&self, typed: &Typed) -> String {
        let run = self.shell(&format!("exec 2>&1\n{}", typed.command));
        typed.is_answered_by(&run.stdout);
        run.stdout
    }

    /// The same one after the other.
    pub fn types_all<'t>(&self, all: impl IntoIterator<Item = &'t Typed>) {
        for typed in all {
            let _ = self.types(typed);
        }
    }

    /// What comes of a command of a page, whatever the page says that it prints.
    pub fn runs(&self, typed: &Typed) -> Run {
        self.shell(&typed.command)
    }
}

fn typed_in(section: &str) -> Vec<Typed> {
    let mut all: Vec<Typed> = Vec::new();
    for block in section.split("```").skip(1).step_by(2) {
        for line in block.lines().skip(1) {
            match (line.strip_prefix("# "), all.last_mut()) {
                (Some(command), _) => all.push(Typed {
                    command: command.to_owned(),
                    prints: String::new(),
                }),
                (None, Some(typed)) => {
                    typed.prints.push_str(line);
                    typed.prints.push('\n');
                }
                (None, None) => panic!("nothing was typed before {line:?}"),
            }
        }
    }
    for typed in &mut all {
        typed.prints.truncate(typed.prints.trim_end().len());
    }
    all
}

/// The text with single spaces, for columns are as wide as what is in them.
fn squeezed(text: &str) -> String {
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<_> = text.trim_end().lines().map(squeezed).collect();
    lines.join("\n")
}

/// Whether a text is the pattern, in which `…` is any text.
fn is_like(text: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('…');
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let mut pieces: Vec<_> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{is_like, typed_in};

    #[test]
    fn what_is_typed_and_what_is_printed_stand_in_blocks() {
        let all = typed_in(
            "Words.\n```\n# one 1\n# two\nsays …\n\nmore\n```\nwords\n```\n# three\n```\n",
        );
        let all: Vec<_> = all
            .iter()
            .map(|typed| (typed.command.as_str(), typed.prints.as_str()))
            .collect();
        assert_eq!(
            all,
            [("one 1", ""), ("two", "says …\n\nmore"), ("three", "")]
        );
    }

    #[test]
    fn an_ellipsis_is_any_text_and_everything_else_itself() {
        for (text, pattern) in [
            ("", ""),
            ("ab", "ab"),
            ("ab", "…"),
            ("a\nb c", "a…c"),
            ("abc", "…b…"),
            ("", "…"),
        ] {
            assert!(is_like(text, pattern), "{text:?} {pattern:?}");
        }
        for (text, pattern) in [
            ("a", ""),
            ("", "a"),
            ("ab", "b…"),
            ("ab", "…a"),
            ("ac", "a…b…c"),
        ] {
            assert!(!is_like(text, pattern), "{text:?} {pattern:?}");
        }
    }
}
