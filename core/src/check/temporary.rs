//! Whether an answer is the temporary code.

use super::find::{Finding, Spend};
use super::{Factor, Next, Refusal};
use crate::backup_codes::{Digest, Salt};
use crate::place::Place;
use crate::state::State;
use crate::time::Time;

/// Compares the digest of an answer, made with this salt, with the temporary code's. `None` where it is not that code.
///
/// `state` knows of the present enrollment alone, and has no doubts: what could have been used is gone from it.
pub(super) fn find_temporary_code(
    state: &State,
    salt: &Salt,
    digest: &Digest,
    from: Place,
    now: Time,
) -> Option<Finding> {
    let code = state.temporary_code.as_ref()?;
    if !code.matches(salt, digest) {
        return None;
    }
    Some(if code.is_used() {
        Finding::Used(Refusal::Replayed {
            next: Next::TemporaryCode,
        })
    } else if code.is_expired(now) {
        Finding::Used(Refusal::TemporaryCodeOver)
    } else {
        Finding::Fresh {
            factor: Factor::TemporaryCode,
            spend: Spend::TemporaryCode { at: now, from },
        }
    })
}
