//! `list`: everybody who is enrolled, a line each. A record that cannot be read is a line too, and makes the status 1.

use std::fmt::Write as _;

use nightlatch_core::account::{Account, UserName};
use nightlatch_core::store::Store as _;
use serde::Serialize;

use crate::app::App;
use crate::cli;
use crate::failure::{Failure, in_words};
use crate::person::Person;
use crate::screen::{Screen, shown};
use crate::summary::Summary;

/// Lists everybody.
pub fn run(app: &App, arguments: &cli::List) -> anyhow::Result<()> {
    let mut entries = Vec::new();
    for name in app.store.users()? {
        entries.extend(entry(app, &name));
    }
    let screen = Screen::output()?;
    if arguments.json {
        screen.json(&entries)?;
    } else {
        screen.page(&table(&entries))?;
    }
    if entries
        .iter()
        .any(|entry| matches!(entry, Entry::Unreadable { .. }))
    {
        return Err(Failure::Told.into());
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Readable(Summary),
    Unreadable { user: String, error: String },
}

/// `None` for somebody who has a record of which there is nothing to be said: not enrolled, not invited, not locked.
fn entry(app: &App, name: &UserName) -> Option<Entry> {
    match summary(app, name) {
        Ok(summary) => summary
            .is_worth_a_line()
            .then_some(Entry::Readable(summary)),
        Err(error) => Some(Entry::Unreadable {
            user: name.as_str().to_owned(),
            error: in_words(&error),
        }),
    }
}

fn summary(app: &App, name: &UserName) -> anyhow::Result<Summary> {
    let record = app.store.look(name)?;
    let person = Person {
        name: name.clone(),
        // A record of another spelling than the account's is no record of that account.
        uid: Account::look_up(name.as_str())?
            .filter(|account| account.name == *name)
            .map(|account| account.uid),
    };
    Ok(Summary::of(
        &person,
        &record,
        &app.config.rules(),
        app.now()?,
    ))
}

/// A table with aligned columns. What cannot be read has its error in place of them.
fn table(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "Nobody is enrolled.\n".to_owned();
    }
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(entries.iter().filter_map(|entry| match entry {
        Entry::Readable(summary) => Some(summary.row()),
        Entry::Unreadable { .. } => None,
    }));
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths: [usize; 4] = std::array::from_fn(width);
    // Writing to a String cannot fail.
    let mut table = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(table, "{cell:<width$}  ");
        }
        table.push_str(&row[4]);
        table.push('\n');
    }
    for entry in entries {
        if let Entry::Unreadable { user, error } = entry {
            let _ = writeln!(table, "{}: cannot be read: {}", shown(user), shown(error));
        }
    }
    table
}

const HEAD: [&str; 5] = ["USER", "TOKENS", "BACKUP CODES", "LAST USED", "STATE"];

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(user: &str) -> Summary {
        Summary {
            user: user.to_owned(),
            uid: Some(1000),
            enrolled: true,
            created: None,
            tokens: Vec::new(),
            backup_codes: None,
            wrong_codes: 0,
            failures: Vec::new(),
            disabled: false,
            locked: false,
            invitation: None,
            trusted: Vec::new(),
            problems: Vec::new(),
        }
    }

    #[test]
    fn columns_are_aligned_and_an_unreadable_record_is_not_hidden() {
        let entries = [
            Entry::Readable(summary("al")),
            Entry::Readable(summary("élodie-long")),
            Entry::Unreadable {
                user: "bob".to_owned(),
                error: "torn".to_owned(),
            },
        ];
        assert_eq!(
            table(&entries),
            "USER         TOKENS  BACKUP CODES  LAST USED  STATE\n\
             al                   -             never      open\n\
             élodie-long          -             never      open\n\
             bob: cannot be read: torn\n"
        );
    }

    #[test]
    fn an_unreadable_record_is_an_object_with_an_error() {
        let entry = Entry::Unreadable {
            user: "bob".to_owned(),
            error: "torn".to_owned(),
        };
        let json = serde_json::to_string(&entry).unwrap();
        assert_eq!(json, r#"{"user":"bob","error":"torn"}"#);
    }
}
