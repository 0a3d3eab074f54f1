//! Whether an answer may come to what it came to, and what is known afterwards.

use super::answers::Typed;
use super::ledger::{Door, Ledger};
use super::listener::Heard;
use super::shaky::{Does, Kept, Outrun};
use super::visitor::{Stage, Visitor, Who};
use super::{Course, person::Person};
use crate::account::Account;
use crate::answer::Answer;
use crate::check::{Exemption, Factor, Refusal, Verdict};
use crate::config::{Mode, SecondFactor};
use crate::id::Id;
use crate::login::{AsksFor, Request};
use crate::place::Place;
use crate::state::{Closed, TokenState};
use crate::store::{Past, Record};
use crate::token::{Step, Token};

/// An answer that somebody gave for one of the people.
pub(super) struct Tried<'a> {
    pub person: usize,
    pub uid: u32,
    pub place: Place,
    pub answer: &'a Answer,
    pub told: Told,
}

/// Whether somebody who gets in hears of wrong codes then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Now,
    Later,
}

impl Course<'_> {
    pub(super) fn record(&self, person: usize) -> Record {
        self.scene.store.record(&self.people[person].account.name)
    }

    pub(super) fn person_called(&self, account: &Account) -> Option<usize> {
        let mut people = self.people.iter();
        people.position(|person| person.account.name == account.name)
    }

    /// Takes note of what an answer came to, and whether it may have.
    pub(super) fn judge(
        &mut self,
        tried: &Tried<'_>,
        heard: &Heard,
        before: &Record,
        kept: Option<Kept>,
        failed: bool,
    ) {
        let after = self.record(tried.person);
        self.judge_with(tried, heard, (before, &after), kept, failed);
    }

    fn judge_with(
        &mut self,
        tried: &Tried<'_>,
        heard: &Heard,
        (before, after): (&Record, &Record),
        kept: Option<Kept>,
        failed: bool,
    ) {
        let (now, throttle) = (self.now, self.scene.config.rules().throttle);
        let place = tried.place.to_string();
        let person = &self.people[tried.person];
        let door = person.ledger.door(&place, &throttle, now);
        let is_kept = match kept {
            None | Some(Kept::Nothing) => false,
            Some(Kept::State) => true,
            Some(other) => panic!("a login keeps {other:?}"),
        };
        match heard {
            Heard::Accepted(accepted) => {
                assert!(is_kept && !failed, "success, and nothing is kept");
                assert_eq!(door, Door::Open);
                assert_eq!(
                    accepted.wrong.count, person.ledger.wrong,
                    "wrong codes told"
                );
                self.opened(tried, &accepted.factor, after);
                self.people[tried.person].ledger.settle(now);
                self.got_in(tried);
            }
            Heard::Rejected(refusal) => {
                if matches!(refusal, Refusal::Locked { .. }) {
                    let lock = |record| Ledger::of(record, false).lock(&place, &throttle, now);
                    assert!(lock(after) <= lock(before), "a lock grew by a try");
                }
                self.refused(tried, refusal, door, is_kept);
            }
            Heard::Unavailable(fault) => {
                let is_clock_well = self.scene.watch.now.get().is_some();
                let is_ahead = self.is_clock_behind(person.tokens(), before);
                assert!(failed || !is_clock_well || is_ahead, "{fault}");
                if is_kept {
                    self.kept_unknown(tried, before, after);
                }
            }
            Heard::Exempt(_) | Heard::Offered => panic!("no answer comes to {heard:?}"),
        }
        if is_kept {
            self.people[tried.person].is_doubted = false;
        }
    }

    /// Whoever was faster comes first.
    pub(super) fn judge_rival(&mut self, outrun: Outrun) {
        let person = self.person_called(&outrun.rival.who).unwrap();
        let heard = match (&outrun.rival.does, outrun.verdict) {
            (Does::Close, _) => {
                self.closed(person, outrun.kept);
                return;
            }
            (Does::Remove, _) => {
                self.removed(person, outrun.kept);
                return;
            }
            (Does::Answer(..), Some(Verdict::Accepted(accepted))) => Heard::Accepted(accepted),
            (Does::Answer(..), Some(Verdict::Refused(refusal))) => Heard::Rejected(refusal),
            (Does::Answer(..), Some(Verdict::Unavailable(fault))) => Heard::Unavailable(fault),
            (Does::Answer(..), other) => panic!("a rival is answered {other:?}"),
        };
        let Does::Answer(place, answer) = &outrun.rival.does else {
            return;
        };
        let typed = match answer {
            Answer::Code(code) => code.as_str().to_owned(),
            Answer::BackupCode(code) => code.symbols().to_owned(),
            Answer::Tail(_) => String::new(),
        };
        self.typed.push(Typed::new(&typed, AsksFor::Code));
        let tried = Tried {
            person,
            uid: outrun.rival.who.uid,
            place: *place,
            answer,
            told: Told::Now,
        };
        // A rival looks at the clock that the course knows, even where the machine's is broken.
        let records = (&outrun.before, &outrun.after);
        self.judge_with(&tried, &heard, records, Some(outrun.kept), false);
    }

    fn opened(&mut self, tried: &Tried<'_>, factor: &Factor, after: &Record) {
        let person = &self.people[tried.person];
        assert!(person.has_uid(tried.uid));
        assert_eq!(person.closed, Closed::No, "closed until unlocked");
        match factor {
            Factor::Token { label, .. } => {
                let mut tokens = person.tokens().iter();
                let token = tokens.find(|token| token.label == *label).unwrap().clone();
                let step = after.state.token(token.id).unwrap().last_step.unwrap();
                assert!(
                    is_of(&token, step, tried.answer),
                    "not what is kept as used"
                );
                assert!(!person.waiting.contains(&token.id));
                self.assert_within_reach(&token, step);
                self.opened.by_step(&token, step);
            }
            Factor::BackupCode { left } => {
                let Answer::BackupCode(code) = tried.answer else {
                    panic!("no backup code was typed");
                };
                let (set, number) = self.made.find(code).unwrap();
                assert_eq!(person.set(), Some(set), "of another set");
                assert!(!person.waiting.contains(&set));
                let spent = after.state.spent_of(set).unwrap();
                assert!(spent.holds(number), "not kept as spent");
                self.opened.by_code(set, number);
                let of_set = self.made.of(Some(set)).len();
                let unspent = (0..32).take(of_set).filter(|&it| !spent.holds(it));
                assert_eq!(*left, unspent.count());
            }
            Factor::TemporaryCode => panic!("nobody makes one"),
            Factor::ScratchCode { .. } => panic!("nobody here has scratch codes"),
            Factor::NewToken(_) => panic!("no answer to this question"),
        }
    }

    fn assert_within_reach(&self, token: &Token, step: Step) {
        let rules = self.scene.config.rules();
        if let Some(period) = token.period() {
            let off = self.present(period).0.abs_diff(step.0);
            assert!(off <= rules.resync_window, "{off} steps from now");
        } else {
            let next = self.opened.last(token).map_or(0, |last| last.0 + 1);
            let reach = rules.look_ahead + rules.resync_window;
            assert!(step.0 < next + reach, "{step:?} after {next}");
        }
    }

    fn refused(&mut self, tried: &Tried<'_>, refusal: &Refusal, door: Door, is_kept: bool) {
        let (now, rules) = (self.now, self.scene.config.rules());
        let place = tried.place.to_string();
        let is_invitation = self.is_invitation_of(tried.person, tried.answer);
        let person = &mut self.people[tried.person];
        let is_theirs = person.has_uid(tried.uid);
        let mut is_charged = false;
        match refusal {
            Refusal::Wrong { locked_for } => {
                assert!(is_kept, "not charged before it was answered");
                assert!(is_theirs && !is_invitation);
                assert_eq!((door, person.closed), (Door::Open, Closed::No));
                assert!(person.enrolled.is_some() || person.invitation.is_some());
                assert!(*locked_for <= rules.throttle.longest_lock);
                is_charged = true;
            }
            Refusal::Locked { remaining } => {
                assert_eq!(door, Door::Locked);
                assert!(*remaining <= rules.throttle.longest_lock);
            }
            Refusal::ShareUsedUp => assert_eq!(door, Door::UsedUp),
            Refusal::Disabled => assert_eq!(door, Door::Disabled),
            Refusal::Closed => assert_eq!(person.closed, Closed::Yes),
            Refusal::Replayed { .. } | Refusal::TokenWaits | Refusal::BackupCodesWait => {
                assert_eq!((door, person.closed), (Door::Open, Closed::No));
                assert!(person.enrolled.is_some() && is_theirs);
            }
            Refusal::InvitationOver => {
                let expires = person.invitation.as_ref().map(|it| it.expires);
                assert!(is_invitation && expires.is_some_and(|expires| now >= expires));
            }
            Refusal::NotEnrolled => assert!(person.enrolled.is_none() && !is_kept),
            Refusal::OtherUid => assert!(!is_theirs && !is_kept),
            Refusal::UnknownUser => panic!("they have an account"),
            Refusal::Denied { .. } | Refusal::NotACode(_) | Refusal::Repeated => {
                assert!(!is_kept, "{refusal:?} is no try");
            }
            Refusal::NotProved | Refusal::EnrolledMeanwhile | Refusal::TemporaryCodeOver => {
                panic!("{refusal:?}")
            }
        }
        if is_kept {
            person.ledger.settle(now);
        }
        if is_charged {
            person.ledger.charge(&place, &rules.throttle, now);
        }
    }

    /// The store kept what was decided, and said that it does not know. What it was shows in what was kept alone.
    fn kept_unknown(&mut self, tried: &Tried<'_>, before: &Record, after: &Record) {
        let (now, throttle) = (self.now, self.scene.config.rules().throttle);
        let place = tried.place.to_string();
        let person = &mut self.people[tried.person];
        person.ledger.settle(now);
        if after.state.wrong.count > before.state.wrong.count {
            person.ledger.charge(&place, &throttle, now);
            return;
        }
        if person.is_doubted {
            // What could be used counts as used now: nothing opened.
            return;
        }
        let used = person.tokens().iter().find_map(|token| {
            let last = |record: &Record| record.state.token(token.id)?.last_step;
            let step = last(after).filter(|_| last(before) != last(after))?;
            is_of(token, step, tried.answer).then(|| (token.clone(), step))
        });
        if let Some((token, step)) = used {
            self.opened.by_step(&token, step);
        } else if let Answer::BackupCode(code) = tried.answer
            && let Some((set, number)) = self.made.find(code)
            && !is_spent(before, set, number)
            && is_spent(after, set, number)
        {
            self.opened.by_code(set, number);
        } else {
            return;
        }
        self.got_in(tried);
    }

    fn got_in(&mut self, tried: &Tried<'_>) {
        let ledger = &mut self.people[tried.person].ledger;
        ledger.succeed(&tried.place.to_string(), self.now);
        if tried.told == Told::Now {
            ledger.wrong = 0;
        }
    }

    /// Whoever is not asked may have typed a code all the same. Then it counts as used, and nothing else happens.
    pub(super) fn judge_spent(
        &mut self,
        tried: &Tried<'_>,
        factor: Option<&Factor>,
        before: &Record,
        kept: Option<Kept>,
        failed: bool,
    ) {
        let after = self.record(tried.person);
        let is_kept = kept == Some(Kept::State);
        match factor {
            Some(factor) => {
                assert!(is_kept && !failed);
                let throttle = self.scene.config.rules().throttle;
                let place = tried.place.to_string();
                let ledger = &self.people[tried.person].ledger;
                assert_eq!(ledger.door(&place, &throttle, self.now), Door::Open);
                self.opened(tried, factor, &after);
            }
            None if is_kept => {
                assert!(failed);
                let ledger = self.people[tried.person].ledger.clone();
                self.kept_unknown(tried, before, &after);
                self.people[tried.person].ledger = ledger;
            }
            None => {}
        }
        if is_kept {
            self.people[tried.person].is_doubted = false;
        }
    }

    /// Nobody is exempt but by a rule, the mode, the deadline or a code that was given not long ago.
    pub(super) fn judge_exemption(
        &self,
        visitor: &Visitor<'_>,
        exemption: Exemption,
        failed: bool,
    ) {
        let Who::Person(person, uid) = visitor.who else {
            panic!("a name without an account is exempt");
        };
        let person = &self.people[person];
        let config = &self.scene.config;
        if let Exemption::Rule { number } = exemption {
            assert_eq!(visitor.ruling, Some((number, SecondFactor::Skip)));
            return;
        }
        assert!(!failed, "exempt by a fault");
        assert_eq!(visitor.ruling, None);
        assert_eq!(person.closed, Closed::No);
        match exemption {
            Exemption::Rule { .. } => {}
            Exemption::NotEnrolled => {
                assert_eq!(config.enrollment.mode, Mode::Optional);
                assert!(person.enrolled.is_none());
            }
            Exemption::Deadline => {
                let deadline = config.enrollment.deadline.unwrap();
                assert!(self.now < deadline.end());
                assert!(person.enrolled.is_none() && person.past == Past::Never);
            }
            Exemption::Trusted => {
                self.assert_may_trust(&visitor.request);
                let key = (visitor.request.service.clone(), visitor.place.to_string());
                let since = person.trusted[&key];
                let remember = config.trust.remember.get().as_secs();
                assert!(since <= self.now && self.now.since(since) <= remember);
                assert!(person.has_uid(uid));
                let door = person
                    .ledger
                    .door(&key.1, &config.rules().throttle, self.now);
                assert_eq!(door, Door::Open);
            }
        }
    }

    /// Nobody is offered a key but with an invitation that holds, or where none is needed.
    pub(super) fn judge_offer(&self, visitor: &Visitor<'_>, typed: Option<&Typed>) {
        let Who::Person(person, _) = visitor.who else {
            panic!("an offer to nobody");
        };
        let config = &self.scene.config;
        assert_eq!(config.enrollment.mode, Mode::AtLogin);
        let needs_invitation = config.at_login.ticket || self.people[person].past == Past::Removed;
        let is_invited = typed.is_some_and(|typed| {
            let is_it = |answer| self.is_invitation_of(person, answer);
            typed.answer.as_ref().is_ok_and(is_it)
        });
        let holds = self.people[person]
            .invitation
            .as_ref()
            .is_some_and(|it| self.now < it.expires);
        assert!(!needs_invitation || (is_invited && holds));
    }

    pub(super) fn assert_may_trust(&self, request: &Request) {
        assert!(!self.scene.config.trust.remember.get().is_zero());
        assert_eq!(request.service, "sshd");
        let rhost = request.rhost.as_deref().unwrap();
        let is_address = Place::of_address(rhost) != Place::Elsewhere;
        assert!(is_address && rhost != "127.0.0.1" && rhost != "192.0.2.1");
        assert!(!self.scene.host.addresses_fail);
    }

    /// Whether what was proved in a login is to be kept in its account phase.
    pub(super) fn may_be_kept(&self, person: usize, ticket: Option<Id>) -> bool {
        let person = &self.people[person];
        let holds = match ticket {
            Some(id) => person
                .invitation
                .as_ref()
                .is_some_and(|it| it.id == id && self.now < it.expires),
            None => person.past == Past::Never,
        };
        holds && person.enrolled.is_none() && person.closed == Closed::No
    }

    /// What was proved in a login is enrolled.
    pub(super) fn kept_at_login(
        &mut self,
        person: usize,
        ticket: Option<Id>,
        shown: &Token,
        proof: &str,
        codes: &[String],
    ) {
        let record = self.record(person);
        let enrollment = record.enrollment.clone().unwrap();
        let token = enrollment.tokens[0].clone();
        assert!(token.secret.is_same_as(&shown.secret));
        let used = record.state.token(token.id).unwrap().last_step.unwrap();
        assert_eq!(*token.code_at(used), proof);
        self.opened.by_step(&token, used);
        if let Some(id) = ticket {
            self.opened.by_invitation(id);
        }
        let set = enrollment.backup_codes.as_ref().unwrap().id;
        let codes = codes.iter().map(|code| {
            let symbols = code.replace('-', "");
            crate::backup_codes::BackupCode::parse(&symbols).unwrap()
        });
        self.made.add(set, codes);
        self.people[person].enroll(enrollment);
    }

    /// Whether somebody who types this gets in, whatever happened before: a right code that was never used, from a place that is
    /// not shut.
    pub(super) fn must_open(
        &self,
        visitor: &Visitor<'_>,
        typed: &Typed,
        before: Option<&Record>,
    ) -> bool {
        let (Who::Person(person, uid), Some(before), Ok(answer)) =
            (visitor.who, before, &typed.answer)
        else {
            return false;
        };
        let person = &self.people[person];
        let rules = self.scene.config.rules();
        let door = person
            .ledger
            .door(&visitor.place.to_string(), &rules.throttle, self.now);
        let is_looked_at = matches!(visitor.stage, Stage::Code)
            && person.has_uid(uid)
            && person.enrolled.is_some()
            && person.closed == Closed::No
            && !person.is_doubted
            && self.scene.watch.now.get().is_some()
            && !matches!(
                visitor.ruling,
                Some((_, SecondFactor::Deny | SecondFactor::Skip))
            )
            && door == Door::Open
            && !visitor.repeats(typed)
            && !self.is_clock_behind(person.tokens(), before);
        // Whoever is trusted is not asked.
        let may_be_exempt = visitor.is_new() && !person.trusted.is_empty();
        is_looked_at && !may_be_exempt && self.is_fresh(person, answer, before)
    }

    fn is_fresh(&self, person: &Person, answer: &Answer, before: &Record) -> bool {
        if let Answer::BackupCode(code) = answer {
            return self.made.find(code).is_some_and(|(set, number)| {
                let spent = before.state.spent_of(set);
                person.set() == Some(set)
                    && !person.waiting.contains(&set)
                    && !self.opened.has_code(set, number)
                    && spent.is_some_and(|spent| !spent.holds(number))
            });
        }
        let rules = self.scene.config.rules();
        // Digits that were used of one token are used, though another one has the same.
        let is_used = person.tokens().iter().any(|token| {
            let last = before.state.token(token.id).and_then(|it| it.last_step);
            last.is_some_and(|last| {
                let steps = last.minus(2 * rules.resync_window).0..=last.0;
                steps.map(Step).any(|step| is_of(token, step, answer))
            })
        });
        !is_used
            && person.tokens().iter().any(|token| {
                let Some(known) = before.state.token(token.id) else {
                    return false;
                };
                let (first, last) = match token.period() {
                    Some(period) => {
                        let present = self.present(period);
                        let shown = present.drifted(known.drift);
                        let reach = rules.resync_window;
                        (
                            shown.minus(rules.window).max(present.minus(reach)),
                            shown.plus(rules.window).min(present.plus(reach)),
                        )
                    }
                    None if person.waiting.contains(&token.id) => return false,
                    None => {
                        let next = known.last_step.map_or(Step(0), |last| last.plus(1));
                        (next, next.plus(rules.look_ahead - 1))
                    }
                };
                let TokenState { last_step, .. } = *known;
                (first.0..=last.0).map(Step).any(|step| {
                    Some(step) > last_step
                        && !self.opened.has_step(token, step)
                        && is_of(token, step, answer)
                })
            })
    }

    /// Whether a code was used that lies further ahead than any that is accepted.
    fn is_clock_behind(&self, tokens: &[Token], record: &Record) -> bool {
        let reach = self.scene.config.rules().resync_window;
        tokens.iter().any(|token| {
            let latest = token
                .period()
                .map(|period| self.present(period).plus(reach));
            let last = record.state.token(token.id).and_then(|it| it.last_step);
            latest.is_some_and(|latest| last > Some(latest))
        })
    }

    fn is_invitation_of(&self, person: usize, answer: &Answer) -> bool {
        let person = &self.people[person];
        let open = person
            .invitation
            .as_ref()
            .filter(|_| person.enrolled.is_none());
        open.is_some_and(|open| {
            Answer::parse(open.text.as_bytes()).is_ok_and(|its| its.is_same_as(answer))
        })
    }
}

fn is_spent(record: &Record, set: Id, number: u8) -> bool {
    let spent = record.state.spent_of(set);
    spent.is_some_and(|spent| spent.holds(number))
}

/// Whether an answer is the code of this step.
fn is_of(token: &Token, step: Step, answer: &Answer) -> bool {
    answer
        .code_of(token.digits)
        .is_some_and(|code| code.as_str() == *token.code_at(step))
}
