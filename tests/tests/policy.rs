//! Rules, the deadline and the invoker, through the real libpam, sshd and su: who is asked, whose code it is, and what the log says.

use std::fs;

use nightlatch_tests::{Code, Ended, Neighbour, Person, Stack, World, sandboxed};

#[test]
fn each_demand_does_what_it_says() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob");
        for (mode, who, word, outcome) in [
            ("required", &alice, "require", LetIn),
            ("required", &alice, "skip", Exempt),
            ("required", &alice, "deny", Refused("denied")),
            ("required", &bob, "skip", Exempt),
            ("required", &bob, "deny", Refused("denied")),
            ("optional", &bob, "require", Refused("not-enrolled")),
            ("optional", &bob, "deny", Refused("denied")),
            ("optional", &alice, "skip", Exempt),
        ] {
            believes_addresses(
                world,
                &format!(
                    "[enrollment]\nmode = \"{mode}\"\n[[rule]]\nusers = [\"carol\"]\nsecond_factor = \"deny\"\n\
                     [[rule]]\nusers = [\"{}\"]\nsecond_factor = \"{word}\"\n",
                    who.name()
                ),
            );
            comes_to(world, who, OUTSIDE, outcome, Some(2));
        }
    });
}

#[test]
fn whom_a_rule_denies_sees_what_everybody_sees_and_uses_nothing_up() {
    sandboxed(|world| {
        believes_addresses(
            world,
            "[[rule]]\nusers = [\"alice\"]\nsecond_factor = \"deny\"\n",
        );
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob").enrolled();
        let right = alice.phone().code_at(0);
        let seen = |person: &Person<'_>, code: &str| {
            let outcome = person.tries().from(OUTSIDE).always_answers(code).run();
            outcome.gives(Code::AuthErr).asking(3);
            let prompts = outcome.logins[0].prompts.iter();
            prompts
                .map(|prompt| prompt.text.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(seen(&alice, &right), seen(&bob, &bob.phone().wrong_code()));
        let denied = [
            "event=rejected",
            "reason=denied",
            "user=\"alice\"",
            "rule=1",
        ];
        world.log().says(&denied);
        // Not used up, and not counted.
        world.configure("");
        alice.gets_in_with(alice.phone().code_at(0));
        let status = world.nightlatch(&["status", "alice", "--json"]).json();
        assert_eq!(status["wrong_codes"], 0);
    });
}

#[test]
fn a_group_is_matched_by_name_whether_primary_or_supplementary() {
    sandboxed(|world| {
        believes_addresses(
            world,
            "[[rule]]\ngroups = [\"automation\", \"bob\"]\nsecond_factor = \"skip\"\n\
             [[rule]]\ngroups = [\"4711\"]\nsecond_factor = \"deny\"\n",
        );
        let robot = world.user("robot").in_group("automation");
        // useradd gives everybody a primary group of their own name.
        let bob = world.user("bob");
        let carol = world.user("carol").enrolled();
        // Her primary group has a number and no name.
        let dave = world.passing_user("dave").enrolled();
        let accounts = fs::read_to_string("/etc/passwd").unwrap();
        let uid = dave.uid();
        fs::write(
            "/etc/passwd",
            accounts.replace(
                &format!("dave:x:{uid}:{uid}:"),
                &format!("dave:x:{uid}:4711:"),
            ),
        )
        .unwrap();
        for (person, outcome) in [
            (&robot, Exempt),
            (&bob, Exempt),
            (&carol, LetIn),
            (&dave, LetIn),
        ] {
            comes_to(world, person, OUTSIDE, outcome, Some(1));
        }
    });
}

#[test]
fn a_network_is_matched_by_literal_addresses_from_services_that_are_believed() {
    sandboxed(|world| {
        let rules = "[[rule]]\nnetworks = [\"10.20.0.0/16\", \"2001:db8:20::/48\", \"127.0.0.0/8\", \"::1\"]\n\
                     second_factor = \"skip\"\n";
        believes_addresses(world, rules);
        let alice = world.user("alice").enrolled();
        for (host, outcome) in [
            ("10.20.255.255", Exempt),
            ("::ffff:10.20.0.1", Exempt),
            ("2001:db8:20:ffff::1", Exempt),
            ("10.21.0.0", Asked),
            ("::ffff:10.21.0.0", Asked),
            ("2001:db8:21::1", Asked),
            ("127.0.0.1", Asked),
            ("::1", Asked),
            ("host.example", Asked),
            ("10.20.0.1.example", Asked),
            ("UNKNOWN", Asked),
            ("", Asked),
        ] {
            comes_to(world, &alice, host, outcome, Some(1));
        }
        // The same from a service that nobody believes.
        world.configure(rules);
        comes_to(world, &alice, "10.20.255.255", Asked, None);
    });
}

#[test]
fn over_ssh_a_rule_exempts_inside_and_not_the_hosts_own_addresses() {
    sandboxed(|world| {
        world.configure(
            "[[rule]]\nnetworks = [\"10.20.0.0/16\", \"127.0.0.0/8\"]\nservices = [\"sshd\"]\nsecond_factor = \"skip\"\n\
             [[rule]]\nusers = [\"mallory\"]\nsecond_factor = \"deny\"\n",
        );
        world.host_stack("sshd", Stack::PasswordAndCode);
        let inside = world.neighbour();
        let alice = world.user("alice").enrolled();
        let mallory = world.user("mallory").enrolled();
        alice.ssh_from(&inside).is_let_in();
        let rhost = format!("rhost=\"{}\"", Neighbour::ADDRESS);
        world
            .log()
            .says(&["event=exempt", "reason=rule", "rule=1", &rhost]);
        alice
            .ssh()
            .is_asked()
            .answers(&alice.phone().code())
            .is_let_in();
        let denied = mallory.ssh().is_asked().answers(&mallory.phone().code());
        denied.is_refused();
        world.log().says(&[
            "event=rejected",
            "reason=denied",
            "user=\"mallory\"",
            "rule=2",
        ]);
    });
}

#[test]
fn a_group_that_is_not_there_or_cannot_be_looked_up_exempts_nobody() {
    sandboxed(|world| {
        let rules = |word: &str| {
            format!(
                "[enrollment]\nmode = \"optional\"\n[[rule]]\ngroups = [\"directors\"]\nsecond_factor = \"{word}\"\n\
                 [[rule]]\ngroups = [\"local\"]\nsecond_factor = \"skip\"\n"
            )
        };
        let alice = world.user("alice").enrolled();
        let robot = world.user("robot").in_group("local").enrolled();
        let login = |person: &Person<'_>| {
            let tries = person.tries().knowing_a_name_service_that_is_down();
            tries.answers([""; 0]).run()
        };
        // There is no such group: the rule matches nobody.
        for word in ["skip", "deny", "require"] {
            world.configure(&rules(word));
            login(&alice).gives(Code::ConvErr).asking(1);
            login(&robot).gives(Code::PermDenied).asking(0);
        }
        // It would be in a directory that is away: skip matches nobody, require and deny everybody.
        world.groups_are_in_a_directory_that_is_away();
        for (word, robots_code) in [
            ("skip", Code::PermDenied),
            ("deny", Code::ConvErr),
            ("require", Code::ConvErr),
        ] {
            world.configure(&rules(word));
            let log = world.log().from_now();
            login(&alice).gives(Code::ConvErr).asking(1);
            log.says(&[
                "event=unresolved user=\"alice\"",
                "the group directors could not be looked up (Connection refused)",
            ]);
            // What is in /etc/group is known all the while.
            login(&robot).gives(robots_code);
        }
        world.configure(&rules("deny"));
        let tries = alice.tries().knowing_a_name_service_that_is_down();
        let outcome = tries.always_answers(alice.phone().code_at(0)).run();
        outcome.gives(Code::AuthErr).asking(3);
        world.log().says(&[
            "event=rejected",
            "reason=denied",
            "user=\"alice\"",
            "rule=1",
        ]);
    });
}

#[test]
fn no_limit_on_descriptors_hides_a_group_from_a_rule_that_denies_or_requires() {
    sandboxed(|world| {
        // Whoever calls su sets the limit, and not enrolled, would not be asked but for the rule.
        let alice = world.user("alice").in_group("ops");
        for word in ["deny", "require"] {
            world.configure(&format!(
                "[enrollment]\nmode = \"optional\"\n[[rule]]\ngroups = [\"ops\"]\nsecond_factor = \"{word}\"\n"
            ));
            let mut asked = 0;
            for limit in 0..=24 {
                let limit = format!("--nofile={limit}:{limit}");
                let tries = alice.tries().answers([""; 0]);
                if let Ended::Well(outcome) = tries.end_below(&["prlimit", &limit]) {
                    let code = outcome.only().code();
                    let is_exempt = matches!(code, Code::PermDenied | Code::Success);
                    assert!(!is_exempt, "{word} {limit}: {code:?}");
                    asked += usize::from(code == Code::ConvErr);
                }
            }
            assert!(asked > 0, "{word}");
        }
    });
}

#[test]
fn an_exemption_is_a_success_only_where_the_line_says_so_and_never_for_a_name_without_an_account() {
    sandboxed(|world| {
        world.configure("[[rule]]\nsecond_factor = \"skip\"\n");
        world.user("alice");
        for (arguments, known) in [("", Code::PermDenied), ("skip=success", Code::Success)] {
            world.stack("door", Stack::CodeOnly(arguments));
            let outcome = |name| world.tries_of(name).answers([""; 0]).run();
            outcome("alice").gives(known).asking(0);
            outcome("nobody-of-that-name")
                .gives(Code::AuthErr)
                .asking(0);
        }
    });
}

#[test]
fn through_the_day_of_the_deadline_the_unenrolled_are_let_in_unless_a_rule_requires() {
    sandboxed(|world| {
        let toml = "[enrollment]\ndeadline = 2031-03-31\n[[rule]]\nusers = [\"root\"]\nsecond_factor = \"require\"\n";
        world.configure(toml);
        world.user("alice").enrolled();
        world.user("bob");
        // She was, and is no more.
        world.user("carol").enrolled();
        let _ = world.nightlatch(&["remove", "carol", "--yes"]).succeeds();
        let last_second = LAST_DAY + 24 * 60 * 60 - 1;
        for (name, time, asked) in [
            ("bob", LAST_DAY, false),
            ("bob", last_second, false),
            ("bob", last_second + 1, true),
            ("alice", LAST_DAY, true),
            ("carol", LAST_DAY, true),
            ("root", LAST_DAY, true),
            ("nobody-of-that-name", LAST_DAY, true),
        ] {
            let outcome = world.tries_of(name).answers([""; 0]).at(time).run();
            if asked {
                outcome.gives(Code::ConvErr).asking(1);
            } else {
                outcome.gives(Code::PermDenied).asking(0);
                world
                    .log()
                    .says(&["event=exempt", "reason=deadline", "user=\"bob\""]);
            }
        }
    });
}

#[test]
fn su_asks_for_the_targets_code_or_as_configured_for_the_invokers() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        world.host_stack("su", Stack::PasswordAndCode);
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob").enrolled();
        let mut session = alice.ssh().answers(&alice.phone().code()).is_let_in();
        let [of_bob, ..] = bob.backup_codes() else {
            panic!("backup codes are made")
        };
        session.su(&bob, "true").answers(of_bob).is_done();

        world.configure("[service.su]\nsubject = \"invoker\"\n");
        let [_, of_bob, ..] = bob.backup_codes() else {
            panic!("backup codes are made")
        };
        session.su(&bob, "true").answers(of_bob).is_refused();
        let [of_alice, ..] = alice.backup_codes() else {
            panic!("backup codes are made")
        };
        let shown = session.su(&bob, "id -un").answers(of_alice).is_done();
        assert!(shown.contains("\r\nbob\r\n"), "{shown}");
        world
            .log()
            .says(&["event=accepted", "user=\"alice\"", "service=\"su\""]);
    });
}

#[test]
fn rules_ask_about_the_invoker_where_the_code_is_theirs() {
    sandboxed(|world| {
        world.stack("door", Stack::CodeOnly(""));
        world.configure(
            "[service.door]\nsubject = \"invoker\"\n[[rule]]\nusers = [\"alice\"]\nsecond_factor = \"deny\"\n",
        );
        let alice = world.user("alice").enrolled();
        let bob = world.user("bob").enrolled();
        let to_bob = |caller: &Person<'_>| bob.tries().called_by(caller).answers([""; 0]).run();
        to_bob(&alice).gives(Code::ConvErr).asking(1);
        let denied = bob.tries().called_by(&alice);
        let denied = denied.always_answers(bob.phone().code_at(0)).run();
        denied.gives(Code::AuthErr).asking(3);
        world
            .log()
            .says(&["event=rejected", "reason=denied", "user=\"alice\""]);
        // root has nobody behind it.
        let code = bob.phone().code_at(0);
        bob.tries().always_answers(code).run().gives(Code::Success);
    });
}

#[test]
fn config_check_warns_and_its_exit_status_says_so() {
    sandboxed(|world| {
        world.configure_exactly(
            "[[rule]]\nusers = [\"root\"]\nservices = [\"sshd\"]\nsecond_factor = \"skip\"\n\n\
             [[rule]]\ngroups = [\"no-such-group\"]\nservices = [\"vpn\"]\nsecond_factor = \"deny\"\n\n\
             [[rule]]\nusers = [\"root\"]\nservices = [\"sshd\"]\nnetworks = [\"10.0.0.0/8\"]\nsecond_factor = \"deny\"\n",
        );
        let run = world.nightlatch(&["config", "check"]).exits_with(1);
        assert_eq!(run.stderr, "");
        for said in [
            ", line 6: warning: rule 2: there is no group no-such-group\n",
            ", line 6: warning: rule 2: there is no service vpn: ",
            ", line 11: warning: rule 3: it never holds, unless the name service fails: rule 1 in line 1 comes first",
        ] {
            assert!(run.stdout.contains(said), "{said} in\n{}", run.stdout);
        }
        let found = world.nightlatch(&["config", "check", "--json"]);
        let found = found.exits_with(1).json();
        assert_eq!(found["findings"].as_array().unwrap().len(), 3);
        assert_eq!(found["findings"][0]["line"], 6);

        world.configure_exactly("[[rule]]\nusers = [\"root\"]\nsecond_factor = \"require\"\n");
        let good = world.nightlatch(&["config", "check"]).succeeds().stdout;
        assert_eq!(good, "/etc/nightlatch/nightlatch.toml: good\n");
    });
}

#[test]
fn config_explain_says_which_rule_holds_and_what_happens() {
    sandboxed(|world| {
        world.configure_exactly(
            "[enrollment]\nmode = \"at-login\"\n[at_login]\nnetworks = [\"10.0.0.0/8\"]\n\n\
             [[rule]]\ngroups = [\"automation\"]\nservices = [\"sshd\"]\nsecond_factor = \"skip\"\n\n\
             [[rule]]\nnetworks = [\"203.0.113.0/24\"]\nsecond_factor = \"deny\"\n",
        );
        world.user("alice").enrolled();
        world.user("bob");
        let _ = world.user("robot").in_group("automation");
        let explain = |user: &str, service: &str, rhost: &str| {
            let mut arguments = vec!["config", "explain", user, "--service", service, "--json"];
            if !rhost.is_empty() {
                arguments.extend(["--rhost", rhost]);
            }
            world.nightlatch(&arguments).succeeds().json()
        };
        for (user, service, rhost, rule, outcome, reason) in [
            ("robot", "sshd", "192.0.2.7", 1, "not-asked", "rule"),
            ("alice", "sshd", "192.0.2.7", 0, "asked", ""),
            ("alice", "sshd", "203.0.113.9", 2, "refused", "denied"),
            ("robot", "sudo", "", 0, "refused", "not-enrolled"),
            ("bob", "sshd", "10.1.2.3", 0, "offered", "not-enrolled"),
            ("bob", "sshd", "192.0.2.7", 0, "refused", "not-enrolled"),
            (
                "nobody-of-that-name",
                "sshd",
                "10.1.2.3",
                0,
                "refused",
                "unknown-user",
            ),
        ] {
            let found = explain(user, service, rhost);
            assert_eq!(found["rule"].as_u64().unwrap_or(0), rule, "{found}");
            assert_eq!(found["outcome"], outcome, "{found}");
            assert_eq!(found["reason"].as_str().unwrap_or(""), reason, "{found}");
        }
        let page = world.nightlatch(&[
            "config",
            "explain",
            "alice",
            "--service",
            "sshd",
            "--rhost",
            "host.example",
        ]);
        assert_eq!(
            page.succeeds().stdout,
            "/etc/nightlatch/nightlatch.toml\n\
             rule 1 (line 6): does not match: alice is in none of its groups\n\
             rule 2 (line 11): does not match: host.example is not an address, and names are in no network\n\
             no rule matches, so the mode holds: at-login\n\
             alice is asked for a code.\n"
        );
        // Nothing of it is a login.
        world.log().never_says("event=exempt");
        world.configure("[enrollment]\ndeadline = 9999-12-31\n");
        assert_eq!(explain("bob", "sshd", "")["reason"], "deadline");
        assert_eq!(explain("alice", "sshd", "")["outcome"], "asked");
        let _ = world.nightlatch(&["remove", "alice", "--yes"]).succeeds();
        assert_eq!(explain("alice", "sshd", "")["reason"], "not-enrolled");
    });
}

#[test]
fn config_explain_tells_an_open_invitation_from_none_and_half_a_record_from_nothing() {
    sandboxed(|world| {
        world.configure("[enrollment]\nmode = \"at-login\"\n[at_login]\nticket = true\n");
        let alice = world.user("alice").enrolled();
        let _ = world.user("bob");
        let explain = |user: &str| {
            let arguments = ["config", "explain", user, "--service", "sshd", "--json"];
            world.nightlatch(&arguments).succeeds().json()
        };
        let bob = explain("bob");
        assert_eq!(bob["outcome"], "offered", "{bob}");
        let mend = "nightlatch invite bob";
        assert!(bob["text"].as_str().unwrap().contains(mend), "{bob}");
        let _ = world.nightlatch(&["invite", "bob"]).succeeds();
        let bob = explain("bob");
        assert!(!bob["text"].as_str().unwrap().contains(mend), "{bob}");

        std::fs::remove_file(alice.directory().join("enrollment.toml")).unwrap();
        let alice = explain("alice");
        assert_eq!(alice["outcome"], "refused", "{alice}");
        let text = alice["text"].as_str().unwrap();
        assert!(text.contains("the enrollment is missing"), "{alice}");
    });
}

/// What comes of somebody who has a right code, if anybody has.
#[derive(Clone, Copy)]
enum Comes {
    /// Not asked.
    Exempt,
    /// Asked; whatever then.
    Asked,
    /// Asked, and let in.
    LetIn,
    /// Asked, and refused for this reason.
    Refused(&'static str),
}
use Comes::{Asked, Exempt, LetIn, Refused};

fn comes_to(world: &World, who: &Person<'_>, host: &str, outcome: Comes, rule: Option<usize>) {
    let log = world.log().from_now();
    let user = format!("user=\"{}\"", who.name());
    let rule = rule.map_or_else(String::new, |rule| format!("rule={rule}"));
    match outcome {
        Exempt => {
            let outcome = who.tries().from(host).answers([""; 0]).run();
            outcome
                .gives(Code::PermDenied)
                .asking(0)
                .leaves_the_host_alone();
            log.says(&["event=exempt", "reason=rule", &user, &rule]);
        }
        Asked => {
            let outcome = who.tries().from(host).answers([""; 0]).run();
            outcome.gives(Code::ConvErr).asking(1);
        }
        LetIn => {
            let code = who.phone().code_at(0);
            let outcome = who.tries().from(host).answers([code]).run();
            outcome.gives(Code::Success).asking(1);
            log.says(&["event=accepted", &user]);
        }
        Refused(reason) => {
            let outcome = who.tries().from(host).always_answers("135790").run();
            outcome
                .gives(Code::AuthErr)
                .asking(3)
                .leaves_the_host_alone();
            log.says(&["event=rejected", &format!("reason={reason}"), &user]);
        }
    }
}

/// Lets the driver's service say where somebody comes from, as sshd does.
fn believes_addresses(world: &World, toml: &str) {
    world.configure(&format!(
        "[login]\nrhost_from = [\"door\"]\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n{toml}"
    ));
}

const OUTSIDE: &str = "192.0.2.7";

/// 2031-03-31T00:00:00Z
const LAST_DAY: u64 = 1_932_681_600;
