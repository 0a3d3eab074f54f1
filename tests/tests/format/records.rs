//! Records written byte by byte as the page says, of people who never enrolled.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use nightlatch_tests::World;

use crate::agreement::agreed;
use crate::files::make;

/// Many records, and what is to be said of each: how whole its state is, or `refused`.
pub struct Records<'w> {
    world: &'w World,
    expected: Vec<(String, String, &'static str)>,
}

impl<'w> Records<'w> {
    pub fn new(world: &'w World) -> Self {
        Self {
            world,
            expected: Vec::new(),
        }
    }

    /// Writes one: alice's enrollment with another name, and two slots. `what` is for whoever reads that it failed. Gives the
    /// directory.
    pub fn is(
        &mut self,
        expected: &'static str,
        enrollment: &str,
        slots: [Slot; 2],
        what: &str,
    ) -> PathBuf {
        // As long as `alice`, so that the length of the file stays.
        let user = format!("c{:04}", self.expected.len());
        let dir = self.world.passing_user(&user).directory();
        fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
        let enrollment = enrollment.replace("user = \"alice\"", &format!("user = \"{user}\""));
        make(dir.join("enrollment.toml"), enrollment.as_bytes());
        let state = dir.join("state.1");
        make(state.clone(), b"");
        let file = File::options().write(true).open(state).unwrap();
        let metadata = file.metadata().unwrap();
        file.write_all_at(&slots.map(|slot| slot.bytes(&metadata)).concat(), 0)
            .unwrap();
        self.expected.push((user, what.to_owned(), expected));
        dir
    }

    /// Asserts it of all of them.
    pub fn are_read_so(self) {
        let said = agreed(self.world);
        for (user, what, expected) in self.expected {
            let said = &said[&user];
            let read = said["integrity"].as_str().unwrap_or("refused");
            assert_eq!(read, expected, "{what}: {said:#}");
        }
    }
}

/// A slot as the page says it is.
#[derive(Clone)]
pub struct Slot {
    pub magic: [u8; 8],
    pub version: u32,
    pub sequence: u64,
    /// How far the inode in it is from that of the file.
    pub inode_off: u64,
    /// How far the birth time in it is from that of the file.
    pub birth_off: u64,
    pub body: String,
}

impl Slot {
    /// Both slots of a state with this body.
    pub fn both(body: &str) -> [Self; 2] {
        [4, 3].map(|sequence| Self {
            magic: *b"NLATCHST",
            version: 1,
            sequence,
            inode_off: 0,
            birth_off: 0,
            body: body.to_owned(),
        })
    }

    /// The body in the first slot of a file.
    pub fn body_in(state: &Path) -> String {
        let bytes = fs::read(state).unwrap();
        let length = u32::from_le_bytes(bytes[12..16].try_into().unwrap());
        let end = 44 + usize::try_from(length).unwrap();
        String::from_utf8(bytes[44..end].to_vec()).unwrap()
    }

    fn bytes(&self, file: &Metadata) -> Vec<u8> {
        let length = u32::try_from(self.body.len()).unwrap();
        let made = file.created().unwrap().duration_since(UNIX_EPOCH).unwrap();
        let made = u64::try_from(made.as_nanos()).unwrap();
        let mut bytes = [
            &self.magic[..],
            &self.version.to_le_bytes(),
            &length.to_le_bytes(),
            &self.sequence.to_le_bytes(),
            &(file.ino() + self.inode_off).to_le_bytes(),
            &(made + self.birth_off).to_le_bytes(),
        ]
        .concat();
        let checksum = crc32(bytes.iter().chain(self.body.as_bytes()));
        bytes.extend(checksum.to_le_bytes());
        bytes.extend(self.body.as_bytes());
        bytes.resize(4096, 0);
        bytes
    }
}

/// IEEE 802.3, bit by bit.
fn crc32<'b>(bytes: impl Iterator<Item = &'b u8>) -> u32 {
    !bytes.fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
