//! The kept inputs of every property, with the ordinary toolchain: what a fuzzer once found stays mended.

use std::fs;
use std::path::{Path, PathBuf};

use super::PROPERTIES;

#[test]
fn every_property_holds_for_every_kept_input() {
    for (name, property) in PROPERTIES {
        let inputs = kept_inputs(name);
        assert!(!inputs.is_empty(), "fuzz/corpus/{name} holds no inputs");
        for input in inputs {
            println!("{}", input.display());
            property(&fs::read(input).unwrap());
        }
    }
}

/// The files in `fuzz/corpus/NAME` and, if anything was ever found, in `fuzz/regressions/NAME`.
fn kept_inputs(name: &str) -> Vec<PathBuf> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    ["corpus", "regressions"]
        .iter()
        .filter_map(|kept| fs::read_dir(fuzz.join(kept).join(name)).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect()
}
