//! What befalls files.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

pub fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

pub fn flip(path: &Path, at: u64, bits: u8) {
    let mut byte = [0];
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    if file.read_at(&mut byte, at).unwrap() == 1 {
        file.write_all_at(&[byte[0] ^ bits], at).unwrap();
    }
}

/// Spoils the slot that begins there.
pub fn spoil(path: &Path, at: u64) {
    flip(path, at + 45, 1);
}

pub fn cut(path: &Path, length: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length).unwrap();
}

pub fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The file is another one of the same name, as after a restore.
pub fn restore(path: &Path) {
    let copy = path.with_extension("copy");
    fs::copy(path, &copy).unwrap();
    fs::rename(copy, path).unwrap();
}

/// A new file of root's alone.
pub fn make(path: PathBuf, content: &[u8]) {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all_at(content, 0).unwrap();
}

/// Takes something away and puts a symbolic link to it in its place.
pub fn link_instead(path: &Path) {
    let name = path.to_str().unwrap().replace('/', "-");
    let away = Path::new("/var/lib").join(name);
    fs::rename(path, &away).unwrap();
    symlink(away, path).unwrap();
}

pub const SLOT: u64 = 4096;
