//! docs/differences.md, read.

use std::collections::BTreeMap;

use crate::house::MODES;

/// What comes of a scenario with one module and with the other.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    pub ours: String,
    pub theirs: String,
}

/// The differences that the page lists, by the names of scenario and mode.
pub fn differences() -> BTreeMap<(String, String), Difference> {
    let mut differences = BTreeMap::new();
    let lines = PAGE.lines().skip_while(|line| *line != HEAD).skip(2);
    for line in lines.take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [scenario, modes, ours, theirs, why] = cells[..] else {
            panic!("not five cells: {line}")
        };
        assert!(why.len() > 20, "no reason: {line}");
        let modes = modes.replace('`', "");
        let all: Vec<_> = MODES.iter().map(ToString::to_string).collect();
        let modes: Vec<_> = match &modes[..] {
            "all" => all,
            some => some.split(", ").map(str::to_owned).collect(),
        };
        for mode in modes {
            let difference = Difference {
                ours: ours.to_owned(),
                theirs: theirs.to_owned(),
            };
            let place = (scenario.to_owned(), mode);
            let double = differences.insert(place.clone(), difference);
            assert!(double.is_none(), "{place:?} is listed twice");
        }
    }
    assert!(!differences.is_empty(), "the page has no table {HEAD}");
    differences
}

const PAGE: &str = include_str!("../../../docs/differences.md");

const HEAD: &str = "| scenario | modes | Nightlatch | pam_google_authenticator | why |";
