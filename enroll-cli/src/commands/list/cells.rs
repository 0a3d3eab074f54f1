//! `list --csv`: a table for spreadsheets, as RFC 4180 has it.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula and runs it, and people choose their labels
//! themselves. So such a cell begins with an apostrophe, which says that it is text.

use anyhow::Context as _;

use super::Entry;
use crate::screen::shown;
use crate::summary::Summary;

/// The table, with its heading.
pub fn table(entries: &[Entry]) -> anyhow::Result<String> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(HEAD)?;
    for entry in entries {
        match entry {
            Entry::Readable(summary) => writer.write_record(cells(summary))?,
            Entry::Unreadable { user, error } => {
                let empty = String::new;
                writer.write_record([
                    text(user),
                    empty(),
                    "unreadable".to_owned(),
                    empty(),
                    empty(),
                    empty(),
                    empty(),
                    empty(),
                    empty(),
                    text(error),
                ])?;
            }
        }
    }
    let bytes = writer
        .into_inner()
        .context("the table could not be written")?;
    String::from_utf8(bytes).context("the table could not be written")
}

fn cells(summary: &Summary) -> [String; 10] {
    let labels: Vec<String> = summary
        .tokens
        .iter()
        .map(|token| shown(&token.label))
        .collect();
    let codes = summary.backup_codes.as_ref();
    let has_short_secret = summary.tokens.iter().any(|token| token.short_secret);
    [
        text(&summary.user),
        summary.uid.map_or(String::new(), |uid| uid.to_string()),
        text(&summary.state_in_a_word()),
        text(&labels.join(", ")),
        codes.map_or(String::new(), |codes| codes.left.to_string()),
        codes.map_or(String::new(), |codes| codes.of.to_string()),
        summary.created.clone().unwrap_or_default(),
        summary
            .seen
            .used
            .map_or(String::new(), nightlatch_core::time::Time::to_rfc3339),
        if has_short_secret { "yes" } else { "no" }.to_owned(),
        text(&summary.problems.join("; ")),
    ]
}

/// A cell that is text, whatever it begins with.
fn text(text: &str) -> String {
    let shown = shown(text);
    if shown.starts_with(['=', '+', '-', '@']) {
        format!("'{shown}")
    } else {
        shown
    }
}

const HEAD: [&str; 10] = [
    "user",
    "uid",
    "state",
    "tokens",
    "backup_codes_left",
    "backup_codes",
    "created",
    "last_used",
    "short_secret",
    "problems",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (given, cell) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("phone", "phone"),
            ("a=b", "a=b"),
            ("\u{202e}=1", "\\u{202e}=1"),
            ("", ""),
        ] {
            assert_eq!(text(given), cell);
        }
    }

    #[test]
    fn a_record_that_cannot_be_read_has_a_row_and_what_needs_quotes_has_them() {
        let entries = [Entry::Unreadable {
            user: "bob".to_owned(),
            error: "torn, and \"old\"".to_owned(),
        }];
        assert_eq!(
            table(&entries).unwrap(),
            "user,uid,state,tokens,backup_codes_left,backup_codes,created,last_used,short_secret,problems\r\n\
             bob,,unreadable,,,,,,,\"torn, and \"\"old\"\"\"\r\n"
        );
    }
}
