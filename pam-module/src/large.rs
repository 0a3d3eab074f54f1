//! Large pieces of memory, straight from the kernel. Only the digest of a backup code wants one (19 MiB).
//!
//! The host's malloc would take the first one from the kernel, and keep the next ones, for it changes its mind about what is
//! large: sshd would hold on to tens of megabytes, with what the digest was computed from in them. How many, and so how long
//! the end of a refused conversation takes, would depend on what else lies there, and that is not the same for everybody.

use std::alloc::{GlobalAlloc, Layout, System};
use std::num::NonZeroUsize;
use std::ptr::{NonNull, null_mut};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// malloc for what is small, a mapping of its own for what is [`LARGE`].
struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

/// From how many bytes on. No mapping of less than a page, and none of what a login without a digest takes.
const LARGE: usize = 1 << 20;

/// What a mapping begins at a multiple of, at least.
const PAGE: usize = 4096;

// SAFETY: which of the two a piece is of is decided by its layout alone, and who gives it back gives the same layout. Each of
// them keeps the contract: `System` by itself, and the kernel's mappings are of that size, zeroed, nobody else's, and begin at
// a page. What grows or shrinks from one to the other is copied into a new piece.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return mapped(layout);
        }
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return mapped(layout);
        }
        // SAFETY: as the caller promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match NonNull::new(piece) {
            Some(piece) if is_large(layout) => {
                // SAFETY: it is a mapping of that size (`mapped`), and nobody uses it any more. It cannot fail then, but for
                // want of memory for the kernel's own tables, and it is lost to the host in that case.
                let _ = unsafe { munmap(piece.cast(), layout.size()) };
            }
            // SAFETY: as the caller promised.
            _ => unsafe { System.dealloc(piece, layout) },
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `size`, rounded up to the alignment, does not overflow.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if !is_large(layout) && !is_large(new) {
            // SAFETY: as the caller promised, and it is a piece of `System`'s.
            return unsafe { System.realloc(piece, layout, size) };
        }
        // SAFETY: `size` is not zero, as the caller promised.
        let moved = unsafe { self.alloc(new) };
        if !moved.is_null() {
            // SAFETY: both are at least so long, and one of them is new.
            unsafe {
                moved.copy_from_nonoverlapping(piece, layout.size().min(size));
                self.dealloc(piece, layout);
            }
        }
        moved
    }
}

fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= PAGE
}

/// New memory, zeroed; null where there is none.
fn mapped(layout: Layout) -> *mut u8 {
    let Some(size) = NonZeroUsize::new(layout.size()) else {
        return null_mut();
    };
    let (access, flags) = (
        ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
        MapFlags::MAP_PRIVATE,
    );
    // SAFETY: it is a mapping of nothing, at an address that the kernel chooses: no memory that there is, is touched.
    unsafe { mmap_anonymous(None, size, access, flags) }
        .map_or(null_mut(), |piece| piece.as_ptr().cast())
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_grows_and_shrinks_across_the_border_keeps_what_is_in_it() {
        let mut piece: Vec<u8> = Vec::new();
        for size in [1, 1 << 19, 1 << 20, 3 << 20, (1 << 20) - 1, 5] {
            piece.resize(size, 7);
            piece.shrink_to_fit();
            assert!(piece.iter().all(|byte| *byte == 7), "{size}");
        }
    }

    #[test]
    fn what_is_large_comes_zeroed_and_where_there_is_none_it_is_an_error() {
        assert!(vec![0_u64; 1 << 18].iter().all(|word| *word == 0));
        assert!(Vec::<u8>::new().try_reserve_exact(1 << 46).is_err());
    }
}
