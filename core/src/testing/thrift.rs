//! Tests in which thousands of answers are refused: what is computed for whoever has nothing, only to take as long as for others, is
//! cheap in them. How long it takes is shown elsewhere.

use std::cell::Cell;

thread_local! {
    static HOLDS: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread saves the work of nobody's digests.
pub(crate) fn holds() -> bool {
    HOLDS.get()
}

/// While it lives, nobody's digests have the lowest cost on this thread.
pub(crate) struct Thrift;

impl Thrift {
    pub(crate) fn begin() -> Self {
        HOLDS.set(true);
        Self
    }
}

impl Drop for Thrift {
    fn drop(&mut self) {
        HOLDS.set(false);
    }
}
