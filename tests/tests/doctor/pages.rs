//! The recipes of docs/pam.md as they stand, and the page about the doctor itself.

use std::collections::BTreeSet;

use nightlatch_tests::{Page, World, sandboxed};
use serde_json::Value;

use crate::{CONFIGURATION, KEY_AND_CODE, PASSWORD_AND_CODE, SSHD, SSHD_CONFIG};

/// Follows what a section says about each of these files, and gives what the doctor says then.
fn found(world: &World, words: &str, files: &[&str]) -> Vec<String> {
    for file in files {
        let recipe = Page::PAM.recipe(words, file);
        if *file == CONFIGURATION {
            world.configure(&recipe.lines().join("\n"));
        } else {
            world.follow(&recipe);
        }
    }
    names(world)
}

fn names(world: &World) -> Vec<String> {
    let report = world.nightlatch(&["doctor", "--json"]).json();
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding: &Value| finding["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_recipe_for_password_and_code_has_only_what_its_page_warns_of() {
    sandboxed(|world| {
        world.user("alice").enrolled();
        // "A key alone still opens the door without a code."
        assert_eq!(
            found(world, PASSWORD_AND_CODE, &[SSHD_CONFIG, SSHD]),
            ["key-alone-opens"]
        );
        world.add_to_sshd_config(&["PubkeyAuthentication no"]);
        assert!(names(world).is_empty());
    });
}

#[test]
fn the_recipes_for_keys_have_nothing() {
    sandboxed(|world| {
        world.user("alice").enrolled();
        for words in [KEY_AND_CODE, "## sshd: public key, or password and code"] {
            let saved = std::fs::read(SSHD).unwrap();
            assert!(
                found(world, words, &[SSHD_CONFIG, SSHD]).is_empty(),
                "{words}"
            );
            std::fs::write(SSHD, saved).unwrap();
        }
    });
}

#[test]
fn the_bastion_has_nothing() {
    sandboxed(|world| {
        world.user("alice").enrolled();
        world.follow(&Page::PAM.recipe(KEY_AND_CODE, SSHD_CONFIG));
        let words = "## sshd: a bastion that does not ask inside";
        assert!(found(world, words, &[SSHD, CONFIGURATION]).is_empty());
    });
}

#[test]
fn an_account_for_a_program_has_nothing() {
    sandboxed(|world| {
        world.user("alice").enrolled();
        world.user("deploy").has_a_key();
        world.follow(&Page::PAM.recipe(KEY_AND_CODE, SSHD_CONFIG));
        world.follow(&Page::PAM.recipe("## sshd: a bastion that does not ask inside", SSHD));
        let words = "## sshd: an account for a program";
        assert!(found(world, words, &[CONFIGURATION]).is_empty());
    });
}

#[test]
fn the_recipes_for_sudo_and_su_have_what_their_page_warns_of() {
    sandboxed(|world| {
        world.user("alice").enrolled().may_sudo();
        let sudo = "/etc/pam.d/sudo";
        let saved = std::fs::read(sudo).unwrap();
        // "sudo has two files."
        let where_it_goes = "## Where the line goes";
        assert_eq!(found(world, where_it_goes, &[sudo]), ["one-of-two-doors"]);
        world.follow(
            &Page::PAM
                .recipe(where_it_goes, sudo)
                .in_file("/etc/pam.d/sudo-i"),
        );
        assert!(names(world).is_empty());

        std::fs::write(sudo, saved).unwrap();
        // "Everything then hangs on the code."
        assert_eq!(
            found(world, "## sudo: the code alone", &[sudo]),
            ["code-alone"]
        );
        std::fs::remove_file(sudo).unwrap();
        let _ = world
            .shell("sed -i /nightlatch/d /etc/pam.d/sudo-i")
            .succeeds();
        assert!(found(world, "## su\n", &["/etc/pam.d/su"]).is_empty());
    });
}

#[test]
fn the_recipe_for_one_field_has_nothing_once_its_service_is_listed() {
    sandboxed(|world| {
        world.user("alice").enrolled();
        let recipe = Page::PAM.recipe("## Password and code in one field", "/etc/pam.d/openvpn");
        let text = recipe.lines().join("\n") + "\n";
        std::fs::write("/etc/pam.d/openvpn", text).unwrap();
        world.configure_exactly("[login]\nrhost_from = [\"sshd\", \"openvpn\"]\n");
        assert!(names(world).is_empty());
    });
}

/// Each name that the doctor can say is a heading of its page, and the other way round.
#[test]
fn the_page_has_every_finding() {
    let source = include_str!("../../../enroll-cli/src/doctor/mod.rs");
    let sources = [
        source,
        include_str!("../../../enroll-cli/src/doctor/clock.rs"),
        include_str!("../../../enroll-cli/src/doctor/denials.rs"),
        include_str!("../../../enroll-cli/src/doctor/doors.rs"),
        include_str!("../../../enroll-cli/src/doctor/module_file.rs"),
        include_str!("../../../enroll-cli/src/doctor/people.rs"),
        include_str!("../../../enroll-cli/src/doctor/records.rs"),
        include_str!("../../../enroll-cli/src/doctor/services.rs"),
        include_str!("../../../enroll-cli/src/doctor/settings.rs"),
        include_str!("../../../enroll-cli/src/doctor/stacks.rs"),
    ];
    let mut said = BTreeSet::new();
    for source in sources {
        let code = source.split("#[cfg(test)]").next().unwrap();
        for after in code.split("Finding::new(").skip(1) {
            // What comes after the name, or after two of which one is taken.
            let ends = ["Severity::", "severity,"].map(|end| after.find(end));
            let end = ends.into_iter().flatten().min().unwrap();
            let name = &after[..end];
            said.extend(name.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    let page = include_str!("../../../docs/doctor.md");
    let headed: BTreeSet<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .map(str::to_owned)
        .collect();
    assert_eq!(said, headed);
    assert!(said.len() > 45, "the sources are read wrongly: {said:?}");
}
