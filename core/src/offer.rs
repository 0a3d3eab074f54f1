//! What somebody is shown who enrolls inside a login: the key as a picture and in text, and then the backup codes, each with
//! the question below it as the text of one prompt.
//!
//! A prompt, since that is all that reaches a person whole: what PAM calls a text is filtered by ssh and cut at 1024 bytes.
//! Nobody knows here what it is shown on. So no line is wider than 77 cells, there are no colours, and the light modules are
//! printed, for a dark terminal; what is below the picture is ASCII, and comes last, where it is still seen when the rest has
//! scrolled away or was turned into something else.
//!
//! Of the usual token (a secret of 160 bits, SHA1, 6 digits, 30 seconds) all of it fits 24 lines, or 40 in ASCII: [`otpauth`
//! URIs](short_otpauth_uri) are as short as can be, and of issuer and account as much is left in the picture as fits: 59
//! bytes with the colon between them, percent-encoded, and 31 in ASCII. An app shows no more than that; the login does not
//! depend on it.

use zeroize::Zeroizing;

use crate::account::UserName;
use crate::backup_codes::BackupCode;
use crate::messages;
use crate::qr::{Charset, Drawing, Ink, Qr, TooLong};
use crate::token::{Algorithm, Digits, Period, Token, short_otpauth_uri};

/// How the picture is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum QrForm {
    /// In half blocks.
    #[default]
    Utf8,
    /// In pairs of number signs; twice as large.
    Ascii,
    /// Not at all.
    None,
}

/// The prompt that gives `token` to an authenticator, which will show it as `account` of `issuer`, and asks for a code.
#[must_use]
pub fn offer(token: &Token, issuer: &str, account: &UserName, form: QrForm) -> Zeroizing<String> {
    let drawn = match form {
        QrForm::Utf8 => picture(token, issuer, account, Charset::Utf8),
        QrForm::Ascii => picture(token, issuer, account, Charset::Ascii),
        QrForm::None => None,
    };
    let settings = settings(token);
    match drawn {
        Some(picture) => together(&[
            messages::SCAN,
            "\n",
            &picture,
            &key(messages::OR_THE_KEY, token),
            &settings,
            messages::PROOF,
        ]),
        // The key has a line of its own, since there is no telling how long the first one gets.
        None => together(&[
            messages::THE_KEY,
            "\n",
            &key(INDENT, token),
            &settings,
            messages::PROOF,
        ]),
    }
}

/// The prompt that shows backup codes and waits until they were kept.
#[must_use]
pub fn backup_codes(codes: &[BackupCode]) -> Zeroizing<String> {
    let codes: Vec<_> = codes.iter().map(BackupCode::grouped).collect();
    let mut parts = vec![messages::BACKUP_CODES, "\n"];
    for code in &codes {
        parts.extend([INDENT, code.as_str(), "\n"]);
    }
    parts.extend([messages::KEEP_THEM, "\n", messages::KEPT]);
    together(&parts)
}

/// The picture with the widest quiet zone that there is room for. Names that do not fit are shortened; with a secret that
/// leaves no room for any of them, the picture has more lines, and where that would make it too wide, there is none.
fn picture(
    token: &Token,
    issuer: &str,
    account: &UserName,
    charset: Charset,
) -> Option<Zeroizing<String>> {
    let rooms: &[usize] = match charset {
        Charset::Utf8 => &[ROWS_OF_HALF_BLOCKS * 2, WIDEST_LINE],
        Charset::Ascii => &[WIDEST_LINE / 2],
    };
    let label = Label {
        issuer,
        account: account.as_str(),
    };
    let (room, qr) = rooms.iter().find_map(|&room| {
        let widest = room - 2 * NARROWEST_QUIET_ZONE;
        label.code(token, widest).map(|qr| (room, qr))
    })?;
    let quiet_zone = ((room - qr.width()) / 2).min(WIDEST_QUIET_ZONE);
    Some(qr.draw(Drawing {
        charset,
        ink: Ink::Light,
        quiet_zone,
    }))
}

/// What an authenticator shows beside the code.
#[derive(Clone, Copy)]
struct Label<'a> {
    issuer: &'a str,
    account: &'a str,
}

impl Label<'_> {
    /// The code of that many modules a side, or fewer, that holds the most of it; none where the secret leaves no room.
    fn code(self, token: &Token, widest: usize) -> Option<Qr> {
        let mut label = self;
        loop {
            let uri = short_otpauth_uri(token, label.issuer, label.account);
            match Qr::no_wider_than(widest, &uri) {
                Ok(qr) => return Some(qr),
                Err(TooLong) => label = label.shorter()?,
            }
        }
    }

    /// The same without the last character of its longer part, as long as something is left of both.
    fn shorter(mut self) -> Option<Self> {
        let part = if self.issuer.len() > self.account.len() {
            &mut self.issuer
        } else {
            &mut self.account
        };
        let (last, _) = part.char_indices().next_back().filter(|&(at, _)| at > 0)?;
        *part = &part[..last];
        Some(self)
    }
}

/// The key in groups that can be read aloud, each line ended.
fn key(before: &str, token: &Token) -> Zeroizing<String> {
    let secret = token.secret.to_base32();
    let room = before.len() + secret.len() + secret.len().div_ceil(GROUP);
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.push_str(before);
    let mut column = before.len();
    let mut rest = secret.as_str();
    while !rest.is_empty() {
        let (group, more) = rest.split_at(rest.len().min(GROUP));
        text.push_str(group);
        column += group.len() + 1;
        rest = more;
        let line_is_full = column + rest.len().min(GROUP) > WIDEST_LINE;
        if rest.is_empty() || line_is_full {
            text.push('\n');
            column = 0;
        } else {
            text.push(' ');
        }
    }
    text
}

/// A line for what the app would not take for granted; nothing where there is nothing.
fn settings(token: &Token) -> String {
    // What is enrolled inside a login moves with time: an app makes it from a picture.
    let Some(period) = token.period() else {
        return String::new();
    };
    let usual = (Algorithm::Sha1, Digits::SIX, Period::THIRTY);
    if (token.algorithm, token.digits, period) == usual {
        return String::new();
    }
    let mut line = messages::settings(
        token.algorithm.as_str(),
        token.digits.get(),
        period.seconds(),
    );
    line.push('\n');
    line
}

/// All parts in memory that is asked for at once: a buffer that grows leaves copies of secrets behind.
fn together(parts: &[&str]) -> Zeroizing<String> {
    Zeroizing::new(parts.concat())
}

/// What the smallest usual terminal has, less the two that `PuTTY` puts before each line of a server's; and it breaks a line
/// before the last.
const WIDEST_LINE: usize = 77;

/// 24 lines less the one above the picture, the key and the question.
const ROWS_OF_HALF_BLOCKS: usize = 21;

/// ISO/IEC 18004 asks for 4 modules …
const WIDEST_QUIET_ZONE: usize = 4;

/// … and cameras are content with 2 on a screen.
const NARROWEST_QUIET_ZONE: usize = 2;

/// Letters of a key that are read in one breath.
const GROUP: usize = 4;

const INDENT: &str = "    ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup_codes::{BackupCodes, Count};
    use crate::testing::CHEAP;
    use crate::testing::token::token;
    use crate::token::{Kind, Secret};

    const FORMS: [QrForm; 3] = [QrForm::Utf8, QrForm::Ascii, QrForm::None];

    fn of(algorithm: Algorithm) -> Token {
        Token {
            secret: Secret::generate(algorithm).unwrap(),
            algorithm,
            ..token(1, "phone")
        }
    }

    fn name(text: &str) -> UserName {
        UserName::parse(text).unwrap()
    }

    fn widest(text: &str) -> usize {
        let widths = text.lines().map(|line| line.chars().count());
        widths.max().unwrap()
    }

    #[test]
    fn it_ends_with_the_key_in_groups_and_the_question() {
        let usual = Token {
            secret: Secret::from_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap(),
            ..token(1, "phone")
        };
        let end = "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ\nCode that the app shows now: ";
        for form in FORMS {
            let text = offer(&usual, "server1", &name("alice"), form);
            assert!(text.ends_with(end), "{}", *text);
            assert_eq!(text.contains('█'), form == QrForm::Utf8);
            assert_eq!(text.contains("##"), form == QrForm::Ascii);
        }
        let text = offer(&usual, "server1", &name("alice"), QrForm::None);
        assert_eq!(
            *text,
            format!("Add this key to your authenticator app:\n    {end}")
        );
    }

    #[test]
    fn whatever_the_names_the_usual_token_fits_24_lines() {
        for (issuer, account) in [
            ("server1", "alice"),
            ("server1.example.org", "alice.smith"),
            ("a", &"x".repeat(64)),
            (&"é".repeat(32), "alice"),
            (&"é".repeat(32), &"ü".repeat(30)),
        ] {
            let text = offer(&of(Algorithm::Sha1), issuer, &name(account), QrForm::Utf8);
            assert!(text.lines().count() <= 24, "{}", *text);
            let ascii = offer(&of(Algorithm::Sha1), issuer, &name(account), QrForm::Ascii);
            assert!(
                ascii.contains("##") && ascii.lines().count() <= 40,
                "{}",
                *ascii
            );
        }
    }

    #[test]
    fn a_longer_secret_takes_more_lines_and_leaves_no_room_for_number_signs() {
        for (algorithm, lines) in [(Algorithm::Sha256, 25), (Algorithm::Sha512, 30)] {
            let token = of(algorithm);
            let text = offer(&token, "server1", &name("alice"), QrForm::Utf8);
            assert_eq!(text.lines().count(), lines, "{}", *text);
            let ascii = offer(&token, "server1", &name("alice"), QrForm::Ascii);
            assert!(!ascii.contains("##"), "{}", *ascii);
        }
    }

    #[test]
    fn no_line_is_wider_than_77_whatever_the_token() {
        for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
            let token = Token {
                digits: Digits::try_from(8).unwrap(),
                kind: Kind::Totp {
                    period: Period::try_from(120).unwrap(),
                },
                ..of(algorithm)
            };
            for form in FORMS {
                for account in ["alice", &"x".repeat(255)] {
                    let text = offer(&token, &"i".repeat(64), &name(account), form);
                    assert!(widest(&text) <= 77, "{}", *text);
                    assert_eq!(text.contains('█'), form == QrForm::Utf8, "{algorithm:?}");
                    let drawn = form == QrForm::Ascii && algorithm == Algorithm::Sha1;
                    assert_eq!(text.contains("##"), drawn, "{algorithm:?}");
                    let settings = format!(
                        "\n(time-based, {}, 8 digits, every 120 seconds)\n",
                        algorithm.as_str()
                    );
                    assert!(text.contains(&settings), "{}", *text);
                    let key: String = text.split_whitespace().collect();
                    assert!(key.contains(token.secret.to_base32().as_str()));
                }
            }
        }
    }

    #[test]
    fn the_longest_label_that_is_shown_whole_is_the_one_that_the_documentation_tells() {
        let token = of(Algorithm::Sha1);
        for (charset, longest) in [(Charset::Utf8, 59), (Charset::Ascii, 31)] {
            let issuer = "i".repeat(5);
            let drawn = |more: usize| {
                let account = "a".repeat(longest - 6 + more);
                picture(&token, &issuer, &name(&account), charset).unwrap()
            };
            // One more changes nothing: it is left out. One less makes another picture.
            assert_eq!(*drawn(0), *drawn(1));
            let shorter = "a".repeat(longest - 7);
            let other = picture(&token, &issuer, &name(&shorter), charset).unwrap();
            assert_ne!(*drawn(0), *other);
        }
    }

    #[test]
    fn a_label_loses_the_end_of_its_longer_part_and_never_all_of_it() {
        let mut label = Label {
            issuer: "sé",
            account: "al",
        };
        let mut seen = Vec::new();
        while let Some(shorter) = label.shorter() {
            label = shorter;
            seen.push(format!("{}:{}", label.issuer, label.account));
        }
        assert_eq!(seen, ["s:al", "s:a"]);
    }

    #[test]
    fn backup_codes_have_a_line_each_and_the_question_comes_last() {
        let (_, codes) = BackupCodes::make(Count::MOST, CHEAP).unwrap();
        let text = backup_codes(&codes);
        assert!(text.ends_with("\nPress Enter once you have kept them: "));
        for code in &codes {
            assert!(text.contains(&format!("\n    {}\n", *code.grouped())));
        }
        assert!(text.is_ascii() && widest(&text) <= 77 && text.lines().count() <= 24);
    }

    #[test]
    fn what_holds_a_secret_is_written_into_memory_that_was_asked_for_at_once() {
        for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
            let token = of(algorithm);
            let key = key(messages::OR_THE_KEY, &token);
            assert_eq!(key.len(), key.capacity());
            for form in FORMS {
                let text = offer(&token, "server1", &name("alice"), form);
                assert_eq!(text.len(), text.capacity());
            }
        }
        let (_, codes) = BackupCodes::make(Count::DEFAULT, CHEAP).unwrap();
        let text = backup_codes(&codes);
        assert_eq!(text.len(), text.capacity());
    }
}
