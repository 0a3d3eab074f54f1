//! The tables of odds in docs/threat-model.md, worked out: how many codes are right at a time is asked of the real check, how many
//! guesses are looked at of the real throttle. What differs from the page fails, and says what should stand there.

use super::game::{Door, Game};
use super::usual;
use super::ways::{Has, What, Whence, phones};
use crate::answer::Answer;
use crate::backup_codes::BackupCode;
use crate::check::{Rules, Verdict};
use crate::place::Place;
use crate::state::TokenState;
use crate::store::{Change, Record};
use crate::testing::scene::{Scene, alice};
use crate::testing::{NOW, RULES};
use crate::token::{Counter, Digits, Kind, Period, Step, Token};
use crate::transaction::{Attempt, Transaction as _};

const PAGE: &str = include_str!("../../../docs/threat-model.md");

const HOUR: u64 = 60 * 60;

#[test]
fn the_page_has_the_odds_of_a_guess() {
    let head = "| what is enrolled | right at a time | one guess | 60 guesses | 80 guesses | 100 guesses |\n\
                |---|---|---|---|---|---|\n";
    let table = enrolled().iter().fold(head.to_owned(), |table, row| {
        let chances = [1, 60, 80, 100].map(|guesses| one_in(row.chance_in(guesses)));
        table
            + &format!(
                "| {} | {} | {} |\n",
                row.said,
                row.right,
                chances.join(" | ")
            )
    });
    assert!(PAGE.contains(&table), "the page should have:\n{table}");
}

#[test]
fn the_page_has_what_guessing_comes_to_in_200_hours() {
    let head = "| who guesses | in the first hour | in 200 hours | let in within 200 hours | let in within a year |\n\
                |---|---|---|---|---|\n";
    let phone = &enrolled()[0];
    let table = campaigns().iter().fold(head.to_owned(), |table, row| {
        let guesses = match row.closes {
            Closes::Never => grouped(row.in_all),
            Closes::AtTheEnd => format!("{}, then closed", row.in_all),
        };
        table
            + &format!(
                "| {} | {} | {guesses} | {} | {} |\n",
                row.said,
                row.first_hour,
                one_in(phone.chance_in(row.in_all)),
                one_in(phone.chance_in(row.in_a_year())),
            )
    });
    assert!(PAGE.contains(&table), "the page should have:\n{table}");
}

#[test]
fn the_page_has_how_fast_a_stranger_may_guess() {
    let game = Has::Phone.game(1);
    let campaign = Campaign::of(&game, &Whence::OneAddress.door(&game), None);
    let moments = game.moments.borrow();
    let at_once = moments.iter().filter(|moment| **moment == 0).count();
    let minutes = moments[59].div_ceil(60);
    let sentence = format!(
        "{at_once} guesses are looked at at once, {} in the first hour, and the {}th after {} hours and {} minutes.",
        campaign.first_hour,
        moments.len(),
        minutes / 60,
        minutes % 60
    );
    assert!(
        PAGE.contains(&sentence),
        "the page should have:\n{sentence}"
    );
}

/// Something enrolled, and how it is guessed.
struct Enrolled {
    said: &'static str,
    /// How many codes are right at a time.
    right: usize,
    /// How likely a guess is to be one certain of them.
    each: f64,
    /// Whether it takes two guesses, the second of which may be the first of the next two.
    guesses: Guesses,
}

#[derive(Clone, Copy, PartialEq)]
enum Guesses {
    One,
    Two,
}

impl Enrolled {
    fn chance_in(&self, guesses: u32) -> f64 {
        let tries = match self.guesses {
            Guesses::One => guesses,
            Guesses::Two => guesses.max(2) - 1,
        };
        // 1 - (1 - p)^n, where p may be too small to be told from 0 in 1 - p.
        let right = u32::try_from(self.right).unwrap();
        let one = f64::from(right) * self.each;
        -(f64::from(tries) * (-one).ln_1p()).exp_m1()
    }
}

fn enrolled() -> Vec<Enrolled> {
    let phone = |said, digits, window| {
        let rules = Rules { window, ..RULES };
        of_tokens(said, &with_digits(phones(1), digits), digits, &rules)
    };
    let button = |said, digits, look_ahead| {
        let rules = Rules {
            look_ahead,
            ..RULES
        };
        of_tokens(said, &with_digits(buttons(), digits), digits, &rules)
    };
    let both: Vec<_> = phones(2).into_iter().take(1).chain(buttons()).collect();
    vec![
        phone("a phone", 6, 1),
        phone("a phone, `digits = 7`", 7, 1),
        phone("a phone, `digits = 8`", 8, 1),
        phone("a phone, `window = 0`", 6, 0),
        phone("a phone, `window = 3`", 6, 3),
        phone("a phone, `window = 10`", 6, 10),
        of_tokens("two phones", &phones(2), 6, &RULES),
        of_tokens("eight phones", &phones(8), 6, &RULES),
        button("a token with a button", 6, 10),
        button("a token with a button, `look_ahead = 100`", 6, 100),
        button("a token with a button, `digits = 8`", 8, 10),
        of_tokens("a phone and a token with a button", &both, 6, &RULES),
        pairs("a phone, by two guesses in a row that resynchronise it"),
        backup_codes("ten backup codes"),
    ]
}

fn with_digits(mut tokens: Vec<Token>, digits: u64) -> Vec<Token> {
    for token in &mut tokens {
        token.digits = Digits::try_from(digits).unwrap();
    }
    tokens
}

fn buttons() -> Vec<Token> {
    let mut tokens = phones(8).split_off(7);
    tokens[0].kind = Kind::Hotp {
        counter: Counter::ZERO,
    };
    tokens
}

/// What each token makes from far too early to far too late, each given to a record of its own.
fn of_tokens(said: &'static str, tokens: &[Token], digits: u64, rules: &Rules) -> Enrolled {
    let enrolled = enrolled_with(tokens);
    let right = tokens.iter().flat_map(|token| {
        let middle = match token.kind {
            Kind::Totp { .. } => Period::THIRTY.step_at(NOW).0,
            Kind::Hotp { .. } => 50,
        };
        let enrolled = &enrolled;
        (middle - 50..middle + 110)
            .filter(move |step| opens(&mut enrolled.clone(), &token.code_at(Step(*step)), rules))
    });
    Enrolled {
        said,
        right: right.count(),
        each: likeliest(digits),
        guesses: Guesses::One,
    }
}

/// Pairs of codes that open although neither would by itself.
fn pairs(said: &'static str) -> Enrolled {
    let tokens = phones(1);
    let enrolled = enrolled_with(&tokens);
    let present = Period::THIRTY.step_at(NOW).0;
    let code = |step| tokens[0].code_at(Step(step));
    let opens_alone = |step| opens(&mut enrolled.clone(), &code(step), &RULES);
    let right = (present - 50..present + 50).filter(|first| {
        let mut record = enrolled.clone();
        !opens_alone(*first)
            && !opens_alone(first + 1)
            && !opens(&mut record, &code(*first), &RULES)
            && opens(&mut record, &code(first + 1), &RULES)
    });
    Enrolled {
        said,
        right: right.count(),
        each: likeliest(6).powi(2),
        guesses: Guesses::Two,
    }
}

fn backup_codes(said: &'static str) -> Enrolled {
    let scene = Scene::new();
    let right = scene.backup_codes.iter().filter(|code| {
        let mut record = scene.record_of(&alice());
        opens(&mut record, code.symbols(), &RULES)
    });
    Enrolled {
        said,
        right: right.count(),
        each: 16_f64.powi(-i32::try_from(BackupCode::SYMBOLS).unwrap()),
        guesses: Guesses::One,
    }
}

/// How likely the likeliest code is. Codes are 31 bits modulo a power of ten (RFC 4226, 5.3), so that the lower ones come a little
/// more often, and a clever stranger guesses those.
fn likeliest(digits: u64) -> f64 {
    let values = 1_u32 << 31;
    let codes = 10_u32.pow(u32::try_from(digits).unwrap());
    f64::from(values.div_ceil(codes)) / f64::from(values)
}

fn enrolled_with(tokens: &[Token]) -> Record {
    let mut record = Scene::new().record_of(&alice());
    record.state.tokens = tokens
        .iter()
        .map(|token| TokenState::new(token.id))
        .collect();
    record.enrollment.as_mut().unwrap().tokens = tokens.to_vec();
    record
}

/// Whether an answer opens. The record remembers it.
fn opens(record: &mut Record, text: &str, rules: &Rules) -> bool {
    let answer = Answer::parse(text.as_bytes()).unwrap();
    let mut attempt = Attempt::new(1000, Place::Elsewhere, &answer, rules);
    let (verdict, change) = attempt.apply(record, NOW);
    if let Change::State(state) = change {
        record.state = state;
    }
    matches!(verdict, Verdict::Accepted(_))
}

/// A stranger who guesses whenever guesses are looked at for 200 hours.
struct Campaign {
    said: &'static str,
    first_hour: u32,
    in_all: u32,
    closes: Closes,
}

#[derive(Clone, Copy)]
enum Closes {
    Never,
    AtTheEnd,
}

/// Where alice gets in, and how often.
#[derive(Clone, Copy)]
struct Comes<'a> {
    every: u64,
    /// Each time at a new place, where it is nowhere.
    to: Option<&'a Door>,
}

fn campaigns() -> Vec<Campaign> {
    let [home, _] = usual();
    let at_home = |said, hours| {
        let every = hours * HOUR;
        let comes = Comes {
            every,
            to: Some(&home),
        };
        let game = Has::Phone.game(hours);
        Campaign {
            said,
            ..Campaign::of(&game, &home, Some(comes))
        }
    };
    let elsewhere = |said, hours| {
        let every = hours * HOUR;
        let comes = Comes { every, to: None };
        let game = Has::Phone.game(hours);
        let door = Whence::OneAddress.door(&game);
        Campaign {
            said,
            ..Campaign::of(&game, &door, Some(comes))
        }
    };
    let alone = |said, door: &Door| {
        let game = Has::Phone.game(7);
        Campaign {
            said,
            ..Campaign::of(&game, door, None)
        }
    };
    let away = Door::ssh("198.51.100.7");
    vec![
        alone(
            "a stranger, while alice gets in where she usually is",
            &away,
        ),
        elsewhere(
            "a stranger, while alice gets in at a new place every day",
            24,
        ),
        elsewhere(
            "a stranger, while alice gets in at a new place every 8 hours",
            8,
        ),
        alone(
            "a stranger behind alice's own address, while she gets in at another of her places",
            &home,
        ),
        at_home(
            "a stranger behind alice's own address, while she gets in there every 8 hours",
            8,
        ),
        at_home(
            "a stranger behind alice's own address, while she gets in there every hour",
            1,
        ),
    ]
}

impl Campaign {
    /// The stranger is always there as soon as guesses are looked at, but never before alice, and knows when to stop so that she
    /// comes in again, which clears what was counted.
    fn of(game: &Game, door: &Door, alice: Option<Comes<'_>>) -> Self {
        let [home, host] = usual();
        game.alice_logs_in(&host, 0);
        if *door == home {
            game.alice_logs_in(&home, 0);
        }
        let share = if *door == home { 20 } else { 60 };
        let stops_at = share - u32::from(alice.is_some());
        let mut comes = alice.map(|comes| comes.every);
        let mut new = 0_u32;
        while game.elapsed() < super::HOURS * HOUR {
            let to = match alice.and_then(|comes| comes.to) {
                Some(door) => door.clone(),
                None => Door::ssh(&format!("203.0.{}.{}", new / 256, new % 256)),
            };
            let is_alices_turn = comes.is_some_and(|comes| comes <= game.elapsed());
            if is_alices_turn && game.opens(&to) {
                game.alice_logs_in(&to, 0);
                new += 1;
                comes = comes.zip(alice).map(|(comes, alice)| comes + alice.every);
                continue;
            }
            let counted = if *door == home {
                game.tally().known.values().sum()
            } else {
                game.tally().unknown
            };
            let guesses = counted < stops_at;
            let wait = match game.opens_after(door) {
                Some(0) if guesses => {
                    game.tries(door, &What::Guesses.words(game)[..1]);
                    0
                }
                Some(wait @ 1..) if guesses || is_alices_turn => wait,
                Some(_) | None => HOUR,
            };
            let until_alice = comes
                .filter(|_| !is_alices_turn)
                .map_or(wait, |comes| comes - game.elapsed());
            game.pass(wait.min(until_alice));
        }
        let moments = game.moments.borrow();
        let count = |until: u64| moments.iter().filter(|moment| **moment < until).count();
        Self {
            said: "",
            first_hour: u32::try_from(count(HOUR)).unwrap(),
            in_all: u32::try_from(moments.len()).unwrap(),
            closes: match alice {
                Some(_) => Closes::Never,
                None => Closes::AtTheEnd,
            },
        }
    }

    /// At the same rate.
    fn in_a_year(&self) -> u32 {
        match self.closes {
            Closes::Never => self.in_all * 365 * 24 / u32::try_from(super::HOURS).unwrap(),
            Closes::AtTheEnd => self.in_all,
        }
    }
}

/// A chance as people say it, to two digits.
fn one_in(chance: f64) -> String {
    let count = 1.0 / chance;
    let exponent = count.log10().floor();
    let scale = 10_f64.powf(exponent - 1.0);
    let rounded = (count / scale).round() * scale;
    if rounded < 10.0 {
        format!("1 in {rounded:.1}")
    } else if rounded < 1e6 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 10 and a million"
        )]
        let rounded = rounded as u32;
        format!("1 in {}", grouped(rounded))
    } else if rounded < 1e9 {
        let millions = rounded / 1e6;
        let digits = usize::from(millions < 9.95);
        format!("1 in {millions:.digits$} million")
    } else {
        format!("1 in {:.1} × 10^{exponent}", count / 10_f64.powf(exponent))
    }
}

/// A number with a comma before the last three digits.
fn grouped(number: u32) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", number / 1000, number % 1000),
    }
}
