//! Two hundred hours of a stranger who has alice's password, simulated with the real login, transaction and throttle.
//!
//! Whatever the stranger does, alice gets in where she usually is, no more guesses are looked at than docs/threat-model.md says, she is
//! told of each of them, and no try lengthens a lock. What this comes to is the tables of that page, which are worked out here.
//!
//! The short form tries every pace from everywhere, and takes turns with the rest. `cargo xtask soak
//! stranger` tries everything with everything, every ten seconds where it is steady.

mod dice;
mod game;
mod odds;
mod ways;

use std::collections::VecDeque;
use std::env;

use game::{Door, Game};
use ways::{HOME, Has, Pace, What, Whence};

use crate::testing::RULES;
use crate::testing::scene::alice;
use crate::testing::thrift::Thrift;
use crate::transaction::{Mend, Unlock, run};

/// As long as the stranger tries.
const HOURS: u64 = 200;
const HOUR: u64 = 60 * 60;

/// Where alice usually is: at home, and in her session on the host.
fn usual() -> [Door; 2] {
    [Door::ssh(HOME), Door::local("sudo", 1000)]
}

#[test]
fn whatever_a_stranger_tries_alice_gets_in_where_she_usually_is_and_sixty_guesses_are_looked_at() {
    let _thrift = Thrift::begin();
    let everywhere = Pace::ALL
        .iter()
        .flat_map(|pace| Whence::ALL.iter().map(move |whence| (*pace, *whence)));
    for (turn, (pace, whence)) in everywhere.enumerate() {
        for (index, what) in What::ALL.into_iter().enumerate() {
            for (other, has) in Has::ALL.into_iter().enumerate() {
                let is_its_turn = index == turn % 4 && other == (turn + turn / 4) % 4;
                if !is_its_turn && !is_soak() {
                    continue;
                }
                let seed = turn * 16 + index * 4 + other;
                let game = has.game(u64::try_from(seed).unwrap());
                let tries = play(&game, pace, whence, what);
                let said = format!("{pace:?} {whence:?} {what:?} {has:?}");
                let most = game.tally().most;
                assert_eq!(most.unknown, 60, "{said}: {most:?}");
                assert!(tries > 100 && game.logins.get() > 10, "{said}: {tries}");
            }
        }
    }
}

/// Lets the stranger try, and alice log in where she usually is, at any time and with mistakes. Says how often the stranger tried.
fn play(game: &Game, pace: Pace, whence: Whence, what: What) -> u64 {
    let usual = usual();
    for door in &usual {
        game.alice_logs_in(door, 0);
        game.pass(60);
    }
    let pace = match pace {
        Pace::Steady(_) if is_soak() => Pace::Steady(10),
        pace => pace,
    };
    let mut door = whence.door(game);
    let mut coming: VecDeque<u64> = [game.elapsed()].into();
    let mut alice_comes = game.elapsed() + 60 + game.dice.below(HOUR);
    let mut tries = 0;
    while game.elapsed() < HOURS * HOUR {
        let Some(stranger_comes) = coming.front().copied() else {
            let now = game.elapsed();
            let waits = if game.tally().unknown == 60 && !is_soak() {
                [HOUR].into()
            } else {
                pace.next(game, &door)
            };
            coming = waits.iter().map(|wait| now + wait).collect();
            continue;
        };
        if alice_comes <= stranger_comes {
            game.pass(alice_comes - game.elapsed());
            let at = usize::try_from(game.dice.below(2)).unwrap();
            let mistakes = u32::try_from(game.dice.below(9)).unwrap().saturating_sub(6);
            game.alice_logs_in(&usual[at], mistakes);
            alice_comes += 60 + game.dice.below(16 * HOUR);
            continue;
        }
        game.pass(stranger_comes - game.elapsed());
        coming.pop_front();
        tries += 1;
        pace.act(game, &door, what);
        for usual in &usual {
            assert!(game.opens(usual), "alice is kept out at {usual:?}");
        }
        // No lock is longer, and only the share of all strangers closes their places.
        door = whence.door(game);
        let opens = game.opens_in(&door, RULES.throttle.longest_lock);
        assert_eq!(opens, game.tally().unknown < 60);
    }
    tries
}

#[test]
fn tries_during_a_lock_do_not_move_its_end() {
    let patient = Has::Phone.game(1);
    let door = Whence::OneAddress.door(&patient);
    while let Some(seconds) = patient.opens_after(&door) {
        patient.pass(seconds);
        patient.tries(&door, &[guess(&patient)]);
    }
    let impatient = Has::Phone.game(2);
    let every = if is_soak() { 1 } else { 5 };
    for _ in 0..13 * HOUR / every {
        while impatient.opens(&door) {
            impatient.tries(&door, &[guess(&impatient)]);
        }
        impatient.tries(&door, &[guess(&impatient)]);
        impatient.pass(every);
    }
    // Five are free, and the sixth locks.
    let locks = [30, 60, 120, 240, 480].into_iter().chain([900; 49]);
    let ends = locks.scan(0, |end, lock| {
        *end += lock;
        Some(*end)
    });
    let expected: Vec<u64> = [0; 6].into_iter().chain(ends).collect();
    assert_eq!(*patient.moments.borrow(), expected);
    assert_eq!(*impatient.moments.borrow(), expected);
}

#[test]
fn whoever_is_where_alice_is_locks_it_for_a_quarter_of_an_hour_or_closes_it_and_no_other_place() {
    let [home, host] = usual();
    let game = Has::Phone.game(3);
    for door in [&home, &host] {
        game.alice_logs_in(door, 0);
        game.pass(60);
    }
    let mut closed = 0;
    let mut alice_comes = game.elapsed();
    while game.elapsed() < HOURS * HOUR {
        // The stranger is as fast as can be, but alice is faster where she waits for the lock to end.
        if game.elapsed() >= alice_comes && game.opens(&home) {
            game.alice_logs_in(&home, 0);
            alice_comes += 10 * 60 + game.dice.below(6 * HOUR);
        }
        game.tries(&home, &What::Guesses.words(&game));
        let elsewhere = Whence::ManyAddresses.door(&game);
        game.tries(&elsewhere, &What::Guesses.words(&game));
        assert!(game.opens(&host), "the other place stays open");
        if let Some(seconds) = game.opens_after(&home) {
            assert!(seconds <= 900);
            game.pass(seconds.max(1));
            continue;
        }
        // Twenty in a row close it. Alice gets in elsewhere, which does not open it; an administrator does.
        assert_eq!(at_most(&game).1, 20);
        game.pass(30);
        game.alice_logs_in(&host, 1);
        assert_eq!(game.opens_after(&home), None);
        unlock(&game);
        assert!(game.opens(&home));
        game.pass(30);
        game.alice_logs_in(&home, 0);
        closed += 1;
        alice_comes = game.elapsed() + game.dice.below(6 * HOUR);
    }
    assert!(closed > 10, "{closed}");
}

#[test]
fn whoever_is_at_all_of_alices_other_places_and_elsewhere_closes_none_where_they_are_not() {
    for cafes in [1, 2, 3, 14] {
        let game = Has::Phone.game(40 + cafes);
        let [home, host] = usual();
        let cafes: Vec<_> = (1..=cafes)
            .map(|number| Door::ssh(&format!("198.51.100.{number}")))
            .collect();
        for door in cafes.iter().chain([&home, &host]) {
            game.alice_logs_in(door, 0);
            game.pass(60);
        }
        while game.elapsed() < HOURS * HOUR {
            for door in cafes.iter().chain([&Whence::ManyAddresses.door(&game)]) {
                game.tries(door, &What::Guesses.words(&game));
                assert!(game.opens(&home) && game.opens(&host));
            }
            game.pass(900);
        }
        let (unknown, known, together) = at_most(&game);
        assert_eq!(unknown, 60);
        assert!(
            known <= 20 && (80..100).contains(&together),
            "{known}, {together}: at a hundred the tokens are disabled"
        );
        game.alice_logs_in(&host, 0);
    }
}

fn at_most(game: &Game) -> (u32, u32, u32) {
    let most = game.tally().most;
    (most.unknown, most.known, most.everywhere)
}

fn guess(game: &Game) -> game::Typed {
    What::Guesses.words(game).swap_remove(0)
}

/// What `nightlatch unlock alice` does.
fn unlock(game: &Game) {
    let mut unlock = Unlock {
        mend: Mend::Locks,
        rules: &RULES,
    };
    let scene = &game.scene;
    run(&scene.store, &scene.clock, &alice().name, &mut unlock)
        .unwrap()
        .unwrap();
    game.failures_are_forgotten();
}

fn is_soak() -> bool {
    env::var_os("NIGHTLATCH_SOAK").is_some()
}
