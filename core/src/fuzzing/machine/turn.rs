//! One turn of a login, and what must hold of all that can be seen of it.

use std::mem;
use std::time::Duration;

use super::Course;
use super::answers::Typed;
use super::judge::Tried;
use super::listener::Heard;
use super::shaky::Kept;
use super::visitor::{Call, Stage, Visitor, Who, answered_text, go, plain};
use crate::check::{Exemption, Factor, Refusal, Verdict};
use crate::config::SecondFactor;
use crate::login::{Step, Then};
use crate::messages;
use crate::state::Closed;
use crate::store::Record;
use crate::token::{Kind, Label, Secret, Token};

/// What came of a turn.
struct Turn {
    step: Step,
    /// What the log says of it last.
    heard: Option<Heard>,
    /// What the last question was.
    was: Stage,
    /// The record that was decided upon last.
    before: Option<Record>,
    kept: Option<Kept>,
    /// Whether the last change failed.
    failed: bool,
    /// Whether a record could not be looked at.
    unread: bool,
    /// Whether somebody was faster.
    is_outrun: bool,
}

impl<'s> Course<'s> {
    pub(super) fn turn(&mut self, slot: usize, mut visitor: Visitor<'s>, call: Call) {
        let typed = match &call {
            Call::Start => None,
            Call::StartWith(typed, _) | Call::Answer(typed) => Some(typed.clone()),
        };
        if typed.as_ref().is_some_and(Typed::takes_a_digest) {
            let Some(left) = self.digests.checked_sub(2) else {
                return;
            };
            self.digests = left;
        }
        if let Some(typed) = &typed {
            self.note_secret(typed);
        }
        let before = visitor.who.person().map(|person| self.record(person));
        let must_open = typed
            .as_ref()
            .is_some_and(|typed| self.must_open(&visitor, typed, before.as_ref()));
        visitor.has_begun = true;
        let slept = self.scene.slept();
        let turn = self.take_turn(&mut visitor, &call, before);
        self.judge_turn(&mut visitor, &turn, typed.as_ref());
        if must_open && !turn.failed && !turn.unread && !turn.is_outrun {
            let opened = matches!(turn.step.then, Then::Done(Verdict::Accepted(_)));
            assert!(opened, "a right code from an open place: {:?}", turn.heard);
        }
        turn.assert_end(&visitor);
        self.compare(&mut visitor, &call, &turn, slept);
        visitor.stage = match turn.step.then {
            Then::Done(verdict) => Stage::Done(verdict),
            Then::Ask(prompt) if prompt.text.ends_with(messages::KEPT) => {
                visitor.proof = answered_text(call);
                Stage::Codes
            }
            Then::Ask(prompt) if prompt.text.ends_with(messages::PROOF) => Stage::Proof,
            Then::Ask(_) => Stage::Code,
        };
        self.visitors[slot] = Some(visitor);
    }

    /// Lets the login do something. Nothing that is seen or written down of it holds a secret.
    fn take_turn(
        &mut self,
        visitor: &mut Visitor<'s>,
        call: &Call,
        mut before: Option<Record>,
    ) -> Turn {
        let was = mem::replace(&mut visitor.stage, Stage::Code);
        let step = go(&mut visitor.login, call);
        let mut happened = self.scene.store.happened();
        let (heard, lines) = self.scene.log.take();
        let outrun = happened.outrun.take();
        let is_outrun = outrun.is_some();
        if let Some(outrun) = outrun {
            if visitor.who.person() == self.person_called(&outrun.rival.who) {
                before = Some(outrun.after.clone());
            }
            self.judge_rival(outrun);
        }
        // Only at the start it is a change of its own.
        let has_forgotten = self.note_forgotten(visitor, before.as_ref());
        let of_itself = has_forgotten && !matches!(call, Call::Answer(_));
        let kept = happened.kept(usize::from(of_itself));

        self.learn(visitor, &step);
        let mut seen = step.say.clone();
        seen.push(format!("{step:?}"));
        match &step.then {
            Then::Ask(prompt) if !is_offer(&prompt.text) => seen.push(prompt.text.to_string()),
            Then::Ask(_) | Then::Done(_) => {}
        }
        for text in seen.iter().chain(&lines) {
            self.secrets.assert_kept(text);
        }
        Turn {
            step,
            heard: heard.last().cloned(),
            was,
            before,
            kept,
            failed: happened.failed,
            unread: happened.unread,
            is_outrun,
        }
    }

    /// Whether the turn may have come to this.
    fn judge_turn(&mut self, visitor: &mut Visitor<'_>, turn: &Turn, typed: Option<&Typed>) {
        match (&turn.heard, typed) {
            (Some(Heard::Offered), _) => {
                self.judge_offer(visitor, typed);
                assert_eq!(turn.kept, None, "an offer is kept nowhere");
            }
            (Some(Heard::Exempt(exemption)), _) => {
                assert_eq!(turn.step.then, Then::Done(Verdict::Exempt(*exemption)));
                // Where it cannot be told whether somebody is trusted, the mode has its say.
                let failed = match exemption {
                    Exemption::Trusted => turn.failed,
                    _ => turn.unread,
                };
                self.judge_exemption(visitor, *exemption, failed);
            }
            (Some(heard), Some(typed)) if matches!(turn.was, Stage::Code) => {
                self.judge_answer(visitor, turn, heard, typed);
            }
            _ => {}
        }
    }

    fn judge_answer(
        &mut self,
        visitor: &mut Visitor<'_>,
        turn: &Turn,
        heard: &Heard,
        typed: &Typed,
    ) {
        let (Who::Person(person, uid), Ok(answer), Some(before)) =
            (visitor.who, &typed.answer, &turn.before)
        else {
            let is_refused = matches!(heard, Heard::Rejected(_) | Heard::Unavailable(_));
            assert!(is_refused, "{heard:?}");
            assert_eq!(turn.kept, None, "something was kept of {heard:?}");
            return;
        };
        let tried = Tried {
            person,
            uid,
            place: visitor.place,
            answer,
            told: visitor.told,
        };
        let failed = match heard {
            Heard::Unavailable(_) => turn.failed || turn.unread,
            _ => turn.failed,
        };
        self.judge(&tried, heard, before, turn.kept, failed);
        let may_be_given_again = matches!(
            heard,
            Heard::Unavailable(_)
                | Heard::Rejected(
                    Refusal::Locked { .. }
                        | Refusal::ShareUsedUp
                        | Refusal::Disabled
                        | Refusal::Closed
                )
        );
        if !may_be_given_again {
            visitor.previous = Some(plain(&typed.text));
        }
    }

    /// A clock that was set back ends trust, for good. Says whether that was kept.
    fn note_forgotten(&mut self, visitor: &Visitor<'_>, before: Option<&Record>) -> bool {
        let (Some(person), Some(before)) = (visitor.who.person(), before) else {
            return false;
        };
        let now = self.now;
        let is_ahead = |record: &Record| record.state.trusted.iter().any(|it| it.since > now);
        let has_forgotten = is_ahead(before) && !is_ahead(&self.record(person));
        if has_forgotten {
            self.people[person].trusted.retain(|_, since| *since <= now);
        }
        has_forgotten
    }

    /// Takes note of what is on the screen.
    fn learn(&mut self, visitor: &mut Visitor<'_>, step: &Step) {
        let Then::Ask(prompt) = &step.then else {
            return;
        };
        if prompt.text.ends_with(messages::KEPT) {
            let lines = prompt.text.lines().map(str::trim);
            let codes = lines.filter(|line| line.len() == 24 && !line.contains(' '));
            visitor.codes = codes.map(str::to_owned).collect();
            assert!(!visitor.codes.is_empty());
            for code in &visitor.codes {
                self.secrets.keep(code);
            }
        } else if prompt.text.ends_with(messages::PROOF) && prompt.text.lines().count() > 2 {
            let key = prompt
                .text
                .lines()
                .filter(|line| line.starts_with("    "))
                .map(|line| line.replace(' ', ""))
                .collect::<String>();
            let wanted = &self.scene.config.token;
            let token = Token {
                id: crate::id::Id::from_bytes([0; 16]),
                label: Label::usual(),
                kind: Kind::Totp {
                    period: wanted.period,
                },
                secret: Secret::from_base32(&key).unwrap(),
                algorithm: wanted.algorithm,
                digits: wanted.digits,
            };
            self.secrets.keep_key(&token);
            visitor.shown = Some(token);
            let Who::Person(person, _) = visitor.who else {
                panic!("a key for nobody");
            };
            let person = &self.people[person];
            assert!(person.enrolled.is_none(), "a key for somebody who has one");
            assert_eq!(person.closed, Closed::No);
            assert_eq!(visitor.ruling, None);
        }
    }

    /// Somebody who is unknown sees the same.
    fn compare(
        &mut self,
        visitor: &mut Visitor<'_>,
        call: &Call,
        turn: &Turn,
        slept: (Duration, Duration),
    ) {
        let (step, heard) = (&turn.step, turn.heard.as_ref());
        let Some(mut other) = visitor.other.take() else {
            return;
        };
        let seen = go(&mut other, call);
        let _ = self.scene.other_log.take();
        let is_proved = matches!(
            heard,
            Some(
                Heard::Accepted(_)
                    | Heard::Exempt(_)
                    | Heard::Offered
                    | Heard::Rejected(
                        Refusal::Replayed { .. }
                            | Refusal::TokenWaits
                            | Refusal::BackupCodesWait
                            | Refusal::InvitationOver
                    )
            )
        );
        let (mine, theirs) = self.scene.slept();
        // Where not everybody is asked, that tells something, as it must.
        let is_told_apart = matches!(call, Call::Start | Call::StartWith(..))
            && matches!(seen.then, Then::Done(_))
            && theirs == slept.1;
        if is_proved || is_told_apart || visitor.shown.is_some() {
            return;
        }
        let waited = (mine.checked_sub(slept.0), theirs.checked_sub(slept.1));
        assert_eq!(waited.0, waited.1, "it takes another time");
        assert_eq!(step.say, seen.say);
        match (&step.then, &seen.then) {
            (Then::Ask(mine), Then::Ask(theirs)) => {
                assert_eq!(mine.echo, theirs.echo);
                if self.scene.config.login.explain {
                    let question = |text: &str| text.lines().last().map(str::to_owned);
                    assert_eq!(question(&mine.text), question(&theirs.text));
                } else {
                    assert_eq!(*mine.text, *theirs.text);
                }
            }
            (Then::Done(mine), Then::Done(_)) => {
                let is_shut = matches!(mine, Verdict::Refused(_) | Verdict::Unavailable(_));
                assert!(is_shut, "{mine:?}");
            }
            (mine, theirs) => panic!("{mine:?}, but for somebody unknown {theirs:?}"),
        }
        visitor.other = Some(other);
    }
}

impl Turn {
    /// An end is what the log says, and nothing opens by a fault.
    fn assert_end(&self, visitor: &Visitor<'_>) {
        let Then::Done(verdict) = &self.step.then else {
            return;
        };
        match verdict {
            Verdict::Accepted(accepted) => {
                let heard = &self.heard;
                let is_heard = matches!(heard, Some(Heard::Accepted(heard)) if heard == accepted);
                assert!(is_heard && !self.failed);
                assert!(matches!(visitor.who, Who::Person(..)));
                let is_new = matches!(accepted.factor, Factor::NewToken(_));
                assert_eq!(is_new, matches!(self.was, Stage::Codes));
                let is_denied = matches!(visitor.ruling, Some((_, SecondFactor::Deny)));
                assert!(!is_denied, "a rule denies");
            }
            Verdict::Exempt(_) => assert!(matches!(self.heard, Some(Heard::Exempt(_)))),
            Verdict::Refused(_) | Verdict::Unavailable(_) => {}
            Verdict::Invited(_) => panic!("an invitation is no end"),
        }
    }
}

fn is_offer(text: &str) -> bool {
    text.ends_with(messages::PROOF) || text.ends_with(messages::KEPT)
}
