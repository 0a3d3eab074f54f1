//! The lines of a file in /etc/pam.d: every byte kept, and what libpam makes of them.
//!
//! libpam reads a line up to the first `#`, goes on in the next line where one ends in `\` (and passes over comments and empty
//! lines on the way), and takes words apart at blanks; a word that begins with `[` goes to the next `]`. A carriage return is
//! no blank: in a file with CRLF the last word of each line has one at its end, and names nothing.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::Kind;
use super::control::{Actions, Flow};

/// A file, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PamFile {
    path: PathBuf,
    lines: Vec<Vec<u8>>,
    entries: Vec<Entry>,
    is_finished: bool,
}

/// What libpam takes for one line, which may be several in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its lines in the file, counted from 1.
    pub lines: RangeInclusive<usize>,
    /// What it says.
    pub said: Said,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// `@include NAME`: all lines of that file. Without a name, nothing can be read.
    IncludeAll(Option<String>),
    /// A line for one kind.
    Rule(Rule),
    /// A line of no kind that libpam knows. It fails whatever is asked; where nothing else says what for, it counts as auth.
    Unknown(String),
}

/// `auth required pam_unix.so nullok`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is about.
    pub kind: Kind,
    /// Whether it begins with `-`: a module that is not there is passed over without a word in the log.
    pub is_silent: bool,
    /// What follows from what comes of it; none where the line ends before.
    pub flow: Option<Flow>,
    /// The module, or the file that is included; none where the line ends before.
    pub module: Option<String>,
    /// What else stands in the line.
    pub arguments: Vec<String>,
}

impl PamFile {
    /// Takes a file apart.
    pub fn parse(path: PathBuf, bytes: &[u8]) -> Self {
        let lines: Vec<Vec<u8>> = bytes
            .split_inclusive(|&byte| byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        let (entries, is_finished) = entries(&lines);
        Self {
            path,
            lines,
            entries,
            is_finished,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its lines with their ends, byte by byte.
    pub fn lines(&self) -> &[Vec<u8>] {
        &self.lines
    }

    /// What libpam reads in it.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether the last line is one. Where it ends in `\`, libpam 1.5 reads nothing of the file.
    pub fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// The rules of one kind, with where they stand. What is included is not among them.
    pub fn rules(&self, kind: Kind) -> impl Iterator<Item = (&Entry, &Rule)> {
        self.entries
            .iter()
            .filter_map(move |entry| match &entry.said {
                Said::Rule(rule) if rule.kind == kind => Some((entry, rule)),
                _ => None,
            })
    }
}

impl Rule {
    /// What follows from what the module returns; none where it is no module that stands there.
    pub fn actions(&self) -> Option<&Actions> {
        match &self.flow {
            Some(Flow::Module(actions)) => Some(actions),
            _ => None,
        }
    }
}

/// Whether a module's path, whole or not, leads to the module of this name.
pub(super) fn is(path: &str, module: &str) -> bool {
    path.rsplit('/').next() == Some(module)
}

fn entries(lines: &[Vec<u8>]) -> (Vec<Entry>, bool) {
    let mut entries = Vec::new();
    let mut text = String::new();
    let mut first = None;
    for (number, line) in (1..).zip(lines) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_start_matches(BLANKS);
        let (said, comment) = line
            .split_once('#')
            .map_or((line, None), |(said, comment)| (said, Some(comment)));
        if said.is_empty() {
            continue;
        }
        let begins = *first.get_or_insert(number);
        // A comment ends the line, whatever stands before it.
        let goes_on = comment
            .is_none()
            .then(|| said.trim_end_matches(BLANKS).strip_suffix('\\'))
            .flatten();
        if let Some(said) = goes_on {
            text.push_str(said);
            text.push(' ');
            continue;
        }
        text.push_str(said);
        entries.extend(entry(begins..=number, &text));
        text.clear();
        first = None;
    }
    if let Some(begins) = first {
        entries.extend(entry(begins..=lines.len(), &text));
    }
    (entries, first.is_none())
}

fn entry(lines: RangeInclusive<usize>, text: &str) -> Option<Entry> {
    let mut words = words(text).into_iter();
    let first = words.next()?;
    if first.eq_ignore_ascii_case("@include") {
        let said = Said::IncludeAll(words.next());
        return Some(Entry { lines, said });
    }
    let (is_silent, word) = match first.strip_prefix('-') {
        Some(word) => (true, word),
        None => (false, first.as_str()),
    };
    let Some(kind) = Kind::parse(word) else {
        let said = Said::Unknown(first);
        return Some(Entry { lines, said });
    };
    let rule = Rule {
        kind,
        is_silent,
        flow: words.next().map(|word| Flow::parse(&word)),
        module: words.next(),
        arguments: words.collect(),
    };
    Some(Entry {
        lines,
        said: Said::Rule(rule),
    })
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches(BLANKS);
    while !rest.is_empty() {
        let mut word = String::new();
        let mut end = rest.len();
        if let Some(inside) = rest.strip_prefix('[') {
            let mut characters = inside.char_indices().peekable();
            while let Some((index, c)) = characters.next() {
                let is_escaped = c == '\\' && characters.peek().is_some_and(|(_, c)| *c == ']');
                if is_escaped {
                    characters.next();
                    word.push(']');
                } else if c == ']' {
                    // Its own byte and that of the bracket before.
                    end = index + 2;
                    break;
                } else {
                    word.push(c);
                }
            }
        } else {
            end = rest.find(BLANKS).unwrap_or(end);
            word.push_str(&rest[..end]);
        }
        words.push(word);
        rest = rest[end..].trim_start_matches(BLANKS);
    }
    words
}

/// What libpam takes for blanks.
const BLANKS: [char; 3] = [' ', '\t', '\n'];
