//! The `auth` hook: from PAM's items to a login and from its verdict to PAM's return codes (docs/pam.md).

use std::path::Path;

use nightlatch_core::account::Account;
use nightlatch_core::answer::{Answer, BadAnswer};
use nightlatch_core::audit::{Audit as _, Event, Origin};
use nightlatch_core::check::{Fault, Verdict};
use nightlatch_core::combined::Field;
use nightlatch_core::config::{Config, DEFAULT_PATH, Whose};
use nightlatch_core::login::{
    AsksFor, Conversation, Login, Otherwise, Prompt, Request, Subject, Then,
};
use nightlatch_core::messages::PROMPT_FOR_BOTH;
use pamsm::PamError;

use crate::arguments::{Arguments, FirstPass, Forward, Skip};
use crate::handover::Handover;
use crate::host::{ConversationFailed, HostLog, NotKept, PamHost};
use crate::setting::{Reach, Setting};

/// Asks for a second factor. Whatever is not a success denies; only an explicit exemption is `PAM_IGNORE`.
pub fn authenticate(host: &dyn PamHost, words: &[String]) -> PamError {
    // What an earlier login of this host prepared is not this one's.
    drop(host.handed_over());
    let Setting { arguments, config } = match Setting::read(host, words) {
        Ok(setting) => setting,
        Err(code) => return code,
    };
    let code = match request(host, &arguments, &config) {
        Ok(request) => converse(host, &arguments, &config, request),
        Err(code) => code,
    };
    if !matches!(code, PamError::SUCCESS | PamError::IGNORE) {
        host.fail_delay(config.login.fail_delay.get());
    }
    code
}

/// Who wants to come in.
pub fn request(
    host: &dyn PamHost,
    arguments: &Arguments,
    config: &Config,
) -> Result<Request, PamError> {
    let service = host.service();
    let name = host
        .user()
        .map_err(|ConversationFailed| conversation_failed(host, ""))?;
    let account = match (config.whose(&service), host.real_uid()) {
        // PAM_RUSER is what the application says; the uid is what the kernel does. root has no invoker behind it.
        (Whose::Invoker, uid @ 1..) => Account::of_uid(uid),
        // A name that is not even text is nobody's.
        (Whose::Target | Whose::Invoker, _) => {
            str::from_utf8(&name).map_or(Ok(None), Account::look_up)
        }
    };
    let subject = match account {
        Ok(Some(account)) => Subject::Known(account),
        // The question does not tell these from people who exist; the refusal after it does not either.
        Ok(None) => Subject::Unknown,
        Err(error) => Subject::Unresolved(Fault::Unusable(error.to_string())),
    };
    Ok(Request {
        subject,
        service,
        rhost: host.rhost().filter(|rhost| !rhost.is_empty()),
        real_uid: host.real_uid(),
        prompt: arguments.prompt.clone(),
        asks_for: arguments.asks_for(),
        echo: arguments.echo,
    })
}

/// Puts the questions of a login to the person until there is a verdict.
fn converse(
    host: &dyn PamHost,
    arguments: &Arguments,
    config: &Config,
    request: Request,
) -> PamError {
    let name = request.subject.name_to_log().to_owned();
    let Ok(user) = host.user() else {
        return conversation_failed(host, &name);
    };
    let reach = Reach::of(host, config);
    let world = reach.world();
    if arguments.debug {
        let config_file = arguments
            .config
            .as_deref()
            .unwrap_or(Path::new(DEFAULT_PATH));
        world.audit.note(&Event::Began {
            origin: request.origin(),
            place: config.place(&request.service, request.rhost.as_deref(), request.real_uid),
            config: &config_file.to_string_lossy(),
        });
    }
    let visitor = Visitor {
        user,
        request: request.clone(),
    };
    let mut login = Login::new(world, config, request);
    if host.is_silent() {
        login = login.unheard();
    }
    let mut field = match arguments.first_pass {
        FirstPass::Leave => None,
        FirstPass::Try | FirstPass::Only => host.authtok().map(Field::new),
    };
    let found = field.as_ref().map_or(Err(BadAnswer::Empty), Field::answer);
    let mut step = match (arguments.first_pass, found) {
        (FirstPass::Only, found) => login.start_with(found, Otherwise::Refuse),
        (FirstPass::Try, Ok(found)) => login.start_with(Ok(found), Otherwise::Ask),
        (FirstPass::Leave | FirstPass::Try, _) => login.start(),
    };
    loop {
        for text in &step.say {
            host.tell(text);
        }
        let prompt = match step.then {
            Then::Ask(prompt) => prompt,
            Then::Done(verdict) => {
                let forwarded = match arguments.forward {
                    Forward::Nothing => Ok(()),
                    Forward::Password => forward(host, arguments, config, &login, field, &verdict),
                };
                return match forwarded {
                    Ok(()) => end(host, arguments, login, visitor, &verdict),
                    Err(NotForwarded::ConversationFailed) => conversation_failed(host, &name),
                    Err(NotForwarded::NotKept) => {
                        let problem = "the application did not take the password for the module behind (pam_set_item failed)";
                        unavailable(host, &Fault::Unusable(problem.to_owned()))
                    }
                };
            }
        };
        let asks_for = arguments.asks_for();
        let Ok(reply) = host.ask(&prompt, asks_for) else {
            return conversation_failed(host, &name);
        };
        let answer = match asks_for {
            AsksFor::Code => reply.and_then(|bytes| Answer::parse(&bytes)),
            AsksFor::Both => reply.and_then(|bytes| field.insert(Field::new(bytes)).answer()),
        };
        step = login.answer(answer);
    }
}

/// Leaves the password in a field to the module behind us. Without a right code it is what stands before something that looks
/// like one, whoever it is.
fn forward(
    host: &dyn PamHost,
    arguments: &Arguments,
    config: &Config,
    login: &Login<'_>,
    field: Option<Field>,
    verdict: &Verdict,
) -> Result<(), NotForwarded> {
    let field = match (field, verdict) {
        (Some(field), _) => field,
        // The module behind us needs the password of those who are exempt, too.
        (None, Verdict::Exempt(_)) if arguments.first_pass != FirstPass::Only => {
            let text = arguments.prompt.as_deref().unwrap_or(PROMPT_FOR_BOTH);
            let prompt = Prompt {
                text: text.to_owned().into(),
                echo: arguments.echo,
            };
            match host.ask(&prompt, AsksFor::Both) {
                Ok(Ok(bytes)) => Field::new(bytes),
                Ok(Err(_)) => return Ok(()),
                Err(ConversationFailed) => return Err(NotForwarded::ConversationFailed),
            }
        }
        (None, _) => return Ok(()),
    };
    let password = match verdict {
        Verdict::Accepted(accepted) => field.before(&accepted.factor),
        Verdict::Exempt(_) => {
            let right = field.answer().ok().and_then(|code| login.spend(&code));
            right.map_or(field.whole(), |factor| field.before(&factor))
        }
        Verdict::Refused(_) | Verdict::Unavailable(_) | Verdict::Invited(_) => {
            field.before_the_likely_code(config.token.digits)
        }
    };
    host.set_authtok(password)
        .map_err(|NotKept| NotForwarded::NotKept)
}

/// Who is asked.
struct Visitor {
    /// `PAM_USER` as it was when the login began.
    user: Vec<u8>,
    /// What was made of it, and of the other items.
    request: Request,
}

/// Why a password was not forwarded.
enum NotForwarded {
    ConversationFailed,
    NotKept,
}

/// Ends with the verdict's code. What has to wait for a right first factor is handed over to the account phase.
fn end(
    host: &dyn PamHost,
    arguments: &Arguments,
    login: Login<'_>,
    visitor: Visitor,
    verdict: &Verdict,
) -> PamError {
    let code = code_of(verdict, arguments);
    if !matches!(code, PamError::SUCCESS | PamError::IGNORE) {
        return code;
    }
    let Visitor { user, request } = visitor;
    if host.user().as_ref() != Ok(&user) {
        let problem = "PAM_USER was changed while the question was asked, so that the answer is not theirs who would be let in";
        return unavailable(host, &Fault::Unusable(problem.to_owned()));
    }
    let left = login.into_left(verdict);
    let must_arrive = left.prepared.is_some();
    let handover = Handover {
        user,
        request,
        left,
    };
    let handed = host.hand_over(handover);
    if handed == Err(NotKept) && must_arrive {
        let problem = "the application kept nothing for the account phase (pam_set_data failed)";
        return unavailable(host, &Fault::Unusable(problem.to_owned()));
    }
    code
}

/// The table of docs/pam.md.
fn code_of(verdict: &Verdict, arguments: &Arguments) -> PamError {
    match verdict {
        Verdict::Accepted(_) => PamError::SUCCESS,
        // An invitation leads to a question, never to an end.
        Verdict::Refused(_) | Verdict::Invited(_) => PamError::AUTH_ERR,
        Verdict::Unavailable(_) => PamError::AUTHINFO_UNAVAIL,
        Verdict::Exempt(_) => match arguments.skip {
            Skip::Ignore => PamError::IGNORE,
            Skip::Success => PamError::SUCCESS,
        },
    }
}

pub fn unavailable(host: &dyn PamHost, fault: &Fault) -> PamError {
    let (service, rhost) = (host.service(), host.rhost());
    let origin = Origin {
        user: "",
        service: &service,
        rhost: rhost.as_deref(),
    };
    HostLog(host).note(&Event::Unavailable(origin, fault));
    PamError::AUTHINFO_UNAVAIL
}

pub fn conversation_failed(host: &dyn PamHost, user: &str) -> PamError {
    let (service, rhost) = (host.service(), host.rhost());
    let origin = Origin {
        user,
        service: &service,
        rhost: rhost.as_deref(),
    };
    HostLog(host).note(&Event::ConversationFailed(origin));
    PamError::CONV_ERR
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::FakeHost;
    use nightlatch_core::login::Echo;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn host(user: &str, answers: &[&str]) -> FakeHost {
        FakeHost {
            user: user.to_owned(),
            answers: std::cell::RefCell::new(answers.iter().map(|&text| text.to_owned()).collect()),
            ..FakeHost::default()
        }
    }

    /// A login as the hook makes it once the configuration is read: a store that is not there, and no floor to wait for.
    fn login(host: &FakeHost) -> PamError {
        login_under("", host)
    }

    fn login_under(toml: &str, host: &FakeHost) -> PamError {
        login_with("", toml, host)
    }

    fn login_with(line: &str, toml: &str, host: &FakeHost) -> PamError {
        let text = "[store]\ndir = \"/nonexistent/nightlatch\"\n[login]\nrefusal_floor = \"0s\"\n";
        let config = Config::parse(&format!("{text}{toml}"), Path::new("test")).unwrap();
        let arguments = Arguments::parse(&words(line)).unwrap();
        request(host, &arguments, &config).map_or_else(
            |code| code,
            |request| converse(host, &arguments, &config, request),
        )
    }

    #[test]
    fn a_wrong_argument_denies_and_is_logged() {
        let host = host("root", &["123456"]);
        assert_eq!(authenticate(&host, &words("nullok")), PamError::SERVICE_ERR);
        assert!(
            host.logged("event=misconfigured service=\"sshd\" problem=\"unknown argument `nullok`")
        );
        assert!(host.asked.borrow().is_empty());
    }

    #[test]
    fn a_configuration_that_is_named_but_missing_denies() {
        let host = host("root", &["123456"]);
        assert_eq!(
            authenticate(&host, &words("config=/nonexistent/x.toml")),
            PamError::SERVICE_ERR
        );
        assert!(host.logged("event=misconfigured"));
    }

    #[test]
    fn an_application_that_is_not_root_is_denied_before_anything_is_read() {
        let host = FakeHost {
            euid: 1000,
            ..host("root", &["123456"])
        };
        assert_eq!(
            authenticate(&host, &words("config=/nonexistent/x.toml")),
            PamError::AUTHINFO_UNAVAIL
        );
        assert!(host.logged("event=unavailable"));
    }

    #[test]
    fn a_name_without_an_account_is_asked_three_times_and_refused() {
        let host = host("no-such-person-here", &["123456", "hunter2", "1111-2222"]);
        assert_eq!(login(&host), PamError::AUTH_ERR);
        let asked = host.asked.borrow();
        assert_eq!(asked.len(), 3);
        assert_eq!(
            (asked[0].text.as_str(), asked[0].echo),
            ("Verification code: ", Echo::Off)
        );
        assert!(host.logged("event=rejected reason=unknown-user user=\"\" service"));
    }

    #[test]
    fn the_invoker_is_whoever_the_kernel_says_and_for_root_it_is_the_target() {
        let invoker = "[service.sshd]\nsubject = \"invoker\"\n[[rule]]\nusers = [\"daemon\"]\nsecond_factor = \"deny\"\n";
        for (uid, logged) in [
            (1, "event=rejected reason=denied user=\"daemon\""),
            (0, "event=unavailable user=\"root\""),
            // Nobody has this uid.
            (
                4_000_000_000,
                "event=rejected reason=unknown-user user=\"\"",
            ),
        ] {
            let host = FakeHost {
                uid,
                ..host("root", &["123456", "234567", "345678"])
            };
            assert_ne!(login_under(invoker, &host), PamError::SUCCESS);
            assert!(host.logged(logged), "{:?}", host.log);
        }
        // Unless it is configured, the uid says nothing.
        let host = FakeHost {
            uid: 1,
            ..host("root", &["123456", "234567", "345678"])
        };
        login(&host);
        assert!(host.logged("event=unavailable user=\"root\""));
    }

    #[test]
    fn a_store_that_is_not_there_denies_after_as_many_answers_as_ever() {
        let host = host("root", &["123456", "234567", "345678"]);
        assert_eq!(login(&host), PamError::AUTHINFO_UNAVAIL);
        assert_eq!(host.asked.borrow().len(), 3);
        assert!(host.logged("event=unavailable user=\"root\""));
    }

    #[test]
    fn a_password_that_cannot_be_forwarded_denies_and_is_logged() {
        let host = FakeHost {
            takes_no_authtok: true,
            ..host("no-such-person-here", &["pass123456"; 3])
        };
        let code = login_with("forward_pass", "", &host);
        assert_eq!(code, PamError::AUTHINFO_UNAVAIL);
        assert!(host.logged("event=unavailable"), "{:?}", host.log);
    }

    #[test]
    fn a_conversation_that_fails_denies_and_is_logged() {
        let host = host("root", &[]);
        assert_eq!(login(&host), PamError::CONV_ERR);
        assert!(host.logged("event=conversation-failed user=\"root\""));
    }

    #[test]
    fn only_an_exemption_is_ignored() {
        let arguments = |line| Arguments::parse(&words(line)).unwrap();
        let refused = Verdict::Refused(nightlatch_core::check::Refusal::NotEnrolled);
        let exempt = Verdict::Exempt(nightlatch_core::check::Exemption::NotEnrolled);
        for (verdict, line, code) in [
            (exempt.clone(), "", PamError::IGNORE),
            (exempt, "skip=success", PamError::SUCCESS),
            (refused, "skip=success", PamError::AUTH_ERR),
            (
                Verdict::Unavailable(Fault::StateLost),
                "skip=success",
                PamError::AUTHINFO_UNAVAIL,
            ),
        ] {
            assert_eq!(code_of(&verdict, &arguments(line)), code);
        }
    }
}
