//! What was restored, copied or given to somebody else: whole, and yet not what it was.

use nightlatch_tests::{Code, sandboxed};

use crate::ground::{Ground, Mode, Part};

#[test]
fn with_one_bad_slot_the_codes_of_this_minute_count_as_used_and_the_next_opens() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        for damaged in [0, 1] {
            ground.lets_in();
            let log = world.log().from_now();
            ground.shell(&format!(
                "printf XXXX | dd of=$STATE bs=1 seek={} conv=notrunc status=none",
                damaged * 4096 + 100
            ));
            let status = ground.command(&["status", "alice"]).succeeds();
            assert!(
                status
                    .stdout
                    .contains("one copy of the record of past logins is bad"),
                "{status:#?}"
            );
            // The one that is left may be the older one: then this code may have been used.
            ground.refuses_what_may_have_been_used();
            log.says(&["event=doubtful found=one-slot-bad", "user=\"alice\""]);
            ground.lets_in_later();
            assert_eq!(log.with("event=doubtful").len(), 1, "it heals by itself");
        }
    });
}

#[test]
fn a_state_that_was_copied_or_restored_opens_by_the_phone_later_and_by_backup_codes_once_unlocked()
{
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        for done in [
            "cp -p $STATE /var/lib/copy; mv /var/lib/copy $STATE",
            "cp -a $ALICE /var/lib/copy; rm -r $ALICE; mv /var/lib/copy $ALICE",
            "cp -a $STORE /var/lib/copy; rm -r $STORE; mv /var/lib/copy $STORE",
            "tar -C /var/lib -cpf /run/backup nightlatch; rm -r $STORE; tar -C /var/lib -xpf /run/backup",
            "tar -C /var/lib -cpf /run/backup nightlatch; tar -C /var/lib -xpf /run/backup",
            "mv $STORE /run/elsewhere; cp -a /run/elsewhere $STORE; rm -r /run/elsewhere",
        ] {
            println!("{done}");
            ground.begin_anew();
            ground.lets_in();
            ground.shell(done);
            let status = ground.command(&["status", "alice"]).succeeds();
            assert!(status.stdout.contains("restored or copied"), "{status:#?}");
            let log = world.log().from_now();
            ground.refuses_what_may_have_been_used();
            let path = Part::Record.path(&ground.alice).display().to_string();
            log.says(&[
                "event=doubtful found=copied",
                &path,
                "run: nightlatch unlock alice",
            ]);
            ground.lets_in_later();

            let code = ground.alice.backup_codes()[0].clone();
            ground.refuses(
                &code,
                &["reason=backup-codes-wait", "nightlatch unlock alice"],
            );
            let _ = ground.command(&["unlock", "alice"]).succeeds();
            ground.alice.gets_in_with(&code);
        }
    });
}

#[test]
fn a_record_that_is_moved_and_moved_back_is_the_same() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        ground.shell("mv $ALICE /var/lib/elsewhere; mv /var/lib/elsewhere $ALICE");
        ground.lets_in();
        ground
            .shell("mv $STATE /var/lib/elsewhere; mv /var/lib/elsewhere $ALICE/$(basename $STATE)");
        ground.lets_in();
    });
}

#[test]
fn a_record_of_somebody_elses_opens_nothing() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        let bob = world.user("bob").enrolled();
        let path = Part::Enrollment.path(&ground.alice);
        for copy in ["cp -a", "mv"] {
            ground.shell("mv $ALICE /var/lib/real");
            ground.shell(&format!("{copy} $STORE/users/bob $ALICE"));
            let words = "it is the enrollment of";
            ground.is_unavailable("bob's record under alice's name", &path, words);
            let outcome = ground
                .alice
                .tries()
                .always_answers(bob.phone().code_at(0))
                .run();
            outcome.gives(Code::AuthinfoUnavail).asking(3);
            ground.shell("rm -r $ALICE; mv /var/lib/real $ALICE");
            ground.lets_in();
        }
        // Her own enrollment beside his state: nothing in that is hers.
        let _ = bob.enrolled_with(&["--replace"]);
        ground.shell("cp -p $STORE/users/bob/state* $STATE");
        ground.has_lost_the_state("his state");
    });
}

#[test]
fn an_account_whose_uid_has_changed_is_refused_until_it_is_enrolled_anew() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        ground.shell("usermod -u 4242 alice");
        for mode in [Mode::Required, Mode::Optional] {
            let parts = [
                "reason=other-uid",
                "user=\"alice\"",
                "nightlatch enroll alice --replace",
            ];
            ground.is_denied(mode, Code::AuthErr, &parts);
        }
        let status = ground.command(&["status", "alice"]).succeeds();
        assert!(
            status.stdout.contains("nightlatch enroll alice --replace"),
            "{status:#?}"
        );
        ground.alice.enroll_again();
        ground.lets_in();
    });
}
