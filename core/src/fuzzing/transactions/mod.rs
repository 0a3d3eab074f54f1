//! Any transactions at any times against a store of files, with crashes, overtaking, rot and restored backups in between: what
//! was answered with success never opens again, the enrollment is the old one or the new, and in the end a right code opens.

mod house;
mod model;

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use house::{House, Slot};
use model::{Becomes, Model, RULES, UID};

use crate::answer::Answer;
use crate::check::Verdict;
use crate::place::Place;
use crate::safe_file::planted::{self, Plan};
use crate::state::{Closed, Integrity, TokenState};
use crate::store::StoreError;
use crate::token::Period;
use crate::transaction::{
    CancelTemporaryCode, Close, Enroll, Enrolled, Existing, Invite, MakeTemporaryCode, Mend,
    NoTemporaryCode, NotInvited, NothingThere, Remove, RenewCodes, Transaction, Unlock, Unlocked,
};

/// Makes a store in `home`, an empty directory that nobody else may write in, and does there what the bytes say. Each step
/// takes four: what is done, with what, how much time passes before it, and what goes wrong meanwhile.
pub fn transactions(bytes: &[u8], home: &Path) {
    let mut course = Course {
        house: Rc::new(House::new(home)),
        model: Model::new(),
    };
    let (steps, _) = bytes.as_chunks::<4>();
    for &[what, with, when, trouble] in steps.iter().take(MOST_STEPS) {
        course.model.move_clock(when);
        course.step(what, with, Trouble::parse(trouble));
        course.check_record();
    }
    course.end();
}

struct Course {
    house: Rc<House>,
    model: Model,
}

/// What happens during a transaction.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    /// It is killed after so many changes of the disk.
    crash_after: Option<u8>,
    /// It is kept from running after so many, and a login goes on without it.
    pause_after: Option<u8>,
}

impl Trouble {
    fn parse(byte: u8) -> Self {
        let (low, high) = (byte & 7, byte >> 3 & 7);
        let (crash_after, pause_after) = match byte >> 6 {
            0 => (None, None),
            1 => (Some(byte & 0x1f), None),
            2 => (None, Some(byte & 0x1f)),
            _ => (Some(low + high), Some(low)),
        };
        Self {
            crash_after,
            pause_after,
        }
    }
}

/// What somebody answers at a login.
#[derive(Clone, Debug)]
struct Login {
    uid: u32,
    place: Place,
    answer: Answer,
}

impl Course {
    fn step(&mut self, what: u8, with: u8, trouble: Trouble) {
        match what % 16 {
            _ if what >= 248 => self.invite(trouble),
            _ if what >= 240 => self.close(trouble),
            _ if what >= 224 => self.lend(with, trouble),
            kind @ 0..=3 if with & 0x20 != 0 => {
                let login = self.model.login(kind, with);
                self.login_past_a_change(&login, with, trouble);
            }
            kind @ 0..=5 => {
                let login = self.model.login(kind, with);
                let verdict = self.troubled(trouble, &login, |house, model| {
                    house.login(&login, model.now)
                });
                self.model.answered(&login, verdict);
            }
            6 | 7 => self.enroll(with, trouble),
            8 => self.renew_codes(trouble),
            9 | 10 => self.remove(with, trouble),
            11 => self.unlock(Mend::Locks, trouble),
            12 => self.unlock(Mend::Clock, trouble),
            13 => self.unlock(Mend::FreshState, trouble),
            14 => self.rot(with),
            _ if with.is_multiple_of(2) => self.house.save_state(),
            _ => {
                if self.house.restore_state() {
                    self.model.restored();
                }
            }
        }
    }

    /// Runs something with trouble on the way; whoever logs in meanwhile is answered first.
    fn troubled<T>(
        &mut self,
        trouble: Trouble,
        meanwhile: &Login,
        run: impl FnOnce(&House, &Model) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (now, login) = (self.model.now, meanwhile.clone());
        let (outcome, verdict) =
            self.overtaken(trouble, move |house| house.login(&login, now), run);
        if let Some(verdict) = verdict {
            self.model.answered(meanwhile, verdict);
        }
        outcome
    }

    /// A login, on the way of which an administrator renews the backup codes, takes everything away, or does that and enrolls
    /// the person anew. It may have been done with all but tidying up by then, so that what was enrolled before may open.
    fn login_past_a_change(&mut self, login: &Login, with: u8, trouble: Trouble) {
        // Who is enrolled anew is not closed.
        self.model.closed = Closed::No;
        let (now, rules) = (self.model.now, &RULES);
        let mut enroll = Enroll {
            enrollment: self.model.new_enrollment(1),
            existing: Existing::Keep,
            proved: Vec::new(),
            rules,
        };
        let codes = self.model.new_codes();
        let becomes = match (with % 4, self.model.enrollment.clone()) {
            (_, None) => return,
            (0, Some(_)) => Becomes::Removed,
            (1, Some(mut enrollment)) => {
                enrollment.backup_codes = Some(codes.clone());
                Becomes::Enrolled(enrollment)
            }
            (_, Some(_)) => Becomes::Enrolled(enroll.enrollment.clone()),
        };
        let change = move |house: &House| -> Result<bool, StoreError> {
            let label = None;
            Ok(match with % 4 {
                0 => house.run(&mut Remove { label, rules }, now)?.is_ok(),
                1 => house.run(&mut RenewCodes { codes, rules }, now)?.is_ok(),
                _ => {
                    let removed = house.run(&mut Remove { label, rules }, now)?;
                    removed.is_ok() && house.run(&mut enroll, now)? == Enrolled::New
                }
            })
        };
        let (verdict, changed) = self.overtaken(trouble, change, |house, model| {
            house.login(login, model.now)
        });
        match changed {
            Some(changed) => {
                self.model.expect(becomes);
                self.model.answered(login, verdict);
                self.settle(matches!(changed, Ok(true)));
            }
            None => self.model.answered(login, verdict),
        }
    }

    /// Runs something with trouble on the way, and says what came of it and of what somebody else did meanwhile.
    fn overtaken<T, O: 'static>(
        &self,
        trouble: Trouble,
        meanwhile: impl FnOnce(&House) -> O + 'static,
        run: impl FnOnce(&House, &Model) -> Result<T, StoreError>,
    ) -> (Result<T, StoreError>, Option<O>) {
        let (house, theirs) = (self.house.clone(), Rc::new(RefCell::new(None)));
        let pause: Box<dyn FnOnce()> = {
            let theirs = theirs.clone();
            Box::new(move || {
                theirs.replace(Some(meanwhile(&house)));
            })
        };
        planted::plant(Plan {
            crash_after: trouble.crash_after,
            pause_after: trouble.pause_after.map(|after| (after, pause)),
        });
        let ours = run(&self.house, &self.model);
        let crashed = planted::crashed();
        planted::plant(Plan::default());
        let theirs = theirs.take();
        if let Err(error) = &ours {
            assert!(
                crashed || theirs.is_some(),
                "nobody was in its way: {error}"
            );
        }
        (ours, theirs)
    }

    fn enroll(&mut self, with: u8, trouble: Trouble) {
        let enrollment = self.model.new_enrollment(1 + usize::from(with & 1));
        let existing = if with & 2 == 0 {
            Existing::Keep
        } else {
            Existing::Replace
        };
        let first = &enrollment.tokens[0];
        let proved = TokenState {
            last_step: Some(Period::THIRTY.step_at(self.model.now)),
            ..TokenState::new(first.id)
        };
        let changes = existing == Existing::Replace || self.model.enrollment.is_none();
        self.model.expect(if changes {
            Becomes::Enrolled(enrollment.clone())
        } else {
            Becomes::Same
        });
        let mut enroll = Enroll {
            enrollment,
            existing,
            proved: vec![proved],
            rules: &RULES,
        };
        let login = self.model.login(0, with);
        let outcome = self.troubled(trouble, &login, |house, model| {
            house.run(&mut enroll, model.now)
        });
        self.settle(outcome.is_ok());
        if outcome.is_ok() && changes {
            self.model.proved(&proved);
        }
    }

    fn renew_codes(&mut self, trouble: Trouble) {
        let codes = self.model.new_codes();
        let becomes = match self.model.enrollment.clone() {
            Some(mut enrollment) => {
                enrollment.backup_codes = Some(codes.clone());
                Becomes::Enrolled(enrollment)
            }
            None => Becomes::Same,
        };
        let rules = &RULES;
        self.change(becomes, trouble, RenewCodes { codes, rules });
    }

    fn remove(&mut self, with: u8, trouble: Trouble) {
        let mut label = None;
        let becomes = if let Some(mut enrollment) = self.model.enrollment.clone() {
            let first = enrollment.tokens.remove(0);
            label = (with & 1 == 0).then_some(first.label);
            if label.is_none() || enrollment.tokens.is_empty() {
                Becomes::Removed
            } else {
                Becomes::Enrolled(enrollment)
            }
        } else {
            // What is left is taken away, and that somebody is closed with it.
            self.model.closed = Closed::No;
            Becomes::Same
        };
        let rules = &RULES;
        self.change(becomes, trouble, Remove { label, rules });
    }

    /// Runs a transaction that makes this of the enrollment.
    fn change<T, O>(&mut self, becomes: Becomes, trouble: Trouble, mut transaction: T)
    where
        T: Transaction<Outcome = Result<O, NothingThere>>,
    {
        let changes = !matches!(becomes, Becomes::Same);
        self.model.expect(becomes);
        let login = self.model.login(0, 0);
        let outcome = self.troubled(trouble, &login, |house, model| {
            house.run(&mut transaction, model.now)
        });
        if let Ok(Err(error)) = &outcome {
            let may_be = !changes || (self.model.may_be_lost && *error == NothingThere::StateLost);
            assert!(may_be, "{error}");
        }
        self.settle(matches!(outcome, Ok(Ok(_))));
    }

    /// Finds out which enrollment is there after a change: the new one where that was promised, else the old or the new.
    fn settle(&mut self, promised: bool) {
        self.model
            .found(self.house.look().enrollment.as_ref(), promised);
    }

    fn unlock(&mut self, mend: Mend, trouble: Trouble) {
        let mut unlock = Unlock {
            mend,
            rules: &RULES,
        };
        let login = self.model.login(0, 0);
        if mend != Mend::Clock {
            // It may have been done with all but answering when somebody logs in meanwhile.
            self.model.closed = Closed::No;
        }
        let outcome = self.troubled(trouble, &login, |house, model| {
            house.run(&mut unlock, model.now)
        });
        if let Ok(Err(NothingThere::NotEnrolled)) = outcome {
            assert!(self.model.enrollment.is_none());
        } else if !matches!(outcome, Ok(Err(_))) {
            self.model.unlocked(mend, outcome.is_ok());
        }
    }

    /// An administrator closes the person.
    fn close(&mut self, trouble: Trouble) {
        let mut close = Close { rules: &RULES };
        let login = self.model.login(0, 0);
        let outcome = self.troubled(trouble, &login, |house, model| {
            house.run(&mut close, model.now)
        });
        match outcome {
            Ok(Ok(_)) => self.model.is_closed(),
            Ok(Err(error)) => assert!(self.model.may_be_lost, "{error}"),
            Err(_) => {}
        }
    }

    /// An administrator makes a temporary code, or takes one back.
    fn lend(&mut self, with: u8, trouble: Trouble) {
        let login = self.model.login(0, with);
        let rules = &RULES;
        if with & 3 == 3 {
            let mut cancel = CancelTemporaryCode { rules };
            let outcome = self.troubled(trouble, &login, |house, model| {
                house.run(&mut cancel, model.now)
            });
            if let Ok(Ok(())) = outcome {
                self.model.nothing_is_lent();
            }
            return;
        }
        let code = self.model.new_temporary_code();
        let expires = self.model.now.plus(8 * 3600);
        let mut make = MakeTemporaryCode::new(UID, &code, expires, rules).unwrap();
        let outcome = self.troubled(trouble, &login, |house, model| {
            house.run(&mut make, model.now)
        });
        match outcome {
            Ok(Ok(_)) => {
                assert!(self.model.enrollment.is_some());
                assert_eq!(self.model.closed, Closed::No, "for whom it opens nothing");
                self.model.lent(code.clone(), expires, true);
            }
            Ok(Err(NoTemporaryCode::NotEnrolled)) => assert!(self.model.enrollment.is_none()),
            Ok(Err(NoTemporaryCode::Disabled)) => assert!(self.model.may_be_disabled()),
            Ok(Err(NoTemporaryCode::StateLost)) => assert!(self.model.may_be_lost),
            Ok(Err(NoTemporaryCode::Closed)) => {}
            Ok(Err(not)) => panic!("{not}"),
            Err(_) => self.model.lent(code.clone(), expires, false),
        }
    }

    /// An administrator invites the person.
    fn invite(&mut self, trouble: Trouble) {
        let (ticket, rules) = (self.model.new_ticket(), &RULES);
        let mut invite = Invite { ticket, rules };
        let login = self.model.login(0, 0);
        let outcome = self.troubled(trouble, &login, |house, model| {
            house.run(&mut invite, model.now)
        });
        if let Ok(invited) = outcome {
            let is_enrolled = self.model.enrollment.is_some();
            assert_eq!(invited == Err(NotInvited::Enrolled), is_enrolled);
            assert_eq!(invited.is_ok(), !is_enrolled);
        }
    }

    /// A slot can no longer be read, while the other can.
    fn rot(&mut self, with: u8) {
        let slot = if with.is_multiple_of(2) {
            Slot::First
        } else {
            Slot::Second
        };
        if self.house.look().state.integrity == Integrity::Whole && self.house.rot(slot) {
            self.model.rotted();
        }
    }

    fn check_record(&mut self) {
        let record = self.house.look();
        self.model.check(&record);
    }

    /// Whatever happened, once the administrator has mended what can be mended, a right code opens.
    fn end(mut self) {
        if self.model.enrollment.is_none() {
            return;
        }
        self.model.wait_for_locks_to_end();
        let is_lost = self.model.is_lost(&self.house.look());
        let fresh_state = is_lost.then_some(Mend::FreshState);
        for mend in fresh_state.into_iter().chain([Mend::Clock, Mend::Locks]) {
            let unlocked = self.house.run(
                &mut Unlock {
                    mend,
                    rules: &RULES,
                },
                self.model.now,
            );
            self.model.unlocked(mend, true);
            match unlocked.unwrap().unwrap() {
                Unlocked::StillDisabled => {
                    assert!(self.model.may_be_disabled());
                    return;
                }
                Unlocked::Done | Unlocked::Released => {}
            }
        }
        self.model.wait_for_locks_to_end();
        let Some(login) = self.model.login_by_time() else {
            // A counter of a state that was begun anew opens nothing any more.
            return;
        };
        assert_eq!(login.uid, UID);
        let verdict = self.house.login(&login, self.model.now);
        assert!(matches!(verdict, Ok(Verdict::Accepted(_))), "{verdict:?}");
        self.model.answered(&login, verdict);
        self.house.assert_tidy();
    }
}

const MOST_STEPS: usize = 32;
