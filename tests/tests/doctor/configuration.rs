//! A configuration that cannot be read, or that does not do what somebody believes.

use nightlatch_tests::sandboxed;

use crate::{CONFIGURATION, Host};

#[test]
fn a_configuration_that_cannot_be_read_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        world.configure("[enrollment]\nmode = \"requird\"\n");
        host.has_among_others("configuration-unusable")
            .weighs("lock-out")
            .says("nightlatch config check", || world.configure(""))
            .is_well();
        host.shell(&format!("chmod 666 {CONFIGURATION}"));
        host.has_among_others("configuration-unusable")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_rule_about_a_group_that_is_not_there_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        let rule = |group: &str| {
            world.configure(&format!(
                "[[rule]]\ngroups = [\"{group}\"]\nsecond_factor = \"require\"\n"
            ));
        };
        rule("no-such-group");
        host.has("configuration-odd")
            .weighs("weakness")
            .says("nightlatch config check", || rule("games"))
            .is_well();
    });
}
