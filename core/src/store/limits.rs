//! The limits that a caller of the host can set, and that would end the host between the decision and its record: a caller
//! of su can set any of them.

use std::time::Duration;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::time::{ClockId, clock_gettime};

use super::StoreError;

/// Refuses where the process would get SIGXFSZ for a file of so many bytes.
pub(super) fn check_file_size_limit(bytes: usize) -> Result<(), StoreError> {
    match getrlimit(Resource::RLIMIT_FSIZE) {
        Ok((soft, _)) if u64::try_from(bytes).is_ok_and(|bytes| bytes <= soft) => Ok(()),
        _ => Err(StoreError::FileSizeLimit),
    }
}

/// Refuses where the process would get SIGKILL for the time that it has used, or nearly.
///
/// At the soft limit comes SIGXCPU, which whoever holds a lock has blocked; but it is pending then, and ends the host before
/// the verdict is told. So the lower of the two counts.
pub(super) fn check_cpu_limit() -> Result<(), StoreError> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_CPU).map_err(|_| StoreError::CpuLimit)?;
    let limit = soft.min(hard);
    if limit == RLIM_INFINITY {
        return Ok(());
    }
    let used =
        clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_err(|_| StoreError::CpuLimit)?;
    if is_enough(limit, Duration::from(used)) {
        Ok(())
    } else {
        Err(StoreError::CpuLimit)
    }
}

/// Whether a process that may use `limit` seconds and has used `used` gets through one turn at a record.
fn is_enough(limit: u64, used: Duration) -> bool {
    Duration::from_secs(limit).saturating_sub(used) >= CPU_OF_A_TURN
}

/// A hundred times what a turn takes on a slow machine: the digest of a backup code was made before it, as a rule.
const CPU_OF_A_TURN: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_begun_while_the_process_has_the_time_for_it() {
        let used = Duration::from_millis(700);
        assert!(is_enough(1, used));
        assert!(is_enough(1, used + Duration::from_millis(100)));
        assert!(!is_enough(1, used + Duration::from_millis(101)));
        assert!(!is_enough(0, Duration::ZERO));
        assert!(!is_enough(1, used * 100), "used up long ago");
        assert!(is_enough(RLIM_INFINITY - 1, used));
    }

    #[test]
    fn without_a_limit_nobody_is_refused() {
        // Those of whoever runs the tests; nobody runs them with a second left.
        check_cpu_limit().unwrap();
    }
}
