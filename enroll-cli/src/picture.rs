//! QR codes on a terminal that is known, and as images.
//!
//! On a terminal with colours the code is black on white whatever the theme. Without colours the light modules are drawn
//! and the dark ones left out, which reads right on a dark terminal; most cameras read it inverted too.

use std::fmt::Write as _;

use nightlatch_core::qr::{Charset, Drawing, Ink, Qr, Size};
use zeroize::Zeroizing;

use crate::terminal::{Colours, Look};

/// Draws a code for a terminal, each line ended. It has the standard's quiet zone where there is room for it, half of it
/// where there is not, and where that does not fit either, it is an error.
pub fn fit(qr: &Qr, charset: Charset, look: &Look) -> Result<Zeroizing<String>, DoesNotFit> {
    let drawing = drawing_for(qr, charset, look)?;
    let plain = qr.draw(drawing);
    Ok(match look.colours {
        Colours::Ansi => coloured(&plain),
        Colours::None => plain,
    })
}

/// Draws a code as an image.
pub fn svg(qr: &Qr) -> Zeroizing<String> {
    let side = (qr.width() + 2 * SVG_QUIET_ZONE) * SVG_MODULE;
    let mut image = Zeroizing::new(String::with_capacity(
        SVG_ROOM + qr.width() * qr.width() * SVG_ROOM_FOR_A_MODULE,
    ));
    // Writing to a String cannot fail.
    let _ = write!(
        image,
        "<?xml version=\"1.0\" standalone=\"yes\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" \
         width=\"{side}\" height=\"{side}\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\n\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\n<path fill=\"#000\" d=\""
    );
    for y in 0..qr.width() {
        for x in (0..qr.width()).filter(|&x| qr.is_dark(x, y)) {
            let [left, top] = [x, y].map(|n| (n + SVG_QUIET_ZONE) * SVG_MODULE);
            let _ = write!(
                image,
                "M{left} {top}h{SVG_MODULE}v{SVG_MODULE}h-{SVG_MODULE}z"
            );
        }
    }
    image.push_str("\"/>\n</svg>\n");
    image
}

fn drawing_for(qr: &Qr, charset: Charset, look: &Look) -> Result<Drawing, DoesNotFit> {
    let [wide, narrow] = QUIET_ZONES.map(|quiet_zone| Drawing {
        charset,
        ink: match look.colours {
            Colours::Ansi => Ink::Dark,
            Colours::None => Ink::Light,
        },
        quiet_zone,
    });
    let Some(size) = look.size else {
        return Ok(wide);
    };
    let fits = |&drawing: &Drawing| {
        let needed = qr.size(drawing);
        // The question stands below it.
        needed.columns <= size.columns && needed.rows < size.rows
    };
    [wide, narrow].into_iter().find(fits).ok_or_else(|| {
        let needed = qr.size(narrow);
        DoesNotFit {
            needed: Size {
                rows: needed.rows + 1,
                ..needed
            },
            size,
        }
    })
}

/// The same drawing in black on white. With number signs, which do not fill their cells, the background is what the camera
/// sees.
fn coloured(plain: &str) -> Zeroizing<String> {
    // The colour may change at each pair of cells, and is set and taken back in each line.
    let room = plain.len() / 2 * (2 + BLACK_ON_WHITE.len()) + plain.lines().count() * 16;
    let mut text = Zeroizing::new(String::with_capacity(room));
    for line in plain.lines() {
        let mut colour = "";
        for cell in line.chars() {
            let wanted = if cell == '#' {
                BLACK_ON_BLACK
            } else {
                BLACK_ON_WHITE
            };
            if colour != wanted {
                text.push_str(wanted);
                colour = wanted;
            }
            text.push(cell);
        }
        text.push_str(PLAIN);
        text.push('\n');
    }
    text
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

/// ISO/IEC 18004 asks for 4 modules; cameras are content with 2 on a screen, and 80 by 24 cells are all that many have.
const QUIET_ZONES: [usize; 2] = [4, 2];
const SVG_QUIET_ZONE: usize = 4;

/// Pixels of an image for a side of a module.
const SVG_MODULE: usize = 8;

/// What is round the modules of an image, in bytes …
const SVG_ROOM: usize = 512;
/// … and what one of them takes: `M1480 1480h8v8h-8z` at most.
const SVG_ROOM_FOR_A_MODULE: usize = 18;

const BLACK_ON_WHITE: &str = "\x1b[30;47m";
const BLACK_ON_BLACK: &str = "\x1b[30;40m";
const PLAIN: &str = "\x1b[0m";

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "otpauth://totp/server1:alice.smith?issuer=server1&algorithm=SHA1&digits=6&period=30\
                       &secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn look(columns: usize, rows: usize) -> Look {
        Look {
            charset: Charset::Utf8,
            colours: Colours::Ansi,
            size: Some(Size { columns, rows }),
        }
    }

    fn qr() -> Qr {
        Qr::new(URI).unwrap()
    }

    #[test]
    fn every_coloured_line_is_black_on_white_and_ends_without_colour() {
        for charset in [Charset::Utf8, Charset::Ascii] {
            let text = fit(&qr(), charset, &look(200, 200)).unwrap();
            for line in text.lines() {
                assert!(line.starts_with(BLACK_ON_WHITE) && line.ends_with(PLAIN));
            }
        }
    }

    #[test]
    fn without_its_colours_a_drawing_is_the_plain_one() {
        for charset in [Charset::Utf8, Charset::Ascii] {
            let look = look(200, 200);
            let text = fit(&qr(), charset, &look).unwrap();
            let without = text
                .replace(BLACK_ON_WHITE, "")
                .replace(BLACK_ON_BLACK, "")
                .replace(PLAIN, "");
            assert_eq!(
                without,
                *qr().draw(drawing_for(&qr(), charset, &look).unwrap())
            );
        }
    }

    #[test]
    fn number_signs_are_black_and_what_is_between_them_white() {
        assert_eq!(
            *coloured("  ##  \n"),
            format!("{BLACK_ON_WHITE}  {BLACK_ON_BLACK}##{BLACK_ON_WHITE}  {PLAIN}\n")
        );
    }

    #[test]
    fn what_is_written_fits_the_memory_that_was_asked_for_at_once() {
        for charset in [Charset::Utf8, Charset::Ascii] {
            let plain = qr().draw(drawing_for(&qr(), charset, &look(200, 200)).unwrap());
            let text = coloured(&plain);
            let room = plain.len() / 2 * (2 + BLACK_ON_WHITE.len()) + plain.lines().count() * 16;
            assert!(text.len() <= room && text.capacity() == room);
        }
        let image = svg(&qr());
        assert_eq!(image.capacity(), SVG_ROOM + 41 * 41 * SVG_ROOM_FOR_A_MODULE);
    }

    #[test]
    fn a_usual_code_fits_the_smallest_usual_terminal_with_its_question() {
        let quiet_zone = |rows| {
            let drawing = drawing_for(&qr(), Charset::Utf8, &look(80, rows));
            drawing.unwrap().quiet_zone
        };
        assert_eq!(quiet_zone(26), 4);
        assert_eq!(quiet_zone(24), 2);
    }

    #[test]
    fn a_code_that_does_not_fit_says_what_it_needs() {
        for (columns, rows) in [(44, 24), (45, 23)] {
            let error = fit(&qr(), Charset::Utf8, &look(columns, rows)).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "The QR code needs a window of 45 columns and 24 lines; this one has {columns} and {rows}."
                )
            );
        }
        assert!(fit(&qr(), Charset::Ascii, &look(80, 24)).is_err());
        assert!(fit(&qr(), Charset::Ascii, &look(90, 46)).is_ok());
    }

    #[test]
    fn an_image_is_svg_and_has_the_size_of_the_code() {
        let image = svg(&qr());
        assert!(image.contains("<svg") && image.trim_end().ends_with("</svg>"));
        assert!(image.contains(&format!("width=\"{}\"", (41 + 8) * 8)));
    }
}
