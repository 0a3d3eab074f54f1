//! Real log-ins: the stock `ssh` on a terminal, against the stock `sshd` on port 22 of the sandbox.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::neighbour::Neighbour;
use crate::sandbox::scratch;
use crate::terminal::Terminal;
use crate::world::system;

/// A login that is under way: the password was given.
#[derive(Debug)]
pub struct Ssh {
    terminal: Terminal,
    end: End,
}

/// A login that was let in: a shell on the other side.
#[derive(Debug)]
pub struct Session {
    terminal: Terminal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The code is asked for.
    Asked,
    /// The shell's prompt is there.
    LetIn,
    /// ssh says no.
    Refused,
}

impl Ssh {
    /// Begins a login, gives the password, and waits for what comes then.
    pub(crate) fn begin(client: &Client<'_>, password: &str) -> Self {
        let mut terminal = client.connect();
        terminal.expect("assword:");
        terminal.type_line(password);
        Self::seen(terminal)
    }

    /// Begins a login in which no password is asked for: by key, or with nothing but a name.
    pub(crate) fn begin_without_password(client: &Client<'_>) -> Self {
        Self::seen(client.connect())
    }

    fn seen(terminal: Terminal) -> Self {
        let mut ssh = Self {
            terminal,
            end: End::Asked,
        };
        ssh.see();
        ssh
    }

    /// Answers the question for the code.
    #[must_use]
    pub fn answers(mut self, answer: &str) -> Self {
        assert_eq!(
            self.end,
            End::Asked,
            "no code was asked for; the terminal showed:\n{}",
            self.terminal.transcript()
        );
        self.terminal.type_line(answer);
        self.see();
        self
    }

    /// Asserts that a code is asked for, after a refusal say.
    #[must_use]
    pub fn is_asked(self) -> Self {
        self.ends(End::Asked);
        self
    }

    /// Asserts that the login was let in, and gives the shell.
    pub fn is_let_in(mut self) -> Session {
        self.ends(End::LetIn);
        // A prompt is only text: what counts is that the other side computes.
        self.terminal.type_line("echo in=$((6 * 7))");
        self.terminal.expect("in=42");
        self.terminal.expect(PROMPT);
        Session {
            terminal: self.terminal,
        }
    }

    /// Asserts that the answer was refused: ssh ended, or the question came again.
    pub fn is_refused(&self) {
        assert_ne!(
            self.end,
            End::LetIn,
            "let in; the terminal showed:\n{}",
            self.terminal.transcript()
        );
        if self.end == End::Asked {
            assert_says_refused(&self.transcript());
        }
    }

    /// Asserts that ssh ended without letting the person in.
    pub fn is_turned_away(&self) {
        self.ends(End::Refused);
    }

    /// All that the terminal showed.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.terminal.transcript()
    }

    /// Answers every question with this and gives all that the terminal showed until ssh ended.
    pub fn always_answers(mut self, answer: &str) -> String {
        while self.end == End::Asked {
            self = self.answers(answer);
        }
        self.terminal.ended();
        self.transcript()
    }

    fn ends(&self, end: End) {
        assert_eq!(
            self.end,
            end,
            "the terminal showed:\n{}",
            self.terminal.transcript()
        );
    }

    fn see(&mut self) {
        let (which, _) = self.terminal.expect_one_of(&[
            "Verification code: ",
            PROMPT,
            "Permission denied",
            "closed by",
        ]);
        self.end = match which {
            0 => End::Asked,
            1 => End::LetIn,
            _ => End::Refused,
        };
    }
}

impl Session {
    /// Types a command and gives what was shown until the next prompt, the echo of the command included.
    pub fn runs(&mut self, command: &str) -> String {
        self.terminal.type_line(command);
        self.terminal.expect(PROMPT)
    }

    /// The terminal, for programs that ask back.
    pub fn terminal(&mut self) -> &mut Terminal {
        &mut self.terminal
    }

    /// All that the terminal showed.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.terminal.transcript()
    }
}

/// Asserts that what was shown says that an answer was refused.
pub(crate) fn assert_says_refused(shown: &str) {
    assert!(
        ["Not accepted", "already used"]
            .iter()
            .any(|words| shown.contains(words)),
        "no refusal was shown:\n{shown}"
    );
}

/// Who connects, how, and from where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client<'a> {
    /// The account on the other side.
    pub user: &'a str,
    /// The methods of SSH, in the order of preference.
    pub methods: &'a str,
    /// The key, if there is one.
    pub key: Option<&'a Path>,
    /// Another machine than this one.
    pub from: Option<&'a Neighbour>,
    /// How much the client tells of what it does: `ERROR`, or `DEBUG1` for what sshd offers.
    pub log_level: &'a str,
}

impl Client<'_> {
    /// `ssh` on a terminal.
    fn connect(&self) -> Terminal {
        self.run("ssh", &[self.destination()])
    }

    /// A program of OpenSSH on a terminal, with nothing of the machine's own settings.
    pub(crate) fn run(&self, program: &str, arguments: &[String]) -> Terminal {
        let words = self.words(program, arguments);
        Terminal::run(&words[0], &words[1..])
    }

    /// The words of `ssh`, to run elsewhere.
    pub(crate) fn ssh(&self) -> Vec<String> {
        self.words("ssh", &[self.destination()])
    }

    fn words(&self, program: &str, arguments: &[String]) -> Vec<String> {
        let mut words = self.from.map_or_else(Vec::new, |from| from.words().into());
        words.extend([program, "-F", "none"].map(str::to_owned));
        for option in self.options() {
            words.extend(["-o".to_owned(), option]);
        }
        words.extend_from_slice(arguments);
        words
    }

    /// `alice@127.0.0.1`
    pub(crate) fn destination(&self) -> String {
        let host = self.from.map_or("127.0.0.1", |_| Neighbour::HOST);
        format!("{}@{host}", self.user)
    }

    fn options(&self) -> Vec<String> {
        let known_hosts = scratch().join("known_hosts");
        let mut options = vec![
            "StrictHostKeyChecking=accept-new".to_owned(),
            format!("UserKnownHostsFile={}", known_hosts.display()),
            format!("PreferredAuthentications={}", self.methods),
            "NumberOfPasswordPrompts=1".to_owned(),
            format!("LogLevel={}", self.log_level),
            "IdentitiesOnly=yes".to_owned(),
        ];
        options.extend(
            self.key
                .map(|key| format!("IdentityFile={}", key.display())),
        );
        options
    }
}

/// Makes a host key, writes a configuration of our own and starts sshd with it.
pub(crate) fn start_sshd() -> Child {
    start_sshd_in(&[])
}

/// The same with these variables in its environment.
pub(crate) fn start_sshd_in(environment: &[(&str, String)]) -> Child {
    // Whatever the machine's own configuration says, this sshd asks PAM, by keyboard-interactive (as the
    // vocabulary does) and by password (which must do no harm).
    let key = HOST_KEY;
    system(
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "", "-f", key],
        "",
        "install openssh-client",
    );
    let config = "/etc/ssh/nightlatch_test_config";
    fs::write(
        config,
        format!(
            "Port 22\nListenAddress 0.0.0.0\nHostKey {key}\nPidFile none\nUsePAM yes\n\
             KbdInteractiveAuthentication yes\nPasswordAuthentication yes\nPubkeyAuthentication no\n\
             PrintMotd no\nPrintLastLog no\nLogLevel VERBOSE\n"
        ),
    )
    .expect("/etc is ours");
    start_with(config, environment)
}

/// Starts sshd with that configuration and these variables; it answers when this returns.
pub(crate) fn start_with(config: &str, environment: &[(&str, String)]) -> Child {
    // Debian greets everybody with its licence, which tells nothing here.
    let _ = fs::remove_file("/etc/motd");
    let _ = fs::remove_dir_all("/etc/update-motd.d");
    fs::write(
        "/etc/profile.d/nightlatch-test-prompt.sh",
        "PS1='at the door> '\n",
    )
    .expect("/etc is ours");
    let sshd = "/usr/sbin/sshd";
    assert!(
        Path::new(sshd).exists(),
        "{sshd} is not there: install openssh-server"
    );
    let child = Command::new(sshd)
        .args(["-D", "-f", config])
        .args(patient(sshd, config))
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .spawn()
        .expect("sshd runs");
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect("127.0.0.1:22").is_err() {
        assert!(Instant::now() < until, "sshd does not answer on port 22");
        thread::sleep(Duration::from_millis(10));
    }
    child
}

/// The option that keeps sshd from turning away an address with refused logins behind it, as OpenSSH does by itself since
/// 9.8: what is tested is who is refused here, not by sshd. Older ones do not know the option.
fn patient(sshd: &str, config: &str) -> &'static [&'static str] {
    let option = &["-o", "PerSourcePenalties=no"];
    let known = Command::new(sshd)
        .args(["-t", "-f", config])
        .args(option)
        .stderr(Stdio::null())
        .status();
    if known.is_ok_and(|status| status.success()) {
        option
    } else {
        &[]
    }
}

/// The key that the sandbox's own sshd shows.
pub(crate) const HOST_KEY: &str = "/etc/ssh/nightlatch_test_key";

/// What the shell of the sandbox shows when it is ready.
pub(crate) const PROMPT: &str = "at the door> ";
