//! Whether the host has the memory that a login takes. Asked before anything is evaluated: where an allocation fails in the
//! middle Rust aborts the host, and where the stack ends the kernel kills it, and the caller of su sets both limits.

use nix::sys::resource::{Resource, getrlimit};

/// What is too small, and the mend.
pub fn shortage() -> Option<&'static str> {
    if !stack_may_grow() {
        return Some("the stack may not grow enough (RLIMIT_STACK, `ulimit -s`): raise the limit");
    }
    if !heap_may_grow() {
        return Some(
            "there is too little memory (RLIMIT_DATA or RLIMIT_AS, `ulimit -d` and `-v`): raise the limit",
        );
    }
    None
}

fn stack_may_grow() -> bool {
    getrlimit(Resource::RLIMIT_STACK).is_ok_and(|(soft, _)| soft >= STACK)
}

fn heap_may_grow() -> bool {
    Vec::<u8>::new().try_reserve_exact(HEAP).is_ok()
}

/// In bytes. A login takes 40 KiB; what the caller gives as arguments and environment, at most 128 KiB under such a limit,
/// lies on the stack too, and so does what the host has called before us.
const STACK: u64 = 512 * 1024;

/// More than a login with a code takes, in bytes, and less than what malloc would give back to the system at once. (A
/// backup code's digest takes more; its memory is asked for fallibly by itself.)
const HEAP: usize = 112 * 1024;
