//! The two slots of a state file: pure encoding, decoding and choosing, without I/O.
//!
//! A write goes to the older slot whole, so that while it is on its way the newer one still holds the state before it. A
//! torn write shows in the checksum, and the state before it stands: its login was never told yes. Each slot holds the
//! inode and the birth time of its file; others mean that the file was restored or copied, and may be older than what was answered.
//!
//! | bytes | what | |
//! |---|---|---|
//! | 0–7 | magic | `NLATCHST` |
//! | 8–11 | format version | 1, or 2 where the state says what version 1 cannot |
//! | 12–15 | length of the body | at most 4052 |
//! | 16–23 | sequence number | the higher one is newer |
//! | 24–31 | inode | |
//! | 32–39 | when the file was made | nanoseconds since 1970; 0 where nobody says |
//! | 40–43 | CRC-32 of bytes 0–39 and the body | |
//! | 44– | body | the state as text, then zeros |
//!
//! Numbers are little-endian.

use super::StoreError;
use crate::safe_file::FileIdentity;
use crate::state::{Integrity, State};

/// How long a slot is, in bytes.
pub(super) const SLOT: usize = 4096;
/// How long the file is, in bytes.
pub(super) const FILE: usize = 2 * SLOT;

/// A slot as it is written.
pub(super) type Slot = [u8; SLOT];

/// What a state file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The newest state that can be believed; with `Integrity::Lost` an empty one.
    pub state: State,
    /// Where the next state goes; `None` where the file must be written anew.
    pub next: Option<Next>,
    /// A slot is whole, but of this version, which this program does not know: nobody but one that does may go on from it.
    pub unknown_version: Option<u32>,
}

/// Where a state goes in a file, and under which number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// How far into the file, in bytes.
    pub offset: usize,
    sequence: u64,
    identity: FileIdentity,
}

impl Next {
    /// Where the state goes that is written after that one; `None` where the file must be written anew.
    pub(super) fn after(self) -> Option<Self> {
        Some(Self {
            offset: if self.offset == 0 { SLOT } else { 0 },
            sequence: self.sequence.checked_add(1)?,
            ..self
        })
    }
}

/// A new file: both slots hold the state, so that every block is there before a login needs it.
pub(super) fn new_file(state: &State, identity: FileIdentity) -> Result<Vec<u8>, StoreError> {
    let mut file = Vec::with_capacity(FILE);
    for (sequence, offset) in [(1, 0), (2, SLOT)] {
        file.extend_from_slice(&encode(
            state,
            Next {
                offset,
                sequence,
                identity,
            },
        )?);
    }
    Ok(file)
}

/// Reads the contents of the file that this is.
pub(super) fn read(file: &[u8], identity: FileIdentity) -> Found {
    let slot = |index: usize| {
        file.get(index * SLOT..(index + 1) * SLOT)
            .map_or(Decoded::Bad, decode)
    };
    let lost = |unknown_version| Found {
        state: State {
            integrity: Integrity::Lost,
            ..State::default()
        },
        next: None,
        unknown_version,
    };
    let (newest, its_index, other_is_well) = match (slot(0), slot(1)) {
        (Decoded::OfVersion(version), _) | (_, Decoded::OfVersion(version)) => {
            return lost(Some(version));
        }
        (Decoded::Well(first), Decoded::Well(second)) if first.sequence > second.sequence => {
            (first, 0, true)
        }
        (Decoded::Well(first), Decoded::Well(second)) if first.sequence < second.sequence => {
            (second, 1, true)
        }
        (Decoded::Well(only), Decoded::Bad) => (only, 0, false),
        (Decoded::Bad, Decoded::Well(only)) => (only, 1, false),
        // Both bad; or two slots of one number, which is never written, and nobody can say which is newer; or one whose
        // sum holds but that cannot be understood, which may be the newer one.
        _ => return lost(None),
    };
    let integrity = if !newest.identity.may_be(identity) {
        Integrity::Copied
    } else if other_is_well {
        Integrity::Whole
    } else {
        Integrity::OneSlotBad
    };
    // A file that was cut short, or numbers that have come to an end: it is written anew.
    let next = newest
        .sequence
        .checked_add(1)
        .filter(|_| file.len() == FILE)
        .map(|sequence| Next {
            offset: (1 - its_index) * SLOT,
            sequence,
            identity,
        });
    Found {
        state: State {
            integrity,
            ..newest.state
        },
        next,
        unknown_version: None,
    }
}

/// Makes the slot that is written at `place`.
pub(super) fn encode(state: &State, place: Next) -> Result<Slot, StoreError> {
    let (version, body) = state.to_body(SLOT - HEADER);
    if !state.is_within_limits() {
        return Err(StoreError::StateTooLarge { bytes: body.len() });
    }
    let mut slot = [0; SLOT];
    let end = HEADER + body.len();
    let (Some(room), Ok(length)) = (slot.get_mut(HEADER..end), u32::try_from(body.len())) else {
        return Err(StoreError::StateTooLarge { bytes: body.len() });
    };
    room.copy_from_slice(body.as_bytes());
    slot[0..8].copy_from_slice(MAGIC);
    slot[8..12].copy_from_slice(&version.to_le_bytes());
    slot[12..16].copy_from_slice(&length.to_le_bytes());
    slot[16..24].copy_from_slice(&place.sequence.to_le_bytes());
    slot[24..32].copy_from_slice(&place.identity.inode.to_le_bytes());
    slot[32..40].copy_from_slice(&place.identity.born.to_le_bytes());
    let sum = checksum(&slot, end);
    slot[SUM_AT..HEADER].copy_from_slice(&sum.to_le_bytes());
    Ok(slot)
}

/// Makes a slot one of another version, for tests.
#[cfg(test)]
pub(super) fn of_version(slot: &mut [u8], version: u32) {
    slot[8..12].copy_from_slice(&version.to_le_bytes());
    let length = u32::from_le_bytes(array(slot, 12));
    let sum = checksum(slot, HEADER + usize::try_from(length).unwrap_or_default());
    slot[SUM_AT..HEADER].copy_from_slice(&sum.to_le_bytes());
}

/// What a slot is overwritten with when a write to it failed: nothing that could be taken for a state.
pub(super) const INVALID: Slot = [0; SLOT];

#[expect(
    clippy::large_enum_variant,
    reason = "there are two at a time, and they are not kept"
)]
enum Decoded {
    Well(Contents),
    /// Torn, invalidated or damaged.
    Bad,
    /// Whole, but nothing that this program would write.
    Foreign,
    /// Whole, but of a version that this program does not know.
    OfVersion(u32),
}

struct Contents {
    sequence: u64,
    identity: FileIdentity,
    state: State,
}

fn decode(slot: &[u8]) -> Decoded {
    let number = |at: usize| u64::from_le_bytes(array(slot, at));
    let length = u32::from_le_bytes(array(slot, 12));
    let Some(end) = usize::try_from(length)
        .ok()
        .and_then(|length| length.checked_add(HEADER))
    else {
        return Decoded::Bad;
    };
    if !slot.starts_with(MAGIC)
        || end > slot.len()
        || checksum(slot, end) != u32::from_le_bytes(array(slot, SUM_AT))
    {
        return Decoded::Bad;
    }
    let version = u32::from_le_bytes(array(slot, 8));
    let Some(state) = State::of_body(version, &slot[HEADER..end]) else {
        return Decoded::OfVersion(version);
    };
    state.map_or(Decoded::Foreign, |state| {
        Decoded::Well(Contents {
            sequence: number(16),
            identity: FileIdentity {
                inode: number(24),
                born: number(32),
            },
            state,
        })
    })
}

fn array<const N: usize>(slot: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&slot[at..at + N]);
    bytes
}

/// Over everything but the sum itself and the padding, which means nothing.
fn checksum(slot: &[u8], end: usize) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&slot[..SUM_AT]);
    hasher.update(&slot[HEADER..end]);
    hasher.finalize()
}

const MAGIC: &[u8] = b"NLATCHST";
const SUM_AT: usize = 40;
const HEADER: usize = 44;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod property;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;
    use crate::place::Place;
    use crate::state::{Bucket, Closed, KnownPlace, TokenState};
    use crate::time::Time;
    use proptest::prelude::*;

    const FILE_ITSELF: FileIdentity = FileIdentity {
        inode: 77,
        born: 1_795_487_400_123_456_789,
    };
    const ANOTHER_INODE: FileIdentity = FileIdentity {
        inode: 78,
        ..FILE_ITSELF
    };
    const BORN_LATER: FileIdentity = FileIdentity {
        born: FILE_ITSELF.born + 1,
        ..FILE_ITSELF
    };

    /// A state that is told from others by its number, and whose text is as long as the number says.
    fn state(number: u32) -> State {
        let mut state = State::default();
        state.elsewhere.failures = number;
        for place in 0..number % 4 {
            state.wrong.add(Place::Local(place));
        }
        state
    }

    fn after(file: &[u8], number: u32) -> Vec<u8> {
        let next = read(file, FILE_ITSELF).next.unwrap();
        let mut file = file.to_vec();
        file[next.offset..next.offset + SLOT]
            .copy_from_slice(&encode(&state(number), next).unwrap());
        file
    }

    fn found(file: &[u8]) -> (u32, Integrity) {
        let state = read(file, FILE_ITSELF).state;
        (state.elsewhere.failures, state.integrity)
    }

    fn with_sequence(number: u32, sequence: u64) -> Slot {
        encode(
            &state(number),
            Next {
                offset: 0,
                sequence,
                identity: FILE_ITSELF,
            },
        )
        .unwrap()
    }

    #[test]
    fn a_new_file_is_whole_and_every_later_state_comes_back() {
        let mut file = new_file(&state(0), FILE_ITSELF).unwrap();
        assert_eq!((file.len(), found(&file)), (FILE, (0, Integrity::Whole)));
        for number in 1..20 {
            file = after(&file, number);
            assert_eq!(found(&file), (number, Integrity::Whole));
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let slot = encode(
            &State::default(),
            Next {
                offset: 0,
                sequence: 5,
                identity: FileIdentity { inode: 6, born: 7 },
            },
        )
        .unwrap();
        assert_eq!(&slot[0..8], b"NLATCHST");
        assert_eq!(slot[8..16], [1, 0, 0, 0, 22, 0, 0, 0]);
        assert_eq!(slot[16..24], [5, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(slot[24..32], [6, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(slot[32..40], [7, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&slot[44..66], b"elsewhere 0 0\nwrong 0\n");
        assert!(slot[66..].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn a_slot_has_the_lowest_version_that_can_say_its_state_and_one_below_is_not_understood() {
        let mut state = state(3);
        state.closed = Closed::Yes;
        let mut file = new_file(&state, FILE_ITSELF).unwrap();
        assert_eq!((file[8], file[SLOT + 8]), (2, 2));
        assert_eq!(read(&file, FILE_ITSELF).state, state);
        of_version(&mut file[..SLOT], 1);
        assert_eq!(found(&file), (0, Integrity::Lost));
    }

    #[test]
    fn a_slot_of_version_2_may_say_what_version_1_could() {
        let mut file = after(&new_file(&state(1), FILE_ITSELF).unwrap(), 2);
        of_version(&mut file[..SLOT], 2);
        assert_eq!(found(&file), (2, Integrity::Whole));
    }

    #[test]
    fn given_one_bad_slot_the_other_stands_and_the_next_write_mends_it() {
        for damaged in 0..2 {
            let mut file = after(&new_file(&state(1), FILE_ITSELF).unwrap(), 2);
            file[damaged * SLOT + 40] ^= 1;
            let (number, integrity) = found(&file);
            assert_eq!(integrity, Integrity::OneSlotBad);
            assert!(number == 1 || number == 2);
            assert_eq!(
                read(&file, FILE_ITSELF).next.unwrap().offset,
                damaged * SLOT
            );
            assert_eq!(found(&after(&file, 3)), (3, Integrity::Whole));
        }
    }

    #[test]
    fn an_invalidated_slot_is_bad() {
        let mut file = after(&new_file(&state(1), FILE_ITSELF).unwrap(), 2);
        file[..SLOT].copy_from_slice(&INVALID);
        assert_eq!(found(&file), (1, Integrity::OneSlotBad));
    }

    #[test]
    fn given_two_bad_slots_the_state_is_lost_and_the_file_is_written_anew() {
        for file in [vec![], vec![0; FILE], vec![0xff; FILE], vec![0; 100]] {
            assert_eq!(found(&file), (0, Integrity::Lost));
            assert_eq!(read(&file, FILE_ITSELF).next, None);
        }
    }

    #[test]
    fn a_file_cut_short_is_read_as_far_as_it_goes_and_written_anew() {
        let file = new_file(&state(4), FILE_ITSELF).unwrap();
        assert_eq!(found(&file[..SLOT + 5]), (4, Integrity::OneSlotBad));
        assert_eq!(read(&file[..SLOT + 5], FILE_ITSELF).next, None);
    }

    #[test]
    fn a_file_cut_anywhere_is_not_whole_and_holds_the_newer_state_the_older_or_none() {
        let file = after(&new_file(&state(4), FILE_ITSELF).unwrap(), 5);
        // The newer one is in the first slot.
        for length in 0..FILE {
            let found = found(&file[..length]);
            let expected = if length < SLOT {
                (0, Integrity::Lost)
            } else {
                (5, Integrity::OneSlotBad)
            };
            assert_eq!(found, expected, "{length} bytes");
        }
        let swapped = [&file[SLOT..], &file[..SLOT]].concat();
        for length in SLOT..FILE {
            assert_eq!(found(&swapped[..length]), (4, Integrity::OneSlotBad));
        }
    }

    #[test]
    fn another_inode_or_birth_means_a_copy_until_the_next_write() {
        for other in [ANOTHER_INODE, BORN_LATER] {
            let file = new_file(&state(3), other).unwrap();
            assert_eq!(found(&file), (3, Integrity::Copied));
            let file = after(&file, 4);
            assert_eq!(found(&file), (4, Integrity::Whole));
        }
    }

    #[test]
    fn a_state_that_could_not_be_read_again_is_not_written() {
        let mut state = State::default();
        for byte in 0..=2 {
            assert!(new_file(&state, FILE_ITSELF).is_ok());
            let set = crate::id::Id::from_bytes([byte; 16]);
            state.spent.push(crate::state::SpentCodes::none(set));
        }
        let refused = new_file(&state, FILE_ITSELF);
        assert!(matches!(refused, Err(StoreError::StateTooLarge { .. })));
    }

    #[test]
    fn a_birth_that_nobody_knows_makes_no_copy_of_a_file() {
        const UNKNOWN: FileIdentity = FileIdentity {
            born: 0,
            ..FILE_ITSELF
        };
        let integrity = |file: &[u8], identity| read(file, identity).state.integrity;
        let file = new_file(&state(3), FILE_ITSELF).unwrap();
        assert_eq!(integrity(&file, UNKNOWN), Integrity::Whole);
        let file = new_file(&state(3), UNKNOWN).unwrap();
        assert_eq!(integrity(&file, FILE_ITSELF), Integrity::Whole);
        assert_eq!(integrity(&file, ANOTHER_INODE), Integrity::Copied);
    }

    #[test]
    fn a_copy_with_a_bad_slot_is_above_all_a_copy() {
        let mut file = new_file(&state(3), ANOTHER_INODE).unwrap();
        file[0] = 0;
        assert_eq!(found(&file), (3, Integrity::Copied));
    }

    #[test]
    fn slots_may_change_places() {
        let file = after(&new_file(&state(1), FILE_ITSELF).unwrap(), 2);
        let swapped = [&file[SLOT..], &file[..SLOT]].concat();
        assert_eq!(found(&swapped), (2, Integrity::Whole));
        assert_eq!(found(&after(&swapped, 3)), (3, Integrity::Whole));
    }

    #[test]
    fn two_slots_of_one_number_cannot_be_believed() {
        let file = [with_sequence(1, 9), with_sequence(2, 9)].concat();
        assert_eq!(found(&file), (0, Integrity::Lost));
    }

    #[test]
    fn numbers_do_not_wrap() {
        let file = [with_sequence(1, u64::MAX), with_sequence(2, 0)].concat();
        assert_eq!(found(&file), (1, Integrity::Whole));
        assert_eq!(read(&file, FILE_ITSELF).next, None);
    }

    #[test]
    fn a_slot_of_another_version_is_never_passed_over_for_an_older_one() {
        for (at, byte) in [(8, 3), (8, 0), (HEADER, b'X')] {
            let mut file = after(&new_file(&state(1), FILE_ITSELF).unwrap(), 2);
            // The newer one is the first.
            file[at] = byte;
            let sum = checksum(&file[..SLOT], HEADER + state(2).to_text().len());
            file[SUM_AT..HEADER].copy_from_slice(&sum.to_le_bytes());
            assert_eq!(found(&file), (0, Integrity::Lost));
        }
    }

    #[test]
    fn a_state_that_does_not_fit_is_an_error() {
        let mut large = State::default();
        large.wrong.from = vec![Place::Local(u32::MAX); 300];
        let result = encode(
            &large,
            Next {
                offset: 0,
                sequence: 1,
                identity: FILE_ITSELF,
            },
        );
        assert!(
            matches!(result, Err(StoreError::StateTooLarge { .. })),
            "{result:?}"
        );
    }

    /// A state with a long text.
    fn long_state(number: u32) -> State {
        let mut state = state(number);
        state.tokens = (0..State::MOST_TOKENS)
            .map(|_| TokenState::new(Id::new().unwrap()))
            .collect();
        state.places = (0..State::MOST_PLACES)
            .map(|place| KnownPlace {
                place: Place::Local(u32::MAX - u32::try_from(place).unwrap()),
                last_success: Time::from_unix(u64::MAX),
                bucket: Bucket {
                    failures: number,
                    since: Time::from_unix(u64::MAX),
                },
            })
            .collect();
        state
    }

    #[test]
    fn a_write_torn_at_any_byte_leaves_the_old_state_and_shows_or_the_new() {
        let [before, old, new] = [1, 2, 3].map(long_state);
        let file = new_file(&before, FILE_ITSELF).unwrap();
        let next = read(&file, FILE_ITSELF).next.unwrap();
        let mut file = file;
        file[next.offset..next.offset + SLOT].copy_from_slice(&encode(&old, next).unwrap());
        let next = read(&file, FILE_ITSELF).next.unwrap();
        let written = encode(&new, next).unwrap();
        let overwritten = file[next.offset..next.offset + SLOT].to_vec();
        let end = |state: &State| HEADER + state.to_text().len();
        let mut seen = [0; 3];
        for cut in 0..=SLOT {
            for (front, back) in [
                (&written[..], &overwritten[..]),
                (&overwritten[..], &written[..]),
            ] {
                let torn = [&front[..cut], &back[cut..]].concat();
                // What comes after a state means nothing.
                let (kind, expected) = if torn[..end(&new)] == written[..end(&new)] {
                    (0, (3, Integrity::Whole))
                } else if torn[..end(&before)] == overwritten[..end(&before)] {
                    (1, (2, Integrity::Whole))
                } else {
                    (2, (2, Integrity::OneSlotBad))
                };
                seen[kind] += 1;
                let mut file = file.clone();
                file[next.offset..next.offset + SLOT].copy_from_slice(&torn);
                assert_eq!(found(&file), expected, "{cut}");
            }
        }
        assert!(seen[2] > SLOT / 2, "many of them are torn: {seen:?}");
    }

    proptest! {
        #[test]
        fn torn_in_any_sectors_a_write_leaves_the_old_state_or_the_new(
            numbers in prop::array::uniform3(0_u32..1_000_000),
            sectors in prop::array::uniform8(any::<bool>()),
        ) {
            let [before, old, new] = numbers;
            let file = after(&new_file(&state(before), FILE_ITSELF).unwrap(), old);
            let next = read(&file, FILE_ITSELF).next.unwrap();
            let whole = encode(&state(new), next).unwrap();
            let mut torn = file;
            for (sector, _) in sectors.iter().enumerate().filter(|(_, written)| **written) {
                let at = sector * 512;
                torn[next.offset + at..next.offset + at + 512].copy_from_slice(&whole[at..at + 512]);
            }
            let (number, _) = found(&torn);
            prop_assert!(number == old || number == new);
        }

        #[test]
        fn a_changed_bit_never_makes_another_state(number in 0_u32..1000, at in 0..HEADER + 20, bit in 0_u8..8) {
            let mut file = after(&new_file(&state(1001), FILE_ITSELF).unwrap(), number);
            file[at] ^= 1 << bit;
            let (found, _) = found(&file);
            prop_assert!(found == number || found == 1001);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), length in any::<u32>()) {
            let mut file = new_file(&state(1), FILE_ITSELF).unwrap();
            file[12..16].copy_from_slice(&length.to_le_bytes());
            file[36..36 + bytes.len()].copy_from_slice(&bytes);
            read(&file, FILE_ITSELF);
        }
    }
}
