//! Commands that change a line of a file in /etc/pam.d: `sed`, by number, so that what is printed can be run as it stands.
//!
//! A number holds until the file changes: one mend, then the doctor again.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::finding::quoted;
use crate::pam_files::{Does, Entry, Flow, Kind, OURS, PamFiles, Said, Step};

/// The command that puts `text` in the place of a line.
pub fn replace(files: &PamFiles, step: &Step, text: &str) -> Vec<String> {
    let range = range(files, step);
    sed(&step.file, &[format!("{}c {text}", numbers(&range))])
}

/// The command that takes a line away.
pub fn delete(files: &PamFiles, step: &Step) -> Vec<String> {
    sed(&step.file, &[format!("{}d", numbers(&range(files, step)))])
}

/// The command that takes a line away and puts `text` behind line `after` of the same file.
pub fn put_behind(files: &PamFiles, step: &Step, after: usize, text: &str) -> Vec<String> {
    let range = numbers(&range(files, step));
    sed(
        &step.file,
        &[format!("{range}d"), format!("{after}a {text}")],
    )
}

/// The command that puts `text` in the place of one line, whatever follows it.
pub fn replace_line(step: &Step, text: &str) -> Vec<String> {
    sed(&step.file, &[format!("{}c {text}", step.line)])
}

/// The command that takes one line away.
pub fn delete_line(step: &Step) -> Vec<String> {
    sed(&step.file, &[format!("{}d", step.line)])
}

/// The command that takes a line away and puts `text` before line `before` of the same file.
pub fn move_before(files: &PamFiles, step: &Step, before: usize, text: &str) -> Vec<String> {
    let range = numbers(&range(files, step));
    sed(
        &step.file,
        &[format!("{before}i {text}"), format!("{range}d")],
    )
}

/// The last line of a file that is about `kind`, or includes what is.
pub fn last_of_kind(files: &PamFiles, file: &Path, kind: Kind) -> Option<usize> {
    let file = files.find(&file.to_string_lossy()).ok()??;
    let mut entries = file.entries().iter();
    let last = entries.rfind(|entry| is_about(files, entry, kind))?;
    Some(*last.lines.end())
}

/// The command that puts `text` before a line.
pub fn insert_before(step: &Step, text: &str) -> Vec<String> {
    sed(&step.file, &[format!("{}i {text}", step.line)])
}

/// The command that puts lines behind the last ones of a service's own file that are about the same kind; at its end where none
/// is. They are put in at once, since each changes the numbers of the lines behind it.
pub fn append(files: &PamFiles, service: &str, lines: &[(Kind, String)]) -> Vec<String> {
    let Ok(Some(file)) = files.find(service) else {
        return Vec::new();
    };
    let path = file.path().to_string_lossy();
    let scripts: Vec<_> = lines
        .iter()
        .map(|(kind, text)| {
            let last = last_of_kind(files, Path::new(&*path), *kind);
            let after = last.map_or_else(|| "$".to_owned(), |line| line.to_string());
            format!("{after}a {text}")
        })
        .collect();
    sed(file.path(), &scripts)
}

/// The command that makes a service include a file as one line, so that what ends the file does not end the service's stack.
pub fn include_as_one(files: &PamFiles, service: &str, kind: Kind, included: &Path) -> Vec<String> {
    let Ok(Some(file)) = files.find(service) else {
        return Vec::new();
    };
    let name = included.file_name().unwrap_or_default().to_string_lossy();
    let is_it = |other: Option<&String>| other.is_some_and(|other| *other == name);
    let found = file.entries().iter().find(|entry| match &entry.said {
        Said::Rule(rule) => {
            rule.kind == kind && rule.flow == Some(Flow::Include) && is_it(rule.module.as_ref())
        }
        Said::IncludeAll(other) => is_it(other.as_ref()),
        Said::Unknown(_) => false,
    });
    found.map_or_else(Vec::new, |entry| {
        let line = format!("{}    substack {name}", kind.word());
        sed(file.path(), &[format!("{}c {line}", numbers(&entry.lines))])
    })
}

/// A line of ours as it should be.
pub fn our_line(kind: Kind, step: Option<&Step>) -> String {
    let arguments = match step.map(|step| &step.does) {
        Some(Does::Run { arguments, .. }) => arguments.as_slice(),
        _ => &[],
    };
    line(kind, "required", OURS, arguments)
}

/// A line.
pub fn line(kind: Kind, control: &str, module: &str, arguments: &[String]) -> String {
    let mut line = format!("{:<7} {control} {module}", kind.word());
    for argument in arguments {
        let has_blanks = argument.contains(char::is_whitespace);
        line.push(' ');
        if has_blanks {
            line.push('[');
            line.push_str(&argument.replace(']', "\\]"));
            line.push(']');
        } else {
            line.push_str(argument);
        }
    }
    line
}

fn is_about(files: &PamFiles, entry: &Entry, kind: Kind) -> bool {
    match &entry.said {
        Said::Rule(rule) => rule.kind == kind,
        Said::IncludeAll(name) => {
            let included = name.as_deref().and_then(|name| files.find(name).ok()?);
            included.is_some_and(|file| file.rules(kind).next().is_some())
        }
        Said::Unknown(_) => false,
    }
}

/// All lines of the file that this one is.
fn range(files: &PamFiles, step: &Step) -> RangeInclusive<usize> {
    let file = files.find(&step.file.to_string_lossy()).ok().flatten();
    let entry = file.and_then(|file| {
        let mut entries = file.entries().iter();
        let entry = entries.find(|entry| *entry.lines.start() == step.line)?;
        Some(entry.lines.clone())
    });
    entry.unwrap_or(step.line..=step.line)
}

fn numbers(range: &RangeInclusive<usize>) -> String {
    if range.start() == range.end() {
        range.start().to_string()
    } else {
        format!("{},{}", range.start(), range.end())
    }
}

/// What the vendor ships is not changed: a copy in /etc takes its place.
fn sed(file: &Path, scripts: &[String]) -> Vec<String> {
    let mut commands = Vec::new();
    let mut target = PathBuf::from(file);
    if !file.starts_with("/etc") {
        target = Path::new("/etc/pam.d").join(file.file_name().unwrap_or_default());
        commands.push(format!(
            "cp {} {}",
            quoted(&file.to_string_lossy()),
            quoted(&target.to_string_lossy())
        ));
    }
    let scripts: Vec<_> = scripts
        .iter()
        .map(|script| format!("-e {}", quoted(&script.replace('\\', "\\\\"))))
        .collect();
    commands.push(format!(
        "sed -i --follow-symlinks {} {}",
        scripts.join(" "),
        quoted(&target.to_string_lossy())
    ));
    commands
}
