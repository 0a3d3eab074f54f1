//! All ways through a stack: what libpam makes of whatever its modules may return, gone through whole.
//!
//! A stack is a small machine: its state is the line, the impression so far (nothing, good, bad) and what is remembered for our
//! questions. [`Ways::of`] visits every state that can be reached, and questions are asked of those at the end. Pure; the rules
//! are those of libpam's dispatcher (`_pam_dispatch_aux`), jumps and substacks among them.

use std::collections::HashSet;

use super::modules::{self, Role};
use crate::pam_files::{Action, Does, Returned, Stack, Step};

/// Every end that a stack can come to, and what was seen on the way.
#[derive(Debug)]
pub struct Ways {
    ends: Vec<End>,
    /// Our lines that were run after a line of ours had been run already.
    pub again: Vec<usize>,
    /// Our lines that were run with no proof before them though one came, and none having failed.
    pub before_proof: Vec<usize>,
    /// Our lines that were run after a proof had failed, and none had succeeded.
    pub after_failed_proof: Vec<usize>,
    /// Our lines that were run with no proof before them.
    pub without_proof: Vec<usize>,
}

/// An end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct End {
    /// Whether the stack succeeded.
    pub opens: bool,
    /// What our lines returned.
    pub code: Code,
    /// Whether somebody proved who they are.
    pub proved: bool,
    /// The step at which it was decided that our line is not run, or the last one.
    pub at: usize,
    /// What the way there leans on, beside what was proved.
    pub leans_on: LeansOn,
}

/// What our lines returned, the best of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// None was run.
    NotRun,
    /// They could not do their work: the store, the configuration, the module itself.
    Broken,
    /// They refused.
    Refused,
    /// They asked nobody, by policy.
    Exempt,
    /// They accepted.
    Accepted,
}

/// What makes a way open to some and not to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeansOn {
    /// Nothing.
    Nothing,
    /// Being root already.
    Root,
    /// The condition in this step.
    Condition(usize),
}

/// What an exemption returns: `skip=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// `PAM_IGNORE`
    Ignore,
    /// `PAM_SUCCESS`
    Success,
}

/// What is proved before the stack is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// The application asked for a proof of its own, as sshd for a key.
    Proof,
}

impl Ways {
    /// All ways through a stack.
    pub fn of(stack: &Stack, before: Before) -> Self {
        let steps = &stack.steps;
        let mut ways = Self {
            ends: Vec::new(),
            again: Vec::new(),
            before_proof: Vec::new(),
            after_failed_proof: Vec::new(),
            without_proof: Vec::new(),
        };
        let start = State {
            at: 0,
            depth: 0,
            entered: Vec::new(),
            impression: Impression::None,
            status: Status::Failure,
            code: Code::NotRun,
            proved: before == Before::Proof,
            disproved: false,
            ours_unproved: None,
            leans_on: LeansOn::Nothing,
            left_at: 0,
        };
        let mut seen = HashSet::from([start.clone()]);
        let mut open = vec![start];
        while let Some(state) = open.pop() {
            if state.at >= steps.len() {
                ways.ends.push(state.end());
                continue;
            }
            for next in ways.after(state, steps) {
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        for lines in [
            &mut ways.again,
            &mut ways.before_proof,
            &mut ways.after_failed_proof,
            &mut ways.without_proof,
        ] {
            lines.sort_unstable();
            lines.dedup();
        }
        ways
    }

    /// The first end that is so, in favour of one that leans on nothing.
    pub fn find(&self, is_so: impl Fn(&End) -> bool) -> Option<End> {
        let ends = self.ends.iter().filter(|end| is_so(end));
        ends.min_by_key(|end| (end.leans_on, end.at)).copied()
    }

    /// Whether the stack can succeed at such an end.
    pub fn opens(&self, is_so: impl Fn(&End) -> bool) -> bool {
        self.ends.iter().any(|end| end.opens && is_so(end))
    }

    fn after(&mut self, state: State, steps: &[Step]) -> Vec<State> {
        let step = &steps[state.at];
        let mut state = state.at_depth(step.depth);
        match &step.does {
            Does::Substack(_) => {
                state.at += 1;
                vec![state]
            }
            Does::Fail(_) => {
                let mut next = state;
                next.fails();
                next.at += 1;
                vec![next]
            }
            Does::Run {
                module,
                arguments,
                actions,
                ..
            } => {
                let role = modules::role(module);
                if role == Role::Code {
                    self.note_ours(&state);
                }
                // A module that is told to do nothing but fail or count is one that looks.
                let skip = skip(arguments);
                let results = results(role, skip);
                let run = |&(returned, means): &(Returned, Code)| {
                    let mut next = state.clone();
                    next.remember(role, returned, means);
                    next.act(actions.on(returned), returned, role, steps);
                    next
                };
                let next: Vec<_> = results.iter().map(run).collect();
                if role == Role::Factor {
                    self.before_proof.extend(state.ours_unproved);
                }
                next
            }
        }
    }

    fn note_ours(&mut self, state: &State) {
        if state.code != Code::NotRun {
            self.again.push(state.at);
        }
        if !state.proved {
            self.without_proof.push(state.at);
            if state.disproved {
                self.after_failed_proof.push(state.at);
            }
        }
    }
}

/// What a module returns, and what that means where it is ours.
fn results(role: Role, skip: Skip) -> Vec<(Returned, Code)> {
    if role != Role::Code {
        let returns = modules::returns(role).iter();
        return returns.map(|&returned| (returned, Code::NotRun)).collect();
    }
    let exempt = match skip {
        Skip::Ignore => Returned::Ignore,
        Skip::Success => Returned::Success,
    };
    vec![
        (Returned::Success, Code::Accepted),
        (exempt, Code::Exempt),
        (Returned::AuthErr, Code::Refused),
        (Returned::AuthinfoUnavail, Code::Broken),
        (Returned::ServiceErr, Code::Broken),
        (Returned::ConvErr, Code::Broken),
        (Returned::ModuleUnknown, Code::Broken),
    ]
}

/// `skip=` of a line.
pub fn skip(arguments: &[String]) -> Skip {
    let last = arguments
        .iter()
        .rev()
        .find_map(|word| word.strip_prefix("skip="));
    match last {
        Some("success") => Skip::Success,
        _ => Skip::Ignore,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Impression {
    None,
    Good,
    Bad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Status {
    Success,
    Failure,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    at: usize,
    depth: usize,
    /// What held where each substack began, for `reset`.
    entered: Vec<(Impression, Status)>,
    impression: Impression,
    status: Status,
    code: Code,
    proved: bool,
    disproved: bool,
    /// A line of ours that was run with nothing proved or disproved before it.
    ours_unproved: Option<usize>,
    leans_on: LeansOn,
    left_at: usize,
}

impl State {
    fn at_depth(mut self, depth: usize) -> Self {
        while self.depth < depth {
            self.entered.push((self.impression, self.status));
            self.depth += 1;
        }
        while self.depth > depth {
            self.entered.pop();
            self.depth -= 1;
        }
        self
    }

    fn end(&self) -> End {
        End {
            opens: self.impression == Impression::Good && self.status == Status::Success,
            code: self.code,
            proved: self.proved,
            at: self.left_at,
            leans_on: self.leans_on,
        }
    }

    fn remember(&mut self, role: Role, returned: Returned, means: Code) {
        let succeeds = returned == Returned::Success;
        match role {
            Role::Code => {
                if !self.proved && !self.disproved {
                    self.ours_unproved = Some(self.at);
                }
                self.code = self.code.max(means);
            }
            Role::Factor if succeeds => self.proved = true,
            Role::Factor => self.disproved = true,
            _ => {}
        }
    }

    fn fails(&mut self) {
        self.impression = Impression::Bad;
        self.status = Status::Failure;
    }

    fn act(&mut self, action: Action, returned: Returned, role: Role, steps: &[Step]) {
        let here = self.at;
        match action {
            Action::Ignore => {}
            Action::Reset => {
                let entered = self.entered.last().copied();
                (self.impression, self.status) =
                    entered.unwrap_or((Impression::None, Status::Failure));
            }
            Action::Ok | Action::Done => {
                let still_well = match self.impression {
                    Impression::None => true,
                    Impression::Good => self.status == Status::Success,
                    Impression::Bad => false,
                };
                if still_well {
                    self.impression = Impression::Good;
                    // Also of one that is ignored: libpam keeps it as the answer then, which is no success.
                    self.status = match returned {
                        Returned::Success => Status::Success,
                        _ => Status::Failure,
                    };
                }
                if action == Action::Done && self.impression == Impression::Good {
                    self.lean(role, here);
                    self.decide(steps);
                    return;
                }
            }
            Action::Bad => self.fails(),
            Action::Die => {
                self.fails();
                self.decide(steps);
                return;
            }
            Action::Jump(lines) => {
                self.lean(role, here);
                self.jump(lines, steps);
            }
        }
        self.at += 1;
        self.left_at = here;
    }

    /// What happens now hangs on this line's result.
    fn lean(&mut self, role: Role, here: usize) {
        let leans_on = match role {
            Role::Root => LeansOn::Root,
            Role::Condition => LeansOn::Condition(here),
            _ => LeansOn::Nothing,
        };
        if self.leans_on == LeansOn::Nothing {
            self.leans_on = leans_on;
        }
    }

    /// The substack is decided, or all of it.
    fn decide(&mut self, steps: &[Step]) {
        self.left_at = self.at;
        let depth = self.depth;
        self.at = match depth {
            0 => steps.len(),
            _ => steps[self.at..]
                .iter()
                .position(|step| step.depth < depth)
                .map_or(steps.len(), |further| self.at + further),
        };
    }

    /// Leaves lines out; a substack is one of them. libpam takes a jump over the end for a failure.
    fn jump(&mut self, lines: usize, steps: &[Step]) {
        let depth = self.depth;
        let is_deeper =
            |at: usize, least| steps.get(at).is_some_and(|step: &Step| step.depth >= least);
        let mut left = lines;
        while left > 0 && is_deeper(self.at + 1, depth) {
            self.at += 1;
            while is_deeper(self.at + 1, depth + 1) {
                self.at += 1;
            }
            left -= 1;
        }
        if left > 0 {
            self.fails();
        }
    }
}

#[cfg(test)]
mod tests;
