//! What sshd makes of its configuration: `sshd -T`, asked and read.
//!
//! Only sshd knows which of several values counts, what its drop-ins say and which `Match` block holds for whom; so it is
//! asked, and its files are not read here. Nothing of it is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::screen::shown;

/// The sshd of this host, to be asked.
#[derive(Clone, Debug)]
pub struct Sshd {
    program: PathBuf,
    config: Option<PathBuf>,
}

/// Somebody who comes to sshd, for `Match` blocks.
#[derive(Clone, Copy, Debug)]
pub struct Connection<'a> {
    /// Who.
    pub user: &'a str,
    /// The name of the host that they come from; the address where it has none.
    pub host: &'a str,
    /// The address that they come from.
    pub address: &'a str,
}

/// What sshd understood: keywords in lower case, each with its values in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, Vec<String>>);

/// Why sshd did not say.
#[derive(Debug, thiserror::Error)]
pub enum SshdError {
    /// It could not be started.
    #[error("{}: does not run: {source}", program.display())]
    DoesNotRun {
        /// The program.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It does not accept its configuration; it says why.
    #[error("sshd does not accept its configuration: {0}")]
    Refused(String),
}

impl Sshd {
    /// The sshd of this host; none where it is not installed.
    pub fn here() -> Option<Self> {
        let program = PROGRAMS.iter().map(Path::new).find(|path| path.exists())?;
        Some(Self {
            program: program.to_owned(),
            config: None,
        })
    }

    /// The same with another configuration than `/etc/ssh/sshd_config`.
    pub fn with_config(mut self, config: &Path) -> Self {
        self.config = Some(config.to_owned());
        self
    }

    /// What it understood, `Match` blocks left aside.
    pub fn settings(&self) -> Result<Settings, SshdError> {
        self.ask(&["-T"]).map(|text| Settings::parse(&text))
    }

    /// What holds for somebody, by their `Match` blocks too.
    pub fn settings_for(&self, connection: Connection<'_>) -> Result<Settings, SshdError> {
        let Connection {
            user,
            host,
            address,
        } = connection;
        // sshd wants to know all of it, where one block asks for any.
        let connection = format!("user={user},host={host},addr={address},laddr={address},lport=22");
        self.ask(&["-T", "-C", &connection])
            .map(|text| Settings::parse(&text))
    }

    /// Whether it would start with its configuration (`sshd -t`).
    pub fn test(&self) -> Result<(), SshdError> {
        self.ask(&["-t"]).map(drop)
    }

    /// Whether something may hold for some people only. It is no if no file of its usual ones says so.
    pub fn may_have_match_blocks(&self) -> bool {
        let main = self.config.as_deref().unwrap_or(Path::new(CONFIG));
        let drop_ins = std::fs::read_dir(DROP_INS).into_iter().flatten().flatten();
        let files = drop_ins.map(|entry| entry.path());
        files.chain([main.to_owned()]).any(|path| {
            let text = std::fs::read(path).unwrap_or_default();
            may_match(&String::from_utf8_lossy(&text))
        })
    }

    fn ask(&self, arguments: &[&str]) -> Result<String, SshdError> {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("LC_ALL", "C");
        if let Some(config) = &self.config {
            command.arg("-f").arg(config);
        }
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(|source| SshdError::DoesNotRun {
            program: self.program.clone(),
            source,
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<_> = said.lines().map(|line| shown(line.trim())).collect();
        Err(SshdError::Refused(lines.join("; ")))
    }
}

impl Settings {
    /// Reads what `sshd -T` prints: a keyword and its value a line; a keyword may come again.
    pub fn parse(text: &str) -> Self {
        let mut settings = BTreeMap::<String, Vec<String>>::new();
        for line in text.lines() {
            let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
            let keyword = match keyword.to_ascii_lowercase() {
                // Its name before OpenSSH 8.7.
                old if old == "challengeresponseauthentication" => KBD_INTERACTIVE.to_owned(),
                keyword => keyword,
            };
            let values = settings.entry(keyword).or_default();
            values.push(value.trim().to_owned());
        }
        Self(settings)
    }

    /// The value of a keyword; the first where it came several times.
    pub fn get(&self, keyword: &str) -> Option<&str> {
        self.0.get(keyword)?.first().map(String::as_str)
    }

    /// All values of a keyword.
    pub fn all(&self, keyword: &str) -> &[String] {
        self.0.get(keyword).map_or(&[], Vec::as_slice)
    }

    /// Whether a keyword says `yes`.
    pub fn has(&self, keyword: &str) -> bool {
        self.get(keyword) == Some("yes")
    }

    /// The lists of `AuthenticationMethods`, of which one has to be gone through whole; none where any method will do.
    pub fn authentication_methods(&self) -> Vec<Vec<&str>> {
        let lists = self.all("authenticationmethods").iter();
        let lists = lists.flat_map(|value| value.split_whitespace());
        lists
            .filter(|list| *list != "any")
            // `keyboard-interactive:pam` and `publickey` with or without what comes behind the colon.
            .map(|list| {
                let methods = list.split(',');
                methods
                    .map(|method| method.split(':').next().unwrap_or(method))
                    .collect()
            })
            .collect()
    }

    /// Whether somebody with a key gets in by it alone, without being asked anything.
    pub fn key_alone_opens(&self) -> bool {
        let lists = self.authentication_methods();
        let by_key = |list: &Vec<&str>| list.iter().all(|method| *method == "publickey");
        self.has("pubkeyauthentication") && (lists.is_empty() || lists.iter().any(by_key))
    }
}

/// Whether a file has a `Match`, or includes what may have one and is not looked at.
fn may_match(text: &str) -> bool {
    text.lines().any(|line| {
        let mut words = line.split(|c: char| c.is_whitespace() || c == '=');
        let mut words = words.by_ref().filter(|word| !word.is_empty());
        let keyword = words.next().unwrap_or_default().to_ascii_lowercase();
        let is_usual = |path: &str| path.trim_matches('"') == format!("{DROP_INS}/*.conf");
        keyword == "match" || (keyword == "include" && !words.all(is_usual))
    })
}

/// The keyword for the method by which sshd puts PAM's questions.
pub const KBD_INTERACTIVE: &str = "kbdinteractiveauthentication";

const CONFIG: &str = "/etc/ssh/sshd_config";
const DROP_INS: &str = "/etc/ssh/sshd_config.d";

/// Where it is. It runs itself again, so it has to be called by its whole path.
const PROGRAMS: [&str; 3] = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sshd_prints_is_read_with_its_values_in_their_order() {
        let settings = Settings::parse(
            "port 22\nusepam yes\nChallengeResponseAuthentication no\nacceptenv LANG\nacceptenv LC_*\nbanner none\nforcecommand\n",
        );
        assert!(settings.has("usepam"));
        assert_eq!(settings.get(KBD_INTERACTIVE), Some("no"));
        assert_eq!(settings.all("acceptenv"), ["LANG", "LC_*"]);
        assert_eq!(settings.get("forcecommand"), Some(""));
        assert_eq!(settings.get("nothing"), None);
    }

    #[test]
    fn a_key_alone_opens_where_no_list_asks_for_more() {
        let opens = |methods: &str, keys: &str| {
            Settings::parse(&format!(
                "pubkeyauthentication {keys}\nauthenticationmethods {methods}\n"
            ))
            .key_alone_opens()
        };
        assert!(opens("any", "yes"));
        assert!(!opens("any", "no"));
        assert!(opens("publickey keyboard-interactive", "yes"));
        assert!(opens("publickey,publickey", "yes"));
        assert!(!opens("publickey,keyboard-interactive:pam", "yes"));
        assert!(!opens("keyboard-interactive", "yes"));
    }

    #[test]
    fn a_match_block_is_seen_also_where_a_file_is_included_that_is_not_looked_at() {
        assert!(may_match("UsePAM yes\n  match User deploy\n"));
        assert!(may_match("Include /etc/ssh/more\n"));
        assert!(!may_match(
            "Include /etc/ssh/sshd_config.d/*.conf\n#Match User x\nUsePAM yes\n"
        ));
    }

    #[test]
    fn lists_of_methods_are_told_apart() {
        let settings =
            Settings::parse("authenticationmethods publickey,keyboard-interactive:pam password\n");
        assert_eq!(
            settings.authentication_methods(),
            [vec!["publickey", "keyboard-interactive"], vec!["password"]]
        );
        assert!(
            Settings::parse("authenticationmethods any\n")
                .authentication_methods()
                .is_empty()
        );
    }
}
