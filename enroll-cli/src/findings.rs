//! What is odd about a configuration that can be read: rules that can never match, names that nobody has, gates that stay shut.
//!
//! None of it is an error that denies, and all of it means that somebody believes something which is not so. What the host has to
//! be asked for goes through [`Host`], so that all else is the same wherever it is looked at.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;

use nightlatch_core::account::Account;
use nightlatch_core::config::{
    Config, GroupName, Mode, Network, Rule, SecondFactor, ServiceName, Whose,
};
use nightlatch_core::policy;
use nightlatch_core::surroundings::{Surroundings as _, System};
use serde::Serialize;

use crate::pam_files;
use crate::screen::shown;

/// Something odd.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The line at which its rule begins; none where it is about something else.
    pub line: Option<usize>,
    /// What it is, with the rule's number or the section's name.
    pub text: String,
}

/// What a host knows about names.
pub trait Host {
    /// The name that the system gives somebody of this name; none where there is nobody.
    fn user(&self, name: &str) -> Result<Option<String>, String>;

    /// Whether there is such a group.
    fn has_group(&self, name: &GroupName) -> Result<bool, String>;

    /// Whether PAM has a file for such a service.
    fn has_service(&self, name: &ServiceName) -> bool;
}

/// This host.
pub struct ThisHost;

impl Host for ThisHost {
    fn user(&self, name: &str) -> Result<Option<String>, String> {
        let account = Account::look_up(name).map_err(|error| error.to_string())?;
        Ok(account.map(|account| account.name.as_str().to_owned()))
    }

    fn has_group(&self, name: &GroupName) -> Result<bool, String> {
        let group = System.group(name).map_err(|error| error.to_string())?;
        Ok(group.is_some())
    }

    fn has_service(&self, name: &ServiceName) -> bool {
        let is_in = |dir: &&str| Path::new(dir).join(name.as_str()).exists();
        pam_files::DIRECTORIES.iter().any(is_in)
    }
}

/// All that is odd about `config`, which was read from `text`.
pub fn find(config: &Config, text: &str, host: &dyn Host) -> Vec<Finding> {
    let lines = Config::rule_lines(text);
    let mut findings = Vec::new();
    for (index, rule) in config.rule.iter().enumerate() {
        let line = lines.get(index).copied();
        let mut texts = Vec::new();
        texts.extend(shadow(config, index, &lines));
        texts.extend(of_rule(config, rule, host));
        findings.extend(texts.into_iter().map(|text| Finding {
            line,
            text: format!("rule {}: {text}", index + 1),
        }));
    }
    let elsewhere = of_gates(config, host)
        .into_iter()
        .chain(of_services(config, host));
    findings.extend(elsewhere.map(|text| Finding { line: None, text }));
    findings
}

/// The first rule before this one that leaves nothing to it.
fn shadow(config: &Config, index: usize, lines: &[usize]) -> Option<String> {
    let rule = &config.rule[index];
    if is_empty(rule).is_some() {
        return None;
    }
    let (earlier, by) = config.rule[..index]
        .iter()
        .enumerate()
        .find(|(_, earlier)| policy::covers(earlier, rule))?;
    let line = lines.get(earlier).copied().unwrap_or_default();
    // In doubt about a name or an address a rule that skips does not match, and this one does.
    let in_doubt = by.second_factor == SecondFactor::Skip
        && rule.second_factor != SecondFactor::Skip
        && (by.users.is_some() || by.groups.is_some() || by.networks.is_some());
    let but = if in_doubt {
        ", unless the name service fails"
    } else {
        ""
    };
    Some(format!(
        "it never holds{but}: rule {} in line {line} comes first and matches whenever it does",
        earlier + 1
    ))
}

fn is_empty(rule: &Rule) -> Option<&'static str> {
    fn has_none<T>(values: Option<&Vec<T>>) -> bool {
        values.is_some_and(Vec::is_empty)
    }
    [
        ("users", has_none(rule.users.as_ref())),
        ("groups", has_none(rule.groups.as_ref())),
        ("networks", has_none(rule.networks.as_ref())),
        ("services", has_none(rule.services.as_ref())),
    ]
    .into_iter()
    .find_map(|(key, has_none)| has_none.then_some(key))
}

fn of_rule(config: &Config, rule: &Rule, host: &dyn Host) -> Vec<String> {
    let mut texts = Vec::new();
    if let Some(key) = is_empty(rule) {
        texts.push(format!(
            "it never matches, for {key} is empty. Take the key away if anybody is meant"
        ));
    }
    let users = rule.users.as_deref().unwrap_or_default();
    texts.extend(twice(users));
    texts.extend(users.iter().filter_map(|user| of_user(user.as_str(), host)));
    let groups = rule.groups.as_deref().unwrap_or_default();
    texts.extend(twice(groups.iter().map(GroupName::as_str)));
    texts.extend(groups.iter().filter_map(|group| of_group(group, host)));
    let services = rule.services.as_deref().unwrap_or_default();
    texts.extend(twice(services.iter().map(ServiceName::as_str)));
    texts.extend(services.iter().filter_map(|name| of_service(name, host)));
    if let Some(networks) = &rule.networks {
        texts.extend(of_networks(networks));
        let believed = &config.login.rhost_from;
        let services = rule.services.as_ref();
        let is_believed = |services: &Vec<_>| services.iter().any(|name| believed.contains(name));
        if believed.is_empty() || services.is_some_and(|services| !is_believed(services)) {
            texts.push(
                "it never matches, for it asks for a network, and [login] rhost_from has none of its services"
                    .to_owned(),
            );
        }
    }
    // What is there twice has the rest said of it once.
    texts.dedup();
    texts
}

fn of_user(name: &str, host: &dyn Host) -> Option<String> {
    let shown_name = shown(name);
    match host.user(name) {
        Ok(Some(canonical)) if canonical == name => None,
        Ok(Some(canonical)) => Some(format!(
            "the system's name for {shown_name} is {}: write it so, or it matches nobody",
            shown(&canonical)
        )),
        Ok(None) => Some(format!("there is no user {shown_name}")),
        Err(error) => Some(format!(
            "the user {shown_name} cannot be looked up: {error}"
        )),
    }
}

fn of_group(name: &GroupName, host: &dyn Host) -> Option<String> {
    let shown_name = shown(name.as_str());
    match host.has_group(name) {
        Ok(true) => None,
        Ok(false) => Some(format!("there is no group {shown_name}")),
        Err(error) => Some(format!(
            "the group {shown_name} cannot be looked up: {error}"
        )),
    }
}

fn of_service(name: &ServiceName, host: &dyn Host) -> Option<String> {
    let name_of_it = name.as_str();
    (!host.has_service(name))
        .then(|| format!("there is no service {name_of_it}: no file of that name is in /etc/pam.d"))
}

/// Values that stand in a list more than once.
fn twice<T: Display + Ord>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    let (mut seen, mut again) = (BTreeSet::new(), BTreeSet::new());
    for value in values {
        let value = shown(&value.to_string());
        if !seen.insert(value.clone()) {
            again.insert(value);
        }
    }
    let again = again.into_iter();
    again
        .map(|value| format!("{value} is there twice"))
        .collect()
}

fn of_networks(networks: &[Network]) -> Vec<String> {
    let mut texts = twice(networks);
    let loopback = networks.iter().filter(|network| network.is_loopback());
    texts.extend(loopback.map(|network| format!("{network} is loopback, which never matches")));
    for network in networks {
        let wider = networks
            .iter()
            .find(|wider| *wider != network && wider.covers(network));
        texts
            .extend(wider.map(|wider| format!("{network} is part of {wider}, which is there too")));
    }
    texts
}

fn of_gates(config: &Config, host: &dyn Host) -> Vec<String> {
    let gates = &config.at_login;
    if config.enrollment.mode != Mode::AtLogin {
        return Vec::new();
    }
    let mut texts = Vec::new();
    if gates.services.is_empty() {
        texts.push("nobody can enroll, for services is empty".to_owned());
    }
    texts.extend(twice(gates.services.iter().map(ServiceName::as_str)));
    let missing = gates
        .services
        .iter()
        .filter_map(|name| of_service(name, host));
    texts.extend(missing);
    if let Some(networks) = &gates.networks {
        if networks.is_empty() {
            texts.push("nobody can enroll, for networks is empty".to_owned());
        }
        texts.extend(of_networks(networks));
        let believed = &config.login.rhost_from;
        if !gates.services.iter().any(|name| believed.contains(name)) {
            texts.push(
                "nobody can enroll, for the gate asks for a network, and [login] rhost_from has none of its services"
                    .to_owned(),
            );
        }
    }
    let named = texts.into_iter();
    named.map(|text| format!("[at_login]: {text}")).collect()
}

fn of_services(config: &Config, host: &dyn Host) -> Vec<String> {
    let mut texts = Vec::new();
    for (name, service) in &config.service {
        let section = format!("[service.{}]", name.as_str());
        texts.extend(of_service(name, host).map(|text| format!("{section}: {text}")));
        if service.subject == Whose::Invoker && config.login.rhost_from.contains(name) {
            texts.push(format!(
                "{section}: whoever comes from another host has no process here, so the invoker is always root, and the code \
                 that of the target"
            ));
        }
    }
    texts
}

#[cfg(test)]
mod tests;
