//! What must hold of a state file, whatever bytes are in it.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "to panic is how a property says that it does not hold"
)]

use super::{FILE, HEADER, Next, SLOT, SUM_AT, checksum, encode, new_file, read};
use crate::safe_file::FileIdentity;
use crate::state::{Integrity, State};

/// What is read from a file stands in one of its slots; a changed bit is noticed; the next state comes back; and of its
/// write, torn anywhere, the old state is left or the new.
///
/// The bytes: one whose bits say which slots get the sum that fits them and whether the file is cut short; two that say
/// where it is cut, a bit is changed and the write is torn; two for the length of the first slot's bytes; then those of the first and of the
/// second slot, without the zeros at their ends.
pub fn state_slots(bytes: &[u8]) {
    let Some((&[flags, cut_low, cut_high, split_low, split_high], slots)) =
        bytes.split_first_chunk()
    else {
        return;
    };
    let cut = usize::from(u16::from_le_bytes([cut_low, cut_high]));
    let split = usize::from(u16::from_le_bytes([split_low, split_high])).min(slots.len());
    let (first, second) = slots.split_at(split);
    let mut file = [slot(first, flags & 1), slot(second, flags & 2)].concat();
    if flags & 4 != 0 {
        file.truncate(cut);
    }

    let found = read(&file, IDENTITY);
    let text = found.state.to_text();
    let stands_in = |at: usize| {
        file.get(at + HEADER..)
            .is_some_and(|body| body.starts_with(text.as_bytes()))
    };
    if found.state.integrity == Integrity::Lost {
        assert_eq!((&found.state, found.next), (&lost(), None));
    } else {
        assert!(stands_in(0) || stands_in(SLOT), "{text}");
    }

    if !file.is_empty() {
        let mut flipped = file.clone();
        flipped[cut / 8 % file.len()] ^= 1 << (cut % 8);
        let flipped = read(&flipped, IDENTITY);
        assert!(flipped == found || flipped.state.integrity != Integrity::Whole);
    }

    let later = changed(&found.state);
    match found.next {
        Some(next) => {
            assert!(next.offset == 0 || next.offset == SLOT);
            assert_eq!(file.len(), FILE);
            let slot = encode(&later, next).unwrap();
            assert_eq!(read_state(&written(&file, next, &slot)), later);
            let torn = read_state(&written(&file, next, &slot[..cut.min(SLOT)]));
            let torn = State {
                integrity: Integrity::Whole,
                ..torn
            };
            let old = State {
                integrity: Integrity::Whole,
                ..found.state
            };
            assert!(torn == old || torn == later, "{}", torn.to_text());
        }
        None => assert_eq!(read_state(&new_file(&later, IDENTITY).unwrap()), later),
    }
}

/// A slot that begins with these bytes, with the right sum where `seal` is not 0.
fn slot(bytes: &[u8], seal: u8) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    let length = bytes.len().min(SLOT);
    slot[..length].copy_from_slice(&bytes[..length]);
    let body = u32::from_le_bytes(super::array(&slot, 12)) as usize;
    if seal != 0 && body <= SLOT - HEADER {
        let sum = checksum(&slot, HEADER + body);
        slot[SUM_AT..HEADER].copy_from_slice(&sum.to_le_bytes());
    }
    slot
}

fn written(file: &[u8], place: Next, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[place.offset..place.offset + bytes.len()].copy_from_slice(bytes);
    file
}

fn read_state(file: &[u8]) -> State {
    read(file, IDENTITY).state
}

/// Another state, as a wrong code leaves it.
fn changed(state: &State) -> State {
    let mut state = State {
        integrity: Integrity::Whole,
        ..state.clone()
    };
    state.wrong.count = state.wrong.count.wrapping_add(1);
    state
}

fn lost() -> State {
    State {
        integrity: Integrity::Lost,
        ..State::default()
    }
}

/// Which file it is.
const IDENTITY: FileIdentity = FileIdentity { inode: 77, born: 7 };
