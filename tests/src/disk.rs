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
use crate::sandbox::outer_pid;
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

    /// Four mebibytes of ext4. No blocks are kept for root, who is the one to fill it; without a journal it is small enough.
    pub fn ext4(on: &str) -> Self {
        let make = ["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal"];
        let disk = Self::on_a_loop_device(on, 4, &make, "install e2fsprogs");
        fs::remove_dir(disk.on.join("lost+found")).expect("it is empty");
        disk
    }

    /// XFS, as small as it gets.
    pub fn xfs(on: &str) -> Self {
        Self::on_a_loop_device(on, 300, &["mkfs.xfs", "-q"], "install xfsprogs")
    }

    /// btrfs that overwrites in place, as the package's directory for the store says it shall.
    pub fn btrfs(on: &str) -> Self {
        let disk = Self::on_a_loop_device(on, 128, &["mkfs.btrfs", "-q"], "install btrfs-progs");
        system("chattr", &["+C", on], "", "install e2fsprogs");
        disk
    }

    /// So many mebibytes, on which `make` and the name of an image makes a file system.
    fn on_a_loop_device(on: &str, mebibytes: u64, make: &[&str], mend: &str) -> Self {
        loop_devices();
        let on = prepared(on);
        // Memory is too small for some of them.
        let folder = artifacts::scratch().join(format!("disk-{}", outer_pid()));
        fs::create_dir_all(&folder).expect("root writes to the target folder");
        let image = folder.join("image");
        File::create(&image)
            .and_then(|file| file.set_len(mebibytes << 20))
            .expect("the folder is ours");
        let image = image.to_str().expect("our own path");
        system(make[0], &[&make[1..], &[image]].concat(), "", mend);
        let to = on.to_str().expect("our own path");
        let mount = ["-o", "loop", image, to];
        system("mount", &mount, "", "the loop device must be mountable");
        fs::set_permissions(&on, fs::Permissions::from_mode(0o700)).expect("it is ours");
        Self {
            on,
            folder: Some(folder),
        }
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
        let mut file = File::create(self.on.join(FILLING)).expect("there is room");
        for size in [1 << 20, 4096, 1] {
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

    /// Every file on it, and what it holds, but for what fills it.
    #[must_use]
    pub fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        let mut directories = vec![self.on.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("it stays") {
                let path = entry.expect("it stays").path();
                if path.is_dir() {
                    directories.push(path);
                } else if path != self.on.join(FILLING) {
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

/// Puts loop devices into the private `/dev`.
fn loop_devices() {
    let drivers = fs::read_to_string("/proc/devices").unwrap_or_default();
    assert!(
        drivers.lines().any(|line| line.trim() == "7 loop"),
        "the kernel has no loop devices, which the tests of small disks need: `modprobe loop`"
    );
    let status = Command::new("mount")
        .args(["-o", "remount,dev", "/dev"])
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "`mount` does not run: install mount"
    );
    let node = |path: String, kind, major, minor| {
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        mknod(Path::new(&path), kind, mode, makedev(major, minor)).expect("root makes devices");
    };
    node("/dev/loop-control".to_owned(), SFlag::S_IFCHR, 10, 237);
    for number in 0..64 {
        node(format!("/dev/loop{number}"), SFlag::S_IFBLK, 7, number);
    }
    File::open("/dev/loop-control").unwrap_or_else(|error| {
        panic!(
            "loop devices, which the tests of small disks need, cannot be used here ({error}): run them on a machine or in a \
             container that may, such as a privileged one"
        )
    });
}

/// The file that takes all the room.
const FILLING: &str = "filling";
