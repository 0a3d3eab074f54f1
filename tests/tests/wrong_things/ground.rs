//! What these tests stand on: alice and her record, and what must hold whatever is wrong with it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nightlatch_tests::{Code, Line, Outcome, Person, Run, STORE, Stack, Tree, Tries, World};

/// Alice, enrolled on a host that has nobody else.
pub struct Ground<'w> {
    pub world: &'w World,
    pub alice: Person<'w>,
    /// The step of the code that alice gives next. The clock of a login is in the middle of it.
    step: u64,
}

/// Whether people who are not enrolled are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Required,
    Optional,
}

impl<'w> Ground<'w> {
    pub fn new(world: &'w World) -> Self {
        configure(world, Mode::Required);
        world.stack(PERMISSIVE, Stack::CodeOnly("skip=success"));
        let alice = world.user("alice").enrolled();
        let step = alice.phone().step_now();
        Self { world, alice, step }
    }

    /// A new store, and alice enrolled in it.
    pub fn begin_anew(&mut self) {
        self.shell("rm -rf $STORE");
        self.alice.enroll_again();
        self.step = self.alice.phone().step_now();
    }

    /// What an administrator, or somebody who has become root, types. `$STORE`, `$ALICE` and `$STATE` are paths.
    pub fn shell(&self, line: &str) {
        let alice = self.alice.directory();
        let alice = alice.display();
        let paths = format!("STORE={STORE} ALICE={alice} STATE=$(echo {alice}/state*)");
        let run = self.world.shell(&format!("set -e; {paths}; {line}"));
        assert_eq!(run.status, Some(0), "{run:#?}");
    }

    /// Nobody gets in, whatever the mode, since the store cannot be used; the log and the command name the path and hold
    /// these words. Gives what the log says.
    pub fn is_unavailable(&self, what: &str, path: &Path, words: &str) -> String {
        println!("{what} ({}: … {words} …)", path.display());
        let path = path.display().to_string();
        let parts = ["event=unavailable", &path, words];
        self.is_denied(Mode::Optional, Code::AuthinfoUnavail, &parts);
        let lines = self.is_denied(Mode::Required, Code::AuthinfoUnavail, &parts);
        self.commands_refuse(COMMANDS, &path, words);
        problem(&lines[0])
    }

    /// There is no store: nobody gets in, whatever the mode. Enrolling, which would make one, is left out.
    pub fn is_no_store(&self, what: &str, path: &Path, words: &str) {
        println!("{what} ({})", path.display());
        let path = path.display().to_string();
        for mode in [Mode::Optional, Mode::Required] {
            let parts = ["event=unavailable", &path, words];
            self.is_denied(mode, Code::AuthinfoUnavail, &parts);
        }
        let others = COMMANDS.iter().filter(|arguments| arguments[0] != "enroll");
        self.commands_refuse(others, &path, words);
    }

    /// Nothing is known about past logins: nobody gets in until the record of them is begun anew, as the log and the command
    /// say, and what may have been used opens nothing after it.
    pub fn has_lost_the_state(&mut self, what: &str) {
        println!("{what}");
        let path = self.alice.directory().display().to_string();
        let words = "run: nightlatch unlock alice --fresh-state";
        let parts = ["event=unavailable", &path, words];
        self.is_denied(Mode::Optional, Code::AuthinfoUnavail, &parts);
        let lines = self.is_denied(Mode::Required, Code::AuthinfoUnavail, &parts);
        let before = Tree::of(STORE);
        for arguments in [&["codes", "alice", "--json"][..], &["unlock", "alice"]] {
            let run = self.command(arguments).is_refused();
            assert!(run.stderr.contains(words), "{run:#?}");
        }
        let status = self.command(&["status", "alice"]).succeeds();
        assert!(status.stdout.contains(words), "{status:#?}");
        let differing = before.differs_in(&Tree::of(STORE));
        assert!(differing.is_empty(), "changed: {differing:?}");

        self.does_what_is_said(&problem(&lines[0]));
        self.step = self.step.max(self.alice.phone().step_now());
        self.refuses(&self.alice.backup_codes()[0], &["reason=replayed"]);
        let now = self.alice.phone().code_at(0);
        self.refuses(&now, &["reason=replayed"]);
        self.lets_in_later();
    }

    /// What the phone shows now and next may have been used, so it is refused. The code after that opens.
    pub fn refuses_what_may_have_been_used(&self) {
        for step in [self.step, self.step + 1] {
            let code = self.alice.phone().code_of_step(step);
            let outcome = soon(&self.tries().always_answers(code));
            outcome.gives(Code::AuthErr).asking(3);
            self.world.log().says(&["reason=replayed"]);
        }
    }

    /// The code that opened last opens nothing more.
    pub fn refuses_what_was_used(&self) {
        let used = self.alice.phone().code_of_step(self.step - 1);
        let log = self.world.log().from_now();
        let outcome = soon(&self.tries().always_answers(used));
        outcome.gives(Code::AuthErr).asking(3);
        log.says(&["reason=replayed"]);
    }

    /// Where codes are optional, alice is not asked.
    pub fn is_exempt(&self) {
        configure(self.world, Mode::Optional);
        let outcome = soon(&self.tries().service(PERMISSIVE));
        outcome.gives(Code::Success).asking(0);
        configure(self.world, Mode::Required);
    }

    /// The record can be read and not written, so that no code opens; the log names path and mend.
    pub fn cannot_be_written(&self, path: &Path, words: &str) {
        let path = path.display().to_string();
        let parts = ["event=unavailable", &path, words];
        for mode in [Mode::Optional, Mode::Required] {
            self.is_denied(mode, Code::AuthinfoUnavail, &parts);
        }
        let run = self.command(&["unlock", "alice"]).is_refused();
        assert!(
            run.stderr.contains(&path) && run.stderr.contains(words),
            "{run:#?}"
        );
    }

    /// This answer opens nothing now, and the log holds that.
    pub fn refuses(&self, answer: &str, parts: &[&str]) {
        let log = self.world.log().from_now();
        self.alice.is_kept_out_with(answer);
        log.says(parts);
    }

    /// Nobody is even asked, since the configuration cannot be believed.
    pub fn is_misconfigured(&self, path: &Path, words: &str) -> String {
        let path = path.display().to_string();
        println!("{path} ({words})");
        let log = self.world.log().from_now();
        let outcome = soon(&self.tries().service(PERMISSIVE).always_answers(self.code()));
        outcome.gives(Code::ServiceErr).asking(0);
        outcome.leaves_the_host_alone();
        let lines = log.with("event=");
        let [line] = &lines[..] else {
            panic!("one line for one refusal: {lines:#?}")
        };
        for part in ["event=misconfigured", &path, words] {
            assert!(line.text.contains(part), "{part:?} is missing: {line:#?}");
        }
        self.commands_refuse(COMMANDS, &path, words);
        problem(line)
    }

    /// A right code is refused with that return code in that mode, after as many questions as ever or none, soon, with a line
    /// in the log for each refusal.
    pub fn is_denied(&self, mode: Mode, code: Code, parts: &[&str]) -> Vec<Line> {
        configure(self.world, mode);
        let log = self.world.log().from_now();
        let tries = self.tries().service(PERMISSIVE);
        let outcome = soon(&tries.always_answers(self.code()));
        configure(self.world, Mode::Required);
        outcome.gives(code).leaves_the_host_alone();
        let questions = outcome.only().questions().len();
        match mode {
            Mode::Required => assert_eq!(questions, 3, "{outcome:#?}"),
            // Nobody whose record cannot be looked at is asked.
            Mode::Optional => assert!([0, 3].contains(&questions), "{outcome:#?}"),
        }
        let lines = log.with("event=");
        assert_eq!(lines.len(), questions.max(1), "{lines:#?}");
        // The same answer again is refused as that, unless nothing could be said about it.
        let told = if code == Code::AuthErr {
            1
        } else {
            lines.len()
        };
        for line in &lines[..told] {
            for part in parts {
                assert!(line.text.contains(part), "{part:?} is missing: {line:#?}");
            }
        }
        lines
    }

    /// Every command that reads the record refuses with path and mend, and destroys nothing.
    fn commands_refuse<'c>(
        &self,
        commands: impl IntoIterator<Item = &'c &'c [&'c str]>,
        path: &str,
        words: &str,
    ) {
        let before = Tree::of(STORE);
        for arguments in commands {
            let run = self.command(arguments).exits_with(1);
            let said = format!("{}{}", run.stdout, run.stderr);
            assert!(said.contains(path) && said.contains(words), "{run:#?}");
            assert!(!said.contains("panicked"), "{run:#?}");
            assert!(!said.contains(self.alice.phone().secret()), "{run:#?}");
        }
        let arguments = ["check", "alice"];
        let run = self
            .world
            .nightlatch_given("000000\n111111\n222222\n", &arguments);
        let run = run.is_refused();
        assert!(
            run.stderr.contains(path) && run.stderr.contains(words),
            "{run:#?}"
        );
        let differing = before.differs_in(&Tree::of(STORE));
        assert!(differing.is_empty(), "changed: {differing:?}");
    }

    /// Runs the command, which must end soon.
    pub fn command(&self, arguments: &[&str]) -> Run {
        self.world.nightlatch_below(&AT_MOST, arguments)
    }

    /// Does the command that stands at the end of what the log says.
    pub fn does_what_is_said(&self, problem: &str) {
        let after = [" then: ", " run: "]
            .iter()
            .find_map(|before| Some(problem.split_once(before)?.1));
        self.shell(after.unwrap_or_else(|| panic!("no command stands in: {problem}")));
    }

    /// Alice gets in. The code is the one that was refused before, and is as good as it was.
    pub fn lets_in(&mut self) {
        let outcome = soon(&self.tries().answers([self.code()]));
        assert_eq!(
            outcome.only().code(),
            Code::Success,
            "{outcome:#?}\n{:#?}",
            self.world.log().with("event=")
        );
        outcome.asking(1).leaves_the_host_alone();
        self.step += 1;
        // So far ahead the command, whose clock is right, would say that the clock is wrong.
        if self.step > self.alice.phone().step_now() + 15 {
            self.begin_anew();
        }
    }

    /// The same once the codes have gone by that may have been used.
    pub fn lets_in_later(&mut self) {
        self.step = self.step.max(self.alice.phone().step_now()) + 3;
        self.lets_in();
    }

    fn tries(&self) -> Tries {
        self.alice.tries().at(self.step * 30 + 15)
    }

    fn code(&self) -> String {
        self.alice.phone().code_of_step(self.step)
    }
}

/// A part of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Store,
    Users,
    Record,
    Marker,
    Enrollment,
    State,
}

impl Part {
    pub const DIRECTORIES: [Self; 3] = [Self::Store, Self::Users, Self::Record];
    pub const FILES: [Self; 3] = [Self::Marker, Self::Enrollment, Self::State];

    pub fn path(self, alice: &Person<'_>) -> PathBuf {
        let store = Path::new(STORE);
        match self {
            Self::Store => store.to_owned(),
            Self::Users => store.join("users"),
            Self::Record => alice.directory(),
            Self::Marker => store.join("store.toml"),
            Self::Enrollment => alice.directory().join("enrollment.toml"),
            Self::State => {
                let mut files = alice.state_files();
                assert_eq!(files.len(), 1, "one file counts: {files:?}");
                files.remove(0)
            }
        }
    }

    /// Whether nobody else may do anything with it, or only not write.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Record | Self::Enrollment | Self::State)
    }
}

/// Runs a login that must not hang, nor be slow.
fn soon(tries: &Tries) -> Outcome {
    let begun = Instant::now();
    let outcome = tries.run_below(&AT_MOST);
    assert!(begun.elapsed() < Duration::from_secs(2), "slow");
    outcome
}

fn configure(world: &World, mode: Mode) {
    let mode = match mode {
        Mode::Required => "required",
        Mode::Optional => "optional",
    };
    world.configure(&format!(
        "[backup_codes]\ncount = 1\n[enrollment]\nmode = \"{mode}\"\n"
    ));
}

/// What the line gives as the problem, with its quotes as they were.
fn problem(line: &Line) -> String {
    let (_, after) = line.text.split_once("problem=\"").expect("a problem");
    after.trim_end_matches('"').replace("\\\"", "\"")
}

/// Whatever takes longer is killed, and the test fails.
const AT_MOST: [&str; 3] = ["timeout", "--signal=KILL", "5"];

/// In this stack a login without a question is a success and not the end of the stack: nothing wrong may read as one.
const PERMISSIVE: &str = "permissive";

/// What reads alice's record.
const COMMANDS: &[&[&str]] = &[
    &["status", "alice"],
    &["list"],
    &["enroll", "alice", "--yes", "--json"],
    &["enroll", "alice", "--yes", "--json", "--replace"],
    &["codes", "alice", "--json"],
    &["remove", "alice", "--yes"],
    &["unlock", "alice"],
    &["unlock", "alice", "--fresh-state"],
];

/// Makes a socket that nobody listens on, at the path that follows.
pub const SOCKET: &str =
    "python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])'";
