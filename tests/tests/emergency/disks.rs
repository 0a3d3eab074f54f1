//! What the store lies on: full, read-only, not mounted; and the files that are no part of it: the module, the configuration.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nightlatch_tests::{Disk, STORE, sandboxed, security_dir};

use crate::{
    PAGE, SSHD, gets_in, host, is_kept_out, is_refused_everything, out_of_the_way, roots_home,
    the_doctor_says,
};

#[test]
fn a_full_disk_lets_people_in_and_nobody_be_enrolled_until_there_is_room() {
    sandboxed(|world| {
        let disk = Disk::ext4(STORE);
        let alice = host(world);
        let bob = world.user("bob");
        disk.fill();
        let refused = world.nightlatch(&["enroll", "bob", "--yes", "--json"]);
        let refused = refused.is_refused();
        assert!(
            refused.stderr.contains("No space left on device"),
            "{refused:?}"
        );
        gets_in(&alice, &alice.backup_codes()[0]);

        the_doctor_says(world, "store-full");
        let all = PAGE.steps("The disk is full", ["df -h ", "df -i ", "du "]);
        let full = world.types(&all[0]);
        assert!(full.contains("100%"), "{full}");
        world.types_all(&all[1..]);
        fs::remove_file(format!("{STORE}/filling")).unwrap();
        let bob = bob.enrolled();
        bob.ssh().answers(&bob.phone().code()).is_let_in();
    });
}

#[test]
fn where_a_write_takes_room_a_full_disk_keeps_everybody_out_until_there_is_some() {
    sandboxed(|world| {
        let disk = Disk::btrfs(STORE);
        // As somebody has it who has not done what packaging/tmpfiles.d does.
        let _ = world.shell(&format!("chattr -C {STORE}")).succeeds();
        let alice = host(world);
        disk.fill();
        is_kept_out(
            world,
            &alice,
            &["event=unavailable", "No space left on device"],
        );
        fs::remove_file(format!("{STORE}/filling")).unwrap();
        let _ = world.shell("sync").succeeds();
        gets_in(&alice, &alice.backup_codes()[0]);
    });
}

#[test]
fn the_stores_disk_is_read_only_or_not_mounted() {
    sandboxed(|world| {
        let alice = host(world);
        let [find, remount, mount, list] = PAGE.steps(
            "The store's disk is read-only, or not mounted",
            [
                "findmnt -T /var/lib/nightlatch",
                "mount -o remount,rw /var/lib",
                "mount -a",
                "nightlatch list",
            ],
        );
        let _ = world.shell("mount -o remount,ro /var/lib").succeeds();
        is_kept_out(
            world,
            &alice,
            &["event=unavailable", "Read-only file system"],
        );
        the_doctor_says(world, "store-read-only");
        let shown = world.types(&find);
        assert!(
            shown.contains("\n/var/lib ") && shown.contains(" ro,"),
            "{shown}"
        );
        let _ = world.types(&remount);
        gets_in(&alice, &alice.backup_codes()[0]);

        // A file system of its own, which is not there after a boot.
        let _ = world
            .shell(&format!(
                "mv {STORE} /var/lib/disk && mkdir -m 700 {STORE} && echo '/var/lib/disk {STORE} none bind 0 0' > /etc/fstab"
            ))
            .succeeds();
        is_kept_out(
            world,
            &alice,
            &["event=unavailable", "no Nightlatch store here"],
        );
        the_doctor_says(world, "store-missing");
        let shown = world.types(&find);
        assert!(shown.contains("\n/var/lib "), "{shown}");
        world.types_all([&mount, &list]);
        gets_in(&alice, &alice.backup_codes()[1]);
    });
}

#[test]
fn the_configuration_is_broken() {
    sandboxed(|world| {
        roots_home(world);
        world.configure_exactly("[login]\nfail_delay = \"0s\"\nrefusal_flor = \"0s\"\n");
        let check = PAGE.typed("The configuration is broken");
        let [check, copy, comment, good, explain] = &check[..] else {
            panic!("{check:#?}")
        };
        world.configure("");
        let alice = host(world);
        assert!(alice.gets_in_by_key_alone());
        let toml = "/etc/nightlatch/nightlatch.toml";
        world.configure_exactly("[login]\nfail_delay = \"0s\"\nrefusal_flor = \"0s\"\n");
        is_kept_out(world, &alice, &["event=misconfigured"]);
        assert!(!alice.gets_in_by_key_alone(), "keys are refused, too");
        // As the page says: root too, where sudo is before the command.
        let _ = world.shell("sudo -n true").exits_with(1);
        the_doctor_says(world, "configuration-unusable");
        world.types_all([check, copy, comment, good, explain]);
        gets_in(&alice, &alice.backup_codes()[0]);
        assert!(
            fs::read_to_string("/root/nightlatch.toml.broken")
                .unwrap()
                .contains("\nrefusal_flor")
        );

        let _ = world
            .shell(&format!("chown alice {toml}; chmod 666 {toml}"))
            .succeeds();
        is_kept_out(world, &alice, &["event=misconfigured"]);
        let section = PAGE.section("The configuration is broken");
        assert!(
            section.contains("`chown root:root` and `chmod 644`"),
            "{section}"
        );
        let _ = world
            .shell(&format!("chown root:root {toml}; chmod 644 {toml}"))
            .succeeds();
        gets_in(&alice, &alice.backup_codes()[1]);
    });
}

#[test]
fn a_rule_that_has_lost_its_condition_asks_nobody_and_config_explain_says_so() {
    sandboxed(|world| {
        let alice = host(world);
        let [.., explain] = &PAGE.typed("The configuration is broken")[..] else {
            panic!("no commands")
        };
        let rule = "[[rule]]\n# usres = [\"deploy\"]\nsecond_factor = \"skip\"\n";
        world.configure(rule);
        let _ = alice.ssh().is_let_in();
        let said = world.runs(explain).succeeds().stdout;
        assert!(
            said.ends_with("alice is not asked for a code: rule 1 skips it.\n"),
            "{said}"
        );
        world.configure(&format!("# {}", rule.trim_end().replace('\n', "\n# ")));
        let _ = world.types(explain);
        let _ = alice.ssh().is_asked();
    });
}

#[test]
fn the_module_is_missing() {
    sandboxed(|world| {
        roots_home(world);
        let alice = host(world);
        let before = PAGE.typed("Before it happens");
        world.types_all(&before);
        assert!(fs::exists("/root/nightlatch.toml.good").unwrap());
        fs::remove_file(security_dir().join("pam_nightlatch.so")).unwrap();
        is_kept_out(world, &alice, &["unable to dlopen(pam_nightlatch.so)"]);
        the_doctor_says(world, "module-missing");
        let [find, install] = PAGE.steps("The module is missing", ["dirname ", "install "]);
        let shown = world.types(&find);
        assert_eq!(shown.trim_end(), security_dir().display().to_string());
        let _ = world.types(&install);
        gets_in(&alice, &alice.backup_codes()[0]);
    });
}

#[test]
fn out_of_the_way_for_a_minute_and_back_by_itself() {
    sandboxed(|world| {
        roots_home(world);
        let alice = host(world);
        fs::remove_file(security_dir().join("pam_nightlatch.so")).unwrap();
        is_refused_everything(&alice, &alice.phone().code_at(0));
        let [copy, comment, later, lay_over, over] = out_of_the_way();
        let original = fs::read(SSHD).unwrap();
        world.types_all([
            &copy,
            &comment,
            &later.with("sleep 60", "until test -e /run/over; do sleep 0.1; done"),
            &lay_over,
        ]);
        assert_ne!(fs::read(SSHD).unwrap(), original);
        let mut session = alice.ssh().is_let_in();
        fs::write("/run/over", "").unwrap();
        let minute = Instant::now();
        while fs::read(SSHD).unwrap() != original {
            assert!(minute.elapsed() < Duration::from_secs(10), "it stays open");
            thread::sleep(Duration::from_millis(50));
        }
        let _ = world.types(&over);
        is_refused_everything(&alice, &alice.phone().code_at(0));
        assert!(
            session.runs("id -un").contains("alice"),
            "what is open stays open"
        );
    });
}
