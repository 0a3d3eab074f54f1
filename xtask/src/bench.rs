//! `cargo xtask bench`: what a login costs, side by side with what people use today.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::packages::{BUILD, END_TO_END};
use crate::workspace::Workspace;
use crate::{artifacts, end_to_end, packages};

/// Installs, builds and runs the benchmark; what is measured and how is in `tests/src/bin/bench`. With `--write`, the page about it
/// shows the new figures.
///
/// It gets a folder in the target folder because its stores must lie on a real disk: the sandbox's own files are in memory.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    packages::install(&[BUILD, END_TO_END])?;
    artifacts::build(workspace)?;
    let disk = workspace.target.join("bench");
    let mut words = vec![disk.to_string_lossy().into_owned()];
    words.extend(arguments.iter().filter(|word| *word != WRITE).cloned());
    end_to_end::program(workspace, "bench", &words)?;
    if arguments.iter().any(|word| word == WRITE) {
        write(&disk, &workspace.root.join("docs"))?;
    }
    Ok(())
}

/// Puts the table and the chart that the benchmark left into the book.
fn write(measured: &Path, docs: &Path) -> Result<()> {
    let page = docs.join("performance.md");
    let table = read(&measured.join("table.md"))?;
    let text = with_table(&read(&page)?, &table)
        .with_context(|| format!("{} lacks the lines {BEGIN} and {END}", page.display()))?;
    put(&page, &text)?;
    put(
        &docs.join("performance.svg"),
        &read(&measured.join("chart.svg"))?,
    )?;
    println!("Written: {}, and its chart.", page.display());
    Ok(())
}

/// The page with another table between the two lines.
fn with_table(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n{END}{after}", table.trim()))
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn put(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

const WRITE: &str = "--write";
const BEGIN: &str = "<!-- what `cargo xtask bench --write` measured -->";
const END: &str = "<!-- end of what was measured -->";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_table_takes_the_place_of_the_old_one() {
        let page = format!("Before.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n");
        let once = with_table(&page, "new\n").unwrap();
        assert_eq!(once, format!("Before.\n\n{BEGIN}\nnew\n{END}\n\nAfter.\n"));
        assert_eq!(with_table(&once, "new"), Some(once));
        assert_eq!(with_table("a page of another kind", "new"), None);
    }

    #[test]
    fn the_page_has_a_place_for_the_table() {
        let page = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md"));
        assert!(with_table(&page.unwrap(), "new").is_some());
    }
}
