//! `setup`: makes services ask for the code, tries it, keeps it, takes it back.

mod apply;
mod confirm;
mod plan;
mod status;
mod take_back;
mod watch;

use std::path::Path;

use anyhow::bail;
use nix::unistd::Uid;

use crate::app::App;
use crate::cli;
use crate::failure::Failure;

/// Does what was asked for.
pub fn run(named: Option<&Path>, arguments: &cli::Setup) -> anyhow::Result<()> {
    if !Uid::effective().is_root() {
        bail!("only root can set services up. Run it with sudo");
    }
    // What takes back or shows needs no configuration, for that may be what is broken.
    if let Some(how) = arguments.watch {
        return watch::run(how);
    }
    if arguments.status {
        return status::run(arguments.json);
    }
    if arguments.confirm {
        return confirm::run(named, arguments);
    }
    if arguments.remove {
        return take_back::remove(arguments);
    }
    if arguments.services.is_empty() {
        return Err(Failure::Usage(
            "say which services, such as: nightlatch setup sshd sudo".to_owned(),
        )
        .into());
    }
    apply::run(&App::open(named)?, named, arguments)
}
