//! sshd's part: what it must be told so that it asks PAM and nothing goes round it, where that is written, and whether sshd
//! understands it.
//!
//! sshd takes the first value that it meets. Where its file includes `sshd_config.d` (as Debian's does, in its first line), ours is a
//! file in there that comes first; where it does not, our lines stand at the top of the file itself.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Placement;
use super::block::{self, Block};
use super::replacing::{There, look};
use crate::lockouts::SshDoors;
use crate::programs::of_the_host;
use crate::residents;
use crate::screen::shown;
use crate::sshd::Sshd;

/// What sshd must be told.
pub fn settings(placement: Placement) -> &'static [(&'static str, &'static str)] {
    const PASSWORD: &[(&str, &str)] = &[
        ("UsePAM", "yes"),
        ("KbdInteractiveAuthentication", "yes"),
        ("PasswordAuthentication", "no"),
    ];
    const KEY: &[(&str, &str)] = &[
        ("UsePAM", "yes"),
        ("KbdInteractiveAuthentication", "yes"),
        ("PasswordAuthentication", "no"),
        ("PubkeyAuthentication", "yes"),
        ("AuthenticationMethods", "publickey,keyboard-interactive"),
    ];
    match placement {
        Placement::AfterPassword | Placement::Instead => PASSWORD,
        Placement::AfterKey => KEY,
    }
}

/// What is to be written for sshd.
#[derive(Debug)]
pub struct Wanted {
    /// Where.
    pub path: PathBuf,
    /// What is there.
    pub before: There,
    /// What is to be there.
    pub after: Vec<u8>,
    placement: Placement,
    /// The main file as it is, where ours is another.
    main: Option<Vec<u8>>,
}

impl Wanted {
    /// Finds out where it goes.
    pub fn find(placement: Placement) -> anyhow::Result<Self> {
        let There::File(main) = look(Path::new(MAIN))? else {
            bail!("{MAIN} is not there, or is a link: is openssh-server installed?");
        };
        let lines = settings(placement)
            .iter()
            .map(|(keyword, value)| format!("{keyword} {value}"));
        let block = |before| {
            vec![Block {
                before,
                instead_of: 0,
                lines: lines.clone().collect(),
            }]
        };
        if include_of_drop_ins(&main).is_some() {
            let path = PathBuf::from(DROP_IN);
            return Ok(Self {
                before: look(&path)?,
                path,
                after: block::put_in(&[], &block(0), SERVICE),
                placement,
                main: Some(main),
            });
        }
        let without = block::taken_out(&main).unwrap_or_else(|| main.clone());
        let lines: Vec<Vec<u8>> = without
            .split_inclusive(|&byte| byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        Ok(Self {
            path: MAIN.into(),
            after: block::put_in(&lines, &block(0), SERVICE),
            before: There::File(main),
            placement,
            main: None,
        })
    }

    /// Lets sshd read what is to be, before it is in its place.
    pub fn check(&self) -> anyhow::Result<()> {
        self.with_candidate(|candidate| agree(candidate, self.placement))
    }

    /// What would follow for people: who has no key where one is asked for; and what `ask` finds out of the sshd to be.
    pub fn foresee<T>(
        &self,
        ask: impl FnOnce(Sshd) -> anyhow::Result<T>,
    ) -> anyhow::Result<(Vec<String>, T)> {
        self.with_candidate(|candidate| {
            let sshd = asked(candidate)?;
            Ok((without_key(sshd.clone())?, ask(sshd)?))
        })
    }

    /// Writes down what sshd would read, in a place of root's, for as long as `use_it` runs.
    fn with_candidate<T>(
        &self,
        use_it: impl FnOnce(&Path) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let dir = nix::unistd::mkdtemp(CANDIDATES).context(CANDIDATES)?;
        let (candidate, drop_in) = (dir.join("sshd_config"), dir.join("drop-in.conf"));
        let written = match &self.main {
            None => fs::write(&candidate, &self.after).map_err(Into::into),
            Some(main) => drop_ins().and_then(|others| {
                fs::write(&drop_in, &self.after)?;
                Ok(fs::write(
                    &candidate,
                    with_candidate(main, &others, &drop_in),
                )?)
            }),
        };
        let outcome = written
            .context(CANDIDATES)
            .and_then(|()| use_it(&candidate));
        // It holds no secret, and goes with the next boot if not now.
        let _ = fs::remove_dir_all(&dir);
        outcome
    }

    /// Lets sshd read what is in its place.
    pub fn check_in_place(&self) -> anyhow::Result<()> {
        agree(Path::new(MAIN), self.placement)
    }
}

/// Lets a running sshd read its configuration anew, and waits until it listens again. Log-ins that are open stay open.
pub fn reload() -> anyhow::Result<Reloaded> {
    let running = Running::find();
    if super::watch::has_systemd() {
        for unit in UNITS {
            if systemctl(&["is-active", "--quiet", unit])? {
                if !systemctl(&["reload", unit])? {
                    bail!("systemctl reload {unit} failed");
                }
                return running.map_or(Ok(Reloaded::Done), Running::wait_until_it_listens);
            }
        }
    }
    let Some(running) = running else {
        return Ok(Reloaded::NotRunning);
    };
    kill(running.pid, Signal::SIGHUP).with_context(|| {
        let pid = running.pid;
        format!("sshd (process {pid}) cannot be told to read its configuration anew")
    })?;
    running.wait_until_it_listens()
}

/// An sshd that runs.
struct Running {
    pid: Pid,
    /// The file that says so: which it is, and since when.
    file: (u64, SystemTime),
}

impl Running {
    /// The one that its file of the process id names.
    fn find() -> Option<Self> {
        let pid: i32 = fs::read_to_string(PID_FILE).ok()?.trim().parse().ok()?;
        let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        let name = program.file_name()?.to_string_lossy().into_owned();
        Some(Self {
            pid: Pid::from_raw(pid),
            file: pid_file()?,
        })
        .filter(|_| name.starts_with("sshd"))
    }

    /// It starts itself anew, and writes its file again when it listens.
    fn wait_until_it_listens(self) -> anyhow::Result<Reloaded> {
        let until = Instant::now() + PATIENCE;
        while pid_file().is_none_or(|now| now == self.file) {
            if kill(self.pid, None).is_err() || Instant::now() > until {
                bail!(
                    "sshd (process {}) was told to read its configuration anew, and does not answer since",
                    self.pid
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(Reloaded::Done)
    }
}

fn pid_file() -> Option<(u64, SystemTime)> {
    let metadata = fs::metadata(PID_FILE).ok()?;
    Some((metadata.ino(), metadata.modified().ok()?))
}

/// Whether sshd can use its configuration as it is.
pub fn check_as_it_is() -> anyhow::Result<()> {
    understand(Path::new(MAIN)).context("sshd already refuses its configuration as it is")
}

/// Whether a running sshd was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// It was.
    Done,
    /// None runs that anybody knows of.
    NotRunning,
}

fn systemctl(arguments: &[&str]) -> anyhow::Result<bool> {
    let status = of_the_host("systemctl")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("systemctl does not run")?;
    Ok(status.success())
}

/// Whether sshd can use a configuration at all.
fn understand(config: &Path) -> anyhow::Result<()> {
    Ok(asked(config)?.test()?)
}

/// Whether sshd understands a configuration as we mean it.
fn agree(config: &Path, placement: Placement) -> anyhow::Result<()> {
    understand(config).context("sshd refuses the new configuration")?;
    let told = asked(config)?.settings()?;
    for (keyword, wanted) in settings(placement) {
        let is = told.get(&keyword.to_ascii_lowercase()).unwrap_or_default();
        if is != *wanted {
            bail!(
                "sshd would not obey {keyword} {wanted}: it says {}. Something comes before {DROP_IN}, in {MAIN} above the line \
                 `Include`, or in a file of sshd_config.d whose name sorts first. Change it there",
                shown(is)
            );
        }
    }
    let methods = told.get("authenticationmethods").unwrap_or("any");
    if methods != "any" && !methods.contains("keyboard-interactive") {
        bail!(
            "AuthenticationMethods says {}, so sshd would ask nobody for a code. Take that line out of its file first",
            shown(methods)
        );
    }
    Ok(())
}

fn asked(config: &Path) -> anyhow::Result<Sshd> {
    let sshd =
        Sshd::here().ok_or_else(|| anyhow!("there is no sshd here: install openssh-server"))?;
    Ok(sshd.with_config(config))
}

/// Who can log in with a password and has no key, where sshd would ask for one. Where keys may come from elsewhere than files,
/// nobody is named.
fn without_key(sshd: Sshd) -> anyhow::Result<Vec<String>> {
    let settings = sshd.settings()?;
    let is_set = |keyword: &str| settings.get(keyword).is_some_and(|value| value != "none");
    if is_set("authorizedkeyscommand") || is_set("trustedusercakeys") {
        return Ok(Vec::new());
    }
    let doors = SshDoors::behind(sshd)?;
    let residents = residents::of_this_host(&doors.key_files())?;
    let needs_key = |user: &str| {
        let lists = doors
            .settings_for(user)
            .authentication_methods()
            .iter()
            .map(|list| list.contains(&"publickey"))
            .collect::<Vec<_>>();
        !lists.is_empty() && lists.into_iter().all(|has| has)
    };
    // root comes with a key or not at all, as sshd usually has it.
    let people = residents
        .into_iter()
        .filter(|one| !one.has_keys && one.uid != 0);
    Ok(people
        .map(|one| one.name)
        .filter(|name| needs_key(name))
        .collect())
}

/// The main file with what it includes from `sshd_config.d` named one by one, as sshd's sorted list would be with ours in it.
fn with_candidate(main: &[u8], drop_ins: &[PathBuf], candidate: &Path) -> Vec<u8> {
    let ours = Path::new(DROP_IN);
    let mut all: Vec<&Path> = drop_ins.iter().map(PathBuf::as_path).collect();
    all.retain(|path| *path != ours);
    all.push(ours);
    all.sort_unstable();
    let line = include_of_drop_ins(main).unwrap_or_default();
    let mut text = Vec::new();
    for (number, old) in main.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if number != line {
            text.extend(old);
            continue;
        }
        for word in include_words(&String::from_utf8_lossy(old)) {
            let files = if PATTERNS.contains(&word) {
                all.clone()
            } else {
                vec![Path::new(word)]
            };
            for file in files {
                let file = if file == ours { candidate } else { file };
                text.extend(format!("Include {}\n", file.display()).bytes());
            }
        }
    }
    text
}

/// The files of `sshd_config.d` that sshd includes.
fn drop_ins() -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(DROP_INS).context(DROP_INS)? {
        let path = entry.context(DROP_INS)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "conf")
        {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// What a line `Include` names.
fn include_words(line: &str) -> impl Iterator<Item = &str> {
    let words = line
        .split([' ', '\t', '=', '\n'])
        .filter(|word| !word.is_empty());
    words.skip(1).map(|word| word.trim_matches('"'))
}

/// The line of the main file, from 0, that includes our drop-in. What stands in a `Match` block does not count.
fn include_of_drop_ins(main: &[u8]) -> Option<usize> {
    let main = String::from_utf8_lossy(main);
    for (number, line) in main.lines().enumerate() {
        let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
        let keyword = words.next().unwrap_or_default();
        if keyword.eq_ignore_ascii_case("Match") {
            return None;
        }
        if keyword.eq_ignore_ascii_case("Include")
            && include_words(line).any(|word| PATTERNS.contains(&word))
        {
            return Some(number);
        }
    }
    None
}

/// The PAM service.
pub const SERVICE: &str = "sshd";

/// What sshd reads.
pub const MAIN: &str = "/etc/ssh/sshd_config";

const DROP_INS: &str = "/etc/ssh/sshd_config.d";
const PATTERNS: [&str; 2] = ["/etc/ssh/sshd_config.d/*.conf", "sshd_config.d/*.conf"];
const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-nightlatch.conf";
const PATIENCE: Duration = Duration::from_secs(5);
const PID_FILE: &str = "/run/sshd.pid";
const UNITS: [&str; 2] = ["ssh.service", "sshd.service"];
const CANDIDATES: &str = "/run/nightlatch-setup-XXXXXX";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_includes_drop_ins_is_found_outside_of_match_blocks() {
        for (text, line) in [
            ("# x\nInclude /etc/ssh/sshd_config.d/*.conf\n", Some(1)),
            ("include\t\"sshd_config.d/*.conf\"\n", Some(0)),
            (
                "Include=/etc/ssh/other.conf /etc/ssh/sshd_config.d/*.conf\n",
                Some(0),
            ),
            ("#Include /etc/ssh/sshd_config.d/*.conf\n", None),
            (
                "Match User x\nInclude /etc/ssh/sshd_config.d/*.conf\n",
                None,
            ),
            ("Include /etc/ssh/more.d/*.conf\n", None),
        ] {
            assert_eq!(include_of_drop_ins(text.as_bytes()), line, "{text}");
        }
    }

    #[test]
    fn the_candidate_stands_among_the_other_drop_ins_where_its_name_sorts() {
        let others = [
            "/etc/ssh/sshd_config.d/50-b.conf",
            "/etc/ssh/sshd_config.d/00-a.conf",
            DROP_IN,
        ];
        let others = others.map(PathBuf::from);
        let text = with_candidate(
            b"# x\nInclude /etc/ssh/first.conf /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n",
            &others,
            Path::new("/candidate"),
        );
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "# x\nInclude /etc/ssh/first.conf\nInclude /etc/ssh/sshd_config.d/00-a.conf\nInclude /candidate\n\
             Include /etc/ssh/sshd_config.d/50-b.conf\nUsePAM yes\n"
        );
    }
}
