//! Any interleaving of several logins in which one person enrolls, and of what administrators do meanwhile: one enrollment is
//! kept at a time, an invitation is used once, and nothing is kept but by the account phase.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::enrolling::{app, by, shown};
use super::*;
use crate::admission::{Entry, LeftByLogin, admit};
use crate::enrollment::Enrollment;
use crate::id::Id;
use crate::messages::{KEPT, PROOF};
use crate::state::Standing;
use crate::store::Past;
use crate::surroundings::System;
use crate::testing::scene::request;
use crate::testing::token::token;
use crate::transaction::{
    CancelInvite, Close, Enroll, Enrolled, Existing, Invite, Mend, Remove, Transaction, Unlock,
    make_ticket, run,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn one_enrollment_is_kept_at_a_time_and_an_invitation_is_used_once(
        needs_invitation in any::<bool>(),
        steps in prop::collection::vec((what(), any::<u8>()), 0..64),
    ) {
        let gate = if needs_invitation { "ticket = true" } else { "open = true" };
        let scene = by(gate);
        let mut course = Course::new(&scene, needs_invitation);
        for (what, with) in steps {
            course.step(what, with);
            course.check();
        }
    }
}

#[test]
fn the_steps_of_the_property_do_enroll_and_are_refused() {
    // Invited; two type the invitation, prove a key and see the codes; both come to the account phase.
    let scene = by("ticket = true");
    let mut course = Course::new(&scene, true);
    course.step(What::Invite, 100);
    for login in [0, 1] {
        for _ in 0..4 {
            course.step(What::GoOn, login);
        }
    }
    assert_eq!(course.proved.len(), 2);
    course.step(What::AccountPhase, 0);
    assert!(course.kept.is_some());
    course.step(What::AccountPhase, 0);
    course.check();
    assert_eq!(course.used.len(), 1);
    assert!(scene.last_line().contains("reason=enrolled-meanwhile"));
}

/// What happens.
#[derive(Clone, Copy, Debug)]
enum What {
    /// A login begins, or gives a right answer if it can.
    GoOn,
    Mistake,
    BreakOff,
    AccountPhase,
    Invite,
    Cancel,
    Remove,
    Enroll,
    CloseOrUnlock,
    Doubt,
    Pass,
}

/// Mostly logins that go on, or nobody ever got to the end.
fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        24 => Just(What::GoOn),
        6 => Just(What::AccountPhase),
        4 => Just(What::Invite),
        1 => Just(What::Mistake),
        1 => Just(What::BreakOff),
        1 => Just(What::Cancel),
        2 => Just(What::Remove),
        1 => Just(What::Enroll),
        4 => Just(What::CloseOrUnlock),
        1 => Just(What::Doubt),
        1 => Just(What::Pass),
    ]
}

/// What is known to be true of bob's record.
struct Course<'s> {
    scene: &'s Scene,
    logins: [Option<(Login<'s>, Step)>; LOGINS],
    /// What logins proved, and no account phase took yet.
    proved: Vec<Prepared>,
    /// Every invitation that was handed out.
    tickets: Vec<(Ticket, String)>,
    /// The one that holds.
    open: Option<Ticket>,
    used: BTreeSet<Id>,
    /// The token that is enrolled.
    kept: Option<Id>,
    closed: Closed,
    past: Past,
    needs_invitation: bool,
    made: u8,
}

#[derive(Clone, Copy)]
struct Ticket {
    id: Id,
    expires: Time,
}

impl<'s> Course<'s> {
    fn new(scene: &'s Scene, needs_invitation: bool) -> Self {
        Self {
            scene,
            logins: [const { None }; LOGINS],
            proved: Vec::new(),
            tickets: Vec::new(),
            open: None,
            used: BTreeSet::new(),
            kept: None,
            closed: Closed::No,
            past: Past::Never,
            needs_invitation,
            made: 0,
        }
    }

    fn step(&mut self, what: What, with: u8) {
        let login = usize::from(with) % LOGINS;
        match what {
            What::GoOn if self.logins[login].is_none() => self.begin(login),
            What::GoOn => self.answer(login, Kind::Right, with),
            What::Mistake => self.answer(login, Kind::Wrong, with),
            What::BreakOff => self.logins[login] = None,
            What::AccountPhase => self.account_phase(with),
            What::Invite => self.invite(u64::from(with)),
            What::Cancel => self.cancel(),
            What::Remove => self.remove(),
            What::Enroll => self.enroll(),
            What::CloseOrUnlock => self.close_or_unlock(with),
            What::Doubt => self.doubt(),
            What::Pass => self.scene.pass(u64::from(with)),
        }
    }

    fn begin(&mut self, login: usize) {
        let mut begun = self.scene.login(Subject::Known(bob()));
        let step = begun.start();
        let is_offered = question(&step).ends_with(PROOF);
        let may_be = self.kept.is_none()
            && self.closed == Closed::No
            && self.past == Past::Never
            && !self.needs_invitation;
        assert_eq!(is_offered, may_be);
        self.logins[login] = Some((begun, step));
    }

    fn answer(&mut self, login: usize, kind: Kind, with: u8) {
        let Some((mut login_, step)) = self.logins[login].take() else {
            return;
        };
        let text = question(&step);
        let answer = match kind {
            Kind::Wrong => typed("000000"),
            Kind::Right if text.ends_with(KEPT) => Err(BadAnswer::Empty),
            // After a wrong code the key is not shown again.
            Kind::Right if text.ends_with(PROOF) && text.lines().count() < 3 => typed("000001"),
            Kind::Right if text.ends_with(PROOF) => shown(self.scene, &app(&step), 0),
            Kind::Right => match self.tickets.len() {
                0 => typed("000002"),
                count => typed(&self.tickets[count - 1 - usize::from(with / 64) % count].1),
            },
        };
        let step = login_.answer(answer);
        match step.then {
            Then::Ask(_) => self.logins[login] = Some((login_, step)),
            Then::Done(Verdict::Accepted(accepted)) => {
                assert!(matches!(accepted.factor, Factor::NewToken(_)));
                self.proved.extend(login_.into_prepared());
            }
            Then::Done(_) => assert!(login_.into_prepared().is_none()),
        }
    }

    /// The first factor was right: one of those that proved something comes to the account phase.
    fn account_phase(&mut self, with: u8) {
        if self.proved.is_empty() {
            return;
        }
        let prepared = self.proved.remove(usize::from(with) % self.proved.len());
        let (ticket, token) = (prepared.ticket, prepared.enrollment.tokens[0].id);
        let holds = match (ticket, self.open) {
            (Some(used), Some(open)) => used == open.id && self.scene.time() < open.expires,
            (Some(_), None) => false,
            (None, _) => self.past == Past::Never,
        };
        let is_to_be_kept = holds && self.kept.is_none() && self.closed == Closed::No;
        let before = self.scene.record_of(&bob()).state;
        let left = LeftByLogin {
            trust: None,
            prepared: Some(prepared),
            say: Vec::new(),
        };
        let world = self.scene.world(&System);
        let request = request(Subject::Known(bob()));
        let admission = admit(world, &self.scene.config, &request, left);
        if is_to_be_kept {
            assert_eq!(admission.entry, Entry::Open);
            let is_first = ticket.is_none_or(|ticket| self.used.insert(ticket));
            assert!(is_first, "it was used before");
            self.kept = Some(token);
            self.past = Past::Never;
            self.open = None;
        } else {
            assert_eq!(admission.entry, Entry::Refused);
            assert_eq!(self.scene.record_of(&bob()).state, before);
        }
    }

    fn invite(&mut self, seconds: u64) {
        let expires = self.scene.time().plus(seconds);
        let (ticket, code) = make_ticket(expires).unwrap();
        let open = Ticket {
            id: ticket.id,
            expires,
        };
        let rules = &self.scene.config.rules();
        let invited = self.run(Invite { ticket, rules });
        assert_eq!(invited.is_ok(), self.kept.is_none());
        self.tickets.push((open, code.grouped().to_string()));
        if invited.is_ok() {
            self.open = Some(open);
        }
    }

    fn cancel(&mut self) {
        let rules = &self.scene.config.rules();
        // Whether there was one to take back is the administrator's to know.
        let _ = self.run(CancelInvite { rules });
        self.open = None;
    }

    fn remove(&mut self) {
        let rules = &self.scene.config.rules();
        let removed = self.run(Remove { label: None, rules });
        if self.kept.take().is_some() {
            assert!(removed.is_ok());
            self.past = Past::Removed;
        }
        self.open = None;
        self.closed = Closed::No;
    }

    fn enroll(&mut self) {
        self.made = self.made.wrapping_add(1);
        let token = token(self.made, "phone");
        let id = token.id;
        let outcome = self.run(Enroll {
            enrollment: Enrollment {
                user: bob().name,
                uid: bob().uid,
                created: self.scene.time(),
                tokens: vec![token],
                backup_codes: None,
                scratch_codes: None,
            },
            existing: Existing::Keep,
            proved: Vec::new(),
            rules: &self.scene.config.rules(),
        });
        assert_eq!(outcome == Enrolled::New, self.kept.is_none());
        if outcome == Enrolled::New {
            self.kept = Some(id);
            self.past = Past::Never;
            self.open = None;
        }
    }

    fn close_or_unlock(&mut self, with: u8) {
        let rules = &self.scene.config.rules();
        if with.is_multiple_of(2) {
            self.run(Close { rules }).unwrap();
            self.closed = Closed::Yes;
        } else {
            let mend = Mend::Locks;
            // Where nothing is kept there is nothing to unlock.
            let _ = self.run(Unlock { mend, rules });
            self.closed = Closed::No;
        }
    }

    /// The state of somebody who is not enrolled comes back from a backup.
    fn doubt(&mut self) {
        let mut record = self.scene.record_of(&bob());
        if record.enrollment.is_none() && record.state.standing == Standing::Alone {
            record.state.integrity = Integrity::Copied;
            self.scene.store.put(&bob().name, record);
            self.open = None;
        }
    }

    fn run<T: Transaction>(&self, mut transaction: T) -> T::Outcome {
        let Scene { store, clock, .. } = self.scene;
        run(store, clock, &bob().name, &mut transaction).unwrap()
    }

    /// What is enrolled is what was kept, and nothing a login did by itself.
    fn check(&self) {
        let record = self.scene.record_of(&bob());
        let tokens = record.enrollment.iter().flat_map(|it| &it.tokens);
        let ids: Vec<Id> = tokens.map(|token| token.id).collect();
        assert_eq!(ids, self.kept.into_iter().collect::<Vec<_>>());
        assert_eq!(record.state.closed, self.closed);
        assert_eq!(record.past, self.past);
        let open = record.state.open_ticket(self.scene.time());
        assert!(open.is_none_or(|open| !self.used.contains(&open.id)));
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Right,
    Wrong,
}

const LOGINS: usize = 3;
