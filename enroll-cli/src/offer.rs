//! A new secret on its way into an authenticator: the key in text, the QR code, what to do with them.

use nightlatch_core::qr::{Charset, Qr};
use nightlatch_core::token::{Kind, Token};
use zeroize::Zeroizing;

use crate::cli::QrForm;
use crate::picture::{self, DoesNotFit};
use crate::screen::{Screen, shown};

/// Shows a new secret. The QR code comes last, so that the question stands right below it: on a small terminal what
/// scrolls away is the text.
pub fn show(
    screen: &Screen,
    token: &Token,
    user: &str,
    qr: &Qr,
    form: QrForm,
) -> anyhow::Result<()> {
    let drawn = draw(screen, qr, form);
    match drawn {
        Ok(Some(_)) => screen.say(&format!(
            "Scan this with the authenticator app of {}, or type the key there:\n",
            shown(user)
        ))?,
        Ok(None) if form == QrForm::Svg => screen.say(&format!(
            "Scan the QR code in the file with the authenticator app of {}, or type the key there:\n",
            shown(user)
        ))?,
        Ok(None) => screen.say(&format!(
            "Type this key into the authenticator app of {}:\n",
            shown(user)
        ))?,
        Err(ref does_not_fit) => screen.say(&format!(
            "{does_not_fit}\nType the key into the authenticator app of {} instead. Or stop with Ctrl-C, and make the \
             window larger,\nor have the QR code put into a file with --output FILE; --qr none leaves it out.\n",
            shown(user)
        ))?,
    }
    screen.write(&key(token))?;
    match drawn {
        Ok(Some(picture)) => screen.write(&picture),
        Ok(None) | Err(_) => Ok(()),
    }
}

/// The picture, where one is to be on the screen.
fn draw(screen: &Screen, qr: &Qr, form: QrForm) -> Result<Option<Zeroizing<String>>, DoesNotFit> {
    let charset = match form {
        QrForm::Utf8 => Charset::Utf8,
        QrForm::Ascii => Charset::Ascii,
        QrForm::Svg | QrForm::None => return Ok(None),
    };
    picture::fit(qr, charset, screen.look()).map(Some)
}

/// The key in groups that can be read aloud, and what an app may ask beside it.
fn key(token: &Token) -> Zeroizing<String> {
    let secret = token.secret.to_base32();
    let (algorithm, digits) = (token.algorithm.as_str(), token.digits.get());
    let settings = match token.kind {
        Kind::Totp { period } => format!(
            "    time-based, {algorithm}, {digits} digits, every {} seconds\n\n",
            period.seconds()
        ),
        Kind::Hotp { counter } => format!(
            "    counter-based, {algorithm}, {digits} digits, counter {}\n\n",
            counter.step().0
        ),
    };
    let room = 8 + secret.len() + secret.len() / 4 + settings.len();
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.push_str("    ");
    for (index, letter) in secret.chars().enumerate() {
        if index > 0 && index % 4 == 0 {
            text.push(' ');
        }
        text.push(letter);
    }
    text.push('\n');
    text.push_str(&settings);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::token;

    #[test]
    fn the_key_is_written_in_groups_with_what_an_app_may_ask() {
        let text = key(&token());
        assert_eq!(
            *text,
            "    GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ\n    time-based, SHA1, 6 digits, every 30 seconds\n\n"
        );
    }
}
