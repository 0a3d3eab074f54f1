//! Protects whoever holds a person's lock from the caller of the host.
//!
//! `su` runs the module with the caller's real uid, and a process may signal one whose real uid is its own. Without
//! care anybody could run `su alice`, stop the process while it holds alice's lock, and keep alice out. So while the
//! lock is held no signal is delivered to the thread, and its credentials are root's alone.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use nightlatch_core::store::{GOES_ON_AFTER, Shield};
#[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
use nix::libc::SYS_setresuid;
// There, the number without 32 is that of a call that cuts uids down to 16 bits.
#[cfg(any(target_arch = "x86", target_arch = "arm"))]
use nix::libc::SYS_setresuid32 as SYS_setresuid;
use nix::libc::{syscall, uid_t};
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::unistd::{Uid, getuid};

/// Blocks signals and raises the thread's real uid while work is done.
pub struct CallerShield;

impl Shield for CallerShield {
    fn shelter(&self, work: &mut dyn FnMut()) -> io::Result<()> {
        let mask_before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        let caller = getuid();
        let raised = raise(caller);
        let done = raised.is_ok().then(|| catch_unwind(AssertUnwindSafe(work)));
        // Put back in the other order: a signal that waited must find the caller's credentials in place.
        let lowered = raised.and_then(|()| lower(caller));
        mask_before.thread_set_mask()?;
        if let Some(Err(panic)) = done {
            resume_unwind(panic);
        }
        lowered
    }

    fn goes_on_after(&self) -> Duration {
        // What raised credentials do not keep off: whoever may freeze the control group that the host was started in.
        if getuid().is_root() {
            GOES_ON_AFTER
        } else {
            GOES_ON_AFTER * 5 / 2
        }
    }
}

fn raise(caller: Uid) -> io::Result<()> {
    if caller.is_root() {
        Ok(())
    } else {
        set_real_uid(Uid::from_raw(0))
    }
}

fn lower(caller: Uid) -> io::Result<()> {
    if caller.is_root() {
        Ok(())
    } else {
        set_real_uid(caller)
    }
}

/// Changes the real uid of this thread. libc's function would change that of all threads of the host.
fn set_real_uid(uid: Uid) -> io::Result<()> {
    const UNCHANGED: uid_t = uid_t::MAX;
    // SAFETY: the system call takes three numbers and touches no memory.
    let result = unsafe { syscall(SYS_setresuid, uid.as_raw(), UNCHANGED, UNCHANGED) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
