//! A secret that exists already, that of a hardware token as a rule: out of a file or a pipe, or typed without being shown.
//!
//! It never comes through the argument list, which every process on the host may read and shells keep.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use nightlatch_core::login::Echo;
use nightlatch_core::token::Secret;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, SFlag, fstat};
use zeroize::Zeroizing;

use crate::ask::Asker;
use crate::failure::Failure;
use crate::screen::Screen;

/// A secret out of a file.
#[derive(Debug)]
pub struct FromFile {
    /// The secret.
    pub secret: Secret,
    /// What is to be said about the file, if others than its owner can read it.
    pub warning: Option<String>,
}

/// Reads the secret that is all there is in a file or a pipe.
///
/// Whatever else bears the name is not waited for. A pipe is: Ctrl-C ends that.
pub fn from_file(path: &Path) -> anyhow::Result<FromFile> {
    let name = path.display();
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let file = open(path, flags, Mode::empty())
        .map_err(io::Error::from)
        .with_context(|| format!("{name}: cannot be opened"))?;
    let file = File::from(file);
    let mode = fstat(&file)
        .map_err(io::Error::from)
        .with_context(|| format!("{name}: cannot be examined"))?
        .st_mode;
    let kind = SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits());
    if kind != SFlag::S_IFREG && kind != SFlag::S_IFIFO {
        bail!("{name}: neither a file nor a pipe");
    }
    let text = read(&file).with_context(|| format!("{name}: cannot be read"))?;
    let secret = Secret::parse_written(&text).map_err(|error| anyhow!("{name}: {error}"))?;
    let others = mode & (Mode::S_IRWXG | Mode::S_IRWXO).bits();
    Ok(FromFile {
        secret,
        warning: (kind == SFlag::S_IFREG && others != 0).then(|| {
            format!(
                "{name}: others than its owner can get at it (mode {:04o}), and whoever read it has the secret. \
                 Delete it when it is no longer needed, and until then: chmod go= {name}",
                mode & 0o7777
            )
        }),
    })
}

/// Reads the secret in the first line of standard input. What comes after it answers questions.
pub fn from_standard_input(asker: &mut Asker<'_>) -> anyhow::Result<Secret> {
    if io::stdin().is_terminal() {
        let text = "standard input is a terminal: type the secret with --ask-secret, which does not show it";
        return Err(Failure::Usage(text.to_owned()).into());
    }
    let line = asker.ask("", Echo::Off)?;
    let line = line.ok_or_else(|| anyhow!("standard input: no secret was given"))?;
    Secret::parse_written(&line).map_err(|error| anyhow!("standard input: {error}"))
}

/// Asks for the secret, and does not show what is typed.
pub fn asked_for(asker: &mut Asker<'_>, screen: &Screen) -> anyhow::Result<Secret> {
    for _ in 0..TRIES {
        let Some(line) = asker.ask(QUESTION, Echo::Off)? else {
            bail!("no secret was given; nothing was written");
        };
        match Secret::parse_written(&line) {
            Ok(secret) => return Ok(secret),
            Err(error) => screen.say(&format!("That is no secret: {error}."))?,
        }
    }
    bail!("no secret was given in {TRIES} tries; nothing was written")
}

/// All that is in it, and at most one byte more than any secret has.
fn read(file: &File) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(vec![0; Secret::LONGEST_TEXT + 1]);
    let mut length = 0;
    while length < text.len() {
        // A pipe whose writer is slow, or has not come yet.
        let mut sources = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
        match poll(&mut sources, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(io::Error::from(error).into()),
        }
        match nix::unistd::read(file, &mut text[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
    text.truncate(length);
    Ok(text)
}

/// The question for a secret.
const QUESTION: &str = "Secret of the token, in hex or base32 (it is not shown): ";
/// How many texts that are no secret end it.
const TRIES: u32 = 3;

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::thread;

    use nix::unistd::mkfifo;

    use super::*;
    use crate::failure::in_words;

    const HEX: &str = "3132333435363738393031323334353637383930";
    const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn home() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_file_that_others_can_read_is_read_and_told_of() {
        let home = home();
        let path = home.path().join("secret");
        fs::write(&path, format!("{HEX}\n")).unwrap();
        for (mode, told) in [(0o600, false), (0o640, true), (0o604, true), (0o400, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let read = from_file(&path).unwrap();
            assert_eq!(*read.secret.to_base32(), BASE32);
            assert_eq!(read.warning.is_some(), told, "{mode:o}");
            if let Some(warning) = read.warning {
                assert!(warning.contains(&format!("mode {mode:04o}")), "{warning}");
            }
        }
    }

    #[test]
    fn a_pipe_is_waited_for_and_a_link_is_followed() {
        let home = home();
        let pipe = home.path().join("pipe");
        mkfifo(&pipe, Mode::S_IRWXU | Mode::S_IRGRP).unwrap();
        let link = home.path().join("link");
        symlink(&pipe, &link).unwrap();
        let writer = thread::spawn(move || {
            let mut pipe = File::options().write(true).open(pipe).unwrap();
            for half in [&HEX[..20], &HEX[20..]] {
                io::Write::write_all(&mut pipe, half.as_bytes()).unwrap();
                thread::sleep(std::time::Duration::from_millis(30));
            }
        });
        let read = from_file(&link).unwrap();
        writer.join().unwrap();
        assert_eq!(*read.secret.to_base32(), BASE32);
        assert_eq!(read.warning, None);
    }

    #[test]
    fn what_holds_no_secret_is_refused_by_name_and_never_quoted() {
        let home = home();
        let path = home.path().join("secret");
        for (text, why) in [
            (String::new(), "there is no secret in it"),
            (format!("{HEX}\n{HEX}\n"), "neither hex"),
            (HEX.repeat(100), "longer than any secret"),
            ("ABCDEF234567ABCDEF234567ABCDEF23".to_owned(), "`hex:`"),
        ] {
            fs::write(&path, &text).unwrap();
            let error = in_words(&from_file(&path).unwrap_err());
            assert!(error.contains(why), "{error}");
            assert!(error.contains("/secret: "), "{error}");
            assert!(text.is_empty() || !error.contains(&text), "{error}");
        }
        for (path, why) in [
            (home.path(), "neither a file nor a pipe"),
            (Path::new("/dev/zero"), "neither a file nor a pipe"),
            (&home.path().join("nothing"), "cannot be opened"),
        ] {
            let error = in_words(&from_file(path).unwrap_err());
            assert!(error.contains(why), "{error}");
        }
    }
}
