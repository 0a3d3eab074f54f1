use super::*;

/// A host on which alice lives, and ALICE is her name too; where the group `ldap` cannot be looked up.
struct Fake;

impl Host for Fake {
    fn user(&self, name: &str) -> Result<Option<String>, String> {
        let is_hers = name.eq_ignore_ascii_case("alice");
        Ok(is_hers.then(|| "alice".to_owned()))
    }

    fn has_group(&self, name: &GroupName) -> Result<bool, String> {
        match name.as_str() {
            "ldap" => Err("Try again".to_owned()),
            name => Ok(name == "staff"),
        }
    }

    fn has_service(&self, name: &ServiceName) -> bool {
        ["sshd", "sudo", "su", "login"].contains(&name.as_str())
    }
}

/// What is found, each with its line where it has one.
fn found(text: &str) -> Vec<String> {
    let config = Config::parse(text, Path::new("test")).unwrap();
    let findings = find(&config, text, &Fake).into_iter();
    findings
        .map(|finding| match finding.line {
            Some(line) => format!("{line}: {}", finding.text),
            None => finding.text,
        })
        .collect()
}

#[test]
fn in_a_healthy_policy_nothing_is_found() {
    for text in [
        "",
        "[[rule]]\nusers = [\"alice\"]\nservices = [\"sshd\"]\nnetworks = [\"10.20.0.0/16\", \"2001:db8::/32\"]\n\
         second_factor = \"skip\"\n[[rule]]\ngroups = [\"staff\"]\nsecond_factor = \"deny\"\n[[rule]]\nsecond_factor = \"require\"\n",
        "[enrollment]\nmode = \"at-login\"\n[at_login]\nnetworks = [\"10.0.0.0/8\"]\n",
        "[service.su]\nsubject = \"invoker\"\n",
        // Narrower first, wider later; and other conditions.
        "[[rule]]\nnetworks = [\"10.20.0.0/16\"]\nsecond_factor = \"skip\"\n\
         [[rule]]\nnetworks = [\"10.0.0.0/8\"]\nsecond_factor = \"deny\"\n\
         [[rule]]\nusers = [\"alice\"]\nsecond_factor = \"deny\"\n",
    ] {
        assert_eq!(found(text), [""; 0], "{text}");
    }
}

#[test]
fn a_rule_that_comes_too_late_is_found_with_the_one_that_comes_first() {
    let shadow = "comes first and matches whenever it does";
    for (first, second, doubt) in [
        // The same, a part of it, one more condition, everybody before somebody.
        (
            "users = [\"alice\"]\nsecond_factor = \"deny\"",
            "users = [\"alice\"]\nsecond_factor = \"skip\"",
            "",
        ),
        (
            "networks = [\"10.0.0.0/8\"]\nsecond_factor = \"deny\"",
            "networks = [\"10.20.0.0/16\"]\nsecond_factor = \"deny\"",
            "",
        ),
        (
            "services = [\"sshd\", \"sudo\"]\nsecond_factor = \"skip\"",
            "services = [\"sudo\"]\ngroups = [\"staff\"]\nsecond_factor = \"deny\"",
            "",
        ),
        ("second_factor = \"skip\"", "second_factor = \"deny\"", ""),
        (
            "groups = [\"staff\"]\nsecond_factor = \"skip\"",
            "groups = [\"staff\"]\nsecond_factor = \"deny\"",
            ", unless the name service fails",
        ),
    ] {
        let text = format!("\n[[rule]]\n{first}\n[[rule]]\n{second}\n");
        let line = 3 + first.lines().count();
        assert_eq!(
            found(&text),
            [format!(
                "{line}: rule 2: it never holds{doubt}: rule 1 in line 2 {shadow}"
            )],
            "{text}"
        );
    }
}

#[test]
fn whatever_else_is_odd_about_a_rule_is_found() {
    for (rule, texts) in [
        (
            "users = []",
            &["it never matches, for users is empty. Take the key away if anybody is meant"][..],
        ),
        (
            "networks = []",
            &["it never matches, for networks is empty. Take the key away if anybody is meant"],
        ),
        (
            "users = [\"ALICE\", \"bob\", \"bob\"]",
            &[
                "bob is there twice",
                "the system's name for ALICE is alice: write it so, or it matches nobody",
                "there is no user bob",
            ],
        ),
        (
            "groups = [\"staff\", \"ops\", \"ldap\"]",
            &[
                "there is no group ops",
                "the group ldap cannot be looked up: Try again",
            ],
        ),
        (
            "services = [\"sshd\", \"vpn\"]",
            &["there is no service vpn: no file of that name is in /etc/pam.d"],
        ),
        (
            "networks = [\"127.0.0.0/8\", \"::1\", \"10.0.0.0/8\", \"10.0.0.0/8\", \"10.1.0.0/16\"]",
            &[
                "10.0.0.0/8 is there twice",
                "127.0.0.0/8 is loopback, which never matches",
                "::1/128 is loopback, which never matches",
                "10.1.0.0/16 is part of 10.0.0.0/8, which is there too",
            ],
        ),
        (
            "services = [\"sudo\"]\nnetworks = [\"10.0.0.0/8\"]",
            &[
                "it never matches, for it asks for a network, and [login] rhost_from has none of its services",
            ],
        ),
    ] {
        let expected: Vec<_> = texts
            .iter()
            .map(|text| format!("1: rule 1: {text}"))
            .collect();
        let text = format!("[[rule]]\n{rule}\nsecond_factor = \"deny\"\n");
        assert_eq!(found(&text), expected, "{text}");
    }
    let nobody = "[login]\nrhost_from = []\n[[rule]]\nnetworks = [\"10.0.0.0/8\"]\nsecond_factor = \"deny\"\n";
    assert_eq!(found(nobody).len(), 1);
}

#[test]
fn gates_that_stay_shut_and_services_that_are_not_there_are_found() {
    let gates = |lines: &str| {
        found(&format!(
            "enrollment.mode = \"at-login\"\n[at_login]\n{lines}\n"
        ))
    };
    assert_eq!(
        gates("open = true\nservices = []"),
        ["[at_login]: nobody can enroll, for services is empty"]
    );
    assert_eq!(
        gates("services = [\"login\", \"vpn\"]\nnetworks = [\"127.0.0.1\"]"),
        [
            "[at_login]: there is no service vpn: no file of that name is in /etc/pam.d",
            "[at_login]: 127.0.0.1/32 is loopback, which never matches",
            "[at_login]: nobody can enroll, for the gate asks for a network, and [login] rhost_from has none of its services",
        ]
    );
    assert_eq!(
        found("[service.sshd]\nsubject = \"invoker\"\n[service.vpn]\n").len(),
        2
    );
}
