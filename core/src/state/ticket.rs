//! An invitation: what opens the enrollment at a login once, for somebody who has nothing else to prove themselves by.

use crate::backup_codes::{Cost, Digest, Salt};
use crate::id::Id;
use crate::time::Time;

/// An open invitation. The ticket itself has a backup code's shape and is kept as a digest alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Which invitation it is, so that one of them is spent and not the one that came after it.
    pub id: Id,
    /// What its digest is made with.
    pub salt: Salt,
    /// Its digest, at [`COST`](Self::COST).
    pub digest: Digest,
    /// The moment from which on it opens nothing.
    pub expires: Time,
}

impl Ticket {
    /// What its digest costs. It is not kept: an answer costs the same where there is no ticket.
    pub const COST: Cost = Cost::DEFAULT;

    /// Whether an answer with this digest (under [`salt`](Self::salt) and [`COST`](Self::COST)) is the ticket. Takes constant time.
    #[must_use]
    pub fn matches(&self, digest: &Digest) -> bool {
        self.digest == *digest
    }

    /// Whether it is too late.
    #[must_use]
    pub fn is_expired(&self, now: Time) -> bool {
        now >= self.expires
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup_codes::BackupCode;
    use crate::testing::{CHEAP, NOW};

    #[test]
    fn a_ticket_is_its_own_code_until_it_expires() {
        let digest = |symbols: &str| {
            let code = BackupCode::parse(symbols).unwrap();
            code.digest(&Salt::from_bytes([1; 16]), CHEAP).unwrap()
        };
        let ticket = Ticket {
            id: Id::from_bytes([2; 16]),
            salt: Salt::from_bytes([1; 16]),
            digest: digest("34679CFHJKMRTWXY3467"),
            expires: NOW,
        };
        assert!(ticket.matches(&digest("34679CFHJKMRTWXY3467")));
        assert!(!ticket.matches(&digest("34679CFHJKMRTWXY3469")));
        assert!(!ticket.is_expired(Time::from_unix(NOW.unix() - 1)));
        assert!(ticket.is_expired(NOW));
    }
}
