//! How the built module and command are linked: what makes an attacker's work harder must be in what is installed, and no
//! library may be loaded that was not asked for.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::workspace::Workspace;
use crate::{artifacts, process};

/// Reads what the linker wrote into both, and fails with everything that is wrong.
pub fn check(workspace: &Workspace) -> Result<()> {
    let module = Linked::read(&artifacts::module(workspace))?;
    let command = Linked::read(&artifacts::command(workspace))?;
    let mut wrong = module.wrong_in_any("the module");
    wrong.extend(module.wrong_in_the_module());
    wrong.extend(command.wrong_in_any("the command"));
    wrong.extend(command.wrong_in_a_program("the command"));
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("the module  needs {}", module.needed.join(" "));
    println!("the command needs {}", command.needed.join(" "));
    Ok(())
}

/// What of it the program headers and the dynamic section tell.
#[derive(Debug, Default)]
struct Linked {
    /// Libraries that it asks the dynamic loader for.
    needed: Vec<String>,
    /// Types of dynamic entries, such as `RUNPATH`.
    entries: Vec<String>,
    /// The words of `FLAGS` and `FLAGS_1`.
    flags: Vec<String>,
    /// Types and permissions of segments, such as `("LOAD", "R E")`.
    segments: Vec<(String, String)>,
}

impl Linked {
    fn read(file: &Path) -> Result<Self> {
        let listing = process::read(
            Command::new("readelf")
                .args(["--wide", "--program-headers", "--dynamic"])
                .arg(file)
                .env("LC_ALL", "C"),
        )?;
        let linked = Self::parse(&listing);
        // Nothing read would be nothing wrong.
        ensure!(
            !linked.segments.is_empty() && !linked.entries.is_empty(),
            "readelf does not show the headers of {}:\n{listing}",
            file.display()
        );
        Ok(linked)
    }

    fn parse(listing: &str) -> Self {
        let mut linked = Self::default();
        for line in listing.lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            match words[..] {
                // ` 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]`
                [tag, entry, ..]
                    if tag.starts_with("0x") && entry.starts_with('(') && entry.ends_with(')') =>
                {
                    let entry = entry.trim_matches(['(', ')']);
                    linked.entries.push(entry.to_owned());
                    if entry == "NEEDED" {
                        let name = words[words.len() - 1].trim_matches(['[', ']']);
                        linked.needed.push(name.to_owned());
                    }
                    if entry.starts_with("FLAGS") {
                        let flags = words[2..].iter().filter(|word| **word != "Flags:");
                        linked.flags.extend(flags.map(|word| (*word).to_owned()));
                    }
                }
                // `  LOAD  0x04cdc8 0x000000000004ddc8 0x000000000004ddc8 0x10cfc8 0x10cfc8 R E 0x1000`
                [kind, ..]
                    if !kind.starts_with("0x")
                        && words.len() > 6
                        && words[1..6].iter().all(|word| word.starts_with("0x")) =>
                {
                    let permissions = words[6..]
                        .iter()
                        .filter(|word| word.chars().all(|letter| "RWE".contains(letter)));
                    let permissions: String = permissions.copied().collect();
                    linked.segments.push((kind.to_owned(), permissions));
                }
                _ => {}
            }
        }
        linked
    }

    fn wrong_in_any(&self, what: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut must = |holds: bool, otherwise: &str| {
            if !holds {
                wrong.push(format!("{what} {otherwise}"));
            }
        };
        must(
            self.segments.iter().any(|(kind, _)| kind == "GNU_RELRO"),
            "leaves its tables writable: link it with -z relro",
        );
        must(
            self.flags
                .iter()
                .any(|flag| flag == "NOW" || flag == "BIND_NOW"),
            "binds functions when they are called, so that a table of them stays writable: link it with -z now",
        );
        must(
            self.segments.iter().any(|(kind, _)| kind == "GNU_STACK"),
            "does not say that it needs no executable stack: link it with -z noexecstack",
        );
        must(
            self.segments
                .iter()
                .all(|(_, permissions)| !(permissions.contains('W') && permissions.contains('E'))),
            "has memory, or a stack, that is writable and executable: link it with -z noexecstack",
        );
        for path in ["RPATH", "RUNPATH"] {
            must(
                !self.has(path),
                &format!("names a folder to load libraries from ({path}): link it without -rpath"),
            );
        }
        must(
            !self.has("TEXTREL") && self.flags.iter().all(|flag| flag != "TEXTREL"),
            "has relocations in its code (TEXTREL): compile all of it with -fPIC",
        );
        wrong
    }

    /// Loading is paid for at every login, and a library that is loaded is code that runs as root.
    fn wrong_in_the_module(&self) -> Vec<String> {
        let mut wrong: Vec<_> = self
            .needed
            .iter()
            .filter(|name| {
                !["libc.so.", "libpam.so.", "ld-linux", "ld64.so"]
                    .iter()
                    .any(|known| name.starts_with(known))
            })
            // libgcc_s costs 170 µs at every login; pam-module/build.rs links the static gcc_eh in its place.
            .map(|name| format!("the module loads {name}: only libc and libpam are wanted"))
            .collect();
        for library in ["libc.so.", "libpam.so."] {
            if !self.needed.iter().any(|name| name.starts_with(library)) {
                wrong.push(format!(
                    "the module does not ask for {library}*: did it link?"
                ));
            }
        }
        wrong
    }

    fn wrong_in_a_program(&self, what: &str) -> Option<String> {
        let moves = self.flags.iter().any(|flag| flag == "PIE");
        (!moves).then(|| format!("{what} has fixed addresses: link it with -pie"))
    }

    fn has(&self, entry: &str) -> bool {
        self.entries.iter().any(|here| here == entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Links a library or program with gcc and gives what is wrong with it.
    fn wrong_when_linked(source: &str, options: &[&str]) -> Vec<String> {
        let folder = std::env::temp_dir().join(format!(
            "nightlatch-hardening-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::create_dir_all(&folder).unwrap();
        let (code, built) = (folder.join("it.c"), folder.join("it"));
        std::fs::write(&code, source).unwrap();
        let status = Command::new("cc")
            .args(options)
            .arg(&code)
            .arg("-o")
            .arg(&built)
            .status();
        assert!(status.unwrap().success());
        let linked = Linked::read(&built).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let mut wrong = linked.wrong_in_any("it");
        if !options.contains(&"-shared") {
            wrong.extend(linked.wrong_in_a_program("it"));
        }
        wrong
    }

    fn library(options: &[&str]) -> Vec<String> {
        let good = ["-shared", "-fPIC", "-Wl,-z,relro,-z,now,-z,noexecstack"];
        wrong_when_linked(
            "int f(void) { return 1; }\n",
            &[&good[..], options].concat(),
        )
    }

    fn program(options: &[&str]) -> Vec<String> {
        let good = ["-fPIE", "-Wl,-z,relro,-z,now,-z,noexecstack"];
        wrong_when_linked(
            "int main(void) { return 0; }\n",
            &[&good[..], options].concat(),
        )
    }

    #[test]
    fn nothing_is_wrong_with_what_is_linked_well() {
        assert_eq!(library(&[]), [""; 0]);
        assert_eq!(program(&["-pie"]), [""; 0]);
    }

    #[test]
    fn each_thing_that_a_linker_can_leave_out_is_seen() {
        for (options, word) in [
            (&["-Wl,-z,norelro"][..], "-z relro"),
            (&["-Wl,-z,lazy"], "-z now"),
            (&["-Wl,-z,execstack"], "noexecstack"),
            (&["-Wl,--disable-new-dtags", "-Wl,-rpath,/tmp"], "(RPATH)"),
            (&["-Wl,--enable-new-dtags", "-Wl,-rpath,/tmp"], "(RUNPATH)"),
        ] {
            let wrong = library(options);
            assert_eq!(wrong.len(), 1, "{options:?}: {wrong:?}");
            assert!(wrong[0].contains(word), "{options:?}: {wrong:?}");
        }
        let wrong = program(&["-no-pie"]);
        assert_eq!(wrong, ["it has fixed addresses: link it with -pie"]);
    }

    /// What readelf says of libraries that not every compiler will make.
    #[test]
    fn relocations_in_code_and_memory_that_is_writable_and_executable_are_seen() {
        let good = "\
  LOAD           0x001000 0x0000000000001000 0x0000000000001000 0x000115 0x000115 R E 0x1000
  GNU_STACK      0x000000 0x0000000000000000 0x0000000000000000 0x000000 0x000000 RW  0x10
  GNU_RELRO      0x002e48 0x0000000000003e48 0x0000000000003e48 0x0001b8 0x0001b8 R   0x1
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
 0x000000006ffffffb (FLAGS_1)            Flags: NOW
";
        assert_eq!(Linked::parse(good).wrong_in_any("it"), [""; 0]);
        for (line, word) in [
            (" 0x0000000000000016 (TEXTREL)            0x0\n", "TEXTREL"),
            (
                " 0x000000000000001e (FLAGS)              TEXTREL\n",
                "TEXTREL",
            ),
            (
                "  LOAD           0x002000 0x0000000000002000 0x0000000000002000 0x0000a4 0x0000a4 RWE 0x1000\n",
                "writable and executable",
            ),
        ] {
            let wrong = Linked::parse(&format!("{good}{line}")).wrong_in_any("it");
            assert_eq!(wrong.len(), 1, "{line}: {wrong:?}");
            assert!(wrong[0].contains(word), "{wrong:?}");
        }
        let silent = good.replace("GNU_STACK", "NOTE     ");
        assert_eq!(Linked::parse(&silent).wrong_in_any("it").len(), 1);
    }

    #[test]
    fn the_module_loads_libc_and_libpam_and_nothing_else() {
        let needing = |names: &[&str]| {
            Linked {
                needed: names.iter().map(|&name| name.to_owned()).collect(),
                ..Linked::default()
            }
            .wrong_in_the_module()
        };
        let good = ["libpam.so.0", "libc.so.6", "ld-linux-x86-64.so.2"];
        assert_eq!(needing(&good), [""; 0]);
        assert_eq!(needing(&good[..1]).len(), 1);
        let wrong = needing(&[&good[..], &["libgcc_s.so.1"]].concat());
        assert!(wrong[0].contains("libgcc_s.so.1"), "{wrong:?}");
    }

    #[test]
    fn a_file_that_is_not_linked_is_an_error() {
        assert!(Linked::read(Path::new("/dev/null")).is_err());
    }
}
