use super::*;
use std::time::Duration;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("/etc/x.toml")).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(parse(""), Ok(Config::default()));
}

#[test]
fn what_is_shown_is_read_back_as_the_same() {
    let shown = Config::default().to_toml();
    assert_eq!(parse(&shown), Ok(Config::default()), "{shown}");
    for line in [
        "mode = \"required\"",
        "refusal_floor = \"50ms\"",
        "longest_lock = \"15m\"",
        "digits = 6",
        "algorithm = \"SHA1\"",
    ] {
        assert!(
            shown.lines().any(|shown| shown == line),
            "{line} in\n{shown}"
        );
    }
}

#[test]
fn the_documentation_shows_every_key_and_its_default() {
    let page = include_str!("../../../docs/configuration.md");
    let start = page.find("```toml\n").unwrap() + 8;
    let block = &page[start..start + page[start..].find("```").unwrap()];
    assert_eq!(parse(block), Ok(Config::default()));
    let everything = everything().to_toml();
    let keys = everything
        .lines()
        .filter_map(|line| line.split([' ', ']']).next());
    for key in keys.filter(|key| !key.is_empty()) {
        let is_shown = block
            .lines()
            .any(|line| line.trim_start_matches("# ").starts_with(key));
        assert!(is_shown, "{key:?}");
    }
}

#[test]
fn every_example_in_the_documentation_is_a_configuration() {
    let page = include_str!("../../../docs/configuration.md");
    let blocks = page.split("```toml\n").skip(1);
    let examples: Vec<_> = blocks
        .map(|block| block.split("```").next().unwrap())
        .collect();
    assert!(examples.len() > 2, "{examples:?}");
    for example in examples {
        assert!(parse(example).is_ok(), "{example}: {:?}", parse(example));
        // With room for as much again.
        assert!(example.len() < 6 * 1024, "{}", example.len());
    }
}

/// A configuration in which every key is written, and so shown.
fn everything() -> Config {
    parse(&format!("{EVERYTHING}{EVERYTHING_THAT_REPEATS}")).unwrap()
}

#[test]
fn rules_and_services_can_be_added_to_what_is_shown() {
    let shown = Config::default().to_toml() + EVERYTHING_THAT_REPEATS;
    assert_eq!(parse(&shown).map(|config| config.rule.len()), Ok(1));
}

#[test]
fn every_key_is_shown_and_read_back() {
    let everything = everything();
    assert_eq!(parse(&everything.to_toml()), Ok(everything));
}

#[test]
fn values_are_taken() {
    let config = parse(
        "[enrollment]\nmode = \"optional\"\n[token]\nissuer = \"ACME\"\ndigits = 8\nalgorithm = \"SHA256\"\nwindow = 0\n\
         [login]\nprompts = 1\nrefusal_floor = \"0s\"\nrhost_from = []\n[throttle]\nlongest_lock = \"1h\"\n\
         [backup_codes]\ncount = 20\n[store]\ndir = \"/srv/x\"\n",
    )
    .unwrap();
    assert_eq!(config.enrollment.mode, Mode::Optional);
    assert_eq!(config.token.issuer.as_ref().unwrap().as_str(), "ACME");
    assert_eq!(
        (config.rules().window, config.rules().throttle.longest_lock),
        (0, 3600)
    );
    assert_eq!(config.login.refusal_floor.get(), Duration::ZERO);
    assert_eq!(config.store.dir, Path::new("/srv/x"));
}

#[test]
fn a_day_is_a_day_with_quotes_or_without_and_ends_at_midnight_utc() {
    for written in ["2027-01-31", "\"2027-01-31\""] {
        let config = parse(&format!("enrollment.deadline = {written}")).unwrap();
        let end = config.enrollment.deadline.unwrap().end();
        assert_eq!(end.to_rfc3339(), "2027-02-01T00:00:00Z");
    }
    assert_eq!(
        "9999-12-31".parse::<Day>().unwrap().end().unix(),
        253_402_300_800
    );
}

#[test]
fn a_rule_begins_in_the_line_of_its_header() {
    let text = "[login]\n\n[[rule]]\nsecond_factor = \"deny\"\n# x\n [[rule]] # y\nsecond_factor = \"skip\"\n";
    assert_eq!(Config::rule_lines(text), [3, 6]);
    let inline = "rule = [ { second_factor = \"deny\" },\n { second_factor = \"skip\" } ]";
    assert_eq!(Config::rule_lines(inline), [1, 2]);
    assert!(parse(inline).is_ok());
    assert_eq!(Config::rule_lines(""), [0; 0]);
}

#[test]
fn every_mistake_says_file_line_and_what_is_allowed() {
    for (text, message) in MISTAKES {
        let error = parse(text).unwrap_err();
        assert!(
            error.starts_with(message),
            "{text:?}:\n{error}\nis not\n{message}"
        );
    }
}

#[test]
fn an_address_is_believed_from_sshd_and_a_uid_from_local_services() {
    let config = Config::default();
    assert_eq!(
        config.place("sshd", Some("192.0.2.7"), 0),
        Place::of_address("192.0.2.7")
    );
    assert_eq!(
        config.place("sshd", Some("host.example"), 0),
        Place::Elsewhere
    );
    assert_eq!(config.place("sshd", None, 0), Place::Elsewhere);
    assert_eq!(
        config.place("sudo", Some("192.0.2.7"), 1000),
        Place::Local(1000)
    );
    assert_eq!(
        config.place("vsftpd", Some("192.0.2.7"), 0),
        Place::Elsewhere
    );
}

const EVERYTHING: &str = r#"
[enrollment]
mode = "required"
deadline = 2027-01-31
[token]
issuer = "ACME"
"#;

const EVERYTHING_THAT_REPEATS: &str = r#"
[service.su]
subject = "invoker"
[[rule]]
users = ["deploy"]
groups = ["automation"]
networks = ["10.20.0.0/16", "2001:db8::/32"]
services = ["sshd"]
second_factor = "skip"
"#;

/// Texts, and how the error about each begins.
const MISTAKES: &[(&str, &str)] = &[
    (
        "[token]\nwidow = 1",
        "/etc/x.toml, line 2: unknown field `widow`, expected one of `issuer`, `digits`",
    ),
    (
        "\n[tokens]",
        "/etc/x.toml, line 2: unknown field `tokens`, expected one of `enrollment`, `at_login`",
    ),
    (
        "[token]\n\ndigits = 9",
        "/etc/x.toml, line 3: digits must be 6, 7 or 8",
    ),
    (
        "[token]\ndigits = \"6\"",
        "/etc/x.toml, line 2: invalid type: string \"6\", expected ",
    ),
    (
        "[token]\nperiod = 300",
        "/etc/x.toml, line 2: period must be between 15 and 120 seconds",
    ),
    (
        "[token]\nwindow = 11",
        "/etc/x.toml, line 2: the number must be 0 to 10",
    ),
    (
        "[token]\nissuer = \"a:b\"",
        "/etc/x.toml, line 2: an issuer has",
    ),
    (
        "[login]\nprompts = 0",
        "/etc/x.toml, line 2: the number must be 1 to 10",
    ),
    (
        "[login]\nrefusal_floor = 50",
        "/etc/x.toml, line 2: invalid type: integer `50`, expected a duration such as \"30s\"",
    ),
    (
        "[login]\nrefusal_floor = \"6s\"",
        "/etc/x.toml, line 2: the duration must be 0s to 5s",
    ),
    (
        "[login]\nrefusal_floor = \"-1s\"",
        "/etc/x.toml, line 2: the duration must be 0s to 5s",
    ),
    (
        "[throttle]\nfirst_lock = \"soon\"",
        "/etc/x.toml, line 2: not a duration such as \"30s\"",
    ),
    (
        "[throttle]\nfirst_lock = \"0s\"",
        "/etc/x.toml, line 2: a lock lasts 1s to 24h",
    ),
    (
        "[throttle]\nfirst_lock = \"1h\"",
        "/etc/x.toml, line 2: longest_lock must not be shorter",
    ),
    (
        "[throttle]\nfirst_lock = \"1h\"\nlongest_lock = \"30min\"",
        "/etc/x.toml, line 3: longest_lock must not be shorter",
    ),
    (
        "[throttle]\nhard_limit = 101",
        "/etc/x.toml, line 2: the number must be 10 to 100",
    ),
    (
        "[throttle]\nhard_limit = 25",
        "/etc/x.toml, line 2: free_failures must be smaller than a fifth of hard_limit",
    ),
    (
        "[throttle]\nfree_failures = 20",
        "/etc/x.toml, line 2: free_failures must be smaller than a fifth of hard_limit",
    ),
    (
        "[enrollment]\nmode = \"maybe\"",
        "/etc/x.toml, line 2: unknown variant `maybe`, expected one of `required`, `optional`, `at-login`",
    ),
    (
        "[enrollment]\ndeadline = 2027-02-30",
        "/etc/x.toml, line 2: ",
    ),
    (
        "[enrollment]\ndeadline = 2027-01-31T12:00:00Z",
        "/etc/x.toml, line 2: not a day such as 2027-01-31",
    ),
    (
        "[enrollment]\ndeadline = \"31.1.2027\"",
        "/etc/x.toml, line 2: not a day such as 2027-01-31",
    ),
    (
        "[enrollment]\ndeadline = { year = 2027 }",
        "/etc/x.toml, line 2: not a day such as 2027-01-31",
    ),
    (
        "[enrollment]\ndeadline = 2027",
        "/etc/x.toml, line 2: invalid type: integer `2027`, expected a day such as 2027-01-31",
    ),
    (
        "[enrollment]\nmode = \"optional\"\ndeadline = 2027-01-31",
        "/etc/x.toml, line 3: a deadline goes with mode = \"required\" alone",
    ),
    (
        "[enrollment]\n\nmode = \"at-login\"",
        "/etc/x.toml, line 3: mode = \"at-login\" needs a gate in [at_login]: networks, until or ticket = true",
    ),
    (
        "enrollment.mode = \"at-login\"\n[at_login]\nuntil = 2027-01-31\nopen = true",
        "/etc/x.toml, line 4: open = true says that there is no gate",
    ),
    (
        "[login]\n[at_login]\nopen = true",
        "/etc/x.toml, line 2: [at_login] goes with mode = \"at-login\" alone",
    ),
    (
        "[at_login]\nqr = \"svg\"",
        "/etc/x.toml, line 2: unknown variant `svg`, expected one of `utf8`, `ascii`, `none`",
    ),
    (
        "[at_login]\ngates = []",
        "/etc/x.toml, line 2: unknown field `gates`, expected one of `services`, `networks`",
    ),
    (
        "[account]\nrequire_enrollment = \"yes\"",
        "/etc/x.toml, line 2: invalid type: string \"yes\", expected a boolean",
    ),
    (
        "[trust]\nremember = \"721h\"",
        "/etc/x.toml, line 2: the duration must be 0s to 720h",
    ),
    (
        "[trust]\nremember = \"30d\"",
        "/etc/x.toml, line 2: not a duration such as",
    ),
    (
        "[token]\nlook_ahead = 0",
        "/etc/x.toml, line 2: the number must be 1 to 100",
    ),
    (
        "[service.su]\nsubject = \"caller\"",
        "/etc/x.toml, line 2: unknown variant `caller`, expected `target` or `invoker`",
    ),
    (
        "[service.\"../su\"]\nsubject = \"target\"",
        "/etc/x.toml, line 1: a service is named like its file in /etc/pam.d",
    ),
    (
        "[service]\nsu = [\"target\"]",
        "/etc/x.toml, line 2: invalid type: sequence, expected a table",
    ),
    (
        "[[rule]]\nusers = [\"alice\"]\n",
        "/etc/x.toml, line 1: missing field `second_factor`",
    ),
    (
        "[[rule]]\nsecond_factor = \"maybe\"\n",
        "/etc/x.toml, line 2: unknown variant `maybe`, expected one of `require`, `skip`, `deny`",
    ),
    (
        "[[rule]]\nuser = [\"alice\"]\n",
        "/etc/x.toml, line 2: unknown field `user`, expected one of `users`, `groups`, `networks`, `services`",
    ),
    (
        "[[rule]]\nusers = \"alice\"\n",
        "/etc/x.toml, line 2: invalid type: string \"alice\", expected a sequence",
    ),
    (
        "[[rule]]\nusers = [\"\"]\n",
        "/etc/x.toml, line 2: the name is empty",
    ),
    (
        "[[rule]]\ngroups = [\"\"]\n",
        "/etc/x.toml, line 2: a group's name has",
    ),
    (
        "[[rule]]\nnetworks = [\n  \"10.0.0.0/8\",\n  \"10.0.0.1/8\",\n]\n",
        "/etc/x.toml, line 4: the network is \"10.0.0.0/8\"; for the one address write \"10.0.0.1\"",
    ),
    (
        "[rule]\nsecond_factor = \"skip\"\n",
        "/etc/x.toml, line 1: invalid type: map, expected a sequence",
    ),
    (
        "rule = [[\"skip\"]]",
        "/etc/x.toml, line 1: invalid type: sequence, expected a table",
    ),
    (
        "[backup_codes]\ncount = 0",
        "/etc/x.toml, line 2: a set has 1 to 20 backup codes",
    ),
    (
        "[store]\ndir = \"here\"",
        "/etc/x.toml, line 2: dir must be an absolute path",
    ),
    ("[token\n", "/etc/x.toml, line 1: "),
    (
        "[token]\ndigits = 6\ndigits = 6",
        "/etc/x.toml, line 3: duplicate key",
    ),
];
