//! The files of other systems: whatever is taken of them can be enrolled, and what is refused is refused without a word of it.

use std::fmt::{Debug, Display};

use crate::enrollment::Enrollment;
use crate::import::{Brought, google_authenticator, oath};
use crate::scratch_codes::ScratchCodes;
use crate::testing::{NOW, RULES};
use crate::token::{Kind, Step};

/// The file of `pam_google_authenticator`.
pub fn google_authenticator(bytes: &[u8]) {
    let file = match google_authenticator::File::parse(bytes) {
        Ok(file) => file,
        Err(why) => return says_nothing_of(&why, bytes),
    };
    // CRs are as good as nothing beside LFs.
    let with_crs = bytes.split(|byte| *byte == b'\n').collect::<Vec<_>>();
    let again = google_authenticator::File::parse(&with_crs.join(&b"\r\n"[..]));
    if let Ok(again) = again {
        assert!(again.secret.is_same_as(&file.secret));
        assert_eq!(
            (again.mode, again.skew, &again.used),
            (file.mode, file.skew, &file.used)
        );
        assert_eq!(again.scratch_codes.len(), file.scratch_codes.len());
    } else {
        assert!(bytes.len() + with_crs.len() > google_authenticator::LONGEST_FILE);
    }
    assert!((1..=60).contains(&file.step_size) && (1..=100).contains(&file.window_size));
    says_nothing_of(&format!("{file:?}"), bytes);
    match file.bring(&RULES, NOW) {
        Ok(brought) => can_be_enrolled(&brought),
        Err(why) => says_nothing_of(&why, bytes),
    }
}

/// The users' file of `pam_oath`.
pub fn oath(bytes: &[u8]) {
    let file = oath::File::parse(bytes).unwrap();
    for (index, person) in file.people.iter().enumerate() {
        assert!(
            file.people[..index]
                .iter()
                .all(|other| other.name != person.name)
        );
        for pins in [oath::Pins::Refused, oath::Pins::Dropped] {
            match person.bring(pins, &RULES, NOW) {
                Ok(brought) => can_be_enrolled(&brought),
                Err(why) => says_nothing_of(&why, bytes),
            }
        }
    }
}

fn can_be_enrolled(brought: &Brought) {
    assert!((1..=Enrollment::MOST_TOKENS).contains(&brought.tokens.len()));
    assert!(brought.scratch_codes.len() <= ScratchCodes::MOST);
    for (index, token) in brought.tokens.iter().enumerate() {
        assert!(
            brought.tokens[..index]
                .iter()
                .all(|other| !other.secret.is_same_as(&token.secret) && other.label != token.label)
        );
        assert!(token.drift.steps().unsigned_abs() <= RULES.resync_window);
        assert!(token.used <= token.may_be_used);
        match token.kind {
            // Nothing that is written beside it makes a token wait for long: the clock would be held to be wrong.
            Kind::Totp { period } => {
                let most = period.step_at(NOW).plus(RULES.resync_window + 50 + 4);
                assert!(token.may_be_used <= Some(most));
            }
            Kind::Hotp { counter } => {
                let before = counter.step().0.checked_sub(1).map(Step);
                assert!(token.may_be_used == before || token.may_be_used == Some(Step(u64::MAX)));
            }
        }
    }
}

/// Neither a secret nor a code of the file is in a text.
fn says_nothing_of(text: &(impl Display + Debug), bytes: &[u8]) {
    let said = format!("{text} {text:?}");
    let file = String::from_utf8_lossy(bytes);
    let words = file.split(|c: char| !c.is_ascii_alphanumeric());
    let is_secret =
        |word: &&str| word.len() >= 16 && word.contains(|c: char| c.is_ascii_alphabetic());
    assert!(
        words
            .filter(is_secret)
            .all(|word| !said.contains(word) || KNOWN.contains(&word))
    );
}

const KNOWN: [&str; 1] = ["ScratchCodesOnly"];
