//! `status`: all that may be told about one person's record.

use crate::app::App;
use crate::cli;
use crate::person::Person;
use crate::screen::Screen;
use crate::summary::Summary;

/// Shows a person's record.
pub fn run(app: &App, arguments: &cli::Status) -> anyhow::Result<()> {
    let person = Person::named_or_behind_sudo(arguments.user.as_deref())?;
    let record = app.record_of(&person)?;
    let summary = Summary::of(&person, &record, &app.config.rules(), app.now()?);
    let screen = Screen::output()?;
    if arguments.json {
        screen.json(&summary)
    } else {
        screen.page(&summary.page())
    }
}
