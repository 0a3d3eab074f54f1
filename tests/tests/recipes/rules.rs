//! The recipes in which a rule says who is not asked, with the stock sshd and somebody who comes from another machine.

use nightlatch_tests::{Page, World, sandboxed};

use crate::{KEY_AND_CODE, PAM_SSHD, SSHD_CONFIG};

const BASTION: &str = "## sshd: a bastion that does not ask inside";
const PROGRAM: &str = "## sshd: an account for a program";
const CONFIGURATION: &str = "/etc/nightlatch/nightlatch.toml";

/// Key and code, but for whom the recipe after `words` exempts.
fn follow(world: &World, words: &str) {
    world.follow(&Page::PAM.recipe(KEY_AND_CODE, SSHD_CONFIG));
    world.follow(&Page::PAM.recipe(BASTION, PAM_SSHD));
    world.configure(&Page::PAM.recipe(words, CONFIGURATION).lines().join("\n"));
    world.start_sshd_as_configured();
}

#[test]
fn a_bastion_asks_outside_and_not_inside() {
    sandboxed(|world| {
        follow(world, BASTION);
        let office = world.neighbour();
        let alice = world.user("alice").enrolled();
        alice.ssh_with_key_from(&office).is_let_in();
        world
            .log()
            .says(&["event=exempt", "reason=rule", "user=\"alice\""]);
        // The host's own address is nobody's office.
        alice
            .ssh_with_key()
            .is_asked()
            .answers(&alice.phone().wrong_code())
            .is_asked()
            .answers(&alice.phone().code())
            .is_let_in();
        // Inside, a key is still needed.
        alice.ssh_with_nothing().is_turned_away();
    });
}

#[test]
fn an_account_for_a_program_gets_in_by_key_alone_and_nobody_else_does() {
    sandboxed(|world| {
        follow(world, PROGRAM);
        world.user("deploy").ssh_with_key().is_let_in();
        world
            .log()
            .says(&["event=exempt", "reason=rule", "user=\"deploy\""]);
        let alice = world.user("alice").enrolled();
        alice
            .ssh_with_key()
            .is_asked()
            .answers(&alice.phone().code())
            .is_let_in();
    });
}
