//! `nightlatch setup`: services ask for the code, real log-ins work, and everything is as it was when it is taken back.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::{Duration, Instant};

use nightlatch_tests::{Process, Run, Tree, World, rounds, sandboxed};

/// What `setup` may change.
fn files() -> Vec<Tree> {
    ["/etc/pam.d", "/etc/ssh", "/etc/systemd"]
        .map(|dir| Tree::of(dir).without_inodes())
        .into()
}

fn assert_same(before: &[Tree], words: &str) {
    for (before, now) in before.iter().zip(files()) {
        assert_eq!(
            before.differs_in(&now),
            Vec::<std::path::PathBuf>::new(),
            "{words}"
        );
    }
}

fn set_up(world: &World, arguments: &[&str]) -> Run {
    let words = [&["setup", "--yes"], arguments].concat();
    world.nightlatch(&words).succeeds()
}

fn take_back(world: &World) {
    let _ = world.nightlatch(&["setup", "--remove"]).succeeds();
}

/// Waits until `setup` changed nothing (any more).
fn wait_until_back(before: &[Tree], patience: Duration) {
    let until = Instant::now() + patience;
    let is_back = || {
        before
            .iter()
            .zip(files())
            .all(|(before, now)| *before == now)
    };
    while !is_back() {
        assert!(Instant::now() < until, "it was not taken back");
        thread::sleep(Duration::from_millis(50));
    }
}

/// sshd as Debian has it, running, and somebody with a phone.
const SERVICES: [&str; 2] = ["sshd", "sudo"];

#[test]
fn sshd_and_sudo_ask_for_password_and_code_and_are_back_byte_for_byte() {
    sandboxed(|world| {
        let before = files();
        world.start_sshd_as_configured();
        let alice = world.user("alice").enrolled();
        alice.may_sudo();
        let said = set_up(world, &SERVICES).stdout;
        assert!(
            said.contains("+auth    required pam_nightlatch.so"),
            "{said}"
        );
        assert!(said.contains("+KbdInteractiveAuthentication yes"), "{said}");
        let mut session = alice
            .ssh()
            .answers(&alice.phone().wrong_code())
            .is_asked()
            .answers(&alice.phone().code())
            .is_let_in();
        for command in ["id -u", "-i id -u"] {
            session
                .sudo(&alice, command)
                .answers(&alice.backup_codes()[usize::from(command != "id -u")])
                .is_done();
        }
        world.log().says(&[
            "event=set-up",
            "services=\"sshd,sudo,sudo-i\"",
            "by=\"root\"",
        ]);
        let again = set_up(world, &SERVICES).stdout;
        assert!(again.contains("Nothing is to be changed."), "{again}");
        take_back(world);
        assert_same(&before, "after --remove");
        world
            .log()
            .says(&["event=setup-taken-back", "reason=removed", "by=\"root\""]);
        alice.ssh_by_password_method().is_let_in();
    });
}

#[test]
fn key_and_code_let_in_through_sshd_and_the_code_alone_through_sudo() {
    sandboxed(|world| {
        let before = files();
        world.start_sshd_as_configured();
        let alice = world.user("alice").enrolled();
        alice.may_sudo();
        assert!(alice.gets_in_by_key_alone());
        set_up(world, &["sshd", "--place", "after-key"]);
        set_up(world, &["sudo", "--place", "instead"]);
        let mut session = alice
            .ssh_with_key()
            .is_asked()
            .answers(&alice.phone().code())
            .is_let_in();
        session
            .sudo_without_password("true")
            .answers(&alice.backup_codes()[0])
            .is_done();
        alice.ssh_with_nothing().is_turned_away();
        take_back(world);
        assert_same(&before, "after --remove");
    });
}

#[test]
fn every_service_in_every_placement_is_back_byte_for_byte() {
    sandboxed(|world| {
        let before = files();
        for service in ["sshd", "sudo", "su", "login"] {
            for place in ["after-password", "after-key", "instead"] {
                let run = world.nightlatch(&["setup", service, "--yes", "--place", place]);
                let fits = match place {
                    "after-key" => service == "sshd",
                    "instead" => service != "sshd",
                    _ => true,
                };
                let _ = run.exits_with(if fits { 0 } else { 2 });
                take_back_if(world, fits);
                assert_same(&before, &format!("{service} {place}"));
            }
        }
    });
}

fn take_back_if(world: &World, is_set_up: bool) {
    if is_set_up {
        take_back(world);
    }
}

#[test]
fn su_asks_for_the_targets_code_and_root_for_nothing() {
    sandboxed(|world| {
        world.start_sshd_as_configured();
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob").enrolled();
        set_up(world, &["sshd", "su"]);
        let mut session = alice.ssh().answers(&alice.phone().code()).is_let_in();
        session
            .su(&bob, "id -un")
            .answers(&bob.phone().code())
            .is_done();
        session
            .su_as_login(&bob, "id -un")
            .answers(&bob.backup_codes()[0])
            .is_done();
        assert_eq!(world.shell("su bob -c 'id -un'").succeeds().stdout, "bob\n");
    });
}

#[test]
fn a_dry_run_shows_the_change_and_makes_none() {
    sandboxed(|world| {
        let before = files();
        let said = world
            .nightlatch(&["setup", "sshd", "sudo", "--dry-run"])
            .succeeds()
            .stdout;
        assert!(
            said.contains("+++ /etc/pam.d/sudo")
                && said.contains("+account required pam_nightlatch.so"),
            "{said}"
        );
        assert_same(&before, "after a dry run");
        assert!(!fs::exists("/var/lib/nightlatch/setup").unwrap());
        // Nobody is there to be asked.
        let _ = world.nightlatch(&["setup", "sudo"]).exits_with(2);
        assert_same(&before, "without an answer");
    });
}

#[test]
fn whoever_would_stand_outside_is_named_and_nothing_is_changed_unless_that_is_allowed() {
    sandboxed(|world| {
        world.make_store();
        let before = files();
        let _alice = world.user("alice").enrolled();
        let bob = world.user("bob");
        bob.may_sudo();
        let run = world
            .nightlatch(&["setup", "sshd", "sudo", "--yes"])
            .is_refused();
        assert!(
            run.stdout.contains("Would stand outside of sudo: bob."),
            "{run:#?}"
        );
        assert!(run.stdout.contains("nightlatch enroll bob"), "{run:#?}");
        assert!(!run.stdout.contains("alice"), "{run:#?}");
        assert!(run.stderr.contains("--allow-lockout"), "{run:#?}");
        assert_same(&before, "refused");
        set_up(world, &["sshd", "sudo", "--allow-lockout"]);
        take_back(world);
        assert_same(&before, "after --remove");
    });
}

#[test]
fn where_key_and_code_are_asked_for_whoever_lacks_either_is_named() {
    sandboxed(|world| {
        world.start_sshd_as_configured();
        // Who comes by key alone so far, and who by password.
        assert!(world.user("deploy").gets_in_by_key_alone());
        let _bob = world.user("bob").enrolled();
        let before = files();
        for more in ["--yes", "--dry-run"] {
            let run = world.nightlatch(&["setup", "sshd", "--place", "after-key", more]);
            let run = run.exits_with(i32::from(more == "--yes"));
            assert!(run.stdout.contains("outside of sshd: deploy."), "{run:#?}");
            assert!(
                run.stdout.contains("outside of sshd: bob. A key would"),
                "{run:#?}"
            );
        }
        assert_same(&before, "refused");
        // By a block of their own deploy needs no code, and after a password bob no key.
        world.add_to_sshd_config(&["Match User deploy", "AuthenticationMethods publickey"]);
        let run = world
            .nightlatch(&["setup", "sshd", "--place", "after-key", "--yes"])
            .is_refused();
        assert!(!run.stdout.contains("deploy"), "{run:#?}");
        set_up(world, &["sshd"]);
    });
}

#[test]
fn what_sshd_does_not_understand_changes_nothing() {
    sandboxed(|world| {
        for (name, line, told) in [
            (
                "99-broken.conf",
                "Nonsense yes",
                "sshd already refuses its configuration as it is",
            ),
            (
                "00-cloud.conf",
                "PasswordAuthentication yes",
                "sshd would not obey PasswordAuthentication no",
            ),
            (
                "50-keys.conf",
                "AuthenticationMethods publickey",
                "sshd would ask nobody for a code",
            ),
        ] {
            world.add_sshd_drop_in(name, line);
            let before = files();
            let run = world
                .nightlatch(&["setup", "sshd", "sudo", "--yes"])
                .is_refused();
            assert!(
                run.stderr.contains(told) && run.stderr.contains("nothing was changed"),
                "{run:#?}"
            );
            assert_same(&before, name);
            fs::remove_file(format!("/etc/ssh/sshd_config.d/{name}")).unwrap();
        }
    });
}

#[test]
fn an_sshd_that_refuses_our_lines_alone_changes_nothing() {
    sandboxed(|world| {
        let before = files();
        // A sshd that takes everything but what setup wants of it.
        fs::copy("/usr/sbin/sshd", "/run/real-sshd").unwrap();
        for (when, told) in [
            (
                "/run/nightlatch-setup-??????/sshd_config",
                "sshd does not accept",
            ),
            ("/etc/ssh/sshd_config", "Everything is as it was"),
        ] {
            let script = format!(
                "#!/bin/sh\ncase \"$*\" in *{when}) if grep -qs nightlatch $3 /etc/ssh/sshd_config.d/*; then\n\
                 echo planted >&2; exit 255; fi;; esac\nexec /run/real-sshd \"$@\"\n"
            );
            fs::write("/run/planted", script).unwrap();
            let _ = world
                .shell("chmod 755 /run/planted; mount --bind /run/planted /usr/sbin/sshd")
                .succeeds();
            let run = world
                .nightlatch(&["setup", "sshd", "sudo", "--yes"])
                .is_refused();
            assert!(
                run.stderr.contains(told) && run.stderr.contains("planted"),
                "{run:#?}"
            );
            assert_same(&before, when);
            let _ = world.shell("umount /usr/sbin/sshd").succeeds();
        }
    });
}

#[test]
fn where_sshd_config_includes_no_drop_ins_our_lines_stand_at_its_top() {
    sandboxed(|world| {
        let _ = world
            .shell("sed -i '/^Include/d' /etc/ssh/sshd_config")
            .succeeds();
        let before = files();
        world.start_sshd_as_configured();
        let alice = world.user("alice").enrolled();
        let said = set_up(world, &["sshd"]).stdout;
        assert!(said.contains("+++ /etc/ssh/sshd_config\n"), "{said}");
        alice.ssh().answers(&alice.phone().code()).is_let_in();
        take_back(world);
        assert_same(&before, "after --remove");
    });
}

#[test]
fn what_somebody_wrote_since_stays_and_our_lines_go() {
    sandboxed(|world| {
        set_up(world, &SERVICES);
        let _ = world.shell("echo '# theirs' >> /etc/pam.d/sudo; echo 'Banner none' >> /etc/ssh/sshd_config.d/00-nightlatch.conf").succeeds();
        let said = world.nightlatch(&["setup", "--remove"]).succeeds().stdout;
        assert!(said.contains("/etc/pam.d/sudo was edited since"), "{said}");
        let sudo = fs::read_to_string("/etc/pam.d/sudo").unwrap();
        assert!(
            sudo.ends_with("# theirs\n") && !sudo.contains("nightlatch"),
            "{sudo}"
        );
        assert_eq!(
            fs::read_to_string("/etc/ssh/sshd_config.d/00-nightlatch.conf").unwrap(),
            "Banner none\n"
        );
        assert!(
            !fs::read_to_string("/etc/pam.d/sshd")
                .unwrap()
                .contains("nightlatch")
        );
    });
}

#[test]
fn a_link_and_a_file_of_the_vendors_come_back_as_they_were() {
    sandboxed(|world| {
        fs::copy("/etc/pam.d/sudo", "/etc/pam.d/real").unwrap();
        symlink("real", "/etc/pam.d/linked").unwrap();
        let _ = world
            .shell(
                "mount -t tmpfs none /usr/lib/pam.d && cp /etc/pam.d/sudo /usr/lib/pam.d/vendors",
            )
            .succeeds();
        let before = files();
        let said = set_up(world, &["linked", "vendors"]).stdout;
        assert!(
            said.contains("is a link to real") && said.contains("a copy of /usr/lib/pam.d/vendors"),
            "{said}"
        );
        assert!(
            !fs::read_to_string("/etc/pam.d/real")
                .unwrap()
                .contains("nightlatch")
        );
        assert!(
            fs::read_to_string("/etc/pam.d/vendors")
                .unwrap()
                .contains("nightlatch")
        );
        take_back(world);
        assert_same(&before, "after --remove");
    });
}

#[test]
fn a_file_keeps_its_owner_its_mode_and_its_attributes() {
    sandboxed(|world| {
        let marks = "chgrp shadow /etc/pam.d/sudo; chmod 640 /etc/pam.d/sudo; python3 -c \"import os; os.setxattr('/etc/pam.d/sudo', 'user.kept', b'yes')\"";
        let _ = world.shell(marks).succeeds();
        let look = "stat -c '%U %G %a' /etc/pam.d/sudo; python3 -c \"import os; print(os.getxattr('/etc/pam.d/sudo', 'user.kept'))\"";
        let before = world.shell(look).succeeds().stdout;
        set_up(world, &["sudo"]);
        assert_eq!(world.shell(look).succeeds().stdout, before);
        take_back(world);
        assert_eq!(world.shell(look).succeeds().stdout, before);
    });
}

#[test]
fn a_line_by_hand_is_left_and_said_and_so_is_a_disk_that_cannot_be_written() {
    sandboxed(|world| {
        world.add_to_debians_stack("sudo");
        let before = files();
        let said = set_up(world, &["sudo"]).stdout;
        assert!(said.contains("sudo: left as it is"), "{said}");
        let _ = world
            .shell("mount --bind /etc/pam.d /etc/pam.d; mount -o remount,bind,ro /etc/pam.d")
            .succeeds();
        let run = world
            .nightlatch(&["setup", "su", "sshd", "--yes"])
            .is_refused();
        assert!(
            run.stderr.contains("/etc/pam.d/su was not changed")
                && run.stderr.contains("Everything is as it was"),
            "{run:#?}"
        );
        let _ = world.shell("umount /etc/pam.d").succeeds();
        // What came along with sudo was set up.
        take_back(world);
        assert_same(&before, "after all");
    });
}

#[test]
fn killed_at_any_change_every_file_is_old_or_new_and_goes_back() {
    sandboxed(|world| {
        world.make_store();
        let before = files();
        set_up(world, &SERVICES);
        let after = files();
        take_back(world);
        let mut kills = 0;
        for arguments in [
            &["setup", "--yes", "sshd", "sudo"][..],
            &["setup", "--remove"],
        ] {
            for call in ["renameat", "fsync", "unlinkat"] {
                for number in (1..).step_by(rounds(4, 1)) {
                    if arguments.contains(&"--remove") {
                        set_up(world, &SERVICES);
                    }
                    let when = format!("inject={call}:signal=SIGKILL:when={number}");
                    let wrapper = [
                        "strace",
                        "-q",
                        "-o",
                        "/run/trace",
                        "-e",
                        &format!("trace={call}"),
                        "-e",
                        &when,
                    ];
                    let run = world.nightlatch_below(&wrapper, arguments);
                    let was_killed = run.status.is_none_or(|status| status > 1);
                    kills += usize::from(was_killed);
                    for ((before, after), now) in before.iter().zip(&after).zip(files()) {
                        let mut neither = before.differs_in(&now);
                        neither.retain(|path| after.differs_in(&now).contains(path));
                        // A directory holds what is in it, and a temporary file of ours may be left until it is taken back.
                        neither.retain(|path| {
                            path.is_file() && !path.to_string_lossy().ends_with(".nightlatch-new")
                        });
                        assert!(neither.is_empty(), "{arguments:?} {when}: {neither:?}");
                    }
                    let _ = world.nightlatch(&["setup", "--remove"]);
                    set_up(world, &SERVICES);
                    take_back(world);
                    assert_same(&before, &format!("{arguments:?} {when}"));
                    if !was_killed {
                        break;
                    }
                }
            }
        }
        println!("{kills} kills");
        assert!(kills > 15, "{kills} kills");
    });
}

#[test]
fn what_is_tried_goes_back_by_itself_when_the_command_and_its_session_were_killed() {
    sandboxed(|world| {
        world.make_store();
        let before = files();
        let killed = "setsid -w sh -c 'nightlatch setup sshd sudo --yes --try 3s && kill -9 0'";
        let _ = world.shell(killed).exits_with(137);
        assert!(
            fs::read_to_string("/etc/pam.d/sudo")
                .unwrap()
                .contains("nightlatch")
        );
        let refused = world.nightlatch(&["setup", "su", "--yes"]).is_refused();
        assert!(refused.stderr.contains("tried already"), "{refused:#?}");
        wait_until_back(&before, Duration::from_secs(10));
        world.log().says(&[
            "event=setup-taken-back",
            "reason=not-confirmed",
            "by=\"root\"",
        ]);
    });
}

#[test]
fn what_is_tried_goes_back_when_the_command_was_killed_halfway() {
    sandboxed(|world| {
        world.make_store();
        let before = files();
        // The drop-in is the first file that is changed; the record and what is kept come before it.
        let wrapper = [
            "strace",
            "-q",
            "-o",
            "/run/trace",
            "-P",
            "/etc/pam.d",
            "-e",
            "inject=renameat:signal=SIGKILL",
        ];
        let _ =
            world.nightlatch_below(&wrapper, &["setup", "sshd", "sudo", "--yes", "--try", "3s"]);
        assert!(fs::exists("/etc/ssh/sshd_config.d/00-nightlatch.conf").unwrap());
        wait_until_back(&before, Duration::from_secs(10));
    });
}

#[test]
fn what_is_confirmed_after_a_login_stays_and_without_one_it_is_refused() {
    sandboxed(|world| {
        let before = files();
        world.start_sshd_as_configured();
        let alice = world.user("alice").enrolled();
        alice.may_sudo();
        let mut session = alice.ssh_by_password_method().is_let_in();
        set_up(world, &["sshd", "sudo", "--try", "20s"]);
        let run = world.nightlatch(&["setup", "--confirm"]).is_refused();
        assert!(
            run.stderr.contains("nobody has got in with a code"),
            "{run:#?}"
        );
        // sudo took a code, perhaps for this very command. That says nothing about the way in.
        session
            .sudo(&alice, "id -u")
            .answers(&alice.backup_codes()[0])
            .is_done();
        let run = world.nightlatch(&["setup", "--confirm"]).is_refused();
        assert!(run.stderr.contains("from an address"), "{run:#?}");
        alice.ssh().answers(&alice.phone().code()).is_let_in();
        let said = world.nightlatch(&["setup", "--confirm"]).succeeds().stdout;
        assert!(said.contains("alice got in"), "{said}");
        world.log().says(&[
            "event=setup-confirmed",
            "services=\"sshd,sudo,sudo-i\"",
            "by=\"root\"",
        ]);
        let status = world
            .nightlatch(&["setup", "--status", "--json"])
            .succeeds()
            .json();
        assert_eq!(status["trial"], serde_json::Value::Null);
        assert_eq!(status["services"][0]["files"][0]["state"], "in-place");
        let _ = world.nightlatch(&["setup", "--confirm"]).is_refused();
        take_back(world);
        assert_same(&before, "after --remove");
    });
}

#[test]
fn a_trial_whose_watcher_was_killed_is_taken_back_by_the_next_command() {
    sandboxed(|world| {
        world.make_store();
        let before = files();
        set_up(world, &["sudo", "--try", "2s"]);
        let watcher = Process::pid_of("/usr/local/bin/nightlatch setup --watch=alone");
        let _ = world.shell(&format!("kill -9 {watcher}")).succeeds();
        thread::sleep(Duration::from_secs(3));
        assert!(
            fs::read_to_string("/etc/pam.d/sudo")
                .unwrap()
                .contains("nightlatch")
        );
        set_up(world, &["su"]);
        world.log().says(&[
            "event=setup-taken-back",
            "services=\"sudo,sudo-i\"",
            "reason=not-confirmed",
        ]);
        take_back(world);
        assert_same(&before, "after --remove");
    });
}

#[test]
fn the_other_name_of_a_door_goes_back_with_it() {
    sandboxed(|world| {
        world.make_store();
        // Debian's includes that of su.
        fs::copy("/etc/pam.d/su", "/etc/pam.d/su-l").unwrap();
        let before = files();
        for service in ["su", "sudo"] {
            set_up(world, &[service]);
            let removed = world.nightlatch(&["setup", service, "--remove"]);
            let _ = removed.succeeds();
            assert_same(&before, service);
        }
    });
}

#[test]
fn the_doctor_finds_nothing_in_what_is_set_up_but_the_key_that_was_named() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        alice.may_sudo();
        world.start_sshd_as_configured();
        assert!(alice.gets_in_by_key_alone());
        for (place, expected) in [
            ("after-password", vec!["key-alone-opens"]),
            ("after-key", vec![]),
        ] {
            let said = set_up(world, &["sshd", "--place", place]).stdout;
            assert_eq!(
                said.contains("a public key alone still opens"),
                place == "after-password",
                "{said}"
            );
            set_up(world, &["sudo"]);
            let report = world.nightlatch(&["doctor", "--json"]).json();
            let findings = report["findings"].as_array().unwrap();
            let names: Vec<_> = findings
                .iter()
                .map(|finding| finding["name"].as_str().unwrap())
                .collect();
            assert_eq!(names, expected, "{report:#}");
            take_back(world);
        }
    });
}
