//! The chart: bars on one scale, as an SVG that stands on light and dark pages alike.

use std::fmt::Write as _;

use crate::report::time;

/// Bars that belong together.
#[derive(Debug)]
pub struct Group {
    title: String,
    bars: Vec<Bar>,
}

#[derive(Debug)]
struct Bar {
    name: &'static str,
    microseconds: f64,
}

impl Group {
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            bars: Vec::new(),
        }
    }

    /// One more bar. The first of a group is ours.
    pub fn bar(mut self, name: &'static str, microseconds: f64) -> Self {
        self.bars.push(Bar { name, microseconds });
        self
    }
}

/// The chart of these groups. A bar of more than `longest` µs is cut, and says so by its end and its figure.
pub fn svg(groups: &[Group], longest: f64) -> String {
    let bars: usize = groups.iter().map(|group| group.bars.len()).sum();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let height = 2 * MARGIN + count(groups.len()) * TITLE + count(bars) * LINE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"6\" fill=\"#fff\"/>\n"
    );
    let mut y = MARGIN;
    for group in groups {
        let _ = writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{}\" font-weight=\"bold\" fill=\"#222\">{}</text>",
            y + 18,
            group.title
        );
        y += TITLE;
        for (number, bar) in group.bars.iter().enumerate() {
            let cut = bar.microseconds > longest;
            let length = f64::from(ROOM) * (bar.microseconds / longest).min(1.0);
            let colour = if number == 0 { OURS } else { THEIRS };
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#222\">{}</text>\n\
                 <rect x=\"{BARS}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/>",
                BARS - 8,
                y + 15,
                bar.name,
                y + 3,
                LINE - 6,
            );
            if cut {
                let at = BARS + ROOM - 24;
                let _ = writeln!(
                    svg,
                    "<path d=\"M{at} {y} l6 {LINE} h5 l-6 -{LINE} z\" fill=\"#fff\"/>"
                );
            }
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\" fill=\"#222\">{}</text>",
                f64::from(BARS) + length + 6.0,
                y + 15,
                time(bar.microseconds)
            );
            y += LINE;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

const WIDTH: u32 = 760;
const MARGIN: u32 = 14;
const TITLE: u32 = 30;
const LINE: u32 = 22;
/// Where bars begin.
const BARS: u32 = 200;
/// How long a bar can be.
const ROOM: u32 = 460;
const OURS: &str = "#1f6f5c";
const THEIRS: &str = "#b8b4a8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_that_is_too_long_is_cut() {
        let group = |length| [Group::new("it").bar("ours", 50.0).bar("theirs", length)];
        let cut = svg(&group(1000.0), 100.0);
        assert!(cut.contains("width=\"230.0\"") && cut.contains("width=\"460.0\""));
        assert_eq!(cut.matches("<path").count(), 1);
        assert!(!svg(&group(100.0), 100.0).contains("<path"));
    }
}
