//! A random history of many people, the same every time.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};

use nightlatch_tests::{Person, World, rounds, sandboxed};

use crate::agreement::{HOME, OFFICE, agreed, configure, now};
use crate::files::{SLOT, flip, restore};

#[test]
fn the_reader_agrees_on_a_random_history_of_many_people() {
    sandboxed(|world| {
        configure(world);
        let mut random = Random(20_261_124);
        let mut people: Vec<_> = (0..rounds(24, 60))
            .map(|n| world.passing_user(&format!("p{n}")))
            .collect();
        for person in &mut people {
            person.enroll();
        }
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..rounds(3, 200) {
            for person in &mut people {
                something_happens(world, person, &mut random);
            }
            for said in agreed(world).values() {
                let what = said["integrity"].as_str().unwrap_or("refused");
                *seen.entry(what.to_owned()).or_default() += 1;
            }
        }
        assert_eq!(seen.len(), 5, "not all of it came about: {seen:?}");
    });
}

/// One thing of those that people, administrators, disks and restores do.
fn something_happens(world: &World, person: &mut Person<'_>, random: &mut Random) {
    let name = person.name().to_owned();
    let hosts = [HOME, OFFICE, "198.51.100.7", "203.0.113.9", "2001:db8:9::1"];
    let tries = person
        .tries()
        .service(random.of::<&str>(&["door", "door", "beside", "elsewhere"]))
        .from(random.of::<&str>(&hosts));
    let state = person.state_files().into_iter().max();
    match random.below(20) {
        0..3 => {
            let code = person.phone().code_at(0);
            let _ = tries.answers([code]).run();
        }
        3..6 => {
            let _ = tries.answers([random.of(person.backup_codes())]).run();
        }
        6..10 => {
            let wrong = person.phone().wrong_codes(1 + random.below(3));
            let later = now() + random.below(40) as u64 * 60;
            let _ = tries.answers(wrong).at(later).run();
        }
        10 => drop(world.nightlatch(&["unlock", &name])),
        11 => drop(world.nightlatch(&["unlock", &name, "--fresh-state"])),
        12 => drop(world.nightlatch(&["codes", &name, "--json"])),
        13 => {
            drop(world.nightlatch(&["remove", &name, "--yes"]));
            if random.below(2) == 0 {
                person.is_forgotten();
                person.enroll();
            }
        }
        14 => {
            person.is_forgotten();
            person.enroll();
        }
        15 | 16 => {
            if let Some(state) = state {
                // Where nothing is looked at, as often as where something is.
                let end = *random.of(&[200, 4096]);
                let at = random.below(2) as u64 * SLOT + random.below(end) as u64;
                flip(&state, at, 1 << random.below(8));
            }
        }
        17 => {
            if let Some(state) = state {
                let file = OpenOptions::new().write(true).open(state).unwrap();
                let length = random.of(&[0, 1, 4095, 4096, 5000, 8191, 8193]);
                file.set_len(*length).unwrap();
            }
        }
        18 => {
            if let Some(state) = state {
                restore(&state);
            }
        }
        _ => {
            if let Some(text) = person.enrollment() {
                let mut length = random.below(text.len() + 200).min(text.len());
                while !text.is_char_boundary(length) {
                    length -= 1;
                }
                let path = person.directory().join("enrollment.toml");
                fs::write(path, &text[..length]).unwrap();
            }
        }
    }
}

/// xorshift64*: the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).unwrap() % limit
    }

    fn of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }
}
