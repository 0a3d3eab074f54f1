//! Name services that fail, hang, contradict themselves or name nobody's name: nobody gets in by that, nobody can be told apart
//! by it, and a rule that denies or requires is not got round.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

use std::fs;
use std::time::Duration;

use nightlatch_tests::{
    Code, Directory, Failure, Outcome, Person, Question, STORE, Stack, Style, World, sandboxed,
};

#[test]
fn a_name_service_that_fails_denies_asks_like_everybody_and_uses_nothing_up() {
    sandboxed(|world| {
        let directory = world.directory().knows("maria", MARIA);
        let maria = enrolled(&directory, "maria");
        let code = maria.phone().code();
        let nobody = world.tries_of("nobody-of-this-name");
        let usual = shown(nobody.always_answers(&code).run().gives(Code::AuthErr));
        for question in [Question::AccountByName, Question::AccountByUid] {
            for how in [
                Failure::TryAgain,
                Failure::Unavailable,
                Failure::Gone,
                Failure::NeverRoomEnough,
                Failure::Forgetful,
            ] {
                directory.clone().fails(question, how).serves();
                let outcome = maria.tries().always_answers(&code).run();
                outcome.asking(3).leaves_the_host_alone();
                let who_knows = match (question, how) {
                    // It says that there is nobody of this name.
                    (Question::AccountByName, Failure::Forgetful) => Code::AuthErr,
                    _ => Code::AuthinfoUnavail,
                };
                assert_eq!(outcome.only().code(), who_knows, "{question:?} {how:?}");
                assert_eq!(shown(&outcome), usual, "{question:?} {how:?}");
            }
        }
        assert!(world.log().events().len() >= 30);
        directory.serves();
        maria.gets_in_with(&code);
    });
}

#[test]
fn a_name_service_that_is_slow_is_waited_for_before_the_question_and_never_with_a_lock() {
    sandboxed(|world| {
        let directory = world.directory().knows("maria", MARIA);
        let maria = enrolled(&directory, "maria");
        let while_it_hangs = Duration::from_secs(2);
        for question in [Question::AccountByName, Question::AccountByUid] {
            directory.clone().hangs(question, while_it_hangs).serves();
            let [_, code, ..] = maria.backup_codes() else {
                panic!("backup codes are made")
            };
            let log = world.log().from_now();
            let outcome = maria
                .tries()
                .answers([maria.phone().wrong_code(), code.clone()]);
            let outcome = outcome.run();
            outcome.leaves_the_host_alone();
            let login = outcome.only();
            assert!(login.prompts[0].after >= while_it_hangs, "{login:#?}");
            assert!(login.last_wait < while_it_hangs, "{login:#?}");
            assert_eq!(log.with("event=unavailable"), []);
        }
    });
}

#[test]
fn all_names_of_a_uid_are_one_person_with_one_record_one_code_and_one_lock() {
    sandboxed(|world| {
        world.configure("[throttle]\nfree_failures = 1\n");
        let others = ["mary", "MARIA", "CORP\\maria", "maria@corp.example"];
        let directory = world.directory().knows("maria", MARIA);
        let directory = others.iter().fold(directory, |directory, name| {
            directory.answers_name(name, name, MARIA, MARIA)
        });
        let maria = enrolled(&directory, "maria");
        for (name, code) in others.iter().zip(maria.backup_codes()) {
            let log = world.log().from_now();
            let tries = |name| world.tries_of(name).always_answers(code).run();
            tries(name).gives(Code::Success).asking(1);
            for again in [*name, "maria"] {
                tries(again).gives(Code::AuthErr).asking(3);
            }
            for event in log.events() {
                assert_eq!(event.value("user"), Some("maria"), "{event:?}");
            }
            let again = world.nightlatch(&["enroll", name, "--yes"]).is_refused();
            assert!(again.stderr.contains("maria"), "{again:#?}");
        }
        let wrong = maria.phone().wrong_codes(2);
        let _ = world
            .tries_of("mary")
            .answers(&wrong)
            .run()
            .gives(Code::ConvErr);
        let log = world.log().from_now();
        maria.is_kept_out_with(maria.phone().code());
        log.says(&["reason=locked", "user=\"maria\""]);
        assert_eq!(people(), ["maria"]);
    });
}

#[test]
fn another_name_of_root_is_root() {
    sandboxed(|world| {
        let directory = world.directory().answers_name("toor", "toor", 0, 0);
        directory.serves();
        let root = world.root().enrolled();
        let code = root.phone().code();
        let of_toor = |code: &str| world.tries_of("toor").always_answers(code).run();
        of_toor(&root.phone().wrong_code())
            .gives(Code::AuthErr)
            .asking(3);
        of_toor(&code).gives(Code::Success).asking(1);
        root.is_kept_out_with(&code);
        assert_eq!(people(), ["root"]);
    });
}

#[test]
fn a_uid_that_leads_to_somebody_elses_name_opens_and_charges_nothing_of_theirs() {
    sandboxed(|world| {
        let directory = world.directory().knows("maria", MARIA);
        let maria = enrolled(&directory, "maria");
        let directory = directory
            .answers_name("eve", "eve", EVE, EVE)
            .answers_uid(EVE, "maria", EVE, EVE);
        directory.serves();
        let of_eve = |code: &str| {
            let outcome = world.tries_of("eve").always_answers(code).run();
            outcome
                .gives(Code::AuthErr)
                .asking(3)
                .leaves_the_host_alone();
        };
        of_eve(&maria.phone().code_at(0));
        of_eve(&maria.phone().wrong_code());
        world.log().says(&["event=rejected reason=other-uid"]);
        let status = world.nightlatch(&["status", "maria", "--json"]).json();
        assert_eq!(status["wrong_codes"], 0);
        maria.gets_in_with(maria.phone().code());
    });
}

#[test]
fn a_name_that_cannot_be_one_denies_like_everything_and_leads_nowhere() {
    sandboxed(|world| {
        let directory = world.directory().knows("maria", MARIA);
        let maria = enrolled(&directory, "maria");
        let code = maria.phone().code();
        let usual = shown(&world.tries_of("nobody").always_answers(&code).run());
        let log = world.log().from_now();
        let too_long = "a".repeat(60_000);
        let names = [
            &b""[..],
            &[b'a'; 256],
            &[b'A'; 86],
            too_long.as_bytes(),
            b"ma\nria",
            b"ma\rria",
            b"ma\x1b[2Jria",
            b"ma\x7fria",
            "ma\u{9b}31mria".as_bytes(),
            b"\xffmaria",
            b"ma\xc3",
            b"\xed\xa0\x80",
            "\u{fffd}".as_bytes(),
        ];
        for name in names {
            let odd = directory.clone().answers_name("odd", "odd", EVE, EVE);
            odd.answers_uid(EVE, name, EVE, EVE).serves();
            let outcome = world.tries_of("odd").always_answers(&code).run();
            outcome.asking(3).leaves_the_host_alone();
            outcome.gives(Code::AuthinfoUnavail);
            assert_eq!(shown(&outcome), usual, "{:?}", name.escape_ascii());
            let refused = world.nightlatch(&["enroll", "odd", "--yes"]).is_refused();
            assert!(refused.stdout.is_empty(), "{refused:#?}");
        }
        for event in log.events() {
            assert_eq!(event.value("event"), Some("unavailable"));
            assert_eq!(event.value("user"), Some(""));
        }
        assert_eq!(people(), ["maria"]);
    });
}

#[test]
fn a_name_of_odd_characters_is_kept_in_one_directory_and_comes_back_out_of_the_log() {
    sandboxed(|world| {
        let directory = world.directory();
        for (name, kept_in) in [
            (".", "%2E"),
            ("..", "%2E%2E"),
            ("../../../etc/passwd", "%2E%2E%2F..%2F..%2Fetc%2Fpasswd"),
            ("a/b", "a%2Fb"),
            ("%2E", "%252%45"),
            ("ma ria", "ma%20ria"),
            (
                "a\" event=accepted user=\"root",
                "a%22%20event%3Daccepted%20user%3D%22root",
            ),
            ("back\\slash\\", "back%5Cslash%5C"),
            ("%s%n", "%25s%25n"),
            ("user=root", "user%3Droot"),
            ("\u{202e}airam", "%E2%80%AEairam"),
            ("ma\u{200b}ria", "ma%E2%80%8Bria"),
            ("ma\u{2028}ria", "ma%E2%80%A8ria"),
        ] {
            let directory = directory.clone().answers_name("odd", name, EVE, EVE);
            let directory = directory.answers_uid(EVE, name, EVE, EVE);
            let odd = enrolled(&directory, "odd");
            let log = world.log().from_now();
            let code = odd.phone().code();
            odd.gets_in_with(&code);
            odd.is_kept_out_with(&code);
            let events = log.events();
            assert_eq!(events.len(), 4, "{events:?}");
            for event in &events {
                assert_eq!(event.value("user"), Some(name), "{event:?}");
            }
            assert_eq!(people(), [kept_in]);
            let _ = world.nightlatch(&["remove", "odd", "--yes"]).succeeds();
            fs::remove_dir_all(format!("{STORE}/users/{kept_in}")).unwrap();
        }
    });
}

#[test]
fn a_group_that_the_list_of_somebodys_groups_loses_is_found_in_the_list_of_its_members() {
    sandboxed(|world| {
        world.make_store();
        let directory = world.directory().answers_name("maria", "maria", MARIA, OPS);
        let directory = directory.answers_uid(MARIA, "maria", MARIA, OPS);
        let unwell = [
            Failure::TryAgain,
            Failure::Unavailable,
            Failure::NeverRoomEnough,
        ];
        let lists = [&["bob", "maria"][..], &[]];
        for (index, members) in lists.into_iter().enumerate() {
            let gid = [LAB, OPS][index];
            let directory = directory.clone().has_group("ops", gid, members);
            let whole = directory.clone().says_groups_of("maria", &[gid]);
            for directory in unwell
                .map(|how| directory.clone().fails(Question::GroupsOfSomebody, how))
                .into_iter()
                .chain([directory.clone().says_groups_of("maria", &[]), whole])
            {
                directory.serves();
                // As the primary group or as one more.
                holds(
                    world,
                    &directory.person("maria"),
                    ["skip", "require", "deny"],
                );
            }
        }
    });
}

#[test]
fn a_group_that_nobody_can_tell_of_counts_for_require_and_deny_and_not_for_skip() {
    sandboxed(|world| {
        world.make_store();
        let directory = world.directory().knows("maria", MARIA);
        for how in [
            Failure::TryAgain,
            Failure::Unavailable,
            Failure::Gone,
            Failure::NeverRoomEnough,
        ] {
            let log = world.log().from_now();
            let directory = directory.clone().fails(Question::GroupByName, how);
            directory.serves();
            holds(world, &directory.person("maria"), ["require", "deny"]);
            log.says(&["event=unresolved user=\"maria\"", "the group ops"]);
        }
        // The kernel takes 65,536 groups, and no more.
        let directory = directory.has_group("ops", OPS, &[]);
        for (count, found) in [(60_000, false), (70_000, true)] {
            let directory = directory.clone().says_so_many_groups_of("maria", count);
            directory.serves();
            let log = world.log().from_now();
            let words: &[&str] = if found { &["require", "deny"] } else { &[] };
            holds(world, &directory.person("maria"), words);
            assert_eq!(!log.with("event=unresolved").is_empty(), found);
        }
    });
}

#[test]
fn the_groups_of_either_name_of_a_uid_count_for_require_and_deny_and_those_of_both_for_skip() {
    sandboxed(|world| {
        world.make_store();
        let names = world
            .directory()
            .knows("maria", MARIA)
            .has_group("ops", OPS, &[]);
        let mary = |gid| names.clone().answers_name("mary", "mary", MARIA, gid);
        let both = ["require", "deny", "skip"];
        for (directory, words) in [
            (mary(MARIA), &[][..]),
            // What the session of mary gets, and that of maria does not, and the other way round.
            (mary(MARIA).says_groups_of("mary", &[OPS]), &both[..2]),
            (mary(OPS), &both[..2]),
            (mary(MARIA).says_groups_of("maria", &[OPS]), &both[..2]),
            (mary(OPS).says_groups_of("maria", &[OPS]), &both[..]),
        ] {
            directory.serves();
            holds(world, &directory.person("mary"), words);
        }
    });
}

#[test]
fn by_a_key_nobody_gets_round_a_rule_that_denies_while_the_name_service_is_away() {
    sandboxed(|world| {
        let directory = world.directory().knows("maria", MARIA);
        let maria = directory.person("maria");
        world.configure(
            "[login]\nrhost_from = [\"door\"]\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n\
             [[rule]]\nusers = [\"maria\"]\nsecond_factor = \"deny\"\n",
        );
        let by_key = || maria.tries().calling(&["acct"]).run();
        directory.serves();
        by_key().gives(Code::PermDenied);
        for question in [Question::AccountByName, Question::AccountByUid] {
            // Whoever it forgets altogether is nobody whom a rule names.
            for how in [Failure::TryAgain, Failure::Unavailable, Failure::Gone] {
                directory.clone().fails(question, how).serves();
                let code = by_key().only().code();
                assert_ne!(code, Code::Success, "{question:?} {how:?}");
            }
        }
    });
}

#[test]
fn sshd_lets_in_by_every_name_and_shows_a_failing_name_service_to_nobody() {
    sandboxed(|world| {
        world.host_stack(
            "sshd",
            Stack::Lines(
                "auth required pam_nightlatch.so\naccount required pam_nightlatch.so\nsession required pam_permit.so\n",
            ),
        );
        let directory = world
            .directory()
            .knows("maria", MARIA)
            .answers_name("mary", "mary", MARIA, MARIA);
        let maria = enrolled(&directory, "maria");
        let [first, second, third, ..] = maria.backup_codes() else {
            panic!("backup codes are made")
        };
        let mary = directory.person("mary");
        mary.ssh_with_nothing().answers(first).is_let_in();
        mary.ssh_with_nothing().answers(first).is_refused();

        let slow = directory.clone();
        let slow = slow.hangs(Question::AccountByUid, Duration::from_secs(1));
        slow.serves();
        maria.ssh_with_nothing().answers(second).is_let_in();

        let whoever = |person: &Person<'_>| person.ssh_with_nothing().always_answers(third);
        let unknown = whoever(&directory.person("nobody-of-this-name"));
        for (question, how) in [
            (Question::AccountByName, Failure::TryAgain),
            (Question::AccountByName, Failure::Forgetful),
            (Question::AccountByUid, Failure::Unavailable),
            (Question::AccountByUid, Failure::Forgetful),
        ] {
            directory.clone().fails(question, how).serves();
            let seen = whoever(&maria).replace("maria@", "nobody-of-this-name@");
            assert_eq!(seen, unknown, "{question:?} {how:?}");
        }
        directory.serves();
        maria.ssh_with_nothing().answers(third).is_let_in();
    });
}

/// Asserts which words a rule for the group `ops` must have to hold for somebody who has nothing enrolled, where that is no
/// matter otherwise.
fn holds<'a>(world: &World, person: &Person<'_>, words: impl AsRef<[&'a str]>) {
    for word in ["skip", "require", "deny"] {
        let mode = if word == "skip" {
            "required"
        } else {
            "optional"
        };
        world.configure(&format!(
            "[enrollment]\nmode = \"{mode}\"\n[[rule]]\ngroups = [\"ops\"]\nsecond_factor = \"{word}\"\n"
        ));
        let log = world.log().from_now();
        let outcome = person.tries().always_answers("123456").run();
        outcome.leaves_the_host_alone();
        let is_held = match (word, outcome.only().code()) {
            ("skip", Code::PermDenied) => true,
            ("skip", Code::AuthErr) | (_, Code::PermDenied) => false,
            ("require", Code::AuthErr) => !log.with("reason=not-enrolled").is_empty(),
            ("deny", Code::AuthErr) => !log.with("reason=denied").is_empty(),
            (_, code) => panic!("{word}: {code:?}"),
        };
        assert_eq!(is_held, words.as_ref().contains(&word), "{word}");
    }
}

/// Somebody of the directory, which serves from now on, with a token.
fn enrolled<'w>(directory: &Directory<'w>, name: &str) -> Person<'w> {
    directory.serves();
    directory.person(name).enrolled()
}

/// The directories of people in the store.
fn people() -> Vec<String> {
    let entries = fs::read_dir(format!("{STORE}/users")).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What the person saw.
fn shown(outcome: &Outcome) -> Vec<(Style, String)> {
    let prompts = &outcome.only().prompts;
    prompts.iter().map(|p| (p.style, p.text.clone())).collect()
}

const MARIA: u32 = 70_000;
const EVE: u32 = 70_001;
const OPS: u32 = 80_000;
const LAB: u32 = 80_001;
