//! Findings about sshd: whether it puts PAM's questions at all, what it lets in without them, and for whom that is otherwise.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::finding::{Finding, Severity, quoted};
use super::ways::Before;
use crate::lockouts::SshDoors;
use crate::residents::Resident;
use crate::sshd::{KBD_INTERACTIVE, Settings, SshdError};

/// sshd did not say what it understood.
pub fn did_not_say(error: &SshdError) -> Finding {
    let text = error.to_string();
    if text.contains(SEPARATION) {
        return Finding::new(
            "not-looked-at",
            Severity::Note,
            "sshd",
            text,
            "what sshd understood of its configuration was not looked at",
        )
        .mend("sshd wants its directory, which is there while it runs:")
        .run(format!("install -d -m 755 {SEPARATION}"));
    }
    Finding::new(
        "sshd-refuses-its-configuration",
        Severity::LockOut,
        MAIN,
        text,
        "at its next start sshd does not start, and nobody logs in from elsewhere",
    )
    .mend("mend the line that it names, until this says nothing: sshd -t")
}

/// What sshd proves before PAM is asked: where every list of methods that asks PAM asks for a key too.
pub fn before_pam(settings: &Settings) -> Before {
    let lists = settings.authentication_methods();
    let asks_pam = |list: &&Vec<&str>| {
        list.iter()
            .any(|method| matches!(*method, "keyboard-interactive" | "password"))
    };
    let has_proof = |list: &Vec<&str>| list.iter().any(|method| PROOFS.contains(method));
    let mut asking = lists.iter().filter(asks_pam).peekable();
    if asking.peek().is_some() && asking.all(has_proof) {
        Before::Proof
    } else {
        Before::Nothing
    }
}

/// Everything to be said of sshd, where its service asks for codes.
pub fn examine(doors: &SshDoors, residents: &[Resident]) -> Vec<Finding> {
    let settings = doors.general();
    let mut findings = Vec::new();
    if !settings.has("usepam") {
        findings.push(
            Finding::new(
                "sshd-without-pam",
                Severity::OpenDoor,
                MAIN,
                "UsePAM no: sshd asks PAM for nothing",
                "whoever has the password gets in without a code",
            )
            .mend("set UsePAM yes, then reload sshd (sshd -t && systemctl reload ssh):")
            .run_all(set("UsePAM", "yes")),
        );
        return findings;
    }
    if !settings.has(KBD_INTERACTIVE) {
        findings.push(
            Finding::new(
                "sshd-puts-no-questions",
                Severity::LockOut,
                MAIN,
                "KbdInteractiveAuthentication no: sshd cannot ask for a code",
                "by its method `password` it answers every question with the password, which is no code",
            )
            .mend("set KbdInteractiveAuthentication yes, then reload sshd (sshd -t && systemctl reload ssh):")
            .run_all(set("KbdInteractiveAuthentication", "yes")),
        );
    }
    findings.extend(password_method(settings));
    if settings.key_alone_opens() && settings.authentication_methods().is_empty() {
        findings.push(
            Finding::new(
                "key-alone-opens",
                Severity::Weakness,
                MAIN,
                "a public key opens without a code, and nothing says that this is meant",
                "with a key, sshd does not ask PAM",
            )
            .mend(
                "ask for the key and the code (AuthenticationMethods publickey,keyboard-interactive), or do without keys \
                 (PubkeyAuthentication no); or say that either is enough:",
            )
            .run_all(set("AuthenticationMethods", "publickey keyboard-interactive")),
        );
    }
    findings.extend(root(doors, residents));
    findings.extend(people(doors, residents));
    findings.extend(drop_ins(Path::new("/")));
    findings
}

fn password_method(settings: &Settings) -> Option<Finding> {
    let lists = settings.authentication_methods();
    let is_asked_for = lists.is_empty() || lists.iter().any(|list| list.contains(&"password"));
    (settings.has("passwordauthentication") && is_asked_for).then(|| {
        Finding::new(
            "password-method-left",
            Severity::Weakness,
            MAIN,
            "PasswordAuthentication yes: a client may answer by the method `password`, which cannot put the question for the code",
            "such logins are refused, so people are asked for their password in vain; and a service that takes the code from the \
             password's field would be open to it",
        )
        .mend("set PasswordAuthentication no, then reload sshd (sshd -t && systemctl reload ssh); passwords go on by keyboard-interactive:")
        .run_all(set("PasswordAuthentication", "no"))
    })
}

/// root behind a key.
fn root(doors: &SshDoors, residents: &[Resident]) -> Option<Finding> {
    let root = residents.iter().find(|one| one.uid == 0)?;
    let settings = doors.settings_for(&root.name);
    let throws_away = matches!(
        settings.get("permitrootlogin"),
        Some("prohibit-password" | "without-password")
    );
    let is_asked = !settings.key_alone_opens();
    (root.has_keys && throws_away && is_asked).then(|| {
        Finding::new(
            "root-is-refused-after-the-key",
            Severity::LockOut,
            "root",
            "PermitRootLogin prohibit-password: after root's key sshd asks for the code and throws the answer away",
            "root is asked and refused, whatever the answer",
        )
        .mend(
            "set PermitRootLogin yes, which with AuthenticationMethods still asks for key and code, then reload sshd (sshd -t && systemctl reload ssh); or \
             keep root out (PermitRootLogin no):",
        )
        .run_all(set("PermitRootLogin", "yes"))
    })
}

/// For whom `Match` blocks make another door.
fn people(doors: &SshDoors, residents: &[Resident]) -> Vec<Finding> {
    let general = doors.general();
    let mut findings = Vec::new();
    if !doors.differ() {
        return findings;
    }
    for resident in residents {
        let own = doors.settings_for(&resident.name);
        if own == *general {
            continue;
        }
        let name = resident.name.as_str();
        if own.key_alone_opens() && !general.key_alone_opens() {
            findings.push(
                Finding::new(
                    "exempt-in-sshd",
                    Severity::Note,
                    name,
                    "a Match block lets this account in by its key alone",
                    "an exemption in sshd is a rule that `nightlatch config explain` does not know of",
                )
                .mend("if it is meant, leave it; else take the block away"),
            );
        }
        if before_pam(general) == Before::Proof && before_pam(&own) == Before::Nothing {
            let lists = own.authentication_methods();
            let asks_pam = lists.is_empty()
                || lists
                    .iter()
                    .flatten()
                    .any(|method| *method == "keyboard-interactive");
            if asks_pam && own.has(KBD_INTERACTIVE) {
                findings.push(
                    Finding::new(
                        "no-key-for-some",
                        Severity::OpenDoor,
                        name,
                        "a Match block lets this account in without the key that all others need",
                        "what PAM asks for is then all that it takes; where that is the code alone, whoever has the phone gets in",
                    )
                    .mend("in the Match block, write: AuthenticationMethods publickey,keyboard-interactive"),
                );
            }
        }
        if own.has(KBD_INTERACTIVE) != general.has(KBD_INTERACTIVE)
            && !own.has(KBD_INTERACTIVE)
            && !own.key_alone_opens()
        {
            findings.push(
                Finding::new(
                    "sshd-puts-no-questions",
                    Severity::LockOut,
                    name,
                    "a Match block says KbdInteractiveAuthentication no for this account: sshd cannot ask for a code",
                    "by its method `password` it answers every question with the password, which is no code",
                )
                .mend("take the line out of the Match block"),
            );
        }
    }
    findings
}

/// Drop-ins that sshd does not read.
fn drop_ins(root: &Path) -> Option<Finding> {
    let main = fs::read_to_string(root.join(&MAIN[1..])).ok()?;
    let includes = main.lines().any(|line| {
        let mut words = line.split_whitespace();
        words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("include"))
            && words.any(|path| path.contains("sshd_config.d"))
    });
    if includes {
        return None;
    }
    let entries = fs::read_dir(root.join(&DROP_INS[1..])).ok()?;
    let names: BTreeSet<_> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        // As sshd takes `*.conf`.
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "conf"))
        .collect();
    let first = names.first()?;
    Some(
        Finding::new(
            "drop-ins-not-read",
            Severity::Weakness,
            MAIN,
            format!("it does not include {DROP_INS}, where {first} lies"),
            "what was written there, perhaps to ask for codes, does not hold",
        )
        .mend("include them above all else, then reload sshd (sshd -t && systemctl reload ssh):")
        .run(format!("sed -i '1i Include {DROP_INS}/*.conf' {MAIN}")),
    )
}

/// The command that sets a keyword for everybody: the first value that sshd meets counts, so it goes above all else, drop-ins too.
fn set(keyword: &str, value: &str) -> Vec<String> {
    let script = quoted(&format!("1i {keyword} {value}"));
    vec![format!("sed -i --follow-symlinks {script} {MAIN}")]
}

/// The methods that prove something without PAM.
const PROOFS: [&str; 3] = ["publickey", "hostbased", "gssapi-with-mic"];

const MAIN: &str = "/etc/ssh/sshd_config";
const DROP_INS: &str = "/etc/ssh/sshd_config.d";
const SEPARATION: &str = "/run/sshd";
