//! Where the module's lines go in a service's file, so that the question comes after the password and nothing goes round it.
//!
//! In Debian's files that is behind `@include common-auth` and `@include common-account`. But files are edited, and the lines of
//! another distribution jump and end in other ways, so it is found out from what the lines do: behind the last line that asks for
//! a password, where every jump over it lands, and nowhere that a `sufficient` line before it leads past.

use crate::pam_files::{
    Action, Actions, Does, Entry, Kind, OURS, PamFile, PamFiles, Returned, Said, Step, Unreadable,
};
use crate::screen::shown;

use super::Placement;
use super::block::{Block, is_in};

/// What a service's file becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// What is put in, in order.
    pub blocks: Vec<Block>,
    /// What somebody should know.
    pub notes: Vec<String>,
}

/// Why nothing is put into a file.
#[derive(Debug, thiserror::Error)]
pub enum NotPlaced {
    /// The module stands there already.
    #[error("{0}")]
    Already(String),
    /// It must not stand there, or nobody can tell where.
    #[error("{0}")]
    Unfit(String),
    /// A file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// Finds out where the lines go. `arguments` stand behind the module, with a blank before each.
pub fn place(
    files: &PamFiles,
    file: &PamFile,
    placement: Placement,
    arguments: &Arguments,
) -> Result<Placed, NotPlaced> {
    check_form(file)?;
    let auth = Chain::read(files, file, Kind::Auth)?;
    let account = Chain::read(files, file, Kind::Account)?;
    check_vacant(&[&auth, &account])?;
    let (auth_at, switched_off) = match placement {
        Placement::AfterPassword => (auth.after_password(file)?, 0),
        Placement::AfterKey | Placement::Instead => auth.password_itself(files, file)?,
    };
    let mut notes = auth.ways_past(auth_at, file)?;
    notes.extend(auth.rivals());
    let account_at = account.end(file)?;
    let line =
        |kind: Kind, arguments: &str| format!("{:<7} required {OURS}{arguments}", kind.word());
    let (auth_line, account_line) = (
        line(Kind::Auth, &arguments.auth),
        line(Kind::Account, &arguments.account),
    );
    let later = auth_at.max(account_at);
    let blocks = if switched_off == 0
        && auth.may_stand(auth_at, later)
        && account.may_stand(account_at, later)
    {
        vec![Block {
            before: file.line_of(later),
            instead_of: 0,
            lines: vec![auth_line, account_line],
        }]
    } else {
        let mut blocks = vec![
            Block {
                before: if switched_off > 0 {
                    file.entries()[auth_at].lines.start() - 1
                } else {
                    file.line_of(auth_at)
                },
                instead_of: switched_off,
                lines: vec![auth_line],
            },
            Block {
                before: file.line_of(account_at),
                instead_of: 0,
                lines: vec![account_line],
            },
        ];
        blocks.sort_by_key(|block| block.before);
        blocks
    };
    Ok(Placed { blocks, notes })
}

/// What stands behind the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// In the line for `auth`.
    pub auth: String,
    /// In the line for `account`.
    pub account: String,
}

/// The lines of one kind, by the entries of the service's own file that they come from.
struct Chain {
    kind: Kind,
    /// For each entry of the file, what it stands for.
    entries: Vec<Vec<Step>>,
}

impl Chain {
    fn read(files: &PamFiles, file: &PamFile, kind: Kind) -> Result<Self, Unreadable> {
        let entries = file.entries().iter();
        let entries = entries.map(|entry| files.steps_of(file, entry, kind));
        Ok(Self {
            kind,
            entries: entries.collect::<Result<_, _>>()?,
        })
    }

    /// The entry before which it is first certain that the password was asked for, and where every jump lands.
    fn after_password(&self, file: &PamFile) -> Result<usize, NotPlaced> {
        let last = self
            .entries
            .iter()
            .rposition(|steps| steps.iter().any(asks_for_password));
        let mut at = 1 + last.ok_or_else(|| no_password(file))?;
        while at < self.entries.len() && self.jumps_past(at) {
            at += 1;
        }
        Ok(at)
    }

    /// The entry that asks for the password, and how many lines it has.
    fn password_itself(
        &self,
        files: &PamFiles,
        file: &PamFile,
    ) -> Result<(usize, usize), NotPlaced> {
        let asking: Vec<usize> = (0..self.entries.len())
            .filter(|&index| self.entries[index].iter().any(asks_for_password))
            .collect();
        let &[at] = &asking[..] else {
            return Err(if asking.is_empty() {
                no_password(file)
            } else {
                by_hand(file, "more than one line asks for a password")
            });
        };
        let entry = &file.entries()[at];
        let jumps = |step: &Step| {
            actions(step).is_some_and(|actions| {
                outcomes(actions).any(|action| matches!(action, Action::Jump(_)))
            })
        };
        let is_module = matches!(&entry.said, Said::Rule(rule) if rule.actions().is_some());
        if is_module && self.entries[at].iter().any(jumps) {
            return Err(by_hand(
                file,
                "the line that asks for a password belongs together with those behind it",
            ));
        }
        if self.jumps_past(at) || self.jumps_past(at + 1) {
            return Err(by_hand(
                file,
                "a line jumps over the one that asks for a password",
            ));
        }
        if matches!(entry.said, Said::IncludeAll(_)) {
            for kind in [Kind::Account, Kind::Password, Kind::Session] {
                if !files.steps_of(file, entry, kind)?.is_empty() {
                    let why = format!(
                        "what asks for a password there includes lines for {} too",
                        kind.word()
                    );
                    return Err(by_hand(file, &why));
                }
            }
        }
        Ok((at, entry.lines.clone().count()))
    }

    /// The entry before which all of the kind was asked, or the first that ends it.
    fn end(&self, file: &PamFile) -> Result<usize, NotPlaced> {
        let Some(last) = self.entries.iter().rposition(|steps| !steps.is_empty()) else {
            return Err(NotPlaced::Unfit(format!(
                "{} has no line for {}, so those of `other` hold, and would no more with one of ours. Add what holds for this \
                 service, on Debian: @include common-account",
                shown(&file.path().display().to_string()),
                self.kind.word()
            )));
        };
        let ends = |steps: &Vec<Step>| steps.iter().any(|step| step.depth == 0 && may_end(step));
        let mut at = self.entries.iter().position(ends).unwrap_or(last + 1);
        while at > 0 && at <= last && self.jumps_past(at) {
            at -= 1;
        }
        Ok(at)
    }

    /// Whether the module may stand before entry `later` as well as before `at`.
    fn may_stand(&self, at: usize, later: usize) -> bool {
        let between = self.entries[at..later].iter().flatten();
        let is_harmless = |step: &Step| {
            step.depth > 0
                || actions(step).is_some_and(|actions| {
                    outcomes(actions).all(|action| {
                        !matches!(action, Action::Done | Action::Jump(_) | Action::Reset)
                    })
                })
        };
        !self.jumps_past(later) && between.into_iter().all(is_harmless)
    }

    /// Whether a line before this entry jumps over one that stood before it.
    fn jumps_past(&self, at: usize) -> bool {
        let before: Vec<&Step> = self.level(0, at).collect();
        before.iter().enumerate().any(|(index, step)| {
            actions(step).is_some_and(|actions| {
                outcomes(actions).any(|action| matches!(action, Action::Jump(lines) if index + 1 + lines > before.len()))
            })
        })
    }

    /// What ends the stack with a success before the question. It is an error where it is the password itself.
    fn ways_past(&self, at: usize, file: &PamFile) -> Result<Vec<String>, NotPlaced> {
        let mut notes = Vec::new();
        for step in self.level(0, at).filter(|step| may_end(step)) {
            let Does::Run { module, .. } = &step.does else {
                continue;
            };
            let (module, place) = (shown(module), at_line(step));
            if asks_for_password(step) {
                return Err(NotPlaced::Unfit(format!(
                    "{place} ends the stack when {module} is content, so nobody would be asked behind it. Where {} includes it, write \
                     `substack` for `include`, or put the module into the stack by hand: docs/pam.md",
                    shown(&file.path().display().to_string())
                )));
            }
            if !step.runs("pam_rootok.so") {
                notes.push(format!(
                    "{place}: whoever {module} lets in is asked for no code."
                ));
            }
        }
        Ok(notes)
    }

    fn rivals(&self) -> Vec<String> {
        let steps = self.entries.iter().flatten();
        let rivals = steps.filter(|step| RIVALS.iter().any(|rival| step.runs(rival)));
        rivals
            .map(|step| {
                format!(
                    "{} asks for a code too: people are asked twice until that line is taken out.",
                    at_line(step)
                )
            })
            .collect()
    }

    /// The lines that jumps count, of these entries.
    fn level(&self, from: usize, to: usize) -> impl Iterator<Item = &Step> {
        let to = to.min(self.entries.len());
        self.entries[from..to]
            .iter()
            .flatten()
            .filter(|step| step.depth == 0)
    }
}

impl PamFile {
    /// The line, from 0, before which something stands before the entry of this number.
    fn line_of(&self, entry: usize) -> usize {
        let after: Option<&Entry> = entry.checked_sub(1).map(|before| &self.entries()[before]);
        match (after, self.entries().get(entry)) {
            // Behind what it follows, and before the comments of what comes next.
            (Some(before), _) => *before.lines.end(),
            (None, Some(first)) => first.lines.start() - 1,
            (None, None) => self.lines().len(),
        }
    }
}

/// What no line can be put into.
fn check_form(file: &PamFile) -> Result<(), NotPlaced> {
    let path = shown(&file.path().display().to_string());
    if is_in(&file.lines().concat()) {
        return Err(NotPlaced::Already(format!("{path} has our lines already.")));
    }
    if file.lines().iter().any(|line| line.ends_with(b"\r\n")) {
        return Err(NotPlaced::Unfit(format!(
            "{path} has lines that end in CR LF, which libpam does not understand. Mend it: sed -i 's/\\r$//' {path}"
        )));
    }
    if !file.is_finished() {
        return Err(NotPlaced::Unfit(format!(
            "{path} ends in a line that goes on (\\), of which nothing comes. Take the backslash away"
        )));
    }
    Ok(())
}

/// The module may stand there already, by hand or in what is included.
fn check_vacant(chains: &[&Chain]) -> Result<(), NotPlaced> {
    let mut steps = chains
        .iter()
        .flat_map(|chain| chain.entries.iter().flatten());
    match steps.find(|step| step.runs(OURS)) {
        Some(step) => Err(NotPlaced::Already(format!(
            "the module stands there already, in {}.",
            at_line(step)
        ))),
        None => Ok(()),
    }
}

fn no_password(file: &PamFile) -> NotPlaced {
    by_hand(file, "no line asks for a password")
}

fn by_hand(file: &PamFile, why: &str) -> NotPlaced {
    NotPlaced::Unfit(format!(
        "{}: {why}, so it is not certain where the question belongs. Put the line in by hand: docs/pam.md",
        shown(&file.path().display().to_string())
    ))
}

fn at_line(step: &Step) -> String {
    format!("{}:{}", shown(&step.file.display().to_string()), step.line)
}

fn asks_for_password(step: &Step) -> bool {
    PASSWORD_MODULES.iter().any(|module| step.runs(module))
}

/// Whether a success of it ends the stack. (Debian's account lines end it for a password that is over, which is another matter.)
fn may_end(step: &Step) -> bool {
    actions(step).is_some_and(|actions| actions.on(Returned::Success) == Action::Done)
}

fn actions(step: &Step) -> Option<&Actions> {
    match &step.does {
        Does::Run { actions, .. } => Some(actions),
        Does::Substack(_) | Does::Fail(_) => None,
    }
}

fn outcomes(actions: &Actions) -> impl Iterator<Item = Action> {
    Returned::ALL
        .into_iter()
        .map(|(returned, _)| actions.on(returned))
}

/// What checks a password in `auth`.
const PASSWORD_MODULES: [&str; 12] = [
    "pam_unix.so",
    "pam_sss.so",
    "pam_ldap.so",
    "pam_krb5.so",
    "pam_winbind.so",
    "pam_systemd_home.so",
    "pam_radius_auth.so",
    "pam_tcb.so",
    "pam_kanidm.so",
    "pam_himmelblau.so",
    "pam_userdb.so",
    "pam_pwdfile.so",
];

/// What else asks for a code.
const RIVALS: [&str; 4] = [
    "pam_google_authenticator.so",
    "pam_oath.so",
    "pam_duo.so",
    "pam_yubico.so",
];

#[cfg(test)]
mod tests;
