//! Control values: what follows from what a module returns. `required` and its like are short for lists in brackets.

/// What stands in a rule's second place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// A module is run, and this follows.
    Module(Actions),
    /// The lines of another file stand here.
    Include,
    /// The lines of another file are run as one: what ends them does not end what stands behind.
    Substack,
}

impl Flow {
    pub(super) fn parse(word: &str) -> Self {
        let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
        if is("include") {
            return Self::Include;
        }
        if is("substack") {
            return Self::Substack;
        }
        Self::Module(Actions::parse(word))
    }
}

/// What is done for each thing that a module can return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actions {
    word: Box<str>,
    on: Box<[Action; Returned::ALL.len()]>,
    is_understood: bool,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It does not count.
    Ignore,
    /// It counts for a success, unless something failed.
    Ok,
    /// As `Ok`, and the stack ends, unless something failed.
    Done,
    /// It counts for a failure, and the stack goes on.
    Bad,
    /// It counts for a failure, and the stack ends.
    Die,
    /// All that was counted so far is forgotten.
    Reset,
    /// So many lines are left out; it does not count. What is left out is counted in lines of this stack.
    Jump(usize),
}

impl Actions {
    /// As it is written, brackets taken off.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// What is done when a module returns this.
    pub fn on(&self, returned: Returned) -> Action {
        self.on[returned as usize]
    }

    /// Whether libpam understands the word. It takes one that it does not for a failure whatever comes.
    pub fn is_understood(&self) -> bool {
        self.is_understood
    }

    /// As libpam understands it: a keyword, or a list, with brackets or (of one) without.
    pub(super) fn parse(word: &str) -> Self {
        let keywords = [
            ("required", Action::Ok, Action::Ignore, Action::Bad),
            ("requisite", Action::Ok, Action::Ignore, Action::Die),
            ("optional", Action::Ok, Action::Ignore, Action::Ignore),
            ("sufficient", Action::Done, Action::Ignore, Action::Ignore),
        ];
        let keyword = keywords
            .into_iter()
            .find(|(keyword, ..)| word.eq_ignore_ascii_case(keyword));
        if let Some((_, good, ignored, otherwise)) = keyword {
            let mut on = [otherwise; Returned::ALL.len()];
            on[Returned::Success as usize] = good;
            on[Returned::NewAuthtokReqd as usize] = good;
            on[Returned::Ignore as usize] = ignored;
            return Self {
                word: word.into(),
                on: Box::new(on),
                is_understood: true,
            };
        }
        let listed = listed(word);
        Self {
            word: word.into(),
            is_understood: listed.is_some(),
            on: Box::new(listed.unwrap_or([Action::Bad; Returned::ALL.len()])),
        }
    }
}

/// `success=1 default=ignore`; none where libpam does not understand it.
fn listed(text: &str) -> Option<[Action; Returned::ALL.len()]> {
    let mut on = [None; Returned::ALL.len()];
    let mut rest = text.trim_ascii_start();
    while !rest.is_empty() {
        let (returned, after) = if let Some(after) = rest.strip_prefix("default") {
            (None, after)
        } else {
            let mut all = Returned::ALL.into_iter();
            all.find_map(|(returned, word)| Some((Some(returned), rest.strip_prefix(word)?)))?
        };
        let after = after.trim_ascii_start().strip_prefix('=')?;
        let (action, after) = action(after.trim_ascii_start())?;
        match returned {
            Some(returned) => on[returned as usize] = Some(action),
            None => {
                for slot in &mut on {
                    slot.get_or_insert(action);
                }
            }
        }
        rest = after.trim_ascii_start();
    }
    Some(on.map(|action| action.unwrap_or(Action::Bad)))
}

fn action(text: &str) -> Option<(Action, &str)> {
    let words = [
        ("ignore", Action::Ignore),
        ("ok", Action::Ok),
        ("done", Action::Done),
        ("bad", Action::Bad),
        ("die", Action::Die),
        ("reset", Action::Reset),
    ];
    let mut found = words
        .into_iter()
        .filter_map(|(word, action)| Some((action, text.strip_prefix(word)?)));
    if let Some(found) = found.next() {
        return Some(found);
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let lines: usize = text[..end].parse().ok()?;
    (lines > 0).then_some((Action::Jump(lines), &text[end..]))
}

macro_rules! returned {
    ($($variant:ident $word:literal,)*) => {
        /// What a module can return, in the order in which libpam looks for its name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "they are PAM's names: pam.conf(5)")]
        pub enum Returned { $($variant,)* }

        impl Returned {
            /// All, with their names in lists.
            pub const ALL: [(Self, &'static str); [$($word),*].len()] = [$((Self::$variant, $word)),*];
        }
    };
}

returned! {
    Success "success",
    OpenErr "open_err",
    SymbolErr "symbol_err",
    ServiceErr "service_err",
    SystemErr "system_err",
    BufErr "buf_err",
    PermDenied "perm_denied",
    AuthErr "auth_err",
    CredInsufficient "cred_insufficient",
    AuthinfoUnavail "authinfo_unavail",
    UserUnknown "user_unknown",
    Maxtries "maxtries",
    NewAuthtokReqd "new_authtok_reqd",
    AcctExpired "acct_expired",
    SessionErr "session_err",
    CredUnavail "cred_unavail",
    CredExpired "cred_expired",
    CredErr "cred_err",
    NoModuleData "no_module_data",
    ConvErr "conv_err",
    AuthtokErr "authtok_err",
    AuthtokRecoverErr "authtok_recover_err",
    AuthtokLockBusy "authtok_lock_busy",
    AuthtokDisableAging "authtok_disable_aging",
    TryAgain "try_again",
    Ignore "ignore",
    Abort "abort",
    AuthtokExpired "authtok_expired",
    ModuleUnknown "module_unknown",
    BadItem "bad_item",
    ConvAgain "conv_again",
    Incomplete "incomplete",
}
