//! docs/upkeep.md, section by section: what was backed up is restored, a newer program's record is met by an older one, Nightlatch is
//! taken off. The page's commands are run as they stand there and print what it says.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

use std::fs;

use nightlatch_tests::{
    Clock, Code, Fob, Page, Person, Phone, STORE, Stack, World, sandboxed, security_dir,
};

const PAGE: Page = Page::UPKEEP;

/// `/root` is a place of this sandbox's own.
fn roots_home(world: &World) {
    let _ = world
        .shell("mount -t tmpfs -o mode=700 tmpfs /root")
        .succeeds();
}

/// Asked for password and code by sshd, by this clock.
fn door<'w>(world: &'w World, clock: &Clock) -> Person<'w> {
    world.host_stack("sshd", Stack::PasswordAndCode);
    world.start_sshd_by(clock);
    world.user("alice").enrolled()
}

fn code_by(phone: &Phone, clock: &Clock) -> String {
    phone.code_of_step(u64::try_from(clock.time()).unwrap() / 30)
}

fn is_refused(person: &Person<'_>, answer: &str) {
    let shown = person.ssh().always_answers(answer);
    assert!(shown.contains("Permission denied"), "{shown}");
}

fn backup_codes(shown: &str) -> Vec<String> {
    let is_code = |word: &&str| word.len() == 24 && word.matches('-').count() == 4;
    shown
        .split_whitespace()
        .filter(is_code)
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_was_restored_opens_by_the_next_code_and_by_nothing_that_may_have_been_used() {
    sandboxed(|world| {
        roots_home(world);
        let clock = world.clock();
        let alice = door(world, &clock);
        let fob = Fob::new("3132333435363738393031323334353637383930", 6);
        let file = fob.file();
        let enroll = ["enroll", "bob", "--token", "hotp", "--yes", "--json"];
        let bob = world.user("bob");
        let secret = ["--secret-file", file.to_str().unwrap()];
        let _ = world
            .nightlatch(&[&enroll[..], &secret].concat())
            .succeeds();
        let codes = alice.backup_codes();
        alice.ssh().answers(&codes[0]).is_let_in();

        let [back_up] = PAGE.steps("What to back up", ["umask 077; tar -C / -cpf "]);
        let _ = world.types(&back_up);
        let tar = fs::metadata("/root/nightlatch.tar").unwrap();
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&tar.permissions()) & 0o777,
            0o600
        );
        let carol = world.user("carol").enrolled();

        // What the backup does not know. The code is one that stays within reach for a while.
        let used = alice.phone().code_at(1);
        for code in [&used, &codes[1]] {
            alice.ssh().answers(code).is_let_in();
        }
        bob.ssh().answers(&fob.code_of(0)).is_let_in();
        let _ = world.nightlatch(&["lock", "alice"]).succeeds();
        let _ = world
            .shell(&format!("rm -r {STORE}/users /etc/nightlatch/*"))
            .succeeds();
        is_refused(&alice, &codes[2]);

        let typed = PAGE.typed("Restoring");
        let [away, unpack, check, list, status, renew, unlock, clean] = &typed[..] else {
            panic!("{typed:#?}")
        };
        world.types_all([away, unpack, check, list, status]);
        let log = world.log().from_now();
        is_refused(&alice, &used);
        log.says(&["reason=replayed", "user=\"alice\""]);
        let doubtful = log.says(&["event=doubtful found=copied user=\"alice\""]);
        assert!(
            doubtful.text.contains("run: nightlatch unlock alice\""),
            "{doubtful:?}"
        );
        assert!(PAGE.section("Restoring").contains("`event=doubtful found=copied user=\"alice\" … problem=\"… run: nightlatch unlock alice\"`"));
        // That one was spent after the backup, this one never was. Nobody can know.
        for code in [&codes[1], &codes[2]] {
            let log = world.log().from_now();
            is_refused(&alice, code);
            log.says(&["reason=backup-codes-wait"]);
        }
        let log = world.log().from_now();
        is_refused(&bob, &fob.code_of(0));
        log.says(&["reason=token-waits"]);
        clock.is_off_by(90);
        alice
            .ssh()
            .answers(&code_by(alice.phone(), &clock))
            .is_let_in();
        // What was done after the backup is not known.
        is_refused(&carol, &carol.backup_codes()[0]);

        let new = backup_codes(&world.types(renew));
        for code in &codes[..3] {
            is_refused(&alice, code);
        }
        alice.ssh().answers(&new[0]).is_let_in();

        // The same with old codes that open again, as it says.
        world.types_all([away, unpack]);
        let log = world.log().from_now();
        let _ = world.types(unlock);
        log.says(&["event=unlocked user=\"alice\"", "mended=restored"]);
        is_refused(&alice, &codes[0]);
        alice.ssh().answers(&codes[1]).is_let_in();
        is_refused(&alice, &codes[1]);
        let shown = world.nightlatch(&["unlock", "bob"]).succeeds().stdout;
        assert!(shown.contains("codes of tokens that count"), "{shown}");
        bob.ssh().answers(&fob.code_of(0)).is_let_in();
        is_refused(&bob, &fob.code_of(0));
        assert!(fs::exists("/var/lib/nightlatch.old").unwrap());
        let _ = world.types(clean);
        assert!(!fs::exists("/var/lib/nightlatch.old").unwrap());
    });
}

#[test]
fn after_a_disk_was_set_back_whole_everybody_begins_anew() {
    sandboxed(|world| {
        let clock = world.clock();
        let alice = door(world, &clock);
        let state = alice.state_files().remove(0);
        let state = state.display();
        let _ = world.shell(&format!("cp {state} /run/state")).succeeds();
        let set_back = format!("dd if=/run/state of={state} conv=notrunc status=none");
        let codes = alice.backup_codes();
        let used = code_by(alice.phone(), &clock);
        for code in [&used, &codes[0]] {
            alice.ssh().answers(code).is_let_in();
        }
        // So it is as long as nobody says anything: the page's reason.
        let _ = world.shell(&set_back).succeeds();
        alice.ssh().answers(&codes[0]).is_let_in();
        let _ = world.shell(&set_back).succeeds();

        let [everybody] = PAGE.steps("What nobody can notice", ["for user in "]);
        let new = backup_codes(&world.types(&everybody));
        for code in [&used, &codes[0], &codes[1]] {
            is_refused(&alice, code);
        }
        alice.ssh().answers(&new[0]).is_let_in();
        clock.is_off_by(90);
        alice
            .ssh()
            .answers(&code_by(alice.phone(), &clock))
            .is_let_in();
    });
}

#[test]
fn on_another_host_a_record_opens_for_the_same_uid_and_for_no_other() {
    sandboxed(|world| {
        roots_home(world);
        let clock = world.clock();
        let mut alice = door(world, &clock);
        let uid = alice.uid();
        let [back_up] = PAGE.steps("What to back up", ["umask 077; "]);
        let _ = world.types(&back_up);

        // Nothing of the old host is here but the backup.
        let anew = |uid: u32| {
            format!(
                "set -e; rm -r {STORE} /etc/nightlatch; userdel --force --remove alice 2> /dev/null
                 useradd --create-home --base-dir /run/home --shell /bin/sh --uid {uid} alice
                 echo 'alice:{}' | chpasswd",
                alice.password()
            )
        };
        let _ = world.shell(&anew(uid)).succeeds();
        is_refused(&alice, &alice.backup_codes()[0]);
        let typed = PAGE.typed("Restoring");
        let [away, unpack, check, list, _, _, unlock, _] = &typed[..] else {
            panic!("{typed:#?}")
        };
        world.types_all([away, unpack, check, list, unlock]);
        alice.ssh().answers(&alice.backup_codes()[0]).is_let_in();
        clock.is_off_by(90);
        let next = code_by(alice.phone(), &clock);
        alice.ssh().answers(&next).is_let_in();
        clock.is_off_by(0);

        let _ = world.shell(&anew(4242)).succeeds();
        world.types_all([away, unpack, check, list]);
        let log = world.log().from_now();
        is_refused(&alice, &alice.backup_codes()[1]);
        log.says(&["reason=other-uid"]);
        alice.enroll_again();
        alice.ssh().answers(&alice.backup_codes()[0]).is_let_in();
    });
}

/// Makes both slots of a state file ones of version 3, as docs/format.md says.
const OF_VERSION_3: &str = "import struct, sys, zlib
file = bytearray(open(sys.argv[1], 'rb').read())
for at in 0, 4096:
    file[at + 8] = 3
    end = at + 44 + struct.unpack_from('<I', file, at + 12)[0]
    struct.pack_into('<I', file, at + 40, zlib.crc32(file[at:at + 40] + file[at + 44:end]))
with open(sys.argv[1], 'r+b') as out:
    out.write(file)";

#[test]
fn an_older_program_refuses_what_a_newer_one_wrote_and_spoils_nothing() {
    sandboxed(|world| {
        roots_home(world);
        let clock = world.clock();
        let mut alice = door(world, &clock);
        let bob = world.user("bob").enrolled();
        let enrollment = alice.directory().join("enrollment.toml");
        let state = alice.state_files().remove(0);
        let [status, list, away, enroll] = PAGE.steps(
            "Upgrading, and going back",
            [
                "nightlatch status alice",
                "nightlatch list",
                "mv ",
                "nightlatch enroll alice",
            ],
        );

        // Of the state alone.
        let good = fs::read(&state).unwrap();
        fs::write("/run/later.py", OF_VERSION_3).unwrap();
        let _ = world
            .shell(&format!(
                "/usr/bin/python3 /run/later.py {}",
                state.display()
            ))
            .succeeds();
        let later = fs::read(&state).unwrap();
        let log = world.log().from_now();
        is_refused(&alice, &alice.backup_codes()[0]);
        let parts = [
            "event=unavailable",
            "state.1: version 3 is not known",
            "or a later one",
        ];
        log.says(&parts);
        assert_eq!(fs::read(&state).unwrap(), later);
        // The newer program, back again, would find it so. It is this one, for what it knows.
        fs::write("/run/good", &good).unwrap();
        let _ = world
            .shell(&format!(
                "dd if=/run/good of={} conv=notrunc status=none",
                state.display()
            ))
            .succeeds();
        alice.ssh().answers(&alice.backup_codes()[0]).is_let_in();

        let text = fs::read_to_string(&enrollment).unwrap();
        let later = text.replace("version = 1", "version = 3\nhue = 7");
        fs::write(&enrollment, &later).unwrap();
        let log = world.log().from_now();
        is_refused(&alice, &alice.backup_codes()[1]);
        log.says(&[
            "event=unavailable",
            "enrollment.toml: version 3 is not known",
        ]);
        bob.ssh().answers(&bob.backup_codes()[0]).is_let_in();
        world.types_all([&status, &list]);
        for arguments in [
            &["codes", "alice"][..],
            &["unlock", "alice"],
            &["remove", "alice", "--yes"],
            &["enroll", "alice", "--replace", "--yes", "--json"],
        ] {
            let refused = world.nightlatch(arguments).is_refused();
            assert!(
                refused.stderr.contains("version 3 is not known"),
                "{refused:?}"
            );
        }
        assert_eq!(fs::read_to_string(&enrollment).unwrap(), later);
        fs::write(&enrollment, &text).unwrap();
        alice.ssh().answers(&alice.backup_codes()[1]).is_let_in();

        fs::write(&enrollment, &later).unwrap();
        let _ = world.types(&away);
        let enrolled: serde_json::Value = serde_json::from_str(&world.types(&enroll)).unwrap();
        alice.takes_phone(
            Phone::scanning(enrolled["uri"].as_str().unwrap()),
            Vec::new(),
        );
        alice.ssh().answers(&alice.phone().code()).is_let_in();
    });
}

#[test]
fn a_module_that_is_installed_anew_lets_those_go_on_who_are_being_asked() {
    sandboxed(|world| {
        let clock = world.clock();
        let alice = door(world, &clock);
        let asked = alice.ssh().is_asked();
        let module = security_dir().join("pam_nightlatch.so");
        let module = module.display();
        let _ = world
            .shell(&format!(
                "cp {module} /run/new.so && install -m 644 /run/new.so {module}"
            ))
            .succeeds();
        asked.answers(&alice.backup_codes()[0]).is_let_in();
        alice.ssh().answers(&alice.backup_codes()[1]).is_let_in();
    });
}

#[test]
fn taken_off_it_asks_for_nothing_and_leaves_nothing() {
    sandboxed(|world| {
        world.add_to_debians_stack("sshd");
        let alice = world.user("alice").enrolled();
        let _ = alice.ssh().is_asked();
        let typed = PAGE.typed("Taking it off");
        let [find, take, again, module, command, store] = &typed[..] else {
            panic!("{typed:#?}")
        };
        world.types_all([find, take, again]);
        alice.ssh().is_let_in();
        world.types_all([module, command, store]);
        alice.ssh().is_let_in();
        assert!(!security_dir().join("pam_nightlatch.so").exists());
        for gone in [STORE, "/etc/nightlatch", "/usr/local/bin/nightlatch"] {
            assert!(!fs::exists(gone).unwrap(), "{gone}");
        }
    });
}

#[test]
fn nothing_grows_with_logins_and_what_is_left_of_an_account_is_said_and_taken_away() {
    sandboxed(|world| {
        world.stack("sshd", Stack::CodeOnly(""));
        let alice = world.user("alice").enrolled();
        let size = || {
            world
                .shell(&format!("find {STORE}/users/alice -printf '%p %s\\n'"))
                .stdout
        };
        let before = size();
        for minute in -100..0 {
            let at = alice
                .tries()
                .service("sshd")
                .from(&format!("192.0.2.{}", -minute))
                .clock_off_by(minute * 60);
            let code = alice.phone().code_at(minute * 2);
            at.answers([code]).run().gives(Code::Success);
        }
        assert_eq!(size(), before);

        let typed = PAGE.typed("What grows");
        let [userdel, status, remove, clean] = &typed[..] else {
            panic!("{typed:#?}")
        };
        world.types_all([userdel, status, remove]);
        let left = size();
        let kept = left.lines().filter(|line| line.ends_with(" 0")).count();
        assert_eq!((left.lines().count(), kept), (3, 2), "{left}");
        let _ = world.types(clean);
        let alice = world.user("alice").enrolled();
        alice.gets_in_with(alice.phone().code());
    });
}

#[test]
fn no_section_with_commands_is_left_out() {
    let headings = PAGE.headings();
    let with_commands: Vec<_> = headings
        .into_iter()
        .filter(|heading| !PAGE.typed(heading).is_empty())
        .collect();
    let gone_through = [
        "What to back up",
        "Restoring",
        "What nobody can notice",
        "Upgrading, and going back",
        "Taking it off",
        "What grows",
    ];
    assert_eq!(with_commands, gone_through);
}
