//! What may be told about a person's record: everything but secrets. The rows of `list`, the page of `status`, and the
//! object that both give a program.

mod seen;
mod temporary;
mod token;

use std::fmt::Write as _;

use nightlatch_core::backup_codes::BackupCodes;
use nightlatch_core::check::{Fault, Rules, fault};
use nightlatch_core::enrollment::Enrollment;
use nightlatch_core::messages::span;
use nightlatch_core::place::Place;
use nightlatch_core::scratch_codes::ScratchCodes;
use nightlatch_core::state::{Closed, Integrity, State, Ticket, TrustedPlace};
use nightlatch_core::store::Record;
use nightlatch_core::throttle::Gate;
use nightlatch_core::time::Time;
use serde::Serialize;

pub use self::seen::Seen;
pub use self::temporary::TemporarySummary;
pub use self::token::TokenSummary;
use crate::person::Person;
use crate::screen::shown;

/// What may be told about a record. The fields are documented in docs/command.md and stay stable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Whose record it is.
    pub user: String,
    /// The uid of the account; `None` where there is none.
    pub uid: Option<u32>,
    /// Whether anything is enrolled.
    pub enrolled: bool,
    /// When it was, by RFC 3339.
    pub created: Option<String>,
    /// The tokens.
    pub tokens: Vec<TokenSummary>,
    /// The backup codes, where there are any.
    pub backup_codes: Option<CodesSummary>,
    /// The scratch codes of another system, where there are any.
    pub scratch_codes: Option<ScratchSummary>,
    /// The temporary code, if there is one.
    pub temporary_code: Option<TemporarySummary>,
    /// The last login, as far as it is known.
    pub last_login: Option<LoginSummary>,
    /// Wrong codes since the last login.
    pub wrong_codes: u32,
    /// Failures by place; places without any are left out.
    pub failures: Vec<FailureSummary>,
    /// Whether the hard limit was reached: nothing opens until somebody enrolls anew.
    pub disabled: bool,
    /// Whether an administrator locked them: nothing opens until they are unlocked.
    pub locked: bool,
    /// The invitation to enroll, if there is one.
    pub invitation: Option<InvitationSummary>,
    /// Where they are not asked, for a while after they gave a code there.
    pub trusted: Vec<TrustedSummary>,
    /// What keeps the person out or needs looking at, each with its mend.
    pub problems: Vec<String>,
    /// When something was done with it, for whoever compares.
    #[serde(skip)]
    pub seen: Seen,
}

/// How many backup codes there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodesSummary {
    /// How many still open the door.
    pub left: usize,
    /// How many the set had.
    pub of: usize,
    /// Whether they wait for an administrator.
    pub waiting: bool,
}

/// How many scratch codes there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScratchSummary {
    /// How many of them there are.
    #[serde(flatten)]
    pub codes: CodesSummary,
    /// Until when they hold, by RFC 3339.
    pub expires: String,
    /// Whether that is over: then none opens the door.
    pub expired: bool,
}

/// Failures at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureSummary {
    /// The place: `address:…`, `local:UID` or `elsewhere`.
    pub place: String,
    /// How many in a row.
    pub failures: u32,
    /// For how many seconds more the place is locked; 0 where it is not.
    pub locked_for: u64,
    /// Until when that is, by RFC 3339; `None` where it is not locked.
    pub locked_until: Option<String>,
    /// Whether its share of the hard limit is used up: closed until an administrator unlocks.
    pub closed: bool,
    #[serde(skip)]
    shown: String,
}

/// A login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoginSummary {
    /// When it was, by RFC 3339.
    pub at: String,
    /// From where, as in failures.
    pub place: String,
    #[serde(skip)]
    shown: String,
}

/// An invitation, without its ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InvitationSummary {
    /// Until when it holds, by RFC 3339.
    pub expires: String,
    /// Whether that is over.
    pub expired: bool,
}

/// A trusted place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustedSummary {
    /// The PAM service.
    pub service: String,
    /// The place, as in failures.
    pub place: String,
    /// When a code was given there last, by RFC 3339.
    pub since: String,
    #[serde(skip)]
    shown: String,
}

impl Summary {
    /// What may be told about the record of `person` at this moment.
    pub fn of(person: &Person, record: &Record, rules: &Rules, now: Time) -> Self {
        let enrollment = record.enrollment.as_ref();
        let mut state = record.state.clone();
        state.keep_only(enrollment);
        let tokens = enrollment.map_or(&[][..], |enrollment| &enrollment.tokens);
        Self {
            user: person.name.as_str().to_owned(),
            uid: person.uid,
            enrolled: enrollment.is_some(),
            created: enrollment.map(|enrollment| enrollment.created.to_rfc3339()),
            tokens: tokens
                .iter()
                .map(|token| TokenSummary::of(token, &state, now))
                .collect(),
            backup_codes: enrollment
                .and_then(|enrollment| enrollment.backup_codes.as_ref())
                .map(|set| CodesSummary::of(set, &state)),
            scratch_codes: enrollment
                .and_then(|enrollment| enrollment.scratch_codes.as_ref())
                .map(|scratch| ScratchSummary::of(scratch, &state, now)),
            temporary_code: TemporarySummary::of(&state, now),
            last_login: LoginSummary::last_of(&state),
            wrong_codes: state.wrong.count,
            failures: failures(&state, rules, now),
            disabled: state.is_disabled(),
            locked: state.closed == Closed::Yes,
            invitation: state
                .ticket
                .as_ref()
                .map(|ticket| InvitationSummary::of(ticket, now)),
            trusted: state.trusted.iter().map(TrustedSummary::of).collect(),
            problems: Vec::new(),
            seen: Seen::of(enrollment, &state, now),
        }
        .with_problems(person, record, &state, rules, now)
    }

    fn with_problems(
        mut self,
        person: &Person,
        record: &Record,
        state: &State,
        rules: &Rules,
        now: Time,
    ) -> Self {
        let user = shown(person.name.as_str());
        if self.locked {
            self.problems.push(format!(
                "locked by an administrator: nothing opens; run: nightlatch unlock {user}"
            ));
        }
        if let Some(enrollment) = &record.enrollment {
            self.problems
                .extend(problems(person, enrollment, state, rules, now));
            self.problems.extend(
                self.tokens
                    .iter()
                    .filter_map(|token| problem_of_token(token, self.tokens.len(), &user)),
            );
        } else if !record.is_vacant() {
            self.problems
                .push(Fault::EnrollmentLost.to_string().replace("USER", &user));
        }
        self
    }

    /// Whether there is anything to be said in a list.
    pub fn is_worth_a_line(&self) -> bool {
        self.enrolled || self.locked || self.invitation.is_some()
    }

    /// A page for people.
    pub fn page(&self) -> String {
        let mut page = Page(String::new());
        let uid = self
            .uid
            .map_or("no account".to_owned(), |uid| format!("uid {uid}"));
        page.0 = format!("{} ({uid})\n", shown(&self.user));
        match &self.created {
            Some(created) => page.line("Enrolled", created),
            None => page.line("Enrolled", "no"),
        }
        for token in &self.tokens {
            page.line("Token", &token.describe());
        }
        if self.enrolled {
            let codes = self.backup_codes.as_ref();
            page.line(
                "Backup codes",
                &codes.map_or("none".to_owned(), CodesSummary::describe),
            );
            if let Some(scratch) = &self.scratch_codes {
                page.line("Scratch", &scratch.describe(&shown(&self.user)));
            }
        }
        if let Some(temporary) = &self.temporary_code {
            page.line("Temporary", &temporary.describe());
        }
        if let Some(login) = &self.last_login {
            page.line("Last login", &format!("{} from {}", login.at, login.shown));
        }
        if self.wrong_codes > 0 {
            page.line(
                "Wrong codes",
                &format!("{} since the last login", self.wrong_codes),
            );
        }
        for failure in &self.failures {
            page.line("Failures", &failure.describe());
        }
        for trusted in &self.trusted {
            page.line("Trusted", &trusted.describe());
        }
        if let Some(invitation) = &self.invitation {
            page.line("Invitation", &invitation.describe());
        }
        for problem in &self.problems {
            page.line("Problem", problem);
        }
        page.0
    }

    /// Whether a code of theirs is not looked at, somewhere or anywhere.
    pub fn is_shut_somewhere(&self) -> bool {
        self.locked || self.disabled || self.shut_places().next().is_some()
    }

    /// Whether nobody has logged in with it, as far as is known: a backup code leaves no time where its place is not remembered.
    pub fn is_never_used(&self) -> bool {
        let codes = self.backup_codes.as_ref();
        self.seen.used.is_none() && codes.is_none_or(|codes| codes.left == codes.of)
    }

    /// How many backup codes open the door.
    pub fn codes_left(&self) -> usize {
        self.backup_codes.as_ref().map_or(0, |codes| codes.left)
    }

    /// Places from which nothing is looked at for wrong codes that came from there, in words.
    pub fn shut_places(&self) -> impl Iterator<Item = String> {
        self.failures
            .iter()
            .filter(|failure| failure.closed || failure.locked_for > 0)
            .map(|failure| format!("from {}{}", failure.shown, failure.lock()))
    }

    /// A row of the table: user, tokens, backup codes left, last used, state.
    pub fn row(&self) -> [String; 5] {
        let tokens: Vec<String> = self.tokens.iter().map(TokenSummary::in_a_list).collect();
        let scratch = self.scratch_codes.as_ref().map(|scratch| &scratch.codes);
        let codes = self.backup_codes.as_ref().or(scratch);
        [
            shown(&self.user),
            tokens.join(", "),
            codes.map_or("-".to_owned(), |codes| {
                format!("{} of {}", codes.left, codes.of)
            }),
            match self.seen.used {
                Some(used) => used.to_rfc3339(),
                None if self.is_never_used() => "never".to_owned(),
                None => "unknown".to_owned(),
            },
            self.state_in_a_word(),
        ]
    }

    /// What a list says of them.
    pub fn state_in_a_word(&self) -> String {
        let longest_lock = self.failures.iter().map(|failure| failure.locked_for).max();
        if self.disabled {
            "disabled".to_owned()
        } else if self.locked {
            "locked".to_owned()
        } else if !self.problems.is_empty() {
            "problem".to_owned()
        } else if self.failures.iter().any(|failure| failure.closed) {
            "closed".to_owned()
        } else {
            match longest_lock {
                None | Some(0) if self.enrolled => "open".to_owned(),
                None | Some(0) => self.invited_in_words(),
                Some(seconds) => format!("locked for {}", span(seconds)),
            }
        }
    }
}

impl Summary {
    /// About somebody who is not enrolled.
    fn invited_in_words(&self) -> String {
        match &self.invitation {
            Some(invitation) if invitation.expired => "invitation expired".to_owned(),
            Some(invitation) => format!("invited until {}", invitation.expires),
            None => "not enrolled".to_owned(),
        }
    }
}

impl InvitationSummary {
    fn of(ticket: &Ticket, now: Time) -> Self {
        Self {
            expires: ticket.expires.to_rfc3339(),
            expired: ticket.is_expired(now),
        }
    }

    fn describe(&self) -> String {
        let word = if self.expired { "expired" } else { "until" };
        format!("{word} {}", self.expires)
    }
}

impl LoginSummary {
    /// Of the places that are known. What opened elsewhere left no time.
    fn last_of(state: &State) -> Option<Self> {
        let last = state.places.iter().max_by_key(|known| known.last_success)?;
        Some(Self {
            at: last.last_success.to_rfc3339(),
            place: last.place.to_string(),
            shown: place_in_words(last.place),
        })
    }
}

impl TrustedSummary {
    fn of(trusted: &TrustedPlace) -> Self {
        Self {
            service: trusted.service.as_str().to_owned(),
            place: trusted.place.to_string(),
            since: trusted.since.to_rfc3339(),
            shown: place_in_words(trusted.place),
        }
    }

    /// A line for people.
    pub fn describe(&self) -> String {
        format!("{} from {}, since {}", self.service, self.shown, self.since)
    }
}

impl ScratchSummary {
    fn of(scratch: &ScratchCodes, state: &State, now: Time) -> Self {
        let expired = scratch.is_over(now);
        let codes = CodesSummary::of(&scratch.set, state);
        Self {
            codes: CodesSummary {
                left: if expired { 0 } else { codes.left },
                ..codes
            },
            expires: scratch.expires.to_rfc3339(),
            expired,
        }
    }

    fn describe(&self, user: &str) -> String {
        let (codes, word) = (
            self.codes.describe(),
            if self.expired { "ended" } else { "until" },
        );
        format!(
            "{codes}, {word} {}; for backup codes in their place run: nightlatch codes {user}",
            self.expires
        )
    }
}

impl CodesSummary {
    fn of(set: &BackupCodes, state: &State) -> Self {
        let spent = state.spent_of(set.id);
        let of = set.digests.len();
        Self {
            left: of - spent.map_or(0, |spent| spent.count(of)),
            of,
            waiting: state.waits(set.id),
        }
    }

    fn describe(&self) -> String {
        let waiting = if self.waiting { ", waiting" } else { "" };
        format!("{} of {} left{waiting}", self.left, self.of)
    }
}

impl FailureSummary {
    fn describe(&self) -> String {
        format!("{} from {}{}", self.failures, self.shown, self.lock())
    }

    fn lock(&self) -> String {
        match (self.closed, &self.locked_until) {
            (true, _) => ", closed until unlocked".to_owned(),
            (false, None) => String::new(),
            (false, Some(until)) => {
                format!(", locked for {}, until {until}", span(self.locked_for))
            }
        }
    }
}

fn failures(state: &State, rules: &Rules, now: Time) -> Vec<FailureSummary> {
    let mut state = state.clone();
    state.settle_places(now);
    let known = state.places.iter().map(|known| (known.place, known.bucket));
    known
        .chain([(Place::Elsewhere, state.elsewhere)])
        .filter(|(_, bucket)| bucket.failures > 0)
        .map(|(place, bucket)| {
            let gate = rules.throttle.gate(&state, place, now);
            let locked_for = match gate {
                Gate::Locked { remaining } => remaining,
                Gate::Open | Gate::ShareUsedUp | Gate::Disabled => 0,
            };
            FailureSummary {
                place: place.to_string(),
                failures: bucket.failures,
                locked_for,
                locked_until: (locked_for > 0).then(|| now.plus(locked_for).to_rfc3339()),
                closed: matches!(gate, Gate::ShareUsedUp | Gate::Disabled),
                shown: place_in_words(place),
            }
        })
        .collect()
}

/// A place as people say it.
pub fn place_in_words(place: Place) -> String {
    match place {
        Place::Address(address) => address.to_string(),
        Place::Local(uid) => format!("this host, uid {uid}"),
        Place::Elsewhere => "everywhere else".to_owned(),
    }
}

/// What keeps a token from opening, with its mend.
fn problem_of_token(token: &TokenSummary, tokens: usize, user: &str) -> Option<String> {
    let label = shown(&token.label);
    if token.is_used_up() && tokens == 1 {
        Some(format!(
            "every counter of the token {label} counts as used; enroll anew: nightlatch enroll {user} --replace"
        ))
    } else if token.is_used_up() {
        Some(format!(
            "every counter of the token {label} counts as used; take it away, then enroll it again: \
             nightlatch remove {user} --label '{label}'"
        ))
    } else if token.waiting && token.counter.is_some() {
        Some(format!(
            "the token {label} waits since the store was restored; run: nightlatch unlock {user}"
        ))
    } else {
        None
    }
}

/// What keeps the person out or needs looking at, each with its mend.
fn problems(
    person: &Person,
    enrollment: &Enrollment,
    state: &State,
    rules: &Rules,
    now: Time,
) -> Vec<String> {
    let user = shown(person.name.as_str());
    let mut problems = Vec::new();
    match person.uid {
        None => problems.push(format!(
            "there is no account of this name; take the record away: nightlatch remove {user}"
        )),
        Some(uid) if uid != enrollment.uid => problems.push(format!(
            "enrolled as uid {}, but the account has uid {uid}; if it is the same person, enroll anew: \
             nightlatch enroll {user} --replace",
            enrollment.uid
        )),
        Some(_) => {}
    }
    if let Some(fault) = fault(enrollment, state, rules, now) {
        problems.push(fault.to_string().replace("USER", &user));
    }
    match state.integrity {
        Integrity::OneSlotBad => problems.push(
            "one copy of the record of past logins is bad; codes that may have been used count as used; \
             the next login writes it anew"
                .to_owned(),
        ),
        Integrity::Copied if state.waiting.is_none() => problems.push(format!(
            "the record of past logins was restored or copied; backup codes wait; run: nightlatch unlock {user}"
        )),
        Integrity::Whole | Integrity::Copied | Integrity::Lost => {}
    }
    if state.waiting.is_some() {
        problems.push(format!(
            "backup codes wait since the store was restored; run: nightlatch unlock {user}"
        ));
    }
    if state.is_disabled() {
        problems.push(format!(
            "too many wrong codes: nothing opens until enrolled anew: nightlatch enroll {user} --replace"
        ));
    }
    problems
}

struct Page(String);

impl Page {
    fn line(&mut self, key: &str, value: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(
            self.0,
            "  {key}:{:indent$}{value}",
            "",
            indent = 13 - key.len()
        );
    }
}

#[cfg(test)]
mod tests;
