//! The module's arguments, as they stand in a line of /etc/pam.d. Anything that is not known denies.

use std::path::PathBuf;

use nightlatch_core::login::{AsksFor, Echo};

/// The arguments, parsed.
#[derive(Debug, PartialEq, Eq)]
pub struct Arguments {
    /// `config=PATH`
    pub config: Option<PathBuf>,
    /// `debug`
    pub debug: bool,
    /// `prompt=TEXT`
    pub prompt: Option<String>,
    /// `echo`
    pub echo: Echo,
    /// `skip=ignore|success`
    pub skip: Skip,
    /// `try_first_pass` and `use_first_pass`
    pub first_pass: FirstPass,
    /// `forward_pass`
    pub forward: Forward,
}

/// What is made of the password that a module before us asked for (`PAM_AUTHTOK`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstPass {
    /// Nothing.
    Leave,
    /// `try_first_pass`: a code may stand behind it; the questions come if none does, or a wrong one.
    Try,
    /// `use_first_pass`: the same, and no question ever comes.
    Only,
}

/// Whether what stands before the code is left to the module behind us, as its `PAM_AUTHTOK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// It is not.
    Nothing,
    /// `forward_pass`: it is.
    Password,
}

/// What an exemption returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// `PAM_IGNORE`: the rest of the stack decides.
    Ignore,
    /// `PAM_SUCCESS`.
    Success,
}

impl Arguments {
    /// Reads the words of the line. libpam has taken brackets off, so that `[prompt=One-time code: ]` is one word.
    pub fn parse(words: &[String]) -> Result<Self, BadArgument> {
        let mut arguments = Self {
            config: None,
            debug: false,
            prompt: None,
            echo: Echo::Off,
            skip: Skip::Ignore,
            first_pass: FirstPass::Leave,
            forward: Forward::Nothing,
        };
        for word in words {
            match word
                .split_once('=')
                .map_or((word.as_str(), None), |(key, value)| (key, Some(value)))
            {
                ("config", Some(path)) if path.starts_with('/') => {
                    arguments.config = Some(path.into());
                }
                ("config", _) => return Err(BadArgument::Config),
                ("debug", None) => arguments.debug = true,
                ("prompt", Some(text))
                    if !text.is_empty() && !text.chars().any(char::is_control) =>
                {
                    arguments.prompt = Some(text.to_owned());
                }
                ("prompt", _) => {
                    return Err(BadArgument::Prompt);
                }
                ("echo", None) => arguments.echo = Echo::On,
                ("skip", Some("ignore")) => arguments.skip = Skip::Ignore,
                ("skip", Some("success")) => arguments.skip = Skip::Success,
                ("skip", _) => return Err(BadArgument::Skip),
                // Of both, the one that never asks, in whatever order they stand.
                ("try_first_pass", None) if arguments.first_pass == FirstPass::Only => {}
                ("try_first_pass", None) => arguments.first_pass = FirstPass::Try,
                ("use_first_pass", None) => arguments.first_pass = FirstPass::Only,
                ("forward_pass", None) => arguments.forward = Forward::Password,
                #[cfg(feature = "planted-faults")]
                (fault, None) if crate::planted::commit(fault).is_some() => {}
                _ => return Err(BadArgument::Unknown(word.clone())),
            }
        }
        Ok(arguments)
    }

    /// What a question asks for.
    pub fn asks_for(&self) -> AsksFor {
        match self.forward {
            Forward::Nothing => AsksFor::Code,
            Forward::Password => AsksFor::Both,
        }
    }
}

/// A word that is not an argument.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadArgument {
    /// A relative path would depend on where the host stands.
    #[error("`config=` takes an absolute path, such as config=/etc/nightlatch/sudo.toml")]
    Config,
    /// Empty, or with control characters.
    #[error("`prompt=` takes a text, such as [prompt=One-time code: ]")]
    Prompt,
    /// Another word.
    #[error("`skip=` takes ignore or success")]
    Skip,
    /// Not an argument of this module.
    #[error(
        "unknown argument `{0}`; known are config=PATH, debug, prompt=TEXT, echo, skip=ignore|success, try_first_pass, \
         use_first_pass, forward_pass"
    )]
    Unknown(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Result<Arguments, BadArgument> {
        Arguments::parse(&line.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn every_argument_is_taken() {
        let arguments = parse(&[
            "config=/x.toml",
            "debug",
            "prompt=Code = ",
            "echo",
            "skip=success",
            "try_first_pass",
            "forward_pass",
        ])
        .unwrap();
        let expected = Arguments {
            config: Some("/x.toml".into()),
            debug: true,
            prompt: Some("Code = ".to_owned()),
            echo: Echo::On,
            skip: Skip::Success,
            first_pass: FirstPass::Try,
            forward: Forward::Password,
        };
        assert_eq!(arguments, expected);
    }

    #[test]
    fn of_both_first_passes_the_one_that_never_asks_counts() {
        for line in [
            &["try_first_pass", "use_first_pass"][..],
            &["use_first_pass", "try_first_pass"],
            &["use_first_pass"],
        ] {
            assert_eq!(parse(line).unwrap().first_pass, FirstPass::Only);
        }
    }

    #[test]
    fn an_argument_that_is_not_known_or_not_right_is_an_error() {
        for word in [
            "",
            "nullok",
            "config",
            "config=",
            "config=x.toml",
            "debug=1",
            "prompt=",
            "prompt=a\nb",
            "echo=",
            "skip",
            "skip=yes",
            "forward_pass=1",
            "use_first_pass=",
            "DEBUG",
            "panic",
        ] {
            assert!(parse(&[word]).is_err(), "{word}");
        }
    }
}
