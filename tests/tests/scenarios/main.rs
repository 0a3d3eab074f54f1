//! The scenarios that the tests of `pam_google_authenticator` know, with Nightlatch and with the installed
//! `pam_google_authenticator`, in every way to be asked: what came back and how many questions came.
//!
//! Where the two differ, docs/differences.md says so and why, and it is that page which is tested: a difference that it does
//! not list fails, and so does a line of it that is no difference (any more).

#![allow(
    clippy::expect_used,
    reason = "an assertion of a test, in what several tests share"
)]

mod fields;
mod house;
mod page;
mod suite;

use std::collections::BTreeMap;

use nightlatch_tests::sandboxed;

use crate::house::{House, Lock, MODES};
use crate::page::Difference;

#[test]
fn in_every_scenario_and_mode_what_comes_is_what_must() {
    sandboxed(|world| {
        let mut wrong = Vec::new();
        for scenario in suite::SCENARIOS {
            for mode in MODES {
                let came = (scenario.run)(&House::new(world, Lock::Ours, mode));
                let must = (scenario.ours)(mode);
                if came != must {
                    wrong.push(format!(
                        "{} | {mode} | {came} | must: {must}",
                        scenario.name
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}

#[test]
fn where_pam_google_authenticator_does_otherwise_the_page_says_why() {
    sandboxed(|world| {
        let mut found = BTreeMap::new();
        for scenario in suite::SCENARIOS {
            for mode in MODES {
                let [ours, theirs] = [Lock::Ours, Lock::Theirs]
                    .map(|lock| (scenario.run)(&House::new(world, lock, mode)));
                if ours != theirs {
                    let difference = Difference { ours, theirs };
                    found.insert((scenario.name.to_owned(), mode.to_string()), difference);
                }
            }
        }
        let listed = page::differences();
        let missing: Vec<_> = found
            .iter()
            .filter(|(place, difference)| listed.get(place) != Some(difference))
            .collect();
        let outdated: Vec<_> = listed
            .iter()
            .filter(|(place, difference)| found.get(place) != Some(difference))
            .collect();
        assert!(
            missing.is_empty() && outdated.is_empty(),
            "differences that docs/differences.md does not list:\n{missing:#?}\nlines of it that are none:\n{outdated:#?}"
        );
    });
}
