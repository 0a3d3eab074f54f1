//! `nightlatch setup sshd sudo --try` on a fresh system: it protects, and it goes back by itself, whatever happens, or stays.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nightlatch_tests::{System, Tree, in_a_system, rounds};

/// What `setup` may change.
struct Files(Vec<Tree>);

impl Files {
    fn of(system: &System) -> Self {
        let dirs = [
            "/etc/pam.d",
            "/etc/ssh",
            "/etc/systemd",
            "/var/lib/nightlatch/setup",
        ];
        Self(dirs.map(|dir| system.tree(dir)).into())
    }

    fn differ_from(&self, system: &System) -> Vec<String> {
        let now = Self::of(system);
        let pairs = self.0[..3].iter().zip(&now.0);
        pairs
            .flat_map(|(before, now)| before.differs_in(now))
            .map(|path| path.display().to_string())
            .collect()
    }

    fn are_back_in(&self, system: &System) {
        let differing = self.differ_from(system);
        assert!(differing.is_empty(), "{differing:?}\n{}", journal(system));
    }

    fn come_back_in(&self, system: &System, within: Duration) {
        let until = Instant::now() + within;
        while !self.differ_from(system).is_empty() {
            assert!(
                Instant::now() < until,
                "{:?}\n{}",
                self.differ_from(system),
                journal(system)
            );
            thread::sleep(Duration::from_millis(100));
        }
    }
}

fn journal(system: &System) -> String {
    let said = system
        .run("journalctl --no-pager -n 60; systemctl status --no-pager nightlatch-setup-try")
        .stdout;
    format!("{said}\n{}", system.run("nightlatch setup --status").stdout)
}

fn logs(system: &System, words: &[&str]) {
    let says = |line: &str| words.iter().all(|word| line.contains(word));
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let log = system
            .run("journalctl --no-pager -o cat --facility=authpriv")
            .stdout;
        if log.lines().any(says) {
            return;
        }
        assert!(Instant::now() < until, "{words:?}\n{log}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// What is tried in the test run, and what must be shown in a soak: a minute.
fn span() -> (String, Duration) {
    let seconds = rounds(8, 60);
    (format!("{seconds}s"), Duration::from_secs(seconds as u64))
}

#[test]
fn what_is_tried_protects_and_left_alone_it_is_back_byte_for_byte() {
    in_a_system(|system| {
        let alice = system.resident("alice");
        let before = Files::of(system);
        let (text, span) = span();
        alice.gets_in_by_password_alone();
        let began = Instant::now();
        let _ = system
            .run(&format!("nightlatch setup sshd sudo --yes --try {text}"))
            .succeeds();
        alice.gets_in_and_becomes_root_with(&alice.phone().code(), &alice.backup_codes()[0]);
        assert!(!before.differ_from(system).is_empty());
        before.come_back_in(system, span + Duration::from_secs(10));
        assert!(began.elapsed() >= span, "back after {:?}", began.elapsed());
        logs(
            system,
            &[
                "event=set-up",
                "services=\"sshd,sudo,sudo-i\"",
                "placement=after-password until=",
            ],
        );
        logs(
            system,
            &[
                "event=setup-taken-back",
                "reason=not-confirmed",
                "by=\"root\"",
            ],
        );
        alice.gets_in_by_password_alone();
        let _ = system
            .run("systemctl cat nightlatch-setup-try")
            .exits_with(1);
    });
}

#[test]
fn a_reboot_and_a_power_cut_end_a_trial_before_anybody_can_log_in() {
    in_a_system(|system| {
        let _ = system.resident("alice");
        let before = Files::of(system);
        for in_good_order in [true, false] {
            let _ = system
                .run("nightlatch setup sshd sudo --yes --try 1h")
                .succeeds();
            assert!(!before.differ_from(system).is_empty());
            if in_good_order {
                system.reboot();
            } else {
                system.power_fails();
            }
            before.are_back_in(system);
            let understood = system
                .run("sshd -T | grep '^passwordauthentication'")
                .succeeds()
                .stdout;
            assert_eq!(understood, "passwordauthentication yes\n");
            // sshd started behind it.
            let order = "systemctl show -P ActiveEnterTimestampMonotonic ssh.service";
            assert_ne!(system.run(order).succeeds().stdout, "0\n");
        }
        logs(
            system,
            &["event=setup-taken-back", "reason=rebooted", "by=\"root\""],
        );
    });
}

#[test]
fn a_trial_goes_back_when_the_command_its_session_and_the_watcher_are_killed() {
    in_a_system(|system| {
        let _ = system.resident("alice");
        let before = Files::of(system);
        let (text, span) = span();
        // In a session of its own, as a login has one, all of which ends.
        let line = format!("nightlatch setup sshd sudo --yes --try {text} && kill -9 0");
        let _ = system.run(&format!(
            "systemd-run --quiet --wait --unit=session setsid -w sh -c '{line}'"
        ));
        let _ = system
            .run("systemctl kill -s KILL nightlatch-setup-try")
            .succeeds();
        assert!(!before.differ_from(system).is_empty());
        before.come_back_in(system, span + Duration::from_secs(10));
    });
}

#[test]
fn no_unit_is_made_of_a_program_that_somebody_else_can_exchange() {
    in_a_system(|system| {
        let before = Files::of(system);
        let alice = system.resident("alice");
        let _ = system
            .run("install -D -m 755 -o alice /usr/local/bin/nightlatch /home/alice/bin/nightlatch")
            .succeeds();
        let run = system
            .run("/home/alice/bin/nightlatch setup sudo --yes --try 1m")
            .is_refused();
        assert!(run.stderr.contains("/home/alice"), "{run:#?}");
        assert!(run.stderr.contains("nothing was changed"), "{run:#?}");
        before.are_back_in(system);
        drop(alice);
    });
}

#[test]
fn what_is_confirmed_after_a_login_stays_over_the_time_and_over_a_reboot() {
    in_a_system(|system| {
        let before = Files::of(system);
        let (text, span) = span();
        let alice = system.resident("alice");
        let began = Instant::now();
        let _ = system
            .run(&format!("nightlatch setup sshd sudo --yes --try {text}"))
            .succeeds();
        let _ = system.run("nightlatch setup --confirm").is_refused();
        assert!(alice.gets_in_with(&alice.phone().code()));
        let _ = system.run("nightlatch setup --confirm").succeeds();
        let after = Files::of(system);
        let codes = [
            alice.backup_codes()[0].clone(),
            alice.backup_codes()[1].clone(),
        ];
        thread::sleep((span + Duration::from_secs(2)).saturating_sub(began.elapsed()));
        after.are_back_in(system);
        assert!(alice.gets_in_with(&codes[0]));
        system.reboot();
        after.are_back_in(system);
        let _ = system.run("nightlatch setup --remove").succeeds();
        before.are_back_in(system);
    });
}

#[test]
fn a_planted_failure_of_sshd_changes_nothing() {
    in_a_system(|system| {
        let _ = system.resident("alice");
        let broken = system.path("/etc/ssh/sshd_config.d/99-broken.conf");
        fs::write(&broken, "Nonsense yes\n").unwrap();
        let before = Files::of(system);
        let run = system
            .run("nightlatch setup sshd sudo --yes --try 1m")
            .is_refused();
        assert!(
            run.stderr.contains("nothing was changed") && run.stderr.contains("Nonsense"),
            "{run:#?}"
        );
        before.are_back_in(system);
        assert!(
            !system
                .path("/etc/systemd/system/nightlatch-setup-try.service")
                .exists()
        );
    });
}
