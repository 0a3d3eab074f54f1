//! A later program, made up: its version 3 calls two things by other names and has a key more than version 2. It reads what it finds in
//! versions 1 and 2, and writes in its own.

use std::cell::Cell;
use std::fmt::{self, Write as _};

use crate::enrollment::{self, BadEnrollment, Enrollment, EnrollmentVersion};
use crate::state::{self, BadState, State, StateVersion};
use crate::versions::{Version, Versions};

thread_local! {
    static RUNS: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is the later program.
pub(crate) fn is_running() -> bool {
    RUNS.get()
}

/// Does something as the later program.
pub(crate) fn as_it<T>(work: impl FnOnce() -> T) -> T {
    struct Stop;
    impl Drop for Stop {
        fn drop(&mut self) {
            RUNS.set(false);
        }
    }
    let _stop = Stop;
    RUNS.set(true);
    work()
}

/// Its enrollments.
pub(crate) static ENROLLMENTS: Versions<Enrollment, BadEnrollment> = Versions {
    earlier: &[
        (enrollment::VERSION_1, |_| false),
        (enrollment::VERSION_2, |_| false),
    ],
    latest: ENROLLMENT,
};

const ENROLLMENT: EnrollmentVersion = Version {
    number: 3,
    read: |text| {
        let rest = read(text, ENROLLMENT_LINE, ENROLLMENT_WORDS);
        (enrollment::VERSION_2.read)(&rest.ok_or(BadEnrollment::Value("written_by"))?)
    },
    write: |enrollment, text| {
        let mut before = String::new();
        (enrollment::VERSION_2.write)(enrollment, &mut before)?;
        write(&before, ENROLLMENT_LINE, ENROLLMENT_WORDS, text)
    },
};

const ENROLLMENT_LINE: (&str, &str) = ("uid = ", "written_by = \"a later program\"\n");

/// In version 2, and in version 3.
const ENROLLMENT_WORDS: &[(&str, &str)] =
    &[("version = 2", "version = 3"), ("created = ", "since = ")];

/// Its states.
pub(crate) static STATES: Versions<State, BadState> = Versions {
    earlier: &[(state::VERSION_1, |_| false), (state::VERSION_2, |_| false)],
    latest: STATE,
};

const STATE: StateVersion = Version {
    number: 3,
    read: |text| {
        let rest = read(text, STATE_LINE, STATE_WORDS).ok_or(BadState { line: 1 })?;
        (state::VERSION_2.read)(&rest)
    },
    write: |state, text| {
        let mut before = String::new();
        (state::VERSION_2.write)(state, &mut before)?;
        write(&before, STATE_LINE, STATE_WORDS, text)
    },
};

const STATE_LINE: (&str, &str) = ("elsewhere ", "later\n");

const STATE_WORDS: &[(&str, &str)] = &[("elsewhere ", "anywhere ")];

/// Back to version 2; none where the line is missing that version 3 has.
fn read(text: &str, (_, line): (&str, &str), words: &[(&str, &str)]) -> Option<String> {
    let rest = text.replacen(line, "", 1);
    (rest.len() < text.len()).then(|| {
        words.iter().fold(rest, |text, (old, new)| {
            // What is not called so any more is not known.
            text.replace(old, "? ").replace(new, old)
        })
    })
}

/// Version 3: with one more line before another, and the new words.
fn write(
    before: &str,
    (place, line): (&str, &str),
    words: &[(&str, &str)],
    text: &mut String,
) -> fmt::Result {
    let with_line = before.replacen(place, &format!("{line}{place}"), 1);
    let renamed = words
        .iter()
        .fold(with_line, |text, (old, new)| text.replace(old, new));
    text.write_str(&renamed)
}
