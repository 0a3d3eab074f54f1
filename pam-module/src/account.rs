//! The `account` hook: hosts call it when the whole of `auth` has succeeded, so that here the first factor was right too; or when
//! they let somebody in without asking PAM, as sshd does with a public key.

use nightlatch_core::admission::{self, Admission, Entry};
use nightlatch_core::check::Fault;
use nightlatch_core::login::AsksFor;
use pamsm::PamError;

use crate::auth::{request, unavailable};
use crate::handover::Handover;
use crate::host::PamHost;
use crate::setting::{Reach, Setting};

/// Keeps and tells what `auth` prepared for this person, or looks after somebody whom nobody asked.
pub fn account(host: &dyn PamHost, words: &[String]) -> PamError {
    let handover = match host.handed_over() {
        Some(handover) if is_for_the_user(host, &handover) => handover,
        Some(handover) if handover.left.prepared.is_some() => {
            let problem = "PAM_USER was changed after the login, so that what was enrolled in it cannot be kept";
            return unavailable(host, &Fault::Unusable(problem.to_owned()));
        }
        Some(_) | None => return unasked(host, words),
    };
    if handover.left.is_only_words() {
        // Nothing is left to decide, so nothing is read.
        return end(host, &Admission::open(handover.left.say));
    }
    match Setting::read(host, words) {
        Ok(Setting { config, .. }) => {
            let reach = Reach::of(host, &config);
            let admission =
                admission::admit(reach.world(), &config, &handover.request, handover.left);
            end(host, &admission)
        }
        Err(code) => code,
    }
}

fn unasked(host: &dyn PamHost, words: &[String]) -> PamError {
    // Who is not root was refused by `auth`, and a screen locker is no door for a key.
    if host.effective_uid() != 0 {
        return PamError::SUCCESS;
    }
    let admitted = Setting::read(host, words).and_then(|setting| {
        let Setting { arguments, config } = &setting;
        let request = request(host, arguments, config)?;
        let reach = Reach::of(host, config);
        Ok(admission::admit_unasked(reach.world(), config, &request))
    });
    match admitted {
        Ok(admission) => end(host, &admission),
        Err(code) => code,
    }
}

fn end(host: &dyn PamHost, admission: &Admission) -> PamError {
    for text in &admission.say {
        host.tell(text);
    }
    if let Some(prompt) = &admission.have_read {
        // Whether there is an answer does not change what happened.
        let _ = host.ask(prompt, AsksFor::Code);
    }
    match admission.entry {
        Entry::Open => PamError::SUCCESS,
        Entry::Refused => PamError::PERM_DENIED,
        Entry::Unavailable => PamError::AUTHINFO_UNAVAIL,
    }
}

/// Whether the host still speaks of whom `auth` asked.
fn is_for_the_user(host: &dyn PamHost, handover: &Handover) -> bool {
    host.user().is_ok_and(|user| user == handover.user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::FakeHost;
    use nightlatch_core::admission::LeftByLogin;
    use nightlatch_core::login::{Echo, Request, Subject};

    fn handed_over_for(user: &str) -> FakeHost {
        let host = FakeHost {
            user: "root".to_owned(),
            // Where nothing is handed over, nothing is to be read here.
            euid: 1000,
            ..FakeHost::default()
        };
        let handover = Handover {
            user: user.as_bytes().to_vec(),
            request: Request {
                subject: Subject::Unknown,
                service: "sshd".to_owned(),
                rhost: None,
                real_uid: 0,
                prompt: None,
                echo: Echo::Off,
                asks_for: AsksFor::Code,
            },
            left: LeftByLogin {
                prepared: None,
                trust: None,
                say: vec!["3 backup codes are left.".to_owned()],
            },
        };
        host.hand_over(handover).unwrap();
        host
    }

    #[test]
    fn what_was_handed_over_is_told_once() {
        let host = handed_over_for("root");
        assert_eq!(account(&host, &[]), PamError::SUCCESS);
        assert_eq!(*host.told.borrow(), ["3 backup codes are left."]);
        assert_eq!(account(&host, &[]), PamError::SUCCESS);
        assert_eq!(host.told.borrow().len(), 1);
    }

    #[test]
    fn what_was_handed_over_for_somebody_else_is_not_told() {
        let host = handed_over_for("daemon");
        assert_eq!(account(&host, &[]), PamError::SUCCESS);
        assert!(host.told.borrow().is_empty());
    }
}
