//! `store.toml`: says that a directory is a store.
//!
//! It is there because an unmounted `/var/lib` must not read as "nobody is enrolled", and so that a store of a later
//! format is not taken for an old one.

use serde::Deserialize;

use super::StoreError;
use crate::id::Id;
use crate::safe_file::{Directory, Guard};

/// Makes sure that `directory` is a store that this program understands.
pub(super) fn check(directory: &Directory) -> Result<(), StoreError> {
    let path = || directory.path().join(NAME);
    let Some(bytes) = directory.read(NAME, Guard::Unwritable, LONGEST)? else {
        return Err(StoreError::NotAStore(path()));
    };
    let malformed = |problem: String| StoreError::Malformed {
        path: path(),
        problem,
        mend: "Restore it from a backup, or use the Nightlatch that wrote it".to_owned(),
    };
    let text =
        std::str::from_utf8(&bytes).map_err(|_| malformed("not text in UTF-8".to_owned()))?;
    let marker: Marker =
        toml::from_str(text).map_err(|error| malformed(error.message().to_owned()))?;
    if marker.version != VERSION {
        return Err(malformed(format!(
            "version {} is not known; this program reads version {VERSION}",
            marker.version
        )));
    }
    Id::parse(&marker.id).map_err(|error| malformed(error.to_string()))?;
    Ok(())
}

/// Makes `directory` a store, unless it is one.
pub(super) fn write(directory: &Directory) -> Result<(), StoreError> {
    if directory.holds(NAME)? {
        return check(directory);
    }
    let id = Id::new()?;
    directory.replace(NAME, |_| {
        Ok(format!(
            "# Says that this is a Nightlatch store. Where it is missing, nobody gets in.\n\
             version = {VERSION}\n\
             id = \"{id}\"\n"
        ))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    version: u64,
    id: String,
}

const NAME: &str = "store.toml";
const VERSION: u64 = 1;
const LONGEST: usize = 4096;

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
