//! A small model of what is on a disk after a power cut, given what programs did before it.
//!
//! What was written stays in memory until it is flushed; a cut at any moment leaves, of what was not flushed yet:
//!
//! - of a file's contents, any of the sectors of 512 bytes that were written, whatever was written in between; a file may have
//!   grown without what made it grow, and then holds zeros;
//! - of a directory's names, any of the changes, but none without those before it of the same names. A change of a name is
//!   whole or not there.
//!
//! `fsync` of a file makes sure of its contents and not of its name, that of a directory of its names and not of their
//! contents; a write through `O_DSYNC` is on the disk when it returns, and before that as any other.
//!
//! That is less than what ext4, XFS and btrfs promise. What it leaves out: sectors that are torn or lost although they were
//! flushed (a disk that lies), file modes (the store's files are made with theirs), and files that lose blocks of their own accord.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::recording::{Done, Opened};

/// Disk and memory of a machine, from the first system call on.
#[derive(Debug, Clone)]
pub struct PageCache {
    files: Vec<File>,
    directories: Vec<Directory>,
    opened: BTreeMap<(PathBuf, usize), usize>,
    done: usize,
}

/// What a power cut left: what each file holds. A directory holds nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Image(BTreeMap<PathBuf, Option<Vec<u8>>>);

#[derive(Debug, Clone, Default)]
struct File {
    on_disk: Vec<u8>,
    /// Each with where it begins.
    unflushed: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug, Clone, Default)]
struct Directory {
    on_disk: Names,
    unflushed: Vec<Change>,
}

type Names = BTreeMap<String, Node>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    File(usize),
    Directory(usize),
}

#[derive(Debug, Clone)]
enum Change {
    Add(String, Node),
    Rename(String, String),
    Remove(String),
}

/// What is left to chance: whether something that was not flushed is on the disk.
trait Chance {
    fn is_kept(&mut self) -> bool;
}

impl PageCache {
    /// A disk with nothing on it but this directory.
    #[must_use]
    pub fn new() -> Self {
        Self {
            files: Vec::new(),
            directories: vec![Directory::default()],
            opened: BTreeMap::new(),
            done: 0,
        }
    }

    /// Does it, below `root`, and gives what a power cut while it was done and right after it may leave: everything that may
    /// be if that is little, else `most` of it, the same with every run.
    pub fn after(&mut self, root: &Path, done: &Done, most: usize) -> BTreeSet<Image> {
        self.begin(root, done);
        let mut images = self.left(root, most);
        if self.end(root, done) {
            images.append(&mut self.left(root, most));
        }
        self.done += 1;
        images
    }

    /// What it changes is in memory.
    fn begin(&mut self, root: &Path, done: &Done) {
        match done {
            Done::Created(path) => {
                self.files.push(File::default());
                let file = self.files.len() - 1;
                self.change(root, path, |name| Change::Add(name, Node::File(file)));
            }
            Done::MadeDirectory(path) => {
                self.directories.push(Directory::default());
                let directory = self.directories.len() - 1;
                self.change(root, path, |name| {
                    Change::Add(name, Node::Directory(directory))
                });
            }
            Done::Wrote {
                file,
                offset,
                bytes,
                ..
            } => {
                let file = self.file(root, file);
                self.files[file].unflushed.push((*offset, bytes.clone()));
            }
            Done::Renamed(from, to) => {
                assert_eq!(from.parent(), to.parent(), "within a directory");
                self.change(root, from, |name| Change::Rename(name, name_of(to)));
            }
            Done::Removed(path) => self.change(root, path, Change::Remove),
            Done::FlushedFile(_) | Done::FlushedDirectory(_) => {}
        }
    }

    /// What it flushes is on the disk. Says whether it flushes anything.
    fn end(&mut self, root: &Path, done: &Done) -> bool {
        match done {
            Done::Wrote {
                file,
                durably: true,
                ..
            } => {
                let file = self.file(root, file);
                let file = &mut self.files[file];
                let (offset, bytes) = file.unflushed.pop().expect("it was just written");
                put(&mut file.on_disk, offset, &bytes);
            }
            Done::FlushedFile(file) => {
                let file = self.file(root, file);
                let file = &mut self.files[file];
                for (offset, bytes) in file.unflushed.drain(..) {
                    put(&mut file.on_disk, offset, &bytes);
                }
            }
            Done::FlushedDirectory(path) => {
                let directory = self.directory(root, path);
                let directory = &mut self.directories[directory];
                for change in directory.unflushed.drain(..) {
                    change.apply(&mut directory.on_disk);
                }
            }
            _ => return false,
        }
        true
    }

    /// What a power cut may leave now: everything that may be if that is little, else `most` of it.
    #[must_use]
    pub fn left(&self, root: &Path, most: usize) -> BTreeSet<Image> {
        // How much is left to chance shows when the first image is made.
        let mut all = Counted { bits: 0, next: 0 };
        let mut images = BTreeSet::from([self.image(root, &mut all)]);
        if all.next < 16 && 1 << all.next <= most {
            for bits in 0..1 << all.next {
                images.insert(self.image(root, &mut Counted { bits, next: 0 }));
            }
            return images;
        }
        let mut random = Random(0x6e69_6768_746c_6174 ^ self.done as u64);
        for only in 0..all.next {
            images.insert(self.image(
                root,
                &mut Except {
                    only,
                    kept: true,
                    next: 0,
                },
            ));
            images.insert(self.image(
                root,
                &mut Except {
                    only,
                    kept: false,
                    next: 0,
                },
            ));
        }
        for _ in 0..most {
            images.insert(self.image(root, &mut random));
        }
        images
    }

    fn image(&self, root: &Path, chance: &mut dyn Chance) -> Image {
        // Of every file and directory once, in the same order always, whether it can be reached or not.
        let names: Vec<_> = self
            .directories
            .iter()
            .map(|directory| directory.left(chance))
            .collect();
        let contents: Vec<_> = self.files.iter().map(|file| file.left(chance)).collect();
        let mut image = BTreeMap::new();
        let mut open = vec![(root.to_owned(), 0)];
        while let Some((path, directory)) = open.pop() {
            for (name, node) in &names[directory] {
                let path = path.join(name);
                match node {
                    Node::File(file) => {
                        image.insert(path, Some(contents[*file].clone()));
                    }
                    Node::Directory(directory) => {
                        image.insert(path.clone(), None);
                        open.push((path, *directory));
                    }
                }
            }
        }
        Image(image)
    }

    fn change(&mut self, root: &Path, path: &Path, change: impl FnOnce(String) -> Change) {
        let directory = self.directory(root, path.parent().expect("below the root"));
        self.directories[directory]
            .unflushed
            .push(change(name_of(path)));
    }

    fn directory(&self, root: &Path, path: &Path) -> usize {
        let below = path.strip_prefix(root).expect("below the root");
        below.iter().fold(0, |directory, name| {
            match self.node(directory, &name.to_string_lossy()) {
                Node::Directory(directory) => directory,
                Node::File(_) => panic!("{} goes through a file", path.display()),
            }
        })
    }

    fn file(&mut self, root: &Path, opened: &Opened) -> usize {
        let key = (opened.path.clone(), opened.at);
        if let Some(&file) = self.opened.get(&key) {
            return file;
        }
        // It is still called what it was opened as when it is first used.
        let directory = self.directory(root, opened.path.parent().expect("below the root"));
        let Node::File(file) = self.node(directory, &name_of(&opened.path)) else {
            panic!("{} is a directory", opened.path.display());
        };
        self.opened.insert(key, file);
        file
    }

    /// What a name leads to for programs that run.
    fn node(&self, directory: usize, name: &str) -> Node {
        let directory = &self.directories[directory];
        let mut names = directory.on_disk.clone();
        for change in &directory.unflushed {
            change.apply(&mut names);
        }
        *names
            .get(name)
            .unwrap_or_else(|| panic!("there is no {name}"))
    }
}

impl Default for PageCache {
    fn default() -> Self {
        Self::new()
    }
}

impl File {
    fn left(&self, chance: &mut dyn Chance) -> Vec<u8> {
        let mut left = self.on_disk.clone();
        for (offset, bytes) in &self.unflushed {
            let end = offset + bytes.len();
            if end > left.len() && chance.is_kept() {
                left.resize(end, 0);
            }
            let mut at = *offset;
            while at < end {
                let next = ((at / SECTOR + 1) * SECTOR).min(end);
                if chance.is_kept() {
                    put(&mut left, at, &bytes[at - offset..next - offset]);
                }
                at = next;
            }
        }
        left
    }
}

impl Directory {
    fn left(&self, chance: &mut dyn Chance) -> Names {
        let mut left = self.on_disk.clone();
        let mut lost = BTreeSet::new();
        for change in &self.unflushed {
            let kept = chance.is_kept();
            if kept && change.names().is_disjoint(&lost) {
                change.apply(&mut left);
            } else {
                lost.append(&mut change.names());
            }
        }
        left
    }
}

impl Change {
    fn names(&self) -> BTreeSet<&str> {
        match self {
            Self::Add(name, _) | Self::Remove(name) => BTreeSet::from([name.as_str()]),
            Self::Rename(from, to) => BTreeSet::from([from.as_str(), to.as_str()]),
        }
    }

    fn apply(&self, names: &mut Names) {
        match self {
            Self::Add(name, node) => {
                names.insert(name.clone(), *node);
            }
            Self::Rename(from, to) => {
                let node = names.remove(from).expect("it was there");
                names.insert(to.clone(), node);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl Image {
    /// Puts it on a real file system, with the modes that the store's files have. `contents` may change what a file holds
    /// once it is there.
    pub fn put(&self, contents: impl Fn(&fs::File, &[u8]) -> Vec<u8>) {
        for (path, held) in &self.0 {
            let Some(bytes) = held else {
                let made = DirBuilder::new().mode(0o700).create(path);
                made.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                continue;
            };
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let bytes = contents(&file, bytes);
            file.write_all(&bytes).expect("there is room");
        }
    }

    /// What a file holds, if it is there.
    #[must_use]
    pub fn file(&self, path: &Path) -> Option<&[u8]> {
        self.0.get(path)?.as_deref()
    }
}

fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().expect("it has a name");
    name.to_string_lossy().into_owned()
}

/// Bit by bit of a number, from the lowest.
struct Counted {
    bits: u64,
    next: u32,
}

impl Chance for Counted {
    fn is_kept(&mut self) -> bool {
        let kept = self.bits.checked_shr(self.next).unwrap_or(0) & 1 == 1;
        self.next += 1;
        kept
    }
}

/// One is kept and no other, or one is not.
struct Except {
    only: u32,
    kept: bool,
    next: u32,
}

impl Chance for Except {
    fn is_kept(&mut self) -> bool {
        self.next += 1;
        (self.next - 1 == self.only) == self.kept
    }
}

/// `splitmix64`.
struct Random(u64);

impl Chance for Random {
    fn is_kept(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed >> 63 == 1
    }
}

const SECTOR: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn all(cache: &mut PageCache, done: &Done) -> Vec<Option<Vec<u8>>> {
        let images = cache.after(Path::new("/"), done, 1 << 12);
        let file = |image: &Image| image.file(Path::new("/a")).map(<[u8]>::to_vec);
        images.iter().map(file).collect()
    }

    fn file() -> Opened {
        Opened {
            path: "/a".into(),
            at: 1,
        }
    }

    #[test]
    fn what_is_flushed_is_there_and_what_is_not_may_be() {
        let mut cache = PageCache::new();
        let created = Done::Created("/a".into());
        assert_eq!(all(&mut cache, &created), [None, Some(vec![])]);
        let flushed = Done::FlushedDirectory("/".into());
        assert_eq!(
            all(&mut cache, &flushed).last().unwrap(),
            &Some(vec![]),
            "it is there"
        );
        let wrote = Done::Wrote {
            file: file(),
            offset: 0,
            bytes: vec![7; 600],
            durably: false,
        };
        let held = all(&mut cache, &wrote);
        let torn = |sectors: [(u8, usize); 2]| {
            let sectors = sectors.map(|(byte, length)| vec![byte; length]);
            Some(sectors.concat())
        };
        for possible in [
            torn([(0, 0), (0, 0)]),
            torn([(0, 512), (0, 88)]),
            torn([(7, 512), (0, 0)]),
            torn([(7, 512), (0, 88)]),
            torn([(0, 512), (7, 88)]),
            torn([(7, 512), (7, 88)]),
        ] {
            assert!(held.contains(&possible), "{possible:?}");
        }
        assert_eq!(held.len(), 6);
        let flushed = Done::FlushedFile(file());
        all(&mut cache, &flushed);
        assert_eq!(
            all(&mut cache, &Done::FlushedDirectory("/".into())),
            [Some(vec![7; 600])]
        );
    }

    #[test]
    fn a_durable_write_is_torn_while_it_is_made_and_there_after_it() {
        let mut cache = PageCache::new();
        all(&mut cache, &Done::Created("/a".into()));
        all(&mut cache, &Done::FlushedDirectory("/".into()));
        let wrote = Done::Wrote {
            file: file(),
            offset: 0,
            bytes: vec![7; 1024],
            durably: true,
        };
        assert_eq!(all(&mut cache, &wrote).len(), 6);
        assert_eq!(
            all(&mut cache, &Done::FlushedFile(file())),
            [Some(vec![7; 1024])]
        );
    }

    #[test]
    fn a_name_is_old_or_new_and_never_new_without_what_came_before_it() {
        let mut cache = PageCache::new();
        all(&mut cache, &Done::Created("/a".into()));
        all(&mut cache, &Done::FlushedDirectory("/".into()));
        all(&mut cache, &Done::Created("/b".into()));
        let renamed = Done::Renamed("/b".into(), "/a".into());
        let images = cache.after(Path::new("/"), &renamed, 1 << 12);
        let names: Vec<Vec<_>> = images
            .iter()
            .map(|image| image.0.keys().map(|path| path.to_str().unwrap()).collect())
            .collect();
        assert_eq!(names, [vec!["/a"], vec!["/a", "/b"]]);
    }
}
