//! What a directory holds, to see afterwards that nothing in it changed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Everything below a directory, and the directory itself. No link is followed, and nothing but files is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    mode: u32,
    uid: u32,
    gid: u32,
    /// Where a link leads.
    leads_to: Option<PathBuf>,
    inode: u64,
    contents: Vec<u8>,
}

impl Tree {
    /// What is there now. Where nothing is, it is empty.
    pub fn of(path: impl AsRef<Path>) -> Self {
        let mut all = BTreeMap::new();
        let mut left = vec![path.as_ref().to_owned()];
        while let Some(path) = left.pop() {
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            let contents = if metadata.is_file() {
                fs::read(&path).expect("it stays")
            } else {
                Vec::new()
            };
            if metadata.is_dir() {
                let entries = fs::read_dir(&path).expect("it stays");
                left.extend(entries.map(|entry| entry.expect("it stays").path()));
            }
            let entry = Entry {
                mode: metadata.mode(),
                uid: metadata.uid(),
                gid: metadata.gid(),
                leads_to: fs::read_link(&path).ok(),
                inode: metadata.ino(),
                contents,
            };
            all.insert(path, entry);
        }
        Self(all)
    }

    /// The same, whatever inodes there are: a file that was put in the place of an equal one is no difference.
    #[must_use]
    pub fn without_inodes(mut self) -> Self {
        self.0.values_mut().for_each(|entry| entry.inode = 0);
        self
    }

    /// What is there in one and not the other, or different.
    pub fn differs_in(&self, other: &Self) -> Vec<PathBuf> {
        let names = self.0.keys().chain(other.0.keys());
        let mut differing: Vec<_> = names
            .filter(|name| self.0.get(*name) != other.0.get(*name))
            .cloned()
            .collect();
        differing.sort();
        differing.dedup();
        differing
    }
}
