//! The real old modules before, ours after: nothing that one accepted is accepted by the other.

use std::fs;

use nightlatch_tests::{Code, Person, Shape, Stack, World, oathtool, sandboxed};
use nix::unistd::User;

use crate::files::{BASE32, HEX, code_in, give, is_refused, now, path_of, put};

/// What the old module says to a code.
fn old_says(person: &Person<'_>, code: &str) -> Code {
    let tried = person.tries().service("old").answers([code]).run();
    tried.only().code()
}

fn with_old_google_authenticator(world: &World) {
    world.stack(
        "old",
        Stack::Lines("auth required pam_google_authenticator.so\n"),
    );
}

fn import(world: &World, person: &Person<'_>) -> String {
    let path = path_of(person);
    let arguments = [
        "import",
        "google-authenticator",
        "--yes",
        path.to_str().unwrap(),
    ];
    world.nightlatch(&arguments).succeeds().stdout
}

/// The user has a home, and a file in it.
fn with_file<'w>(world: &'w World, name: &str, options: &str) -> Person<'w> {
    let person = world.user(name);
    let user = User::from_name(name).unwrap().unwrap();
    assert!(user.dir.exists());
    give(&person, format!("{BASE32}\n{options}"));
    person
}

#[test]
fn a_time_based_code_that_the_old_module_accepted_is_refused_by_ours() {
    sandboxed(|world| {
        with_old_google_authenticator(world);
        for (name, options) in [
            ("strict", "\" DISALLOW_REUSE\n\" TOTP_AUTH\n"),
            // Nothing is written down.
            ("lax", "\" TOTP_AUTH\n"),
            ("wide", "\" WINDOW_SIZE 17\n\" TOTP_AUTH\n"),
        ] {
            let person = with_file(world, name, options);
            let used: Vec<String> = [-30, 0, 30].map(code_in).to_vec();
            for code in &used {
                assert_eq!(old_says(&person, code), Code::Success, "{name}");
            }
            // The old module without single use takes it again; ours does not, once it was imported.
            let again = old_says(&person, &used[1]) == Code::Success;
            assert_eq!(again, name != "strict");
            import(world, &person);
            for code in &used {
                let reason = "replayed";
                is_refused(world, &person, code, reason);
            }
            // The code that the old module would take until the switch, a minute later at most, is none of ours either.
            let later = code_in(60);
            let until = person
                .tries()
                .from("192.0.2.7")
                .clock_off_by(59)
                .answers([&later])
                .run();
            until.gives(Code::ConvErr);
            // And then everything is as ever.
            let soon = code_in(900);
            person
                .tries()
                .clock_off_by(900)
                .answers([&soon])
                .run()
                .gives(Code::Success);
        }
    });
}

#[test]
fn a_counter_and_scratch_codes_go_on_where_the_old_module_was() {
    sandboxed(|world| {
        with_old_google_authenticator(world);
        let alice = with_file(
            world,
            "alice",
            "\" HOTP_COUNTER 1\n10000001\n10000002\n10000003\n",
        );
        let hotp = |counter: u64| oathtool_hotp(counter);
        assert_eq!(old_says(&alice, &hotp(1)), Code::Success);
        assert_eq!(old_says(&alice, "10000001"), Code::Success);
        import(world, &alice);
        is_refused(world, &alice, &hotp(1), "replayed");
        // It was spent there: it is none of theirs any more.
        is_refused(world, &alice, "10000001", "wrong");

        // Somebody got in by the old module still. Imported once more, that counts.
        let next = fs::read_to_string(path_of(&alice)).unwrap();
        let next: u64 = next
            .lines()
            .find_map(|line| line.strip_prefix("\" HOTP_COUNTER "))
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(old_says(&alice, &hotp(next)), Code::Success);
        assert_eq!(old_says(&alice, "10000002"), Code::Success);
        let said = import(world, &alice);
        assert!(said.contains("Brought up to date: 1."), "{said}");
        world.log().says(&[
            "event=import-caught-up",
            "user=\"alice\"",
            "from=google-authenticator",
        ]);
        is_refused(world, &alice, &hotp(next), "replayed");
        is_refused(world, &alice, "10000002", "replayed");
        alice.gets_in_with("10000003");
        alice.gets_in_with(hotp(next + 1));
        // There and back: what was spent here is not in the old file; what was not, still opens there.
        assert!(import(world, &alice).contains("Unchanged: 1."));
    });
}

#[test]
fn a_code_of_a_skewed_clock_that_the_old_module_learned_is_refused_by_ours() {
    sandboxed(|world| {
        with_old_google_authenticator(world);
        let alice = with_file(world, "alice", "\" DISALLOW_REUSE\n\" TOTP_AUTH\n");
        // Three codes in a row of a clock that is five minutes ahead: the third opens, and is written down nowhere.
        let codes: Vec<String> = [300, 330, 360].map(code_in).to_vec();
        let said: Vec<Code> = (0..3)
            .map(|step| {
                let moment = 30 * i64::from(step);
                let tries = alice.tries().service("old").clock_off_by(moment);
                tries
                    .answers([&codes[usize::try_from(step).unwrap()]])
                    .run()
                    .only()
                    .code()
            })
            .collect();
        assert_eq!(said[2], Code::Success, "{said:?}");
        assert!(
            fs::read_to_string(path_of(&alice))
                .unwrap()
                .contains("TIME_SKEW 10")
        );
        import(world, &alice);
        let tries = alice.tries().from("192.0.2.7").clock_off_by(60);
        tries.answers([&codes[2]]).run().gives(Code::ConvErr);
        // The clock that was learned goes on being known.
        let soon = code_in(900 + 300);
        alice
            .tries()
            .clock_off_by(900)
            .answers([&soon])
            .run()
            .gives(Code::Success);
    });
}

#[test]
fn what_pam_oath_accepted_is_refused_by_ours() {
    sandboxed(|world| {
        let file = "/etc/users.oath";
        let stack = format!("auth required pam_oath.so usersfile={file} window=5\n");
        world.stack("old", Stack::Lines(&stack));
        let (alice, bob) = (world.passing_user("alice"), world.passing_user("bob"));
        put(
            file.as_ref(),
            format!("HOTP alice - {HEX}\nHOTP/T30/8 bob - {HEX}\n"),
            0,
        );
        let shape = Shape {
            digits: 8,
            ..Shape::USUAL
        };
        let of_bob = |seconds: i64| oathtool(BASE32, shape, now().saturating_add_signed(seconds));
        let used = of_bob(0);
        assert_eq!(old_says(&alice, &oathtool_hotp(2)), Code::Success);
        assert_eq!(old_says(&bob, &used), Code::Success);
        let imported = world
            .nightlatch(&["import", "oath", file, "--yes", "--json"])
            .succeeds();
        let dropped = imported.json()["people"][1]["dropped"].to_string();
        assert_eq!(dropped, "[]");
        for counter in 0..=2 {
            is_refused(world, &alice, &oathtool_hotp(counter), "replayed");
        }
        is_refused(world, &bob, &used, "replayed");
        alice.gets_in_with(oathtool_hotp(3));
        // It wrote down which code was the last, so the next one opens at once.
        let next = of_bob(30);
        bob.gets_in_with(&next);

        // Again, after somebody got in by the old module still.
        let last = of_bob(60);
        let tries = bob.tries().service("old").clock_off_by(60);
        assert_eq!(tries.answers([&last]).run().only().code(), Code::Success);
        let again = world
            .nightlatch(&["import", "oath", file, "--yes", "--json"])
            .succeeds();
        assert_eq!(again.json()["caught_up"], 1);
        let tries = bob.tries().from("192.0.2.7").clock_off_by(60);
        tries.answers([&last]).run().gives(Code::ConvErr);
    });
}

fn oathtool_hotp(counter: u64) -> String {
    let output = std::process::Command::new("oathtool")
        .args(["--hotp", "--counter", &counter.to_string(), HEX])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
