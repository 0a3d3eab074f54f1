//! The module's file, the store and its records, the clock, and what the system's policies denied.

use std::fs;

use nightlatch_tests::{STORE, sandboxed, security_dir};

use crate::Host;

fn module() -> String {
    security_dir()
        .join("pam_nightlatch.so")
        .display()
        .to_string()
}

#[test]
fn a_module_in_another_directory_is_put_where_libpam_looks() {
    sandboxed(|world| {
        let host = Host::well(world);
        // What a build with another prefix does.
        host.shell("mount -t tmpfs tmpfs /usr/local/lib; mkdir -p /usr/local/lib/security");
        host.shell(&format!("mv {} /usr/local/lib/security/", module()));
        host.has("module-missing")
            .weighs("lock-out")
            .at(&module())
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_module_that_others_can_write_is_an_open_door() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("chmod 666 {}", module()));
        host.has("module-unsafe")
            .weighs("open-door")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_module_that_cannot_be_loaded_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        let whole = fs::read(module()).unwrap();
        for broken in [&whole[..whole.len() / 2], b"#!/bin/sh\n"] {
            fs::write(module(), broken).unwrap();
            host.has("module-not-loadable")
                .weighs("lock-out")
                .says("install the module anew", || {
                    fs::write(module(), &whole).unwrap();
                })
                .is_well();
        }
        // A library that this host does not have, in the place of one that it has.
        let mut other = whole.clone();
        let at = other
            .windows(10)
            .position(|bytes| bytes == b"libc.so.6\0")
            .unwrap();
        other[at..at + 9].copy_from_slice(b"libc.so.7");
        fs::write(module(), other).unwrap();
        let found = host.has("module-not-loadable");
        assert!(
            found.finding["what"]
                .as_str()
                .unwrap()
                .contains("libc.so.7")
        );
    });
}

#[test]
fn a_store_that_is_not_there_is_made() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("rm -r {STORE}"));
        host.has("store-missing").weighs("lock-out").runs_its_mend();
        // Nobody is in it yet.
        host.has("locked-out").at("alice");
    });
}

#[test]
fn a_store_that_others_can_write_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("chmod 777 {STORE}"));
        host.has("store-unusable")
            .weighs("lock-out")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_store_that_is_mounted_read_only_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!(
            "mount --bind {STORE} {STORE} && mount -o remount,bind,ro {STORE}"
        ));
        host.has("store-read-only")
            .weighs("lock-out")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_store_in_memory_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("cp -a {STORE} /run/kept && mount -t tmpfs -o mode=700 tmpfs {STORE} && cp -a /run/kept/. {STORE}"));
        host.has_among_others("store-on-unsafe-ground")
            .weighs("weakness");
    });
}

#[test]
fn a_record_that_others_can_read_is_found_and_mended() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("chmod 644 {STORE}/users/alice/enrollment.toml"));
        host.has_among_others("record-unusable")
            .weighs("lock-out")
            .at("alice")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_record_that_came_back_from_a_backup_waits_and_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell(&format!("cp -a {STORE}/users/alice /run/alice && rm -r {STORE}/users/alice && mv /run/alice {STORE}/users/"));
        host.has("record-problem")
            .weighs("lock-out")
            .at("alice")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_record_of_somebody_who_is_gone_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        world.passing_user("bob").enrolled();
        host.shell("sed -i /^bob:/d /etc/passwd");
        let found = host.has("record-of-nobody").weighs("weakness").at("bob");
        // It asks, since it takes something away for good.
        let command = found.finding["commands"][0].as_str().unwrap().to_owned();
        assert_eq!(command, "nightlatch remove bob");
        host.shell(&format!("{command} --yes")).is_well();
    });
}

#[test]
fn whom_an_administrator_locked_is_noted() {
    sandboxed(|world| {
        let host = Host::well(world);
        host.shell("nightlatch lock alice");
        host.has("locked-by-an-administrator")
            .weighs("note")
            .at("alice")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn whoever_has_no_backup_code_left_is_noted() {
    sandboxed(|world| {
        let host = Host::well(world);
        for code in host.alice.backup_codes() {
            host.alice.gets_in_with(code);
        }
        host.has("no-backup-code-left")
            .weighs("note")
            .at("alice")
            .runs_its_mend()
            .is_well();
    });
}

#[test]
fn a_clock_that_shows_a_time_before_its_files_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let run = world.nightlatch_at(now - 30 * 86400, &["doctor", "--json"]);
        let findings = run.exits_with(1).json();
        let names: Vec<_> = findings["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect();
        assert!(names.contains(&"clock-behind".to_owned()), "{findings:#}");
        host.is_well();
    });
}

#[test]
fn what_selinux_and_apparmor_denied_today_is_found() {
    sandboxed(|world| {
        let host = Host::well(world);
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        fs::create_dir_all("/var/log/audit").unwrap();
        fs::write(
            "/var/log/audit/audit.log",
            format!(
                "type=AVC msg=audit({now}.123:45): avc:  denied  {{ write }} for  pid=7 comm=\"sshd\" name=\"state.1\" \
                 path=\"/var/lib/nightlatch/users/alice/state.1\" tclass=file permissive=0\n"
            ),
        )
        .unwrap();
        fs::write(
            "/var/log/kern.log",
            format!(
                "host kernel: audit: type=1400 audit({now}.200:46): apparmor=\"DENIED\" operation=\"open\" \
                 profile=\"/usr/sbin/sshd\" name=\"/etc/nightlatch/nightlatch.toml\" denied_mask=\"r\"\n"
            ),
        )
        .unwrap();
        for name in ["denied-by-selinux", "denied-by-apparmor"] {
            host.has_among_others(name).weighs("lock-out");
        }
        host.shell("rm /var/log/audit/audit.log /var/log/kern.log")
            .is_well();
    });
}

#[test]
fn no_program_is_run_from_the_search_path_of_whoever_became_root() {
    sandboxed(|world| {
        let host = Host::well(world);
        for program in ["getent", "lsattr", "journalctl", "chronyc", "ntpq", "sshd"] {
            let _ = world
                .shell(&format!(
                    "mkdir -p /run/theirs && printf '#!/bin/sh\\ntouch /run/taken\\n' > /run/theirs/{program} && \
                     chmod +x /run/theirs/{program}"
                ))
                .succeeds();
        }
        // As `su` without `-` leaves it.
        let _ = world
            .shell("PATH=/run/theirs:$PATH nightlatch doctor")
            .succeeds();
        assert!(!fs::exists("/run/taken").unwrap());
        host.is_well();
    });
}

#[test]
fn what_anybody_can_write_to_the_log_is_no_finding() {
    sandboxed(|world| {
        let host = Host::well(world);
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        // As `logger --tag kernel` leaves it there.
        fs::write(
            "/var/log/syslog",
            format!(
                "host kernel: audit: type=1400 audit({now}.200:46): apparmor=\"DENIED\" operation=\"open\" \
                 profile=\"/usr/bin/theirs\" name=\"/var/lib/nightlatch/store.toml\" denied_mask=\"r\"\n"
            ),
        )
        .unwrap();
        host.is_well();
    });
}
