//! The people who log in: accounts, their enrollments with us and their files for the peers.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use nightlatch_tests::records::Record;
use nightlatch_tests::{Phone, Shape, artifacts};
use serde_json::Value;

use crate::ground::{HOMES, STORE, set_mode};

/// How many have accounts: as many as come at once at most.
pub const PEOPLE: usize = 200;

/// Somebody enrolled with all.
pub struct Person {
    name: String,
    uid: u32,
    phone: Phone,
    backup_code: String,
    record: Record,
}

impl Person {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn uid(&self) -> u32 {
        self.uid
    }

    pub fn backup_code(&self) -> &str {
        &self.backup_code
    }

    /// The code of that time, and an answer that is none of the steps around it. In seconds since 1970.
    pub fn answers_at(&self, time: u64) -> Answers {
        let near = self
            .phone
            .codes_from_step(time / Shape::USUAL.period - 2, 5);
        let wrong = (0..=near.len())
            .map(|number| format!("{number:06}"))
            .find(|answer| !near.contains(answer))
            .expect("one more than there are near");
        Answers {
            right: near[2].clone(),
            wrong,
        }
    }

    /// What was kept when this person was enrolled.
    pub fn record(&self) -> &Record {
        &self.record
    }
}

/// What a person may answer at some moment.
pub struct Answers {
    pub right: String,
    pub wrong: String,
}

/// Makes the accounts and enrolls everybody with us and with `pam_google_authenticator`.
///
/// As many at once as there are processors: the backup codes' hashes take their time.
pub fn enroll() -> Vec<Person> {
    make_accounts();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut people: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|first| {
                scope.spawn(move || {
                    (first..PEOPLE)
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
    });
    people.sort_by_key(Person::uid);
    for person in &people {
        give_google_file(person);
    }
    people
}

/// The users file of `pam_oath` for `count` people, these among them at even distances; of the others it has other secrets.
pub fn write_oath_file(file: &Path, people: &[Person], count: usize) {
    let mut text = String::new();
    let apart = count / people.len();
    for number in 0..count {
        let _ = match people.get(number / apart) {
            Some(person) if number % apart == 0 => writeln!(
                text,
                "HOTP/T30 {} - {}",
                person.name,
                hex(person.phone.secret())
            ),
            _ => writeln!(text, "HOTP/T30 {} - {number:040x}", other(number)),
        };
    }
    let _ = fs::remove_file(file);
    fs::write(file, text).expect("the disk takes files");
    set_mode(file, 0o600);
}

/// The name of somebody who is enrolled and never comes.
pub fn other(number: usize) -> String {
    format!("other{number:06}")
}

/// The peer's backup code, the same for everybody.
pub const SCRATCH_CODE: &str = "31415926";

/// As the peer's own command would write it with single use and rate limit on.
fn give_google_file(person: &Person) {
    let home = Path::new(HOMES).join(&person.name);
    let text = format!(
        "{}\n\" RATE_LIMIT 3 30\n\" WINDOW_SIZE 3\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n{SCRATCH_CODE}\n27182818\n14142135\n17320508\n16180339\n",
        person.phone.secret()
    );
    fs::create_dir_all(&home).expect("the disk takes folders");
    let file = home.join(".google_authenticator");
    fs::write(&file, text).expect("the disk takes files");
    set_mode(&file, 0o400);
    for path in [&home, &file] {
        std::os::unix::fs::chown(path, Some(person.uid), Some(person.uid))
            .expect("root may give files away");
    }
}

fn make_accounts() {
    let append = |path: &str, line: fn(usize) -> String| {
        let mut text = fs::read_to_string(path).expect("the accounts can be read");
        for number in 0..PEOPLE {
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
        record: Record::of(Path::new(STORE), &name),
        name,
        uid: uid(number),
        phone: Phone::new(&text(&enrolled["secret"])),
        backup_code: text(&enrolled["backup_codes"][0]),
    }
}

fn name(number: usize) -> String {
    format!("person{number:04}")
}

fn uid(number: usize) -> u32 {
    20_000 + u32::try_from(number).expect("not that many people")
}

/// Base32 as hexadecimal digits.
fn hex(base32: &str) -> String {
    let mut text = String::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in base32.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => panic!("the command prints base32 without padding"),
        };
        bits = (bits << 5 | u32::from(value)) & 0xFFF;
        count += 5;
        if count >= 8 {
            count -= 8;
            let _ = write!(text, "{:02x}", (bits >> count) & 0xFF);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn base32_becomes_hexadecimal() {
        // RFC 4648, 10: "foobar".
        assert_eq!(hex("MZXW6YTBOI"), "666f6f626172");
    }
}
