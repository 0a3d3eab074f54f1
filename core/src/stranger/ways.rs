//! What a stranger can choose: when to try, from where, what to type; and what alice has.

use std::collections::VecDeque;

use super::game::{Door, Game, Typed};
use crate::testing::token::token;
use crate::token::{Counter, Kind, Token};

/// When the stranger tries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// Every so many seconds.
    Steady(u64),
    /// Ten logins one after the other, every hour.
    Bursts,
    /// While it is open, and when it is locked at once, half-way, a second before the end, and at the end.
    AsLocksEnd,
    /// Eight logins stand at the question and all answer at once, every ten minutes.
    Racing,
}

impl Pace {
    pub(super) const ALL: [Self; 4] = [
        Self::Steady(300),
        Self::Bursts,
        Self::AsLocksEnd,
        Self::Racing,
    ];

    /// When the next tries come, in seconds from now.
    pub(super) fn next(self, game: &Game, door: &Door) -> VecDeque<u64> {
        match self {
            Self::Steady(seconds) => [seconds].into(),
            Self::Bursts => (0..10).chain([3600]).collect(),
            Self::AsLocksEnd => match game.opens_after(door) {
                Some(0) => [0].into(),
                Some(seconds) => [0, seconds / 2, seconds - 1, seconds].into(),
                None => [3600].into(),
            },
            Self::Racing => [600].into(),
        }
    }

    /// One time of it.
    pub(super) fn act(self, game: &Game, door: &Door, what: What) {
        if !matches!(self, Self::Racing) {
            return game.tries(door, &what.words(game));
        }
        let mut logins: Vec<_> = (0..8).map(|_| game.at_the_question(door)).collect();
        for nth in 0..3 {
            for login in &mut logins {
                let typed = what.words(game).swap_remove(nth);
                let _ = game.answers(login, door, &typed);
            }
        }
        drop(logins);
        game.scene.log.0.borrow_mut().clear();
    }
}

/// From where the stranger tries: alice never got in there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whence {
    OneAddress,
    ManyAddresses,
    /// One /48, which has 65,536 /64s.
    OneIpv6Range,
    /// One address, now in the dress of IPv6 and now not.
    Mapped,
    /// Names, nonsense, and alice's own address from a service that is not believed.
    Names,
    /// A second account on the host: su, and ssh to the host itself.
    SecondAccount,
    All,
}

impl Whence {
    pub(super) const ALL: [Self; 7] = [
        Self::OneAddress,
        Self::ManyAddresses,
        Self::OneIpv6Range,
        Self::Mapped,
        Self::Names,
        Self::SecondAccount,
        Self::All,
    ];

    pub(super) fn door(self, game: &Game) -> Door {
        let dice = &game.dice;
        match self {
            Self::OneAddress => Door::ssh("198.51.100.7"),
            Self::ManyAddresses => Door::ssh(&format!(
                "203.{}.{}.{}",
                dice.below(256),
                dice.below(256),
                dice.below(256)
            )),
            Self::OneIpv6Range => {
                let (line, host) = (1 + dice.below(0xffff), 1 + dice.below(0xffff));
                let said = format!("2001:db8:77:{line:x}::/64");
                Door::ssh_as(&format!("2001:db8:77:{line:x}::{host:x}"), &said)
            }
            Self::Mapped => match dice.below(2) {
                0 => Door::ssh("198.51.100.8"),
                _ => Door::ssh_as("::ffff:198.51.100.8", "198.51.100.8"),
            },
            Self::Names => match dice.below(7) {
                0 => Door::unbelieved(HOME),
                1 => Door::unbelieved("127.0.0.1"),
                index => {
                    let names = [
                        "UNKNOWN",
                        "alice.example",
                        "192.0.2.7 ",
                        "0300.0.2.7",
                        "[::1]",
                    ];
                    let index = usize::try_from(index).unwrap() - 2;
                    Door::ssh_as(names[index], "elsewhere")
                }
            },
            Self::SecondAccount => match dice.below(2) {
                0 => Door::local("su", 1001),
                _ => Door::ssh("127.0.0.1"),
            },
            Self::All => {
                let index = usize::try_from(dice.below(6)).unwrap();
                Self::ALL[index].door(game)
            }
        }
    }
}

/// Alice's address at home.
pub(super) const HOME: &str = "192.0.2.7";

/// What the stranger types in one login.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Guesses,
    /// Six, seven and eight digits, and what has a backup code's shape.
    Shapes,
    /// A code that alice's phone showed five minutes ago, as the first of two that resynchronise it, and a guess at the second.
    Pairs,
    /// A code that alice used, seen over her shoulder, and what is no code, between guesses.
    Seen,
}

impl What {
    pub(super) const ALL: [Self; 4] = [Self::Guesses, Self::Shapes, Self::Pairs, Self::Seen];

    pub(super) fn words(self, game: &Game) -> Vec<Typed> {
        let dice = &game.dice;
        let guess = |digits| Typed::Guess(dice.digits(digits));
        match self {
            Self::Guesses => vec![guess(6), guess(6), guess(6)],
            Self::Shapes => {
                let symbols: Vec<_> = "34679CFHJKMRTWXY".chars().collect();
                let symbol = |_| symbols[usize::try_from(dice.below(16)).unwrap()];
                let backup_code = Typed::Guess((0..20).map(symbol).collect());
                let mut shapes = vec![guess(6), guess(7), guess(8), backup_code];
                let first = usize::try_from(dice.below(4)).unwrap();
                shapes.rotate_left(first);
                shapes
            }
            Self::Pairs => vec![Typed::Guess(game.code_of_before(10)), guess(6), guess(6)],
            Self::Seen => {
                let used = game.used_code().map(Typed::NoTry);
                let first = used.unwrap_or(Typed::NoTry("her password".to_owned()));
                vec![first, guess(6), Typed::NoTry(String::new())]
            }
        }
    }
}

/// What alice has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Has {
    Phone,
    EightPhones,
    PhoneAndButton,
    PhoneWithAWrongClock,
}

impl Has {
    pub(super) const ALL: [Self; 4] = [
        Self::Phone,
        Self::EightPhones,
        Self::PhoneAndButton,
        Self::PhoneWithAWrongClock,
    ];

    pub(super) fn game(self, seed: u64) -> Game {
        let tokens = match self {
            Self::Phone | Self::PhoneWithAWrongClock => phones(1),
            Self::EightPhones => phones(8),
            Self::PhoneAndButton => {
                let mut tokens = phones(2);
                tokens[1].kind = Kind::Hotp {
                    counter: Counter::ZERO,
                };
                tokens
            }
        };
        let drift = match self {
            Self::PhoneWithAWrongClock => -7,
            Self::Phone | Self::EightPhones | Self::PhoneAndButton => 0,
        };
        Game::new(seed, &tokens, drift)
    }
}

/// So many phones.
pub(super) fn phones(count: u8) -> Vec<Token> {
    (1..=count)
        .map(|number| token(number, &format!("phone {number}")))
        .collect()
}
