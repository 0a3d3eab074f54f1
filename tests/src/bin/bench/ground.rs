//! What the benchmark stands on: both stores on a real disk, the stacks, the configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nightlatch_tests::{artifacts, security_dir};
use nix::mount::{MsFlags, mount};

/// Where our configuration is.
pub const CONFIG_FOLDER: &str = "/etc/nightlatch";
/// Where the peer's files are, one home a person.
pub const HOMES: &str = "/home";
/// Where ours are.
pub const STORE: &str = "/var/lib/nightlatch";

/// The prepared sandbox.
pub struct Ground {
    stacks: PathBuf,
    disk: PathBuf,
}

impl Ground {
    /// Binds folders of `disk` over both stores and writes stacks and configuration.
    pub fn lay(disk: &Path) -> Self {
        for (name, over) in [("store", STORE), ("homes", HOMES)] {
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
        }
        set_mode(Path::new(STORE), 0o700);
        set_mode(Path::new(HOMES), 0o755);

        let ground = Self {
            stacks: PathBuf::from("/run/bench"),
            disk: disk.to_owned(),
        };
        ground.stack("ours", &artifacts::module().to_string_lossy());
        ground.stack("theirs", "pam_google_authenticator.so");
        ground.stack("permit", "pam_permit.so");
        fs::create_dir_all(CONFIG_FOLDER).expect("the sandbox takes folders");
        // One question a login, and nothing that waits on purpose.
        fs::write(
            Path::new(CONFIG_FOLDER).join("nightlatch.toml"),
            "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n",
        )
        .expect("the sandbox takes files");
        ground
    }

    /// The folder with the stack of our module.
    pub fn ours(&self) -> PathBuf {
        self.stacks.join("ours")
    }

    /// The folder with the stack of the peer.
    pub fn theirs(&self) -> PathBuf {
        self.stacks.join("theirs")
    }

    /// The folder with a stack that costs what libpam costs.
    pub fn permit(&self) -> PathBuf {
        self.stacks.join("permit")
    }

    /// Where this was measured: figures of different machines do not compare.
    pub fn described(&self) -> String {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        format!(
            "Linux {}, {processors} processors, stores on {} at {}.",
            kernel.trim(),
            file_system(),
            self.disk.display()
        )
    }

    fn stack(&self, name: &str, module: &str) {
        let folder = self.stacks.join(name);
        fs::create_dir_all(&folder).expect("the sandbox takes folders");
        // libpam looks for `other` as well, and would log at every login that it is not there.
        for (service, lines) in [
            ("sshd", format!("auth required {module}\n")),
            ("other", String::new()),
        ] {
            fs::write(folder.join(service), lines).expect("the sandbox takes files");
        }
    }
}

impl Drop for Ground {
    /// Takes the stores away again: they belong to root and to people that there are not.
    fn drop(&mut self) {
        for over in [STORE, HOMES] {
            for entry in fs::read_dir(over).into_iter().flatten().flatten() {
                let path = entry.path();
                let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
            }
        }
    }
}

/// The module that ours is measured against.
pub fn peer_module() -> PathBuf {
    let peer = security_dir().join("pam_google_authenticator.so");
    assert!(peer.exists(), "install libpam-google-authenticator");
    peer
}

/// Changes the mode of something in the sandbox.
pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("root may change modes");
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
