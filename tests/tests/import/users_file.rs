//! The users' file of `pam_oath`.

use std::process::Command;

use nightlatch_tests::{Person, Shape, oathtool, sandboxed};

use crate::files::{BASE32, HEX, has_nothing, is_refused, now, of, put};

const FILE: &str = "/etc/users.oath";

fn hotp(counter: u64, digits: u8) -> String {
    let output = Command::new("oathtool")
        .arg("--hotp")
        .arg(format!("--digits={digits}"))
        .arg(format!("--counter={counter}"))
        .arg(HEX)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn tokens_of_every_type_go_on_working() {
    sandboxed(|world| {
        let types: [(&str, u8, Option<u64>); 9] = [
            ("HOTP", 6, None),
            ("HOTP/E", 6, None),
            ("HOTP/E/6", 6, None),
            ("HOTP/E/7", 7, None),
            ("HOTP/E/8", 8, None),
            ("HOTP/T30", 6, Some(30)),
            ("HOTP/T30/7", 7, Some(30)),
            ("HOTP/T60/8", 8, Some(60)),
            ("HOTP/T60", 6, Some(60)),
        ];
        let people: Vec<Person<'_>> = (0..types.len())
            .map(|number| world.passing_user(&format!("p{number}")))
            .collect();
        let lines: Vec<String> = types
            .iter()
            .zip(&people)
            .map(|((kind, ..), person)| format!("{kind}\t{}\t-\t{HEX}\n", person.name()))
            .collect();
        put(FILE.as_ref(), lines.concat(), 0);
        let imported = world.nightlatch(&["import", "oath", FILE, "--yes", "--json"]);
        assert_eq!(imported.succeeds().json()["imported"], 9);
        for ((kind, digits, period), person) in types.iter().zip(&people) {
            let code = match period {
                Some(period) => {
                    let shape = Shape {
                        digits: *digits,
                        period: *period,
                        ..Shape::USUAL
                    };
                    oathtool(BASE32, shape, now())
                }
                None => hotp(0, *digits),
            };
            person.gets_in_with(&code);
            is_refused(world, person, &code, "replayed");
            assert_eq!(code.len(), usize::from(*digits), "{kind}");
        }
    });
}

#[test]
fn several_tokens_are_one_enrollment_and_the_last_code_of_each_is_used() {
    sandboxed(|world| {
        let alice = world.passing_user("alice");
        let text = format!(
            "# tokens\nHOTP alice - {HEX} 5 {}\nHOTP/E/8 alice + 00112233445566778899 7\nnonsense\nHOTP/X alice - 00\n",
            hotp(5, 6)
        );
        put(FILE.as_ref(), text, 0);
        let imported = world
            .nightlatch(&["import", "oath", FILE, "--yes"])
            .succeeds();
        assert!(
            imported
                .stdout
                .contains("Passed over, as pam_oath does, since they are no tokens: lines 5.")
        );
        is_refused(world, &alice, &hotp(5, 6), "replayed");
        alice.gets_in_with(hotp(6, 6));
        let status = world
            .nightlatch(&["status", "alice", "--json"])
            .succeeds()
            .json();
        assert_eq!(status["tokens"].as_array().unwrap().len(), 2);
        assert_eq!(status["tokens"][1]["counter"], 7);
        assert_eq!(status["tokens"][1]["short_secret"], true);
        assert_eq!(status["tokens"][0]["short_secret"], false);
        let list = world.nightlatch(&["list"]).succeeds().stdout;
        assert!(list.contains("token 2 (short secret)"), "{list}");
    });
}

#[test]
fn somebodys_trouble_is_theirs_alone_and_a_pin_is_not_dropped_unasked() {
    sandboxed(|world| {
        let (alice, bob, carol) = (
            world.passing_user("alice"),
            world.passing_user("bob"),
            world.passing_user("carol"),
        );
        let text = format!(
            "HOTP alice 1234 {HEX}\nHOTP bob - 0g\nHOTP carol - {HEX}\nHOTP stranger - 00\n"
        );
        put(FILE.as_ref(), text, 0);
        let run = world.nightlatch(&["import", "oath", FILE, "--yes", "--json"]);
        let imported = run.exits_with(1).json();
        for (user, why) in [
            ("alice", "--without-pin"),
            ("bob", "line 2: not a token"),
            ("stranger", "no account of that name"),
        ] {
            let problem = of(&imported, user)["problem"].as_str().unwrap();
            assert!(problem.contains(why), "{user}: {problem}");
        }
        has_nothing(&alice);
        has_nothing(&bob);
        carol.gets_in_with(hotp(0, 6));
        let run = world.nightlatch(&["import", "oath", FILE, "--without-pin", "--yes", "--json"]);
        let imported = run.exits_with(1).json();
        assert_eq!(of(&imported, "alice")["outcome"], "imported");
        assert_eq!(of(&imported, "alice")["dropped"][0]["what"], "PIN");
        assert_eq!(of(&imported, "carol")["outcome"], "unchanged");
        alice.gets_in_with(hotp(0, 6));
    });
}

#[test]
fn a_file_that_others_could_have_written_is_not_read() {
    sandboxed(|world| {
        let alice = world.passing_user("alice");
        put(FILE.as_ref(), format!("HOTP alice - {HEX}\n"), alice.uid());
        let refused = world
            .nightlatch(&["import", "oath", FILE, "--yes"])
            .is_refused();
        assert!(refused.stderr.contains(FILE), "{refused:#?}");
        has_nothing(&alice);
    });
}
