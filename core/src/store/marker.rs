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
