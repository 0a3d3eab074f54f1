//! The versions of what is kept: how each is read, and in which one something is written.
//!
//! A program reads every version from 1 on, and writes the lowest that has words for what is to be said. Nothing is written anew for being
//! old: a file stays as it is until something in it changes. A version that is none of these is a later program's, and is left alone. docs/format.md, *How
//! it changes*, is what is promised; `store/files/tests/versions.rs` goes through it with a version that is made up.

use std::fmt;

/// One version of how something is written down.
pub(crate) struct Version<T: 'static, E: 'static> {
    /// Its number, which stands beside the text or in it.
    pub number: u32,
    /// Reads a text of this version.
    pub read: fn(&str) -> Result<T, E>,
    /// Writes it.
    pub write: fn(&T, &mut String) -> fmt::Result,
}

/// An earlier version, and whether it has words for all of something.
pub(crate) type Earlier<T, E> = (Version<T, E>, fn(&T) -> bool);

/// All that a program knows.
pub(crate) struct Versions<T: 'static, E: 'static> {
    /// In the order of their numbers.
    pub earlier: &'static [Earlier<T, E>],
    /// Has words for everything.
    pub latest: Version<T, E>,
}

impl<T, E> Versions<T, E> {
    /// The one with this number, if the program knows it.
    pub fn of(&self, number: u64) -> Option<&Version<T, E>> {
        self.earlier
            .iter()
            .map(|(version, _)| version)
            .chain([&self.latest])
            .find(|version| u64::from(version.number) == number)
    }

    /// The one to write this in.
    pub fn to_write(&self, what: &T) -> &Version<T, E> {
        self.earlier
            .iter()
            .find(|(_, has_words_for)| has_words_for(what))
            .map_or(&self.latest, |(version, _)| version)
    }
}
