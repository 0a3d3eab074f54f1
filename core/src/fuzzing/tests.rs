//! The kept inputs of every property, with the ordinary toolchain: what a fuzzer once found stays mended.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{PROPERTIES, conversation, machine, transactions};
use crate::testing::home_in_memory;
use crate::testing::thrift::Thrift;

#[test]
fn every_property_holds_for_every_kept_input() {
    let _thrift = Thrift::begin();
    for (name, property) in PROPERTIES {
        for input in kept_inputs(name) {
            property(&input);
        }
    }
}

#[test]
fn transactions_keep_what_was_answered_for_every_kept_input() {
    let home = home_in_memory();
    for input in kept_inputs("transactions") {
        transactions(&input, home.path());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_answers_that_prove_nothing_tell_who_somebody_is(
        person in any::<[u8; 4]>(),
        answers in prop::collection::vec("[0-9]{6}|[0-9]{8}|\\PC{0,20}", 0..12),
    ) {
        let _thrift = Thrift::begin();
        let answers: Vec<_> = answers.iter().map(String::as_bytes).collect();
        conversation(&[&person[..], &answers.join(&0xff)].concat());
    }

    #[test]
    fn transactions_keep_what_was_answered_whatever_comes_between(
        steps in prop::collection::vec(any::<[u8; 4]>(), 0..32)
    ) {
        let enrolled = [[6, 1, 0, 0]];
        transactions([&enrolled, &steps[..]].concat().as_flattened(), home_in_memory().path());
    }

    #[test]
    fn a_temporary_code_opens_once_whatever_comes_between(
        steps in prop::collection::vec(
            prop_oneof![
                any::<[u8; 4]>(),
                any::<[u8; 3]>().prop_map(|[with, when, trouble]| [224, with, when, trouble]),
                any::<[u8; 3]>().prop_map(|[with, when, trouble]| [5, with | 0x30, when, trouble]),
            ],
            0..32,
        )
    ) {
        let enrolled = [[6, 1, 0, 0]];
        transactions([&enrolled, &steps[..]].concat().as_flattened(), home_in_memory().path());
    }
}

proptest! {
    // Few: a course can take half a second where digests have their full cost.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_login_machine_keeps_its_promises_whatever_is_answered_changed_and_broken(
        head in any::<[u8; 7]>(),
        steps in prop::collection::vec(any::<[u8; 4]>(), 0..48),
    ) {
        machine(&[&head[..], steps.as_flattened()].concat());
    }
}

/// What is in `fuzz/corpus/NAME` and, if anything was ever found, in `fuzz/regressions/NAME`. Each is named, so that it is
/// known which one broke.
fn kept_inputs(name: &str) -> impl Iterator<Item = Vec<u8>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut inputs: Vec<PathBuf> = ["corpus", "regressions"]
        .iter()
        .filter_map(|kept| fs::read_dir(fuzz.join(kept).join(name)).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "fuzz/corpus/{name} holds no inputs");
    inputs.into_iter().map(|input| {
        println!("{}", input.display());
        fs::read(input).unwrap()
    })
}
