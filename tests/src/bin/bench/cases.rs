//! What is measured, case by case.
//!
//! What is compared runs in turns, the first of a round changing from round to round, so that whatever else the machine does
//! falls on all of them alike. Between rounds the clock moves on, so that everybody has a code that was not used yet and no rate
//! limit is met.

use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::sync;

use crate::chart::Group;
use crate::driver::{Driver, PAM_AUTH_ERR, PAM_SUCCESS};
use crate::figures::Samples;
use crate::ground::{self, Crowd, Subject};
use crate::people::{Answers, PEOPLE, Person};
use crate::report::Row;
use crate::turns::in_turns;

/// Everything that is measured, and on what.
pub struct Bench {
    pub people: Vec<Person>,
    pub driver: Driver,
    /// Where the clock stands, in seconds since 1970.
    pub now: u64,
    pub pairs: usize,
}

/// What was measured.
#[derive(Debug, Default)]
pub struct Outcome {
    pub rows: Vec<Row>,
    pub groups: Vec<Group>,
    /// The longest time that the chart has to show whole, in µs.
    pub longest: f64,
}

impl Bench {
    pub fn loading(&mut self, outcome: &mut Outcome) {
        let modules = Subject::ALL.map(Subject::module);
        let mut samples: [Samples; 3] = Default::default();
        for round in 0..self.pairs {
            in_turns(round, &mut samples, |who| self.driver.load(&modules[who]));
        }
        let row = Row::new("loading the module");
        outcome
            .rows
            .push(of_each(row, &samples).ratio(samples[0].ratio(&samples[1]), 1.2));
    }

    /// Right and wrong codes of all three modules; libpam alone; and the bare input and output that a durable login cannot do
    /// without.
    pub fn codes(&mut self, outcome: &mut Outcome) {
        let mut samples: [Samples; 8] = Default::default();
        for round in 0..self.pairs {
            let (number, answers) = self.next(round);
            let driver = &mut self.driver;
            let name = self.people[number].name();
            in_turns(round, &mut samples, |who| match who {
                0..3 => driver
                    .login(&Subject::ALL[who].stack(), name, &answers.right)
                    .expecting(PAM_SUCCESS),
                3..6 => driver
                    .login(&Subject::ALL[who - 3].stack(), name, &answers.wrong)
                    .expecting(PAM_AUTH_ERR),
                6 => driver
                    .login(&ground::permit(), name, &answers.right)
                    .expecting(PAM_SUCCESS),
                _ => driver.bare(name),
            });
        }
        let [right, wrong] = [&samples[..3], &samples[3..6]];
        let [permit, bare] = [&samples[6], &samples[7]];
        let over = |who: usize| right[who].over(permit);
        let memory = |who: usize| right[who].peak_kib() - permit.peak_kib();
        let mut beyond = Row::new(format!(
            "right code, beyond libpam's own {} (bare I/O: {})",
            crate::report::time(permit.microseconds()),
            crate::report::time(bare.microseconds())
        ));
        let mut peak = Row::new("right code, peak memory beyond libpam's own");
        for (who, subject) in Subject::ALL.into_iter().enumerate() {
            beyond = beyond.time(subject, over(who));
            peak = peak.memory(subject, memory(who));
        }
        outcome.rows.extend([
            of_each(Row::new("right code"), right).ratio(right[0].ratio(&right[1]), 0.75),
            beyond.ratio(over(0) / bare.microseconds(), 1.5),
            of_each(Row::new("wrong code, no floor, no delay"), wrong)
                .ratio(wrong[0].ratio(&wrong[1]), 0.2),
            peak.kib(memory(0), 2048.0),
        ]);
        outcome.groups.extend([
            bars(&format!("Right code, {PEOPLE} people enrolled"), right),
            bars(&format!("Wrong code, {PEOPLE} people enrolled"), wrong),
        ]);
        for all in [right, wrong] {
            for one in all {
                outcome.longest = outcome.longest.max(one.microseconds());
            }
        }
    }

    /// Each person has one that all hold; ours is hashed, the peer's is plain text.
    pub fn backup_codes(&mut self, outcome: &mut Outcome) {
        let mut samples: [Samples; 2] = Default::default();
        for round in 0..self.pairs.min(PEOPLE) {
            let (number, _) = self.next(round);
            let driver = &mut self.driver;
            let person = &self.people[number];
            let codes = [person.backup_code(), crate::people::SCRATCH_CODE];
            in_turns(round, &mut samples, |who| {
                driver
                    .login(&Subject::ALL[who].stack(), person.name(), codes[who])
                    .expecting(PAM_SUCCESS)
            });
        }
        let row = Row::new("backup code (ours hashed, the other in plain text)");
        outcome.rows.push(of_each(row, &samples));
    }

    /// From few enrolled people to many: ours first and then the peer, whose rewriting of a large file keeps the disk busy.
    pub fn crowds(&mut self, outcome: &mut Outcome, sizes: [usize; 3]) {
        let usual = self.floor();
        let crowds = sizes.map(|size| {
            eprintln!("Writing records of {size} people…");
            let who = &self.people[..size.min(PEOPLE)];
            Crowd::gather(who, size)
        });
        sync();
        self.wait_for_the_disk(usual);
        let [ours, theirs] =
            [Subject::Nightlatch, Subject::Oath].map(|subject| self.crowd(subject, &crowds));
        for (kind, at) in [("right", 0), ("wrong", 3)] {
            for (number, crowd) in crowds.iter().enumerate() {
                let (ours, theirs) = (&ours[at..at + 3], &theirs[at..at + 3]);
                let row = Row::new(format!("{kind} code, {} people", thousands(crowd.count)))
                    .time(Subject::Nightlatch, ours[number].microseconds())
                    .time(Subject::Oath, theirs[number].microseconds());
                outcome.rows.push(if number == 0 {
                    row
                } else {
                    row.ratio(ours[number].ratio(&ours[0]), 1.1)
                });
            }
        }
        outcome.groups.push(
            Group::new(format!(
                "Right code, {} people enrolled",
                thousands(sizes[2])
            ))
            .bar(Subject::Nightlatch.name(), ours[2].microseconds())
            .bar(Subject::Oath.name(), theirs[2].microseconds()),
        );
    }

    /// Many people at one moment, each another one.
    pub fn bursts(&mut self, outcome: &mut Outcome, size: usize) {
        let mut samples: [Samples; 3] = Default::default();
        for round in 0..(self.pairs / 30).clamp(1, 10) {
            self.now += A_WHILE;
            self.driver.stand_at(self.now);
            let logins: Vec<_> = self.people[..size]
                .iter()
                .map(|person| (person.name(), person.answers_at(self.now).right))
                .collect();
            for turn in 0..3 {
                let who = (round + turn) % 3;
                let stack = Subject::ALL[who].stack();
                for one in self.driver.burst(&stack, &logins) {
                    samples[who].add(one);
                }
            }
        }
        // Where everybody is to be let in, nobody may be refused.
        assert_eq!(samples[0].with_code(PAM_SUCCESS), samples[0].len());
        let mut row = Row::new(format!("{size} people at once: median / 95 % / slowest"));
        for (who, subject) in Subject::ALL.into_iter().enumerate() {
            row = row.at_once(subject, &samples[who]);
        }
        outcome.rows.push(row);
    }

    /// Right and wrong codes of one module with each of these crowds.
    fn crowd(&mut self, subject: Subject, crowds: &[Crowd; 3]) -> [Samples; 6] {
        let mut samples: [Samples; 6] = Default::default();
        for round in 0..self.pairs {
            self.now += A_WHILE;
            self.driver.stand_at(self.now);
            let people = crowds.map(|crowd| &self.people[round % crowd.count.min(PEOPLE)]);
            let answers = people.map(|person| person.answers_at(self.now));
            let driver = &mut self.driver;
            in_turns(round, &mut samples, |who| {
                let (crowd, name) = (who % 3, people[who % 3].name());
                let stack = crowds[crowd].stack(subject);
                if who < 3 {
                    driver
                        .login(&stack, name, &answers[crowd].right)
                        .expecting(PAM_SUCCESS)
                } else {
                    driver
                        .login(&stack, name, &answers[crowd].wrong)
                        .expecting(PAM_AUTH_ERR)
                }
            });
        }
        samples
    }

    /// Waits until the disk is as quick again as it was: some take their time after many writes.
    fn wait_for_the_disk(&mut self, usual: f64) {
        let begun = Instant::now();
        while self.floor() > 1.3 * usual {
            if begun.elapsed() > PATIENCE {
                eprintln!("The disk stays slower than it was before the many files.");
                return;
            }
            thread::sleep(Duration::from_secs(2));
        }
        eprintln!("…ready after {} s.", begun.elapsed().as_secs());
    }

    /// What the bare input and output takes now, in µs.
    fn floor(&mut self) -> f64 {
        let mut samples = Samples::default();
        for person in &self.people[..50] {
            samples.add(self.driver.bare(person.name()));
        }
        samples.microseconds()
    }

    /// Moves the clock on; says whose turn it is in this round, and what that person may answer.
    fn next(&mut self, round: usize) -> (usize, Answers) {
        self.now += A_WHILE;
        self.driver.stand_at(self.now);
        let number = round % self.people.len();
        (number, self.people[number].answers_at(self.now))
    }
}

fn of_each(mut row: Row, samples: &[Samples]) -> Row {
    for (subject, samples) in Subject::ALL.into_iter().zip(samples) {
        row = row.time(subject, samples.microseconds());
    }
    row
}

fn bars(title: &str, samples: &[Samples]) -> Group {
    Subject::ALL
        .into_iter()
        .zip(samples)
        .fold(Group::new(title), |group, (subject, samples)| {
            group.bar(subject.name(), samples.microseconds())
        })
}

/// A number of people as it is written.
fn thousands(count: usize) -> String {
    if count < 1000 {
        count.to_string()
    } else {
        format!("{},{:03}", count / 1000, count % 1000)
    }
}

/// How far the clock moves between rounds, in seconds: two steps of a token.
const A_WHILE: u64 = 60;

/// How long a disk may be slow.
const PATIENCE: Duration = Duration::from_secs(300);
