//! Which codes held when, what logins with them came to, and whether that can be.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nightlatch_tests::{Code, Person, Run};

/// All that happened.
#[derive(Default)]
pub struct History {
    codes: Mutex<Vec<Known>>,
    logins: Mutex<Vec<Login>>,
    /// Whether the record could be read, whenever somebody looked.
    looks: Mutex<Vec<bool>>,
}

/// A code that held at some time.
struct Known {
    code: String,
    is_backup: bool,
    /// A moment at which the change that ended it had been made.
    ended: Option<Instant>,
}

struct Login {
    code: String,
    began: Instant,
    came_to: Code,
}

impl History {
    pub fn new() -> Self {
        Self::default()
    }

    /// What was enrolled holds.
    pub fn begins(&self, person: &Person<'_>) {
        self.add(person.phone().code_at(0), false);
        self.codes_begin(person.backup_codes().to_vec());
    }

    /// These backup codes hold.
    pub fn codes_begin(&self, codes: Vec<String>) {
        for code in codes {
            self.add(code, true);
        }
    }

    /// Nothing holds any more that held before.
    pub fn ends(&self) {
        self.end(|_| true);
    }

    /// The backup codes hold no more.
    pub fn backup_codes_end(&self) {
        self.end(|known| known.is_backup);
    }

    /// Mostly one that holds, used or not; now and then one that held once.
    pub fn some_code(&self, chance: &mut u64) -> String {
        let codes = lock(&self.codes);
        let holding: Vec<_> = codes.iter().filter(|known| known.ended.is_none()).collect();
        let among = if next(chance).is_multiple_of(4) || holding.is_empty() {
            codes.iter().collect()
        } else {
            holding
        };
        let number = usize::try_from(next(chance)).unwrap() % among.len();
        among[number].code.clone()
    }

    /// A login with that code began then and came to that.
    pub fn noted(&self, code: String, began: Instant, came_to: Code) {
        lock(&self.logins).push(Login {
            code,
            began,
            came_to,
        });
    }

    /// Somebody looked, and could read the record or could not.
    pub fn listed(&self, is_readable: bool) {
        lock(&self.looks).push(is_readable);
    }

    /// How often it could not be read.
    pub fn unreadable(&self) -> usize {
        let looks = lock(&self.looks);
        looks.iter().filter(|&&is_readable| !is_readable).count()
    }

    /// Waits until so many more logins have begun and come to something.
    pub fn waits_for_logins(&self, count: usize) {
        let now = Instant::now();
        let until = now + Duration::from_secs(60);
        let are_enough = || {
            let logins = lock(&self.logins);
            logins.iter().filter(|login| login.began > now).count() >= count
        };
        while !are_enough() {
            assert!(Instant::now() < until, "logins go on: {self}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn successes(&self) -> usize {
        self.count()
            .get(&format!("{:?}", Code::Success))
            .copied()
            .unwrap_or_default()
    }

    /// No code opened twice, and none after what ended it had been made.
    pub fn can_be_explained(&self) {
        let codes = lock(&self.codes);
        let logins = lock(&self.logins);
        let opened = |known: &Known| {
            let with_it = logins.iter().filter(|login| login.code == known.code);
            with_it
                .filter(|login| login.came_to == Code::Success)
                .map(|login| login.began)
                .collect::<Vec<_>>()
        };
        for known in codes.iter() {
            let opened = opened(known);
            assert!(
                opened.len() <= 1,
                "{} opened {} times",
                known.code,
                opened.len()
            );
            for began in opened {
                assert!(
                    known.ended.is_none_or(|ended| began < ended),
                    "{} opened though it had ended before the login began",
                    known.code
                );
            }
        }
    }

    /// Logins came to nothing but one of these.
    pub fn gives_only(&self, expected: &[Code]) {
        for login in lock(&self.logins).iter() {
            assert!(
                expected.contains(&login.came_to),
                "{:?}: {self}",
                login.came_to
            );
        }
    }

    fn count(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for login in lock(&self.logins).iter() {
            *counts.entry(format!("{:?}", login.came_to)).or_default() += 1;
        }
        counts
    }

    fn add(&self, code: String, is_backup: bool) {
        lock(&self.codes).push(Known {
            code,
            is_backup,
            ended: None,
        });
    }

    fn end(&self, which: impl Fn(&Known) -> bool) {
        let now = Instant::now();
        for known in lock(&self.codes).iter_mut() {
            if known.ended.is_none() && which(known) {
                known.ended = Some(now);
            }
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unreadable, looks) = (self.unreadable(), lock(&self.looks).len());
        let logins = self.count();
        write!(
            f,
            "logins came to {logins:?}; {unreadable} of {looks} looks failed"
        )
    }
}

/// The backup codes that `enroll --json` or `codes --json` printed.
pub fn backup_codes(run: &Run) -> Vec<String> {
    let codes = run.json()["backup_codes"].clone();
    let codes = codes.as_array().unwrap().iter();
    codes
        .map(|code| code.as_str().unwrap().to_owned())
        .collect()
}

/// The next number of a sequence that looks like chance.
fn next(chance: &mut u64) -> u64 {
    *chance = chance
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *chance >> 33
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
