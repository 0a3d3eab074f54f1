//! What came of log-ins through libpam: every prompt with its style, every return code, and whether the module left its host as
//! it found it.

use std::time::Duration;

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// One for each login, in the order of their numbers.
    pub logins: Vec<Login>,
    /// What was written to standard error: a module must leave it alone.
    pub stderr: String,
    /// `(what, before, after)` for what a module must leave as it was.
    pub host: Vec<(String, String, String)>,
    /// `(log-ins done, bytes of heap in use, resident KiB)`.
    pub memory: Vec<(u64, u64, u64)>,
}

/// One login.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// What was said and asked, in order.
    pub prompts: Vec<Prompt>,
    /// The calls made and what they returned.
    pub results: Vec<(String, Code)>,
    /// How long after the last answer the last result came.
    pub last_wait: Duration,
    /// What `pam_fail_delay` asked for.
    pub fail_delays: Vec<Duration>,
}

/// One message of the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// PAM's style.
    pub style: Style,
    /// Its text.
    pub text: String,
    /// How long after the call or the answer before it came.
    pub after: Duration,
}

/// PAM's message styles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A question whose answer is not shown.
    EchoOff,
    /// A question whose answer is shown.
    EchoOn,
    /// An error text.
    Error,
    /// A text.
    Info,
}

/// PAM's return codes, by the numbers of Linux-PAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are PAM's")]
pub enum Code {
    Success,
    ServiceErr,
    SystemErr,
    BufErr,
    PermDenied,
    AuthErr,
    AuthinfoUnavail,
    UserUnknown,
    MaxTries,
    ConvErr,
    Ignore,
    Abort,
    Other(i32),
}

impl Outcome {
    /// Asserts what every login's first call returned.
    pub fn gives(&self, code: Code) -> &Self {
        for login in &self.logins {
            assert_eq!(login.code(), code, "{login:#?}\n{}", self.stderr);
        }
        self
    }

    /// Asserts how many questions every login was asked.
    pub fn asking(&self, questions: usize) -> &Self {
        for login in &self.logins {
            assert_eq!(login.questions().len(), questions, "{login:#?}");
        }
        self
    }

    /// Asserts that the module left the host as it was, and its standard error empty.
    pub fn leaves_the_host_alone(&self) -> &Self {
        assert_eq!(self.stderr, "", "the module wrote to standard error");
        assert!(!self.host.is_empty(), "the driver compared the host");
        for (what, before, after) in &self.host {
            assert_eq!(before, after, "the module changed the host's {what}");
        }
        self
    }

    /// How many log-ins returned success.
    #[must_use]
    pub fn successes(&self) -> usize {
        self.logins
            .iter()
            .filter(|login| login.code() == Code::Success)
            .count()
    }

    /// The only login.
    #[must_use]
    pub fn only(&self) -> &Login {
        assert_eq!(self.logins.len(), 1, "{self:#?}");
        &self.logins[0]
    }

    pub(crate) fn read(events: &str, stderr: String) -> Self {
        let mut numbered: Vec<(u64, Login)> = Vec::new();
        let mut outcome = Self {
            logins: Vec::new(),
            stderr,
            host: Vec::new(),
            memory: Vec::new(),
        };
        for line in events.lines() {
            let fields: Vec<_> = line.split('\t').collect();
            match fields[..] {
                ["login", index] => numbered.push((number(index), Login::default())),
                ["prompt", style, micros, text] => current(&mut numbered).prompts.push(Prompt {
                    style: Style::named(style),
                    text: unescaped(text),
                    after: Duration::from_micros(number(micros)),
                }),
                ["delay", micros] => current(&mut numbered)
                    .fail_delays
                    .push(Duration::from_micros(number(micros))),
                ["result", call, code, micros] => {
                    let login = current(&mut numbered);
                    let code = Code::numbered(code.parse().expect("a code"));
                    login.results.push((call.to_owned(), code));
                    login.last_wait = Duration::from_micros(number(micros));
                }
                ["memory", logins, heap, resident] => {
                    outcome
                        .memory
                        .push((number(logins), number(heap), number(resident)));
                }
                ["host", what, before, after] => {
                    outcome
                        .host
                        .push((what.to_owned(), before.to_owned(), after.to_owned()));
                }
                _ => panic!("the driver said {line:?}"),
            }
        }
        numbered.sort_by_key(|(index, _)| *index);
        outcome.logins = numbered.into_iter().map(|(_, login)| login).collect();
        assert!(!outcome.logins.is_empty(), "no login was tried");
        outcome
    }
}

impl Login {
    /// What the first call returned.
    #[must_use]
    pub fn code(&self) -> Code {
        self.results.first().map_or(Code::Abort, |(_, code)| *code)
    }

    /// What the call `name` returned.
    #[must_use]
    pub fn code_of(&self, name: &str) -> Code {
        self.results
            .iter()
            .find(|(call, _)| call == name)
            .unwrap_or_else(|| panic!("{name} was not called: {self:#?}"))
            .1
    }

    /// The texts of the questions.
    #[must_use]
    pub fn questions(&self) -> Vec<&str> {
        self.texts(|style| matches!(style, Style::EchoOff | Style::EchoOn))
    }

    /// The texts that were only shown.
    #[must_use]
    pub fn notices(&self) -> Vec<&str> {
        self.texts(|style| matches!(style, Style::Info | Style::Error))
    }

    fn texts(&self, wanted: impl Fn(Style) -> bool) -> Vec<&str> {
        self.prompts
            .iter()
            .filter(|prompt| wanted(prompt.style))
            .map(|prompt| prompt.text.as_str())
            .collect()
    }
}

impl Style {
    fn named(name: &str) -> Self {
        match name {
            "echo-off" => Self::EchoOff,
            "echo-on" => Self::EchoOn,
            "error" => Self::Error,
            "info" => Self::Info,
            other => panic!("{other} is not a style that a module may use"),
        }
    }
}

impl Code {
    fn numbered(code: i32) -> Self {
        match code {
            0 => Self::Success,
            3 => Self::ServiceErr,
            4 => Self::SystemErr,
            5 => Self::BufErr,
            6 => Self::PermDenied,
            7 => Self::AuthErr,
            9 => Self::AuthinfoUnavail,
            10 => Self::UserUnknown,
            11 => Self::MaxTries,
            19 => Self::ConvErr,
            25 => Self::Ignore,
            26 => Self::Abort,
            other => Self::Other(other),
        }
    }
}

fn current(numbered: &mut [(u64, Login)]) -> &mut Login {
    &mut numbered.last_mut().expect("a login was begun").1
}

fn number(field: &str) -> u64 {
    field
        .parse()
        .unwrap_or_else(|_| panic!("{field} is not a number"))
}

/// The driver's escapes undone. What is not UTF-8 becomes U+FFFD.
pub(crate) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'\\', [b'x', high, low, ..]) => {
                let hex = [*high, *low];
                let hex = std::str::from_utf8(&hex).expect("the driver writes hex");
                bytes.push(u8::from_str_radix(hex, 16).expect("the driver writes hex"));
                rest = &after[3..];
            }
            (b'\\', [b'\\', ..]) => {
                bytes.push(b'\\');
                rest = &after[1..];
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn what_the_driver_escaped_reads_as_it_was() {
        assert_eq!(unescaped(r"a\\b\x0ac\xe2\x96\x88"), "a\\b\nc█");
    }
}
