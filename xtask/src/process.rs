//! Running programs: said before, checked after.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Says what is run, runs it with this process's own input and output, and fails when it failed.
pub fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", shown(command));
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    ensure!(status.success(), "{} failed: {status}", shown(command));
    Ok(())
}

/// Runs quietly and returns what was written to standard output. Errors of the program go to ours.
pub fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    ensure!(
        output.status.success(),
        "{} failed: {}",
        shown(command),
        output.status
    );
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} wrote something that is not UTF-8", shown(command)))
}

/// The command as a person would type it: without the environment that sudo is told to keep, and with a script that is
/// passed as an argument cut short.
fn shown(command: &Command) -> String {
    let mut program = command.get_program().to_string_lossy();
    if program.ends_with("/cargo") {
        // rustup names it by its whole path.
        program = "cargo".into();
    }
    let mut arguments: Vec<_> = command
        .get_args()
        .map(|argument| argument.to_string_lossy())
        .collect();
    if arguments.starts_with(&["--".into(), "env".into()]) {
        let kept = arguments[2..].iter().take_while(|word| word.contains('='));
        arguments.drain(..2 + kept.count());
    }
    let words = std::iter::once(program).chain(arguments);
    words
        .map(|word| {
            if word.contains('\n') {
                "'…'".into()
            } else {
                word
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_returned() {
        let output = read(Command::new("sh").args(["-c", "echo one; echo two"]));
        assert_eq!(output.unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_failing_program_is_an_error_that_names_it() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(error.to_string().contains("sh -c exit 3 failed"), "{error}");
    }

    #[test]
    fn what_is_shown_is_what_a_person_would_type() {
        let mut command = Command::new("sudo");
        command.args(["--", "env", "PATH=/bin", "CI=1", "sh", "-c", "set -e\ntrue"]);
        assert_eq!(shown(&command), "sudo sh -c '…'");
        assert_eq!(
            shown(Command::new("/toolchains/stable/bin/cargo").arg("test")),
            "cargo test"
        );
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_that_names_it() {
        let error = run(&mut Command::new("/nowhere/at-all")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at-all"), "{error}");
    }
}
