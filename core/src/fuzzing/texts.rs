//! The formats that are text: what is read back is what was written, and an error is one.

use std::path::Path;

use crate::backup_codes::Digest;
use crate::config::{Config, ConfigError, Mode, Network};
use crate::enrollment::Enrollment;
use crate::state::State;
use crate::store::marker_property;

/// `enrollment.toml`: whatever is taken is written back to a file that fits and says the same.
pub fn enrollment(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(read) = Enrollment::parse(text) else {
        return;
    };
    let written = read.to_toml();
    assert!(written.len() <= Enrollment::LONGEST_FILE);
    let again = Enrollment::parse(&written).unwrap();
    assert_eq!(*again.to_toml(), *written);
    assert_eq!(
        (&again.user, again.uid, again.created),
        (&read.user, read.uid, read.created)
    );
    assert_eq!(again.tokens.len(), read.tokens.len());
    for (again, read) in again.tokens.iter().zip(&read.tokens) {
        assert_eq!((again.id, &again.label), (read.id, &read.label));
        assert_eq!((again.kind, again.algorithm), (read.kind, read.algorithm));
        assert_eq!(again.digits, read.digits);
        assert!(again.secret.is_same_as(&read.secret));
    }
    for (index, token) in read.tokens.iter().enumerate() {
        assert!(
            !read.tokens[..index]
                .iter()
                .any(|other| token.is_twin_of(other))
        );
    }
    let set = |enrollment: &Enrollment| {
        enrollment.backup_codes.as_ref().map(|set| {
            assert!(set.cost.is_bearable());
            let digests: Vec<_> = set.digests.iter().map(Digest::to_hex).collect();
            (set.id, set.salt, set.cost, digests)
        })
    };
    assert_eq!(set(&again), set(&read));
}

/// The body of a state slot: it has one spelling.
pub fn state_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(state) = State::parse(text) else {
        return;
    };
    assert_eq!(state.to_text(), text);
    assert!(state.tokens.len() <= State::MOST_TOKENS);
    assert!(state.spent.len() <= State::MOST_SETS);
    assert!(state.places.len() <= State::MOST_PLACES);
    let (_, body) = state.to_body(4052);
    assert!(body.len() <= 4052, "no slot holds {} bytes", body.len());
}

/// `store.toml`: whatever is taken says the same when it is written again.
pub fn store_marker(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        marker_property::comes_back(text);
    }
}

/// `nightlatch.toml`: whatever is taken is in range and says the same when it is shown; an error says where.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let path = Path::new("/etc/nightlatch/nightlatch.toml");
    match Config::parse(text, path) {
        Ok(config) => {
            let shown = config.to_toml();
            let again = Config::parse(&shown, path);
            assert!(again.is_ok_and(|again| again == config), "{shown}");
            assert_in_range(&config);
        }
        Err(ConfigError::Wrong { line, problem, .. }) => {
            // A mistake at the very end may be said to stand in the line after the last.
            assert!(
                (1..=text.lines().count() + 1).contains(&line),
                "line {line}"
            );
            assert!(!problem.is_empty());
        }
        Err(other) => panic!("a text without a file: {other}"),
    }
}

fn assert_in_range(config: &Config) {
    let rules = config.rules();
    let throttle = rules.throttle;
    assert!(rules.window < rules.resync_window);
    assert!(config.store.dir.is_absolute());
    let (mode, gates) = (config.enrollment.mode, &config.at_login);
    assert!(mode == Mode::Required || config.enrollment.deadline.is_none());
    assert!(mode != Mode::AtLogin || gates.has_gate() != gates.open);
    let of_rules = config.rule.iter().filter_map(|rule| rule.networks.as_ref());
    for network in of_rules.chain(gates.networks.as_ref()).flatten() {
        assert_eq!(Network::parse(&network.to_string()), Ok(*network));
    }
    // NIST SP 800-63B-4, 3.2.2.
    assert!(throttle.hard_limit <= 100);
    assert!(throttle.free_failures < throttle.share_of_one_known_place());
    for failures in (0..=throttle.hard_limit).chain([u32::MAX]) {
        let length = throttle.lock_length(failures);
        assert!(length <= throttle.longest_lock);
        assert_eq!(length > 0, failures > throttle.free_failures);
    }
}
