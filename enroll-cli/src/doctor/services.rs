//! Findings about the services together, and about what our lines say: arguments, configurations, doors of which only one asks,
//! files that everybody includes or may write.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nightlatch_core::config::{Config, DEFAULT_PATH, SecondFactor, ServiceName};

use super::edit;
use super::finding::{Finding, Severity, quoted};
use super::stacks::{Service, arguments, is_shared, place};
use crate::pam_files::{Does, Flow, Kind, OURS, PamFiles, Said, Step, TWO_NAMES, Unreadable};

/// The services that run our module in `auth` or `account`; what is only included is none.
pub fn that_ask(files: &PamFiles) -> Result<Vec<Service>, Unreadable> {
    let mut services = Vec::new();
    let names = files.services()?;
    let parts = included(files, &names)?;
    for name in names {
        let is_service = DOORS.contains(&name.as_str());
        if is_shared(Path::new(&name)) || (parts.contains(&name) && !is_service) {
            continue;
        }
        let service = Service {
            auth: files.stack(&name, Kind::Auth)?,
            account: files.stack(&name, Kind::Account)?,
            name,
        };
        let runs = |stack: &crate::pam_files::Stack| stack.running(OURS).next().is_some();
        if runs(&service.auth) || runs(&service.account) {
            services.push(service);
        }
    }
    Ok(services)
}

/// What these files include.
fn included(files: &PamFiles, names: &[String]) -> Result<BTreeSet<String>, Unreadable> {
    let mut included = BTreeSet::new();
    for name in names {
        let Some(file) = files.find(name)? else {
            continue;
        };
        included.extend(file.entries().iter().filter_map(|entry| match &entry.said {
            Said::IncludeAll(name) => name.clone(),
            Said::Rule(rule) => match rule.flow {
                Some(Flow::Include | Flow::Substack) => rule.module.clone(),
                _ => None,
            },
            Said::Unknown(_) => None,
        }));
    }
    Ok(included)
}

/// Everything to be said of them together. `read` is the configuration that the doctor reads.
pub fn examine(
    files: &PamFiles,
    services: &[Service],
    config: Option<&Config>,
    read: &Path,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if services.is_empty() {
        findings.push(
            Finding::new(
                "no-service-asks",
                Severity::Weakness,
                "/etc/pam.d",
                "no service runs our module",
                "nobody is asked for a code anywhere",
            )
            .mend("begin with sshd, and confirm it after a login that worked: nightlatch setup sshd --try 10m"),
        );
    }
    findings.extend(pairs(files, services));
    for service in services {
        findings.extend(of_arguments(service));
        findings.extend(of_configurations(service, read));
        findings.extend(shared_files(service));
        findings.extend(config.and_then(|config| unlisted(config, service, read)));
    }
    findings.extend(writable(files, services));
    findings.extend(
        config
            .into_iter()
            .flat_map(|config| rules_for_one(files, config, read)),
    );
    findings
}

fn our_steps(service: &Service) -> impl Iterator<Item = (Kind, &Step)> {
    [&service.auth, &service.account]
        .into_iter()
        .flat_map(|stack| stack.running(OURS).map(|step| (stack.kind, step)))
}

/// What our lines call the module: its name, or a path.
pub fn module_paths(services: &[Service]) -> BTreeSet<PathBuf> {
    let steps = services.iter().flat_map(our_steps);
    let written = steps.filter_map(|(_, step)| match &step.does {
        Does::Run { module, .. } => Some(PathBuf::from(module)),
        _ => None,
    });
    written.collect()
}

/// Two names of one door.
fn pairs(files: &PamFiles, services: &[Service]) -> Vec<Finding> {
    let asks = |name: &str| services.iter().find(|service| service.name == name);
    let mut findings = Vec::new();
    for [one, other] in TWO_NAMES {
        let (asking, silent) = match (asks(one), asks(other)) {
            (Some(asking), None) => (asking, other),
            (None, Some(asking)) => (asking, one),
            _ => continue,
        };
        if !matches!(files.find(silent), Ok(Some(_))) {
            continue;
        }
        let lines: Vec<_> = our_steps(asking)
            .map(|(kind, step)| (kind, edit::our_line(kind, Some(step))))
            .collect();
        findings.push(
            Finding::new(
                "one-of-two-doors",
                Severity::OpenDoor,
                format!("service {silent}"),
                format!("{} asks for a code, and {silent} does not", asking.name),
                "both do the same, so whoever is asked at one takes the other",
            )
            .mend(format!("add the lines of {} to {silent}:", asking.name))
            .run_all(edit::append(files, silent, &lines)),
        );
    }
    findings
}

fn of_arguments(service: &Service) -> Vec<Finding> {
    our_steps(service)
        .filter_map(|(kind, step)| {
            let wrong: BTreeSet<&String> = arguments(step)
                .iter()
                .filter(|word| !is_known(word))
                .collect();
            let first = wrong.first()?;
            let good: Vec<_> = arguments(step)
                .iter()
                .filter(|word| is_known(word))
                .cloned()
                .collect();
            let line = edit::line(kind, "required", OURS, &good);
            Some(
                Finding::new(
                    "argument-unknown",
                    Severity::LockOut,
                    place(step),
                    format!("the module does not know {first}"),
                    "with an argument that it does not know the module refuses everybody",
                )
                .mend("write what is meant (docs/pam.md), or take it away:")
                .run_all(edit::replace_line(step, &line)),
            )
        })
        .collect()
}

/// What `pam-module/src/arguments.rs` takes.
pub fn is_known(word: &str) -> bool {
    match word.split_once('=') {
        Some(("config", path)) => path.starts_with('/'),
        Some(("prompt", text)) => !text.is_empty() && !text.chars().any(char::is_control),
        Some(("skip", what)) => matches!(what, "ignore" | "success"),
        Some(_) => false,
        None => matches!(
            word,
            "debug" | "echo" | "try_first_pass" | "use_first_pass" | "forward_pass"
        ),
    }
}

/// The configuration that a line names.
pub fn configuration(step: &Step) -> PathBuf {
    let mut words = arguments(step).iter().rev();
    let named = words.find_map(|word| word.strip_prefix("config="));
    named.unwrap_or(DEFAULT_PATH).into()
}

fn of_configurations(service: &Service, read: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let auth = service.auth.running(OURS).next();
    let account = service.account.running(OURS).next();
    if let (Some(auth), Some(account)) = (auth, account)
        && configuration(auth) != configuration(account)
    {
        let mut words: Vec<_> = arguments(account)
            .iter()
            .filter(|word| !word.starts_with("config="))
            .cloned()
            .collect();
        if arguments(auth)
            .iter()
            .any(|word| word.starts_with("config="))
        {
            words.push(format!("config={}", configuration(auth).display()));
        }
        let line = edit::line(Kind::Account, "required", OURS, &words);
        findings.push(
            Finding::new(
                "configurations-differ",
                Severity::Weakness,
                place(account),
                format!(
                    "auth reads {} and account {}",
                    configuration(auth).display(),
                    configuration(account).display()
                ),
                "one login is judged by two policies, and what is enrolled in it may be kept in another store",
            )
            .mend("let both lines name the same:")
            .run_all(edit::replace_line(account, &line)),
        );
    }
    if let Some(auth) = auth {
        let named = configuration(auth);
        if named != Path::new(DEFAULT_PATH)
            && let Err(error) = Config::load(&named)
        {
            findings.push(
                Finding::new(
                    "configuration-unusable",
                    Severity::LockOut,
                    place(auth),
                    error.to_string(),
                    "a configuration that cannot be read refuses everybody",
                )
                .mend("mend the file, or take config= away and use the usual one"),
            );
        } else if named != read {
            let command = format!(
                "nightlatch --config {} doctor",
                quoted(&named.to_string_lossy())
            );
            findings.push(
                Finding::new(
                    "other-configuration",
                    Severity::Note,
                    place(auth),
                    format!(
                        "it reads {}, and this was about {}",
                        named.display(),
                        read.display()
                    ),
                    "rules, people and the store were looked at as the other file has them",
                )
                .mend(format!("ask about that one too: {command}")),
            );
        }
    }
    findings
}

fn shared_files(service: &Service) -> Vec<Finding> {
    our_steps(service)
        .filter(|(_, step)| is_shared(&step.file))
        .map(|(_, step)| {
            let file = step.file.display();
            Finding::new(
                "in-a-shared-file",
                Severity::LockOut,
                place(step),
                format!("our line stands in {file}, which many services include"),
                "screen lockers run as the person and are refused, and mail or file servers cannot put a second question",
            )
            .mend("take it out there, and put it into the file of each service that is to ask:")
            .run_all(edit::delete_line(step))
        })
        .collect()
}

/// A service of which nobody knows where its callers are.
fn unlisted(config: &Config, service: &Service, read: &Path) -> Option<Finding> {
    let name = service.name.as_str();
    let is_in = |list: &[ServiceName]| list.iter().any(|listed| listed.as_str() == name);
    let login = &config.login;
    let asks = service.auth.running(OURS).next().is_some();
    if !asks || is_in(&login.local) || is_in(&login.rhost_from) {
        return None;
    }
    let words = |list: &[ServiceName]| {
        let names: Vec<_> = list
            .iter()
            .map(|name| format!("\"{}\"", name.as_str()))
            .collect();
        names.join(", ")
    };
    Some(
        Finding::new(
            "service-in-no-list",
            Severity::Weakness,
            format!("service {name}"),
            "it is in neither `local` nor `rhost_from` of [login]",
            "wrong codes there are counted as a stranger's, so one person who guesses locks the service for all who use it",
        )
        .mend(format!(
            "in [login] of {}, if its callers are on this host: local = [{}, \"{name}\"]; if it tells a remote address that can be \
             believed: rhost_from = [{}, \"{name}\"]",
            read.display(),
            words(&login.local),
            words(&login.rhost_from)
        )),
    )
}

/// Files with our line, and what they include, that others may write.
fn writable(files: &PamFiles, services: &[Service]) -> Vec<Finding> {
    let steps = services
        .iter()
        .flat_map(|service| service.auth.steps.iter().chain(&service.account.steps));
    let paths: BTreeSet<&PathBuf> = steps.map(|step| &step.file).collect();
    let mut findings = Vec::new();
    for path in paths {
        let Ok(found) = std::fs::metadata(files.on_disk(path)) else {
            continue;
        };
        if found.uid() == 0 && found.mode() & 0o022 == 0 {
            continue;
        }
        let shown = quoted(&path.to_string_lossy());
        findings.push(
            Finding::new(
                "pam-file-writable",
                Severity::OpenDoor,
                path.display().to_string(),
                format!(
                    "it belongs to uid {} with mode {:04o}: others than root can write it",
                    found.uid(),
                    found.mode() & 0o7777
                ),
                "who can write it takes our line out, or the password",
            )
            .mend("see who changed it, then:")
            .run(format!("chown root:root {shown}"))
            .run(format!("chmod 644 {shown}")),
        );
    }
    findings
}

/// Rules that name one of two names of a door.
fn rules_for_one(files: &PamFiles, config: &Config, read: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, rule) in config.rule.iter().enumerate() {
        // Whom a rule skips at one door is asked at the other, which is no hole.
        if rule.second_factor == SecondFactor::Skip {
            continue;
        }
        let services = rule.services.as_deref().unwrap_or_default();
        let names = |name: &str| services.iter().any(|service| service.as_str() == name);
        for [one, other] in TWO_NAMES {
            let (written, missing) = match (names(one), names(other)) {
                (true, false) => (one, other),
                (false, true) => (other, one),
                _ => continue,
            };
            if !matches!(files.find(missing), Ok(Some(_))) {
                continue;
            }
            findings.push(
                Finding::new(
                    "rule-for-one-of-two-doors",
                    Severity::Weakness,
                    format!("{}, rule {}", read.display(), index + 1),
                    format!("the rule names {written} and not {missing}"),
                    "both do the same, so whoever is asked at one takes the other",
                )
                .mend(format!(
                    "in `services` of the rule, write \"{missing}\" beside \"{written}\""
                )),
            );
        }
    }
    findings
}

/// Services at which people log in, though others include their files.
const DOORS: [&str; 6] = ["login", "sshd", "su", "su-l", "sudo", "sudo-i"];

#[cfg(test)]
mod tests {
    use super::*;

    /// The module says in its error what it knows: whatever it takes is known here too.
    #[test]
    fn what_the_module_knows_is_known_here() {
        let source = include_str!("../../../pam-module/src/arguments.rs");
        let (_, arms) = source.split_once("pub fn parse").unwrap();
        let arms = arms.split("#[cfg(test)]").next().unwrap();
        let mut seen = 0;
        for (at, _) in arms.match_indices("(\"") {
            let (word, after) = arms[at + 2..].split_once('"').unwrap();
            let value = match word {
                "config" => "=/x",
                "prompt" => "=Code: ",
                "skip" => "=success",
                _ => "",
            };
            if after.starts_with(", Some(") || after.starts_with(", None") {
                seen += 1;
                assert!(is_known(&format!("{word}{value}")), "{word}");
            }
        }
        assert!(seen >= 7, "the source is read wrongly: {seen}");
        for wrong in [
            "nullok",
            "config=relative",
            "skip=maybe",
            "prompt=",
            "echo=1",
        ] {
            assert!(!is_known(wrong), "{wrong}");
        }
    }
}
