//! Records written straight into a store, byte by byte as docs/format.md says: for benchmarks, which need more people than can be
//! enrolled one after the other, or always the same bytes.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// What is enrolled and what logins left behind, of nobody in particular.
#[derive(Debug, Clone)]
pub struct Record {
    /// Without the lines that say whose it is.
    enrollment: String,
    /// The body of a slot of version 1.
    state: String,
}

impl Record {
    /// The record with that enrollment, as TOML, and that state, as lines.
    ///
    /// Whose it is, its `user` and `uid`, is put in when it is written.
    #[must_use]
    pub fn new(enrollment: &str, state: &str) -> Self {
        let kept: String = enrollment
            .split_inclusive('\n')
            .filter(|line| {
                !["user = ", "uid = "]
                    .iter()
                    .any(|key| line.starts_with(key))
            })
            .collect();
        // Keys that stand in no table come before all tables.
        let (before, after) = kept
            .split_once(CREATED)
            .expect("an enrollment says when it was made");
        Self {
            enrollment: format!("{before}{OWNER}{CREATED}{after}"),
            state: state.to_owned(),
        }
    }

    /// The record of somebody who was enrolled by the command and has not logged in since.
    #[must_use]
    pub fn of(store: &Path, name: &str) -> Self {
        let folder = store.join("users").join(name);
        let enrollment = fs::read_to_string(folder.join("enrollment.toml")).expect("enrolled");
        let state = fs::read(folder.join("state.1")).expect("enrolled");
        let length = u32::from_le_bytes(state[12..16].try_into().expect("four bytes"));
        let body = &state[HEADER..HEADER + usize::try_from(length).expect("it fits a slot")];
        assert_eq!(state[8..12], 1_u32.to_le_bytes(), "a slot of version 1");
        Self::new(&enrollment, std::str::from_utf8(body).expect("UTF-8"))
    }

    /// Gives it to somebody. It is on the disk when somebody calls `sync`.
    pub fn write(&self, store: &Path, name: &str, uid: u32) {
        let folder = store.join("users").join(name);
        private(&folder);
        let mut enrollment = create(&folder.join("enrollment.toml"));
        let owner = format!("user = \"{name}\"\nuid = {uid}\n");
        enrollment
            .write_all(self.enrollment.replace(OWNER, &owner).as_bytes())
            .expect(ROOM);
        let mut state = create(&folder.join("state.1"));
        let identity = Identity::of(&state);
        let slots: Vec<u8> = [1, 2]
            .into_iter()
            .flat_map(|sequence| self.slot(sequence, &identity))
            .collect();
        state.write_all(&slots).expect(ROOM);
    }

    fn slot(&self, sequence: u64, identity: &Identity) -> Vec<u8> {
        let body = self.state.as_bytes();
        let length = u32::try_from(body.len()).expect("it fits a slot");
        let mut slot = b"NLATCHST".to_vec();
        slot.extend(1_u32.to_le_bytes());
        slot.extend(length.to_le_bytes());
        slot.extend(sequence.to_le_bytes());
        slot.extend(identity.inode.to_le_bytes());
        slot.extend(identity.born.to_le_bytes());
        let checksum = crc32(slot.iter().chain(body));
        slot.extend(checksum.to_le_bytes());
        assert_eq!(slot.len(), HEADER);
        slot.extend(body);
        assert!(slot.len() <= SLOT, "it fits a slot");
        slot.resize(SLOT, 0);
        slot
    }
}

/// Makes a store with nobody in it.
pub fn make_store(store: &Path) {
    private(store);
    private(&store.join("users"));
    create(&store.join("store.toml"))
        .write_all(b"version = 1\nid = \"0123456789abcdef0123456789abcdef\"\n")
        .expect(ROOM);
}

/// By what a state knows the file that it is in.
struct Identity {
    inode: u64,
    /// Nanoseconds since 1970; 0 where the file system does not say.
    born: u64,
}

impl Identity {
    fn of(file: &fs::File) -> Self {
        let metadata = file.metadata().expect("an open file");
        let born = metadata
            .created()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .and_then(|since| u64::try_from(since.as_nanos()).ok());
        Self {
            inode: metadata.ino(),
            born: born.unwrap_or(0),
        }
    }
}

fn private(folder: &Path) {
    DirBuilder::new().mode(0o700).create(folder).expect(ROOM);
}

fn create(file: &Path) -> fs::File {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .expect(ROOM)
}

/// CRC-32 as in gzip (IEEE 802.3), bit by bit.
fn crc32<'b>(bytes: impl Iterator<Item = &'b u8>) -> u32 {
    !bytes.fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 * (sum & 1))
        })
    })
}

const HEADER: usize = 44;
const SLOT: usize = 4096;
const CREATED: &str = "created = ";
/// Where the lines go that say whose it is.
const OWNER: &str = "#owner\n";
const ROOM: &str = "the disk takes a store";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_gzip() {
        assert_eq!(crc32(b"123456789".iter()), 0xCBF4_3926);
    }

    #[test]
    fn an_enrollment_changes_its_owner() {
        let record = Record::new(
            "version = 1\nuser = \"a\"\nuid = 7\ncreated = x\n[end]\n",
            "",
        );
        assert_eq!(
            record.enrollment,
            "version = 1\n#owner\ncreated = x\n[end]\n"
        );
    }
}
