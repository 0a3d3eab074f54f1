//! A file system of its own under the store: a small one, which can be filled up and made read-only, or the machine's real one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::artifacts;
use crate::sandbox::{outer_pid, scratch};
use crate::world::system;

/// What is mounted on a directory of the sandbox. It goes with the sandbox.
#[derive(Debug)]
pub struct Disk {
    on: PathBuf,
    /// What goes when this goes: all else goes with the sandbox.
    folder: Option<PathBuf>,
}

impl Disk {
    /// Half a mebibyte in memory: full is full there too, and what is overwritten in place needs no room.
    pub fn in_memory(on: &str) -> Self {
        let on = prepared(on);
        mount(
            Some("tmpfs"),
            &on,
            Some("tmpfs"),
            MsFlags::empty(),
            Some("size=512k,mode=700"),
        )
        .expect("root mounts a tmpfs");
        Self { on, folder: None }
    }

    /// Four mebibytes of ext4 on a loop device. `None` where this machine cannot have one: its kernel knows no loop devices, or
    /// it is a container that must not use them.
    pub fn ext4(on: &str) -> Option<Self> {
        if !loop_devices() {
            return None;
        }
        let on = prepared(on);
        let image = scratch().join("disk");
        File::create(&image)
            .and_then(|file| file.set_len(4 << 20))
            .expect("the scratch folder is ours");
        let image = image.display().to_string();
        // No blocks kept for root, who is the one to fill it; without a journal it is small enough.
        system(
            "mkfs.ext4",
            &["-q", "-m", "0", "-O", "^has_journal", &image],
            "",
            "install e2fsprogs",
        );
        system(
            "mount",
            &["-o", "loop", &image, &on.display().to_string()],
            "",
            "the loop device must be mountable",
        );
        fs::remove_dir(on.join("lost+found")).expect("it is empty");
        Some(Self { on, folder: None })
    }

    /// The disk that this workspace is on, by an empty folder in its target folder: for what is measured.
    pub fn of_the_machine(on: &str) -> Self {
        let on = prepared(on);
        let folder = artifacts::scratch().join(format!("disk-{}", outer_pid()));
        fs::create_dir_all(&folder).expect("root writes to the target folder");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("it is ours");
        let none = None::<&str>;
        mount(Some(&folder), &on, none, MsFlags::MS_BIND, none).expect("root binds a folder");
        Self {
            on,
            folder: Some(folder),
        }
    }

    /// Writes until nothing more fits.
    pub fn fill(&self) {
        let mut file = File::create(self.on.join("filling")).expect("there is room");
        for size in [4096, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
        let _ = file.sync_all();
        // Nor is there room in what directories hold already.
        while fs::write(self.on.join("one more"), "x").is_ok() {
            fs::remove_file(self.on.join("one more")).expect("ours");
            assert!(file.write_all(b"x").is_ok(), "the disk does not fill up");
        }
        let _ = fs::remove_file(self.on.join("one more"));
    }

    /// Every file on it, and what it holds.
    #[must_use]
    pub fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        let mut directories = vec![self.on.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("it stays") {
                let path = entry.expect("it stays").path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    all.insert(path.clone(), fs::read(path).expect("it stays"));
                }
            }
        }
        all
    }

    /// Makes it read-only, or writable again.
    pub fn remount(&self, how: &str) {
        let status = Command::new("mount")
            .args(["-o", &format!("remount,{how}")])
            .arg(&self.on)
            .status();
        assert!(status.is_ok_and(|status| status.success()), "remount,{how}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Makes an empty directory to mount on.
fn prepared(on: &str) -> PathBuf {
    let on = PathBuf::from(on);
    let _ = fs::remove_dir_all(&on);
    fs::create_dir_all(&on).expect("the sandbox is ours");
    on
}

/// Puts loop devices into the private `/dev`, if there is anything behind them.
fn loop_devices() -> bool {
    let drivers = fs::read_to_string("/proc/devices").unwrap_or_default();
    if !drivers.lines().any(|line| line.trim() == "7 loop") {
        return false;
    }
    Command::new("mount")
        .args(["-o", "remount,dev", "/dev"])
        .status()
        .expect("`mount` does not run: install mount");
    let node = |path: String, kind, major, minor| {
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        mknod(Path::new(&path), kind, mode, makedev(major, minor)).is_ok()
    };
    node("/dev/loop-control".to_owned(), SFlag::S_IFCHR, 10, 237)
        && (0..64).all(|n| node(format!("/dev/loop{n}"), SFlag::S_IFBLK, 7, n))
        && File::open("/dev/loop-control").is_ok()
}
