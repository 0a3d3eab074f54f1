//! Findings about a service's stacks in /etc/pam.d: where our line stands, what its control values make of it, what goes round it.

use std::path::Path;

use nightlatch_core::config::{Config, Mode, SecondFactor, Whose};

use super::edit;
use super::finding::{Finding, Severity};
use super::modules::{self, Role};
use super::ways::{Before, Code, LeansOn, Skip, Ways, skip};
use crate::pam_files::{Does, Kind, OURS, PamFiles, Stack, Step};

/// A service that runs our module.
#[derive(Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What a login runs through.
    pub auth: Stack,
    /// What runs when that succeeded.
    pub account: Stack,
}

/// What a service's stacks are looked at with.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The files.
    pub files: &'a PamFiles,
    /// The configuration, where it can be read.
    pub config: Option<&'a Config>,
    /// What is proved before the stack is run.
    pub before: Before,
}

/// Everything to be said of a service.
pub fn examine(scene: Scene<'_>, service: &Service) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(not_understood(&service.auth));
    findings.extend(not_understood(&service.account));
    // A line that always fails is why nobody gets in, and says so itself.
    let is_broken = !findings.is_empty();
    findings.extend(of_auth(scene, service));
    findings.extend(of_account(scene, service));
    findings.retain(|finding| !is_broken || finding.name != "nobody-gets-in");
    findings.extend(old_modules(scene.files, &service.auth));
    findings
}

/// Where a step stands.
pub fn place(step: &Step) -> String {
    format!("{}, line {}", step.file.display(), step.line)
}

fn not_understood(stack: &Stack) -> Vec<Finding> {
    let broken = |step: &Step| match &step.does {
        Does::Fail(why) => Some(why.clone()),
        Does::Run { actions, .. } if !actions.is_understood() => {
            Some("its control value is none that libpam knows".to_owned())
        }
        _ => None,
    };
    let found = stack.steps.iter();
    found
        .filter_map(|step| {
            let why = broken(step)?;
            let finding = Finding::new(
                "line-not-understood",
                Severity::LockOut,
                place(step),
                format!("libpam does not understand this line: {why}"),
                "libpam takes such a line for a failure, so everybody is refused whatever they prove",
            );
            let ours = step.runs(OURS).then(|| edit::our_line(stack.kind, Some(step)));
            Some(match ours {
                Some(line) => finding
                    .mend("write the line as it should be:")
                    .run_all(edit::replace_line(step, &line)),
                None => finding.mend(
                    "compare the line with the package's own file, and write what is meant: a type, a control value, a module",
                ),
            })
        })
        .collect()
}

fn of_auth(scene: Scene<'_>, service: &Service) -> Vec<Finding> {
    let stack = &service.auth;
    let Some(ours) = stack.running(OURS).next() else {
        return Vec::new();
    };
    let ways = Ways::of(stack, scene.before);
    let mut findings = Vec::new();
    if !ways.opens(|end| end.code == Code::Accepted) {
        // Where a right code counts for nothing because our line is never reached, the way past it is the mistake.
        let left_out = left_out(scene, service, &ways);
        findings.push(left_out.unwrap_or_else(|| nobody_gets_in(service, &ways)));
        return findings;
    }
    findings.extend(left_out(scene, service, &ways));
    findings.extend(does_not_count(scene, stack, ours, &ways));
    findings.extend(exemptions(scene, service, ours, &ways));
    findings.extend(alone(scene, service, &ways));
    findings.extend(order(scene, stack, ours, &ways));
    findings
}

fn nobody_gets_in(service: &Service, ways: &Ways) -> Finding {
    let what = if ways.opens(|_| true) {
        "a right code lets nobody in: the stack opens only where our line is not run, or where it fails"
    } else {
        "the stack cannot succeed, whatever its modules return"
    };
    Finding::new(
        "nobody-gets-in",
        Severity::LockOut,
        format!("service {}", service.name),
        what,
        "whoever is asked at this service is refused",
    )
    .mend(
        "look for a line above that always fails (pam_deny that nothing jumps over, a control value or file that libpam does not \
         know, a jump that leads too far), and take it away",
    )
}

/// Ways on which our line is not run.
fn left_out(scene: Scene<'_>, service: &Service, ways: &Ways) -> Option<Finding> {
    let stack = &service.auth;
    let end = ways.find(|end| end.opens && end.code == Code::NotRun)?;
    let step = stack.steps.get(end.at)?;
    match end.leans_on {
        // su asks root for nothing, and that is meant.
        LeansOn::Root => None,
        LeansOn::Condition(at) => {
            let condition = stack.steps.get(at)?;
            Some(
                Finding::new(
                    "code-left-out-for-some",
                    Severity::Note,
                    place(condition),
                    "whom this line lets pass is not asked for a code",
                    "a condition in /etc/pam.d is a rule that `nightlatch config explain` does not know of",
                )
                .mend(
                    "if it is meant, leave it; better, take it away and write a [[rule]] with second_factor = \"skip\" into \
                     /etc/nightlatch/nightlatch.toml, which the log and `nightlatch config explain` know",
                ),
            )
        }
        LeansOn::Nothing => {
            let finding = Finding::new(
                "code-left-out",
                Severity::OpenDoor,
                place(step),
                format!(
                    "where this line succeeds, the stack of {} is over, or jumps, and our line is not run",
                    service.name
                ),
                "whoever has the first factor gets in without a code",
            );
            Some(mend_left_out(scene.files, service, end.at, finding))
        }
    }
}

fn mend_left_out(files: &PamFiles, service: &Service, at: usize, finding: Finding) -> Finding {
    let stack = &service.auth;
    let step = &stack.steps[at];
    let own_file = stack.running(OURS).next().map(|ours| &ours.file);
    let ours_at = stack.steps.iter().position(|step| step.runs(OURS));
    if own_file != Some(&step.file) {
        let commands = edit::include_as_one(files, &service.name, Kind::Auth, &step.file);
        return finding
            .mend(
                "include the file as a substack, so that what ends it does not end the stack; our line stands behind it:",
            )
            .run_all(commands);
    }
    let between = ours_at
        .and_then(|ours| ours.checked_sub(at + 1))
        .map(|from| {
            stack.steps[at + 1..=at + from]
                .iter()
                .filter(|other| other.depth == step.depth)
                .count()
        });
    match (&step.does, between) {
        (
            Does::Run {
                module, arguments, ..
            },
            Some(between),
        ) => {
            let control = match between {
                0 => "requisite".to_owned(),
                lines => format!("[success={lines} default=ignore]"),
            };
            let line = edit::line(Kind::Auth, &control, module, arguments);
            finding
                .mend("let a success lead to our line, and not past it:")
                .run_all(edit::replace(files, step, &line))
        }
        _ => finding.mend("put our line before the jump's end, behind the first factor"),
    }
}

/// Control values that forgive.
fn does_not_count(scene: Scene<'_>, stack: &Stack, ours: &Step, ways: &Ways) -> Option<Finding> {
    let mend = |finding: Finding| {
        let line = edit::our_line(Kind::Auth, Some(ours));
        finding
            .mend("give our line the control value `required`:")
            .run_all(edit::replace(scene.files, ours, &line))
    };
    if stack.running(OURS).count() == 1 && ways.opens(|end| end.code == Code::Refused) {
        return Some(mend(Finding::new(
            "wrong-code-opens",
            Severity::OpenDoor,
            place(ours),
            "the stack succeeds where our line refuses",
            "a wrong code opens the door as well as a right one",
        )));
    }
    ways.opens(|end| end.code == Code::Broken).then(|| {
        mend(Finding::new(
            "error-opens",
            Severity::OpenDoor,
            place(ours),
            "the stack succeeds where our line cannot do its work: the store, the configuration or the module itself fails",
            "whoever fills the disk, or waits for it to fail, gets in without a code",
        ))
    })
}

/// Whom the policy does not ask.
fn exemptions(scene: Scene<'_>, service: &Service, ours: &Step, ways: &Ways) -> Option<Finding> {
    let may_exempt = scene
        .config
        .is_none_or(|config| may_exempt(config, &service.name));
    let opens_alone = ways.find(|end| {
        end.opens && end.code == Code::Exempt && !end.proved && end.leans_on == LeansOn::Nothing
    });
    if opens_alone.is_some() {
        let severity = if may_exempt {
            Severity::OpenDoor
        } else {
            Severity::Weakness
        };
        let finding = Finding::new(
            "exemption-opens-alone",
            severity,
            place(ours),
            "whoever the policy does not ask gets in by that alone, with no other proof",
            "an exemption is to leave the code out, and not the password",
        );
        let arguments: Vec<String> = arguments(ours)
            .iter()
            .filter(|word| !word.starts_with("skip="))
            .cloned()
            .collect();
        let line = edit::line(Kind::Auth, "required", OURS, &arguments);
        return Some(
            finding
                .mend(
                    "use `required` without skip=success, behind the first factor (for sshd behind keys: ask for the key too, by \
                     AuthenticationMethods):",
                )
                .run_all(edit::replace(scene.files, ours, &line)),
        );
    }
    let are_refused = may_exempt && !ways.opens(|end| end.code == Code::Exempt);
    are_refused.then(|| {
        let finding = Finding::new(
            "exempt-are-refused",
            Severity::LockOut,
            place(ours),
            "whom the policy does not ask is refused: no other line of the stack lets anybody in",
            "a stack in which everything was ignored is refused by libpam",
        );
        if scene.before == Before::Proof && skip(arguments(ours)) == Skip::Ignore {
            let mut with = arguments(ours).to_vec();
            with.push("skip=success".to_owned());
            let line = edit::line(Kind::Auth, "required", OURS, &with);
            finding
                .mend("let an exemption count as a success, which the key stands before:")
                .run_all(edit::replace(scene.files, ours, &line))
        } else {
            finding
                .mend("put a first factor before our line:")
                .run_all(edit::insert_before(ours, "@include common-auth"))
        }
    })
}

/// Whether the policy lets anybody pass unasked at a service.
pub fn may_exempt(config: &Config, service: &str) -> bool {
    let skips = config.rule.iter().any(|rule| {
        let services = rule.services.as_ref();
        rule.second_factor == SecondFactor::Skip
            && services.is_none_or(|names| names.iter().any(|name| name.as_str() == service))
    });
    skips
        || config.enrollment.mode == Mode::Optional
        || config.enrollment.deadline.is_some()
        || !config.trust.remember.get().is_zero()
}

/// A code that is all it takes.
fn alone(scene: Scene<'_>, service: &Service, ways: &Ways) -> Option<Finding> {
    let name = service.name.as_str();
    let end = ways.find(|end| end.opens && end.code == Code::Accepted && !end.proved)?;
    if end.leans_on != LeansOn::Nothing {
        return None;
    }
    let place = format!("service {name}");
    let has_proof = |step: &Step| matches!(&step.does, Does::Run { module, .. } if modules::role(module) == Role::Factor);
    let mend = if service.auth.steps.iter().any(has_proof) {
        "let a failure of the first factor count: `requisite` or `required` for its line"
    } else {
        "put the first factor before our line:"
    };
    let ours = service.auth.running(OURS).next()?;
    let with_mend = |finding: Finding| {
        let finding = finding.mend(mend);
        if mend.ends_with(':') {
            finding.run_all(edit::insert_before(ours, "@include common-auth"))
        } else {
            finding
        }
    };
    let whose = scene.config.map(|config| config.whose(name));
    if matches!(name, "su" | "su-l") && whose == Some(Whose::Invoker) {
        return Some(with_mend(Finding::new(
            "code-alone-opens",
            Severity::OpenDoor,
            place,
            "the code of whoever types su is all that it takes to become anybody",
            "everybody who is enrolled can become root",
        )));
    }
    if CALLED_BY_THE_PERSON.contains(&name) {
        return Some(
            Finding::new(
                "code-alone",
                Severity::Note,
                place,
                "the code is all that is asked for",
                "whoever finds the phone beside the open laptop is root",
            )
            .mend("if it is meant, leave it; else put the first factor before our line:")
            .run_all(edit::insert_before(ours, "@include common-auth")),
        );
    }
    if name == "sshd" {
        return Some(
            with_mend(Finding::new(
                "code-alone-opens",
                Severity::OpenDoor,
                place,
                "the code is all that it takes: sshd does not ask for a key besides",
                "whoever has the phone gets in, from anywhere",
            ))
            .mend(
                "in /etc/ssh/sshd_config, above any Match: AuthenticationMethods publickey,keyboard-interactive. Or put the password \
                 before our line:",
            ),
        );
    }
    Some(with_mend(Finding::new(
        "code-alone-opens",
        Severity::OpenDoor,
        place,
        "the code is all that it takes",
        "a second factor alone is one factor",
    )))
}

/// Where our line stands.
fn order(scene: Scene<'_>, stack: &Stack, ours: &Step, ways: &Ways) -> Vec<Finding> {
    let mut findings = Vec::new();
    for &at in &ways.again {
        let step = &stack.steps[at];
        findings.push(
            Finding::new(
                "code-asked-twice",
                Severity::LockOut,
                place(step),
                format!("the stack of {} runs our line twice", stack.service),
                "a code opens one door once, so the second question refuses the code that the first one took",
            )
            .mend("take one of them away:")
            .run_all(edit::delete(scene.files, step)),
        );
    }
    let forwards = arguments(ours).iter().any(|word| word == "forward_pass");
    let first = ways.before_proof.first().map(|&at| &stack.steps[at]);
    if let Some(step) = first.filter(|_| !forwards) {
        let finding = Finding::new(
            "code-before-password",
            Severity::Weakness,
            place(step),
            "our line stands before the first factor",
            "strangers without a password are asked for codes, and their wrong answers lock people's other places",
        );
        let line = edit::our_line(Kind::Auth, Some(step));
        let files = scene.files;
        findings.push(match edit::last_of_kind(files, &step.file, Kind::Auth) {
            Some(last) if last > step.line => finding
                .mend("put it behind the first factor:")
                .run_all(edit::put_behind(files, step, last, &line)),
            _ => finding.mend("put it behind the first factor, with `required`"),
        });
    }
    if let Some(&at) = ways.after_failed_proof.first() {
        let step = &stack.steps[at];
        let goes_on = stack.steps[..at].iter().rev().find(|step| {
            matches!(&step.does, Does::Run { module, .. } if modules::role(module) == Role::Factor)
        });
        let finding = Finding::new(
            "asked-after-wrong-password",
            Severity::Weakness,
            place(goes_on.unwrap_or(step)),
            "the stack goes on after a wrong password, to the question for the code",
            "strangers without a password are asked for codes, and their wrong answers lock people's other places",
        );
        let line = goes_on.and_then(|step| match &step.does {
            Does::Run {
                module, arguments, ..
            } => Some(edit::line(Kind::Auth, "requisite", module, arguments)),
            _ => None,
        });
        findings.push(match goes_on.zip(line) {
            Some((step, line)) if !forwards => finding
                .mend("end the stack there:")
                .run_all(edit::replace(scene.files, step, &line)),
            _ => finding.mend("give the first factor the control value `requisite`"),
        });
    }
    let explains = scene.config.is_some_and(|config| config.login.explain);
    if explains && !ways.without_proof.is_empty() {
        findings.push(
            Finding::new(
                "explains-to-strangers",
                Severity::Weakness,
                format!("service {}", stack.service),
                "[login] explain = true, and people are asked here before they proved anything else",
                "a stranger is told who is enrolled, who is locked, and for how long",
            )
            .mend("take it away, or let the stack end at a wrong password:")
            .run("sed -i '/^[[:space:]]*explain[[:space:]]*=/d' /etc/nightlatch/nightlatch.toml"),
        );
    }
    findings
}

fn of_account(scene: Scene<'_>, service: &Service) -> Option<Finding> {
    let asks = service.auth.running(OURS).next().is_some();
    if !asks {
        return None;
    }
    let at_login = scene
        .config
        .is_some_and(|config| config.enrollment.mode == Mode::AtLogin);
    let auth = service.auth.running(OURS).next();
    let Some(ours) = service.account.running(OURS).next() else {
        let severity = if at_login {
            Severity::LockOut
        } else {
            Severity::Weakness
        };
        let config: Vec<String> = auth
            .map_or(&[][..], arguments)
            .iter()
            .filter(|word| word.starts_with("config="))
            .cloned()
            .collect();
        let line = edit::line(Kind::Account, "required", OURS, &config);
        return Some(
            Finding::new(
                "account-line-missing",
                severity,
                format!("service {}", service.name),
                "our line stands in auth and not in account",
                "what people enroll in a login is not kept, rules that deny and require_enrollment do not hold for keys, and nobody \
                 is warned of few backup codes",
            )
            .mend("add the line behind the others for account:")
            .run_all(edit::append(scene.files, &service.name, &[(Kind::Account, line)])),
        );
    };
    let ways = Ways::of(&service.account, Before::Nothing);
    let line = edit::our_line(Kind::Account, Some(ours));
    if !ways.opens(|end| matches!(end.code, Code::Accepted | Code::Exempt)) {
        return Some(
            Finding::new(
                "nobody-gets-in",
                Severity::LockOut,
                format!("service {}", service.name),
                "the account stack cannot succeed where our line does",
                "whoever is asked at this service is refused",
            )
            .mend("look for a line in account that always fails, and take it away"),
        );
    }
    let skipped = ways.find(|end| end.opens && end.code == Code::NotRun);
    // What Fedora's `password-auth` says of local people is a condition too, and leaves the line out for all of them.
    if let Some(end) = skipped.filter(|end| end.leans_on != LeansOn::Root) {
        let step = service.account.steps.get(end.at)?;
        let finding = Finding::new(
            "account-line-left-out",
            Severity::Weakness,
            place(step),
            "where this line succeeds, our line in account is not run",
            "what people enroll in a login is not kept, and rules that deny do not hold for keys",
        );
        let first = service.account.steps.first();
        return Some(match first.filter(|first| first.file == ours.file) {
            Some(first) => finding
                .mend("put our line before the others for account:")
                .run_all(edit::move_before(scene.files, ours, first.line, &line)),
            None => finding.mend("put our line before it, with `required`"),
        });
    }
    ways.opens(|end| matches!(end.code, Code::Refused | Code::Broken))
        .then(|| {
            Finding::new(
                "account-refusal-ignored",
                Severity::OpenDoor,
                place(ours),
                "the account stack succeeds where our line refuses",
                "what is not kept opens all the same, and rules that deny do not hold for keys",
            )
            .mend("give our line the control value `required`:")
            .run_all(edit::replace(scene.files, ours, &line))
        })
}

/// Modules for codes that stand beside ours.
fn old_modules(files: &PamFiles, stack: &Stack) -> Vec<Finding> {
    let is_old = |step: &&Step| matches!(&step.does, Does::Run { module, .. } if modules::role(module) == Role::OtherCode);
    let steps = stack.steps.iter().filter(is_old);
    steps
        .map(|step| {
            Finding::new(
                "old-module-left",
                Severity::Weakness,
                place(step),
                "another module for one-time codes stands beside ours",
                "people are asked for two codes, or locked out where they have only one; and the old module accepts a code twice",
            )
            .mend(
                "when all are enrolled here (nightlatch import), take the line away:",
            )
            .run_all(edit::delete(files, step))
        })
        .collect()
}

/// The arguments of a line.
pub fn arguments(step: &Step) -> &[String] {
    match &step.does {
        Does::Run { arguments, .. } => arguments,
        _ => &[],
    }
}

/// Whether a file is one that others include and nobody logs in at.
pub fn is_shared(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("common-") || SHARED.contains(&name.as_ref())
}

/// Who calls these has logged in already.
const CALLED_BY_THE_PERSON: [&str; 4] = ["sudo", "sudo-i", "doas", "polkit-1"];

const SHARED: [&str; 9] = [
    "system-auth",
    "password-auth",
    "fingerprint-auth",
    "smartcard-auth",
    "postlogin",
    "system-login",
    "system-local-login",
    "system-remote-login",
    "system-services",
];
