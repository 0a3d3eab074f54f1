//! The benchmark: what a login costs, side by side with `pam_google_authenticator` and `pam_oath` in the same run.
//!
//! Runs in the sandbox of the tests, with `/dev/log` served (without it a peer writes to the console and looks slower than
//! it is) and everybody's files on a real disk. Each call is a process of its own, so that loading the module counts. The
//! driver moves the clock. `cargo xtask bench` starts it, and `docs/performance.md` shows what came of it.

#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot go on says why and stops; what it prints would be worth nothing"
)]

mod cases;
mod chart;
mod driver;
mod figures;
mod ground;
mod people;
mod report;
mod turns;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use nightlatch_tests::enter;

use crate::cases::{Bench, Outcome};
use crate::driver::Driver;
use crate::ground::Ground;

fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(std::env::args().skip(1)) else {
        eprintln!(
            "usage: bench FOLDER [--pairs N] [--people N]   (FOLDER: on the disk to measure on; started by cargo xtask bench)"
        );
        return ExitCode::from(2);
    };
    enter(|_| {
        run(&arguments);
        ExitCode::SUCCESS
    })
}

struct Arguments {
    disk: PathBuf,
    pairs: usize,
    /// In the largest store.
    people: usize,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let disk = words.next().filter(|word| !word.starts_with('-'))?;
        let mut arguments = Self {
            disk: disk.into(),
            pairs: 300,
            people: 100_000,
        };
        while let Some(option) = words.next() {
            let number = words.next()?.parse().ok()?;
            match option.as_str() {
                "--pairs" if number > 0 => arguments.pairs = number,
                // A hundredth of them is still more than ten.
                "--people" if number >= 2000 => arguments.people = number,
                _ => return None,
            }
        }
        Some(arguments)
    }
}

/// Measures, prints the table, and leaves `table.md` and `chart.svg` in the folder.
fn run(arguments: &Arguments) {
    let _ground = Ground::lay(&arguments.disk);
    eprintln!("Enrolling {} people…", people::PEOPLE);
    let people = people::enroll();
    ground::give_oath(&people);
    nix::unistd::sync();
    let mut bench = Bench {
        people,
        driver: Driver::start(),
        now: the_middle_of_this_step(),
        pairs: arguments.pairs,
    };
    let mut outcome = Outcome::default();
    eprintln!("Measuring…");
    bench.loading(&mut outcome);
    bench.codes(&mut outcome);
    bench.backup_codes(&mut outcome);
    for size in [50, people::PEOPLE] {
        bench.bursts(&mut outcome, size);
    }
    bench.crowds(&mut outcome, [10, arguments.people / 100, arguments.people]);
    let table = format!(
        "{}. {} pairs in turns; medians.\n\n{}",
        ground::described(),
        arguments.pairs,
        report::table(&outcome.rows)
    );
    println!("{table}");
    let chart = chart::svg(&outcome.groups, outcome.longest);
    for (name, text) in [("table.md", table), ("chart.svg", chart)] {
        fs::write(arguments.disk.join(name), text).expect("the disk takes files");
    }
}

fn the_middle_of_this_step() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_secs();
    now / 30 * 30 + 15
}
