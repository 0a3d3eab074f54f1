//! QR codes: from a text to modules, and from modules to half blocks or ASCII, without colours.

use qrcodegen_no_heap::{QrCode, QrCodeEcc, QrSegment, Version};
use zeroize::Zeroizing;

/// A QR code.
pub struct Qr {
    width: usize,
    dark: Zeroizing<Vec<bool>>,
}

/// How a code is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// Half blocks, or two characters a module.
    pub charset: Charset,
    /// What is printed.
    pub ink: Ink,
    /// How many light modules surround the code.
    pub quiet_zone: usize,
}

/// Which characters can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// All.
    Utf8,
    /// ASCII.
    Ascii,
}

/// Which modules are printed; the others are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// The dark ones: for dark text on light.
    Dark,
    /// The light ones: for light text on dark, and where nobody knows. Most cameras read a code inverted too.
    Light,
}

/// A size in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Cells in a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

impl Qr {
    /// Encodes a text. Error correction is the lowest: a screen has no scratches, and a small code fits more screens.
    ///
    /// All that the text goes through is memory of ours, which is wiped.
    pub fn new(text: &str) -> Result<Self, TooLong> {
        Self::no_larger_than(Version::MAX, text)
    }

    /// The same, where the code must have no more modules a side than that. It is found out soon when it would.
    pub fn no_wider_than(modules: usize, text: &str) -> Result<Self, TooLong> {
        let number = modules.checked_sub(17).ok_or(TooLong)? / 4;
        let number = u8::try_from(number).unwrap_or(u8::MAX);
        if number < Version::MIN.value() {
            return Err(TooLong);
        }
        let largest = Version::new(number.min(Version::MAX.value()));
        Self::no_larger_than(largest, text)
    }

    fn no_larger_than(largest: Version, text: &str) -> Result<Self, TooLong> {
        let buffer = || Zeroizing::new(vec![0; largest.buffer_len()]);
        let (mut spare, mut modules) = (buffer(), buffer());
        let mut packed = Zeroizing::new(vec![0; text.len()]);
        // The capitals and digits at the end, a key in base32, take 5.5 bits each in a segment of their own, and 8 otherwise.
        let start = text.trim_end_matches(is_dense).len();
        let (plain, dense) = text.split_at(start);
        let mut segments = vec![
            QrSegment::make_bytes(plain.as_bytes()),
            QrSegment::make_alphanumeric(dense, &mut packed),
        ];
        segments.retain(|segment| segment.num_chars() > 0);
        // A higher level of correction is taken where the code grows no larger by it.
        let (length, level, version) = QrCode::encode_segments_to_codewords(
            &segments,
            &mut modules,
            QrCodeEcc::Low,
            Version::MIN,
            largest,
            true,
        )
        .map_err(|_| TooLong)?;
        let code = QrCode::encode_codewords(&mut modules, length, &mut spare, level, version, None);

        let width = 17 + 4 * usize::from(version.value());
        let mut dark = Zeroizing::new(Vec::with_capacity(width * width));
        for y in 0..code.size() {
            dark.extend((0..code.size()).map(|x| code.get_module(x, y)));
        }
        Ok(Self { width, dark })
    }

    /// How many modules a side has, without a quiet zone.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether a module is dark, counted from the corner of the code. What lies outside is light.
    #[must_use]
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.width && y < self.width && self.dark[y * self.width + x]
    }

    /// How much room a drawing takes.
    #[must_use]
    pub fn size(&self, drawing: Drawing) -> Size {
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

    /// Draws it, each line ended.
    #[must_use]
    pub fn draw(&self, drawing: Drawing) -> Zeroizing<String> {
        let Size { columns, rows } = self.size(drawing);
        // A cell of half blocks takes up to 3 bytes: a buffer that grows leaves copies of secrets behind.
        let mut text = Zeroizing::new(String::with_capacity(rows * (columns * 3 + 1)));
        match drawing.charset {
            Charset::Utf8 => self.draw_half_blocks(&mut text, drawing),
            Charset::Ascii => self.draw_ascii(&mut text, drawing),
        }
        text
    }

    fn draw_half_blocks(&self, text: &mut String, drawing: Drawing) {
        let total = self.width + 2 * drawing.quiet_zone;
        for y in (0..total).step_by(2) {
            for x in 0..total {
                let halves = [y, y + 1].map(|y| self.is_inked(x, y, drawing));
                text.push(match halves {
                    [true, true] => '█',
                    [true, false] => '▀',
                    [false, true] => '▄',
                    [false, false] => ' ',
                });
            }
            text.push('\n');
        }
    }

    fn draw_ascii(&self, text: &mut String, drawing: Drawing) {
        let total = self.width + 2 * drawing.quiet_zone;
        for y in 0..total {
            for x in 0..total {
                let inked = self.is_inked(x, y, drawing);
                text.push_str(if inked { "##" } else { "  " });
            }
            text.push('\n');
        }
    }

    /// Whether something is printed for a module, counted from the corner of the quiet zone.
    fn is_inked(&self, x: usize, y: usize, drawing: Drawing) -> bool {
        let quiet = drawing.quiet_zone;
        let dark = match (x.checked_sub(quiet), y.checked_sub(quiet)) {
            (Some(x), Some(y)) => self.is_dark(x, y),
            _ => false,
        };
        dark == (drawing.ink == Ink::Dark)
    }
}

fn is_dense(c: char) -> bool {
    QrSegment::is_alphanumeric(c.encode_utf8(&mut [0; 4]))
}

/// No QR code holds as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key and its names are too long for a QR code")]
pub struct TooLong;

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "otpauth://totp/server1:alice.smith?issuer=server1&algorithm=SHA1&digits=6&period=30\
                       &secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    /// The modules of a code, without a quiet zone.
    fn expected(qr: &Qr) -> Vec<Vec<bool>> {
        let row = |y| (0..qr.width()).map(move |x| qr.is_dark(x, y)).collect();
        (0..qr.width()).map(row).collect()
    }

    /// Reads a drawing back, cell by cell, as a camera would see it.
    fn modules(text: &str, drawing: Drawing) -> Vec<Vec<bool>> {
        let ink_is_dark = drawing.ink == Ink::Dark;
        let mut rows: Vec<Vec<bool>> = Vec::new();
        for line in text.lines() {
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

    #[test]
    fn every_drawing_shows_the_modules_of_the_code_and_a_quiet_zone() {
        let qr = Qr::new(URI).unwrap();
        for charset in [Charset::Utf8, Charset::Ascii] {
            for ink in [Ink::Dark, Ink::Light] {
                for quiet_zone in [0, 1, 2, 4] {
                    let drawing = Drawing {
                        charset,
                        ink,
                        quiet_zone,
                    };
                    let text = qr.draw(drawing);
                    assert_eq!(modules(&text, drawing), expected(&qr), "{drawing:?}");
                    let lines: Vec<_> = text.lines().map(|line| line.chars().count()).collect();
                    let Size { columns, rows } = qr.size(drawing);
                    assert_eq!(lines, vec![columns; rows]);
                }
            }
        }
    }

    #[test]
    fn a_drawing_is_written_into_memory_that_was_asked_for_at_once() {
        let qr = Qr::new(URI).unwrap();
        for charset in [Charset::Utf8, Charset::Ascii] {
            let drawing = Drawing {
                charset,
                ink: Ink::Light,
                quiet_zone: 4,
            };
            let Size { columns, rows } = qr.size(drawing);
            assert_eq!(qr.draw(drawing).capacity(), rows * (columns * 3 + 1));
        }
    }

    #[test]
    fn the_usual_key_makes_a_code_of_41_modules_and_what_no_code_holds_is_an_error() {
        assert_eq!(Qr::new(URI).unwrap().width(), 41);
        assert_eq!(Qr::new(&"a".repeat(3000)).err(), Some(TooLong));
    }

    #[test]
    fn a_code_is_not_wider_than_it_may_be() {
        assert_eq!(Qr::no_wider_than(41, URI).unwrap().width(), 41);
        assert_eq!(Qr::no_wider_than(1000, URI).unwrap().width(), 41);
        for modules in [40, 21, 20, 17, 16, 0] {
            assert_eq!(Qr::no_wider_than(modules, URI).err(), Some(TooLong));
        }
        assert_eq!(Qr::no_wider_than(24, "A").unwrap().width(), 21);
        assert_eq!(Qr::no_wider_than(20, "A").err(), Some(TooLong));
    }
}
