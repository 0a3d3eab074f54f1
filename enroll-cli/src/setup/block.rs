//! Our lines in somebody else's file: marked at both ends, put between two lines, and found again whatever else was edited.

/// Lines of ours that stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// They stand before this line of the file, counted from 0; after the last one where there is none.
    pub before: usize,
    /// So many lines of the file are switched off by it, from there on.
    pub instead_of: usize,
    /// The lines, without ends.
    pub lines: Vec<String>,
}

/// The file with the blocks in it; they stand in the order of their places and do not overlap.
pub fn put_in(lines: &[Vec<u8>], blocks: &[Block], service: &str) -> Vec<u8> {
    let mut text = Vec::new();
    let mut next = 0;
    for block in blocks {
        text.extend(lines[next..block.before].iter().flatten());
        end_line(&mut text);
        text.extend(
            format!("{BEGIN}: `nightlatch setup --remove {service}` takes it out\n").bytes(),
        );
        next = block.before + block.instead_of;
        for line in &lines[block.before..next] {
            text.extend(WAS.bytes());
            text.extend(line);
            end_line(&mut text);
        }
        for line in &block.lines {
            text.extend(line.bytes());
            text.push(b'\n');
        }
        text.extend(END.bytes());
        text.push(b'\n');
    }
    text.extend(lines[next..].iter().flatten());
    text
}

/// The file without our blocks, what they switched off as it was; `None` where there are none, or one has no end.
pub fn taken_out(text: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Vec::new();
    let mut is_ours = false;
    let mut found = false;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        if !is_ours && line.starts_with(BEGIN.as_bytes()) {
            is_ours = true;
            found = true;
        } else if is_ours && line.starts_with(END.as_bytes()) {
            is_ours = false;
        } else if !is_ours {
            rest.extend(line);
        } else if let Some(was) = line.strip_prefix(WAS.as_bytes()) {
            rest.extend(was);
        }
    }
    (found && !is_ours).then_some(rest)
}

/// Whether a block of ours begins somewhere in it.
pub fn is_in(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n')
        .any(|line| line.starts_with(BEGIN.as_bytes()))
}

/// A line without an end gets one.
fn end_line(text: &mut Vec<u8>) {
    if text.last().is_some_and(|&last| last != b'\n') {
        text.push(b'\n');
    }
}

const BEGIN: &str = "# BEGIN nightlatch setup";
const END: &str = "# END nightlatch setup";
const WAS: &str = "# was: ";

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Vec<u8>> {
        text.as_bytes()
            .split_inclusive(|&byte| byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect()
    }

    fn block(before: usize, instead_of: usize) -> Block {
        Block {
            before,
            instead_of,
            lines: vec!["ours".to_owned()],
        }
    }

    #[test]
    fn what_is_put_in_is_taken_out_and_every_byte_is_as_it_was() {
        for text in ["", "a\n", "a\nb\n", "# was: a\nb\r\n\n"] {
            let before = lines(text);
            for place in 0..=before.len() {
                for instead_of in 0..=before.len() - place {
                    let after = put_in(&before, &[block(place, instead_of)], "door");
                    assert!(is_in(&after));
                    assert_eq!(
                        taken_out(&after).unwrap(),
                        text.as_bytes(),
                        "{place} {instead_of}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_last_line_without_an_end_gets_one_before_ours() {
        let after = put_in(&lines("a"), &[block(1, 0)], "door");
        assert!(after.starts_with(b"a\n# BEGIN nightlatch setup"));
        assert_eq!(taken_out(&after).unwrap(), b"a\n");
    }

    #[test]
    fn what_somebody_wrote_around_ours_stays() {
        let mut after = put_in(&lines("a\nb\n"), &[block(0, 1), block(2, 0)], "door");
        after.extend(b"theirs\n");
        assert_eq!(taken_out(&after).unwrap(), b"a\nb\ntheirs\n");
    }

    #[test]
    fn nothing_is_taken_out_of_a_file_without_our_lines_or_without_their_end() {
        assert_eq!(taken_out(b"a\n# END nightlatch setup\n"), None);
        assert_eq!(
            taken_out(b"# BEGIN nightlatch setup\nrest of the file\n"),
            None
        );
    }
}
