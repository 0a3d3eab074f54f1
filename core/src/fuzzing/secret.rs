//! A secret as somebody wrote it: read as what it was meant to be, or refused without a word of it.

use data_encoding::{BASE32_NOPAD, HEXLOWER};

use crate::token::Secret;

/// Whatever is taken is taken for one thing only, is the same in every other spelling of it, and is never quoted where it is not.
pub fn secret(bytes: &[u8]) {
    let secret = match Secret::parse_written(bytes) {
        Ok(secret) => secret,
        Err(error) => {
            let text = String::from_utf8_lossy(bytes);
            let words = text.split(|c: char| !c.is_ascii_alphanumeric());
            let said = format!("{error} {error:?}");
            assert!(
                words
                    .filter(|word| word.len() >= 16)
                    .all(|word| !said.contains(word))
            );
            return;
        }
    };
    let base32 = secret.to_base32();
    let plain = BASE32_NOPAD.decode(base32.as_bytes()).unwrap();
    let hex = HEXLOWER.encode(&plain);
    for spelling in [
        format!("hex:{hex}"),
        format!("HEX: {}\n", hex.to_uppercase()),
        format!("base32:{}", *base32),
        format!(" Base32:{}====", base32.to_lowercase()),
    ] {
        let again = Secret::parse_written(spelling.as_bytes()).unwrap();
        assert!(again.is_same_as(&secret));
    }

    let text = std::str::from_utf8(bytes).unwrap().to_ascii_lowercase();
    let text = text.trim_ascii();
    let letters: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    if !text.contains(':') {
        // It had no prefix, so something in it said which it is; and it is that.
        assert!(letters.contains(|c| !matches!(c, 'a'..='f' | '2'..='7')));
        let is_base32 = letters.contains(|c| matches!(c, 'g'..='z' | '='));
        let as_it_is = if is_base32 {
            base32.to_ascii_lowercase()
        } else {
            hex
        };
        assert_eq!(letters.trim_end_matches('='), as_it_is);
    }
}
