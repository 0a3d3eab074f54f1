//! Keeps a panic inside the module: the host lives, and the login is refused.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use nightlatch_core::audit::{Audit, Event};
use pamsm::PamError;

use crate::host::{HostLog, PamHost};

/// Runs a hook. A panic in it is logged and denies.
pub fn guarded(host: &dyn PamHost, hook: impl FnOnce() -> PamError) -> PamError {
    silence_panics();
    // What the hook held is gone with it; the host only ever sees whole items of PAM.
    catch_unwind(AssertUnwindSafe(hook)).unwrap_or_else(|_| {
        let note = || {
            HostLog(host).note(&Event::Panicked {
                service: &host.service(),
            });
        };
        // Nothing is left to do if even that panics.
        let _ = catch_unwind(AssertUnwindSafe(note));
        PamError::SERVICE_ERR
    })
}

/// The default hook would print on the terminal of whoever logs in. The module has a standard library of its own, so
/// that the host's panic hook, if it has one, is another.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::FakeHost;

    #[test]
    fn a_panic_denies_and_is_logged() {
        let host = FakeHost::default();
        assert_eq!(guarded(&host, || panic!("planted")), PamError::SERVICE_ERR);
        assert!(host.logged("event=panicked"), "{:?}", host.log);
    }
}
