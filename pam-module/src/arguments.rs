//! The module's arguments, as they stand in a line of /etc/pam.d. Anything that is not known denies.

use std::path::PathBuf;

use nightlatch_core::login::Echo;

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
                #[cfg(feature = "planted-faults")]
                (fault, None) if crate::planted::commit(fault).is_some() => {}
                _ => return Err(BadArgument::Unknown(word.clone())),
            }
        }
        Ok(arguments)
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
        "unknown argument `{0}`; known are config=PATH, debug, prompt=TEXT, echo, skip=ignore|success"
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
        ])
        .unwrap();
        let expected = Arguments {
            config: Some("/x.toml".into()),
            debug: true,
            prompt: Some("Code = ".to_owned()),
            echo: Echo::On,
            skip: Skip::Success,
        };
        assert_eq!(arguments, expected);
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
            "DEBUG",
            "panic",
        ] {
            assert!(parse(&[word]).is_err(), "{word}");
        }
    }
}
