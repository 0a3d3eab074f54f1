//! `store.toml`: says that a directory is a store.
//!
//! It is there because an unmounted `/var/lib` must not read as "nobody is enrolled", and so that a store of a later
//! format is not taken for an old one.

use serde::Deserialize;

use super::StoreError;
use crate::id::Id;
use crate::safe_file::{Directory, Guard};
use crate::tables;

/// Makes sure that `directory` is a store that this program understands.
pub(super) fn check(directory: &Directory) -> Result<(), StoreError> {
    let path = || directory.path().join(NAME);
    let Some(bytes) = directory.read(NAME, Guard::Unwritable, LONGEST)? else {
        return Err(StoreError::NotAStore(path()));
    };
    let malformed = |problem: String| StoreError::Malformed {
        path: path(),
        problem,
        mend: "Restore it from a backup".to_owned(),
    };
    let text =
        std::str::from_utf8(&bytes).map_err(|_| malformed("not text in UTF-8".to_owned()))?;
    match Marker::parse(text) {
        Ok(_) => Ok(()),
        Err(BadMarker::Version(version)) => {
            Err(StoreError::unknown_version(path(), version, VERSION))
        }
        Err(BadMarker::Wrong(problem)) => Err(malformed(problem)),
    }
}

/// Makes `directory` a store, unless it is one.
pub(super) fn write(directory: &Directory) -> Result<(), StoreError> {
    if directory.holds(NAME)? {
        return check(directory);
    }
    let marker = Marker { id: Id::new()? };
    directory.replace(NAME, |_| Ok(marker.to_toml()))
}

/// Why a text is no marker.
#[derive(Debug)]
enum BadMarker {
    Version(u64),
    Wrong(String),
}

/// What the file says.
struct Marker {
    id: Id,
}

impl Marker {
    fn parse(text: &str) -> Result<Self, BadMarker> {
        let file: File = toml::from_str(text).map_err(|error| {
            // A later version may have other keys, and is to be known for what it is.
            match tables::version_of(text).filter(|&version| version != VERSION) {
                Some(version) => BadMarker::Version(version),
                None => BadMarker::Wrong(error.message().to_owned()),
            }
        })?;
        if file.version != VERSION {
            return Err(BadMarker::Version(file.version));
        }
        let id = Id::parse(&file.id).map_err(|error| BadMarker::Wrong(error.to_string()))?;
        Ok(Self { id })
    }

    fn to_toml(&self) -> String {
        format!(
            "# Says that this is a Nightlatch store. Where it is missing, nobody gets in.\n\
             version = {VERSION}\n\
             id = \"{}\"\n",
            self.id
        )
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u64,
    id: String,
}

const NAME: &str = "store.toml";
const VERSION: u64 = 1;
const LONGEST: usize = 4096;

/// What must hold of the file, whatever is in it.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod property {
    use super::Marker;

    /// Whatever is taken is of our version, and says the same when it is written again.
    pub(crate) fn comes_back(text: &str) {
        let Ok(marker) = Marker::parse(text) else {
            return;
        };
        let table: toml::Table = toml::from_str(text).unwrap_or_default();
        assert!(
            table.len() == 2 && table["version"].as_integer() == Some(1),
            "{text}"
        );
        let again = Marker::parse(&marker.to_toml());
        assert!(again.is_ok_and(|again| again.id == marker.id), "{text}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::safe_file::Owner;

    #[test]
    fn a_marker_cut_anywhere_is_none() {
        let home = crate::testing::home();
        let owner = Owner::for_tests(nix::unistd::Uid::current().as_raw());
        let directory = Directory::open(home.path(), owner).unwrap().unwrap();
        write(&directory).unwrap();
        let path = home.path().join(NAME);
        let good = fs::read(&path).unwrap();
        for length in 0..good.len() {
            fs::write(&path, &good[..length]).unwrap();
            // Without the newline at the end nothing is missing.
            let is_whole = length == good.len() - 1;
            assert_eq!(check(&directory).is_ok(), is_whole, "{length} bytes");
        }
    }
}
