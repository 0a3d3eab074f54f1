//! `config show` and `config check`: open to everybody who may read the file.

use std::path::Path;

use nightlatch_core::config::{Config, DEFAULT_PATH};

use crate::app::{absolute, configuration};
use crate::cli;
use crate::screen::Screen;

/// Shows or checks the configuration.
pub fn run(named: Option<&Path>, arguments: &cli::Config) -> anyhow::Result<()> {
    let config = configuration(named)?;
    let screen = Screen::output()?;
    match arguments {
        cli::Config::Show { json: true } => screen.json(&config),
        cli::Config::Show { json: false } => screen.write(&config.to_toml()),
        cli::Config::Check => check(&screen, named, &config),
    }
}

/// It was read, so it is good; what is left to say is where it came from.
fn check(screen: &Screen, named: Option<&Path>, config: &Config) -> anyhow::Result<()> {
    let path = absolute(named.unwrap_or(Path::new(DEFAULT_PATH)))?;
    // Without a file the defaults hold.
    if named.is_none() && *config == Config::default() && !path.exists() {
        return screen.say(&format!(
            "{}: not there, so the defaults hold: good",
            path.display()
        ));
    }
    screen.say(&format!("{}: good", path.display()))
}
