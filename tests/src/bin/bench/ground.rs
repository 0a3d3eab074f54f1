//! What the benchmark stands on: everybody's files on a real disk, the stacks, the configurations.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nightlatch_tests::records::make_store;
use nightlatch_tests::{artifacts, security_dir};
use nix::mount::{MsFlags, mount};

use crate::people::{self, Person};

/// Where our configuration is.
pub const CONFIG_FOLDER: &str = "/etc/nightlatch";
/// Where the files of `pam_google_authenticator` are, one home a person.
pub const HOMES: &str = "/home";
/// Where ours are.
pub const STORE: &str = "/var/lib/nightlatch";
/// Where the stores are of which one is larger than the other.
const CROWDS: &str = "/var/lib/nightlatch-crowds";
/// Where the users files of `pam_oath` are.
const OATH: &str = "/etc/oath";

/// Whose module it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Nightlatch,
    Google,
    Oath,
}

impl Subject {
    pub const ALL: [Self; 3] = [Self::Nightlatch, Self::Google, Self::Oath];

    pub fn name(self) -> &'static str {
        match self {
            Self::Nightlatch => "Nightlatch",
            Self::Google => "pam_google_authenticator",
            Self::Oath => "pam_oath",
        }
    }

    pub fn module(self) -> PathBuf {
        let module = match self {
            Self::Nightlatch => return artifacts::module(),
            Self::Google => "pam_google_authenticator.so",
            Self::Oath => "pam_oath.so",
        };
        let path = security_dir().join(module);
        assert!(
            path.exists(),
            "install libpam-google-authenticator and libpam-oath"
        );
        path
    }

    /// The folder with the stack of the module.
    pub fn stack(self) -> PathBuf {
        stack_folder(match self {
            Self::Nightlatch => "nightlatch",
            Self::Google => "google",
            Self::Oath => "oath",
        })
    }
}

/// The prepared sandbox. What lies on the disk goes when this does.
pub struct Ground(());

impl Ground {
    /// Binds folders of `disk` over where everybody's files are, and writes stacks and configuration.
    pub fn lay(disk: &Path) -> Self {
        for (name, over, mode) in [
            ("store", STORE, 0o700),
            ("crowds", CROWDS, 0o700),
            ("homes", HOMES, 0o755),
            ("oath", OATH, 0o755),
        ] {
            let folder = disk.join(name);
            // What an earlier run left.
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("the disk takes folders");
            fs::create_dir_all(over).expect("the sandbox takes folders");
            mount(
                Some(&folder),
                over,
                None::<&str>,
                MsFlags::MS_BIND,
                None::<&str>,
            )
            .expect("root may mount");
            set_mode(Path::new(over), mode);
        }
        fs::create_dir_all(CONFIG_FOLDER).expect("the sandbox takes folders");
        configure("nightlatch.toml", STORE);
        stack("nightlatch", &artifacts::module().to_string_lossy());
        stack("google", "pam_google_authenticator.so");
        stack("permit", "pam_permit.so");
        Self(())
    }
}

impl Drop for Ground {
    /// Takes the files away again: they belong to root and to people that there are not.
    fn drop(&mut self) {
        for over in [STORE, CROWDS, HOMES, OATH] {
            for entry in fs::read_dir(over).into_iter().flatten().flatten() {
                let path = entry.path();
                let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
            }
        }
    }
}

/// Gives everybody who was enrolled with us to `pam_oath` too.
pub fn give_oath(people: &[Person]) {
    oath_stack("oath", people, people.len());
}

/// The folder with a stack that costs what libpam costs.
pub fn permit() -> PathBuf {
    stack_folder("permit")
}

/// Where this was measured: figures of different machines do not compare.
pub fn described() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or_else(String::new, |(_, name)| format!(" ({name})"));
    let system = read("/etc/os-release")
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map_or_else(String::new, |name| format!("{}, ", name.trim_matches('"')));
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    let files = file_system();
    let peers = [Subject::Google, Subject::Oath]
        .map(|peer| {
            format!(
                "{} {}",
                peer.name(),
                version(&peer.name().replace('_', "-"))
            )
        })
        .join(", ");
    format!("{system}Linux {kernel}, {processors} processors{processor}, files on {files}; {peers}")
}

/// The version of the Debian package with a module of that name.
fn version(module: &str) -> String {
    let package = format!("lib{module}");
    Command::new("dpkg-query")
        .args(["--show", "--showformat=${Version}", &package])
        .output()
        .map_or_else(
            |_| "of unknown version".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).into_owned(),
        )
}

/// So many people enrolled in one store, and in one users file.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    pub count: usize,
}

impl Crowd {
    /// Lays a store and a users file in which `count` people are enrolled, these first.
    pub fn gather(people: &[Person], count: usize) -> Self {
        let crowd = Self { count };
        let store = Path::new(CROWDS).join(count.to_string());
        make_store(&store);
        for person in people {
            person.record().write(&store, person.name(), person.uid());
        }
        let (like, first) = (people[0].record(), people.len());
        for number in first..count {
            let uid = 1_000_000 + u32::try_from(number).expect("not that many people");
            like.write(&store, &people::other(number), uid);
        }
        let config = format!("crowd-{count}.toml");
        configure(&config, &store.to_string_lossy());
        let module = artifacts::module();
        stack(
            &crowd.stack_name(Subject::Nightlatch),
            &format!("{} config={CONFIG_FOLDER}/{config}", module.display()),
        );
        oath_stack(&crowd.stack_name(Subject::Oath), people, count);
        crowd
    }

    /// The folder with the stack of a module that knows them all.
    pub fn stack(self, of: Subject) -> PathBuf {
        stack_folder(&self.stack_name(of))
    }

    fn stack_name(self, of: Subject) -> String {
        format!("{}-{}", of.name(), self.count)
    }
}

/// Changes the mode of something in the sandbox.
pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("root may change modes");
}

/// One question a login, and nothing that waits on purpose.
fn configure(name: &str, store: &str) {
    fs::write(
        Path::new(CONFIG_FOLDER).join(name),
        format!(
            "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n[store]\ndir = \"{store}\"\n"
        ),
    )
    .expect("the sandbox takes files");
}

/// A stack of `pam_oath` with the window that the others have.
fn oath_stack(name: &str, people: &[Person], count: usize) {
    let file = Path::new(OATH).join(format!("users.{name}"));
    people::write_oath_file(&file, people, count);
    stack(
        name,
        &format!("pam_oath.so usersfile={} window=1 digits=6", file.display()),
    );
}

fn stack(name: &str, module: &str) {
    let folder = stack_folder(name);
    fs::create_dir_all(&folder).expect("the sandbox takes folders");
    // libpam looks for `other` as well, and would log at every login that it is not there.
    for (service, lines) in [
        ("sshd", format!("auth required {module}\n")),
        ("other", String::new()),
    ] {
        fs::write(folder.join(service), lines).expect("the sandbox takes files");
    }
}

fn stack_folder(name: &str) -> PathBuf {
    Path::new("/run/bench").join(name)
}

fn file_system() -> String {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            Some((fields.next()?, fields.next()?, fields.next()?))
        })
        .find(|(_, point, _)| *point == STORE)
        .map_or_else(String::new, |(_, _, kind)| kind.to_owned())
}
