//! Log-ins through libpam itself, without a host program: what the driver (`driver/pam-driver.c`) is told to do.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::artifacts;
use crate::clock::Clock;
use crate::outcome::Outcome;
use crate::person::Person;
use crate::stacks::{self, DOOR};
use crate::visit::Visit;
use crate::watcher::Watcher;

/// One or many log-ins to be tried. Each method says one thing about them; [`Tries::run`] does them.
#[derive(Debug, Clone)]
#[must_use]
pub struct Tries {
    arguments: Vec<String>,
    service: String,
    answers: Vec<Answers>,
    environment: Vec<(&'static str, String)>,
    /// What the driver's clock is to show when it starts, in seconds since 1970.
    time: Option<u64>,
    watcher: Option<Watcher>,
}

/// How an application ended that was hindered.
#[derive(Debug, Clone)]
pub enum Ended {
    /// Of its own accord, with this outcome.
    Well(Outcome),
    /// With an error, and these words on its standard error. Nobody got in.
    Badly(String),
    /// By this signal. Nobody got in.
    Killed(i32),
}

#[derive(Debug, Clone)]
struct Answers {
    texts: Vec<Vec<u8>>,
    repeating: bool,
}

impl Tries {
    /// Log-ins of `user` through the stack [`DOOR`].
    pub(crate) fn of(user: &str) -> Self {
        Self {
            arguments: vec![
                format!("confdir={}", stacks::confdir().display()),
                format!("user={user}"),
            ],
            service: DOOR.to_owned(),
            answers: Vec::new(),
            environment: Vec::new(),
            time: None,
            watcher: None,
        }
    }

    /// One login of another person, too: of several, each makes one, in the order in which they and their answers were given.
    pub fn and_of(self, person: &Person<'_>) -> Self {
        self.with(format!("user={}", person.name()))
    }

    /// Through another stack; see [`crate::World::stack`].
    pub fn service(mut self, name: &str) -> Self {
        name.clone_into(&mut self.service);
        self
    }

    /// Answers for one login, in order; after them the person hangs up. Called again: for the next login.
    pub fn answers<T: AsRef<[u8]>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        self.answers.push(Answers {
            texts: texts.into_iter().map(|t| t.as_ref().to_vec()).collect(),
            repeating: false,
        });
        self
    }

    /// The one answer to every question, for as long as they come.
    pub fn always_answers(mut self, text: impl AsRef<[u8]>) -> Self {
        self.answers.push(Answers {
            texts: vec![text.as_ref().to_vec()],
            repeating: true,
        });
        self
    }

    /// From this address, `PAM_RHOST`.
    pub fn from(self, host: &str) -> Self {
        self.with(format!("rhost={host}"))
    }

    /// With `PAM_SILENT`.
    pub fn silently(self) -> Self {
        self.with("silent=1".to_owned())
    }

    /// Calls these functions in turn: `auth`, `setcred`, `acct`, `open`, `close`, `chauthtok`. Otherwise `auth` alone.
    pub fn calling(self, functions: &[&str]) -> Self {
        self.with(format!("calls={}", functions.join(",")))
    }

    /// With an application, or a module, that changes `PAM_USER` to this name after the first of these calls.
    pub fn then_as(self, name: &str) -> Self {
        self.with(format!("then-user={name}"))
    }

    /// With an application whose conversation misbehaves: `fail`, `null-array`, `null-answer`, `none`, and more: see the driver.
    pub fn conversation(self, kind: &str) -> Self {
        self.with(format!("conversation={kind}"))
    }

    /// It does so at this message of a login alone, counted from 1.
    pub fn at_message(self, number: usize) -> Self {
        self.with(format!("at={number}"))
    }

    /// It does so where something is told, and not where something is asked.
    pub fn at_texts(self) -> Self {
        self.with("only=texts".to_owned())
    }

    /// The code that it returns then, by the numbers of Linux-PAM.
    pub fn giving(self, code: i32) -> Self {
        self.with(format!("gives={code}"))
    }

    /// With this item of PAM: `user`, `user-prompt`, `service`, `rhost`, `ruser` or `tty`.
    pub fn item(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.with(format!("item={name}:{}", escaped(text.as_ref())))
    }

    /// Without this item of PAM.
    pub fn without_item(self, name: &str) -> Self {
        self.with(format!("item={name}"))
    }

    /// Begins one login and lets its questions be answered one by one.
    #[must_use]
    pub fn begins(&self) -> Visit {
        Visit::begin(self.clone().with("live=1".to_owned()).command(&[]))
    }

    /// With an application that has closed its standard input, output and error.
    pub fn without_standard_descriptors(self) -> Self {
        self.without_descriptors("012")
    }

    /// With an application that has closed these descriptors: `"02"` are 0 and 2.
    pub fn without_descriptors(self, digits: &str) -> Self {
        self.with(format!("closed={digits}"))
    }

    /// With an application that does not look whether the module leaves it as it was, and so makes few system calls of its own.
    pub fn unwatched(self) -> Self {
        self.with("unwatched=1".to_owned())
    }

    /// With an application that was called by this person, as su is: it has their real uid, and root's rights.
    pub fn called_by(self, caller: &Person<'_>) -> Self {
        self.with(format!("caller={}", caller.uid()))
    }

    /// With an application that has memory left for so many bytes and no more.
    pub fn with_room_for(self, bytes: usize) -> Self {
        self.with(format!("room={bytes}"))
    }

    /// So many log-ins, one after the other in one process.
    pub fn times(self, logins: usize) -> Self {
        self.with(format!("logins={logins}"))
    }

    /// So many processes, which all answer their first question at the same moment.
    pub fn at_once(self, processes: usize) -> Self {
        self.with(format!("processes={processes}"))
    }

    /// With a clock that shows this time, in seconds since 1970, when the login begins.
    pub fn at(mut self, time: u64) -> Self {
        self.time = Some(time);
        self
    }

    /// With the clock moved by so many seconds.
    pub fn clock_off_by(mut self, seconds: i64) -> Self {
        self.environment.extend(stacks::faketime_off_by(seconds));
        self
    }

    /// By this clock.
    pub fn by(mut self, clock: &Clock) -> Self {
        self.environment.extend(clock.environment());
        self
    }

    /// Moves the clock by so many seconds after each login.
    pub fn clock_moving_by(mut self, seconds: u64) -> Self {
        let file = crate::sandbox::scratch().join("clock");
        fs::write(&file, "+0\n").expect("the scratch folder is ours");
        self.environment.extend(stacks::faketime());
        self.environment.push(("FAKETIME_NO_CACHE", "1".to_owned()));
        self.environment
            .push(("FAKETIME_TIMESTAMP_FILE", file.display().to_string()));
        self.with(format!("clock={}", file.display()))
            .with(format!("clock-step={seconds}"))
    }

    /// Where `/etc/nsswitch.conf` may name `nightlatch_down`, a name service that is down.
    pub fn knowing_a_name_service_that_is_down(mut self) -> Self {
        let folder = artifacts::name_services().display().to_string();
        self.environment.push(("LD_LIBRARY_PATH", folder));
        self
    }

    /// Watched by a tool. What it sees ends the application with an error, which is asserted with every run.
    pub fn watched_by(mut self, watcher: Watcher) -> Self {
        self.watcher = Some(watcher);
        self
    }

    /// Does it.
    #[must_use]
    pub fn run(&self) -> Outcome {
        self.run_below(&[])
    }

    /// Does it below another program, such as `strace`: `wrapper` is that with its own arguments.
    #[must_use]
    pub fn run_below(&self, wrapper: &[&str]) -> Outcome {
        Self::outcome(&self.output_below(wrapper))
    }

    /// Does it below another program that may kill it on its way: then nothing came of it.
    #[must_use]
    pub fn run_unless_killed_below(&self, wrapper: &[&str]) -> Option<Outcome> {
        let output = self.output_below(wrapper);
        (output.status.signal() != Some(SIGKILL)).then(|| Self::outcome(&output))
    }

    /// Does it below another program, which may keep the application from starting or kill it.
    #[must_use]
    pub fn end_below(&self, wrapper: &[&str]) -> Ended {
        Self::ended(&self.output_below(wrapper))
    }

    pub(crate) fn ended(output: &Output) -> Ended {
        match output.status.signal() {
            Some(signal) => Ended::Killed(signal),
            None if output.status.success() => Ended::Well(Self::outcome(output)),
            None => Ended::Badly(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Does it, asserts that the application ended with an error, and gives what it or its watcher wrote to standard error.
    #[must_use]
    pub fn breaks(&self) -> String {
        let output = self.output_below(&[]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "it ended well: {stderr}");
        stderr
    }

    fn outcome(output: &Output) -> Outcome {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "the host program ended with {}: {stderr}",
            output.status
        );
        Outcome::read(&String::from_utf8_lossy(&output.stdout), stderr)
    }

    fn output_below(&self, wrapper: &[&str]) -> Output {
        let mut child = self
            .command(wrapper)
            .spawn()
            .unwrap_or_else(|error| panic!("the driver does not run: {error}"));
        let mut stdin = child.stdin.take().expect("piped");
        let script = self.script();
        let writer = thread::spawn(move || {
            let _ = stdin.write_all(script.as_bytes());
        });
        let output = child.wait_with_output().expect("the child is ours");
        writer.join().expect("the writer does not panic");
        output
    }

    fn command(&self, wrapper: &[&str]) -> Command {
        let mut words: Vec<OsString> = wrapper.iter().map(OsString::from).collect();
        words.extend(match self.watcher {
            Some(watcher) => watcher.driver(),
            None => vec![artifacts::pam_driver().into()],
        });
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        if let Some(watcher) = self.watcher {
            command.envs(watcher.environment());
        }
        command
            .arg(format!("service={}", self.service))
            .args(&self.arguments)
            .envs(self.environment.iter().cloned())
            .envs(self.time.map(stacks::faketime_at).into_iter().flatten())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn with(mut self, argument: String) -> Self {
        self.arguments.push(argument);
        self
    }

    fn script(&self) -> String {
        let groups: Vec<_> = self.answers.iter().map(Answers::script).collect();
        groups.join("%\n")
    }
}

const SIGKILL: i32 = 9;

impl Answers {
    fn script(&self) -> String {
        let mut script = String::new();
        for text in &self.texts {
            script.push_str(&escaped(text));
            script.push('\n');
        }
        if self.repeating {
            script.push_str("*\n");
        }
        script
    }
}

/// Any bytes as the driver reads them.
pub(crate) fn escaped(text: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'\\' => escaped.push_str("\\\\"),
            b'%' | b'*' | 0..0x20 | 0x7f.. => {
                write!(escaped, "\\x{byte:02x}").expect("a string");
            }
            _ => escaped.push(char::from(byte)),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::Answers;

    #[test]
    fn an_answer_of_any_bytes_survives_the_script() {
        let answers = Answers {
            texts: vec![b"a\\b%\x00\n\xff".to_vec()],
            repeating: false,
        };
        assert_eq!(answers.script(), "a\\\\b\\x25\\x00\\x0a\\xff\n");
    }
}
