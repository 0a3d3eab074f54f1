//! `list`: everybody who is enrolled, a line each. A record that cannot be read is a line too, and makes the status 1.

mod cells;
mod choice;

use std::cmp::Ordering;
use std::fmt::Write as _;

use anyhow::{Context as _, anyhow};
use nightlatch_core::account::UserName;
use nightlatch_core::check::Rules;
use nightlatch_core::config::GroupName;
use nightlatch_core::store::Store as _;
use nightlatch_core::time::Time;
use serde::Serialize;

use crate::accounts::{Accounts, Group};
use crate::app::App;
use crate::cli;
use crate::failure::{Failure, in_words};
use crate::person::Person;
use crate::screen::{Screen, shown};
use crate::summary::Summary;

/// Lists everybody.
pub fn run(app: &App, arguments: &cli::List) -> anyhow::Result<()> {
    let accounts = Accounts::of_this_host();
    let asked = Asked {
        arguments,
        groups: groups(&arguments.group)?,
        accounts,
        rules: app.config.rules(),
        now: app.now()?,
    };
    let users = app.store.users()?;
    let mut entries: Vec<Entry> = users
        .iter()
        .filter_map(|name| asked.entry(app, name))
        .collect();
    entries.sort_by(|one, other| one.order(other, arguments));
    let screen = Screen::output()?;
    if arguments.json {
        screen.json(&entries)?;
    } else if arguments.csv {
        screen.write(&cells::table(&entries)?)?;
    } else if !entries.is_empty() {
        screen.page(&table(&entries))?;
    } else if arguments.has_conditions() {
        screen.say("Nobody of those who are enrolled is such a one.")?;
    } else {
        screen.say("Nobody is enrolled.")?;
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
    Readable(Box<Summary>),
    Unreadable { user: String, error: String },
}

impl Entry {
    /// What cannot be read comes last.
    fn order(&self, other: &Self, arguments: &cli::List) -> Ordering {
        match (self, other) {
            (Self::Readable(one), Self::Readable(other)) => choice::order(one, other, arguments),
            (Self::Unreadable { user: one, .. }, Self::Unreadable { user: other, .. }) => {
                one.cmp(other)
            }
            (Self::Readable(_), Self::Unreadable { .. }) => Ordering::Less,
            (Self::Unreadable { .. }, Self::Readable(_)) => Ordering::Greater,
        }
    }
}

/// What was asked for, and whom it takes to answer.
struct Asked<'a> {
    arguments: &'a cli::List,
    groups: Vec<Group>,
    accounts: Accounts,
    rules: Rules,
    now: Time,
}

impl Asked<'_> {
    /// `None` for somebody who was not asked for, or who has a record of which there is nothing to be said: not enrolled, not
    /// invited, not locked.
    fn entry(&self, app: &App, name: &UserName) -> Option<Entry> {
        match self.summary(app, name) {
            Ok(summary) => summary.map(|summary| Entry::Readable(Box::new(summary))),
            Err(error) => Some(Entry::Unreadable {
                user: name.as_str().to_owned(),
                error: in_words(&error),
            }),
        }
    }

    fn summary(&self, app: &App, name: &UserName) -> anyhow::Result<Option<Summary>> {
        let record = app.store.look(name)?;
        let person = Person {
            name: name.clone(),
            // A record of another spelling than the account's is no record of that account.
            uid: self.accounts.uid_of(name)?,
        };
        let summary = Summary::of(&person, &record, &self.rules, self.now);
        let is_chosen =
            summary.is_worth_a_line() && choice::is_chosen(&summary, self.arguments, self.now);
        Ok((is_chosen && self.is_in_a_group(&person)?).then_some(summary))
    }

    fn is_in_a_group(&self, person: &Person) -> anyhow::Result<bool> {
        if self.groups.is_empty() {
            return Ok(true);
        }
        self.accounts
            .is_in_any(&self.groups, &person.name, person.uid)
            .with_context(|| {
                format!(
                    "the name service does not say which groups {} is in",
                    person.name.as_str()
                )
            })
    }
}

fn groups(names: &[GroupName]) -> anyhow::Result<Vec<Group>> {
    let group = |name: &GroupName| {
        Group::named(name)
            .with_context(|| {
                format!(
                    "the name service does not say whether there is a group {}",
                    name.as_str()
                )
            })?
            .ok_or_else(|| {
                anyhow!(
                    "there is no group {0}: look for it with `getent group {0}`",
                    shown(name.as_str())
                )
            })
    };
    names.iter().map(group).collect()
}

/// A table with aligned columns. What cannot be read has its error in place of them.
fn table(entries: &[Entry]) -> String {
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
    use crate::summary::Seen;

    fn summary(user: &str) -> Summary {
        Summary {
            user: user.to_owned(),
            uid: Some(1000),
            enrolled: true,
            created: None,
            tokens: Vec::new(),
            backup_codes: None,
            scratch_codes: None,
            temporary_code: None,
            last_login: None,
            wrong_codes: 0,
            failures: Vec::new(),
            disabled: false,
            locked: false,
            invitation: None,
            trusted: Vec::new(),
            problems: Vec::new(),
            seen: Seen::default(),
        }
    }

    #[test]
    fn columns_are_aligned_and_an_unreadable_record_is_not_hidden() {
        let entries = [
            Entry::Readable(summary("al").into()),
            Entry::Readable(summary("élodie-long").into()),
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
