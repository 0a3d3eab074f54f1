//! What the terminal can show: its size, whether it takes colours, whether the locale speaks UTF-8.

use std::env;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use nightlatch_core::qr::{Charset, Size};
use terminal_size::{Height, Width, terminal_size_of};

/// What can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Which characters.
    pub charset: Charset,
    /// Whether colours can be set.
    pub colours: Colours,
    /// How much fits; `None` where it is no terminal or does not say.
    pub size: Option<Size>,
}

/// Whether colours can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// By ANSI sequences.
    Ansi,
    /// No: a file, a pipe, a terminal that says it is dumb.
    None,
}

impl Look {
    /// What a stream can show.
    pub fn of(stream: &(impl AsFd + IsTerminal)) -> Self {
        let dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        Self {
            charset: charset(|name| env::var(name).ok()),
            colours: if stream.is_terminal() && !dumb {
                Colours::Ansi
            } else {
                Colours::None
            },
            size: terminal_size_of(stream).map(|(Width(columns), Height(rows))| Size {
                columns: columns.into(),
                rows: rows.into(),
            }),
        }
    }
}

/// The character set of the locale: the first of these variables that is not empty decides (POSIX.1-2017, 8.2).
fn charset(variable: impl Fn(&str) -> Option<String>) -> Charset {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if locale.contains("utf-8") || locale.contains("utf8") {
        Charset::Utf8
    } else {
        Charset::Ascii
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charset_of(variables: &[(&str, &str)]) -> Charset {
        charset(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_first_variable_that_is_set_decides() {
        assert_eq!(charset_of(&[("LANG", "en_GB.UTF-8")]), Charset::Utf8);
        assert_eq!(
            charset_of(&[("LANG", "C.utf8"), ("LC_ALL", "")]),
            Charset::Utf8
        );
        assert_eq!(
            charset_of(&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")]),
            Charset::Ascii
        );
        assert_eq!(
            charset_of(&[("LC_CTYPE", "de_DE.ISO-8859-1"), ("LANG", "C.UTF-8")]),
            Charset::Ascii
        );
        assert_eq!(charset_of(&[]), Charset::Ascii);
    }
}
