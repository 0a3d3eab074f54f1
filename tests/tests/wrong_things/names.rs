//! More than one state file, and names that come near: the highest number counts, and no other name does.

use nightlatch_tests::sandboxed;

use crate::ground::{Ground, Part};

#[test]
fn what_has_the_highest_number_is_what_must_be_right() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        let path = ground.alice.directory().join("state.900");
        for (done, words) in [
            (
                "mkfifo -m 600 $ALICE/state.900",
                "it is a FIFO and must be a regular file",
            ),
            (
                "ln -s $STATE $ALICE/state.900",
                "it is a symbolic link and must be a regular file",
            ),
            ("ln $STATE $ALICE/state.900", "it has 2 names"),
            (
                "install -m 644 /dev/null $ALICE/state.900",
                "then: chmod go= /var/lib/nightlatch/users/alice/state.900",
            ),
            (
                "install -m 600 -o alice /dev/null $ALICE/state.900",
                "then: chown root: /var/lib/nightlatch/users/alice/state.900",
            ),
        ] {
            ground.shell(done);
            ground.is_unavailable(done, &path, words);
            ground.shell("rm $ALICE/state.900");
            ground.lets_in();
        }
    });
}

#[test]
fn an_empty_file_of_a_higher_number_holds_nothing_and_is_in_nobodys_way() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        ground.lets_in();
        ground.shell("install -m 600 /dev/null $ALICE/state.900");
        ground.refuses_what_was_used();
        ground.lets_in();
        ground.refuses_what_was_used();
        let file = Part::State.path(&ground.alice);
        assert!(file.ends_with("state.901"), "{}", file.display());
    });
}

#[test]
fn a_name_that_only_comes_near_is_no_state() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        ground.lets_in();
        let names =
            "state state. state.0 state.007 state.+9 state.-1 state.9x state.new .state STATE.9";
        ground.shell(&format!(
            "for name in {names}; do cp /dev/null $ALICE/$name; done"
        ));
        ground.shell(
            "mkfifo $ALICE/state.1000000000000000000; mkdir $ALICE/state.99999999999999999999",
        );
        ground.refuses_what_was_used();
        ground.lets_in();
    });
}

#[test]
fn what_should_be_taken_away_and_cannot_be_is_named_with_its_mend() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        let mend = "it is a directory and must be a regular file. Find out who put it there";
        ground.shell("mv $STATE $ALICE/state.7");
        for name in ["state.3", "new.00112233445566778899aabbccddeeff"] {
            let path = ground.alice.directory().join(name);
            ground.shell(&format!("mkdir {}", path.display()));
            ground.cannot_be_written(&path, mend);
            ground.shell(&format!("rmdir {}", path.display()));
            ground.lets_in();
        }
    });
}

#[test]
fn an_enrollment_that_cannot_be_put_in_place_is_not_shown_and_what_is_in_its_way_is_named() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        for name in ["enrollment.toml.new", "removed"] {
            let path = ground.alice.directory().join(name);
            ground.shell(&format!("mkdir {}", path.display()));
            let run = ground.command(&["enroll", "alice", "--replace", "--yes", "--json"]);
            let run = run.is_refused();
            assert_eq!(run.stdout, "");
            for part in [
                path.to_str().unwrap(),
                "it is a directory",
                "Find out who put it there",
            ] {
                assert!(run.stderr.contains(part), "{run:#?}");
            }
            ground.shell(&format!("rmdir {}", path.display()));
            ground.alice.enroll_again();
            ground.lets_in();
        }
    });
}

#[test]
fn after_the_last_number_nothing_can_be_written_until_it_is_removed() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        let last = ground.alice.directory().join("state.999999999999999999");
        let mend = "find out who did, then remove it";
        ground.shell(&format!("install -m 600 /dev/null {}", last.display()));
        ground.cannot_be_written(&last, mend);
        ground.shell(&format!("rm {}", last.display()));
        ground.lets_in();
    });
}
