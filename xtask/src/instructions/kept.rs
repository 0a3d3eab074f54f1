//! The file of counts: sets of them, each under the surrounding that it was counted in.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, Result, ensure};

use super::Counts;

/// What was recorded.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    sets: BTreeMap<String, Counts>,
}

impl Kept {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Result<Self> {
        let mut sets: BTreeMap<String, Counts> = BTreeMap::new();
        let mut current = None;
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(surrounding) = line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                ensure!(
                    !sets.contains_key(surrounding),
                    "{surrounding} is there twice"
                );
                current = Some(sets.entry(surrounding.to_owned()).or_default());
            } else {
                let set = current
                    .as_mut()
                    .with_context(|| format!("before all sets: {line}"))?;
                let (name, count) = line
                    .split_once(' ')
                    .with_context(|| format!("not a name and a count: {line}"))?;
                let count = count
                    .trim()
                    .parse()
                    .with_context(|| format!("not a count: {line}"))?;
                set.insert(name.to_owned(), count);
            }
        }
        Ok(Self { sets })
    }

    pub fn set(&self, surrounding: &str) -> Option<&Counts> {
        self.sets.get(surrounding)
    }

    pub fn keep(&mut self, surrounding: &str, counts: Counts) {
        self.sets.insert(surrounding.to_owned(), counts);
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "# How many instructions a login takes, by `cargo xtask instructions --record`. See docs/performance.md.\n",
        )?;
        for (surrounding, counts) in &self.sets {
            writeln!(f, "\n[{surrounding}]")?;
            for (name, count) in counts {
                writeln!(f, "{name:<20} {count:>10}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let mut kept = Kept::parse("# nothing yet\n").unwrap();
        kept.keep("rustc 2", Counts::from([("one".to_owned(), 1)]));
        kept.keep(
            "rustc 1",
            Counts::from([("one".to_owned(), 2), ("two".to_owned(), 3)]),
        );
        assert_eq!(Kept::parse(&kept.to_string()).unwrap(), kept);
        assert_eq!(kept.set("rustc 1").unwrap()["two"], 3);
        assert_eq!(kept.set("rustc 3"), None);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in ["one 1", "[a]\none", "[a]\none x", "[a]\n[a]\n"] {
            assert!(Kept::parse(text).is_err(), "{text:?}");
        }
    }
}
