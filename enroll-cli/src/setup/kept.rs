//! What `setup` did, and what was there before: kept in a directory of root's, before anything is changed.
//!
//! `record.json` names every file that is changed; beside it lie, for each, what it was (`NAME.before`) and what it was made
//! (`NAME.after`), as they are, so that they can be put back by hand too. All of it is written and on the disk before the first
//! file is changed, and taken away after the last is back. So whenever the command is killed, what it began can be finished or
//! taken back by the next one.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use nightlatch_core::safe_file::{Directory, Guard, Owner, SafeFileError};
use serde::{Deserialize, Serialize};

use super::Placement;
use super::replacing::There;
use super::trial::Trial;

/// All that is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    version: Version,
    /// The services, in the order in which they were set up.
    pub services: Vec<SetUp>,
    /// What is tried, until when.
    pub trial: Option<Trial>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetUp {
    /// Its name.
    pub service: String,
    /// Where the code is asked for.
    pub placement: Placement,
    /// Its files, in the order in which they are changed.
    pub files: Vec<Changed>,
}

/// One file. What it was made lies in `NAME.after`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    /// Where it is.
    pub path: PathBuf,
    /// What was there.
    pub before: Before,
}

/// What was there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Before {
    /// Nothing.
    Nothing,
    /// A symbolic link that said this.
    Link(PathBuf),
    /// A file. What was in it lies in `NAME.before`.
    File,
}

/// The form of the record. Another one is an error: it was written by a later version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
struct Version;

impl Record {
    /// What is set up for a service.
    pub fn of(&self, service: &str) -> Option<&SetUp> {
        self.services
            .iter()
            .find(|set_up| set_up.service == service)
    }
}

/// The directory, for one command at a time.
pub struct Kept {
    directory: Directory,
    /// Locked while it is held.
    _lock: File,
}

impl Kept {
    /// Opens the directory, made if there is none, and waits until no other command uses it.
    pub fn make() -> anyhow::Result<Self> {
        let parent = Directory::open(Path::new(PARENT), Owner::ROOT)?
            .ok_or_else(|| anyhow!("{PARENT} is not there"))?;
        parent.make_directory(HOUSE)?;
        let house = parent
            .child(HOUSE, Guard::Unwritable)?
            .ok_or_else(|| anyhow!("{PARENT}/{HOUSE} is not there"))?;
        house.make_directory(OWN)?;
        Self::open()?.ok_or_else(|| anyhow!("{DIRECTORY} is not there"))
    }

    /// Opens the directory, if there is one, and waits until no other command uses it.
    pub fn open() -> anyhow::Result<Option<Self>> {
        let Some(directory) = directory()? else {
            return Ok(None);
        };
        let lock = directory.file().try_clone().context(DIRECTORY)?;
        lock.lock()
            .with_context(|| format!("{DIRECTORY}: locking failed"))?;
        Ok(Some(Self {
            directory,
            _lock: lock,
        }))
    }

    /// The record. It is empty where there is none.
    pub fn record(&self) -> anyhow::Result<Record> {
        record(&self.directory)
    }

    /// Writes the record, durably.
    pub fn write(&self, record: &Record) -> anyhow::Result<()> {
        if record.services.is_empty() {
            self.directory.remove(RECORD)?;
            return Ok(());
        }
        let json = serde_json::to_vec_pretty(record).context("the record has no form in JSON")?;
        self.put(RECORD, &json)
    }

    /// Keeps what a file was and what it is made, durably.
    pub fn keep(&self, path: &Path, before: &There, after: &[u8]) -> anyhow::Result<Changed> {
        let before = match before {
            There::Nothing => Before::Nothing,
            There::Link(target) => Before::Link(target.clone()),
            There::File(bytes) => {
                self.put(&name(path, BEFORE), bytes)?;
                Before::File
            }
        };
        self.put(&name(path, AFTER), after)?;
        Ok(Changed {
            path: path.to_owned(),
            before,
        })
    }

    /// What a file was.
    pub fn before(&self, changed: &Changed) -> anyhow::Result<There> {
        Ok(match &changed.before {
            Before::Nothing => There::Nothing,
            Before::Link(target) => There::Link(target.clone()),
            Before::File => There::File(self.get(&name(&changed.path, BEFORE))?),
        })
    }

    /// What a file was made.
    pub fn after(&self, changed: &Changed) -> anyhow::Result<Vec<u8>> {
        self.get(&name(&changed.path, AFTER))
    }

    /// Takes away what is kept of files that the record does not name.
    pub fn tidy(&self, record: &Record) -> anyhow::Result<()> {
        let needed: Vec<String> = record
            .services
            .iter()
            .flat_map(|set_up| &set_up.files)
            .flat_map(|changed| [name(&changed.path, BEFORE), name(&changed.path, AFTER)])
            .collect();
        let names = self.directory.names()?;
        let over = names.iter().filter(|name| {
            (name.ends_with(BEFORE) || name.ends_with(AFTER)) && !needed.contains(name)
        });
        Ok(self.directory.tidy(over.map(String::as_str))?)
    }

    fn put(&self, name: &str, contents: &[u8]) -> anyhow::Result<()> {
        Ok(self
            .directory
            .replace::<_, SafeFileError>(name, |_| Ok(contents))?)
    }

    fn get(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        let bytes = self.directory.read(name, Guard::Secret, LONGEST)?;
        let bytes = bytes.ok_or_else(|| anyhow!("{DIRECTORY}/{name} is not there any more"))?;
        Ok(bytes.to_vec())
    }
}

/// The record as it is now, without waiting for anybody.
pub fn peek() -> anyhow::Result<Record> {
    match directory()? {
        Some(directory) => record(&directory),
        None => Ok(Record::default()),
    }
}

fn directory() -> anyhow::Result<Option<Directory>> {
    let house = Directory::open(&Path::new(PARENT).join(HOUSE), Owner::ROOT)?;
    match house {
        Some(house) => Ok(house.child(OWN, Guard::Secret)?),
        None => Ok(None),
    }
}

fn record(directory: &Directory) -> anyhow::Result<Record> {
    let Some(bytes) = directory.read(RECORD, Guard::Secret, LONGEST)? else {
        return Ok(Record::default());
    };
    serde_json::from_slice(&bytes).with_context(|| {
        format!("{DIRECTORY}/{RECORD} cannot be read; what was there before lies beside it, in the files that end in {BEFORE}")
    })
}

/// The name under which something of a file is kept: its path on one level.
fn name(path: &Path, what: &str) -> String {
    let path = path.to_string_lossy().replace('%', "%25");
    format!("{}{what}", path.trim_start_matches('/').replace('/', "%2F"))
}

impl From<Version> for u32 {
    fn from(_: Version) -> Self {
        1
    }
}

impl TryFrom<u32> for Version {
    type Error = String;

    fn try_from(version: u32) -> Result<Self, String> {
        if version == 1 {
            Ok(Self)
        } else {
            Err(format!(
                "its form is version {version}, which a later nightlatch wrote"
            ))
        }
    }
}

/// Where all of it is, whatever directory the store is in: it has to be found without a configuration.
pub const DIRECTORY: &str = "/var/lib/nightlatch/setup";

const PARENT: &str = "/var/lib";
const HOUSE: &str = "nightlatch";
const OWN: &str = "setup";
const RECORD: &str = "record.json";
const BEFORE: &str = ".before";
const AFTER: &str = ".after";
const LONGEST: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_from_its_text_and_a_later_form_is_refused() {
        let record = Record {
            version: Version,
            services: vec![SetUp {
                service: "sshd".to_owned(),
                placement: Placement::AfterKey,
                files: vec![
                    Changed {
                        path: "/a".into(),
                        before: Before::Nothing,
                    },
                    Changed {
                        path: "/b".into(),
                        before: Before::Link("c".into()),
                    },
                    Changed {
                        path: "/d".into(),
                        before: Before::File,
                    },
                ],
            }],
            trial: None,
        };
        let text = serde_json::to_string(&record).unwrap();
        assert!(
            text.contains(r#""version":1"#) && text.contains("after-key"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        let later = text.replace(r#""version":1"#, r#""version":2"#);
        assert!(
            serde_json::from_str::<Record>(&later)
                .unwrap_err()
                .to_string()
                .contains("version 2")
        );
    }

    #[test]
    fn two_paths_are_never_kept_under_one_name() {
        let names = ["/a/b", "/a%2Fb", "/a", "/a%b"].map(|path| name(Path::new(path), BEFORE));
        assert_eq!(
            names,
            ["a%2Fb.before", "a%252Fb.before", "a.before", "a%25b.before"]
        );
    }
}
