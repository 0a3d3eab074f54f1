//! What happens before a change of the file system where a test or the fuzzer plants it: a crash, or somebody else who goes
//! first. It is planted for one thread.

use std::cell::RefCell;

use nix::errno::Errno;

/// What is to happen in this thread.
#[derive(Default)]
pub(crate) struct Plan {
    /// After so many changes nothing can be changed any more: what is on the disk is what a killed process leaves.
    pub crash_after: Option<u8>,
    /// After so many changes somebody else goes first, as they can while we are kept from running.
    pub pause_after: Option<(u8, Box<dyn FnOnce()>)>,
}

thread_local! {
    static PLAN: RefCell<Plan> = RefCell::default();
}

/// From now on this is to happen.
pub(crate) fn plant(plan: Plan) {
    PLAN.set(plan);
}

/// Whether the planted crash has happened.
pub(crate) fn crashed() -> bool {
    PLAN.with_borrow(|plan| plan.crash_after == Some(0))
}

pub(super) fn before_change() -> Result<(), Errno> {
    if let Some(pause) = PLAN.with_borrow_mut(Plan::due) {
        // Nothing is planted for whoever goes first.
        let ours = PLAN.take();
        pause();
        PLAN.set(ours);
    }
    PLAN.with_borrow_mut(Plan::change)
}

impl Plan {
    fn due(&mut self) -> Option<Box<dyn FnOnce()>> {
        match self.pause_after.take()? {
            (0, pause) => Some(pause),
            (more, pause) => {
                self.pause_after = Some((more - 1, pause));
                None
            }
        }
    }

    fn change(&mut self) -> Result<(), Errno> {
        match &mut self.crash_after {
            Some(0) => Err(Errno::EIO),
            Some(more) => {
                *more -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}
