//! What programs change on a disk below a directory, and what they have flushed, in the order in which they did: recorded by
//! `strace`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::sandbox::scratch;

/// One system call that changes something or flushes it, and was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// An empty file appeared.
    Created(PathBuf),
    /// A directory appeared.
    MadeDirectory(PathBuf),
    /// A file that was opened as this one was written.
    Wrote {
        /// How it was opened; it may be called something else by now.
        file: Opened,
        /// From where on, in bytes.
        offset: usize,
        /// What.
        bytes: Vec<u8>,
        /// Whether it was on the disk when the call returned: the file was opened with `O_DSYNC`.
        durably: bool,
    },
    /// A file's contents were flushed.
    FlushedFile(Opened),
    /// A directory's names were flushed.
    FlushedDirectory(PathBuf),
    /// A name was changed, and whatever had the new one went.
    Renamed(PathBuf, PathBuf),
    /// A name went.
    Removed(PathBuf),
}

/// A file by how it was opened: the path, and how many calls were recorded by then.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Opened {
    /// Its path at that moment.
    pub path: PathBuf,
    /// How many of all calls were recorded before.
    pub at: usize,
}

/// A recording, of one program after the other.
#[derive(Debug)]
pub struct Recording {
    below: PathBuf,
    done: Vec<Done>,
}

/// A descriptor of the program that is recorded.
struct Descriptor {
    opened: Opened,
    position: usize,
    durable: bool,
}

impl Recording {
    /// Nothing yet, of what happens in this directory and below.
    #[must_use]
    pub fn below(directory: &Path) -> Self {
        Self {
            below: directory.to_owned(),
            done: Vec::new(),
        }
    }

    /// What was recorded until now.
    #[must_use]
    pub fn done(&self) -> &[Done] {
        &self.done
    }

    /// Records a program which `run` runs below the words that it is given.
    pub fn record<T>(&mut self, run: impl FnOnce(&[&str]) -> T) -> T {
        let trace = scratch().join("recording");
        let trace = trace.to_str().expect("our own path");
        let words = ["strace", "-q", "-y", "-s", "20000", "-o", trace];
        let came = run(&[&words[..], &["-e", CALLS]].concat());
        let text = fs::read(trace).expect("`strace` does not run: install strace");
        let mut descriptors = HashMap::new();
        for line in String::from_utf8_lossy(&text).lines() {
            self.read(line, &mut descriptors);
        }
        came
    }

    fn read(&mut self, line: &str, descriptors: &mut HashMap<String, Descriptor>) {
        let Some((call, result)) = line.rsplit_once(" = ") else {
            return;
        };
        let Some((name, rest)) = call.split_once('(') else {
            return;
        };
        let rest = rest.trim_end();
        let words = arguments(rest.strip_suffix(')').unwrap_or(rest));
        let (number, path) = descriptor(&words[0]);
        if result.starts_with('-') || !path.starts_with(&self.below) {
            return;
        }
        let named = |at: usize| descriptor(&words[at - 1]).1.join(text(&words[at]));
        let at = self.done.len();
        match name {
            "openat" => {
                let file = named(1);
                if words[2].contains("O_CREAT") {
                    self.done.push(Done::Created(file.clone()));
                }
                if !words[2].contains("O_DIRECTORY") {
                    let (number, _) = descriptor(result);
                    let opened = Opened {
                        path: file,
                        at: self.done.len(),
                    };
                    let descriptor = Descriptor {
                        opened,
                        position: 0,
                        durable: words[2].contains("O_DSYNC"),
                    };
                    descriptors.insert(number, descriptor);
                }
            }
            "close" => drop(descriptors.remove(&number)),
            "write" | "pwrite64" => {
                let descriptor = descriptors.get_mut(&number).expect("it was opened");
                let bytes = unescaped(&words[1]);
                assert_eq!(result, bytes.len().to_string(), "written whole: {line}");
                let offset = match words.get(3) {
                    Some(offset) => offset.parse().expect("a number"),
                    None => descriptor.position,
                };
                descriptor.position = offset + bytes.len();
                self.done.push(Done::Wrote {
                    file: descriptor.opened.clone(),
                    offset,
                    bytes,
                    durably: descriptor.durable,
                });
            }
            "fsync" | "fdatasync" => self.done.push(match descriptors.get(&number) {
                Some(descriptor) => Done::FlushedFile(descriptor.opened.clone()),
                None => Done::FlushedDirectory(path),
            }),
            "mkdirat" => self.done.push(Done::MadeDirectory(named(1))),
            "unlinkat" => self.done.push(Done::Removed(named(1))),
            "renameat" | "renameat2" => self.done.push(Done::Renamed(named(1), named(3))),
            _ => panic!("{at}: not understood: {line}"),
        }
    }
}

/// The arguments of a call, as they were traced.
fn arguments(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for letter in text.chars() {
        match letter {
            ',' if !quoted => {
                words.push(String::new());
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
        words
            .last_mut()
            .expect("there is one from the start")
            .push(letter);
    }
    words.iter().map(|word| word.trim().to_owned()).collect()
}

/// `7</var/lib>`, the number and the path.
fn descriptor(word: &str) -> (String, PathBuf) {
    let (number, path) = word.split_once('<').unwrap_or((word, ""));
    (number.to_owned(), PathBuf::from(path.trim_end_matches('>')))
}

fn text(word: &str) -> String {
    String::from_utf8(unescaped(word)).expect("our own names")
}

/// The bytes of a quoted string, as strace writes it.
fn unescaped(word: &str) -> Vec<u8> {
    let inner = word
        .strip_prefix('"')
        .and_then(|word| word.strip_suffix('"'))
        .unwrap_or_else(|| panic!("no whole string: {word}"));
    let mut bytes = Vec::new();
    let mut rest = inner.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let octal = rest
            .iter()
            .take(3)
            .take_while(|digit| (b'0'..=b'7').contains(digit))
            .count();
        if octal > 0 {
            let (digits, after) = rest.split_at(octal);
            rest = after;
            let value = digits
                .iter()
                .fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            bytes.push(u8::try_from(value).expect("one byte"));
            continue;
        }
        let (&letter, after) = rest.split_first().expect("something is escaped");
        rest = after;
        bytes.push(match letter {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'v' => 0x0b,
            b'f' => 0x0c,
            other => other,
        });
    }
    bytes
}

const CALLS: &str =
    "trace=openat,close,write,pwrite64,fsync,fdatasync,mkdirat,unlinkat,renameat,renameat2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_as_what_was_done() {
        let mut recording = Recording::below(Path::new("/s"));
        let mut descriptors = HashMap::new();
        for line in [
            r#"openat(3</s>, "a", O_RDWR|O_CREAT|O_EXCL, 0600) = 4</s/a>"#,
            r#"write(4</s/a>, "x,\"\\\0\0012\n", 8)  = 8"#,
            r#"write(4</s/a>, "y", 1)                  = 1"#,
            r#"write(1<pipe:[1]>, "y", 1)              = 1"#,
            r"fsync(4</s/a>)                          = 0",
            r#"renameat(3</s>, "a", 3</s>, "b")        = 0"#,
            r#"unlinkat(3</s>, "c", 0)                 = -1 ENOENT (No such file or directory)"#,
            r"fsync(3</s>)                            = 0",
            "+++ exited with 0 +++",
        ] {
            recording.read(line, &mut descriptors);
        }
        let file = Opened {
            path: "/s/a".into(),
            at: 1,
        };
        let wrote = |offset, bytes: &[u8]| Done::Wrote {
            file: file.clone(),
            offset,
            bytes: bytes.to_vec(),
            durably: false,
        };
        assert_eq!(
            recording.done(),
            [
                Done::Created("/s/a".into()),
                wrote(0, b"x,\"\\\0\x012\n"),
                wrote(8, b"y"),
                Done::FlushedFile(file.clone()),
                Done::Renamed("/s/a".into(), "/s/b".into()),
                Done::FlushedDirectory("/s".into()),
            ]
        );
    }
}
