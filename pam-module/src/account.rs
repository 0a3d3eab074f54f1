//! The `account` hook: hosts call it when the whole of `auth` has succeeded, so that here the first factor was right too.

use nightlatch_core::account::Account;
use pamsm::PamError;

use crate::handover::Handover;
use crate::host::PamHost;

/// Does what `auth` prepared for this person. Without a hand-over nothing is read.
pub fn account(host: &dyn PamHost) -> PamError {
    let Some(handover) = host.handed_over() else {
        return PamError::SUCCESS;
    };
    if is_for_the_user(host, &handover) {
        for text in &handover.say {
            host.tell(text);
        }
    }
    PamError::SUCCESS
}

/// Whether the host still speaks of whom `auth` asked.
fn is_for_the_user(host: &dyn PamHost, handover: &Handover) -> bool {
    let Ok(name) = host.user() else {
        return false;
    };
    let account = str::from_utf8(&name).ok().map(Account::look_up);
    matches!(account, Some(Ok(Some(account))) if account.name.as_str() == handover.user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::FakeHost;

    fn handed_over_for(user: &str) -> FakeHost {
        let host = FakeHost {
            user: "root".to_owned(),
            ..FakeHost::default()
        };
        let handover = Handover {
            user: user.to_owned(),
            say: vec!["3 backup codes are left.".to_owned()],
        };
        host.hand_over(handover).unwrap();
        host
    }

    #[test]
    fn what_was_handed_over_is_told_once() {
        let host = handed_over_for("root");
        assert_eq!(account(&host), PamError::SUCCESS);
        assert_eq!(*host.told.borrow(), ["3 backup codes are left."]);
        assert_eq!(account(&host), PamError::SUCCESS);
        assert_eq!(host.told.borrow().len(), 1);
    }

    #[test]
    fn what_was_handed_over_for_somebody_else_is_not_told() {
        let host = handed_over_for("daemon");
        assert_eq!(account(&host), PamError::SUCCESS);
        assert!(host.told.borrow().is_empty());
    }
}
