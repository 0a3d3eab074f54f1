//! What all TOML files of the store have in common: a version, and tables. What serde derives for a struct also reads an array,
//! by the order of its values: in the place of a table nothing but a table is taken.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

/// The `version` of a file as we write it, in a line of its own: a guess, for only the whole file tells. It spares reading it twice.
pub(crate) fn likely_version_of(text: &str) -> Option<u64> {
    let number = text
        .lines()
        .find_map(|line| line.strip_prefix("version = "))?;
    number.parse().ok()
}

/// The `version` of a file, whatever else is in it: a later one may have other keys, and is to be known for what it is.
pub(crate) fn version_of(text: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let file: Option<Versioned> = toml::from_str(text).ok();
    file.map(|file| file.version)
}

/// A value that is written as a table.
#[derive(Clone, Debug)]
pub(crate) struct Table<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        only(deserializer).map(Self)
    }
}

/// Reads a table; for `#[serde(deserialize_with)]`.
pub(crate) fn only<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_map(Only(PhantomData))
}

/// Reads an array of tables; for `#[serde(deserialize_with)]`.
pub(crate) fn each<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let tables = Vec::<Table<T>>::deserialize(deserializer)?;
    Ok(tables.into_iter().map(|Table(table)| table).collect())
}

/// Reads tables that each have a name; for `#[serde(deserialize_with)]`.
pub(crate) fn named<'de, N, T, D>(deserializer: D) -> Result<BTreeMap<N, T>, D::Error>
where
    N: Deserialize<'de> + Ord,
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let tables = BTreeMap::<N, Table<T>>::deserialize(deserializer)?;
    let inner = |(name, Table(table))| (name, table);
    Ok(tables.into_iter().map(inner).collect())
}

struct Only<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Only<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}
