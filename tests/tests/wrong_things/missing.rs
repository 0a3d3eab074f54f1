//! What is not there. A store that is not there must not read as one in which nobody is enrolled.

use nightlatch_tests::{Code, STORE, sandboxed};

use crate::ground::{Ground, Mode, Part};

#[test]
fn without_its_marker_or_the_directory_of_all_people_a_store_is_none() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        let mend = "If its file system is not mounted, mount it; on a new host enroll or invite somebody first";
        for part in [Part::Marker, Part::Users] {
            let path = part.path(&ground.alice);
            ground.shell(&format!("mv {} /var/lib/real", path.display()));
            ground.is_no_store("it is not there", &path, mend);
            ground.shell(&format!("mv /var/lib/real {}", path.display()));
            ground.lets_in();

            // Enrolling somebody makes what is missing, and takes nothing away.
            ground.shell(&format!("mv {} /var/lib/real-{part:?}", path.display()));
            let first = format!("first-{part:?}").to_lowercase();
            let _ = world.user(&first).enrolled();
            if part == Part::Users {
                ground.shell("rm -r $STORE/users; mv /var/lib/real-Users $STORE/users");
            }
            ground.lets_in();
        }
    });
}

#[test]
fn a_file_system_that_is_not_mounted_is_no_store() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        for (unmounted, named) in [
            ("mv $STORE /var/lib/real", STORE.to_owned()),
            (
                "mv $STORE /var/lib/real; mkdir -m 700 $STORE",
                format!("{STORE}/store.toml"),
            ),
        ] {
            ground.shell(unmounted);
            ground.is_no_store(unmounted, named.as_ref(), "is not mounted, mount it");
            ground.shell("rm -rf $STORE; mv /var/lib/real $STORE");
            ground.lets_in();
        }
    });
}

#[test]
fn whoever_has_lost_their_directory_is_not_enrolled_and_can_be() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        ground.shell("rm -r $ALICE");
        ground.is_denied(
            Mode::Required,
            Code::AuthErr,
            &["reason=not-enrolled", "user=\"alice\""],
        );
        let status = ground.command(&["status", "alice", "--json"]).succeeds();
        assert_eq!(status.json()["enrolled"], false);
        ground.alice.enroll();
        ground.lets_in();
    });
}

#[test]
fn an_enrollment_that_is_missing_beside_its_state_does_not_read_as_not_enrolled() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        let path = ground.alice.directory().display().to_string();
        ground.shell("mv $ALICE/enrollment.toml /var/lib/real");
        ground.is_denied(
            Mode::Required,
            Code::AuthErr,
            &["reason=not-enrolled", "user=\"alice\""],
        );
        ground.is_denied(
            Mode::Optional,
            Code::AuthinfoUnavail,
            &["event=unavailable", &path, "nightlatch remove alice"],
        );
        ground.shell("mv /var/lib/real $ALICE/enrollment.toml");
        ground.lets_in();

        ground.shell("rm $ALICE/enrollment.toml");
        let status = ground.command(&["status", "alice"]).succeeds();
        assert!(
            status.stdout.contains("nightlatch remove alice"),
            "{status:#?}"
        );
        ground.alice.enroll();
        ground.lets_in();

        ground.shell("rm $ALICE/enrollment.toml");
        let _ = ground.command(&["remove", "alice", "--yes"]).succeeds();
        ground.is_exempt();
    });
}

#[test]
fn a_state_that_is_missing_is_begun_anew_as_the_log_says() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        ground.lets_in();
        ground.shell("rm $STATE");
        ground.has_lost_the_state("it is not there");
    });
}
