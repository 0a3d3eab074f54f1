//! The account phase: what waits until everything before it succeeded, the first factor too.
//!
//! It keeps an enrollment that was prepared in the login, tells what is to be told once, and looks after those whom the
//! application let in without asking PAM for anything (sshd does so with a public key): a rule that denies holds for them
//! too, and where the administrator says so, nobody gets in so who is not enrolled.

use crate::at_login::Prepared;
use crate::audit::{Event, Origin};
use crate::check::{Accepted, Exemption, Factor, Fault, Refusal, Verdict};
use crate::config::{Config, Mode, SecondFactor, ServiceName};
use crate::login::{Echo, Prompt, Request, Subject, World};
use crate::messages;
use crate::place::Place;
use crate::policy::{self, Ruling};
use crate::store::StoreError;
use crate::surroundings;
use crate::transaction::{self, Keep, NotKept};
use crate::trust::Note;

/// What the login of the same person left for this phase.
#[derive(Debug, Default)]
pub struct LeftByLogin {
    /// An enrollment that is to be kept now.
    pub prepared: Option<Prepared>,
    /// Where a code was given that is to be remembered.
    pub trust: Option<Trusted>,
    /// What the person is to be told.
    pub say: Vec<String>,
}

impl LeftByLogin {
    /// Whether nothing but words is left.
    #[must_use]
    pub fn is_only_words(&self) -> bool {
        self.prepared.is_none() && self.trust.is_none()
    }
}

/// Where a code was given that is to be remembered.
#[derive(Clone, Debug)]
pub struct Trusted {
    /// The place.
    pub place: Place,
    /// The service.
    pub service: ServiceName,
}

/// What comes of the account phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// What the person is told, whatever comes of it.
    pub say: Vec<String>,
    /// What the person is to read before it ends, as a question that any answer will do for: after keyboard-interactive, sshd
    /// shows nobody what is only told to somebody who is refused here.
    pub have_read: Option<Prompt>,
    /// Whether they come in.
    pub entry: Entry,
}

impl Admission {
    /// They come in, and are told this.
    #[must_use]
    pub fn open(say: Vec<String>) -> Self {
        Self {
            say,
            have_read: None,
            entry: Entry::Open,
        }
    }
}

/// Whether somebody comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// They do.
    Open,
    /// They do not.
    Refused,
    /// It cannot be told, so they do not.
    Unavailable,
}

/// What is told in the account phase of a login that ended so, once the first factor is known to be right.
#[must_use]
pub fn to_tell(config: &Config, verdict: &Verdict) -> Vec<String> {
    let text = match verdict {
        Verdict::Exempt(Exemption::Deadline) => config.enrollment.deadline.map(messages::deadline),
        // Whoever used a backup code was told how many are left.
        Verdict::Accepted(Accepted {
            factor: Factor::Token { .. },
            backup_codes_left: Some(left),
            ..
        }) => messages::few_codes(*left),
        _ => None,
    };
    text.into_iter().collect()
}

/// The account phase of somebody whose login left something for it.
#[must_use]
pub fn admit(world: World<'_>, config: &Config, request: &Request, left: LeftByLogin) -> Admission {
    if let (Some(trusted), Subject::Known(account)) = (&left.trust, &request.subject) {
        let mut note = Note {
            uid: account.uid,
            place: trusted.place,
            service: &trusted.service,
            rules: &config.rules(),
        };
        // If it cannot be kept, a code is asked for the next time.
        let _ = transaction::run(world.store, world.clock, &account.name, &mut note);
    }
    let Some(prepared) = left.prepared else {
        return Admission::open(left.say);
    };
    let mut keep = Keep {
        prepared: &prepared,
        rules: &config.rules(),
    };
    let who = &prepared.enrollment.user;
    let origin = request.origin();
    match transaction::run(world.store, world.clock, who, &mut keep) {
        Ok(Ok(())) => {
            world.audit.note(&Event::EnrolledAtLogin {
                origin,
                label: prepared.label().as_str(),
                by: prepared.opened(),
            });
            Admission::open(left.say)
        }
        Ok(Err(reason)) => {
            let refusal = match reason {
                NotKept::EnrolledMeanwhile => Refusal::EnrolledMeanwhile,
                NotKept::InvitationGone => Refusal::InvitationOver,
                NotKept::Closed => Refusal::Closed,
            };
            world.audit.note(&Event::Rejected(origin, &refusal));
            Admission {
                say: Vec::new(),
                have_read: Some(Prompt {
                    text: format!("{}\n{}", messages::not_kept(reason), messages::READ).into(),
                    echo: Echo::On,
                }),
                entry: Entry::Refused,
            }
        }
        Err(error) => unavailable(world, origin, &error),
    }
}

/// The account phase of somebody whom nobody asked: at a service like sshd, which has proofs of its own. On this host nobody
/// is asked whom root lets through (su, sudo without a password).
#[must_use]
pub fn admit_unasked(world: World<'_>, config: &Config, request: &Request) -> Admission {
    if !config.comes_from_elsewhere(&request.service) {
        return Admission::open(Vec::new());
    }
    let origin = request.origin();
    let (circumstances, unresolved) = surroundings::gather(
        config,
        &request.subject,
        &request.service,
        request.rhost.as_deref(),
        world.surroundings,
    );
    for problem in &unresolved {
        world.audit.note(&Event::Unresolved { origin, problem });
    }
    let ruling = policy::rule(config, &circumstances);
    let needs_enrollment = match ruling {
        Ruling::Rule {
            says: SecondFactor::Deny,
            number: rule,
        } => {
            return refused(world, request, &Refusal::Denied { rule }, messages::DENIED);
        }
        Ruling::Rule {
            says: SecondFactor::Skip,
            ..
        } => return Admission::open(Vec::new()),
        Ruling::Rule {
            says: SecondFactor::Require,
            ..
        } => true,
        Ruling::Mode => config.enrollment.mode != Mode::Optional,
    };
    let must = config.account.require_enrollment && needs_enrollment;
    let account = match &request.subject {
        Subject::Known(account) => account,
        Subject::Unknown | Subject::Unresolved(_) if !must => return Admission::open(Vec::new()),
        Subject::Unknown => {
            return refused(
                world,
                request,
                &Refusal::UnknownUser,
                messages::NOT_ENROLLED,
            );
        }
        Subject::Unresolved(fault) => {
            world.audit.note(&Event::Unavailable(origin, fault));
            return Admission {
                say: Vec::new(),
                have_read: None,
                entry: Entry::Unavailable,
            };
        }
    };
    let record = match world.store.look(&account.name) {
        Ok(record) => record,
        Err(error) if must => return unavailable(world, origin, &error),
        // Nothing is decided by it but what is said.
        Err(_) => return Admission::open(Vec::new()),
    };
    match &record.enrollment {
        Some(enrollment) if enrollment.uid == account.uid => {
            let now = world.clock.now().ok();
            let left = now.and_then(|now| record.state.backup_codes_left(enrollment, now));
            return Admission::open(left.and_then(messages::few_codes).into_iter().collect());
        }
        // Names get reused: it is somebody else's.
        Some(_) if must => {
            return refused(world, request, &Refusal::OtherUid, messages::NOT_ENROLLED);
        }
        Some(_) => return Admission::open(Vec::new()),
        None => {}
    }
    // A rule that requires does so before the deadline, too.
    let grace = match (ruling, world.clock.now()) {
        (Ruling::Mode, Ok(now)) => policy::grace(&config.enrollment, &record, now),
        (Ruling::Mode, Err(_)) | (Ruling::Rule { .. }, _) => None,
    };
    match grace {
        Some(last_day) => Admission::open(vec![messages::deadline(last_day)]),
        None if must => refused(
            world,
            request,
            &Refusal::NotEnrolled,
            messages::NOT_ENROLLED,
        ),
        None => Admission::open(Vec::new()),
    }
}

fn refused(world: World<'_>, request: &Request, refusal: &Refusal, text: &str) -> Admission {
    world
        .audit
        .note(&Event::Rejected(request.origin(), refusal));
    Admission {
        say: vec![text.to_owned()],
        have_read: None,
        entry: Entry::Refused,
    }
}

fn unavailable(world: World<'_>, origin: Origin<'_>, error: &StoreError) -> Admission {
    let fault = Fault::Unusable(error.to_string());
    world.audit.note(&Event::Unavailable(origin, &fault));
    Admission {
        say: vec![messages::UNAVAILABLE.to_owned()],
        have_read: None,
        entry: Entry::Unavailable,
    }
}

#[cfg(test)]
mod tests;
