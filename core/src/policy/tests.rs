use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// The rules of a file that has nothing else.
fn config(rules: &str) -> Config {
    Config::parse(rules, Path::new("test")).unwrap()
}

fn group(name: &str) -> GroupName {
    name.to_owned().try_into().unwrap()
}

fn groups(known: &[&str], unresolved: &[&str]) -> Groups {
    let names = |names: &[&str]| names.iter().map(|name| group(name)).collect();
    Groups {
        known: names(known),
        unresolved: names(unresolved),
    }
}

/// Somebody with an account and these groups, over ssh from this address.
fn circumstances<'a>(name: &'a str, groups: Groups, address: &str) -> Circumstances<'a> {
    Circumstances {
        who: Who::Account { name, groups },
        service: "sshd",
        remote: Remote::Believed(address.parse().unwrap()),
    }
}

/// What the rule that matches says; nothing where none does.
fn ruling(rules: &str, circumstances: &Circumstances<'_>) -> Option<SecondFactor> {
    match rule(&config(rules), circumstances) {
        Ruling::Rule { says, .. } => Some(says),
        Ruling::Mode => None,
    }
}

#[test]
fn without_rules_the_mode_decides() {
    let ruling = rule(
        &Config::default(),
        &circumstances("alice", Groups::default(), "192.0.2.7"),
    );
    assert_eq!(ruling, Ruling::Mode);
}

#[test]
fn the_first_rule_that_matches_holds_and_is_numbered_from_one() {
    let config = config(
        "[[rule]]\nusers = [\"bob\"]\nsecond_factor = \"deny\"\n\
         [[rule]]\nusers = [\"eve\", \"alice\"]\nsecond_factor = \"require\"\n\
         [[rule]]\nsecond_factor = \"skip\"\n",
    );
    for (name, says, number) in [
        ("bob", SecondFactor::Deny, 1),
        ("alice", SecondFactor::Require, 2),
        ("carol", SecondFactor::Skip, 3),
    ] {
        let ruling = rule(
            &config,
            &circumstances(name, Groups::default(), "192.0.2.7"),
        );
        assert_eq!(ruling, Ruling::Rule { number, says });
    }
}

#[test]
fn all_conditions_must_hold_and_of_each_one_value() {
    let rule = &config(
        "[[rule]]\nusers = [\"alice\", \"bob\"]\ngroups = [\"staff\", \"ops\"]\nnetworks = [\"10.0.0.0/8\", \"2001:db8::/32\"]\n\
         services = [\"sshd\", \"login\"]\nsecond_factor = \"skip\"\n",
    )
    .rule[0];
    let good = circumstances("bob", groups(&["ops"], &[]), "2001:db8::1");
    assert_eq!(mismatch(rule, &good), None);
    let elsewhere = Circumstances {
        service: "sudo",
        ..good.clone()
    };
    assert_eq!(mismatch(rule, &elsewhere), Some(Condition::Services));
    for (circumstances, condition) in [
        (
            circumstances("carol", groups(&["ops"], &[]), "10.1.2.3"),
            Condition::Users,
        ),
        (
            circumstances("alice", groups(&["other"], &[]), "10.1.2.3"),
            Condition::Groups,
        ),
        (
            circumstances("alice", groups(&["ops"], &[]), "192.0.2.7"),
            Condition::Networks,
        ),
    ] {
        assert_eq!(mismatch(rule, &circumstances), Some(condition));
    }
}

#[test]
fn a_condition_without_values_never_holds() {
    for condition in ["users", "groups", "networks", "services"] {
        let rules = format!("[[rule]]\n{condition} = []\nsecond_factor = \"deny\"\n");
        let who = circumstances("alice", groups(&["staff"], &[]), "10.1.2.3");
        assert_eq!(ruling(&rules, &who), None);
        let unresolved = Circumstances {
            who: Who::Unresolved,
            ..who
        };
        assert_eq!(ruling(&rules, &unresolved), None);
    }
}

#[test]
fn a_name_without_an_account_is_no_user_and_in_no_group() {
    let nobody = Circumstances {
        who: Who::Nobody,
        service: "sshd",
        remote: Remote::NotBelieved,
    };
    for (condition, matches) in [
        ("users = [\"alice\"]", false),
        ("groups = [\"staff\"]", false),
        ("services = [\"sshd\"]", true),
    ] {
        for (word, says) in [("deny", SecondFactor::Deny), ("skip", SecondFactor::Skip)] {
            let rules = format!("[[rule]]\n{condition}\nsecond_factor = \"{word}\"\n");
            let expected = matches.then_some(says);
            assert_eq!(ruling(&rules, &nobody), expected, "{rules}");
        }
    }
}

#[test]
fn what_cannot_be_told_is_a_match_for_require_and_deny_and_not_for_skip() {
    let address = "10.1.2.3".parse().unwrap();
    let unresolved_name = Circumstances {
        who: Who::Unresolved,
        service: "sshd",
        remote: Remote::Believed(address),
    };
    let unresolved_group = circumstances("alice", groups(&["staff"], &["ops"]), "10.1.2.3");
    let maybe_ours = Circumstances {
        remote: Remote::MaybeOurs(address),
        ..circumstances("alice", Groups::default(), "10.1.2.3")
    };
    for (condition, circumstances) in [
        ("users = [\"alice\"]", &unresolved_name),
        ("groups = [\"staff\"]", &unresolved_name),
        ("groups = [\"ops\"]", &unresolved_group),
        ("networks = [\"10.0.0.0/8\"]", &maybe_ours),
    ] {
        for (word, expected) in [
            ("require", Some(SecondFactor::Require)),
            ("deny", Some(SecondFactor::Deny)),
            ("skip", None),
        ] {
            let rules = format!("[[rule]]\n{condition}\nsecond_factor = \"{word}\"\n");
            assert_eq!(ruling(&rules, circumstances), expected, "{rules}");
        }
    }
    // What is known is known beside what is not.
    for (condition, matches) in [
        ("groups = [\"staff\"]", true),
        ("groups = [\"ops\", \"staff\"]", true),
        ("groups = [\"other\"]", false),
        ("networks = [\"192.0.2.0/24\"]", false),
    ] {
        let rules = format!("[[rule]]\n{condition}\nsecond_factor = \"skip\"\n");
        let expected = matches.then_some(SecondFactor::Skip);
        let both = Circumstances {
            remote: Remote::MaybeOurs(address),
            ..unresolved_group.clone()
        };
        assert_eq!(ruling(&rules, &both), expected, "{rules}");
    }
}

#[test]
fn an_address_that_is_not_believed_is_in_no_network() {
    let rules = "[[rule]]\nnetworks = [\"0.0.0.0/0\", \"::/0\"]\nsecond_factor = \"deny\"\n";
    let mut who = circumstances("alice", Groups::default(), "192.0.2.7");
    assert_eq!(ruling(rules, &who), Some(SecondFactor::Deny));
    who.remote = Remote::NotBelieved;
    assert_eq!(ruling(rules, &who), None);
}

#[test]
fn all_gates_that_are_given_must_be_open() {
    let gates = |lines: &str| {
        let text = format!("enrollment.mode = \"at-login\"\n[at_login]\n{lines}\n");
        config(&text).at_login
    };
    let inside = circumstances("alice", Groups::default(), "10.1.2.3");
    let outside = circumstances("alice", Groups::default(), "192.0.2.7");
    let unsure = Circumstances {
        remote: Remote::MaybeOurs("10.1.2.3".parse().unwrap()),
        ..inside.clone()
    };
    let sudo = Circumstances {
        service: "sudo",
        ..inside.clone()
    };
    let last_day = Time::parse_rfc3339("2027-01-31T23:59:59Z").unwrap();
    let networks = "networks = [\"10.0.0.0/8\"]";
    let both = &format!("{networks}\nuntil = 2027-01-31");
    for (lines, circumstances, now, shut) in [
        ("open = true", &outside, last_day, None),
        ("open = true", &sudo, last_day, Some(ShutGate::Services)),
        (networks, &inside, last_day, None),
        (networks, &outside, last_day, Some(ShutGate::Networks)),
        (networks, &unsure, last_day, Some(ShutGate::Networks)),
        ("networks = []", &inside, last_day, Some(ShutGate::Networks)),
        (both, &inside, last_day, None),
        (both, &inside, last_day.plus(1), Some(ShutGate::Until)),
        (both, &outside, last_day, Some(ShutGate::Networks)),
        ("ticket = true", &outside, last_day, None),
    ] {
        assert_eq!(
            shut_gate(
                &gates(lines),
                circumstances.service,
                circumstances.remote,
                now
            ),
            shut,
            "{lines}"
        );
    }
}

#[test]
fn a_rule_covers_another_whose_conditions_are_the_same_or_narrower() {
    for (wider, narrower) in [
        ("", "users = [\"alice\"]"),
        ("users = [\"alice\", \"bob\"]", "users = [\"bob\"]"),
        ("groups = [\"ops\", \"adm\"]", "groups = [\"adm\"]"),
        ("services = [\"sshd\", \"su\"]", "services = [\"su\"]"),
        (
            "networks = [\"10.0.0.0/8\"]",
            "networks = [\"10.1.0.0/16\"]",
        ),
        (
            "users = [\"alice\"]",
            "users = [\"alice\"]\nservices = [\"sshd\"]",
        ),
    ] {
        let rule = |conditions| {
            let text = format!("[[rule]]\n{conditions}\nsecond_factor = \"deny\"\n");
            config(&text).rule.remove(0)
        };
        let (wider, narrower) = (rule(wider), rule(narrower));
        assert!(covers(&wider, &narrower) && covers(&wider, &wider));
        assert!(!covers(&narrower, &wider), "{narrower:?} {wider:?}");
    }
}

/// A rule as the model knows it: numbers for names and networks, of which [`WIDE`] holds all the others.
#[derive(Clone, Debug)]
struct Plain {
    users: Option<Vec<u8>>,
    groups: Option<Vec<u8>>,
    networks: Option<Vec<u8>>,
    services: Option<Vec<u8>>,
    second_factor: u8,
}

/// The number of the network that holds all the others.
const WIDE: u8 = 2;

impl Plain {
    fn to_toml(&self) -> String {
        let mut text = "[[rule]]\n".to_owned();
        let mut list = |key: &str, values: &Option<Vec<u8>>, name: fn(u8) -> String| {
            if let Some(values) = values {
                let names: Vec<_> = values.iter().map(|&value| name(value)).collect();
                writeln!(text, "{key} = {names:?}").unwrap();
            }
        };
        list("users", &self.users, |n| format!("u{n}"));
        list("groups", &self.groups, |n| format!("g{n}"));
        list("networks", &self.networks, |n| match n {
            WIDE => "10.0.0.0/8".to_owned(),
            n => format!("10.{n}.0.0/16"),
        });
        list("services", &self.services, |n| format!("s{n}"));
        let word = ["require", "skip", "deny"][usize::from(self.second_factor)];
        text + &format!("second_factor = \"{word}\"\n")
    }
}

/// Whose login it is, as the model knows people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    Unresolved,
    Nobody,
    Number(u8),
}

/// What the model knows about a login. `None` is what could not be found out.
#[derive(Clone, Debug)]
struct Facts {
    user: User,
    groups: [Option<bool>; 3],
    service: u8,
    network: Option<u8>,
    maybe_ours: bool,
}

/// The rules as docs/configuration.md tells them, by the way of a truth value for each of the two ways that a doubt can turn out.
fn model(rules: &[Plain], facts: &Facts) -> (Option<usize>, u8) {
    for (index, rule) in rules.iter().enumerate() {
        let skips = rule.second_factor == 1;
        let doubt = !skips;
        let user = rule.users.as_ref().is_none_or(|users| {
            users.iter().any(|&user| match facts.user {
                User::Unresolved => doubt,
                other => other == User::Number(user),
            })
        });
        let group = rule.groups.as_ref().is_none_or(|groups| {
            groups.iter().any(|&group| match facts.user {
                User::Unresolved => doubt,
                User::Nobody => false,
                User::Number(_) => facts.groups[usize::from(group)].unwrap_or(doubt),
            })
        });
        let network = rule.networks.as_ref().is_none_or(|networks| {
            networks.iter().any(|&network| {
                let is_in = |from| from == network || network == WIDE;
                facts.network.is_some_and(is_in) && (!facts.maybe_ours || doubt)
            })
        });
        let service = rule
            .services
            .as_ref()
            .is_none_or(|services| services.contains(&facts.service));
        if user && group && network && service {
            return (Some(index + 1), rule.second_factor);
        }
    }
    (None, 3)
}

fn plain() -> impl Strategy<Value = Plain> {
    let list = || prop::option::of(prop::collection::vec(0..3_u8, 0..3));
    (list(), list(), list(), list(), 0..3_u8).prop_map(
        |(users, groups, networks, services, second_factor)| Plain {
            users,
            groups,
            networks,
            services,
            second_factor,
        },
    )
}

fn facts() -> impl Strategy<Value = Facts> {
    (
        prop_oneof![
            Just(User::Unresolved),
            Just(User::Nobody),
            (0..3_u8).prop_map(User::Number),
            (0..3_u8).prop_map(User::Number),
        ],
        prop::array::uniform3(prop::option::weighted(0.8, any::<bool>())),
        0..3_u8,
        prop::option::weighted(0.8, 0..3_u8),
        any::<bool>(),
    )
        .prop_map(|(user, groups, service, network, maybe_ours)| Facts {
            user,
            groups,
            service,
            network,
            maybe_ours,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_ruling_is_the_models(rules in prop::collection::vec(plain(), 0..6), facts in facts()) {
        let text: String = rules.iter().map(Plain::to_toml).collect();
        let in_group = |wanted: Option<bool>| -> Vec<GroupName> {
            let groups = (0_u8..).zip(facts.groups);
            groups
                .filter(|(_, is_in)| *is_in == wanted)
                .map(|(number, _)| group(&format!("g{number}")))
                .collect()
        };
        let name = format!("{:?}", facts.user);
        let name = name.replace("Number(", "u").replace(')', "");
        let groups = Groups { known: in_group(Some(true)), unresolved: in_group(None) };
        let who = match facts.user {
            User::Unresolved => Who::Unresolved,
            User::Nobody => Who::Nobody,
            User::Number(_) => Who::Account { name: &name, groups },
        };
        let service = format!("s{}", facts.service);
        let remote = facts.network.map_or(Remote::NotBelieved, |network| {
            let address = IpAddr::from([10, network, 1, 2]);
            if facts.maybe_ours { Remote::MaybeOurs(address) } else { Remote::Believed(address) }
        });
        let ruling = rule(&config(&text), &Circumstances { who, service: &service, remote });
        let (number, word) = match ruling {
            Ruling::Rule { number, says: SecondFactor::Require } => (Some(number), 0),
            Ruling::Rule { number, says: SecondFactor::Skip } => (Some(number), 1),
            Ruling::Rule { number, says: SecondFactor::Deny } => (Some(number), 2),
            Ruling::Mode => (None, 3),
        };
        prop_assert_eq!((number, word), model(&rules, &facts), "{}", text);
    }

    #[test]
    fn a_rule_that_covers_another_matches_whenever_that_does(
        wider in plain(),
        narrower in plain(),
        facts in facts(),
    ) {
        // What they say must be the same: a doubt is a match for one and not for the other.
        let wider = Plain { second_factor: narrower.second_factor, ..wider };
        let both = config(&(wider.to_toml() + &narrower.to_toml()));
        if covers(&both.rule[0], &both.rule[1]) {
            let alone = |rule: Plain| model(&[rule], &facts).0.is_some();
            prop_assert!(alone(wider) || !alone(narrower));
        }
    }
}
