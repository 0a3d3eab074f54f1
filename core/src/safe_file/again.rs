//! System calls that a signal interrupted are made again, but not for ever: a file system that is interrupted without end
//! (one of a network, or of a program in user space) must not keep a login.

use std::io;

use nix::errno::Errno;

/// Makes a system call, and makes it again as long as a signal interrupts it, [`MOST`] times at the most.
pub(crate) fn again<T, E: Interruption>(mut call: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    for _ in 1..MOST {
        match call() {
            Err(error) if error.is_interruption() => {}
            result => return result,
        }
    }
    call()
}

/// The same for a call that changes something in the file system. Tests plant crashes before such calls; in what people run
/// there is nothing of that.
pub(crate) fn change<T, E: Interruption + From<Errno>>(
    call: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    #[cfg(any(test, feature = "fuzzing"))]
    super::planted::before_change()?;
    again(call)
}

/// The errors of system calls.
pub(crate) trait Interruption {
    /// Whether a signal interrupted the call, so that it did nothing.
    fn is_interruption(&self) -> bool;
}

impl Interruption for Errno {
    fn is_interruption(&self) -> bool {
        *self == Self::EINTR
    }
}

impl Interruption for io::Error {
    fn is_interruption(&self) -> bool {
        self.kind() == io::ErrorKind::Interrupted
    }
}

/// More signals than anybody sends during one call.
const MOST: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_made_again_until_it_is_not_interrupted() {
        let mut left = 3;
        let result = again(|| {
            left -= 1;
            if left > 0 { Err(Errno::EINTR) } else { Ok(7) }
        });
        assert_eq!((result, left), (Ok(7), 0));
    }

    #[test]
    fn another_error_ends_it_at_once() {
        let mut calls = 0;
        let result = again(|| {
            calls += 1;
            Err::<(), _>(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(calls, 1);
    }

    #[test]
    fn interrupted_for_ever_it_comes_to_an_end() {
        let mut calls = 0;
        let result = again(|| {
            calls += 1;
            Err::<(), _>(Errno::EINTR)
        });
        assert_eq!((result, calls), (Err(Errno::EINTR), MOST));
    }
}
