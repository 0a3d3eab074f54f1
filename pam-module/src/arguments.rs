//! The module's arguments, as they stand in a line of /etc/pam.d. Anything that is not known denies.

use std::path::PathBuf;

use nightlatch_core::login::Echo;
use pamsm::PamError;

/// The arguments, parsed.
#[derive(Debug, PartialEq)]
pub struct Arguments {
    /// `config=PATH`
    pub config: Option<PathBuf>,
    /// `debug`
    pub debug: bool,
    /// `prompt=TEXT`
    pub prompt: Option<String>,
    /// `echo`
    pub echo: Echo,
    /// `skip=ignore|success`: what an explicit exemption returns.
    pub skip: PamError,
}

impl Arguments {
    /// Reads the words of the line. libpam has taken brackets off, so that `[prompt=One-time code: ]` is one word.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut arguments = Self {
            config: None,
            debug: false,
            prompt: None,
            echo: Echo::Off,
            skip: PamError::IGNORE,
        };
        for word in words {
            match word
                .split_once('=')
                .map_or((word.as_str(), None), |(key, value)| (key, Some(value)))
            {
                ("config", Some(path)) if path.starts_with('/') => {
                    arguments.config = Some(path.into());
                }
                ("config", _) => return Err(
                    "`config=` takes an absolute path, such as config=/etc/nightlatch/sudo.toml"
                        .to_owned(),
                ),
                ("debug", None) => arguments.debug = true,
                ("prompt", Some(text))
                    if !text.is_empty() && !text.chars().any(char::is_control) =>
                {
                    arguments.prompt = Some(text.to_owned());
                }
                ("prompt", _) => {
                    return Err(
                        "`prompt=` takes a text, such as [prompt=One-time code: ]".to_owned()
                    );
                }
                ("echo", None) => arguments.echo = Echo::On,
                ("skip", Some("ignore")) => arguments.skip = PamError::IGNORE,
                ("skip", Some("success")) => arguments.skip = PamError::SUCCESS,
                ("skip", _) => return Err("`skip=` takes ignore or success".to_owned()),
                #[cfg(feature = "planted-panic")]
                ("panic", None) => panic!("planted, with the secret 123456"),
                _ => {
                    return Err(format!(
                        "unknown argument `{word}`; known are config=PATH, debug, prompt=TEXT, echo, skip=ignore|success"
                    ));
                }
            }
        }
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Result<Arguments, String> {
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
            skip: PamError::SUCCESS,
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
