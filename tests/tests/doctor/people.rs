//! Who would stand outside, and what those may see who are not root.

use nightlatch_tests::sandboxed;

use crate::Host;

#[test]
fn whoever_would_be_asked_and_has_no_code_is_named_and_invited() {
    sandboxed(|world| {
        let host = Host::well(world);
        world.configure("[enrollment]\nmode = \"at-login\"\n[at_login]\nticket = true\n");
        world.user("bob");
        host.has("locked-out")
            .weighs("lock-out")
            .at("bob")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn whoever_would_be_asked_and_has_no_code_is_named_and_enrolled() {
    sandboxed(|world| {
        let host = Host::well(world);
        world.user("bob");
        let found = host.has("locked-out").at("bob");
        let what = found.finding["what"].as_str().unwrap();
        // sudo has no rule for bob, so that is no door of his.
        assert!(what.starts_with("at sshd: bob is asked"), "{what}");
        let command = found.finding["commands"][0].as_str().unwrap().to_owned();
        assert_eq!(command, "nightlatch enroll bob");
        host.shell(&format!("{command} --yes --json")).is_well();
    });
}

#[test]
fn a_deadline_says_beforehand_who_will_stand_outside() {
    sandboxed(|world| {
        let host = Host::well(world);
        world.configure("[enrollment]\ndeadline = 2099-01-31\n");
        world.user("bob");
        host.has("locked-out-after-the-deadline")
            .weighs("note")
            .at("bob");
        host.shell("nightlatch enroll bob --yes --json").is_well();
    });
}

#[test]
fn whoever_is_not_root_is_told_what_could_not_be_looked_at() {
    sandboxed(|world| {
        let host = Host::well(world);
        let run = host.alice.types("nightlatch doctor").succeeds();
        assert!(run.stdout.starts_with("note: not-looked-at\n"), "{run:#?}");
        assert!(run.stdout.contains("sudo nightlatch doctor"), "{run:#?}");
        // What everybody may read is looked at all the same.
        host.shell("sed -i /nightlatch/d /etc/pam.d/sudo-i");
        let run = host.alice.types("nightlatch doctor").exits_with(1);
        assert!(run.stdout.contains("one-of-two-doors"), "{run:#?}");
    });
}

#[test]
fn the_doctor_changes_nothing() {
    sandboxed(|world| {
        let host = Host::well(world);
        let all =
            "find /etc /var/lib/nightlatch -type f -printf '%p %i %m %U %s %T@ %C@\\n' | sort";
        let before = world.shell(all).succeeds().stdout;
        let _ = host.findings();
        let _ = world
            .nightlatch(&["doctor", "--simulate", "alice", "--service", "sshd"])
            .succeeds();
        assert_eq!(world.shell(all).succeeds().stdout, before);
        world.log().never_says("event=rejected");
    });
}
