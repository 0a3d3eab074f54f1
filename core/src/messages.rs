//! All words that a person who logs in can see. Short, in ASCII, without blame, and saying what to do next.

use std::fmt::Write as _;
use std::time::Duration;

use crate::check::{Accepted, Factor, Next, Refusal};
use crate::config::{Day, LoginConfig};
use crate::place::Place;
use crate::state::{News, WrongCodes};
use crate::time::Time;
use crate::transaction::NotKept;

/// The question.
pub const PROMPT: &str = "Verification code: ";

/// The question for a password and a code in one field.
pub const PROMPT_FOR_BOTH: &str = "Password & verification code: ";

/// What stands over the picture when somebody enrolls. The client may put the person's name and the host's in front of it.
pub const SCAN: &str = "Scan this with your authenticator app:";

/// What stands before the key under the picture, so short that one for SHA256 has room beside it …
pub const OR_THE_KEY: &str = "Or the key: ";

/// … and over it, where there is no picture.
pub const THE_KEY: &str = "Add this key to your authenticator app:";

/// What an app has to be told beside a key where it is not what every app takes for granted.
#[must_use]
pub fn settings(algorithm: &str, digits: u8, period: u64) -> String {
    format!("(time-based, {algorithm}, {digits} digits, every {period} seconds)")
}

/// The question that the app answers when it has the key.
pub const PROOF: &str = "Code that the app shows now: ";

/// What stands over the backup codes …
pub const BACKUP_CODES: &str =
    "Your backup codes. Each opens the door once when the authenticator is lost:";

/// … and below them.
pub const KEEP_THEM: &str = "They are shown this once. Keep them offline, away from the phone.";

/// The question below that. Whatever is typed is an answer.
pub const KEPT: &str = "Press Enter once you have kept them: ";

/// What is said of a refused answer, in front of the next question.
///
/// It is the same whatever the reason (no existence oracle), but for those who proved a code, and for everybody where the
/// administrator chose to explain.
#[must_use]
pub fn refused(refusal: &Refusal, login: &LoginConfig, longest_lock: Duration) -> String {
    match refusal {
        // A used code is a proof that they have the token.
        Refusal::Replayed { next: Next::CodeIn(seconds) } => {
            format!("That code was already used. The next one comes in {}.", span(*seconds))
        }
        Refusal::Replayed { next: Next::CodeOfToken } => "That code was already used. Let your token make the next one.".to_owned(),
        Refusal::Replayed { next: Next::BackupCode } => "That backup code was already used. Use another one.".to_owned(),
        Refusal::Replayed { next: Next::TemporaryCode } => {
            "That temporary code was already used. Ask your administrator for another one.".to_owned()
        }
        Refusal::TemporaryCodeOver => {
            "That temporary code does not hold any more. Ask your administrator for a new one.".to_owned()
        }
        Refusal::BackupCodesWait => {
            "Backup codes wait for your administrator since the system was restored. Use your token, or ask."
                .to_owned()
        }
        // They proved the invitation.
        Refusal::InvitationOver => "That invitation does not hold any more. Ask your administrator for a new one.".to_owned(),
        Refusal::TokenWaits => {
            "Your token waits for your administrator since the system was restored. Use another one, or ask.".to_owned()
        }
        _ if !login.explain => not_accepted(longest_lock),
        Refusal::Wrong { locked_for: 0 } => "That code is not right. Try again with the next one.".to_owned(),
        Refusal::Wrong { locked_for } => format!("Too many wrong codes. Try again in {}.", span(*locked_for)),
        Refusal::Locked { remaining } => format!("Too many wrong codes. Try again in {}.", span(*remaining)),
        Refusal::ShareUsedUp => "Too many wrong codes from here. Ask your administrator to unlock you.".to_owned(),
        Refusal::Closed => "Your second factor is closed. Ask your administrator to unlock you.".to_owned(),
        Refusal::Disabled => "Too many wrong codes. Ask your administrator to enroll you anew.".to_owned(),
        Refusal::NotEnrolled | Refusal::OtherUid | Refusal::UnknownUser => {
            NOT_ENROLLED.to_owned()
        }
        Refusal::Denied { .. } => DENIED.to_owned(),
        Refusal::NotACode(_) => "That is not a code. Type the digits that your authenticator shows.".to_owned(),
        Refusal::NotProved => NOT_PROVED.to_owned(),
        Refusal::EnrolledMeanwhile => not_kept(NotKept::EnrolledMeanwhile).to_owned(),
        Refusal::Repeated => "That is the same as before. Try again with the next code.".to_owned(),
    }
}

/// What is said where it could not be told whether an answer was good.
#[must_use]
pub fn unavailable(login: &LoginConfig, longest_lock: Duration) -> String {
    if login.explain {
        "Codes cannot be checked now. Try again, or tell your administrator.".to_owned()
    } else {
        not_accepted(longest_lock)
    }
}

/// What is said after a success: nothing as a rule.
#[must_use]
pub fn accepted(accepted: &Accepted) -> Option<String> {
    let factor = match accepted.factor {
        Factor::BackupCode { left: 0 } => Some(
            "Backup code accepted. It was the last one; ask your administrator for new ones."
                .to_owned(),
        ),
        Factor::BackupCode { left } => Some(format!(
            "Backup code accepted. {left} left; your administrator can make new ones."
        )),
        Factor::TemporaryCode => Some(
            "Temporary code accepted. It opens nothing more; before the next login, talk to your administrator."
                .to_owned(),
        ),
        Factor::ScratchCode { left: 0, .. } => Some(
            "Scratch code accepted. It was the last one; ask your administrator for backup codes."
                .to_owned(),
        ),
        Factor::ScratchCode { left, expires } => Some(format!(
            "Scratch code accepted. {left} left, and they end on {}; your administrator can make backup codes.",
            day_of(expires)
        )),
        Factor::Token { .. } | Factor::NewToken(_) => None,
    };
    let wrong = (accepted.wrong.count > 0).then(|| wrong_codes(&accepted.wrong));
    let news = accepted.temporary_code.map(temporary_code);
    let said: Vec<String> = [factor, wrong, news].into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join(" "))
}

/// The day of a moment, in UTC.
fn day_of(moment: Time) -> String {
    let mut text = moment.to_rfc3339();
    text.truncate("2026-12-24".len());
    text
}

/// What became of a temporary code, for whoever it was made for: somebody else may have asked for it in their name.
#[must_use]
pub fn temporary_code(news: News) -> String {
    match news {
        News::Made => "Your administrator made a temporary code for you. If you did not ask for it, tell them."
            .to_owned(),
        News::Used { from } => format!(
            "A temporary code that your administrator made for you was used, from {}. If that was not you, tell them at once.",
            said_of(&from)
        ),
    }
}

/// What is said where the code that was to prove a new token is none of it, in front of the next question for one.
#[must_use]
pub fn not_proved() -> String {
    format!("{NOT_PROVED}\n{PROOF}")
}

const NOT_PROVED: &str = "That is not a code of this key. Wait for the next one and try again.";

/// What waits until something was read.
pub const READ: &str = "Press Enter once you have read this: ";

/// Why an enrollment at login was not kept, and what to do.
#[must_use]
pub fn not_kept(reason: NotKept) -> &'static str {
    match reason {
        NotKept::EnrolledMeanwhile => {
            "You were enrolled elsewhere meanwhile, so this key and these backup codes were not kept: delete them. Log in again."
        }
        NotKept::InvitationGone => {
            "Your invitation does not hold any more, so this key and these backup codes were not kept: delete them. Ask your \
             administrator for a new one."
        }
        NotKept::Closed => {
            "You were locked meanwhile, so this key and these backup codes were not kept: delete them. Ask your administrator."
        }
    }
}

/// What is said, after the first factor, to somebody who has to be enrolled and is not.
pub const NOT_ENROLLED: &str =
    "No second factor is set up for you yet. Ask your administrator to enroll you.";

/// The same where they could enroll themselves in this login.
pub const NEEDS_INVITATION: &str = "No second factor is set up for you yet. Type your invitation here, or ask your administrator for one.";

/// What is said to somebody whom a rule keeps out although their key is right.
pub const DENIED: &str = "You may not log in this way. Ask your administrator.";

/// What is said where the account phase cannot do what it has to.
pub const UNAVAILABLE: &str =
    "Your second factor cannot be looked up now. Try again, or tell your administrator.";

/// What is said to somebody who is let in without a second factor for now.
#[must_use]
pub fn deadline(last_day: Day) -> String {
    format!(
        "After {last_day} you need a second factor to log in, and none is set up for you yet. Ask your administrator to \
         enroll you."
    )
}

/// What is said when few backup codes are left.
#[must_use]
pub fn few_codes(left: usize) -> Option<String> {
    let text = match left {
        0 => "No backup code is left. Ask your administrator for new ones.".to_owned(),
        1 => "1 backup code is left. Ask your administrator for new ones.".to_owned(),
        2..=FEW_CODES => {
            format!("{left} backup codes are left. Ask your administrator for new ones.")
        }
        _ => return None,
    };
    Some(text)
}

/// So many backup codes are few.
const FEW_CODES: usize = 3;

/// The one text for every refusal.
fn not_accepted(longest_lock: Duration) -> String {
    format!(
        "Not accepted. After several wrong codes, wait up to {}.",
        span(longest_lock.as_secs())
    )
}

/// That somebody tried wrong codes.
#[must_use]
pub fn wrong_codes(wrong: &WrongCodes) -> String {
    let plural = if wrong.count == 1 { "" } else { "s" };
    let mut text = format!("{} wrong code{plural} since your last login", wrong.count);
    // Several accounts on this host are one place in these words.
    let mut places = Vec::new();
    for place in wrong.from.iter().map(said_of) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if !places.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(text, ", from {}", places.join(" and "));
    }
    text.push_str(". If that was not you, change your password.");
    text
}

/// A place as people say it.
fn said_of(place: &Place) -> String {
    match place {
        Place::Address(address) => address.to_string(),
        Place::Local(_) => "this host".to_owned(),
        Place::Elsewhere => "elsewhere".to_owned(),
    }
}

/// A number of seconds as people say it.
#[must_use]
pub fn span(seconds: u64) -> String {
    let plural =
        |count: u64, unit: &str| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
    match seconds {
        0..=119 => plural(seconds, "second"),
        120..=7199 => plural(seconds.div_ceil(60), "minute"),
        _ => plural(seconds.div_ceil(3600), "hour"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::BadAnswer;

    const LONGEST: Duration = Duration::from_secs(900);

    #[test]
    fn every_refusal_has_the_one_text_unless_a_code_was_proved() {
        let login = LoginConfig::default();
        for refusal in [
            Refusal::Wrong { locked_for: 30 },
            Refusal::Locked { remaining: 30 },
            Refusal::ShareUsedUp,
            Refusal::Disabled,
            Refusal::Closed,
            Refusal::NotEnrolled,
            Refusal::OtherUid,
            Refusal::UnknownUser,
            Refusal::Denied { rule: 1 },
            Refusal::NotACode(BadAnswer::Empty),
            Refusal::Repeated,
        ] {
            assert_eq!(
                refused(&refusal, &login, LONGEST),
                "Not accepted. After several wrong codes, wait up to 15 minutes."
            );
        }
        assert_eq!(
            refused(
                &Refusal::Replayed {
                    next: Next::CodeIn(12)
                },
                &login,
                LONGEST
            ),
            "That code was already used. The next one comes in 12 seconds."
        );
    }

    #[test]
    fn with_explain_everybody_is_told_why() {
        let login = LoginConfig {
            explain: true,
            ..LoginConfig::default()
        };
        assert_eq!(
            refused(&Refusal::Locked { remaining: 27 }, &login, LONGEST),
            "Too many wrong codes. Try again in 27 seconds."
        );
    }

    #[test]
    fn a_success_tells_of_wrong_codes_and_of_backup_codes_left() {
        let wrong = WrongCodes {
            count: 4,
            from: vec![Place::of_address("203.0.113.9"), Place::Local(1000)],
        };
        let accepted_with = |factor| {
            accepted(&Accepted {
                factor,
                wrong: wrong.clone(),
                backup_codes_left: None,
                temporary_code: None,
            })
            .unwrap()
        };
        assert_eq!(
            accepted_with(Factor::BackupCode { left: 7 }),
            "Backup code accepted. 7 left; your administrator can make new ones. 4 wrong codes since your last login, \
             from 203.0.113.9 and this host. If that was not you, change your password."
        );
    }

    #[test]
    fn several_accounts_of_this_host_are_one_place() {
        let wrong = WrongCodes {
            count: 3,
            from: vec![Place::Local(1000), Place::Elsewhere, Place::Local(1001)],
        };
        assert_eq!(
            wrong_codes(&wrong),
            "3 wrong codes since your last login, from this host and elsewhere. If that was not you, change your password."
        );
    }

    #[test]
    fn spans_are_said_as_people_say_them() {
        for (seconds, text) in [
            (1, "1 second"),
            (90, "90 seconds"),
            (121, "3 minutes"),
            (900, "15 minutes"),
            (86_400, "24 hours"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
