//! The commands, one file each.

mod check;
mod codes;
mod config;
mod doctor;
mod enroll;
mod explain;
mod import;
mod invite;
mod list;
mod lock;
mod remove;
mod setup;
mod status;
mod temporary;
mod trust;
mod unlock;

pub use config::file as config_file;
use nightlatch_core::transaction::NothingThere;

use crate::app::App;
use crate::cli::{self, Cli, Command};
use crate::screen::shown;

/// Does what was asked for.
pub fn run(cli: &Cli) -> anyhow::Result<()> {
    let named = cli.config.as_deref();
    let app = || App::open(named);
    match &cli.command {
        Command::Enroll(arguments) => enroll::run(&app()?, arguments),
        Command::Status(arguments) => status::run(&app()?, arguments),
        Command::List(arguments) => list::run(&app()?, arguments),
        Command::Check(arguments) => check::run(&app()?, arguments),
        Command::Codes(arguments) => codes::run(&app()?, arguments),
        Command::Remove(arguments) => remove::run(&app()?, arguments),
        Command::Lock(arguments) => lock::run(&app()?, arguments),
        Command::Unlock(arguments) => unlock::run(&app()?, arguments),
        Command::Invite(arguments) => invite::run(&app()?, arguments),
        Command::Import(arguments) => import::run(&app()?, arguments),
        Command::Trust(arguments) => trust::run(&app()?, arguments),
        Command::Doctor(arguments) => doctor::run(named, arguments),
        Command::Config(cli::Config::Explain(arguments)) => explain::run(&app()?, named, arguments),
        Command::Setup(arguments) => setup::run(named, arguments),
        Command::Config(cli::Config::Show { json }) => config::show(named, *json),
        Command::Config(cli::Config::Check { json }) => config::check(named, *json),
    }
}

/// The error for a record in which there is nothing to change.
fn nothing_there(nothing: &NothingThere, user: &str) -> anyhow::Error {
    let user = shown(user);
    match nothing {
        NothingThere::NotEnrolled => {
            anyhow::anyhow!("{user} is not enrolled, so there is nothing to change")
        }
        NothingThere::NoSuchToken => anyhow::anyhow!(
            "{user} has no token with that label; the labels are shown by: nightlatch status {user}"
        ),
        NothingThere::StateLost => {
            anyhow::anyhow!("{}", nothing.to_string().replace("USER", &user))
        }
    }
}
