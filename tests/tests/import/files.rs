//! Files of `pam_google_authenticator`, put where people have them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nightlatch_tests::{Code, Person, Shape, World, oathtool};
use nix::unistd::User;

/// A secret of 160 bits.
pub const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
/// The same as makers of tokens write it.
pub const HEX: &str = "3132333435363738393031323334353637383930";

/// Where somebody has their file.
pub fn path_of(person: &Person<'_>) -> PathBuf {
    let user = User::from_name(person.name()).unwrap().unwrap();
    user.dir.join(".google_authenticator")
}

/// Gives somebody a file, as that system's command would: theirs, and nobody else's to read.
pub fn give(person: &Person<'_>, text: impl AsRef<[u8]>) -> PathBuf {
    let path = path_of(person);
    put(&path, text, person.uid());
    path
}

/// Writes a file that belongs to this uid.
pub fn put(path: &Path, text: impl AsRef<[u8]>, uid: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    chown(path, Some(uid), None).unwrap();
}

pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs()
}

/// The usual shape with other steps.
pub fn every(period: u64) -> Shape {
    Shape {
        period,
        ..Shape::USUAL
    }
}

/// The code of the usual secret so many seconds from now.
pub fn code_in(seconds: i64) -> String {
    oathtool(BASE32, Shape::USUAL, now().saturating_add_signed(seconds))
}

/// Asserts that a code is refused at the question for this reason.
pub fn is_refused(world: &World, person: &Person<'_>, code: &str, reason: &str) {
    let log = world.log().from_now();
    let refused = person.tries().from(ADDRESS).answers([code]).run();
    refused.gives(Code::ConvErr).asking(2);
    log.says(&["event=rejected", &format!("reason={reason}")]);
}

/// Asserts that nothing was enrolled for somebody.
pub fn has_nothing(person: &Person<'_>) {
    assert!(
        person.enrollment().is_none(),
        "{} has something",
        person.name()
    );
}

/// Imports everybody's own file, and gives what became of whom.
pub fn import_all(world: &World, more: &[&str]) -> serde_json::Value {
    let arguments = [
        &["import", "google-authenticator", "--all-homes", "--json"],
        more,
    ];
    world.nightlatch(&arguments.concat()).json()
}

/// What became of somebody.
pub fn of<'v>(object: &'v serde_json::Value, user: &str) -> &'v serde_json::Value {
    let people = object["people"].as_array().unwrap();
    people
        .iter()
        .find(|person| person["user"] == user)
        .unwrap_or_else(|| panic!("{user} is not in {object:#}"))
}

/// An address.
pub const ADDRESS: &str = "192.0.2.7";
