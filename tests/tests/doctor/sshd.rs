//! What sshd lets in without PAM's questions, and where it cannot put them.

use nightlatch_tests::{Page, sandboxed};

use crate::{Host, KEY_AND_CODE, SSHD, SSHD_CONFIG};

/// Changes a line of `sshd_config` where it stands.
fn set(host: &Host<'_>, keyword: &str, value: &str) {
    host.shell(&format!(
        "sed -i 's/^{keyword} .*/{keyword} {value}/' {SSHD_CONFIG}"
    ));
}

#[test]
fn without_pam_the_password_alone_opens() {
    sandboxed(|world| {
        let host = Host::well(world);
        set(&host, "UsePAM", "no");
        set(&host, "PasswordAuthentication", "yes");
        set(&host, "AuthenticationMethods", "any");
        host.has_among_others("sshd-without-pam")
            .weighs("open-door")
            .runs_its_mend();
    });
}

#[test]
fn without_keyboard_interactive_nobody_can_be_asked() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("sed -i /^AuthenticationMethods/d {SSHD_CONFIG}"));
        host.shell(&format!("echo PubkeyAuthentication no >> {SSHD_CONFIG}; sed -i '/^PubkeyAuthentication yes/d' {SSHD_CONFIG}"));
        host.is_well();
        set(&host, "KbdInteractiveAuthentication", "no");
        host.has("sshd-puts-no-questions")
            .weighs("lock-out")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_drop_in_that_leaves_the_password_method_open_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        set(&host, "AuthenticationMethods", "any");
        host.shell(&format!(
            "sed -i '/^PubkeyAuthentication /c PubkeyAuthentication no' {SSHD_CONFIG}"
        ));
        world.add_sshd_drop_in("50-cloud-init.conf", "PasswordAuthentication yes");
        host.has("password-method-left")
            .weighs("weakness")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_key_that_opens_alone_is_found_until_somebody_says_that_it_is_meant() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("sed -i /^AuthenticationMethods/d {SSHD_CONFIG}"));
        host.has("key-alone-opens")
            .weighs("weakness")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn without_the_line_that_asks_for_keys_the_code_alone_opens() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("sed -i '/^@include common-auth/d' {SSHD}"))
            .is_well();
        host.shell(&format!("sed -i '/^AuthenticationMethods/d' {SSHD_CONFIG}"));
        host.has_among_others("code-alone-opens")
            .weighs("open-door")
            .at("service sshd")
            .says(
                "AuthenticationMethods publickey,keyboard-interactive",
                || {
                    world.follow(&Page::PAM.recipe(KEY_AND_CODE, SSHD_CONFIG));
                },
            )
            .is_well();
    });
}

#[test]
fn root_whose_answers_sshd_throws_away_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        let root = world.root().enrolled();
        root.has_a_key();
        host.has("root-is-refused-after-the-key")
            .weighs("lock-out")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn whom_a_match_block_exempts_is_noted() {
    sandboxed(|world| {
        let host = Host::well(world);
        world.user("deploy").has_a_key();
        let exemption = Page::PAM.recipe("Exempt them", SSHD_CONFIG);
        world.add_to_sshd_config(exemption.lines());
        // Their key opens sshd; a password of theirs is no way in, and sudo has no rule for them.
        host.has("exempt-in-sshd").weighs("note").at("deploy");
    });
}

#[test]
fn a_match_block_that_asks_somebody_for_no_key_is_an_open_door() {
    sandboxed(|world| {
        let host = Host::well(world);
        world.add_to_sshd_config(&[
            "Match User alice",
            "    AuthenticationMethods keyboard-interactive",
        ]);
        host.has("no-key-for-some")
            .weighs("open-door")
            .at("alice")
            .says("AuthenticationMethods publickey,keyboard-interactive", || {
                let _ = world.shell(&format!(
                    "sed -i 's/^    AuthenticationMethods .*/    AuthenticationMethods publickey,keyboard-interactive/' {SSHD_CONFIG}"
                )).succeeds();
            })
            .is_well();
    });
}

#[test]
fn drop_ins_that_nobody_reads_are_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("sed -i /^Include/d {SSHD_CONFIG}"));
        world.add_sshd_drop_in("10-ours.conf", "X11Forwarding no");
        host.has("drop-ins-not-read")
            .weighs("weakness")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_configuration_that_sshd_refuses_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("sed -i '1i NoSuchKeyword yes' {SSHD_CONFIG}"));
        let found = host
            .has("sshd-refuses-its-configuration")
            .weighs("lock-out");
        assert!(
            found.finding["what"]
                .as_str()
                .unwrap()
                .contains("NoSuchKeyword")
        );
        found
            .says("sshd -t", || {
                let _ = world
                    .shell(&format!("sed -i 1d {SSHD_CONFIG}; sshd -t"))
                    .succeeds();
            })
            .is_well();
    });
}

#[test]
fn where_sshd_does_not_run_its_directory_is_missing_and_that_is_no_mistake() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell("rmdir /run/sshd");
        host.has_among_others("not-looked-at")
            .weighs("note")
            .at("sshd")
            .runs_its_mend()
            .is_well();
    });
}
