//! Any sequence of answers, clocks and logins in each other's way: no step, counter or backup code ever opens twice, a lock never
//! grows by tries during it, and success is only told once it was written.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::answer::Tail;
use crate::backup_codes::{BackupCode, Count};
use crate::check::Refusal;
use crate::id::Id;
use crate::store::MemoryStore;
use crate::testing::token::token;
use crate::testing::{At, CHEAP, NOW, RULES};
use crate::throttle::Gate;
use crate::token::{Counter, Digits, Period, Token};

/// What happens next.
#[derive(Clone, Debug)]
enum Act {
    /// The code of a token so many steps or counters from where it is.
    Code { token: usize, off: i64 },
    /// That and the one after it.
    Two { token: usize, off: i64 },
    /// The code at the end of a field.
    Field { token: usize, off: i64 },
    /// A backup code.
    BackupCode(usize),
    /// What somebody answered before, so many answers ago.
    Again(usize),
    /// Nobody's code.
    Wrong,
    /// The next answers come from here.
    Moves(u32),
    /// Time passes, or the clock is set back.
    Clock(i64),
    /// The disk breaks, or is mended.
    Disk(Disk),
    /// The state is found to be one that may be old, as it is.
    Found(Integrity),
    /// An administrator closes the person.
    Closes,
    /// An administrator mends something.
    Unlocks(Mend),
}

#[derive(Clone, Copy, Debug)]
enum Disk {
    Works,
    Fails,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let off = || prop_oneof![4 => -1..=2_i64, 2 => -25..=35_i64];
    let act = prop_oneof![
        8 => (0..3_usize, off()).prop_map(|(token, off)| Act::Code { token, off }),
        6 => (0..3_usize, -22..=32_i64).prop_map(|(token, off)| Act::Two { token, off }),
        2 => (0..3_usize, off()).prop_map(|(token, off)| Act::Field { token, off }),
        2 => (0..3_usize).prop_map(Act::BackupCode),
        8 => (0..6_usize).prop_map(Act::Again),
        3 => Just(Act::Wrong),
        2 => (0..3_u32).prop_map(Act::Moves),
        4 => prop_oneof![1..=31_i64, 1..=2000_i64, -100..=-1_i64].prop_map(Act::Clock),
        1 => prop_oneof![Just(Disk::Works), Just(Disk::Fails)].prop_map(Act::Disk),
        1 => prop_oneof![Just(Integrity::OneSlotBad), Just(Integrity::Copied)].prop_map(Act::Found),
        1 => Just(Act::Closes),
        3 => Just(Act::Unlocks(Mend::Locks)),
        1 => prop_oneof![Just(Mend::Clock), Just(Mend::FreshState)].prop_map(Act::Unlocks),
    ];
    prop::collection::vec(act, 1..80)
}

struct Course {
    store: MemoryStore,
    tokens: Vec<Token>,
    codes: Vec<BackupCode>,
    now: Time,
    place: Place,
    disk: Disk,
    said: Vec<Answer>,
    /// What opened a door.
    opened: BTreeSet<(Id, Step)>,
    spent: BTreeSet<u32>,
}

impl Course {
    /// Two tokens that follow the clock, one of which is off, and one that counts.
    fn new() -> Self {
        let eight = Digits::try_from(8).unwrap();
        let mut tokens: Vec<Token> = (1..4)
            .map(|number| Token {
                digits: eight,
                ..token(number, &format!("token {number}"))
            })
            .collect();
        tokens[2].kind = Kind::Hotp {
            counter: Counter::try_from(40).unwrap(),
        };
        let (set, codes) = BackupCodes::make(Count::try_from(3).unwrap(), CHEAP).unwrap();
        let mut state = State {
            tokens: tokens
                .iter()
                .map(|token| TokenState::new(token.id))
                .collect(),
            spent: vec![SpentCodes::none(set.id)],
            ..State::default()
        };
        state.tokens[1].drift = Drift::new(-4).unwrap();
        let enrollment = Enrollment {
            user: alice(),
            uid: 1000,
            created: NOW,
            tokens: tokens.clone(),
            backup_codes: Some(set),
            scratch_codes: None,
        };
        let store = MemoryStore::new();
        store.put(
            &alice(),
            Record {
                enrollment: Some(enrollment),
                state,
                ..Record::default()
            },
        );
        // As one that compares and swaps, and loses.
        store.lose_races(1);
        Self {
            store,
            tokens,
            codes,
            now: NOW,
            place: Place::Local(1),
            disk: Disk::Works,
            said: Vec::new(),
            opened: BTreeSet::new(),
            spent: BTreeSet::new(),
        }
    }

    fn record(&self) -> Record {
        self.store.look(&alice()).unwrap()
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Code { token, off } => self.answer(Answer::parse(&self.code(token, off)).unwrap()),
            Act::Two { token, off } => {
                let codes = [self.code(token, off), self.code(token, off + 1)];
                for code in codes {
                    self.answer(Answer::parse(&code).unwrap());
                }
            }
            Act::Field { token, off } => {
                let code = self.code(token, off);
                let field = format!("7{}", std::str::from_utf8(&code).unwrap());
                self.answer(Answer::Tail(Tail::of(&field).unwrap()));
            }
            Act::BackupCode(number) => self.answer(Answer::BackupCode(self.codes[number].clone())),
            Act::Again(back) => {
                if let Some(said) = self.said.iter().rev().nth(back) {
                    self.answer(said.clone());
                }
            }
            Act::Wrong => self.answer(Answer::parse(b"000000").unwrap()),
            Act::Moves(place) => self.place = Place::Local(place),
            Act::Clock(by) => {
                let unix = self.now.unix().checked_add_signed(by).unwrap();
                self.now = Time::from_unix(unix);
            }
            Act::Disk(Disk::Works) => {
                self.disk = Disk::Works;
                self.store.mend_writes();
            }
            Act::Disk(Disk::Fails) => {
                self.disk = Disk::Fails;
                self.store.fail_writes();
            }
            Act::Found(integrity) => self.put(|state| state.integrity = integrity),
            Act::Closes => self.put(|state| state.closed = Closed::Yes),
            Act::Unlocks(mend) => {
                let unlock = &mut Unlock {
                    mend,
                    rules: &RULES,
                };
                let _ = self.run(unlock);
                // What was used in a time that is to come may open once more: that is what the administrator asked for.
                if mend != Mend::Locks {
                    let present = Period::THIRTY.step_at(self.now);
                    self.opened
                        .retain(|(id, step)| *id == self.tokens[2].id || *step <= present.plus(1));
                }
            }
        }
    }

    fn put(&self, change: impl Fn(&mut State)) {
        let mut record = self.record();
        change(&mut record.state);
        self.store.put(&alice(), record);
    }

    fn run<T: Transaction>(&self, transaction: &mut T) -> Result<T::Outcome, StoreError> {
        run(&self.store, &At(self.now), &alice(), transaction)
    }

    fn code(&self, token: usize, off: i64) -> Vec<u8> {
        let token = &self.tokens[token];
        let record = self.record();
        let known = record.state.token(token.id).unwrap();
        let from = match token.kind {
            Kind::Totp { period } => period.step_at(self.now).drifted(known.drift),
            Kind::Hotp { counter } => known.last_step.map_or(counter.step(), |last| last.plus(1)),
        };
        let step = Step(from.0.saturating_add_signed(off));
        token.code_at(step).as_bytes().to_vec()
    }

    fn answer(&mut self, answer: Answer) {
        let before = self.record();
        let gate = self.gate(&before.state);
        let mut attempt = Attempt::new(1000, self.place, &answer, &RULES);
        attempt.prepare(&before, self.now).unwrap();
        let verdict = self.run(&mut attempt);
        let after = self.record();
        if let Ok(Verdict::Accepted(_)) = verdict {
            assert!(matches!(self.disk, Disk::Works), "it was not written");
            assert_eq!(before.state.closed, Closed::No);
            assert_eq!(gate, Gate::Open);
            self.opens(&answer, &before.state, &after.state);
        } else {
            does_not_open(&before.state, &after.state);
        }
        if let Gate::Locked { remaining } = gate {
            let is_refused = matches!(
                verdict,
                Ok(Verdict::Refused(Refusal::Locked { .. } | Refusal::Closed)
                    | Verdict::Unavailable(_))
                    | Err(_)
            );
            assert!(is_refused, "{verdict:?}");
            let now = match self.gate(&after.state) {
                Gate::Locked { remaining } => remaining,
                Gate::Open | Gate::ShareUsedUp | Gate::Disabled => 0,
            };
            assert!(now <= remaining, "a lock grew from {remaining} to {now}");
            assert_eq!(before.state.wrong, after.state.wrong);
        }
        self.said.push(answer);
    }

    fn gate(&self, state: &State) -> Gate {
        let mut state = state.clone();
        state.settle_places(self.now);
        RULES.throttle.gate(&state, self.place, self.now)
    }

    /// Exactly one thing was used up: what was answered, and for the first time.
    fn opens(&mut self, answer: &Answer, before: &State, after: &State) {
        let mut used = Vec::new();
        for (token, known) in self.tokens.iter().zip(&after.tokens) {
            let Some(step) = known.last_step else {
                continue;
            };
            let is_it = answer
                .code_of(token.digits)
                .is_some_and(|code| code.as_str() == *token.code_at(step));
            if before.token(token.id).unwrap().last_step < Some(step) && is_it {
                used.push((token, step));
            }
        }
        if let Answer::BackupCode(_) = answer {
            let new = after.spent[0].codes & !before.spent[0].codes;
            assert_eq!(new.count_ones(), 1);
            assert!(self.spent.insert(new), "a backup code opened twice");
            assert!(used.is_empty());
            return;
        }
        assert_eq!(after.spent, before.spent);
        let [(token, step)] = used[..] else {
            panic!("{answer:?} used {} codes up", used.len());
        };
        if let Some(period) = token.period() {
            let present = period.step_at(self.now);
            let off = Drift::between(present, step).unwrap().steps();
            assert!(off.unsigned_abs() <= RULES.resync_window);
        }
        let is_new = self.opened.insert((token.id, step));
        assert!(is_new, "{} of {} opened twice", step.0, token.label);
    }
}

fn does_not_open(before: &State, after: &State) {
    for (one, other) in before.tokens.iter().zip(&after.tokens) {
        assert_eq!(one.drift, other.drift, "it is learned with a success alone");
        assert!(one.last_step <= other.last_step);
    }
    assert_eq!(before.spent, after.spent);
}

fn alice() -> UserName {
    UserName::parse("alice").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn nothing_opens_twice_locks_do_not_grow_and_success_is_written_whatever_comes(acts in acts()) {
        let mut course = Course::new();
        for act in acts {
            course.act(&act);
            for known in &course.record().state.tokens {
                prop_assert!(known.drift.steps().unsigned_abs() <= RULES.resync_window);
            }
        }
    }
}
