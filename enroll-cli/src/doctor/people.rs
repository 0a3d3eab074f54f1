//! Findings about people: who would stand outside now, and who will when a deadline is over.

use nightlatch_core::config::Config;

use super::finding::{Finding, Severity};
use crate::foresight::Grounds;
use crate::lockouts::{self, LockedOut, SshDoors};
use crate::residents::Resident;

/// Who stands outside of these services.
pub fn examine(
    grounds: Grounds<'_>,
    residents: &[Resident],
    services: &[&str],
    doors: &SshDoors,
) -> anyhow::Result<Vec<Finding>> {
    let outside = at_all(grounds, residents, services, doors)?;
    let mut findings: Vec<_> = outside
        .iter()
        .map(|(person, services)| {
            with_mend(
                person,
                Finding::new(
                    "locked-out",
                    Severity::LockOut,
                    person.user.clone(),
                    format!("at {}: {}", services.join(", "), person.why),
                    "the policy asks for a code that this person does not have",
                ),
            )
        })
        .collect();
    if let Some(deadline) = grounds.config.enrollment.deadline {
        let mut config: Config = grounds.config.clone();
        config.enrollment.deadline = None;
        let then = Grounds {
            config: &config,
            ..grounds
        };
        for (person, services) in at_all(then, residents, services, doors)? {
            if outside.iter().any(|(now, _)| now.user == person.user) {
                continue;
            }
            findings.push(with_mend(
                &person,
                Finding::new(
                    "locked-out-after-the-deadline",
                    Severity::Note,
                    person.user.clone(),
                    format!(
                        "nothing is enrolled, and after {deadline} a code is asked for at {}",
                        services.join(", ")
                    ),
                    "from the day after the deadline this person stays outside",
                ),
            ));
        }
    }
    Ok(findings)
}

fn with_mend(person: &LockedOut, finding: Finding) -> Finding {
    match person.mend() {
        Some(command) => finding
            .mend("with the person beside you, or by an invitation where people enroll in a login:")
            .run(command),
        None => finding.mend("what it says"),
    }
}

/// Who stands outside, each with the services.
fn at_all(
    grounds: Grounds<'_>,
    residents: &[Resident],
    services: &[&str],
    doors: &SshDoors,
) -> anyhow::Result<Vec<(LockedOut, Vec<String>)>> {
    let mut people: Vec<(LockedOut, Vec<String>)> = Vec::new();
    for service in services {
        for person in lockouts::find(grounds, residents, service, doors)? {
            let known = people
                .iter_mut()
                .find(|(known, _)| known.user == person.user && known.needs == person.needs);
            if let Some((_, services)) = known {
                services.push(person.service);
            } else {
                let service = person.service.clone();
                people.push((person, vec![service]));
            }
        }
    }
    Ok(people)
}
