//! QR codes: from a text to modules, and from modules to half blocks, ASCII or SVG.
//!
//! On a terminal with colours the code is black on white whatever the theme. Without colours the light modules are drawn
//! and the dark ones left out, which reads right on a dark terminal; most cameras read it inverted too.

use anyhow::Context as _;
use qrcode::render::{Renderer, svg};
use qrcode::{EcLevel, QrCode};
use zeroize::Zeroizing;

use crate::terminal::{Charset, Colours, Look, Size};

/// A QR code.
pub struct Qr {
    width: usize,
    dark: Zeroizing<Vec<bool>>,
}

/// How a code is drawn on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// Half blocks, or two characters a module.
    pub charset: Charset,
    /// Black on white, or as the terminal has it.
    pub colours: Colours,
    /// How many light modules surround the code.
    pub quiet_zone: usize,
}

impl Qr {
    /// Encodes a text. Error correction is the lowest: a screen has no scratches, and a small code fits more screens.
    pub fn new(text: &str) -> anyhow::Result<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L)
            .context("the key cannot be drawn as a QR code")?;
        let width = code.width();
        Ok(Self {
            width,
            dark: Zeroizing::new(code.into_colors().into_iter().map(is_dark).collect()),
        })
    }

    /// How to draw it where it is to be shown. The standard's quiet zone where there is room for it, half of it where there
    /// is not, and an error where that does not fit either.
    pub fn fit(&self, charset: Charset, look: &Look) -> Result<Drawing, DoesNotFit> {
        let drawing = |quiet_zone| Drawing {
            charset,
            colours: look.colours,
            quiet_zone,
        };
        let [wide, narrow] = QUIET_ZONES.map(drawing);
        let Some(size) = look.size else {
            return Ok(wide);
        };
        let fits = |drawing: &Drawing| {
            let needed = self.size(drawing);
            // The question stands below it.
            needed.columns <= size.columns && needed.rows < size.rows
        };
        [wide, narrow].into_iter().find(fits).ok_or_else(|| {
            let needed = self.size(&narrow);
            DoesNotFit {
                needed: Size {
                    rows: needed.rows + 1,
                    ..needed
                },
                size,
            }
        })
    }

    /// Draws it, each line ended.
    pub fn draw(&self, drawing: Drawing) -> Zeroizing<String> {
        let Size { columns, rows } = self.size(&drawing);
        // A cell takes 3 bytes; with colours, a module of ASCII may change them.
        let mut text = Zeroizing::new(String::with_capacity(rows * (columns * 8 + 16)));
        match drawing.charset {
            Charset::Utf8 => self.draw_half_blocks(&mut text, drawing),
            Charset::Ascii => self.draw_ascii(&mut text, drawing),
        }
        text
    }

    /// Draws it as an image.
    pub fn to_svg(&self) -> Zeroizing<String> {
        let colours: Vec<qrcode::Color> = self
            .dark
            .iter()
            .map(|&dark| {
                if dark {
                    qrcode::Color::Dark
                } else {
                    qrcode::Color::Light
                }
            })
            .collect();
        let image = Renderer::<svg::Color<'_>>::new(&colours, self.width, SVG_QUIET_ZONE)
            .module_dimensions(8, 8)
            .build();
        Zeroizing::new(image)
    }

    fn draw_half_blocks(&self, text: &mut String, drawing: Drawing) {
        let total = self.width + 2 * drawing.quiet_zone;
        for y in (0..total).step_by(2) {
            if drawing.colours == Colours::Ansi {
                text.push_str(BLACK_ON_WHITE);
            }
            for x in 0..total {
                let halves = [y, y + 1].map(|y| self.is_inked(x, y, drawing));
                text.push(match halves {
                    [true, true] => '█',
                    [true, false] => '▀',
                    [false, true] => '▄',
                    [false, false] => ' ',
                });
            }
            end_line(text, drawing);
        }
    }

    fn draw_ascii(&self, text: &mut String, drawing: Drawing) {
        let total = self.width + 2 * drawing.quiet_zone;
        for y in 0..total {
            let mut colour = "";
            for x in 0..total {
                let inked = self.is_inked(x, y, drawing);
                if drawing.colours == Colours::Ansi {
                    // The background is what the camera sees: two number signs do not fill their cells.
                    let wanted = if inked {
                        BLACK_ON_BLACK
                    } else {
                        BLACK_ON_WHITE
                    };
                    if colour != wanted {
                        text.push_str(wanted);
                        colour = wanted;
                    }
                }
                text.push_str(if inked { "##" } else { "  " });
            }
            end_line(text, drawing);
        }
    }

    /// Whether something is printed for a module, counted from the corner of the quiet zone: for the dark ones where the
    /// paper is white, for the light ones where it is not known and a dark terminal is likely.
    fn is_inked(&self, x: usize, y: usize, drawing: Drawing) -> bool {
        let dark = match (
            x.checked_sub(drawing.quiet_zone),
            y.checked_sub(drawing.quiet_zone),
        ) {
            (Some(x), Some(y)) if x < self.width && y < self.width => self.dark[y * self.width + x],
            _ => false,
        };
        dark == (drawing.colours == Colours::Ansi)
    }

    fn size(&self, drawing: &Drawing) -> Size {
        let total = self.width + 2 * drawing.quiet_zone;
        match drawing.charset {
            Charset::Utf8 => Size {
                columns: total,
                rows: total.div_ceil(2),
            },
            Charset::Ascii => Size {
                columns: 2 * total,
                rows: total,
            },
        }
    }
}

fn is_dark(colour: qrcode::Color) -> bool {
    colour == qrcode::Color::Dark
}

/// The terminal is too small for the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "The QR code needs a window of {} columns and {} lines; this one has {} and {}.",
    needed.columns, needed.rows, size.columns, size.rows
)]
pub struct DoesNotFit {
    needed: Size,
    size: Size,
}

fn end_line(text: &mut String, drawing: Drawing) {
    if drawing.colours == Colours::Ansi {
        text.push_str(PLAIN);
    }
    text.push('\n');
}

/// ISO/IEC 18004 asks for 4 modules; cameras are content with 2 on a screen, and 80 by 24 cells are all that many have.
const QUIET_ZONES: [usize; 2] = [4, 2];
const SVG_QUIET_ZONE: u32 = 4;

const BLACK_ON_WHITE: &str = "\x1b[30;47m";
const BLACK_ON_BLACK: &str = "\x1b[30;40m";
const PLAIN: &str = "\x1b[0m";

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "otpauth://totp/server1:alice.smith?issuer=server1&algorithm=SHA1&digits=6&period=30\
                       &secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    /// The modules of what a library drew by itself, without a quiet zone.
    fn expected() -> Vec<Vec<bool>> {
        let code = QrCode::with_error_correction_level(URI, EcLevel::L).unwrap();
        let width = code.width();
        let dark: Vec<bool> = code.into_colors().into_iter().map(is_dark).collect();
        dark.chunks(width).map(<[bool]>::to_vec).collect()
    }

    /// Reads a drawing back, cell by cell, as a camera would see it.
    fn modules(text: &str, drawing: Drawing) -> Vec<Vec<bool>> {
        let plain = text
            .replace(BLACK_ON_WHITE, "")
            .replace(BLACK_ON_BLACK, "")
            .replace(PLAIN, "");
        assert!(!plain.contains('\x1b'));
        let ink_is_dark = drawing.colours == Colours::Ansi;
        let mut rows: Vec<Vec<bool>> = Vec::new();
        for line in plain.lines() {
            let cells: Vec<char> = line.chars().collect();
            if drawing.charset == Charset::Utf8 {
                for inked in ["█▀", "█▄"] {
                    let row = cells
                        .iter()
                        .map(|&cell| inked.contains(cell) == ink_is_dark);
                    rows.push(row.collect());
                }
            } else {
                let row = cells.chunks(2).map(|pair| {
                    assert_eq!(pair[0], pair[1]);
                    (pair[0] == '#') == ink_is_dark
                });
                rows.push(row.collect());
            }
        }
        let quiet = drawing.quiet_zone;
        let width = rows[0].len() - 2 * quiet;
        let is_light = |row: &[bool]| row.iter().all(|&dark| !dark);
        assert!(rows[..quiet].iter().all(|row: &Vec<bool>| is_light(row)));
        assert!(rows[quiet + width..].iter().all(|row| is_light(row)));
        rows[quiet..quiet + width]
            .iter()
            .map(|row| {
                assert!(is_light(&row[..quiet]) && is_light(&row[quiet + width..]));
                row[quiet..quiet + width].to_vec()
            })
            .collect()
    }

    fn look(columns: usize, rows: usize) -> Look {
        Look {
            charset: Charset::Utf8,
            colours: Colours::Ansi,
            size: Some(Size { columns, rows }),
        }
    }

    #[test]
    fn every_drawing_shows_the_modules_of_the_code_and_a_quiet_zone() {
        for charset in [Charset::Utf8, Charset::Ascii] {
            for colours in [Colours::Ansi, Colours::None] {
                for quiet_zone in QUIET_ZONES {
                    let drawing = Drawing {
                        charset,
                        colours,
                        quiet_zone,
                    };
                    let text = Qr::new(URI).unwrap().draw(drawing);
                    assert_eq!(modules(&text, drawing), expected(), "{drawing:?}");
                }
            }
        }
    }

    #[test]
    fn every_coloured_line_ends_without_colour() {
        let qr = Qr::new(URI).unwrap();
        for charset in [Charset::Utf8, Charset::Ascii] {
            let drawing = qr.fit(charset, &look(200, 200)).unwrap();
            assert!(qr.draw(drawing).lines().all(|line| line.ends_with(PLAIN)));
        }
    }

    #[test]
    fn a_usual_code_fits_the_smallest_usual_terminal_with_its_question() {
        let qr = Qr::new(URI).unwrap();
        assert_eq!(qr.width, 41);
        assert_eq!(qr.fit(Charset::Utf8, &look(80, 26)).unwrap().quiet_zone, 4);
        assert_eq!(qr.fit(Charset::Utf8, &look(80, 24)).unwrap().quiet_zone, 2);
    }

    #[test]
    fn a_code_that_does_not_fit_says_what_it_needs() {
        let qr = Qr::new(URI).unwrap();
        for (columns, rows) in [(44, 24), (45, 23)] {
            let error = qr.fit(Charset::Utf8, &look(columns, rows)).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "The QR code needs a window of 45 columns and 24 lines; this one has {columns} and {rows}."
                )
            );
        }
        assert!(qr.fit(Charset::Ascii, &look(80, 24)).is_err());
        assert!(qr.fit(Charset::Ascii, &look(90, 46)).is_ok());
    }

    #[test]
    fn an_image_is_svg_and_has_the_size_of_the_code() {
        let image = Qr::new(URI).unwrap().to_svg();
        assert!(image.contains("<svg") && image.trim_end().ends_with("</svg>"));
        assert!(image.contains(&format!("width=\"{}\"", (41 + 8) * 8)));
    }
}
