//! Where the built module asks the processor what it can do. A virtual machine traps each such question, which costs a login
//! more than the few hashes that it is asked for.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::workspace::Workspace;
use crate::{artifacts, process};

/// Counts the questions in the module's code.
pub fn check(workspace: &Workspace) -> Result<()> {
    let found = questions(&artifacts::module(workspace))?;
    ensure!(
        found <= OF_ARGON2,
        "the module asks the processor in {found} places, and no more than {OF_ARGON2}, Argon2's, are wanted: something is \
         built that looks for its instructions at every login. Were the rustflags of .cargo/config.toml in force (RUSTFLAGS \
         takes their place)?"
    );
    println!("asks the processor in {found} places");
    Ok(())
}

/// Argon2 asks for AVX2, once in a process that hashes a backup code: it gains more than it costs.
const OF_ARGON2: usize = 3;

fn questions(file: &Path) -> Result<usize> {
    let listing = process::read(
        Command::new("objdump")
            .args(["--disassemble", "--no-show-raw-insn"])
            .arg(file)
            .env("LC_ALL", "C"),
    )?;
    // Nothing read would be nothing asked.
    ensure!(
        listing.lines().count() > 100,
        "objdump does not show the code of {}",
        file.display()
    );
    Ok(count(&listing))
}

/// A line of it is an address with a colon, a tab and the instruction.
fn count(listing: &str) -> usize {
    listing
        .lines()
        .filter_map(|line| line.split_once(":\t"))
        .filter(|(_, instruction)| instruction.split_whitespace().next() == Some("cpuid"))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_instruction_is_counted() {
        let listing = "\
0000000000001000 <cpuid>:
    1000:\tmov    $0x7,%eax
    1005:\tcpuid
    1007:\tcall   1000 <cpuid>
    100c:\tcpuid
";
        assert_eq!(count(listing), 2);
    }

    #[test]
    fn a_file_without_code_is_an_error() {
        assert!(questions(Path::new("/dev/null")).is_err());
    }
}
