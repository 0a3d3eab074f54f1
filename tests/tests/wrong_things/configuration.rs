//! Wrong things in the place of the configuration: nobody is asked, and everybody is refused.

use std::path::Path;

use nightlatch_tests::sandboxed;

use crate::ground::{Ground, SOCKET};

#[test]
fn a_thing_of_another_kind_in_place_of_the_configuration_or_its_directory() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        for (path, wanted, own_kind) in [
            (FILE, "must be a regular file", ("mkdir", "a directory")),
            (DIRECTORY, "must be a directory", ("touch", "a file")),
        ] {
            for (make, kind) in [
                ("ln -s /etc/real", "a symbolic link"),
                ("mkfifo", "a FIFO"),
                ("mknod -m 644", "a device"),
                (SOCKET, "a socket"),
                own_kind,
            ] {
                let after = if kind == "a device" { "c 1 3" } else { "" };
                ground.shell(&format!("mv {path} /etc/real; {make} {path} {after}"));
                let words = format!("it is {kind} and {wanted}");
                ground.is_misconfigured(Path::new(path), &words);
                ground.shell(&format!("rm -d {path}; mv /etc/real {path}"));
                ground.lets_in();
            }
        }
    });
}

#[test]
fn a_configuration_that_holds_something_else() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        for (done, words) in [
            (
                "truncate -s 1M FILE",
                "it is longer than 8192 bytes. Find out who wrote it",
            ),
            ("head -c 4096 /dev/zero > FILE", "line 1"),
            (
                "printf '\\377\\n' >> FILE",
                "not text in UTF-8. Save it as UTF-8",
            ),
            (
                "printf 'colour = 1\\n' > FILE",
                "line 1: unknown field `colour`",
            ),
        ] {
            ground.shell(&format!(
                "cp -p {FILE} /etc/real; {}",
                done.replace("FILE", FILE)
            ));
            ground.is_misconfigured(Path::new(FILE), words);
            ground.shell(&format!("mv /etc/real {FILE}"));
            ground.lets_in();
        }
    });
}

const DIRECTORY: &str = "/etc/nightlatch";
const FILE: &str = "/etc/nightlatch/nightlatch.toml";
