//! What a person sees on a terminal, and what the camera of a phone would read off it.

use std::fs;
use std::num::NonZeroU16;
use std::process::Command;

use vt100::{Cell, Color, Parser};

use crate::sandbox::scratch;

/// The screen of a terminal at one moment.
pub struct Screen {
    parser: Parser,
}

/// What a terminal uses where a program asks for no colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// Light text on dark.
    Dark,
    /// Dark text on light.
    Light,
}

impl Screen {
    /// The screen of `(columns, rows)` after `bytes` were written to it.
    pub(crate) fn showing(bytes: &[u8], (columns, rows): (u16, u16)) -> Self {
        let size = |n| NonZeroU16::new(n).expect("a terminal has a size");
        let mut parser = Parser::new(size(rows), size(columns), 0);
        parser.process(bytes);
        Self { parser }
    }

    /// The text on it.
    #[must_use]
    pub fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// Whether the program hid the cursor.
    #[must_use]
    pub fn cursor_is_hidden(&self) -> bool {
        self.parser.screen().hide_cursor()
    }

    /// Reads the QR code on the screen with `zbarimg`, as a camera sees it on a terminal with that background.
    /// Half blocks and `#` are understood; every cell is one pixel wide and two high.
    #[must_use]
    pub fn qr_code(&self, background: Background) -> Option<String> {
        let file = scratch().join(format!("screen-{background:?}.pgm"));
        fs::write(&file, self.picture(background)).expect("the scratch folder is ours");
        let output = Command::new("zbarimg")
            .args(["--quiet", "--raw", "--nodbus"])
            .arg(&file)
            .output()
            .expect("`zbarimg` does not run: install zbar-tools");
        let text = String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    }

    /// The screen as a portable graymap.
    fn picture(&self, background: Background) -> Vec<u8> {
        let (rows, columns) = self.parser.screen().size();
        let (rows, columns) = (rows.get(), columns.get());
        let border = vec![background.paper(); usize::from(columns) + 2 * MARGIN];
        let mut lines = vec![border.clone(); MARGIN];
        for row in 0..rows {
            let cells: Vec<_> = (0..columns)
                .map(|column| halves(self.parser.screen().cell(row, column), background))
                .collect();
            for half in 0..2 {
                let mut line = vec![background.paper(); MARGIN];
                line.extend(cells.iter().map(|cell| cell[half]));
                line.extend(vec![background.paper(); MARGIN]);
                lines.push(line);
            }
        }
        lines.extend(vec![border; MARGIN]);

        let (width, height) = (lines[0].len() * SCALE, lines.len() * SCALE);
        let mut picture = format!("P5\n{width} {height}\n255\n").into_bytes();
        for line in lines {
            let wide: Vec<u8> = line.into_iter().flat_map(|shade| [shade; SCALE]).collect();
            for _ in 0..SCALE {
                picture.extend_from_slice(&wide);
            }
        }
        picture
    }
}

impl Background {
    /// The shade of the terminal's background, 0 is black.
    fn paper(self) -> u8 {
        match self {
            Self::Dark => 0,
            Self::Light => 255,
        }
    }
}

/// The shades of a cell's upper and lower half.
fn halves(cell: Option<&Cell>, background: Background) -> [u8; 2] {
    let paper = background.paper();
    let Some(cell) = cell else {
        return [paper; 2];
    };
    let mut ink = shade(cell.fgcolor()).unwrap_or(255 - paper);
    let mut ground = shade(cell.bgcolor()).unwrap_or(paper);
    if cell.inverse() {
        std::mem::swap(&mut ink, &mut ground);
    }
    match cell.contents() {
        "█" | "#" => [ink, ink],
        "▀" => [ink, ground],
        "▄" => [ground, ink],
        _ => [ground, ground],
    }
}

/// How light a colour is; none for the terminal's own.
fn shade(color: Color) -> Option<u8> {
    match color {
        Color::Default => None,
        // The 16 colours: 7 and those from 9 on are light. The cube and the greys: light from their middle on.
        Color::Idx(7 | 9..=15) => Some(255),
        Color::Idx(index @ 16..=231) => Some(if (index - 16) / 36 >= 3 { 255 } else { 0 }),
        Color::Idx(index @ 244..) => Some(index),
        Color::Idx(_) => Some(0),
        Color::Rgb(red, green, blue) => Some(red.max(green).max(blue)),
    }
}

/// Pixels for one half of a cell.
const SCALE: usize = 6;

/// Half cells of the terminal's background round the screen.
const MARGIN: usize = 4;
