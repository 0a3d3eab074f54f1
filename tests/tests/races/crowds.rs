//! Two hundred at the same moment.

use std::time::Duration;

use nightlatch_tests::{
    Code, Disk, Outcome, Person, Phone, STORE, World, nightlatch, rounds, sandboxed,
};

#[test]
fn of_200_simultaneous_logins_with_one_code_one_gets_in() {
    sandboxed(|world| {
        let _disk = Disk::of_the_machine(STORE);
        world.configure(QUICK);
        let alice = world.user("alice").enrolled();
        let step = alice.phone().step_now() + 1;
        let codes = alice.phone().codes_from_step(step, rounds(3, 300));
        for (round, code) in (0..).zip(&codes) {
            let tries = alice.tries().answers([code]).at_once(CROWD);
            let outcome = tries.clock_off_by(30 * round).run();
            assert_eq!(outcome.logins.len(), CROWD);
            assert_eq!(outcome.successes(), 1, "round {round}: {outcome:#?}");
            for login in &outcome.logins {
                // Refused because it was used, and not because the record was busy.
                assert!(
                    matches!(login.code(), Code::Success | Code::AuthErr),
                    "{login:#?}"
                );
            }
            println!("slowest of {CROWD} with one code: {:?}", slowest(&outcome));
        }
    });
}

#[test]
fn of_200_people_with_a_right_code_each_all_get_in_and_none_waits_longer_than_2_s() {
    sandboxed(|world| {
        let _disk = Disk::of_the_machine(STORE);
        world.configure(QUICK);
        let people = enrolled(world, CROWD);
        for round in 0..rounds(1, 60) {
            let mut tries = people[0].tries().at_once(CROWD);
            for (number, person) in people.iter().enumerate() {
                if number > 0 {
                    tries = tries.and_of(person);
                }
                // One step ahead in the first round, so that a slow machine does not leave the window.
                let step = person.phone().step_now() + 1;
                let step = step + u64::try_from(round).unwrap() * 10;
                tries = tries.answers([person.phone().code_of_step(step)]);
            }
            let ahead = i64::try_from(round).unwrap() * 300;
            let outcome = tries.clock_off_by(ahead).run();
            assert_eq!(outcome.logins.len(), CROWD);
            outcome.gives(Code::Success).asking(1);
            let slowest = slowest(&outcome);
            println!("slowest of {CROWD} people: {slowest:?}");
            assert!(slowest < Duration::from_secs(2), "{slowest:?}");
        }
    });
}

/// How long the one waited who waited longest, from the answer to the result.
fn slowest(outcome: &Outcome) -> Duration {
    let waits = outcome.logins.iter().map(|login| login.last_wait);
    waits.max().unwrap_or_default()
}

/// So many people with phones. Hashing their backup codes takes its time, so two are enrolled at once.
fn enrolled(world: &World, count: usize) -> Vec<Person<'_>> {
    let mut people: Vec<_> = (0..count)
        .map(|number| world.passing_user(&format!("person{number}")))
        .collect();
    let names: Vec<_> = people
        .iter()
        .map(|person| person.name().to_owned())
        .collect();
    let (first, second) = names.split_at(count / 2);
    let phones = std::thread::scope(|scope| {
        let other = scope.spawn(|| second.iter().map(|name| enroll(name)).collect::<Vec<_>>());
        let mut phones: Vec<_> = first.iter().map(|name| enroll(name)).collect();
        phones.extend(other.join().unwrap());
        phones
    });
    for (person, phone) in people.iter_mut().zip(phones) {
        person.takes_phone(phone, Vec::new());
    }
    people
}

fn enroll(name: &str) -> Phone {
    let run = nightlatch(&["enroll", name, "--yes", "--json"]).succeeds();
    Phone::scanning(run.json()["uri"].as_str().unwrap())
}

const CROWD: usize = 200;

const QUICK: &str = "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n[backup_codes]\ncount = 1\n";
