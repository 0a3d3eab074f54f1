//! What a shared library says of itself: for which processor it is, and which libraries it needs. Read, never run.
//!
//! By the System V ABI and the ELF-64 object file format; little-endian, 64 bits, which is what Nightlatch is built for. Whatever
//! does not fit in the file is an error.

/// What is of interest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// The processor (`e_machine`).
    pub machine: u16,
    /// The libraries that it needs (`DT_NEEDED`).
    pub needs: Vec<String>,
}

/// Why a file cannot be read as a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALibrary {
    /// It is something else.
    #[error("it is no shared library of 64 bits")]
    SomethingElse,
    /// It ends too soon, or points out of itself.
    #[error("it is damaged or cut off")]
    Damaged,
}

impl Library {
    /// Reads a file.
    pub fn parse(file: &[u8]) -> Result<Self, NotALibrary> {
        let is_elf64 = file.starts_with(b"\x7fELF\x02\x01");
        if !is_elf64 || number::<2>(file, 16)? != DYNAMIC_OBJECT {
            return Err(NotALibrary::SomethingElse);
        }
        let machine = number::<2>(file, 18)?;
        let (table, size, count) = (
            number::<8>(file, 32)?,
            number::<2>(file, 54)?,
            number::<2>(file, 56)?,
        );
        let mut segments = Vec::new();
        for index in 0..count {
            let at = table
                .checked_add(index * size)
                .ok_or(NotALibrary::Damaged)?;
            segments.push(Segment {
                kind: number::<4>(file, at)?,
                offset: number::<8>(file, at + 8)?,
                address: number::<8>(file, at + 16)?,
                length: number::<8>(file, at + 32)?,
            });
        }
        if segments
            .iter()
            .any(|segment| segment.kind == LOAD && segment.end() > file.len() as u64)
        {
            return Err(NotALibrary::Damaged);
        }
        Ok(Self {
            machine: u16::try_from(machine).map_err(|_| NotALibrary::Damaged)?,
            needs: needs(file, &segments)?,
        })
    }
}

struct Segment {
    kind: u64,
    offset: u64,
    address: u64,
    length: u64,
}

impl Segment {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }
}

fn needs(file: &[u8], segments: &[Segment]) -> Result<Vec<String>, NotALibrary> {
    let Some(dynamic) = segments.iter().find(|segment| segment.kind == DYNAMIC) else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    let mut strings = None;
    for index in 0..dynamic.length / 16 {
        let at = dynamic.offset.saturating_add(index * 16);
        let value = number::<8>(file, at.saturating_add(8))?;
        match number::<8>(file, at)? {
            0 => break,
            NEEDED => names.push(value),
            STRINGS => strings = Some(value),
            _ => {}
        }
    }
    let Some(address) = strings else {
        return Ok(Vec::new());
    };
    let segment = segments.iter().find(|segment| {
        segment.kind == LOAD
            && address
                .checked_sub(segment.address)
                .is_some_and(|into| into < segment.length)
    });
    let segment = segment.ok_or(NotALibrary::Damaged)?;
    let table = segment.offset + (address - segment.address);
    names
        .into_iter()
        .map(|name| {
            let start = table.checked_add(name).ok_or(NotALibrary::Damaged)?;
            let start = usize::try_from(start).map_err(|_| NotALibrary::Damaged)?;
            let bytes = file.get(start..).ok_or(NotALibrary::Damaged)?;
            let end = bytes.iter().position(|&byte| byte == 0);
            let end = end.ok_or(NotALibrary::Damaged)?;
            Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
        })
        .collect()
}

/// A little-endian number of so many bytes.
fn number<const BYTES: usize>(file: &[u8], at: u64) -> Result<u64, NotALibrary> {
    let at = usize::try_from(at).map_err(|_| NotALibrary::Damaged)?;
    let end = at.checked_add(BYTES).ok_or(NotALibrary::Damaged)?;
    let bytes = file.get(at..end).ok_or(NotALibrary::Damaged)?;
    Ok(bytes
        .iter()
        .rev()
        .fold(0, |number, &byte| (number << 8) | u64::from(byte)))
}

const DYNAMIC_OBJECT: u64 = 3;
const LOAD: u64 = 1;
const DYNAMIC: u64 = 2;
const NEEDED: u64 = 1;
const STRINGS: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_itself_needs_libc_and_is_for_this_processor() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let own = Library::parse(&file).unwrap();
        assert!(
            own.needs.iter().any(|name| name.starts_with("libc.so")),
            "{own:?}"
        );
        assert_ne!(own.machine, 0);
        assert_eq!(Library::parse(&file[..4096]), Err(NotALibrary::Damaged));
    }

    #[test]
    fn what_is_no_library_is_said_to_be_none() {
        for text in ["", "#!/bin/sh\n", "\x7fELF"] {
            assert_eq!(
                Library::parse(text.as_bytes()),
                Err(NotALibrary::SomethingElse),
                "{text}"
            );
        }
        let mut cut = b"\x7fELF\x02\x01".to_vec();
        cut.resize(18, 0);
        cut[16] = 3;
        assert_eq!(Library::parse(&cut), Err(NotALibrary::Damaged));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let mut head = file[..4096.min(file.len())].to_vec();
        for at in 0..head.len().min(1024) {
            for byte in [0, 1, 0x7f, 0xff] {
                let before = std::mem::replace(&mut head[at], byte);
                let _ = Library::parse(&head);
                head[at] = before;
            }
        }
    }
}
