//! `check`: a login without a door. The same machine asks, decides, charges and logs as at a real one.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::bail;
use nightlatch_core::answer::Answer;
use nightlatch_core::audit::{Audit, Event};
use nightlatch_core::check::{Exemption, Factor, Refusal, Verdict};
use nightlatch_core::config::{Config, LoginConfig, ServiceName};
use nightlatch_core::login::{
    AsksFor, Conversation as _, Echo, Login, Request, Subject, Then, World,
};
use nightlatch_core::messages;
use nightlatch_core::surroundings::System;
use nix::unistd::getuid;
use serde::Serialize;

use crate::app::App;
use crate::ask::Asker;
use crate::cli;
use crate::failure::Failure;
use crate::person;
use crate::screen::{Screen, shown};
use crate::signals::Signals;

/// Asks for a code and says what a login would have said.
pub fn run(app: &App, arguments: &cli::Check) -> anyhow::Result<()> {
    let account = person::account(arguments.user.as_deref())?;
    let name = account.name.clone();
    let user = shown(name.as_str());
    let config = on_this_host(&app.config);
    let audit = Witness::new(&app.journal, &config);
    let world = World {
        store: &app.store,
        clock: &app.clock,
        audit: &audit,
        surroundings: &System,
    };
    let request = Request {
        subject: Subject::Known(account),
        service: SERVICE.to_owned(),
        rhost: None,
        real_uid: getuid().as_raw(),
        prompt: None,
        // A backup code that is refused for a lock is as good as before: it must not stay on the screen.
        asks_for: AsksFor::Code,
        echo: Echo::Off,
    };
    let result = Screen::output()?;
    let errors = Screen::error()?;
    // With --json standard output belongs to a program.
    let screen = if arguments.json { &errors } else { &result };
    let signals = Signals::hold()?;
    let mut asker = Asker::new(screen, &signals);
    let mut login = Login::new(world, &config, request);
    let mut step = login.start();
    loop {
        for line in &step.say {
            screen.say(line)?;
        }
        match step.then {
            Then::Ask(prompt) => {
                if let Some(why) = audit.take_reason() {
                    screen.say(&format!("(Why, which a login does not say: {why})"))?;
                }
                let Some(answer) = asker.ask(&prompt.text, prompt.echo)? else {
                    bail!("no code was given, so there is nothing to say about {user}");
                };
                step = login.answer(Answer::parse(&answer));
            }
            Then::Done(verdict) => {
                if arguments.json {
                    result.json(&Outcome::of(name.as_str(), &verdict))?;
                }
                return tell(screen, &user, &verdict, audit.take_reason());
            }
        }
    }
}

fn tell(screen: &Screen, user: &str, verdict: &Verdict, why: Option<String>) -> anyhow::Result<()> {
    match verdict {
        Verdict::Accepted(accepted) => {
            let factor = match &accepted.factor {
                Factor::Token { label, .. } => format!("the code of {}", shown(label.as_str())),
                Factor::BackupCode { .. } => "the backup code".to_owned(),
                Factor::TemporaryCode => "the temporary code".to_owned(),
                Factor::ScratchCode { .. } => "the scratch code".to_owned(),
                Factor::NewToken(_) => bail!("{NO_ENROLLING}"),
            };
            screen.say(&format!(
                "Accepted: a login would have let {user} in. Now {factor} is used up."
            ))
        }
        Verdict::Exempt(exemption) => {
            let why = match exemption {
                Exemption::NotEnrolled => {
                    "is not enrolled, and the configuration makes a second factor optional"
                }
                Exemption::Rule { number } => {
                    &format!("is exempt by the configuration's rule {number}")
                }
                Exemption::Deadline => "is not enrolled, and the deadline for it is not over",
                Exemption::Trusted => "gave a code there not long ago",
            };
            screen.say(&format!("Not asked: {user} {why}."))
        }
        Verdict::Refused(_) => {
            let why = why.map_or_else(String::new, |why| format!(" {why}"));
            screen.say(&format!(
                "Refused: a login would not have let {user} in.{why}"
            ))?;
            Err(Failure::Told.into())
        }
        Verdict::Unavailable(fault) => {
            bail!("a login would not have let {user} in, right code or not: {fault}")
        }
        Verdict::Invited(_) => bail!("{NO_ENROLLING}"),
    }
}

/// What came of it, for a program. The fields are documented in docs/command.md and stay stable.
#[derive(Serialize)]
struct Outcome<'a> {
    user: &'a str,
    verdict: &'static str,
    factor: Option<&'static str>,
    reason: Option<&'static str>,
}

impl<'a> Outcome<'a> {
    fn of(user: &'a str, verdict: &Verdict) -> Self {
        let outcome = |verdict, factor, reason| Self {
            user,
            verdict,
            factor,
            reason,
        };
        match verdict {
            Verdict::Accepted(accepted) => {
                let factor = match accepted.factor {
                    Factor::Token { .. } => "token",
                    Factor::BackupCode { .. } => "backup-code",
                    Factor::TemporaryCode => "temporary-code",
                    Factor::ScratchCode { .. } => "scratch-code",
                    Factor::NewToken(_) => "new-token",
                };
                outcome("accepted", Some(factor), None)
            }
            Verdict::Refused(refusal) => outcome("refused", None, Some(refusal.reason())),
            Verdict::Invited(_) => outcome("refused", None, None),
            Verdict::Unavailable(_) => outcome("unavailable", None, None),
            Verdict::Exempt(exemption) => outcome("exempt", None, Some(exemption.reason())),
        }
    }
}

/// Whoever types this command is on this host, whatever the configuration says about other services.
fn on_this_host(config: &Config) -> Config {
    let mut config = config.clone();
    config
        .login
        .rhost_from
        .retain(|service| service.as_str() != SERVICE);
    config.login.local.push(ServiceName::known(SERVICE));
    // What is shown in a login is kept by its account phase, and there is none here.
    config
        .at_login
        .services
        .retain(|service| service.as_str() != SERVICE);
    config
}

const NO_ENROLLING: &str = "nobody enrolls here: this is a fault in Nightlatch, please report it";

/// Passes events on to the log, and keeps what a login does not say: why an answer was refused.
struct Witness<'a> {
    log: &'a dyn Audit,
    said: LoginConfig,
    explained: LoginConfig,
    longest_lock: Duration,
    reason: RefCell<Option<String>>,
}

impl<'a> Witness<'a> {
    fn new(log: &'a dyn Audit, config: &Config) -> Self {
        Self {
            log,
            said: config.login.clone(),
            explained: LoginConfig {
                explain: true,
                ..config.login.clone()
            },
            longest_lock: Duration::from_secs(config.throttle.longest_lock.seconds()),
            reason: RefCell::new(None),
        }
    }

    /// Why the last answer was refused, unless a login says it anyway.
    fn take_reason(&self) -> Option<String> {
        self.reason.take()
    }

    fn explain(&self, refusal: &Refusal) -> Option<String> {
        let said = messages::refused(refusal, &self.said, self.longest_lock);
        let explained = messages::refused(refusal, &self.explained, self.longest_lock);
        (said != explained).then_some(explained)
    }
}

impl Audit for Witness<'_> {
    fn note(&self, event: &Event<'_>) {
        if let Event::Rejected(_, refusal) = event {
            *self.reason.borrow_mut() = self.explain(refusal);
        }
        self.log.note(event);
    }
}

/// The name of the service in the log.
const SERVICE: &str = "nightlatch";

#[cfg(test)]
mod tests {
    use super::*;
    use nightlatch_core::check::Next;
    use nightlatch_core::place::Place;

    struct NoLog;

    impl Audit for NoLog {
        fn note(&self, _event: &Event<'_>) {}
    }

    #[test]
    fn a_try_comes_from_this_host() {
        let config = on_this_host(&Config::default());
        assert_eq!(config.place(SERVICE, None, 0), Place::Local(0));
    }

    #[test]
    fn the_reason_is_kept_where_a_login_would_not_say_it() {
        let witness = Witness::new(&NoLog, &Config::default());
        assert!(witness.explain(&Refusal::NotEnrolled).is_some());
        assert!(
            witness
                .explain(&Refusal::Replayed {
                    next: Next::CodeIn(3)
                })
                .is_none()
        );
    }
}
