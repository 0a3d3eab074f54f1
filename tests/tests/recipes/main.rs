//! What the README and docs/pam.md tell administrators to do, done to Debian's own files, with the stock sshd and sudo.

mod local;
mod rules;
mod transfers;

use nightlatch_tests::{Page, World, sandboxed};

const SSHD_CONFIG: &str = "/etc/ssh/sshd_config";
const PAM_SSHD: &str = "/etc/pam.d/sshd";
const README_SSHD: &str = "2. **sshd**";
const PASSWORD_AND_CODE: &str = "## sshd: password and code";
const KEY_AND_CODE: &str = "## sshd: public key and code";
const KEY_OR_PASSWORD_AND_CODE: &str = "## sshd: public key, or password and code";

/// Follows both recipes for sshd after `words`, sees that sshd understands what the page says it should, and starts it.
fn follow(world: &World, page: Page, words: &str) {
    world.follow(&page.recipe(words, SSHD_CONFIG));
    world.follow(&page.recipe(words, PAM_SSHD));
    assert_sshd_understands(world, page, words);
    world.start_sshd_as_configured();
}

fn assert_sshd_understands(world: &World, page: Page, words: &str) {
    let (command, expected) = page.transcript(words, "sshd");
    let output = world.shell(&command).succeeds().stdout;
    assert_eq!(output.lines().collect::<Vec<_>>(), expected, "{command}");
}

/// Asserts that sshd, as it is configured now, would do so.
fn assert_sshd_has(world: &World, setting: &str) {
    let settings = world.shell("sshd -T").succeeds().stdout;
    assert!(settings.lines().any(|line| line == setting), "{settings}");
}

#[test]
fn the_readmes_lines_for_sshd_ask_for_password_and_code() {
    sandboxed(|world| {
        follow(world, Page::README, README_SSHD);
        let alice = world.user("alice").enrolled();
        alice
            .ssh()
            .answers(&alice.phone().wrong_code())
            .is_asked()
            .answers(&alice.phone().code())
            .is_let_in();
        world
            .log()
            .says(&["pam_nightlatch(sshd:auth): event=accepted user=\"alice\""]);
        alice
            .ssh()
            .answers(&alice.phone().wrong_code())
            .is_refused();
        alice.ssh_with_password("wrong").is_turned_away();
    });
}

#[test]
fn the_book_and_the_readme_have_the_same_recipe_for_password_and_code() {
    for file in [SSHD_CONFIG, PAM_SSHD] {
        assert_eq!(
            Page::PAM.recipe(PASSWORD_AND_CODE, file),
            Page::README.recipe(README_SSHD, file)
        );
    }
    assert_eq!(
        Page::PAM.transcript(PASSWORD_AND_CODE, "sshd"),
        Page::README.transcript(README_SSHD, "sshd")
    );
}

#[test]
fn in_sshd_config_the_first_value_wins_and_drop_ins_come_first() {
    sandboxed(|world| {
        let recipe = Page::README.recipe(README_SSHD, SSHD_CONFIG);
        world.follow(&recipe.clone().without("KbdInteractiveAuthentication"));
        world.add_to_sshd_config(&["KbdInteractiveAuthentication yes"]);
        assert_sshd_has(world, "kbdinteractiveauthentication no");

        world.follow(&recipe);
        assert_sshd_has(world, "passwordauthentication no");
        world.add_sshd_drop_in("50-cloud-init.conf", "PasswordAuthentication yes");
        assert_sshd_has(world, "passwordauthentication yes");
    });
}

#[test]
fn where_only_password_and_code_are_set_up_a_key_alone_opens_without_a_code() {
    sandboxed(|world| {
        follow(world, Page::README, README_SSHD);
        world.user("alice").enrolled().ssh_with_key().is_let_in();
        world.log().never_says("pam_nightlatch(");
    });
}

#[test]
fn where_keys_are_switched_off_whoever_has_one_is_asked_for_password_and_code() {
    sandboxed(|world| {
        world.follow(&Page::README.recipe(README_SSHD, SSHD_CONFIG));
        world.follow(&Page::README.recipe(README_SSHD, PAM_SSHD));
        world.add_to_sshd_config(&["PubkeyAuthentication no"]);
        world.start_sshd_as_configured();
        let alice = world.user("alice").enrolled();
        alice
            .ssh_with_key_and_password()
            .is_asked()
            .answers(&alice.phone().code())
            .is_let_in();
    });
}

#[test]
fn key_and_code_let_in_and_neither_does_alone() {
    sandboxed(|world| {
        follow(world, Page::PAM, KEY_AND_CODE);
        let alice = world.user("alice").enrolled();
        let code = alice.phone().code();
        alice
            .ssh_with_key()
            .is_asked()
            .answers(&alice.phone().wrong_code())
            .is_asked()
            .answers(&code)
            .is_let_in();
        alice.ssh_with_key().is_asked().answers(&code).is_refused();
        // Not even asked.
        alice.ssh_with_nothing().is_turned_away();
    });
}

#[test]
fn without_the_line_authentication_methods_the_code_alone_opens() {
    sandboxed(|world| {
        let recipe = Page::PAM.recipe(KEY_AND_CODE, SSHD_CONFIG);
        world.follow(&recipe.without("AuthenticationMethods"));
        world.follow(&Page::PAM.recipe(KEY_AND_CODE, PAM_SSHD));
        world.start_sshd_as_configured();
        let alice = world.user("alice").enrolled();
        alice
            .ssh_with_nothing()
            .answers(&alice.phone().code())
            .is_let_in();
    });
}

#[test]
fn with_common_auth_left_in_it_is_key_password_and_code() {
    sandboxed(|world| {
        world.follow(&Page::PAM.recipe(KEY_AND_CODE, SSHD_CONFIG));
        world.follow(&Page::PAM.recipe(PASSWORD_AND_CODE, PAM_SSHD));
        world.start_sshd_as_configured();
        let alice = world.user("alice").enrolled();
        alice
            .ssh_with_key_and_password()
            .is_asked()
            .answers(&alice.phone().code())
            .is_let_in();
        alice.ssh_with_nothing().is_turned_away();
    });
}

#[test]
fn root_is_asked_after_the_key_and_refused_unless_permitted() {
    sandboxed(|world| {
        follow(world, Page::PAM, KEY_AND_CODE);
        let root = world.root().enrolled();
        root.ssh_with_key()
            .is_asked()
            .answers(&root.phone().code())
            .is_refused();
        world
            .log()
            .says(&["event=rejected", "reason=not-a-code", "user=\"root\""]);
    });
}

#[test]
fn root_gets_in_by_key_and_code_where_root_may_log_in() {
    sandboxed(|world| {
        world.follow(&Page::PAM.recipe(KEY_AND_CODE, SSHD_CONFIG));
        world.follow(&Page::PAM.recipe(KEY_AND_CODE, PAM_SSHD));
        world.add_to_sshd_config(&["PermitRootLogin yes"]);
        world.start_sshd_as_configured();
        let root = world.root().enrolled();
        root.ssh_with_key()
            .is_asked()
            .answers(&root.phone().code())
            .is_let_in();
        root.ssh_with_nothing().is_turned_away();
    });
}

#[test]
fn whoever_is_exempted_by_a_match_block_gets_in_by_key_alone() {
    sandboxed(|world| {
        world.follow(&Page::PAM.recipe(KEY_AND_CODE, SSHD_CONFIG));
        world.follow(&Page::PAM.recipe(KEY_AND_CODE, PAM_SSHD));
        let exemption = Page::PAM.recipe("Exempt them", SSHD_CONFIG);
        world.add_to_sshd_config(exemption.lines());
        world.start_sshd_as_configured();
        world.user("deploy").ssh_with_key().is_let_in();
    });
}

#[test]
fn a_key_opens_without_a_code_and_without_one_it_is_password_and_code() {
    sandboxed(|world| {
        follow(world, Page::PAM, KEY_OR_PASSWORD_AND_CODE);
        let alice = world.user("alice").enrolled();
        alice.ssh_with_key().is_let_in();
        world.log().never_says("event=accepted");
        alice.ssh().answers(&alice.phone().code()).is_let_in();
        alice.ssh_with_password("wrong").is_turned_away();
    });
}
