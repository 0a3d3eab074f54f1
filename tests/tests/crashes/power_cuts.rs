//! The power may go at any moment of a record's life, and of what was not flushed by then anything may be lost: the enrollment
//! is the old one or the new, whole; what was answered with success stays used; the next login works.
//!
//! The programs are the real ones, recorded once; what the disk holds after a power cut is worked out by a model of the page
//! cache (see `PageCache` for what it covers), laid out as real files, and read and written by the store's own code. A file
//! that is laid out is another one than was recorded, so a slot that says which file it is in is changed to say this one.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use nightlatch_core::account::UserName;
use nightlatch_core::answer::Answer;
use nightlatch_core::check::{Decision, Invitations, Refusal, Rules, Told, Try, Verdict, check};
use nightlatch_core::config::Config;
use nightlatch_core::enrollment::Enrollment;
use nightlatch_core::id::Id;
use nightlatch_core::place::Place;
use nightlatch_core::state::Integrity;
use nightlatch_core::store::{FileStore, Record, Store as _, StoreError};
use nightlatch_core::time::{Clock, ClockError, Time};
use nightlatch_core::token::Period;
use nightlatch_core::transaction::{self, Attempt};
use nightlatch_tests::{
    Code, Image, PageCache, Person, Phone, Recording, STORE, World, rounds, sandboxed,
};

use crate::operations::phone_of;

#[test]
fn a_power_cut_at_any_moment_leaves_the_old_record_or_the_new_and_nothing_lives_again() {
    sandboxed(|world| {
        let history = History::lived(world);
        let root = Path::new(STORE).parent().unwrap();
        let mut cache = PageCache::new();
        let mut looked_at = 0;
        let mut moment = 0;
        for (number, done) in history.recording.done().iter().enumerate() {
            while history.moments[moment].ends <= number {
                moment += 1;
            }
            let during = &history.moments[moment];
            for image in cache.after(root, done, rounds(48, 2000)) {
                let seen = format!("{number}: {} {done:?}: {image:?}", during.what);
                during.holds(&image, &seen);
                looked_at += 1;
            }
        }
        // Everything is answered, and nothing is done any more.
        let last = history.moments.last().unwrap();
        for image in cache.left(root, rounds(48, 2000)) {
            last.holds(&image, &format!("at rest: {image:?}"));
            looked_at += 1;
        }
        println!(
            "{looked_at} disks after {} system calls",
            history.recording.done().len()
        );
    });
}

/// What alice did, and what holds meanwhile.
struct History {
    recording: Recording,
    moments: Vec<Moment>,
}

/// The time in which something is done, or right after it.
#[derive(Clone)]
struct Moment {
    what: &'static str,
    /// The number of the first call that is no longer in it.
    ends: usize,
    /// What the enrollment may be.
    enrollment: BTreeSet<Option<String>>,
    /// Whether there may be no store yet.
    store: Founded,
    promised: Promised,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Founded {
    Yes,
    Perhaps,
}

/// What was answered.
#[derive(Clone, Default)]
struct Promised {
    /// Codes, and when.
    used: Vec<(String, Time)>,
    /// Sets of backup codes, and which one of the set.
    spent: Vec<(Id, u8)>,
    /// How many wrong codes were answered since the last success.
    wrong: u32,
}

/// Who lives it.
struct Life<'w> {
    world: &'w World,
    alice: Person<'w>,
    history: History,
    promised: Promised,
}

impl History {
    fn lived(world: &World) -> Self {
        world.configure(
            "[backup_codes]\ncount = 20\n\
             [login]\nrhost_from = [\"door\"]\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n",
        );
        let root = Path::new(STORE).parent().unwrap();
        let mut life = Life {
            world,
            alice: world.passing_user("alice"),
            history: Self {
                recording: Recording::below(root),
                moments: Vec::new(),
            },
            promised: Promised::default(),
        };
        let mut codes = life.commands(
            "the first enrollment",
            &["enroll", "alice", "--yes", "--json"],
        );
        life.logs_in("a login by code", -1);
        life.logs_in_by_backup_code("a login by backup code", &codes, 0);
        life.logs_in("another login by code", 0);
        // Known places make the state as long as it gets: only then does it tear.
        for place in 1..=15 {
            life.logs_in_by_backup_code("a login from another place", &codes, place);
        }
        life.gives_a_wrong_code();
        codes = life.commands(
            "a replacement",
            &["enroll", "alice", "--yes", "--json", "--replace"],
        );
        life.logs_in("a login with the new phone", -1);
        life.logs_in_by_backup_code("a login by new backup code", &codes, 0);
        codes = life.commands("a renewal", &["codes", "alice", "--json"]);
        life.logs_in_by_backup_code("a login by renewed backup code", &codes, 0);
        life.goes_on_without_a_holder();
        life.commands("an unlocking", &["unlock", "alice"]);
        life.commands("a fresh state", &["unlock", "alice", "--fresh-state"]);
        life.commands("a removal", &["remove", "alice", "--yes"]);
        life.commands("enrolled again", &["enroll", "alice", "--yes", "--json"]);
        life.logs_in("a last login", 0);
        life.rests();
        life.history
    }
}

impl Life<'_> {
    /// Does something that is recorded, with the words to do it below.
    fn does<T>(&mut self, what: &'static str, run: impl FnOnce(&Self, &[&str]) -> T) -> T {
        let before = self.alice.enrollment();
        let founded = if Path::new(STORE).join("store.toml").exists() {
            Founded::Yes
        } else {
            Founded::Perhaps
        };
        let mut recording = std::mem::replace(
            &mut self.history.recording,
            Recording::below(Path::new("/")),
        );
        let came = recording.record(|wrapper| run(self, wrapper));
        let calls = recording.done().len();
        self.history.recording = recording;
        let after = self.alice.enrollment();
        assert!(
            self.history
                .moments
                .last()
                .is_none_or(|last| last.ends < calls)
        );
        // What was answered is promised from the next call on: only then is anything that this one did still to be lost.
        self.history.moments.push(Moment {
            what,
            ends: calls,
            enrollment: BTreeSet::from([before, after]),
            store: founded,
            promised: self.promised.clone(),
        });
        came
    }

    /// What holds from now on.
    fn rests(&mut self) {
        self.history.moments.push(Moment {
            what: "rest",
            ends: usize::MAX,
            enrollment: BTreeSet::from([self.alice.enrollment()]),
            store: Founded::Yes,
            promised: self.promised.clone(),
        });
    }

    fn commands(&mut self, what: &'static str, words: &[&str]) -> Vec<String> {
        let run = self.does(what, |life, wrapper| {
            life.world.nightlatch_below(wrapper, words).succeeds()
        });
        if !words.contains(&"--json") {
            return Vec::new();
        }
        let codes = run.json()["backup_codes"].as_array().unwrap().clone();
        codes
            .iter()
            .map(|code| code.as_str().unwrap().to_owned())
            .collect()
    }

    fn phone(&self) -> Phone {
        phone_of(&self.alice.enrollment().unwrap())
    }

    /// Logs in by the code of the step so many steps from now.
    fn logs_in(&mut self, what: &'static str, away: i64) {
        let phone = self.phone();
        phone.wait_for_room(5);
        let (code, now) = (phone.code_at(away), now());
        self.promised.wrong = 0;
        self.does(what, |life, wrapper| {
            let tries = life.alice.tries().answers([&code]);
            tries.run_below(wrapper).gives(Code::Success);
        });
        self.promised.used.push((code, now));
    }

    /// Logs in by this one of the backup codes, from a place of its own.
    fn logs_in_by_backup_code(&mut self, what: &'static str, codes: &[String], number: u8) {
        self.promised.wrong = 0;
        self.does(what, |life, wrapper| {
            let tries = life
                .alice
                .tries()
                .from(&format!("2001:db8:aaaa:{number:x}::1"));
            let tries = tries.answers([&codes[usize::from(number)]]);
            tries.run_below(wrapper).gives(Code::Success);
        });
        let enrollment = Enrollment::parse(&self.alice.enrollment().unwrap()).unwrap();
        let set = enrollment.backup_codes.unwrap().id;
        self.promised.spent.push((set, number));
    }

    fn gives_a_wrong_code(&mut self) {
        let wrong = self.phone().wrong_code();
        self.does("a wrong code", |life, wrapper| {
            let _ = life.alice.tries().answers([wrong]).run_below(wrapper);
        });
        self.promised.wrong += 1;
    }

    /// Somebody holds the lock and does not move.
    fn goes_on_without_a_holder(&mut self) {
        let states = self.alice.state_files();
        let [state] = &states[..] else {
            panic!("{states:?}")
        };
        let held = File::open(state).unwrap();
        held.lock().unwrap();
        self.logs_in("a login that goes on without another", 0);
        drop(held);
    }
}

impl Moment {
    /// Asserts it of a disk that a power cut left.
    fn holds(&self, image: &Image, seen: &str) {
        let _ = fs::remove_dir_all(STORE);
        image.put(in_its_place);
        let store = FileStore::new(Path::new(STORE));
        let alice = UserName::parse("alice").unwrap();
        let record = match store.look(&alice) {
            Ok(record) => record,
            Err(StoreError::NotAStore(_)) if self.store == Founded::Perhaps => {
                FileStore::create(Path::new(STORE)).unwrap();
                store.look(&alice).unwrap()
            }
            Err(error) => panic!("{error}: {seen}"),
        };
        let text = record
            .enrollment
            .as_ref()
            .map(|held| held.to_toml().to_string());
        assert!(self.enrollment.contains(&text), "{text:?}: {seen}");
        let Some(enrollment) = &record.enrollment else {
            return;
        };
        for (code, then) in &self.promised.used {
            let verdict = verdict_on(&record, code, *then);
            assert!(
                !matches!(verdict, Verdict::Accepted(_)),
                "lives again: {seen}"
            );
        }
        assert!(
            record.state.wrong.count >= self.promised.wrong,
            "a wrong code was forgotten: {seen}"
        );
        let set = enrollment.backup_codes.as_ref().unwrap().id;
        let spent = record.state.spent_of(set);
        for (_, number) in self.promised.spent.iter().filter(|(of, _)| *of == set) {
            let is_spent = spent.is_some_and(|spent| spent.holds(*number));
            assert!(is_spent, "lives again: {seen}");
        }

        let token = &enrollment.tokens[0];
        let code_at = |time: Time| token.code_at(Period::THIRTY.step_at(time)).to_string();
        let log_in = |time: Time| login(&store, &alice, enrollment.uid, &code_at(time), time);
        let soon = now().plus(60);
        match (record.state.integrity, log_in(soon)) {
            (Integrity::Whole, Verdict::Accepted(_)) => {}
            // The codes of now count as used, as documented; those of a little later do not.
            (Integrity::OneSlotBad, Verdict::Refused(Refusal::Replayed { .. })) => {
                let verdict = log_in(soon.plus(60));
                assert!(
                    matches!(verdict, Verdict::Accepted(_)),
                    "{verdict:?}: {seen}"
                );
            }
            other => panic!("{other:?}: {seen}"),
        }
    }
}

/// What is decided about a code, without keeping anything.
fn verdict_on(record: &Record, code: &str, now: Time) -> Verdict {
    let answer = Answer::parse(code.as_bytes()).unwrap();
    let attempt = Try {
        uid: record.enrollment.as_ref().unwrap().uid,
        place: Place::Elsewhere,
        answer: &answer,
        digest: None,
        invitations: Invitations::NotTaken,
        told: Told::Now,
        rules: &rules(),
    };
    match check(record, &attempt, now) {
        Decision::Answer(verdict, _) => verdict,
        Decision::NeedsDigest(..) => panic!("it is no backup code"),
    }
}

/// What comes of a login.
fn login(store: &FileStore, who: &UserName, uid: u32, code: &str, now: Time) -> Verdict {
    let (answer, rules) = (Answer::parse(code.as_bytes()).unwrap(), rules());
    let mut attempt = Attempt::new(uid, Place::Elsewhere, &answer, &rules);
    transaction::run(store, &At(now), who, &mut attempt).unwrap()
}

fn rules() -> Rules {
    Config::parse("", Path::new("/defaults")).unwrap().rules()
}

/// A clock that stands still.
struct At(Time);

impl Clock for At {
    fn now(&self) -> Result<Time, ClockError> {
        Ok(self.0)
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) {}
}

fn now() -> Time {
    Time::from_unix(UNIX_EPOCH.elapsed().unwrap().as_secs())
}

/// A slot that says it is in the file that was written says it of this file.
fn in_its_place(file: &File, bytes: &[u8]) -> Vec<u8> {
    let identity = identity(&file.metadata().unwrap());
    let mut bytes = bytes.to_vec();
    for slot in bytes.chunks_exact_mut(SLOT) {
        let length = u32::from_le_bytes(slot[12..16].try_into().unwrap()) as usize;
        let end = HEADER + length;
        let sum = slot[40..HEADER].to_vec();
        if !slot.starts_with(b"NLATCHST") || end > SLOT || checksum(slot, end) != sum[..] {
            continue;
        }
        slot[24..40].copy_from_slice(&identity);
        let sum = checksum(slot, end);
        slot[40..HEADER].copy_from_slice(&sum);
    }
    bytes
}

/// Inode and birth as they stand in a slot.
fn identity(metadata: &Metadata) -> Vec<u8> {
    let born = metadata.created().unwrap_or(UNIX_EPOCH);
    let born = born.duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let born = u64::try_from(born).unwrap();
    [metadata.ino().to_le_bytes(), born.to_le_bytes()].concat()
}

/// CRC-32 of a slot whose body ends there.
fn checksum(slot: &[u8], end: usize) -> [u8; 4] {
    let mut sum = !0_u32;
    for byte in slot[..40].iter().chain(&slot[HEADER..end]) {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
        }
    }
    (!sum).to_le_bytes()
}

const SLOT: usize = 4096;
const HEADER: usize = 44;
