//! What people and administrators do, with the real command and the real module.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;

use nightlatch_tests::{Code, Person, sandboxed};

use crate::agreement::{
    CODES, DAY, HOME, OFFICE, agreed, configure, nightlatch, now, places, said_of,
};
use crate::files::{SLOT, restore, spoil};

#[test]
fn the_reader_agrees_on_what_people_do() {
    sandboxed(|world| {
        configure(world);
        let shapes = [
            ("usual", "SHA1", "6", "30"),
            ("long", "SHA256", "7", "60"),
            ("longest", "SHA512", "8", "120"),
            ("short", "SHA1", "8", "15"),
        ];
        for (name, algorithm, digits, period) in shapes {
            let shape = [
                "--algorithm",
                algorithm,
                "--digits",
                digits,
                "--period",
                period,
                "--label",
                "Telefon für die Tür",
            ];
            let person = world.passing_user(name).enrolled_with(&shape);
            assert_eq!(said_of(world, name)["tokens"][0]["last_used"], Value::Null);
            person.gets_in_with(person.phone().code_at(0));
            let token = &said_of(world, name)["tokens"][0];
            assert_eq!(token["algorithm"], algorithm);
            assert_ne!(token["last_used"], Value::Null);
            // A code of the step to come: what was used last is not later than now.
            person.gets_in_with(person.phone().code_at(1));
            agreed(world);
        }

        let alice = world.passing_user("alice").enrolled();
        for (spent, code) in alice.backup_codes().iter().enumerate() {
            alice.gets_in_with(code);
            let codes = &said_of(world, "alice")["backup_codes"];
            assert_eq!(codes["left"], alice.backup_codes().len() - spent - 1);
        }
        nightlatch(world, &["codes", "alice", "--json"]);
        assert_eq!(said_of(world, "alice")["backup_codes"]["left"], CODES);
        let mut alice = alice;
        alice.enroll_again();
        agreed(world);
        nightlatch(world, &["remove", "alice", "--yes"]);
        assert_eq!(said_of(world, "alice")["enrolled"], false);
        alice.enroll();
        assert_eq!(said_of(world, "alice")["enrolled"], true);

        // Somebody who comes from another system, with a short secret and scratch codes.
        let _ = world.passing_user("moved");
        fs::write(
            "/etc/moved",
            "GEZDGNBVGY3TQOJQ\n\" TOTP_AUTH\n10000001\n10000002\n",
        )
        .unwrap();
        fs::set_permissions("/etc/moved", fs::Permissions::from_mode(0o600)).unwrap();
        let file = [
            "import",
            "google-authenticator",
            "--user",
            "moved",
            "/etc/moved",
            "--yes",
        ];
        nightlatch(world, &file);
        let moved = said_of(world, "moved");
        assert_eq!(moved["scratch_codes"]["left"], 2);
        assert_eq!(moved["tokens"][0]["short_secret"], true);
        world
            .tries_of("moved")
            .answers(["10000002"])
            .run()
            .gives(Code::Success);
        assert_eq!(said_of(world, "moved")["scratch_codes"]["left"], 1);

        // The uid of an account that is no more, and of another one of that name.
        let accounts = fs::read_to_string("/etc/passwd").unwrap();
        let others = accounts.replace("alice:x:", "alice:x:9");
        fs::write("/etc/passwd", others.replace("usual:", "unusual:")).unwrap();
        agreed(world);
    });
}

#[test]
fn the_reader_agrees_on_wrong_codes_wherever_they_come_from() {
    sandboxed(|world| {
        configure(world);
        let alice = world.passing_user("alice").enrolled();
        let [home, office, beside, later, ..] = alice.backup_codes() else {
            panic!("backup codes are made")
        };
        // Long ago: the place is known no more, and what failed there counts as elsewhere.
        let long_ago = now() - 31 * DAY;
        let code = alice.phone().code_of_step(long_ago / 30);
        let from_hotel = || alice.tries().from("198.51.100.9");
        let came = from_hotel().at(long_ago).answers([code]).run();
        came.gives(Code::Success);
        let wrong = alice.phone().wrong_codes(9);
        let left = from_hotel().at(long_ago).answers(&wrong[..1]).run();
        left.gives(Code::ConvErr);
        assert_eq!(places(world, "alice"), [("elsewhere".to_owned(), 1)]);

        for (host, code) in [(HOME, home), (OFFICE, office)] {
            let came = alice.tries().from(host).answers([code]).run();
            came.gives(Code::Success);
        }
        let beside = alice.tries().service("beside").answers([beside]).run();
        beside.gives(Code::Success);
        agreed(world);

        let fails = |host: &str, service: &str, from: usize, times: usize| {
            let mut tries = alice.tries().from(host).service(service);
            for code in &wrong[from..from + times] {
                tries = tries.answers([code]);
            }
            let outcome = tries.times(times).clock_moving_by(20 * 60).run();
            outcome.gives(Code::ConvErr);
        };
        fails(HOME, "door", 0, 1);
        fails(OFFICE, "door", 1, 1);
        fails("198.51.100.7", "door", 2, 2);
        fails("ignored", "beside", 4, 1);
        let expected = [
            ("address:192.0.2.1", 1),
            ("address:2001:db8:1:2::/64", 1),
            ("local:0", 1),
            ("elsewhere", 2),
        ];
        let mut counted = places(world, "alice");
        counted.sort();
        let mut expected = expected.map(|(place, count)| (place.to_owned(), count));
        expected.sort();
        assert_eq!(counted, expected);

        nightlatch(world, &["unlock", "alice"]);
        assert_eq!(places(world, "alice"), []);
        fails(HOME, "door", 0, 1);
        let came = alice.tries().from(OFFICE).answers([later]).run();
        came.gives(Code::Success);
        assert_eq!(said_of(world, "alice")["wrong_codes"], 0);
        assert_eq!(places(world, "alice").len(), 1);

        // The hard limit of ten: six by strangers, two at each of two known places.
        nightlatch(world, &["unlock", "alice"]);
        fails("198.51.100.7", "door", 0, 6);
        fails(HOME, "door", 6, 2);
        fails(OFFICE, "door", 7, 2);
        assert_eq!(said_of(world, "alice")["disabled"], true);
        let mut alice = alice;
        let _ = world.nightlatch(&["unlock", "alice"]);
        agreed(world);
        alice.enroll_again();
        assert_eq!(said_of(world, "alice")["disabled"], false);
    });
}

#[test]
fn the_reader_agrees_on_every_form_of_unlock() {
    sandboxed(|world| {
        configure(world);
        let alice = world.passing_user("alice").enrolled();
        let ahead = now() + 2 * DAY;
        let code = alice.phone().code_of_step(ahead / 30);
        let came = alice.tries().at(ahead).answers([code]).run();
        came.gives(Code::Success);
        agreed(world);
        nightlatch(world, &["unlock", "alice", "--clock"]);
        agreed(world);

        let state = only_state(&alice);
        spoil(&state, 0);
        assert_eq!(said_of(world, "alice")["integrity"], "one-slot-bad");
        nightlatch(world, &["unlock", "alice"]);
        assert_eq!(said_of(world, "alice")["integrity"], "whole");

        restore(&state);
        let restored = said_of(world, "alice");
        assert_eq!(restored["integrity"], "copied");
        assert_eq!(restored["backup_codes"]["waiting"], true);
        // A wrong code is written whole, and the backup codes go on waiting.
        let wrong = alice.phone().wrong_code();
        let refused = alice.tries().answers([wrong]).run();
        refused.gives(Code::ConvErr);
        let written = said_of(world, "alice");
        assert_eq!(written["integrity"], "whole");
        assert_eq!(written["backup_codes"]["waiting"], true);
        nightlatch(world, &["unlock", "alice"]);
        assert_eq!(said_of(world, "alice")["backup_codes"]["waiting"], false);

        spoil(&state, 0);
        spoil(&state, SLOT);
        assert_eq!(said_of(world, "alice")["integrity"], "lost");
        nightlatch(world, &["unlock", "alice", "--fresh-state"]);
        let fresh = said_of(world, "alice");
        assert_eq!(fresh["integrity"], "whole");
        assert_eq!(fresh["backup_codes"]["left"], 0);
    });
}

fn only_state(person: &Person<'_>) -> PathBuf {
    let mut files = person.state_files();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}
