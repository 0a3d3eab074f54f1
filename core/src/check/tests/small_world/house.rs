//! Worlds of one enrolled person whose tokens and backup codes are answered with, through [`check`].

use std::cell::RefCell;
use std::iter::once;
use std::ops::RangeInclusive;

use super::key::{Key, add_optional, add_state};
use super::laws;
use super::must;
use super::past::{Guesses, Limits};
use super::search::World;
use crate::account::UserName;
use crate::answer::Answer;
use crate::backup_codes::{BackupCode, BackupCodes, Count};
use crate::check::{Decision, Invitations, Rules, SaltedDigest, Told, Try, Verdict, check};
use crate::enrollment::Enrollment;
use crate::place::Place;
use crate::scratch_codes::{ScratchCode, ScratchCodes};
use crate::state::{
    Closed, Fate, Integrity, SpentCodes, State, TemporaryCode, TokenState, WrongCodes,
};
use crate::store::{Change, Past, Record};
use crate::testing::{CHEAP, NOW};
use crate::time::Time;
use crate::token::{Step, Token};
use crate::transaction::{Close, Mend, Transaction, Unlock};

/// Who may answer what and when, and what else may happen.
pub(super) struct House {
    pub(super) rules: Rules,
    pub(super) failures: Failures,
    pub(super) clock: Clock,
    /// What the clock may show.
    pub(super) moments: Vec<Time>,
    /// From where somebody answers.
    pub(super) places: Vec<Place>,
    pub(super) events: Vec<Event>,
    /// All that may be answered.
    pub(super) answers: Vec<Typed>,
    /// What is enrolled, and the state that is decided on.
    pub(super) record: RefCell<Record>,
}

/// What becomes of failures and places.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failures {
    /// They cost so much.
    Cost(Limits),
    /// They and all places are forgotten after each try, so that nothing ever keeps anybody from guessing on.
    AreForgotten,
}

/// How the clock goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// Back as often as forward.
    Anyhow,
    /// Never back.
    Forward,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// That token's code of that step or counter.
    Code(usize, u64),
    BackupCode(u8),
    TemporaryCode,
    /// A code of no token.
    Wrong,
    /// A backup code of no set.
    WrongBackupCode,
}

/// An answer as it is typed.
pub(super) struct Typed {
    pub(super) given: Given,
    /// All steps whose code it is.
    pub(super) steps: Vec<(usize, u64)>,
    answer: Answer,
    digest: Option<SaltedDigest>,
}

/// What happens besides answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Unlock,
    Close,
    /// The newer of the two slots goes bad, and what was written last is lost.
    NewerSlotDecays,
    OlderSlotDecays,
    /// The file is copied, in place of what was copied before.
    Copy,
    /// The copy comes back.
    Restore,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) state: State,
    pub(super) guesses: Guesses,
    pub(super) closed: Closed,
    /// The latest step or counter of each token that opened the door.
    pub(super) latest: Vec<Option<u64>>,
    /// The backup codes that did, a bit each.
    pub(super) spent: u32,
    /// Whether the temporary code did.
    pub(super) lent: bool,
    /// Which of the moments it is, where the clock goes forward.
    pub(super) moment: usize,
    /// The state in the older slot.
    older: Option<State>,
    copy: Option<State>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// The number of the moment, from where, and the number of the answer.
    Answer(usize, Place, usize),
    Happens(usize, Event),
}

impl House {
    /// For each token the steps or counters whose codes are answered with.
    pub(super) fn new(
        tokens: Vec<(Token, RangeInclusive<u64>)>,
        backup_codes: Option<u8>,
        rules: Rules,
    ) -> Self {
        let (tokens, steps): (Vec<Token>, Vec<_>) = tokens.into_iter().unzip();
        let made = backup_codes.map(|count| {
            let count = Count::try_from(u64::from(count)).unwrap();
            BackupCodes::make(count, CHEAP).unwrap()
        });
        let (set, codes) = made.unzip();
        let state = State {
            tokens: tokens
                .iter()
                .map(|token| TokenState::new(token.id))
                .collect(),
            spent: set.iter().map(|set| SpentCodes::none(set.id)).collect(),
            ..State::default()
        };
        let answers = all_codes(&tokens, &steps)
            .into_iter()
            .chain(
                set.iter()
                    .flat_map(|set| all_backup_codes(set, codes.iter().flatten())),
            )
            .collect();
        let enrollment = Enrollment {
            user: UserName::parse("alice").unwrap(),
            uid: UID,
            created: NOW,
            tokens,
            backup_codes: set,
            scratch_codes: None,
        };
        Self {
            rules,
            failures: Failures::AreForgotten,
            clock: Clock::Anyhow,
            moments: Vec::new(),
            places: vec![HOME],
            events: Vec::new(),
            answers,
            record: RefCell::new(Record {
                enrollment: Some(enrollment),
                state,
                past: Past::Never,
            }),
        }
    }

    /// With a temporary code beside the backup codes.
    pub(super) fn with_temporary_code(mut self, expires: Time) -> Self {
        let code = BackupCode::parse(&"4".repeat(BackupCode::SYMBOLS)).unwrap();
        let digest = {
            let record = self.record.get_mut();
            let enrollment = record.enrollment.as_ref().unwrap();
            let set = enrollment.backup_codes.as_ref().unwrap();
            let made = SaltedDigest::make(&code, set.salt, set.cost).unwrap();
            record.state.temporary_code = Some(TemporaryCode {
                beside: set.id,
                salt: made.salt,
                digest: made.digest.clone(),
                expires,
                fate: Fate::Untold,
            });
            made
        };
        self.answers.push(Typed {
            digest: Some(digest),
            ..typed(Given::TemporaryCode, code.symbols())
        });
        self
    }

    /// The same with scratch codes of another system in the place of the backup codes, none of which is over in this world.
    pub(super) fn with_scratch_codes(mut self) -> Self {
        let record = self.record.get_mut();
        let enrollment = record.enrollment.as_mut().unwrap();
        let count = enrollment.backup_codes.take().unwrap().digests.len();
        let code = |number: usize| ScratchCode::parse(&(31_415_926 + number).to_string()).unwrap();
        let codes: Vec<_> = (0..count).map(code).collect();
        let end = Time::from_unix(u64::MAX);
        let scratch = ScratchCodes::make(&codes, CHEAP, end).unwrap();
        let set = &scratch.set;
        record.state.spent = vec![SpentCodes::none(set.id)];
        for typed in &mut self.answers {
            let code = match typed.given {
                Given::BackupCode(number) => codes[usize::from(number)].clone(),
                Given::WrongBackupCode => code(count),
                _ => continue,
            };
            typed.answer = Answer::parse(code.as_str().as_bytes()).unwrap();
            typed.digest = SaltedDigest::of_answer(&typed.answer, set.salt, set.cost).unwrap();
        }
        enrollment.scratch_codes = Some(scratch);
        self
    }

    /// What comes of an answer. A digest is made where it is asked for, and nowhere else.
    pub(super) fn decide(
        &self,
        state: &State,
        place: Place,
        typed: &Typed,
        now: Time,
    ) -> Result<(Verdict, Option<State>), String> {
        self.record.borrow_mut().state.clone_from(state);
        let record = self.record.borrow();
        let attempt = Try {
            uid: UID,
            place,
            answer: &typed.answer,
            digest: None,
            invitations: Invitations::NotTaken,
            told: Told::Now,
            rules: &self.rules,
        };
        let (with_digest, decision) = match (check(&record, &attempt, now), &typed.digest) {
            (Decision::NeedsDigest(..), Some(digest)) => {
                let digest = Some(digest);
                (true, check(&record, &Try { digest, ..attempt }, now))
            }
            (decision, _) => (false, decision),
        };
        let Decision::Answer(verdict, kept) = decision else {
            return Err("a digest is asked for that is there".to_owned());
        };
        if let Some(state) = &kept {
            must!(
                state.integrity == Integrity::Whole,
                "doubts are resolved before anything is written"
            );
        }
        let evaluated = !laws::is_unevaluated(&verdict);
        must!(
            with_digest == (evaluated && typed.digest.is_some()),
            "a digest is made of what is evaluated, and of nothing else: {verdict:?}"
        );
        Ok((verdict, kept))
    }

    /// The state as it is when an answer is looked at.
    pub(super) fn settled(&self, state: &State, now: Time) -> State {
        let mut settled = state.clone();
        settled.settle_places(now);
        self.with_enrollment(|enrollment| settled.resolve_doubts(enrollment, &self.rules, now));
        settled
    }

    pub(super) fn with_enrollment<T>(&self, with: impl FnOnce(&Enrollment) -> T) -> T {
        with(self.record.borrow().enrollment.as_ref().unwrap())
    }

    /// The code of a step, also of one that nobody answers with.
    pub(super) fn code(&self, token: usize, step: Step) -> Typed {
        self.with_enrollment(|enrollment| {
            let code = enrollment.tokens[token].code_at(step);
            typed(Given::Code(token, step.0), &code)
        })
    }

    fn happens(&self, node: &Node, event: Event, now: Time) -> Result<Option<Node>, String> {
        let mut after = node.clone();
        match event {
            Event::Unlock => {
                let mend = Mend::Locks;
                let rules = &self.rules;
                after.state = self.changed(node, Unlock { mend, rules }, now)?;
                after.guesses.forgive();
                after.closed = Closed::No;
            }
            Event::Close if node.closed == Closed::No => {
                after.state = self.changed(node, Close { rules: &self.rules }, now)?;
                after.closed = Closed::Yes;
            }
            Event::NewerSlotDecays if node.is_whole() => match &node.older {
                Some(older) => {
                    after.state.clone_from(older);
                    after.state.integrity = Integrity::OneSlotBad;
                }
                None => return Ok(None),
            },
            Event::OlderSlotDecays if node.is_whole() => {
                after.state.integrity = Integrity::OneSlotBad;
            }
            Event::Copy if node.is_whole() => after.copy = Some(node.state.clone()),
            Event::Restore => match &node.copy {
                // A drift that was learned since is not known to the copy: docs/format.md says what that means.
                Some(copy) if drifts(copy) == drifts(&node.state) => {
                    after.state.clone_from(copy);
                    after.state.integrity = Integrity::Copied;
                    after.older = None;
                }
                _ => return Ok(None),
            },
            _ => return Ok(None),
        }
        Ok(Some(after))
    }

    fn changed<T: Transaction>(
        &self,
        node: &Node,
        mut change: T,
        now: Time,
    ) -> Result<State, String> {
        self.record.borrow_mut().state.clone_from(&node.state);
        match change.apply(&self.record.borrow(), now).1 {
            Change::State(state) => Ok(state),
            other => Err(format!("the state is changed, and not: {other:?}")),
        }
    }

    /// What every step ends with.
    fn kept(&self, before: &Node, mut after: Node, moment: usize) -> Result<Option<Node>, String> {
        match &self.failures {
            Failures::Cost(_) => after.guesses.agree_with(&after.state)?,
            Failures::AreForgotten => {
                after.state.clear_failures();
                after.state.forget_places();
                after.guesses = Guesses::default();
            }
        }
        must!(
            after.closed == after.state.closed,
            "whoever is closed stays so"
        );
        after.state.wrong = WrongCodes::default();
        if self.clock == Clock::Forward {
            after.moment = moment;
        }
        if self.events.contains(&Event::NewerSlotDecays) && after.is_whole() {
            let mut written_over = before.state.clone();
            written_over.integrity = Integrity::Whole;
            let stands_in_both = self.with_enrollment(|enrollment| {
                after
                    .state
                    .is_to_stand_in_both_slots(&written_over, Some(enrollment))
            });
            if after.state != before.state {
                let in_older = if stands_in_both {
                    after.state.clone()
                } else {
                    written_over
                };
                after.older = Some(in_older);
            }
        }
        Ok(Some(after))
    }
}

impl Node {
    fn is_whole(&self) -> bool {
        self.state.integrity == Integrity::Whole
    }
}

impl World for House {
    type Node = Node;
    type Act = Act;

    fn first(&self) -> Node {
        let state = self.record.borrow().state.clone();
        Node {
            latest: vec![None; state.tokens.len()],
            state,
            guesses: Guesses::default(),
            closed: Closed::No,
            spent: 0,
            lent: false,
            moment: 0,
            older: None,
            copy: None,
        }
    }

    fn key(&self, node: &Node) -> Key {
        // The guesses are those that the state counts, and whoever is closed is so in it: that was compared.
        let mut key = Vec::with_capacity(64);
        key.push(u64::from(node.lent) << 63 | u64::from(node.spent) << 32 | node.moment as u64);
        for latest in &node.latest {
            add_optional(&mut key, *latest);
        }
        for state in once(&node.state).chain(&node.older).chain(&node.copy) {
            add_state(&mut key, state);
        }
        key.push(u64::from(node.older.is_some()) | u64::from(node.copy.is_some()) << 1);
        key.into()
    }

    fn acts(&self, node: &Node) -> Vec<Act> {
        let mut acts = Vec::new();
        for moment in self.moments_after(node) {
            for &place in &self.places {
                let answers = 0..self.answers.len();
                acts.extend(answers.map(|number| Act::Answer(moment, place, number)));
            }
            acts.extend(self.events.iter().map(|&event| Act::Happens(moment, event)));
        }
        acts
    }

    fn step(&self, node: &Node, act: Act) -> Result<Option<Node>, String> {
        match act {
            Act::Answer(moment, place, number) => {
                let now = self.moments[moment];
                let answer = &self.answers[number];
                let after = laws::answered(self, node, place, answer, now)?;
                self.kept(node, after, moment)
            }
            Act::Happens(moment, event) => match self.happens(node, event, self.moments[moment])? {
                Some(after) => self.kept(node, after, moment),
                None => Ok(None),
            },
        }
    }

    fn tell(&self, act: Act) -> String {
        match act {
            Act::Answer(moment, place, number) => {
                let (now, given) = (self.moments[moment], self.answers[number].given);
                format!("{given:?} from {place:?} at {now:?}")
            }
            Act::Happens(moment, event) => format!("{event:?} at {:?}", self.moments[moment]),
        }
    }

    fn holds(&self, node: &Node) -> Result<(), String> {
        let text = node.state.to_text();
        let mut read = State::parse(&text).map_err(|bad| format!("{bad}: {text}"))?;
        read.integrity = node.state.integrity;
        must!(read == node.state, "it is read as it was written: {text}");
        for moment in self.moments_after(node) {
            for &place in &self.places {
                laws::a_right_code_opens(self, node, place, self.moments[moment])?;
            }
        }
        Ok(())
    }
}

impl House {
    fn moments_after(&self, node: &Node) -> std::ops::Range<usize> {
        node.moment..self.moments.len()
    }
}

fn drifts(state: &State) -> Vec<i64> {
    state
        .tokens
        .iter()
        .map(|known| known.drift.steps())
        .collect()
}

/// The codes of these steps, and one that is none of them.
fn all_codes(tokens: &[Token], steps: &[RangeInclusive<u64>]) -> Vec<Typed> {
    let codes: Vec<((usize, u64), String)> = (0..)
        .zip(steps)
        .flat_map(|(token, steps)| steps.clone().map(move |step| (token, step)))
        .map(|(token, step)| ((token, step), tokens[token].code_at(Step(step)).to_string()))
        .collect();
    // Far from all that anybody answers with, so that what is asked of later moments is not met by it either.
    let far = |code: &String| {
        tokens.iter().zip(steps).all(|(token, steps)| {
            let (first, last) = (steps.start().saturating_sub(50), steps.end() + 50);
            (first..=last).all(|step| *token.code_at(Step(step)) != *code)
        })
    };
    let wrong = (0..1_000_000)
        .map(|number| format!("{number:06}"))
        .find(far)
        .unwrap();
    let mut all = vec![typed(Given::Wrong, &wrong)];
    all.extend(codes.iter().map(|((token, step), code)| {
        let same = codes
            .iter()
            .filter(|other| other.1 == *code)
            .map(|other| other.0);
        Typed {
            steps: same.collect(),
            ..typed(Given::Code(*token, *step), code)
        }
    }));
    all
}

fn all_backup_codes<'a>(
    set: &'a BackupCodes,
    codes: impl Iterator<Item = &'a BackupCode> + 'a,
) -> impl Iterator<Item = Typed> + 'a {
    let wrong = BackupCode::parse(&"3".repeat(BackupCode::SYMBOLS)).unwrap();
    let numbered = (0..).map(Given::BackupCode).zip(codes.cloned());
    once((Given::WrongBackupCode, wrong))
        .chain(numbered)
        .map(|(given, code)| Typed {
            digest: Some(SaltedDigest::make(&code, set.salt, set.cost).unwrap()),
            ..typed(given, code.symbols())
        })
}

fn typed(given: Given, text: &str) -> Typed {
    Typed {
        given,
        steps: match given {
            Given::Code(token, step) => vec![(token, step)],
            _ => Vec::new(),
        },
        answer: Answer::parse(text.as_bytes()).unwrap(),
        digest: None,
    }
}

const UID: u32 = 1000;

/// Where alice answers from, as in most worlds nobody else does.
pub(super) const HOME: Place = Place::Local(1);
