//! What is found about several services together, and about what our lines say.

use std::fs;

use nightlatch_tests::sandboxed;

use crate::{CONFIGURATION, Host, SSHD, SUDO};

#[test]
fn of_two_names_of_sudo_both_have_to_ask() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell("sed -i /nightlatch/d /etc/pam.d/sudo-i");
        host.has("one-of-two-doors")
            .weighs("open-door")
            .at("service sudo-i")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn where_no_service_asks_the_doctor_says_so() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell("sed -i /nightlatch/d /etc/pam.d/*");
        host.has("no-service-asks").weighs("weakness");
        let set_up = ["setup", "sshd", "--yes", "--allow-lockout"];
        let _ = world.nightlatch(&set_up).succeeds();
        let after = world.nightlatch(&["doctor", "--json"]).stdout;
        assert!(!after.contains("no-service-asks"), "{after}");
    });
}

#[test]
fn an_argument_that_the_module_does_not_know_refuses_everybody() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!(
            "sed -i 's/^auth.*nightlatch.so/& nullok debug/' {SUDO}"
        ));
        host.has("argument-unknown")
            .weighs("lock-out")
            .runs_its_mend()
            .is_well();
        let mended = fs::read_to_string(SUDO).unwrap();
        assert!(
            mended.contains("required pam_nightlatch.so debug\n"),
            "{mended}"
        );
    });
}

#[test]
fn two_lines_of_one_service_read_one_configuration() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!(
            "cp {CONFIGURATION} /etc/nightlatch/other.toml; sed -i 's|^auth.*nightlatch.so|& config=/etc/nightlatch/other.toml|' {SSHD}"
        ));
        host.has_among_others("configurations-differ")
            .weighs("weakness")
            .runs_its_mend();
        // What is left is a note about the file that was not looked at.
        let note = host.has("other-configuration").weighs("note");
        let mend = note.finding["mend"].as_str().unwrap();
        assert!(
            mend.ends_with("nightlatch --config /etc/nightlatch/other.toml doctor"),
            "{mend}"
        );
        let other =
            world.nightlatch(&["--config", "/etc/nightlatch/other.toml", "doctor", "--json"]);
        assert_eq!(other.succeeds().json()["well"], true);
    });
}

#[test]
fn a_configuration_that_a_line_names_and_nobody_wrote_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!(
            "sed -i 's|^a.*nightlatch.so|& config=/etc/nightlatch/gone.toml|' {SSHD}"
        ));
        host.has("configuration-unusable")
            .weighs("lock-out")
            .says("take config= away", || {
                let _ = world
                    .shell(&format!("sed -i 's| config=.*||' {SSHD}"))
                    .succeeds();
            });
        host.is_well();
    });
}

#[test]
fn a_line_in_common_auth_asks_everywhere() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell("sed -i /nightlatch/d /etc/pam.d/sshd /etc/pam.d/sudo /etc/pam.d/sudo-i");
        host.shell("echo 'auth required pam_nightlatch.so' >> /etc/pam.d/common-auth");
        host.has_among_others("in-a-shared-file")
            .weighs("lock-out")
            .runs_its_mend();
    });
}

#[test]
fn a_file_that_others_can_write_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell("chmod 666 /etc/pam.d/common-account; chown alice /etc/pam.d/common-account");
        host.has("pam-file-writable")
            .weighs("open-door")
            .at("/etc/pam.d/common-account")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_service_of_which_nobody_said_where_its_callers_are_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("cp {SSHD} /etc/pam.d/greeter"));
        let found = host
            .has("service-in-no-list")
            .weighs("weakness")
            .at("service greeter");
        let mend = found.finding["mend"].as_str().unwrap().to_owned();
        let (_, list) = mend.split_once("local = ").unwrap();
        let (list, _) = list.split_once(';').unwrap();
        world.configure_exactly(&format!("[login]\nlocal = {list}\n"));
        host.is_well();
    });
}

#[test]
fn a_rule_for_one_of_two_doors_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        let rule = |services| {
            world.configure(&format!(
                "[[rule]]\ngroups = [\"games\"]\nservices = [{services}]\nsecond_factor = \"deny\"\n"
            ));
        };
        rule("\"sudo\"");
        host.has("rule-for-one-of-two-doors")
            .weighs("weakness")
            .says("\"sudo-i\" beside \"sudo\"", || {
                rule("\"sudo\", \"sudo-i\"");
            })
            .is_well();
    });
}
