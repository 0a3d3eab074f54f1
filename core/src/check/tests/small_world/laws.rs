//! What must come of an answer, as `docs/format.md` and `docs/configuration.md` have it, written down once more.

use super::house::{Failures, Given, House, Node, Typed};
use super::must;
use crate::check::{Accepted, Factor, Fault, Refusal, Verdict, fault};
use crate::place::Place;
use crate::state::{Closed, Fate, News, State, Waiting};
use crate::throttle::Gate;
use crate::time::Time;
use crate::token::{Kind, Step};

/// What an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    Opens(Which),
    Used,
    Waits,
    Over,
    Nothing,
}

/// What opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Step(usize, u64),
    BackupCode(u8),
    TemporaryCode,
}

/// Answers, and says where that leads, or what of it must not be.
pub(super) fn answered(
    house: &House,
    before: &Node,
    place: Place,
    typed: &Typed,
    now: Time,
) -> Result<Node, String> {
    let (verdict, kept) = house.decide(&before.state, place, typed, now)?;
    if let Verdict::Unavailable(found) = &verdict {
        must!(
            *found == Fault::Clock && kept.is_none(),
            "{found:?}, {kept:?}"
        );
        must!(
            clock_is_wrong(house, &before.state, now),
            "the clock is not wrong"
        );
        return Ok(before.clone());
    }
    must!(
        !clock_is_wrong(house, &before.state, now),
        "the clock is wrong, and it is {verdict:?}"
    );
    let settled = house.settled(&before.state, now);
    let gate = house.rules.throttle.gate(&settled, place, now);
    let due = due_gate(house, before, place, gate)?;
    let mut after = before.clone();
    let state_after = |kept: &Option<State>| kept.clone().unwrap_or_else(|| before.state.clone());
    if let Some(refusal) = due {
        must!(
            verdict == Verdict::Refused(refusal.clone()),
            "{refusal:?} is due, not {verdict:?}"
        );
        after.state = state_after(&kept);
        unevaluated(house, before, &after, place, gate, now)?;
        return Ok(after);
    }
    let worth = worth(house, &settled, place, typed, now);
    match (&verdict, worth) {
        (Verdict::Accepted(accepted), Worth::Opens(which)) => {
            after.state = kept.ok_or("it opened, and nothing is written")?;
            opens(house, before, &mut after, typed, accepted, which)?;
            temporary_code_is_told(&settled, &after.state, accepted, (which, place, now))?;
            drift_is_learned(house, &settled, &after.state, which, now)?;
            must!(
                first_of_two(&after.state, place).is_none(),
                "what opens is the first of no two"
            );
            after.guesses.right(place);
        }
        (Verdict::Refused(Refusal::Wrong { locked_for }), Worth::Nothing) => {
            after.state = kept.ok_or("it was evaluated, and nothing is written")?;
            costs(house, &mut after, place, *locked_for, now)?;
            let first = first_of_two(&after.state, place);
            must!(
                first.is_none_or(|first| typed.steps.contains(&first)),
                "the first of two is {first:?}, and another try came after it"
            );
        }
        (Verdict::Refused(Refusal::Replayed { .. }), Worth::Used)
        | (Verdict::Refused(Refusal::TokenWaits | Refusal::BackupCodesWait), Worth::Waits)
        | (Verdict::Refused(Refusal::TemporaryCodeOver), Worth::Over) => {
            after.state = state_after(&kept);
            must!(
                after.state == before.state || after.state == settled,
                "it changes nothing"
            );
        }
        _ => return Err(format!("it is {verdict:?}, and worth {worth:?}")),
    }
    Ok(after)
}

/// Whether nothing was compared with anything.
pub(super) fn is_unevaluated(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Unavailable(_)
            | Verdict::Refused(
                Refusal::Locked { .. } | Refusal::ShareUsedUp | Refusal::Disabled | Refusal::Closed
            )
    )
}

/// A right code that was not used opens, once its place's lock is over, and once its token shows one that is later than any that
/// counts as used.
pub(super) fn a_right_code_opens(
    house: &House,
    node: &Node,
    place: Place,
    now: Time,
) -> Result<(), String> {
    if node.closed == Closed::Yes || clock_is_wrong(house, &node.state, now) {
        return Ok(());
    }
    let settled = house.settled(&node.state, now);
    let remaining = match house.rules.throttle.gate(&settled, place, now) {
        Gate::Locked { remaining } => remaining,
        Gate::Open => 0,
        Gate::ShareUsedUp | Gate::Disabled => return Ok(()),
    };
    must!(
        remaining <= house.rules.throttle.longest_lock,
        "{place:?} waits for {remaining} s at {now:?}"
    );
    let then = now.plus(remaining);
    let tokens = house.with_enrollment(|enrollment| enrollment.tokens.clone());
    for (number, (token, known)) in tokens.iter().zip(&settled.tokens).enumerate() {
        let (then, step) = match token.kind {
            Kind::Totp { period } => {
                let mut then = then;
                let end = |then| last_accepted(house, &settled, number, period.step_at(then).0);
                let furthest = then.plus(period.seconds() * (2 * house.rules.resync_window + 2));
                while known.last_step >= Some(Step(end(then))) && then < furthest {
                    then = then.plus(period.seconds());
                }
                (then, end(then))
            }
            Kind::Hotp { .. } if known.waiting == Waiting::Yes => continue,
            Kind::Hotp { counter } => {
                let next = known.last_step.map_or(counter.step(), |last| last.plus(1));
                (then, next.0)
            }
        };
        // One that another token has used counts as used.
        let is_shared = |typed: &Typed| {
            typed.given == Given::Code(number, step) && typed.steps.iter().any(|of| of.0 != number)
        };
        if house.answers.iter().any(is_shared) {
            continue;
        }
        let code = house.code(number, Step(step));
        let verdict = house.decide(&settled, place, &code, then)?.0;
        must!(
            matches!(verdict, Verdict::Accepted(_)),
            "step {step} of token {number} at {then:?} is {verdict:?}"
        );
    }
    for typed in &house.answers {
        if let Worth::Opens(Which::BackupCode(_) | Which::TemporaryCode) =
            worth(house, &settled, place, typed, then)
        {
            let verdict = house.decide(&settled, place, typed, then)?.0;
            must!(
                matches!(verdict, Verdict::Accepted(_)),
                "{:?} is {verdict:?}",
                typed.given
            );
        }
    }
    Ok(())
}

/// A step was used that lies further ahead than any that can be used.
fn clock_is_wrong(house: &House, state: &State, now: Time) -> bool {
    house.with_enrollment(|enrollment| {
        let is_wrong = enrollment
            .tokens
            .iter()
            .zip(&state.tokens)
            .any(|(token, known)| {
                let present = token.period().map(|period| now.unix() / period.seconds());
                let furthest = present.map(|present| present + house.rules.resync_window);
                known
                    .last_step
                    .is_some_and(|last| furthest.is_some_and(|furthest| last.0 > furthest))
            });
        debug_assert_eq!(
            is_wrong,
            fault(enrollment, state, &house.rules, now).is_some()
        );
        is_wrong
    })
}

/// Why nothing is evaluated, if so: whoever is closed, then whose guesses are used up, then whose place is locked.
fn due_gate(
    house: &House,
    before: &Node,
    place: Place,
    gate: Gate,
) -> Result<Option<Refusal>, String> {
    if before.closed == Closed::Yes {
        return Ok(Some(Refusal::Closed));
    }
    let Failures::Cost(limits) = &house.failures else {
        must!(
            gate == Gate::Open,
            "nothing costs anything, and it is {gate:?}"
        );
        return Ok(None);
    };
    Ok(match (before.guesses.shut(place, gate, limits)?, gate) {
        (Some(Gate::Disabled), _) => Some(Refusal::Disabled),
        (Some(_), _) => Some(Refusal::ShareUsedUp),
        (None, Gate::Locked { remaining }) => {
            let longest = limits.lock(before.guesses.of(place));
            must!(
                remaining <= longest,
                "{remaining} s, and {longest} s is the most"
            );
            Some(Refusal::Locked { remaining })
        }
        (None, _) => None,
    })
}

/// Nothing comes of a try that was not evaluated: no use, no count, and no lock that ends later.
fn unevaluated(
    house: &House,
    before: &Node,
    after: &Node,
    place: Place,
    gate: Gate,
    now: Time,
) -> Result<(), String> {
    let ends_at = |node: &Node, then: Time| {
        let settled = house.settled(&node.state, then);
        house.rules.throttle.gate(&settled, place, then)
    };
    if let Gate::Locked { remaining } = gate {
        let ends = now.plus(remaining);
        let gate = ends_at(after, ends);
        must!(
            gate == Gate::Open,
            "{remaining} s were told at {now:?}; at {ends:?} it is {gate:?}"
        );
    }
    let mut same = house.settled(&before.state, now);
    same.elsewhere.since = after.state.elsewhere.since;
    for (known, kept) in same.places.iter_mut().zip(&after.state.places) {
        known.bucket.since = kept.bucket.since;
    }
    must!(
        after.state == before.state || after.state == same,
        "it changes nothing but when a lock began"
    );
    Ok(())
}

fn worth(house: &House, settled: &State, place: Place, typed: &Typed, now: Time) -> Worth {
    match typed.given {
        Given::Wrong | Given::WrongBackupCode => Worth::Nothing,
        Given::BackupCode(number) => {
            if settled.spent[0].codes & (1 << number) != 0 {
                Worth::Used
            } else if settled.waiting.is_some() {
                Worth::Waits
            } else {
                Worth::Opens(Which::BackupCode(number))
            }
        }
        Given::TemporaryCode => match &settled.temporary_code {
            None => Worth::Nothing,
            Some(code) => match code.fate {
                Fate::Used { .. } => Worth::Used,
                Fate::Untold | Fate::Told if code.expires <= now => Worth::Over,
                Fate::Untold | Fate::Told => Worth::Opens(Which::TemporaryCode),
            },
        },
        Given::Code(..) => {
            let tokens = house.with_enrollment(|enrollment| enrollment.tokens.len());
            let mut worths = (0..tokens).map(|token| {
                let steps = typed.steps.iter().filter(|of| of.0 == token);
                let steps: Vec<u64> = steps.map(|of| of.1).collect();
                worth_of_code(house, settled, place, token, &steps, now)
            });
            // What was used of one token is used, whatever it is of another.
            let is_used = |worth: &Worth| matches!(worth, Worth::Used | Worth::Waits);
            let opens = |worth: &Worth| matches!(worth, Worth::Opens(_));
            worths
                .clone()
                .find(is_used)
                .or_else(|| worths.find(opens))
                .unwrap_or(Worth::Nothing)
        }
    }
}

/// What a code is worth that is the code of these steps of a token.
fn worth_of_code(
    house: &House,
    settled: &State,
    place: Place,
    token: usize,
    steps: &[u64],
    now: Time,
) -> Worth {
    let rules = &house.rules;
    let known = &settled.tokens[token];
    let kind = house.with_enrollment(|enrollment| enrollment.tokens[token].kind);
    let last = known.last_step.map(|step| step.0);
    let latest_of = |is: &dyn Fn(u64) -> bool| steps.iter().copied().filter(|step| is(*step)).max();
    let resynchronised = |within: &dyn Fn(u64) -> bool| {
        let old = settled.waiting.is_some()
            || settled
                .tokens
                .iter()
                .any(|known| known.waiting == Waiting::Yes);
        let first = settled.resync.filter(|first| {
            first.place == place && first.token == known.id && last < Some(first.step.0) && !old
        });
        let second = first.map(|first| first.step.0 + 1);
        latest_of(&|step| Some(step) == second && within(step))
    };
    let opens = |step: u64| Worth::Opens(Which::Step(token, step));
    match kind {
        Kind::Totp { period } => {
            let present = now.unix() / period.seconds();
            let shown = present.saturating_add_signed(known.drift.steps());
            let is_near = |step: u64| step.abs_diff(present) <= rules.resync_window;
            let in_window = |step: u64| is_near(step) && step.abs_diff(shown) <= rules.window;
            match latest_of(&in_window) {
                Some(step) if last < Some(step) => opens(step),
                Some(_) => Worth::Used,
                None => resynchronised(&is_near).map_or(Worth::Nothing, opens),
            }
        }
        Kind::Hotp { counter } => {
            let next = last.map_or(counter.step().0, |last| last + 1);
            let ahead = next + rules.look_ahead;
            if let Some(step) = latest_of(&|step| next <= step && step < ahead) {
                if known.waiting == Waiting::Yes {
                    Worth::Waits
                } else {
                    opens(step)
                }
            } else if latest_of(&|step| step < next && step + rules.look_ahead >= next).is_some() {
                Worth::Used
            } else {
                let is_near = |step: u64| ahead <= step && step < ahead + rules.resync_window;
                resynchronised(&is_near).map_or(Worth::Nothing, opens)
            }
        }
    }
}

/// The last step that a token accepts at the present one.
fn last_accepted(house: &House, settled: &State, token: usize, present: u64) -> u64 {
    let shown = present.saturating_add_signed(settled.tokens[token].drift.steps());
    (shown + house.rules.window).min(present + house.rules.resync_window)
}

/// What opened is later than all that opened before, and is noted; nothing else is taken back.
fn opens(
    house: &House,
    before: &Node,
    after: &mut Node,
    typed: &Typed,
    accepted: &Accepted,
    which: Which,
) -> Result<(), String> {
    match which {
        Which::Step(token, step) => {
            let noted = after.state.tokens[token].last_step;
            must!(
                noted == Some(Step(step)),
                "step {step} opens, and {noted:?} is noted"
            );
            must!(typed.steps.contains(&(token, step)), "it is another code");
            let latest = before.latest[token];
            must!(
                latest < Some(step),
                "step {step} opens, and {latest:?} did before"
            );
            after.latest[token] = Some(step);
            let label = house.with_enrollment(|enrollment| enrollment.tokens[token].label.clone());
            must!(
                matches!(&accepted.factor, Factor::Token { label: said, .. } if *said == label),
                "{:?}",
                accepted.factor
            );
        }
        Which::BackupCode(number) => {
            must!(
                before.spent & (1 << number) == 0,
                "backup code {number} opened before"
            );
            after.spent |= 1 << number;
            let noted = after.state.spent[0].codes;
            must!(noted & after.spent == after.spent, "{noted:b} is noted");
        }
        Which::TemporaryCode => {
            must!(!before.lent, "the temporary code opened before");
            after.lent = true;
        }
    }
    for (known, latest) in after.state.tokens.iter().zip(&after.latest) {
        let is_noted = known.last_step.map(|step| step.0) >= *latest;
        must!(
            is_noted || known.waiting == Waiting::Yes,
            "{latest:?} is forgotten"
        );
        must!(
            known.drift.steps().unsigned_abs() <= house.rules.resync_window,
            "{:?}",
            known.drift
        );
    }
    Ok(())
}

/// Whoever gets in otherwise is told of a temporary code what they do not know, and it is remembered until then.
fn temporary_code_is_told(
    settled: &State,
    after: &State,
    accepted: &Accepted,
    (which, place, now): (Which, Place, Time),
) -> Result<(), String> {
    let fate = |state: &State| state.temporary_code.as_ref().map(|code| code.fate);
    let is_expired = |state: &State| {
        let code = state.temporary_code.as_ref();
        code.is_some_and(|code| code.expires <= now)
    };
    let (told, due) = match (which, fate(settled)) {
        (Which::TemporaryCode, _) => {
            must!(
                accepted.factor == Factor::TemporaryCode,
                "{:?}",
                accepted.factor
            );
            let (at, from) = (now, place);
            (None, Some(Fate::Used { at, from }))
        }
        (_, None) => (None, None),
        (_, Some(Fate::Used { from, .. })) => (Some(News::Used { from }), None),
        (_, Some(before)) => {
            let told = (before == Fate::Untold).then_some(News::Made);
            (told, (!is_expired(settled)).then_some(Fate::Told))
        }
    };
    must!(
        accepted.temporary_code == told,
        "{:?} is told, and {told:?} is due",
        accepted.temporary_code
    );
    must!(
        fate(after) == due,
        "{:?} is kept, and {due:?} is due",
        fate(after)
    );
    Ok(())
}

/// What opens outside of the window says how far the token's clock is off; nothing else does.
fn drift_is_learned(
    house: &House,
    settled: &State,
    after: &State,
    which: Which,
    now: Time,
) -> Result<(), String> {
    for (token, (before, after)) in settled.tokens.iter().zip(&after.tokens).enumerate() {
        let (old, new) = (before.drift.steps(), after.drift.steps());
        let period = house.with_enrollment(|enrollment| enrollment.tokens[token].period());
        let due = match (which, period) {
            (Which::Step(opened, step), Some(period)) if opened == token => {
                let present = now.unix() / period.seconds();
                let shown = present.saturating_add_signed(old);
                let is_outside = step.abs_diff(shown) > house.rules.window;
                if is_outside {
                    step.wrapping_sub(present).cast_signed()
                } else {
                    old
                }
            }
            _ => old,
        };
        must!(
            new == due,
            "token {token} is off by {due} steps, and {new} are noted"
        );
    }
    Ok(())
}

/// The code from `place` that may be the first of two, by its token and step: the last try from there, or none.
fn first_of_two(state: &State, place: Place) -> Option<(usize, u64)> {
    let first = state.resync.filter(|first| first.place == place)?;
    let token = state
        .tokens
        .iter()
        .position(|known| known.id == first.token)?;
    Some((token, first.step.0))
}

/// A wrong answer was left to its place, and costs what it costs.
fn costs(
    house: &House,
    after: &mut Node,
    place: Place,
    locked_for: u64,
    now: Time,
) -> Result<(), String> {
    let Failures::Cost(limits) = &house.failures else {
        return Ok(());
    };
    after.guesses.wrong(place, limits);
    let gate = house.rules.throttle.gate(&after.state, place, now);
    let due = if after.guesses.shut(place, gate, limits)?.is_some() {
        0
    } else {
        limits.lock(after.guesses.of(place))
    };
    must!(
        locked_for == due,
        "{locked_for} s are told, and it costs {due} s"
    );
    Ok(())
}
