//! The ways to a root shell, and what can be done in one.

use nightlatch_tests::{Page, STORE, Terminal, Typed, sandboxed, security_dir};

use crate::{PAGE, SSHD, gets_in, host, is_kept_out, is_refused_everything, out_of_the_way};

#[test]
fn a_healthy_host_says_what_the_page_shows() {
    sandboxed(|world| {
        let _alice = host(world);
        world.types_all(&PAGE.typed("What is wrong"));
    });
}

#[test]
fn the_console_asks_for_roots_password_alone_while_nobody_gets_in_by_ssh_or_sudo() {
    sandboxed(|world| {
        let root = world.root();
        let alice = host(world);
        world.configure_exactly("broken");
        is_kept_out(world, &alice, &["event=misconfigured"]);
        let mut console = Terminal::run("login", &["root"]);
        console.expect("assword: ");
        console.type_line(root.password());
        console.expect("at the door> ");
        console.type_line("nightlatch config check; id -u");
        console.expect("line 1");
        console.expect("0\r\n");
    });
}

#[test]
fn single_user_mode_asks_for_roots_password_and_not_pam() {
    sandboxed(|world| {
        let root = world.root();
        let alice = host(world);
        world.configure_exactly("broken");
        is_kept_out(world, &alice, &["event=misconfigured"]);
        let mut console = Terminal::run("sulogin", &[] as &[&str]);
        console.expect("to continue): ");
        console.type_line(root.password());
        console.expect("\n# ");
        console.type_line("echo in=$((6 * 7))");
        console.expect("in=42");

        // As Debian installs it where root was given no password.
        let _ = world.shell("passwd --lock root").succeeds();
        let mut console = Terminal::run("sulogin", &[] as &[&str]);
        console.expect("root account is locked");
        let before = PAGE.section("Before it happens");
        assert!(before.contains("Debian may have none"), "{before}");
    });
}

#[test]
fn with_init_bin_bash_the_disk_is_made_writable_and_alice_is_unlocked() {
    sandboxed(|world| {
        let alice = host(world);
        let _ = world.nightlatch(&["lock", "alice"]).succeeds();
        is_refused_everything(&alice, &alice.phone().code_at(0));

        // The root of a machine on which nothing runs: read-only, and the store on a disk of its own.
        let security = security_dir();
        let security = security.display();
        let script = format!(
            "set -e; mkdir -p /run/boot/upper /run/boot/work /run/boot/root
             mount -t tmpfs tmpfs /run/boot/upper && mkdir /run/boot/upper/u /run/boot/upper/w
             mount -t overlay overlay -o lowerdir=/,upperdir=/run/boot/upper/u,workdir=/run/boot/upper/w /run/boot/root
             cd /run/boot/root; cp -a /etc/. etc/; cp /usr/local/bin/nightlatch usr/local/bin/; cp {security}/pam_nightlatch.so ./{security}/
             rm -rf .{STORE}; mkdir -p .{STORE} run/disk; chmod 700 .{STORE}
             mount --bind {STORE} run/disk; echo '/run/disk {STORE} none bind 0 0' > etc/fstab
             for device in null tty urandom random; do touch dev/$device; mount --bind /dev/$device dev/$device; done
             mount -o remount,ro /run/boot/root"
        );
        let _ = world.shell(&script).succeeds();
        let typed = PAGE.typed("With init=/bin/bash");
        let lines: Vec<_> = typed.iter().map(Typed::command).collect();
        assert_eq!(lines.len(), 4, "{lines:?}");
        let boot = "env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin unshare --mount --pid --fork --mount-proc=/run/boot/root/proc chroot /run/boot/root /bin/bash";
        let bash = |lines: &str| world.shell(&format!("{boot} 2>&1 <<'END'\n{lines}\nEND\n"));
        let before = bash("nightlatch unlock alice; touch /etc/x");
        assert!(
            before.stdout.contains("Read-only file system"),
            "{before:?}"
        );
        let all = bash(&lines.join("\n")).succeeds().stdout;
        typed[2].is_answered_by(&all);
        assert!(
            all.contains("event=unlocked user=\"alice\""),
            "printed, for there is no log: {all}"
        );
        // Booted again.
        gets_in(&alice, &alice.backup_codes()[0]);
    });
}

#[test]
fn where_only_the_code_is_asked_for_debian_falls_back_to_the_password_while_the_line_is_out() {
    sandboxed(|world| {
        crate::roots_home(world);
        let recipe = |file| Page::PAM.recipe("## sshd: public key and code", file);
        world.follow(&recipe("/etc/ssh/sshd_config"));
        world.follow(&recipe(SSHD));
        world.start_sshd_as_configured();
        let alice = world.user("alice").enrolled();
        let _ = alice.ssh_with_key().is_asked();
        let [copy, comment, _, lay_over, _] = out_of_the_way();
        world.types_all([&copy, &comment, &lay_over]);
        alice.ssh_with_key_and_password().is_let_in();
    });
}
