//! A whole Debian system, booted with systemd: for what a reboot, a unit or a real service manager decides.
//!
//! It is made once by `debootstrap` and kept in `target/systems` as an archive, for files that belong to somebody else would be
//! given back to the caller with the rest of that folder. Each test unpacks it into memory in a private namespace, puts the module
//! and the command in, and boots it with `systemd-nspawn` (half a second). Nothing outside changes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};

use crate::artifacts;
use crate::authenticator::Phone;
use crate::command::Run;
use crate::sandbox::{again_in_a_namespace, inside, outer_pid, tmpfs};
use crate::terminal::Terminal;
use crate::tree::Tree;
use crate::world::system;

/// A system.
#[derive(Debug)]
pub struct System {
    nspawn: Option<Child>,
    /// Its process 1, as it is numbered out here.
    leader: u32,
}

/// Somebody who lives on it, with a password and a phone.
#[derive(Debug)]
pub struct Resident<'s> {
    system: &'s System,
    name: String,
    phone: Phone,
    backup_codes: Vec<String>,
}

/// Runs `test` in a system of its own, booted. To be called once, as the whole of a `#[test]` function.
pub fn in_a_system<F: FnOnce(&mut System)>(test: F) {
    if inside() {
        let mut system = System::unpack();
        system.boot();
        test(&mut system);
        return;
    }
    make_once();
    again_in_a_namespace::<F>();
    bury_groups();
}

impl System {
    /// Runs a line of shell in it, as root.
    pub fn run(&self, line: &str) -> Run {
        Run::of(
            Command::new("nsenter")
                .args(self.inside())
                .args(["sh", "-c", line]),
            "",
        )
    }

    /// A new account with the password `secret horse`, enrolled and with all of sudo's rights.
    pub fn resident(&self, name: &str) -> Resident<'_> {
        let make = format!(
            "useradd --create-home --shell /bin/sh {name} && echo '{name}:{PASSWORD}' | chpasswd && \
             echo '{name} ALL=(ALL:ALL) ALL' > /etc/sudoers.d/{name} && nightlatch enroll {name} --yes --json"
        );
        let enrolled = self.run(&make).succeeds().json();
        let codes = enrolled["backup_codes"]
            .as_array()
            .expect("backup codes in the JSON");
        Resident {
            system: self,
            name: name.to_owned(),
            phone: Phone::scanning(enrolled["uri"].as_str().expect("a URI in the JSON")),
            backup_codes: codes
                .iter()
                .map(|code| code.as_str().expect("a string").to_owned())
                .collect(),
        }
    }

    /// What is in a directory of it now, whatever inodes there are.
    pub fn tree(&self, dir: &str) -> Tree {
        Tree::of(Path::new(ROOT).join(dir.trim_start_matches('/'))).without_inodes()
    }

    /// A file of it, where it can be read and written from out here.
    pub fn path(&self, path: &str) -> PathBuf {
        Path::new(ROOT).join(path.trim_start_matches('/'))
    }

    /// Boots it anew, in good order.
    pub fn reboot(&mut self) {
        let _ = self.run("systemctl reboot");
        self.has_ended();
        self.boot();
    }

    /// Takes its power away and boots it anew.
    pub fn power_fails(&mut self) {
        let killed = Command::new("kill")
            .args(["-9", &self.leader.to_string()])
            .status();
        assert!(
            killed.is_ok_and(|status| status.success()),
            "process 1 cannot be killed"
        );
        self.has_ended();
        self.boot();
    }

    fn unpack() -> Self {
        tmpfs("/run", "size=64m,mode=755");
        for dir in ["/run/systemd", "/run/lock", ROOT] {
            fs::create_dir(dir).expect("a fresh tmpfs");
        }
        // With programs that become root, and devices.
        let options = Some("size=1g,mode=755");
        mount(
            Some("tmpfs"),
            ROOT,
            Some("tmpfs"),
            MsFlags::empty(),
            options,
        )
        .expect("root mounts a tmpfs");
        let archive = archive();
        system(
            "tar",
            &[
                "-x",
                "--numeric-owner",
                "--xattrs",
                "--xattrs-include=*",
                "-C",
                ROOT,
                "-f",
                path_of(&archive),
            ],
            "",
            "install tar",
        );
        let security = fs::read_dir(format!("{ROOT}/usr/lib"))
            .expect("a system has one")
            .flatten()
            .map(|entry| entry.path().join("security"))
            .find(|dir| dir.join("pam_unix.so").exists())
            .expect("libpam-modules is in it");
        for (from, to, mode) in [
            (
                artifacts::module(),
                security.join("pam_nightlatch.so"),
                "644",
            ),
            (
                artifacts::command(),
                PathBuf::from(ROOT).join("usr/local/bin/nightlatch"),
                "755",
            ),
        ] {
            system(
                "install",
                &["-m", mode, path_of(&from), path_of(&to)],
                "",
                "install coreutils",
            );
        }
        // sudo looks for its own host's name.
        fs::write(format!("{ROOT}/etc/hostname"), "door\n").expect("a fresh system");
        fs::write(format!("{ROOT}/etc/hosts"), "127.0.0.1 localhost door\n")
            .expect("a fresh system");
        enter_a_group();
        Self {
            nspawn: None,
            leader: 0,
        }
    }

    fn boot(&mut self) {
        let log = File::create("/run/nspawn.log").expect("a fresh tmpfs");
        let mut nspawn = Command::new("systemd-nspawn")
            .args([
                "--quiet",
                "--directory",
                ROOT,
                "--machine=nightlatch",
                "--boot",
                "--register=no",
            ])
            .args(["--keep-unit", "--console=pipe", "--private-network"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("ours"))
            .stderr(log)
            .spawn()
            .expect("`systemd-nspawn` does not run: install systemd-container");
        let until = Instant::now() + PATIENCE;
        loop {
            let said = || fs::read_to_string("/run/nspawn.log").unwrap_or_default();
            assert!(
                Instant::now() < until,
                "the system does not boot:\n{}",
                said()
            );
            if let Some(status) = nspawn.try_wait().expect("ours") {
                panic!("systemd-nspawn ended ({status}):\n{}", said());
            }
            let pid = nspawn.id();
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            if let Some(leader) = children
                .ok()
                .and_then(|text| text.split_whitespace().next()?.parse().ok())
            {
                self.leader = leader;
                let state = self.run("systemctl is-system-running").stdout;
                if ["running\n", "degraded\n"].contains(&state.as_str()) {
                    break;
                }
            }
            thread::sleep(Duration::from_millis(50));
        }
        self.nspawn = Some(nspawn);
    }

    fn has_ended(&mut self) {
        let mut nspawn = self.nspawn.take().expect("it was booted");
        let until = Instant::now() + PATIENCE;
        while nspawn.try_wait().expect("ours").is_none() {
            assert!(Instant::now() < until, "the system does not end");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Arguments of `nsenter` that lead into it.
    fn inside(&self) -> Vec<String> {
        vec![
            "--target".to_owned(),
            self.leader.to_string(),
            "--all".to_owned(),
            "--".to_owned(),
        ]
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if let Some(mut nspawn) = self.nspawn.take() {
            let _ = nspawn.kill();
            let _ = nspawn.wait();
        }
    }
}

impl Resident<'_> {
    /// The phone.
    pub fn phone(&self) -> &Phone {
        &self.phone
    }

    /// The backup codes.
    pub fn backup_codes(&self) -> &[String] {
        &self.backup_codes
    }

    /// Whether sshd lets them in by the password, asking for a code along the way, which gets this answer.
    pub fn gets_in_with(&self, code: &str) -> bool {
        let mut ssh = self.ssh("echo in=$((6 * 7))");
        ssh.expect("assword:");
        ssh.type_line(PASSWORD);
        ssh.expect("Verification code: ");
        ssh.type_line(code);
        ssh.expect_one_of(&["in=42", "Verification code: ", "Permission denied"])
            .0
            == 0
    }

    /// Asserts that sshd lets them in by the password alone.
    pub fn gets_in_by_password_alone(&self) {
        let mut ssh = self.ssh("echo in=$((6 * 7))");
        ssh.expect("assword:");
        ssh.type_line(PASSWORD);
        let (which, _) = ssh.expect_one_of(&["in=42", "Verification code: ", "Permission denied"]);
        assert_eq!(which, 0, "{}", ssh.transcript());
    }

    /// Asserts that sshd and sudo ask for a code each, and take these.
    pub fn gets_in_and_becomes_root_with(&self, code: &str, then: &str) {
        let mut ssh = self.ssh("sudo sh -c 'echo uid=$(id -u)'");
        ssh.expect("assword:");
        ssh.type_line(PASSWORD);
        ssh.expect("Verification code: ");
        ssh.type_line(code);
        ssh.expect("password for");
        ssh.type_line(PASSWORD);
        ssh.expect("Verification code: ");
        ssh.type_line(then);
        ssh.expect("uid=0");
    }

    fn ssh(&self, command: &str) -> Terminal {
        let user = format!("{}@127.0.0.1", self.name);
        let leader = self.system.leader.to_string();
        let words = [
            "--target",
            &leader,
            "--net",
            "--",
            "ssh",
            "-F",
            "none",
            "-t",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "PubkeyAuthentication=no",
            "-o",
            "NumberOfPasswordPrompts=1",
            "-o",
            "LogLevel=ERROR",
            &user,
            command,
        ];
        Terminal::run("nsenter", &words)
    }
}

/// Makes the archive, if it is not there yet. It takes a minute or two, once.
fn make_once() {
    let folder = artifacts::systems();
    fs::create_dir_all(&folder).expect("the target folder is ours");
    let lock = File::create(folder.join("lock")).expect("the target folder is ours");
    lock.lock().expect("the target folder can be locked");
    let archive = archive();
    if archive.exists() {
        return;
    }
    let (root, unfinished) = (folder.join("making"), folder.join("unfinished.tar"));
    let _ = fs::remove_dir_all(&root);
    let mend = "install debootstrap; it needs the network, once";
    let include = format!("--include={PACKAGES}");
    system(
        "debootstrap",
        &["--variant=minbase", &include, SUITE, path_of(&root)],
        "",
        mend,
    );
    // What was downloaded for it.
    let _ = fs::remove_dir_all(root.join("var/cache/apt/archives"));
    let pack = [
        "-c",
        "--numeric-owner",
        "--xattrs",
        "--xattrs-include=*",
        "-C",
        path_of(&root),
        "-f",
        path_of(&unfinished),
        ".",
    ];
    system("tar", &pack, "", "install tar");
    fs::rename(&unfinished, &archive).expect("the target folder is ours");
    fs::remove_dir_all(&root).expect("the target folder is ours");
}

fn archive() -> PathBuf {
    artifacts::systems().join(format!("{SUITE}.tar"))
}

/// systemd wants a control group that is its own, in the hierarchies that it uses.
fn enter_a_group() {
    for hierarchy in HIERARCHIES.iter().map(Path::new) {
        if !hierarchy.join("cgroup.procs").exists() {
            continue;
        }
        let group = hierarchy.join(format!("{GROUP}{}", outer_pid()));
        fs::create_dir(&group).unwrap_or_else(|error| panic!("{}: {error}", group.display()));
        fs::write(group.join("cgroup.procs"), "0").expect("our own group");
    }
}

/// Whether a group is of a test that is over. That of one that runs beside us may have groups in it that its systemd has just made and
/// nobody is in yet: taken away, its unit fails.
fn is_left_behind(group: &str) -> bool {
    let of = group.strip_prefix(GROUP);
    of.is_some_and(|pid| !Path::new("/proc").join(pid).exists())
}

/// Takes groups away that nobody is in any more. What was killed with the namespace is in one for a moment longer.
fn bury_groups() {
    fn bury(group: &Path) {
        for below in fs::read_dir(group).into_iter().flatten().flatten() {
            if below.path().is_dir() {
                bury(&below.path());
            }
        }
        let _ = fs::remove_dir(group);
    }
    for _ in 0..20 {
        let mut left = Vec::new();
        for hierarchy in HIERARCHIES {
            let groups = fs::read_dir(hierarchy).into_iter().flatten().flatten();
            left.extend(
                groups
                    .filter(|group| is_left_behind(&group.file_name().to_string_lossy()))
                    .map(|group| group.path()),
            );
        }
        if left.is_empty() {
            break;
        }
        for group in &left {
            bury(group);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn path_of(path: &Path) -> &str {
    path.to_str().expect("our own path")
}

/// Programs that were built on Debian 12 run on it too.
const SUITE: &str = "trixie";

const PACKAGES: &str =
    "systemd,systemd-sysv,dbus,openssh-server,sudo,libpam-systemd,passwd,login,iproute2,procps";

/// Where its files are.
const ROOT: &str = "/run/system";

const PASSWORD: &str = "secret horse";

const HIERARCHIES: [&str; 3] = [
    "/sys/fs/cgroup",
    "/sys/fs/cgroup/unified",
    "/sys/fs/cgroup/systemd",
];

const GROUP: &str = "nightlatch-tests-";

const PATIENCE: Duration = Duration::from_secs(60);
