//! Whatever lies in a person's directory: damaged, restored, closed, left behind, open to others.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;

use nightlatch_tests::sandboxed;

use crate::files::{SLOT, cut, flip, link_instead, make, mode, overwrite, restore, spoil};
use crate::records::{Records, Slot};

#[test]
fn the_reader_agrees_on_whatever_lies_in_a_directory_of_the_store() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 1\n");
        let alice = world.passing_user("alice").enrolled();
        let enrollment = alice.enrollment().unwrap();
        let body = Slot::body_in(&alice.state_files()[0]);
        let mut records = Records::new(world);
        for (expected, what, damage) in DAMAGES {
            damage(&records.is(expected, &enrollment, Slot::both(&body), what));
        }
        records.are_read_so();
    });
}

type Damage = fn(&Path);

/// What is said of somebody, after what has happened to their directory.
const DAMAGES: &[(&str, &str, Damage)] = &[
    ("whole", "nothing", |_| {}),
    ("one-slot-bad", "first slot", |dir| {
        spoil(&dir.join("state.1"), 0);
    }),
    ("one-slot-bad", "second slot", |dir| {
        spoil(&dir.join("state.1"), SLOT);
    }),
    ("whole", "behind the body", |dir| {
        flip(&dir.join("state.1"), SLOT - 1, 255);
    }),
    ("lost", "zeros", |dir| {
        overwrite(&dir.join("state.1"), 0, &[0; 8192]);
    }),
    ("one-slot-bad", "cut in two", |dir| {
        cut(&dir.join("state.1"), SLOT);
    }),
    ("one-slot-bad", "cut in the second slot", |dir| {
        cut(&dir.join("state.1"), 8191);
    }),
    ("lost", "cut in the first slot", |dir| {
        cut(&dir.join("state.1"), 4095);
    }),
    ("lost", "emptied", |dir| cut(&dir.join("state.1"), 0)),
    ("refused", "too long", |dir| cut(&dir.join("state.1"), 8193)),
    ("copied", "copied", |dir| restore(&dir.join("state.1"))),
    ("copied", "copied and one slot bad", |dir| {
        restore(&dir.join("state.1"));
        spoil(&dir.join("state.1"), 0);
    }),
    ("lost", "gone", |dir| {
        fs::remove_file(dir.join("state.1")).unwrap();
    }),
    ("whole", "closed by an empty file", |dir| {
        make(dir.join("state.2"), b"");
    }),
    ("whole", "closed by two empty files", |dir| {
        make(dir.join("state.9"), b"");
        make(dir.join("state.10"), b"");
    }),
    ("lost", "closed by a damaged file", |dir| {
        make(dir.join("state.2"), b"x");
    }),
    ("whole", "renumbered by tens", |dir| {
        fs::rename(dir.join("state.1"), dir.join("state.10")).unwrap();
        make(dir.join("state.9"), b"x");
    }),
    ("lost", "the highest number", |dir| {
        make(dir.join("state.999999999999999999"), b"x");
    }),
    ("whole", "no numbers", |dir| {
        let names = [
            "",
            ".",
            ".0",
            ".02",
            ".+2",
            ".2 ",
            ".1.new",
            ".x",
            ".1000000000000000000",
        ];
        for name in names {
            make(dir.join(format!("state{name}")), b"x");
        }
    }),
    ("whole", "leftovers", |dir| {
        make(dir.join("enrollment.toml.new"), b"x");
        make(dir.join("new.0123456789abcdef0123456789abcdef"), b"x");
        make(dir.join("removed"), b"");
        symlink("/", dir.join("new.link")).unwrap();
    }),
    ("whole", "no enrollment", |dir| {
        fs::remove_file(dir.join("enrollment.toml")).unwrap();
    }),
    (
        "refused",
        "no enrollment, and a state that is too long",
        |dir| {
            fs::remove_file(dir.join("enrollment.toml")).unwrap();
            cut(&dir.join("state.1"), 8193);
        },
    ),
    ("refused", "a state for others", |dir| {
        mode(&dir.join("state.1"), 0o640);
    }),
    ("refused", "an enrollment for others", |dir| {
        mode(&dir.join("enrollment.toml"), 0o604);
    }),
    ("refused", "an empty state for others", |dir| {
        make(dir.join("state.2"), b"");
        mode(&dir.join("state.2"), 0o644);
    }),
    ("refused", "a directory for others", |dir| mode(dir, 0o710)),
    ("whole", "odd bits for root", |dir| {
        mode(&dir.join("state.1"), 0o1500);
    }),
    ("refused", "another's state", |dir| {
        chown(dir.join("state.1"), Some(1), None).unwrap();
    }),
    ("refused", "another's enrollment", |dir| {
        chown(dir.join("enrollment.toml"), Some(1), None).unwrap();
    }),
    ("refused", "another's directory", |dir| {
        chown(dir, Some(1), None).unwrap();
    }),
    ("refused", "another name of the state", |dir| {
        fs::hard_link(dir.join("state.1"), dir.join("x")).unwrap();
    }),
    ("refused", "another name of the enrollment", |dir| {
        fs::hard_link(dir.join("enrollment.toml"), dir.join("x")).unwrap();
    }),
    ("refused", "a link to the state", |dir| {
        link_instead(&dir.join("state.1"));
    }),
    ("refused", "a link to the enrollment", |dir| {
        link_instead(&dir.join("enrollment.toml"));
    }),
    ("refused", "a directory for a state", |dir| {
        fs::create_dir(dir.join("state.2")).unwrap();
    }),
];
