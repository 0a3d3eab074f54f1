//! Faults planted on purpose, so that tests can see that a panic stays inside and that the tools which watch memory
//! would have seen a real one. Not in the module that is installed: the feature `planted-faults` alone has them.

use std::alloc::{Layout, alloc, dealloc};
use std::hint::black_box;

/// Commits the fault that an argument of the module names. `None` is a word that names none.
pub fn commit(word: &str) -> Option<()> {
    match word {
        "panic" => panic!("planted, with the secret 123456"),
        "overread" => overread(),
        "use-after-free" => use_after_free(),
        "leak" => leak(),
        "uninitialised" => decide_by_uninitialised(),
        _ => return None,
    }
    Some(())
}

fn overread() {
    let bytes = vec![b'x'; black_box(16)];
    // SAFETY: none. This reads one byte past the end, which is the fault.
    black_box(unsafe { bytes.as_ptr().add(bytes.len()).read_volatile() });
}

fn use_after_free() {
    let bytes = vec![b'x'; black_box(16)];
    let pointer = bytes.as_ptr();
    drop(bytes);
    // SAFETY: none. What it points to is gone, which is the fault.
    black_box(unsafe { pointer.read_volatile() });
}

fn leak() {
    std::mem::forget(black_box(vec![b'x'; black_box(4711)]));
}

fn decide_by_uninitialised() {
    let layout = Layout::new::<u8>();
    // SAFETY: the layout is not of size zero, and what was allocated is given back with the same one. That it is read
    // before it is written is the fault.
    unsafe {
        let byte = alloc(layout);
        if black_box(byte.read_volatile()) == 7 {
            black_box(byte);
        }
        dealloc(byte, layout);
    }
}
