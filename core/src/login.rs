//! The conversation of a login: a question, answers, a verdict.
//!
//! [`Login`] is what the module, the command's `check` and the tests drive. It holds nothing while somebody types, and
//! makes one transaction of each answer that has a code's shape. [`Conversation`] is the same for whoever drives it, so
//! that a caller that may not read the store can be given one that asks elsewhere.

mod enrolling;
mod exempting;

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::account::Account;
use crate::admission::{self, LeftByLogin, Trusted};
use crate::answer::{Answer, BadAnswer};
use crate::at_login::{Offer, Prepared};
use crate::audit::{Audit, Event, Origin};
use crate::backup_codes::{BackupCode, BackupCodeError, Cost, Salt};
use crate::check::{Accepted, Factor, Fault, Refusal, Rules, Verdict};
use crate::combined::Uncharged;
use crate::config::{Config, SecondFactor, ServiceName};
use crate::messages;
use crate::place::Place;
use crate::policy::{self, Remote, Ruling};
use crate::state::WrongCodes;
use crate::store::Store;
use crate::surroundings::{self, Problem, Surroundings};
use crate::time::Clock;
use crate::transaction::{self, Attempt};

/// What a login reaches of the world.
#[derive(Clone, Copy)]
pub struct World<'w> {
    /// The records.
    pub store: &'w dyn Store,
    /// The time.
    pub clock: &'w dyn Clock,
    /// The log.
    pub audit: &'w dyn Audit,
    /// The host: people's groups, its own addresses.
    pub surroundings: &'w dyn Surroundings,
}

/// Who wants to come in, and from where.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose code is asked for.
    pub subject: Subject,
    /// The PAM service.
    pub service: String,
    /// The remote host as the application gave it.
    pub rhost: Option<String>,
    /// The real uid of the process that asks.
    pub real_uid: u32,
    /// The question, where it is not to be the usual one for what it asks for.
    pub prompt: Option<String>,
    /// What it asks for.
    pub asks_for: AsksFor,
    /// Whether the answer is seen while it is typed.
    pub echo: Echo,
}

impl Request {
    /// The same for the log.
    #[must_use]
    pub fn origin(&self) -> Origin<'_> {
        Origin {
            user: self.subject.name_to_log(),
            service: &self.service,
            rhost: self.rhost.as_deref(),
        }
    }
}

/// Whose code is asked for.
#[derive(Clone, Debug)]
pub enum Subject {
    /// An account that exists.
    Known(Account),
    /// A name that leads to no account. It is asked like everybody, and refused.
    Unknown,
    /// A name that the name service could not tell anything about. It is asked like everybody, and refused as unavailable.
    Unresolved(Fault),
}

impl Subject {
    /// The canonical name of an account that exists, else nothing: what was typed may be a password.
    #[must_use]
    pub fn name_to_log(&self) -> &str {
        match self {
            Self::Known(account) => account.name.as_str(),
            Self::Unknown | Self::Unresolved(_) => "",
        }
    }
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to tell the person.
    pub say: Vec<String>,
    /// What comes then.
    pub then: Then,
}

/// What comes after a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// A question.
    Ask(Prompt),
    /// The end.
    Done(Verdict),
}

/// A question.
#[derive(Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Its text, with what has to be said before it. It may hold a secret that is shown once.
    pub text: Zeroizing<String>,
    /// Whether the answer is seen while it is typed.
    pub echo: Echo,
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt")
            .field("text", &"[redacted]")
            .field("echo", &self.echo)
            .finish()
    }
}

/// Whether an answer is seen while it is typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Echo {
    /// It is not.
    #[default]
    Off,
    /// It is.
    On,
}

/// What a question asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AsksFor {
    /// A code.
    #[default]
    Code,
    /// A password and a code in one field.
    Both,
}

/// What comes after a refused answer to no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// The questions.
    Ask,
    /// The end.
    Refuse,
}

/// A login as whoever drives it sees it.
pub trait Conversation {
    /// Begins. Called once.
    fn start(&mut self) -> Step;

    /// Takes the answer to the last question.
    fn answer(&mut self, answer: Result<Answer, BadAnswer>) -> Step;
}

/// A login against a store that this process can read.
pub struct Login<'w> {
    world: World<'w>,
    config: &'w Config,
    request: Request,
    rules: Rules,
    place: Place,
    /// The address that networks and trust may rely on.
    remote: Remote,
    ruling: Ruling,
    /// What rules asked about, and could not be found out.
    unresolved: Vec<Problem>,
    stage: Stage,
    questions_left: u32,
    /// Whether there may be a question at all.
    otherwise: Otherwise,
    previous: Option<Answer>,
    /// What kept an answer from being looked at, if anything did.
    fault: Option<Fault>,
    heard: Heard,
}

/// Whether the person hears what they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Yes,
    No,
}

/// What the last question was.
#[derive(Debug)]
enum Stage {
    /// That for a code.
    Code,
    /// That for the code of a new token.
    Proof(Offer),
    /// Whether the backup codes were kept. The enrollment is proved.
    BackupCodes(Prepared),
}

impl<'w> Login<'w> {
    /// A login of `request` under `config`.
    #[must_use]
    pub fn new(world: World<'w>, config: &'w Config, request: Request) -> Self {
        let (circumstances, unresolved) = surroundings::gather(
            config,
            &request.subject,
            &request.service,
            request.rhost.as_deref(),
            world.surroundings,
        );
        Self {
            world,
            config,
            ruling: policy::rule(config, &circumstances),
            remote: circumstances.remote,
            unresolved,
            place: config.place(&request.service, request.rhost.as_deref(), request.real_uid),
            rules: config.rules(),
            stage: Stage::Code,
            questions_left: config.login.prompts.get(),
            otherwise: Otherwise::Ask,
            previous: None,
            fault: None,
            heard: Heard::Yes,
            request,
        }
    }

    /// The same where nothing that is said beside the questions reaches the person, since the application wants silence: of wrong
    /// codes they are told at a later success.
    #[must_use]
    pub fn unheard(self) -> Self {
        Self {
            heard: Heard::No,
            ..self
        }
    }

    /// What is left to do, once the login is done with this verdict and the first factor is known to be right.
    #[must_use]
    pub fn into_left(self, verdict: &Verdict) -> LeftByLogin {
        let trust = match verdict {
            Verdict::Accepted(Accepted {
                factor:
                    Factor::Token { .. } | Factor::BackupCode { .. } | Factor::ScratchCode { .. },
                ..
            }) => self.trust().map(|service| Trusted {
                place: self.place,
                service,
            }),
            _ => None,
        };
        LeftByLogin {
            trust,
            say: admission::to_tell(self.config, verdict),
            prepared: self.into_prepared(),
        }
    }

    /// The enrollment that the person proved, once the login is done: to be kept when the first factor is known to be right.
    #[must_use]
    pub fn into_prepared(self) -> Option<Prepared> {
        match self.stage {
            Stage::BackupCodes(prepared) => Some(prepared),
            Stage::Code | Stage::Proof(_) => None,
        }
    }

    /// Begins with an answer that came before any question: what a module before us asked for. It uses up no question.
    pub fn start_with(&mut self, answer: Result<Answer, BadAnswer>, otherwise: Otherwise) -> Step {
        if let Some(end) = self.begin() {
            return end;
        }
        self.otherwise = otherwise;
        // Whoever may enroll now has no code yet: what their password ends in is none.
        if otherwise == Otherwise::Ask
            && let Some(offer) = self.first_offer()
        {
            return self.show(offer);
        }
        self.questions_left = match otherwise {
            Otherwise::Ask => self.questions_left.saturating_add(1),
            Otherwise::Refuse => 1,
        };
        self.answer(answer)
    }

    /// For somebody who is exempt, but whose field may end in a code all the same: what that code was of, if it is right. Then
    /// it counts as used. Otherwise nothing is charged.
    #[must_use]
    pub fn spend(&self, answer: &Answer) -> Option<Factor> {
        let account = self.known().ok()?;
        let record = self.world.store.look(&account.name).ok()?;
        // Where nothing is enrolled, nothing could be right.
        record.enrollment.as_ref()?;
        // What they are to be told, nobody tells them now.
        let mut attempt =
            Attempt::new(account.uid, self.place, answer, &self.rules).telling_nobody();
        attempt
            .prepare(&record, self.world.clock.now().ok()?)
            .ok()?;
        let mut uncharged = Uncharged(attempt);
        let World { store, clock, .. } = self.world;
        transaction::run(store, clock, &account.name, &mut uncharged).ok()?
    }

    /// Says what could not be found out. The end, if the person is not asked at all.
    fn begin(&mut self) -> Option<Step> {
        for problem in &self.unresolved {
            let origin = self.origin();
            self.world
                .audit
                .note(&Event::Unresolved { origin, problem });
        }
        let verdict = self.verdict_without_asking()?;
        Some(self.end(verdict))
    }

    /// The service, where a code that is given there is remembered: one that comes from an address that can be believed.
    fn trust(&self) -> Option<ServiceName> {
        let remembers = !self.config.trust.remember.get().is_zero();
        match self.remote {
            Remote::Believed(_) if remembers => {
                ServiceName::try_from(self.request.service.clone()).ok()
            }
            _ => None,
        }
    }

    /// The account that is asked for; without one, the verdict of whoever is not asked at all.
    fn known(&self) -> Result<&Account, Verdict> {
        match &self.request.subject {
            Subject::Known(account) => Ok(account),
            Subject::Unknown => Err(Verdict::Refused(Refusal::UnknownUser)),
            Subject::Unresolved(fault) => Err(Verdict::Unavailable(fault.clone())),
        }
    }

    fn ask(&self, say_before: Option<String>) -> Step {
        let usual = match self.request.asks_for {
            AsksFor::Code => messages::PROMPT,
            AsksFor::Both => messages::PROMPT_FOR_BOTH,
        };
        let question = self.request.prompt.as_deref().unwrap_or(usual);
        let text = match say_before {
            Some(text) => format!("{text}\n{question}"),
            None => question.to_owned(),
        };
        ask(text.into(), self.request.echo)
    }

    fn end(&self, verdict: Verdict) -> Step {
        self.note(&verdict);
        done(verdict)
    }

    fn verdict(&mut self, answer: Result<Answer, BadAnswer>) -> Verdict {
        let answer = match answer {
            Ok(answer) => answer,
            Err(bad) => return verdict_without_a_try(bad),
        };
        if self
            .previous
            .as_ref()
            .is_some_and(|previous| previous.is_same_as(&answer))
        {
            return at_the_cost_of_a_digest(&answer, Verdict::Refused(Refusal::Repeated));
        }
        let verdict = match (self.ruling, self.known()) {
            (
                Ruling::Rule {
                    says: SecondFactor::Deny,
                    number: rule,
                },
                _,
            ) => at_the_cost_of_a_digest(&answer, Verdict::Refused(Refusal::Denied { rule })),
            (_, Ok(account)) => self.attempt(account, &answer),
            (_, Err(verdict)) => at_the_cost_of_a_digest(&answer, verdict),
        };
        match &verdict {
            // These were not looked at: the same may be given again.
            Verdict::Unavailable(_)
            | Verdict::Refused(
                Refusal::Locked { .. } | Refusal::ShareUsedUp | Refusal::Disabled | Refusal::Closed,
            ) => {}
            Verdict::Accepted(_)
            | Verdict::Refused(_)
            | Verdict::Exempt(_)
            | Verdict::Invited(_) => {
                self.previous = Some(answer);
            }
        }
        verdict
    }

    fn attempt(&self, account: &Account, answer: &Answer) -> Verdict {
        let world = self.world;
        let mut attempt = Attempt::new(account.uid, self.place, answer, &self.rules);
        if self.takes_invitations(account) {
            attempt = attempt.or_an_invitation();
        }
        if self.heard == Heard::No {
            attempt = attempt.telling_nobody();
        }
        if answer.may_need_a_digest() {
            // A record that cannot be read is no reason for less work; what is wrong with it shows below, and so does a clock.
            let record = world.store.look(&account.name).unwrap_or_default();
            let now = world.clock.now().unwrap_or_default();
            if let Err(error) = attempt.prepare(&record, now) {
                return Verdict::Unavailable(Fault::Unusable(error.to_string()));
            }
        }
        let verdict = self.verdict_of(&mut attempt, account);
        if matches!(verdict, Verdict::Accepted(_)) || attempt.has_a_digest() {
            return verdict;
        }
        // Who has no scratch codes takes as long over an answer that could be one as who has.
        at_the_cost_of_a_digest(answer, verdict)
    }

    fn verdict_of(&self, attempt: &mut Attempt<'_>, account: &Account) -> Verdict {
        let world = self.world;
        match transaction::run(world.store, world.clock, &account.name, attempt) {
            Ok(Verdict::Unavailable(fault)) => {
                let whereabouts = world.store.whereabouts(&account.name);
                Verdict::Unavailable(fault.of(&account.name, &whereabouts))
            }
            Ok(verdict) => {
                if let Some(doubt) = attempt.doubt() {
                    world.audit.note(&Event::Doubtful {
                        origin: self.origin(),
                        doubt,
                        whereabouts: &world.store.whereabouts(&account.name),
                    });
                }
                verdict
            }
            Err(error) => Verdict::Unavailable(Fault::Unusable(error.to_string())),
        }
    }

    fn origin(&self) -> Origin<'_> {
        self.request.origin()
    }

    fn note(&self, verdict: &Verdict) {
        let origin = self.origin();
        self.world.audit.note(&match verdict {
            // What it leads to is noted.
            Verdict::Invited(_) => return,
            Verdict::Accepted(accepted) => Event::Accepted(origin, accepted),
            Verdict::Refused(refusal) => Event::Rejected(origin, refusal),
            Verdict::Unavailable(fault) => Event::Unavailable(origin, fault),
            Verdict::Exempt(exemption) => Event::Exempt(origin, *exemption),
        });
    }

    fn longest_lock(&self) -> Duration {
        Duration::from_secs(self.rules.throttle.longest_lock)
    }

    /// Waits until a refusal may be told: it comes no sooner than the floor after the answer, whatever was done for it. Where that
    /// takes longer (a slow host, a busy one), it comes after a multiple of the floor, so that the little that some records
    /// take more or less of does not show then either.
    fn wait_until_floor(&self, answered: Duration) {
        let spent = self.world.clock.elapsed().saturating_sub(answered);
        let floor = self.config.login.refusal_floor.get();
        let beyond = spent.as_nanos().checked_rem(floor.as_nanos());
        let beyond = beyond.and_then(|beyond| u64::try_from(beyond).ok());
        if let Some(beyond) = beyond {
            self.world
                .clock
                .sleep(floor.saturating_sub(Duration::from_nanos(beyond)));
        }
    }
}

impl Conversation for Login<'_> {
    fn start(&mut self) -> Step {
        if let Some(end) = self.begin() {
            return end;
        }
        match self.first_offer() {
            Some(offer) => self.show(offer),
            None => self.ask(None),
        }
    }

    fn answer(&mut self, answer: Result<Answer, BadAnswer>) -> Step {
        let answered = self.world.clock.elapsed();
        match std::mem::replace(&mut self.stage, Stage::Code) {
            Stage::Code => {}
            Stage::Proof(offer) => return self.answer_to_offer(offer, &answer),
            Stage::BackupCodes(prepared) => {
                let factor = Factor::NewToken(prepared.label().clone());
                self.stage = Stage::BackupCodes(prepared);
                return self.end(Verdict::Accepted(Accepted {
                    factor,
                    wrong: WrongCodes::default(),
                    backup_codes_left: None,
                    temporary_code: None,
                }));
            }
        }
        let verdict = self.verdict(answer);
        if let Verdict::Unavailable(fault) = &verdict {
            self.fault = Some(fault.clone());
        }
        if let (Verdict::Invited(ticket), Ok(account)) = (&verdict, self.known()) {
            return match Offer::make(self.config, account, Some(*ticket)) {
                Ok(offer) => self.show(offer),
                Err(error) => self.end(Verdict::Unavailable(Fault::Unusable(error.to_string()))),
            };
        }
        self.note(&verdict);
        self.questions_left = self.questions_left.saturating_sub(1);
        let say = match &verdict {
            Verdict::Accepted(accepted) => {
                let say = messages::accepted(accepted).into_iter().collect();
                return Step {
                    say,
                    then: Then::Done(verdict),
                };
            }
            Verdict::Refused(refusal) => self.words_for(refusal),
            // The number of questions does not tell whose record it is that cannot be read.
            Verdict::Unavailable(_) | Verdict::Exempt(_) | Verdict::Invited(_) => {
                messages::unavailable(&self.config.login, self.longest_lock())
            }
        };
        self.wait_until_floor(answered);
        if self.questions_left == 0 {
            return done(self.fault.take().map_or(verdict, Verdict::Unavailable));
        }
        self.ask(Some(say))
    }
}

/// About an answer that is no try. Of somebody who is not there sshd hands on garbage, of which nothing but the length is
/// true: what is as long as a scratch code costs as much, whoever it is of.
fn verdict_without_a_try(bad: BadAnswer) -> Verdict {
    let verdict = Verdict::Refused(Refusal::NotACode(bad));
    match bad {
        BadAnswer::Long => {
            let any = Answer::BackupCode(BackupCode::of_nobody());
            at_the_cost_of_a_digest(&any, verdict)
        }
        BadAnswer::Empty
        | BadAnswer::TooLong
        | BadAnswer::NotText
        | BadAnswer::Password
        | BadAnswer::NotACode => verdict,
    }
}

/// A verdict that comes after a digest, if the answer is as long as one that needs one.
fn at_the_cost_of_a_digest(answer: &Answer, verdict: Verdict) -> Verdict {
    if !answer.is_long() {
        return verdict;
    }
    match any_digest() {
        Ok(()) => verdict,
        Err(error) => Verdict::Unavailable(Fault::Unusable(error.to_string())),
    }
}

/// A digest of something that belongs to nobody, as long as any other takes.
fn any_digest() -> Result<(), BackupCodeError> {
    let salt = Salt::from_bytes([0; 16]);
    BackupCode::of_nobody()
        .digest(&salt, Cost::of_nobody())
        .map(drop)
}

fn ask(text: Zeroizing<String>, echo: Echo) -> Step {
    Step {
        say: Vec::new(),
        then: Then::Ask(Prompt { text, echo }),
    }
}

fn done(verdict: Verdict) -> Step {
    Step {
        say: Vec::new(),
        then: Then::Done(verdict),
    }
}

#[cfg(test)]
mod tests;
