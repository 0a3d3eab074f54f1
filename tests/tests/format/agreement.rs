//! What the reader and the command say of the same store at the same moment, asserted to be the same.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use serde_json::Value;

use nightlatch_tests::{Stack, World};

/// What both say of everybody in the store, after asserting that it is the same: of `list`, of `status`, and of who is refused.
pub fn agreed(world: &World) -> BTreeMap<String, Value> {
    // What they say depends on the second they say it in.
    let now = now();
    let list = world.nightlatch_at(now, &["list", "--json"]);
    let listed = by_user(list.json());
    let read = by_user(world.reader(now).succeeds().json());
    let to_be_listed = read
        .iter()
        .filter(|(_, said)| said["error"].is_string() || said["enrolled"] == true)
        .map(|(user, _)| user);
    // Who is only invited or locked is listed as well.
    let enrolled = listed
        .iter()
        .filter(|(_, told)| told["error"].is_string() || told["enrolled"] == true)
        .map(|(user, _)| user);
    assert_eq!(
        enrolled.collect::<Vec<_>>(),
        to_be_listed.collect::<Vec<_>>(),
        "who is listed: {list:#?}"
    );
    for (user, told) in &listed {
        same(&read[user], told, "list");
    }
    for (user, said) in &read {
        let status = world.nightlatch_at(now, &["status", user, "--json"]);
        if said["error"].is_string() {
            let _ = status.is_refused();
        } else {
            same(said, &status.succeeds().json(), "status");
        }
    }
    read
}

/// What both say of one person.
pub fn said_of(world: &World, user: &str) -> Value {
    agreed(world).remove(user).unwrap()
}

pub fn places(world: &World, user: &str) -> Vec<(String, u64)> {
    counts(&said_of(world, user))
}

/// Lets the driver's services say where somebody comes from, and the locks be short.
pub fn configure(world: &World) {
    world.configure(&format!(
        "[login]\nrhost_from = [\"door\"]\nlocal = [\"beside\"]\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n\
         [throttle]\nhard_limit = 10\nfree_failures = 1\n[backup_codes]\ncount = {CODES}\n"
    ));
    for service in ["beside", "elsewhere"] {
        world.stack(service, Stack::CodeOnly(""));
    }
}

pub fn nightlatch(world: &World, arguments: &[&str]) {
    let _ = world.nightlatch(arguments).succeeds();
}

pub fn now() -> u64 {
    UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// Asserts that the reader says what the command says, in every field that stands in the store.
fn same(read: &Value, told: &Value, command: &str) {
    assert_eq!(
        read["error"].is_string(),
        told["error"].is_string(),
        "the reader: {read:#}\n{command}: {told:#}"
    );
    if read["error"].is_string() {
        return;
    }
    for field in [
        "user",
        "enrolled",
        "created",
        "backup_codes",
        "scratch_codes",
        "wrong_codes",
        "disabled",
    ] {
        assert_eq!(
            read[field], told[field],
            "{field}\nthe reader: {read:#}\n{command}: {told:#}"
        );
    }
    assert_eq!(counts(read), counts(told), "{command}: {told:#}");
    same_tokens(&read["tokens"], &told["tokens"]);
}

/// Asserts that both know the same tokens, and that the command says of each at least what the reader says.
fn same_tokens(read: &Value, told: &Value) {
    let (read, told) = (read.as_array().unwrap(), told.as_array().unwrap());
    assert_eq!(read.len(), told.len(), "{told:#?}");
    for (read, told) in read.iter().zip(told) {
        for (field, value) in read.as_object().unwrap() {
            assert_eq!(value, &told[field], "{field} of {told:#}");
        }
    }
}

/// `failures` without what depends on the configuration.
fn counts(said: &Value) -> Vec<(String, u64)> {
    let failures = said["failures"].as_array().unwrap();
    failures
        .iter()
        .map(|one| {
            let place = one["place"].as_str().unwrap().to_owned();
            (place, one["failures"].as_u64().unwrap())
        })
        .collect()
}

fn by_user(list: Value) -> BTreeMap<String, Value> {
    let Value::Array(list) = list else {
        panic!("no list: {list:#}")
    };
    list.into_iter()
        .map(|said| (said["user"].as_str().unwrap().to_owned(), said))
        .collect()
}

pub const HOME: &str = "192.0.2.1";
pub const OFFICE: &str = "2001:db8:1:2::1";
pub const DAY: u64 = 24 * 60 * 60;

/// How many backup codes a set has here.
pub const CODES: usize = 4;
