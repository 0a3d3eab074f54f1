//! When somebody was enrolled and used it, as moments that can be compared.

use nightlatch_core::enrollment::Enrollment;
use nightlatch_core::state::State;
use nightlatch_core::time::Time;

/// When something was done with an enrollment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// When it was made.
    pub enrolled: Option<Time>,
    /// The last use that is known.
    pub used: Option<Time>,
}

impl Seen {
    /// A login from a place that is remembered left its time; any login by a time-based token left its step. But so did the code
    /// that proved the enrollment, and what was burned then: what lies in the first minutes is no use.
    pub(super) fn of(enrollment: Option<&Enrollment>, state: &State, now: Time) -> Self {
        let Some(enrollment) = enrollment else {
            return Self::default();
        };
        let by_token = enrollment.tokens.iter().filter_map(|token| {
            let step = state.token(token.id)?.last_step?;
            Some(token.period()?.start_of(step).min(now))
        });
        let by_token = by_token.filter(|used| *used > enrollment.created.plus(AT_ENROLLING));
        let by_place = state.places.iter().map(|known| known.last_success.min(now));
        Self {
            enrolled: Some(enrollment.created),
            used: by_token.chain(by_place).max(),
        }
    }
}

/// In seconds.
const AT_ENROLLING: u64 = 600;
