//! The benchmark: what a login costs, side by side with `pam_google_authenticator` in the same run.
//!
//! Runs in the sandbox of the tests, with `/dev/log` served (without it the peer writes to the console and looks slower than
//! it is) and both stores on a real disk. Each call is a process of its own, so that loading the module counts. What is
//! compared runs in turns, the first of a round changing from round to round. `cargo xtask bench` starts it.

#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot go on says why and stops; what it prints would be worth nothing"
)]

mod driver;
mod figures;
mod ground;
mod people;

use std::path::PathBuf;
use std::process::ExitCode;

use nightlatch_tests::{artifacts, enter};

use crate::driver::{Driver, Measured, PAM_AUTH_ERR, PAM_SUCCESS};
use crate::figures::{Row, Samples};
use crate::ground::Ground;
use crate::people::{Person, TRIES};

fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(std::env::args().skip(1)) else {
        eprintln!(
            "usage: bench FOLDER [--pairs N]   (FOLDER: on the disk to measure on; started by cargo xtask bench)"
        );
        return ExitCode::from(2);
    };
    enter(|_| {
        Bench::new(&arguments).run();
        ExitCode::SUCCESS
    })
}

struct Arguments {
    disk: PathBuf,
    pairs: usize,
}

impl Arguments {
    fn parse(arguments: impl Iterator<Item = String>) -> Option<Self> {
        let words: Vec<_> = arguments.collect();
        let (disk, pairs) = match &words[..] {
            [disk] => (disk, 300),
            [disk, option, pairs] if option == "--pairs" => (disk, pairs.parse().ok()?),
            _ => return None,
        };
        (!disk.starts_with('-') && pairs > 0).then(|| Self {
            disk: disk.into(),
            pairs,
        })
    }
}

/// Everything that is measured, and on what.
struct Bench {
    ground: Ground,
    people: Vec<Person>,
    driver: Driver,
}

impl Bench {
    fn new(arguments: &Arguments) -> Self {
        let ground = Ground::lay(&arguments.disk);
        let count = arguments.pairs.div_ceil(TRIES);
        eprintln!("Enrolling {count} people, each for {TRIES} logins of each kind…");
        let people = people::enroll(count);
        Self {
            ground,
            people,
            driver: Driver::start(),
        }
    }

    fn run(mut self) {
        println!("{}", self.ground.described());
        println!(
            "{} pairs in turns; medians in µs; the ratio is the median of the pairs' ratios.\n",
            self.people.len() * TRIES
        );
        println!("{}", Row::HEADING);
        for row in self.loading() {
            println!("{row}");
        }
        for row in self.right_codes() {
            println!("{row}");
        }
        for row in self.backup_codes() {
            println!("{row}");
        }
        for row in self.wrong_codes() {
            println!("{row}");
        }
    }

    fn loading(&mut self) -> Vec<Row> {
        let (ours, theirs) = (artifacts::module(), ground::peer_module());
        let mut samples = [Samples::default(), Samples::default()];
        for round in 0..self.people.len() * TRIES {
            let driver = &mut self.driver;
            in_turns(round, &mut samples, |who| {
                driver.load(if who == 0 { &ours } else { &theirs })
            });
        }
        let [ours, theirs] = &samples;
        vec![Row::ratio("loading the module", ours, theirs, 1.2)]
    }

    /// Right codes: both modules, libpam alone, and the bare input and output that a durable login cannot do without.
    fn right_codes(&mut self) -> Vec<Row> {
        let mut samples: [Samples; 4] = Default::default();
        people::give_peer_fresh_files(&self.people);
        for (number, person) in self.people.iter().enumerate() {
            let codes = person.codes_of_this_window();
            for (turn, code) in codes.iter().enumerate() {
                let (ground, driver) = (&self.ground, &mut self.driver);
                in_turns(number * TRIES + turn, &mut samples, |who| match who {
                    0 => driver
                        .login(&ground.ours(), person.name(), code)
                        .expecting(PAM_SUCCESS),
                    1 => driver
                        .login(&ground.theirs(), person.name(), code)
                        .expecting(PAM_SUCCESS),
                    2 => driver
                        .login(&ground.permit(), person.name(), code)
                        .expecting(PAM_SUCCESS),
                    _ => driver.bare(person.name()),
                });
            }
        }
        let [ours, theirs, permit, bare] = &samples;
        vec![
            Row::ratio("right code", ours, theirs, 0.75),
            Row::over_floor(
                "right code over libpam, against the bare I/O",
                ours,
                permit,
                bare,
                1.5,
            ),
            Row::memory(
                "peak memory of a right code, KiB over libpam",
                ours,
                theirs,
                permit,
                2048,
            ),
        ]
    }

    fn backup_codes(&mut self) -> Vec<Row> {
        people::give_peer_fresh_files(&self.people);
        let mut samples = [Samples::default(), Samples::default()];
        for (number, person) in self.people.iter().enumerate() {
            for turn in 0..TRIES {
                let (ground, driver) = (&self.ground, &mut self.driver);
                in_turns(number * TRIES + turn, &mut samples, |who| {
                    if who == 0 {
                        driver.login(&ground.ours(), person.name(), person.backup_code(turn))
                    } else {
                        driver.login(&ground.theirs(), person.name(), &people::scratch_code(turn))
                    }
                    .expecting(PAM_SUCCESS)
                });
            }
        }
        let [ours, theirs] = &samples;
        vec![Row::plain(
            "backup code (ours hashed, theirs plain text)",
            ours,
            theirs,
        )]
    }

    /// Wrong codes, fewer for each person than the throttle lets go free.
    fn wrong_codes(&mut self) -> Vec<Row> {
        people::give_peer_fresh_files(&self.people);
        let mut samples = [Samples::default(), Samples::default()];
        for (number, person) in self.people.iter().enumerate() {
            for (turn, code) in person.wrong_codes().iter().enumerate() {
                let (ground, driver) = (&self.ground, &mut self.driver);
                in_turns(number * TRIES + turn, &mut samples, |who| {
                    let stack = if who == 0 {
                        ground.ours()
                    } else {
                        ground.theirs()
                    };
                    driver
                        .login(&stack, person.name(), code)
                        .expecting(PAM_AUTH_ERR)
                });
            }
        }
        let [ours, theirs] = &samples;
        vec![Row::ratio(
            "wrong code, no floor, no delay",
            ours,
            theirs,
            0.2,
        )]
    }
}

/// Measures each of `samples`' subjects once, beginning with another one in each round.
fn in_turns<const N: usize>(
    round: usize,
    samples: &mut [Samples; N],
    mut measure: impl FnMut(usize) -> Measured,
) {
    for turn in 0..N {
        let who = (round + turn) % N;
        samples[who].add(measure(who));
    }
}
