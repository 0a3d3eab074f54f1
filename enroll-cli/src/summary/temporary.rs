//! What may be told about a temporary code: how long it holds and what became of it.

use nightlatch_core::state::{Fate, Integrity, State};
use nightlatch_core::time::Time;
use serde::Serialize;

use super::place_in_words;

/// A temporary code, without the code. The fields are documented in docs/command.md and stay stable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TemporarySummary {
    /// Until when it holds, by RFC 3339.
    pub expires: String,
    /// Whether that is over.
    pub expired: bool,
    /// That it was used, and its person has not been told.
    pub used: Option<UseSummary>,
}

/// A use of a temporary code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UseSummary {
    /// When it was, by RFC 3339.
    pub at: String,
    /// From where, as in failures.
    pub place: String,
    #[serde(skip)]
    shown: String,
}

impl TemporarySummary {
    pub(super) fn of(state: &State, now: Time) -> Option<Self> {
        let code = state.temporary_code.as_ref()?;
        let used = match code.fate {
            Fate::Used { at, from } => Some(UseSummary {
                at: at.to_rfc3339(),
                place: from.to_string(),
                shown: place_in_words(from),
            }),
            // In a state that may be old it opens nothing: it may have been used.
            Fate::Untold | Fate::Told if state.integrity != Integrity::Whole => return None,
            Fate::Untold | Fate::Told => None,
        };
        Some(Self {
            expires: code.expires.to_rfc3339(),
            expired: code.is_expired(now),
            used,
        })
    }

    pub(super) fn describe(&self) -> String {
        match &self.used {
            Some(used) => format!(
                "used {} from {}; they have not been told",
                used.at, used.shown
            ),
            None if self.expired => format!("expired {}", self.expires),
            None => format!("until {}", self.expires),
        }
    }
}
