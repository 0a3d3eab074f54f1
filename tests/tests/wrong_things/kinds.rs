//! Things of another kind in its place, each beside a good copy: nothing is followed, and nothing waits for the other end of it.

use nightlatch_tests::sandboxed;

use crate::ground::{Ground, Part, SOCKET};

#[test]
fn a_thing_of_another_kind_in_place_of_a_file() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        for part in Part::FILES {
            exchanged(
                &mut ground,
                part,
                &[
                    ("mknod $PATH b 7 99", "a device"),
                    ("mkdir $PATH", "a directory"),
                ],
                "Find out who put it there, then put the file itself there or remove it",
            );
        }
    });
}

#[test]
fn a_thing_of_another_kind_in_place_of_a_directory() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        for part in Part::DIRECTORIES {
            exchanged(
                &mut ground,
                part,
                &[(": > $PATH", "a file")],
                "Put a directory there, or give the path that leads to it without links",
            );
        }
    });
}

#[test]
fn a_second_name_of_a_secret() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        for part in [Part::Enrollment, Part::State] {
            let path = part.path(&ground.alice);
            ground.shell(&format!("ln {} /var/lib/second", path.display()));
            let mend = format!("find / -xdev -samefile {} -ls", path.display());
            ground.is_unavailable("it has a second name", &path, &mend);
            ground.shell("rm /var/lib/second");
            ground.lets_in();
        }
    });
}

/// Everything that is neither a file nor a directory, and then the one of these that it must not be.
fn exchanged(ground: &mut Ground<'_>, part: Part, others: &[(&str, &str)], mend: &str) {
    let socket = format!("{SOCKET} $PATH");
    let neither = [
        ("ln -s $REAL $PATH", "a symbolic link"),
        ("mkfifo $PATH", "a FIFO"),
        ("mknod $PATH c 1 3", "a device"),
        (&socket, "a socket"),
        ("ln -s $PATH $PATH", "a symbolic link"),
    ];
    let path = part.path(&ground.alice);
    let real = format!("/var/lib/real-{part:?}");
    for (make, kind) in neither.iter().chain(others) {
        let line = format!(
            "REAL={real}; PATH_={0}; mv {0} {real}; {make}",
            path.display()
        );
        ground.shell(&line.replace("$PATH", "$PATH_"));
        let said = ground.is_unavailable(make, &path, mend);
        assert!(
            said.contains(&format!("it is {kind} and must be ")),
            "{said}"
        );
        ground.shell(&format!("rm -d {0}; mv {real} {0}", path.display()));
        ground.lets_in();
    }
}
