//! The people who log in: accounts, their enrollments with us and their files for the peer.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nightlatch_tests::{Phone, artifacts};
use serde_json::Value;

use crate::ground::{HOMES, set_mode};

/// Logins of a kind for each person. A window of ±1 step holds three codes to be used in turn, and the peer's usual rate
/// limit is three tries in 30 s.
pub const TRIES: usize = 3;

/// Somebody enrolled with both.
pub struct Person {
    name: String,
    uid: u32,
    phone: Phone,
    backup_codes: Vec<String>,
}

impl Person {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn backup_code(&self, number: usize) -> &str {
        &self.backup_codes[number]
    }

    /// The codes of the step before this one, this one, and the next, after a pause where the clock is about to move on.
    pub fn codes_of_this_window(&self) -> Vec<String> {
        let step = loop {
            let now = seconds();
            if now % PERIOD < PERIOD - 2 {
                break now / PERIOD;
            }
            thread::sleep(Duration::from_millis(200));
        };
        self.phone.codes_from_step(step - 1, TRIES)
    }

    pub fn wrong_codes(&self) -> Vec<String> {
        self.phone.wrong_codes(TRIES)
    }
}

/// Makes the accounts and enrolls everybody with us, as many at once as there are processors: the backup codes' hashes take
/// their time.
pub fn enroll(count: usize) -> Vec<Person> {
    make_accounts(count);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|first| {
                scope.spawn(move || {
                    (first..count)
                        .step_by(workers)
                        .map(enroll_one)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("everybody can be enrolled"))
            .collect()
    })
}

/// Writes each person's file for the peer anew, as its own command would with single use and rate limit on, and waits until
/// the disk has taken them, so that no login pays for it.
pub fn give_peer_fresh_files(people: &[Person]) {
    for person in people {
        let home = Path::new(HOMES).join(&person.name);
        let mut text = format!(
            "{}\n\" RATE_LIMIT 3 30\n\" WINDOW_SIZE 3\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n",
            person.phone.secret()
        );
        for number in 0..5 {
            let _ = writeln!(text, "{}", scratch_code(number));
        }
        fs::create_dir_all(&home).expect("the disk takes folders");
        let file = home.join(".google_authenticator");
        let _ = fs::remove_file(&file);
        fs::write(&file, text).expect("the disk takes files");
        set_mode(&file, 0o400);
        for path in [&home, &file] {
            std::os::unix::fs::chown(path, Some(person.uid), Some(person.uid))
                .expect("root may give files away");
        }
    }
    nix::unistd::sync();
}

/// The peer's backup codes, the same for everybody.
pub fn scratch_code(number: usize) -> String {
    format!("{}", 31_415_926 + number)
}

fn make_accounts(count: usize) {
    let append = |path: &str, line: fn(usize) -> String| {
        let mut text = fs::read_to_string(path).expect("the accounts can be read");
        for number in 0..count {
            text.push_str(&line(number));
        }
        fs::write(path, text).expect("the sandbox's accounts can be written");
    };
    append("/etc/passwd", |number| {
        let (name, uid) = (name(number), uid(number));
        format!("{name}:x:{uid}:{uid}::{HOMES}/{name}:/bin/sh\n")
    });
    append("/etc/group", |number| {
        format!("{}:x:{}:\n", name(number), uid(number))
    });
    append("/etc/shadow", |number| {
        format!("{}:!:20000::::::\n", name(number))
    });
}

fn enroll_one(number: usize) -> Person {
    let name = name(number);
    let output = Command::new(artifacts::command())
        .args(["enroll", &name, "--yes", "--json"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("the command runs");
    assert!(
        output.status.success(),
        "enrolling {name}: {}",
        output.status
    );
    let enrolled: Value = serde_json::from_slice(&output.stdout).expect("--json prints JSON");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    Person {
        name,
        uid: uid(number),
        phone: Phone::new(&text(&enrolled["secret"])),
        backup_codes: enrolled["backup_codes"]
            .as_array()
            .expect("a list")
            .iter()
            .map(text)
            .collect(),
    }
}

fn name(number: usize) -> String {
    format!("person{number:04}")
}

fn uid(number: usize) -> u32 {
    20_000 + u32::try_from(number).expect("not that many people")
}

fn seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_secs()
}

const PERIOD: u64 = 30;
