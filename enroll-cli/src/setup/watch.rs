//! Who takes a trial back when nobody confirms it: a process that outlives the command, its shell and its terminal.
//!
//! With systemd it is a unit of its own, which is started anew when it is killed and at every boot, before anybody can log in; it
//! goes away with the trial. Without systemd it is a process in a session of its own, which a reboot ends.

use std::env;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use nightlatch_core::safe_file::{Access, Directory, Guard, Owner};

use crate::programs::of_the_host;

/// Who watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watcher {
    /// A unit: it survives a reboot.
    Unit,
    /// A process: it does not.
    Process,
}

/// Whether systemd runs this host (`sd_booted(3)`).
pub fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Sets somebody to watch. The trial is in the record by now.
pub fn arm() -> anyhow::Result<Watcher> {
    // Where systemd runs, a process of ours would end with the session that began it.
    if has_systemd() {
        arm_unit().context("no unit watches over the trial")?;
        Ok(Watcher::Unit)
    } else {
        arm_process().context("no process watches over the trial")?;
        Ok(Watcher::Process)
    }
}

/// Takes away what [`arm`] left on the disk. Whoever watches ends by themselves when there is no trial any more.
pub fn disarm() -> anyhow::Result<()> {
    let wanted = [Path::new(WANTED), Path::new(UNIT)];
    let mut was_there = false;
    for path in wanted {
        match fs::remove_file(path) {
            Ok(()) => was_there = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        }
    }
    if was_there && has_systemd() {
        systemctl(&["daemon-reload"])?;
    }
    Ok(())
}

fn arm_unit() -> anyhow::Result<()> {
    let program = env::current_exe().context("the path of this program is not known")?;
    // What systemd would read as something else than a path.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    check_whose_it_is(&program)?;
    let program = program
        .to_str()
        .filter(|path| path.chars().all(is_plain))
        .with_context(|| {
            format!(
                "{}: install this program under a plain path",
                program.display()
            )
        })?;
    fs::write(UNIT, unit(program)).context(UNIT)?;
    // As `systemctl enable` does, and durably: a power cut must not forget it.
    let wants = Path::new(WANTED).parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(wants).with_context(|| wants.display().to_string())?;
    match std::os::unix::fs::symlink(UNIT, WANTED) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(error).context(WANTED);
        }
        _ => {}
    }
    for path in [Path::new(UNIT), Path::new(UNITS), wants] {
        fs::File::open(path)
            .and_then(|file| file.sync_all())
            .with_context(|| path.display().to_string())?;
    }
    systemctl(&["daemon-reload"])?;
    systemctl(&["restart", NAME])
}

/// The unit runs it as root at every boot, when nobody looks: so nobody else may be able to put something in its place.
fn check_whose_it_is(program: &Path) -> anyhow::Result<()> {
    let (Some(parent), Some(name)) = (program.parent(), program.file_name()) else {
        bail!("{}: not a file", program.display());
    };
    Directory::open(parent, Owner::ROOT)?
        .map(|directory| directory.open_file(name, Guard::Unwritable, usize::MAX, Access::Read))
        .transpose()?
        .flatten()
        .map(drop)
        .with_context(|| format!("{} is not there any more", program.display()))
}

/// The unit. What begins it looks first whether the host was booted anew, and log-ins at the door wait for that.
fn unit(program: &str) -> String {
    format!(
        "# Made by `nightlatch setup --try`, and taken away with the trial.\n\
         [Unit]\n\
         Description=Takes back what `nightlatch setup --try` changed, unless somebody confirms it\n\
         DefaultDependencies=no\n\
         RequiresMountsFor=/var/lib/nightlatch /etc/pam.d {program}\n\
         After=local-fs.target systemd-remount-fs.service systemd-journald-dev-log.socket\n\
         Before=ssh.service sshd.service ssh.socket sshd.socket getty.target display-manager.service shutdown.target\n\
         Conflicts=shutdown.target\n\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         Type=exec\n\
         ExecStartPre={program} setup --watch=look\n\
         ExecStart={program} setup --watch=wait\n\
         Restart=on-failure\n\
         RestartSec=1s\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    )
}

fn systemctl(arguments: &[&str]) -> anyhow::Result<()> {
    let output = of_the_host("systemctl")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("systemctl does not run")?;
    if !output.status.success() {
        bail!(
            "systemctl {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

fn arm_process() -> anyhow::Result<()> {
    let program = env::current_exe().context("the path of this program is not known")?;
    let mut child = Command::new(program)
        .args(["setup", "--watch=alone"])
        .current_dir("/")
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("this program does not run again")?;
    // It says when nothing that happens to us reaches it any more.
    let mut said = [0; 1];
    let mut words = child.stdout.take().context("the child has an output")?;
    words.read_exact(&mut said).context("it ended at once")
}

const NAME: &str = "nightlatch-setup-try.service";
const UNITS: &str = "/etc/systemd/system";
const UNIT: &str = "/etc/systemd/system/nightlatch-setup-try.service";
const WANTED: &str = "/etc/systemd/system/multi-user.target.wants/nightlatch-setup-try.service";
