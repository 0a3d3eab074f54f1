//! Files of the right kind that hold the wrong thing.

use std::fs;

use nightlatch_tests::sandboxed;

use crate::ground::{Ground, Part};

#[test]
fn an_enrollment_that_cannot_be_understood_denies_until_it_is_restored_or_made_anew() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        let path = Part::Enrollment.path(&ground.alice);
        let longest =
            "it is longer than 16384 bytes. Find out who wrote it, then restore or remove it";
        let restore = "Restore it from a backup, or remove it and enroll the person anew";
        for (done, words) in [
            (": > $ALICE/enrollment.toml", restore),
            ("truncate -s 1 $ALICE/enrollment.toml", restore),
            ("truncate -s 100 $ALICE/enrollment.toml", restore),
            ("truncate -s -2 $ALICE/enrollment.toml", restore),
            ("truncate -s 1M $ALICE/enrollment.toml", longest),
            ("truncate -s 16K $ALICE/enrollment.toml", restore),
            (
                "head -c 8192 /dev/urandom > $ALICE/enrollment.toml",
                restore,
            ),
            (
                "printf '\\377' >> $ALICE/enrollment.toml",
                "not text in UTF-8. Restore it",
            ),
            (
                "sed -i 's/^uid/colour = 1\\nuid/' $ALICE/enrollment.toml",
                "line 4: unknown field `colour`",
            ),
            (
                "sed -i 's/^version = 1/version = 3\\ncolour = 1/' $ALICE/enrollment.toml",
                "version 3 is not known; this program reads versions up to 2. Use the Nightlatch that wrote it",
            ),
            (
                "sed -i '/^version/d' $ALICE/enrollment.toml",
                "missing field `version`. Restore it",
            ),
            (
                "sed -i '/^secret/d' $ALICE/enrollment.toml",
                "missing field `secret`. Restore it",
            ),
            (
                "sed -i 's/^digits = 6/digits = 5/' $ALICE/enrollment.toml",
                restore,
            ),
            (
                "sed -i 's/^user = .*/user = \"bob\"/' $ALICE/enrollment.toml",
                "it is the enrollment of",
            ),
        ] {
            let keep = "cp -p $ALICE/enrollment.toml /var/lib/good";
            ground.shell(&format!("{keep}; {done}; chmod 600 $ALICE/enrollment.toml"));
            ground.is_unavailable(done, &path, words);
            ground.shell("cp /var/lib/good $ALICE/enrollment.toml");
            ground.lets_in();
        }
        ground.shell(": > $ALICE/enrollment.toml; rm $ALICE/enrollment.toml");
        ground.alice.enroll();
        ground.lets_in();
    });
}

#[test]
fn a_marker_that_cannot_be_understood_denies_until_it_is_restored() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        let path = Part::Marker.path(&ground.alice);
        let longest =
            "it is longer than 4096 bytes. Find out who wrote it, then restore or remove it";
        let restore = "Restore it from a backup";
        let later = "version 2 is not known; this program reads versions up to 1. Use the Nightlatch that wrote it, or a later one";
        for (done, words) in [
            (": > $STORE/store.toml", restore),
            ("truncate -s 80 $STORE/store.toml", restore),
            ("truncate -s -2 $STORE/store.toml", restore),
            ("truncate -s 1M $STORE/store.toml", longest),
            ("truncate -s 4K $STORE/store.toml", restore),
            (
                "printf '\\377' >> $STORE/store.toml",
                "not text in UTF-8. Restore it",
            ),
            (
                "echo 'colour = 1' >> $STORE/store.toml",
                "unknown field `colour`",
            ),
            (
                "sed -i 's/^version = 1/version = 2\\ncolour = 1/' $STORE/store.toml",
                later,
            ),
            (
                "sed -i '/^version/d' $STORE/store.toml",
                "missing field `version`",
            ),
        ] {
            ground.shell(&format!("cp -p $STORE/store.toml /var/lib/good; {done}"));
            ground.is_unavailable(done, &path, words);
            ground.shell("cp /var/lib/good $STORE/store.toml");
            ground.lets_in();
        }
    });
}

#[test]
fn a_state_of_which_nothing_can_be_believed_is_begun_anew_as_the_log_says() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        for done in [
            ": > $STATE",
            "truncate -s 1 $STATE",
            "truncate -s 43 $STATE",
            "truncate -s 0 $STATE; truncate -s 8192 $STATE",
            "head -c 8192 /dev/urandom > $STATE",
            // Both checksums, the length of both, both magics.
            "for at in 40 4136; do printf XXXX | dd of=$STATE bs=1 seek=$at conv=notrunc status=none; done",
            "for at in 12 4108; do printf '\\377\\377\\377\\377' | dd of=$STATE bs=1 seek=$at conv=notrunc status=none; done",
            "for at in 0 4096; do printf XXXX | dd of=$STATE bs=1 seek=$at conv=notrunc status=none; done",
        ] {
            ground.lets_in();
            ground.shell(done);
            ground.has_lost_the_state(done);
        }
    });
}

#[test]
fn a_state_that_is_too_long_is_refused_and_begun_anew_once_it_is_removed() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        for size in ["8193", "1M"] {
            let path = Part::State.path(&ground.alice);
            let good = fs::read(&path).unwrap();
            ground.shell(&format!("truncate -s {size} $STATE"));
            let words =
                "it is longer than 8192 bytes. Find out who wrote it, then restore or remove it";
            ground.is_unavailable(size, &path, words);
            fs::write(&path, &good).unwrap();
            ground.lets_in();
            ground.shell(&format!("truncate -s {size} $STATE; rm $STATE"));
            ground.has_lost_the_state("it was removed");
        }
    });
}
