//! Where our line stands in a service's stack, and what goes round it.

use std::fs;

use nightlatch_tests::sandboxed;

use crate::{CONFIGURATION, Host, SSHD, SUDO};

/// sudo's account lines where all is well.
const ACCOUNT: &str = "@include common-account\naccount required pam_nightlatch.so\n";

fn sudo(host: &Host<'_>, auth: &str) {
    host.stack("sudo", &format!("{auth}{ACCOUNT}"));
    host.shell("cp /etc/pam.d/sudo /etc/pam.d/sudo-i");
}

/// The same mistake is in `sudo-i`, and goes from there by itself.
fn mended_in_sudo_i_too(host: &Host<'_>) {
    host.shell("cp /etc/pam.d/sudo /etc/pam.d/sudo-i").is_well();
}

#[test]
fn a_password_that_is_sufficient_before_the_code_leaves_it_out() {
    sandboxed(|world| {
        let host = Host::well(world);
        sudo(
            &host,
            "auth sufficient pam_unix.so\nauth required pam_nightlatch.so\n",
        );
        let mend = |service: &str| {
            let all = host.findings();
            let place = format!("/etc/pam.d/{service}, line 1");
            let found = all
                .iter()
                .find(|one| one["name"] == "code-left-out" && one["where"] == *place)
                .unwrap_or_else(|| panic!("{all:#?}"));
            assert_eq!(found["severity"], "open-door");
            host.shell(found["commands"][0].as_str().unwrap());
        };
        mend("sudo");
        mend("sudo-i");
        host.is_well();
    });
}

#[test]
fn an_included_file_that_ends_with_a_right_password_becomes_a_substack() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.stack(
            "password-auth",
            "auth required pam_env.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n",
        );
        let sshd = "auth include password-auth\nauth required pam_nightlatch.so\n";
        host.stack("sshd", &format!("{sshd}{ACCOUNT}"));
        host.has("code-left-out")
            .weighs("open-door")
            .at("/etc/pam.d/password-auth, line 2")
            .runs_its_mend()
            .is_well();
        let mended = fs::read_to_string(SSHD).unwrap();
        assert!(
            mended.starts_with("auth    substack password-auth\n"),
            "{mended}"
        );
    });
}

#[test]
fn several_ways_to_prove_a_password_all_lead_to_the_code() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.stack(
            "sshd",
            &format!(
                "auth sufficient pam_unix.so\nauth requisite pam_deny.so\nauth required pam_nightlatch.so\n{ACCOUNT}"
            ),
        );
        host.has_among_others("code-left-out")
            .runs_its_mend()
            .is_well();
        let mended = fs::read_to_string(SSHD).unwrap();
        assert!(
            mended.starts_with("auth    [success=1 default=ignore] pam_unix.so\n"),
            "{mended}"
        );
    });
}

#[test]
fn an_optional_code_opens_when_it_is_wrong() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!(
            "sed -i 's/^auth .*required pam_nightl/auth optional pam_nightl/' {SSHD}"
        ));
        host.has("wrong-code-opens")
            .weighs("open-door")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_control_value_that_forgives_errors_opens_when_the_disk_is_gone() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!(
            "sed -i 's/^auth .*required pam_nightl/auth [success=ok ignore=ignore authinfo_unavail=ignore default=die] pam_nightl/' {SSHD}"
        ));
        host.has("error-opens")
            .weighs("open-door")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn whoever_is_exempt_is_refused_where_the_code_stands_alone() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("sed -i '/^@include common-auth/d' {SSHD}"))
            .is_well();
        world.configure(
            "[[rule]]\nusers = [\"alice\"]\nservices = [\"sshd\"]\nsecond_factor = \"skip\"\n",
        );
        host.has("exempt-are-refused")
            .weighs("lock-out")
            .runs_its_mend()
            .is_well();
        let mended = fs::read_to_string(SSHD).unwrap();
        assert!(
            mended.contains("pam_nightlatch.so skip=success\n"),
            "{mended}"
        );
    });
}

#[test]
fn an_exemption_that_is_sufficient_opens_alone() {
    sandboxed(|world| {
        let host = Host::well(world);
        world.configure(
            "[[rule]]\nusers = [\"alice\"]\nservices = [\"login\"]\nsecond_factor = \"skip\"\n",
        );
        host.stack(
            "login",
            &format!("auth sufficient pam_nightlatch.so skip=success\nauth required pam_unix.so\n{ACCOUNT}"),
        );
        host.has_among_others("exemption-opens-alone")
            .weighs("open-door")
            .at("/etc/pam.d/login, line 1")
            .runs_its_mend();
        // It still stands before the password.
        host.has_among_others("code-before-password")
            .runs_its_mend();
        // And a wrong password does not end it.
        host.has("asked-after-wrong-password")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn strangers_are_asked_where_the_code_comes_before_the_password() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.stack(
            "login",
            &format!("auth required pam_nightlatch.so\n@include common-auth\n{ACCOUNT}"),
        );
        host.has("code-before-password")
            .weighs("weakness")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn strangers_are_asked_where_a_wrong_password_does_not_end_it() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.stack(
            "login",
            &format!(
                "auth required pam_unix.so nodelay\nauth required pam_nightlatch.so\n{ACCOUNT}"
            ),
        );
        host.has("asked-after-wrong-password")
            .weighs("weakness")
            .at("/etc/pam.d/login, line 1")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn two_lines_of_ours_refuse_the_code_that_the_first_one_took() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("sed -i '/^auth.*nightlatch/p' {SSHD}"));
        host.has("code-asked-twice")
            .weighs("lock-out")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_line_that_always_fails_keeps_everybody_out() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("sed -i '1i auth requisite pam_deny.so' {SSHD}"));
        host.has("nobody-gets-in")
            .weighs("lock-out")
            .at("service sshd")
            .says("pam_deny", || {
                let _ = world.shell(&format!("sed -i 1d {SSHD}")).succeeds();
            })
            .is_well();
    });
}

#[test]
fn a_control_value_that_libpam_does_not_know_keeps_everybody_out() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!(
            "sed -i 's/^auth .*required pam_nightl/auth requird pam_nightl/' {SSHD}"
        ));
        host.has("line-not-understood")
            .weighs("lock-out")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_service_without_the_account_line_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("sed -i '/^account.*nightlatch/d' {SSHD}"));
        host.has("account-line-missing")
            .weighs("weakness")
            .at("service sshd")
            .runs_its_mend()
            .is_well();
        // Where people enroll in a login, nothing of that would be kept.
        host.shell(&format!("sed -i '/^account.*nightlatch/d' {SSHD}"));
        world.configure("[enrollment]\nmode = \"at-login\"\n[at_login]\nticket = true\n");
        host.has("account-line-missing").weighs("lock-out");
    });
}

#[test]
fn an_account_line_behind_one_that_is_sufficient_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.stack(
            "login",
            "@include common-auth\nauth required pam_nightlatch.so\n\
             account sufficient pam_unix.so\naccount required pam_nightlatch.so\n",
        );
        host.has("account-line-left-out")
            .weighs("weakness")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn an_account_line_that_is_left_out_for_local_people_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        // As Fedora has it.
        host.stack(
            "password-auth",
            "account required pam_unix.so\naccount sufficient pam_localuser.so\naccount required pam_permit.so\n",
        );
        host.stack(
            "login",
            "@include common-auth\nauth required pam_nightlatch.so\n\
             account required pam_nologin.so\naccount include password-auth\naccount required pam_nightlatch.so\n",
        );
        host.has("account-line-left-out")
            .at("/etc/pam.d/password-auth, line 2")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn an_account_line_whose_refusal_is_ignored_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!(
            "sed -i 's/^account .*required pam_nightl/account optional pam_nightl/' {SSHD}"
        ));
        host.has("account-refusal-ignored")
            .weighs("open-door")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn whom_a_condition_lets_pass_is_noted() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!(
            "sed -i '/^auth.*nightlatch/i auth [success=1 default=ignore] pam_succeed_if.so quiet user ingroup nocode' {SSHD}"
        ));
        host.has("code-left-out-for-some")
            .weighs("note")
            .says("second_factor = \"skip\"", || {
                let _ = world
                    .shell(&format!("sed -i /pam_succeed_if/d {SSHD}"))
                    .succeeds();
            });
        host.is_well();
    });
}

#[test]
fn the_old_module_that_was_left_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!(
            "sed -i '/^auth.*nightlatch/i auth required pam_google_authenticator.so nullok' {SSHD}"
        ));
        host.has("old-module-left")
            .weighs("weakness")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn explaining_to_whoever_proved_nothing_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        world.configure_exactly("[login]\nexplain = true\n");
        // Behind a password that ends the stack, it is right.
        host.is_well();
        sudo(
            &host,
            "auth required pam_unix.so\nauth required pam_nightlatch.so\n",
        );
        host.has_among_others("explains-to-strangers")
            .weighs("weakness")
            .runs_its_mend();
        assert_eq!(fs::read_to_string(CONFIGURATION).unwrap(), "[login]\n");
    });
}

#[test]
fn su_by_the_invokers_code_alone_is_an_open_door() {
    sandboxed(|world| {
        let host = Host::well(world);
        world.configure(
            "[service.su]\nsubject = \"invoker\"\n[service.su-l]\nsubject = \"invoker\"\n",
        );
        host.stack(
            "su",
            &format!("auth sufficient pam_rootok.so\nauth required pam_nightlatch.so\n{ACCOUNT}"),
        );
        host.has("code-alone-opens")
            .weighs("open-door")
            .at("service su")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_mistake_in_both_files_of_sudo_is_mended_in_one_at_a_time() {
    sandboxed(|world| {
        let host = Host::well(world);
        sudo(
            &host,
            "@include common-auth\nauth sufficient pam_nightlatch.so\n",
        );
        let found = host.has("wrong-code-opens");
        assert_eq!(found.all.len(), 2);
        host.shell(found.finding["commands"][0].as_str().unwrap());
        let mended = fs::read_to_string(SUDO).unwrap();
        assert!(
            mended.contains("\nauth    required pam_nightlatch.so\n"),
            "{mended}"
        );
        assert_eq!(host.findings().len(), 1);
        mended_in_sudo_i_too(&host);
    });
}
