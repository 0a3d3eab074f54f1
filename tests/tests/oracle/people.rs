//! Everybody who must look the same to a stranger.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt as _};
use std::path::PathBuf;

use nightlatch_tests::{Code, Person, World};

/// Somebody, and how to put their record back to what it was before a try.
pub struct Somebody {
    /// What they are, for whoever reads a failure.
    pub what: &'static str,
    /// The name to log in with.
    pub name: String,
    record: Option<(PathBuf, Vec<u8>)>,
}

impl Somebody {
    fn of(what: &'static str, person: &Person<'_>) -> Self {
        let record = person.state_files().pop().map(|file| {
            let bytes = fs::read(&file).unwrap();
            (file, bytes)
        });
        Self {
            what,
            name: person.name().to_owned(),
            record,
        }
    }

    /// Lets the record of past log-ins be what it was: in place, so that it does not look copied.
    pub fn is_as_before(&self) {
        if let Some((file, bytes)) = &self.record {
            let file = fs::OpenOptions::new().write(true).open(file).unwrap();
            file.write_all_at(bytes, 0).unwrap();
        }
    }
}

/// Sets the machine up (a lock lasts a day) and makes everybody: unenrolled, enrolled, locked, with the strangers' share used
/// up, with the hard limit reached, closed by an administrator, denied by a rule, and somebody whom nobody knows.
pub fn everybody(world: &World, login: &str) -> Vec<Somebody> {
    world.configure_exactly(&format!(
        "[login]\nrhost_from = [\"door\", \"sshd\"]\n{login}[throttle]\nfirst_lock = \"24h\"\nlongest_lock = \"24h\"\n\
         hard_limit = 30\n[[rule]]\nusers = [\"denis\"]\nsecond_factor = \"deny\"\n"
    ));
    let lona = world.user("lona").enrolled();
    fails(&lona, STRANGE, 6);
    let ulf = world.user("ulf").enrolled();
    fails(&ulf, STRANGE, 18);
    let dora = world.user("dora").enrolled();
    for (place, backup_code) in KNOWN.into_iter().zip(dora.backup_codes()) {
        let opens = dora.tries().from(place).answers([backup_code]).run();
        opens.gives(Code::Success);
    }
    for place in KNOWN {
        fails(&dora, place, 6);
    }
    fails(&dora, STRANGE, 18);
    let skye = world.user("skye");
    brings_scratch_codes(world, &skye);
    let clara = world.user("clara").enrolled();
    let _ = world.nightlatch(&["lock", "clara"]).succeeds();
    vec![
        Somebody::of("unenrolled", &world.user("una")),
        Somebody::of("enrolled", &world.user("enno").enrolled()),
        Somebody::of("with scratch codes", &skye),
        Somebody::of("locked", &lona),
        Somebody::of("share used up", &ulf),
        Somebody::of("hard limit reached", &dora),
        Somebody::of("closed", &clara),
        Somebody::of("denied", &world.user("denis").enrolled()),
        Somebody {
            what: "unknown, too",
            name: "nobody-else".to_owned(),
            record: None,
        },
        Somebody {
            what: "unknown",
            name: "nobody-here".to_owned(),
            record: None,
        },
    ]
}

/// Imports a token and scratch codes for them, none of which is ever answered.
fn brings_scratch_codes(world: &World, person: &Person<'_>) {
    let file = "/etc/google_authenticator";
    let text = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\n\" TOTP_AUTH\n98765432\n98765431\n";
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    let import = ["import", "google-authenticator", "--yes", "--user"];
    let _ = world
        .nightlatch(&[&import[..], &[person.name(), file]].concat())
        .succeeds();
}

/// Gives so many wrong codes from there, each a good day after the one before.
fn fails(person: &Person<'_>, place: &str, times: usize) {
    let tried = person
        .tries()
        .from(place)
        .answers([person.phone().wrong_code()])
        .times(times)
        .clock_moving_by(90_000)
        .run();
    assert_eq!(tried.successes(), 0, "{tried:#?}");
}

const STRANGE: &str = "203.0.113.9";
const KNOWN: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
