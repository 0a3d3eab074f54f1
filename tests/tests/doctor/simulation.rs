//! `doctor --simulate`: what a login would meet.

use nightlatch_tests::sandboxed;

use crate::Host;

#[test]
fn what_a_login_would_meet_is_told_and_nothing_is_spent() {
    sandboxed(|world| {
        let host = Host::well(world);
        let simulated = |user: &str, rhost: &str| {
            let run = world.nightlatch(&[
                "doctor",
                "--simulate",
                user,
                "--service",
                "sshd",
                "--rhost",
                rhost,
                "--json",
            ]);
            run.succeeds().json()
        };
        let met = simulated("alice", "192.0.2.7");
        assert_eq!(met["outcome"], "asked");
        assert_eq!(met["question"], "Verification code: ");
        assert_eq!(met["person"]["backup_codes"]["left"], 10);
        let ours = |kind: &str| {
            let lines = met[kind].as_array().unwrap();
            let ours = lines.iter().filter(|line| line["ours"] == true);
            ours.map(|line| line["file"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(ours("auth"), ["/etc/pam.d/sshd"]);
        assert_eq!(ours("account"), ["/etc/pam.d/sshd"]);

        world.user("bob");
        let met = simulated("bob", "192.0.2.7");
        assert_eq!(
            (&met["outcome"], &met["reason"]),
            (&"refused".into(), &"not-enrolled".into())
        );
        // Like everybody.
        assert_eq!(met["question"], "Verification code: ");

        world.configure("[[rule]]\nnetworks = [\"192.0.2.0/24\"]\nsecond_factor = \"skip\"\n");
        let met = simulated("bob", "192.0.2.7");
        assert_eq!(
            (&met["outcome"], &met["rule"]),
            (&"not-asked".into(), &1.into())
        );
        assert!(met["question"].is_null());
        assert_eq!(simulated("bob", "198.51.100.1")["outcome"], "refused");

        host.shell("nightlatch lock alice");
        let page = world
            .nightlatch(&["doctor", "--simulate", "alice", "--service", "sshd"])
            .succeeds()
            .stdout;
        assert!(page.contains("> /etc/pam.d/sshd:"), "{page}");
        assert!(page.contains("nightlatch unlock alice"), "{page}");
        world.log().never_says("event=rejected");
    });
}

#[test]
fn what_our_line_says_counts_and_where_there_is_none_nobody_is_asked() {
    sandboxed(|world| {
        let host = Host::well(world);
        let simulated = |service: &str| {
            let simulate = ["doctor", "--simulate", "alice", "--service", service];
            let page = world.nightlatch(&simulate).succeeds().stdout;
            let json = [&simulate[..], &["--json"]].concat();
            (world.nightlatch(&json).succeeds().json(), page)
        };

        host.shell("echo 'auth required pam_permit.so' > /etc/pam.d/ours-not");
        let (met, page) = simulated("ours-not");
        assert_eq!(met["outcome"], "not-asked");
        assert!(met["question"].is_null());
        assert!(
            page.contains("  /etc/pam.d/ours-not:1: required pam_permit.so"),
            "{page}"
        );
        assert!(
            page.contains("alice is not asked for a code: ours-not does not run our module."),
            "{page}"
        );
        assert!(!page.contains("the mode holds"), "{page}");
        assert!(
            page.contains("ours-not has no lines for account, so those of other hold"),
            "{page}"
        );

        host.shell("sed -i 's/^auth .*pam_nightlatch.so/& [prompt=One-time code: ] config=\\/etc\\/other.toml/' /etc/pam.d/sshd");
        let (met, page) = simulated("sshd");
        assert_eq!(met["question"], "One-time code: ");
        assert!(
            page.contains("[prompt=One-time code: ] config=/etc/other.toml"),
            "{page}"
        );
        assert!(
            page.contains(
                "nightlatch --config /etc/other.toml doctor --simulate alice --service sshd"
            ),
            "{page}"
        );

        host.shell("sed -i 's/^auth .*pam_nightlatch.so/& nullok/' /etc/pam.d/sshd");
        let (met, page) = simulated("sshd");
        assert_eq!(met["outcome"], "unavailable");
        assert!(met["question"].is_null());
        assert!(page.contains("the module does not know nullok"), "{page}");
    });
}

#[test]
fn a_simulation_without_a_service_is_wrong_usage() {
    sandboxed(|world| {
        for wrong in [
            &["doctor", "--simulate", "alice"][..],
            &["doctor", "--service", "sshd"],
            &["doctor", "--rhost", "192.0.2.7"],
        ] {
            let _ = world.nightlatch(wrong).exits_with(2);
        }
    });
}
