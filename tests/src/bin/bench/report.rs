//! The table: rows of what was measured of each module, and how it stands to the aim.

use std::fmt::Write as _;

use crate::driver::PAM_SUCCESS;
use crate::figures::Samples;
use crate::ground::Subject;

/// A line of the table.
#[derive(Debug)]
pub struct Row {
    what: String,
    /// Of [`Subject::ALL`], in that order.
    cells: [String; 3],
    measure: Option<f64>,
    aim: Option<Aim>,
}

/// What is to be reached.
#[derive(Debug, Clone, Copy)]
struct Aim {
    at_most: f64,
    unit: &'static str,
}

impl Row {
    /// A line without figures.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            cells: ["–", "–", "–"].map(str::to_owned),
            measure: None,
            aim: None,
        }
    }

    /// The median time of a module, in µs.
    pub fn time(self, of: Subject, microseconds: f64) -> Self {
        self.cell(of, time(microseconds))
    }

    /// Memory of a module.
    pub fn memory(self, of: Subject, kib: f64) -> Self {
        self.cell(of, format!("{kib:.0} KiB"))
    }

    /// What logins of a module at once came to.
    pub fn at_once(self, of: Subject, samples: &Samples) -> Self {
        let (let_in, all) = (samples.with_code(PAM_SUCCESS), samples.len());
        let refused = all - let_in;
        let refused = if refused == 0 {
            String::new()
        } else {
            format!("; **{refused} of {all} refused**")
        };
        let [middle, most, all] = [0.5, 0.95, 1.0].map(|share| time(samples.quantile(share)));
        self.cell(of, format!("{middle} / {most} / {all}{refused}"))
    }

    /// A ratio, and what it should be at most.
    pub fn ratio(self, ratio: f64, at_most: f64) -> Self {
        self.aiming(ratio, at_most, "")
    }

    /// KiB, and what they should be at most.
    pub fn kib(self, kib: f64, at_most: f64) -> Self {
        self.aiming(kib, at_most, " KiB")
    }

    fn aiming(mut self, measure: f64, at_most: f64, unit: &'static str) -> Self {
        self.measure = Some(measure);
        self.aim = Some(Aim { at_most, unit });
        self
    }

    fn cell(mut self, of: Subject, text: String) -> Self {
        self.cells[of as usize] = text;
        self
    }

    /// Ratio, aim and whether it was reached, as cells.
    fn verdict(&self) -> [String; 3] {
        match (self.measure, self.aim) {
            (Some(measure), Some(Aim { at_most, unit })) => {
                let measured = if unit.is_empty() {
                    format!("{measure:.2}")
                } else {
                    format!("{measure:.0}{unit}")
                };
                let verdict = if measure <= at_most { "yes" } else { "**no**" };
                [measured, format!("≤ {at_most}{unit}"), verdict.to_owned()]
            }
            _ => [String::new(), String::new(), String::new()],
        }
    }
}

/// The rows as a Markdown table, its columns aligned so that it reads on a terminal too.
pub fn table(rows: &[Row]) -> String {
    let [ours, google, oath] = Subject::ALL.map(Subject::name);
    let mut lines: Vec<Vec<String>> = vec![
        ["", ours, google, oath, "ratio", "aim", "reached"]
            .map(str::to_owned)
            .to_vec(),
    ];
    lines.extend(rows.iter().map(|row| {
        let mut line = vec![row.what.clone()];
        line.extend(row.cells.iter().cloned());
        line.extend(row.verdict());
        line
    }));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<_> = (0..lines[0].len())
        .map(|column| width(column).unwrap_or(0).max(3))
        .collect();
    let mut table = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (text, width) in line.iter().zip(&widths) {
            let _ = write!(table, "| {text:<width$} ");
        }
        table.push_str("|\n");
        if number == 0 {
            for width in &widths {
                let _ = write!(table, "|{}", "-".repeat(width + 2));
            }
            table.push_str("|\n");
        }
    }
    table
}

/// A time as people say it: three digits, and no more than were measured.
pub fn time(microseconds: f64) -> String {
    match microseconds {
        small if small < 999.5 => format!("{small:.0} µs"),
        middle if middle < 9_995.0 => format!("{:.2} ms", middle / 1000.0),
        large if large < 99_950.0 => format!("{:.1} ms", large / 1000.0),
        long => format!("{:.0} ms", long / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        let said = [7.4, 999.4, 999.6, 9_994.0, 52_120.0, 312_000.0].map(time);
        assert_eq!(
            said,
            ["7 µs", "999 µs", "1.00 ms", "9.99 ms", "52.1 ms", "312 ms"]
        );
    }

    #[test]
    fn a_table_says_what_was_missed() {
        let row = |ratio| Row::new("it").time(Subject::Oath, 5.0).ratio(ratio, 0.75);
        let table = table(&[row(0.74), row(0.76)]);
        let lines: Vec<_> = table.lines().collect();
        assert!(lines[2].contains("| 0.74  | ≤ 0.75 | yes     |"), "{table}");
        assert!(lines[3].contains("| **no**  |"), "{table}");
        assert!(lines[2].starts_with("| it  | –          | –"), "{table}");
        assert!(lines[2].contains("| 5 µs     |"), "{table}");
    }
}
