//! Signals, and a connection that breaks, while a code is asked for: the host lives or dies as it does at the question for a
//! password, the terminal too is as it is then, and nothing is spent, charged, locked or left.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nightlatch_tests::{Ended, Person, Process, Session, Stack, World, sandboxed};
use nix::sys::signal::Signal::{
    self, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGSTOP, SIGTERM, SIGTSTP,
    SIGUSR1, SIGWINCH,
};

#[test]
fn a_signal_at_the_question_does_to_an_application_what_it_does_to_any() {
    sandboxed(|world| {
        let alice = world.passing_user("alice").enrolled();
        let code = alice.phone().code();
        let before = files(&alice);
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGPIPE, SIGQUIT, SIGUSR1] {
            let mut visit = alice.tries().begins();
            visit.is_asked();
            nothing_is_held(&alice, visit.pid().as_raw());
            visit.signal(signal);
            match visit.ends() {
                Ended::Killed(number) => assert_eq!(number, signal as i32),
                other => panic!("{signal}: {other:?}"),
            }
            assert_eq!(files(&alice), before, "{signal}");
        }
        let mut visit = alice.tries().begins();
        visit.is_asked();
        // Where no shell looks after it, SIGTSTP stops nobody.
        for signal in [SIGCHLD, SIGWINCH, SIGSTOP, SIGCONT, SIGSTOP, SIGCONT] {
            visit.signal(signal);
            let stops = signal == SIGSTOP;
            let pid = visit.pid().as_raw();
            wait_until(&format!("{signal}"), || is_stopped(pid) == stops);
        }
        assert_eq!(files(&alice), before);
        visit.answers(&code);
        match visit.ends() {
            Ended::Well(outcome) => assert_eq!(outcome.successes(), 1),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_signal_at_the_question_of_su_does_what_it_does_at_the_one_for_the_password() {
    sandboxed(|world| {
        let bob = world.user("bob").enrolled();
        let mut session = session(&world.user("alice"), world);
        world.host_stack("su", Stack::PasswordAndCode);
        for (signal, codes) in SIGNALS.into_iter().zip(bob.backup_codes().chunks(1)) {
            let mut fate = |at| fate(&mut session, SU, &bob, at, signal, &codes[0]);
            assert_eq!(fate(Question::Code), fate(Question::Password), "{signal}");
        }
    });
}

#[test]
fn a_signal_at_the_question_of_sudo_does_what_it_does_at_the_one_for_the_password() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        alice.may_sudo();
        let mut session = session(&alice, world);
        world.host_stack("sudo", Stack::PasswordAndCode);
        for (signal, codes) in SIGNALS.into_iter().zip(alice.backup_codes().chunks(1)) {
            let mut fate = |at| fate(&mut session, SUDO, &alice, at, signal, &codes[0]);
            assert_eq!(fate(Question::Code), fate(Question::Password), "{signal}");
        }
    });
}

#[test]
fn a_connection_that_breaks_at_the_question_leaves_nothing_behind() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        let alice = world.user("alice").enrolled();
        let before = files(&alice);
        let asked = |person: &Person<'_>| {
            let mut caller = person.comes();
            caller.is_asked(QUESTION);
            let pid = Process::pid_of("sshd: alice [pam]");
            nothing_is_held(person, pid.cast_signed());
            (caller, pid)
        };
        let (caller, _) = asked(&alice);
        caller.hangs_up();
        sshd_is_through_with("alice");
        assert_eq!(files(&alice), before);
        // And where it is sshd's own process that is killed.
        for signal in [SIGTERM, SIGHUP, Signal::SIGKILL] {
            let (caller, pid) = asked(&alice);
            send(pid, signal);
            let running = || Process::is_running("sshd: alice [pam]");
            wait_until("sshd asks no more", || !running());
            caller.hangs_up();
            sshd_is_through_with("alice");
            assert_eq!(files(&alice), before, "{signal}");
        }
        nothing_is_held(&alice, 1);
        alice.ssh().answers(&alice.phone().code()).is_let_in();
    });
}

/// What a signal does to a program that asks.
#[derive(Debug, PartialEq, Eq)]
struct Fate {
    /// How the shell says that it ended or stopped, if it did.
    at_once: Option<String>,
    /// The same once the question was answered.
    answered: Option<String>,
    /// Whether what is typed is seen after that.
    echo: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    Password,
    Code,
}

/// Types a command that asks for a password and a code, sends it a signal at one of the questions, and answers, if it lives.
fn fate(
    session: &mut Session,
    command: &str,
    person: &Person<'_>,
    at: Question,
    signal: Signal,
    code: &str,
) -> Fate {
    let (program, script) = command.split_once("-c ").unwrap();
    let terminal = session.terminal();
    terminal.type_line(&format!("{program}-c '{script}'"));
    terminal.expect_one_of(&["assword: ", "password for "]);
    if at == Question::Code {
        terminal.type_line(person.password());
        terminal.expect(QUESTION);
    }
    let before = files(person);
    let pid = Process::pid_of(command);
    nothing_is_held(person, pid.cast_signed());
    // sudo shows its question and begins to read a little later: a signal between the two is another matter.
    thread::sleep(Duration::from_millis(100));
    send(pid, signal);

    let until = Instant::now() + Duration::from_millis(700);
    let (mut ended, mut stopped) = (false, false);
    while !ended && !stopped && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
        ended = !Process::is_running(command);
        stopped = is_stopped(pid.cast_signed());
    }
    let at_once = (ended || stopped).then(|| status(session));
    if stopped {
        // The shell brings it back, and it asks again.
        session.terminal().type_line("fg");
        let questions = [QUESTION, "password for "];
        session.terminal().expect_one_of(&questions);
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(files(person), before, "{signal}");
    let answered = (!ended).then(|| {
        let answer = if at == Question::Code {
            code
        } else {
            person.password()
        };
        session.terminal().type_line(answer);
        let mut comes = what_comes(session);
        if comes == STOPPED {
            // What waited came when the answer was read, and before it was looked at.
            assert_eq!(files(person), before, "{signal}");
            session.terminal().type_line("fg");
            comes = format!("{comes} {}", what_comes(session));
        }
        comes
    });
    let is_asked_on = answered.as_ref().is_some_and(|it| it.ends_with(ON));
    if is_asked_on && at == Question::Password {
        send(pid, Signal::SIGKILL);
        let _ = status(session);
    }
    if !is_asked_on {
        assert_eq!(files(person), before, "{signal}");
    }
    wait_until("the end", || !Process::is_running(command));
    nothing_is_held(person, 1);
    let echo = session
        .runs("stty -a | tr ' ;' '\\n\\n' | grep -cx echo")
        .contains("\n1\r");
    let _ = session.runs("stty sane");
    // Killed at the question behind, it had no time to put it back.
    let was_killed = at == Question::Password && is_asked_on;
    Fate {
        at_once,
        answered,
        echo: echo || was_killed,
    }
}

/// What comes of an answer: the program asks or goes on, or the shell says with what status it ended or stopped.
fn what_comes(session: &mut Session) -> String {
    let (which, _) = session
        .terminal()
        .expect_one_of(&[QUESTION, "in=42", PROMPT]);
    if which == 1 {
        session.terminal().expect(PROMPT);
    }
    if which < 2 {
        return ON.to_owned();
    }
    number_of_last(session)
}

/// Waits for the shell, and gives the status of what it ran.
fn status(session: &mut Session) -> String {
    session.terminal().expect(PROMPT);
    number_of_last(session)
}

/// The status of the last program that the shell ran.
fn number_of_last(session: &mut Session) -> String {
    session.terminal().type_line("echo sta''tus=$?");
    session.terminal().expect("status=");
    let shown = session.terminal().expect(PROMPT);
    shown.chars().take_while(char::is_ascii_digit).collect()
}

/// Somebody's shell, reached without the module.
fn session(person: &Person<'_>, world: &World) -> Session {
    let lines = "auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n";
    world.host_stack("sshd", Stack::Lines(lines));
    person.ssh().is_let_in()
}

/// Asserts that nobody holds a lock of this person, and that this process has no child.
fn nothing_is_held(person: &Person<'_>, pid: i32) {
    let places = person.state_files().into_iter().chain([person.directory()]);
    for place in places {
        let file = File::open(&place).unwrap();
        file.try_lock()
            .unwrap_or_else(|error| panic!("{}: {error}", place.display()));
    }
    if pid != 1 {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        assert_eq!(children, "", "a child at the question");
    }
}

/// All that is kept of this person, byte by byte.
fn files(person: &Person<'_>) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(person.directory()).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

fn is_stopped(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| rest.starts_with('T'))
}

fn send(pid: u32, signal: Signal) {
    let name = signal.as_str().trim_start_matches("SIG");
    let sent = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success(), "{signal} to {pid}");
}

fn sshd_is_through_with(user: &str) {
    for of in ["[pam]", "[priv]", "[net]"] {
        let process = format!("sshd: {user} {of}");
        wait_until(&process, || !Process::is_running(&process));
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

const SIGNALS: [Signal; 8] = [
    SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGALRM, SIGCHLD, SIGPIPE, SIGWINCH,
];

/// How the shell says that a program was stopped at its terminal.
const STOPPED: &str = "148";
/// The program asks or goes on.
const ON: &str = "on";
const SU: &str = "su bob -c echo in=$((6 * 7))";
const SUDO: &str = "sudo -k sh -c echo in=$((6 * 7))";
const QUESTION: &str = "Verification code: ";
const PROMPT: &str = "at the door> ";
