//! docs/emergency.md, section by section: each accident happens, is seen to keep people out, the page's commands are run as they stand
//! there and print what it says, and people get in by the stock sshd and sudo.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

mod disks;
mod factors;
mod shells;
mod state;

use std::collections::BTreeSet;

use nightlatch_tests::{Log, Page, Person, Typed, World};

const PAGE: Page = Page::EMERGENCY;
const SSHD: &str = "/etc/pam.d/sshd";

/// The commands that take Nightlatch out of the way of one service for a minute: copy, comment out, later, lay over, look.
fn out_of_the_way() -> [Typed; 5] {
    PAGE.steps(
        "The administrator's own second factor is gone",
        [
            "cp -a ",
            "sed -i ",
            "setsid -f ",
            "mount --bind ",
            "findmnt ",
        ],
    )
}

/// A host as the README sets it up, sshd and sudo both, with alice on it, who may use sudo.
fn host(world: &World) -> Person<'_> {
    let recipe = |file| Page::README.recipe("2. **sshd**", file);
    world.follow(&recipe("/etc/ssh/sshd_config"));
    world.follow(&recipe(SSHD));
    for service in ["sudo", "sudo-i"] {
        world.follow(&recipe(SSHD).in_file(&format!("/etc/pam.d/{service}")));
    }
    world.start_sshd_as_configured();
    let alice = world.user("alice").enrolled();
    alice.may_sudo();
    alice
}

/// Somebody with the right password and a code that nobody gave is refused by sshd, and the log says why in words that the page's
/// table has.
fn is_kept_out(world: &World, person: &Person<'_>, words: &[&str]) {
    let log = world.log().from_now();
    is_refused_everything(person, &person.phone().code_at(0));
    is_in_the_table(&log, words);
}

fn is_refused_everything(person: &Person<'_>, answer: &str) {
    let shown = person.ssh().always_answers(answer);
    assert!(shown.contains("Permission denied"), "{shown}");
}

/// Each of the words is in the log, and in the table that says which accident it is.
fn is_in_the_table(log: &Log, words: &[&str]) {
    let line = log.says(words);
    let table = PAGE.section("What is wrong");
    for word in words {
        assert!(
            table.contains(word),
            "the page does not have {word:?}: {line:?}"
        );
    }
}

/// The doctor has a finding of that name, which is in the table, too.
fn the_doctor_says(world: &World, name: &str) {
    let said = world.nightlatch(&["doctor"]).exits_with(1).stdout;
    assert!(said.contains(&format!(": {name}\n")), "{said}");
    let table = PAGE.section("What is wrong");
    assert!(table.contains(&format!("`{name}`")), "{name}");
}

/// A right code lets in by ssh, and another right code of the phone or the sheet into sudo.
fn gets_in(person: &Person<'_>, for_sudo: &str) {
    let mut session = person.ssh().answers(&person.phone().code()).is_let_in();
    let shown = session.sudo(person, "id -u").answers(for_sudo).is_done();
    assert!(shown.contains("\r\n0\r\n"), "{shown}");
}

/// `/root` is a place of this sandbox's own.
fn roots_home(world: &World) {
    let _ = world
        .shell("mount -t tmpfs -o mode=700 tmpfs /root")
        .succeeds();
}

#[test]
fn no_section_with_commands_is_left_out_and_no_link_within_the_page_leads_nowhere() {
    let headings = PAGE.headings();
    let with_commands: Vec<_> = headings
        .iter()
        .copied()
        .filter(|heading| !PAGE.typed(heading).is_empty())
        .collect();
    assert_eq!(with_commands, GONE_THROUGH);
    let anchors: BTreeSet<_> = headings.iter().map(|heading| anchor(heading)).collect();
    let mut links = 0;
    for text in headings.iter().map(|heading| PAGE.section(heading)) {
        for link in text.split("](#").skip(1) {
            let (to, _) = link.split_once(')').unwrap();
            assert!(anchors.contains(to), "{to}");
            links += 1;
        }
    }
    assert!(links > 10, "{links} links");
}

/// As forges make it of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The sections whose commands these tests run, all of them in each.
const GONE_THROUGH: [&str; 13] = [
    "What is wrong",
    "The phone is gone",
    "The phone and the backup codes are gone",
    "The administrator's own second factor is gone",
    "With init=/bin/bash",
    "The clock is wrong",
    "The disk is full",
    "The store's disk is read-only, or not mounted",
    "The configuration is broken",
    "The store is lost, or was restored",
    "The module is missing",
    "Wrong codes have closed the door",
    "Before it happens",
];
