//! All that the module wants of PAM, as one small trait: the logic is tested with and without libpam.

use std::time::Duration;

use nightlatch_core::answer::BadAnswer;
use nightlatch_core::audit::{Audit, Event, Severity};
use nightlatch_core::login::{AsksFor, Prompt};
use zeroize::Zeroizing;

use crate::handover::Handover;

/// The application that called libpam that called us.
pub trait PamHost {
    /// `PAM_SERVICE`, with whatever is not UTF-8 replaced.
    fn service(&self) -> String;

    /// `PAM_USER`, asked for if need be; the bytes as they are.
    fn user(&self) -> Result<Vec<u8>, ConversationFailed>;

    /// `PAM_RHOST`, with whatever is not UTF-8 replaced.
    fn rhost(&self) -> Option<String>;

    /// Puts a question and waits for the answer. What is `PAM_AUTHTOK` is no answer to a question for a code.
    fn ask(&self, prompt: &Prompt, asks_for: AsksFor) -> Result<Reply, ConversationFailed>;

    /// The password that a module before us asked for, `PAM_AUTHTOK`, or what it asked for in its place.
    fn authtok(&self) -> Option<Zeroizing<Vec<u8>>>;

    /// Leaves a password to the module behind us. What it holds after a NUL is lost.
    fn set_authtok(&self, password: &[u8]) -> Result<(), NotKept>;

    /// Tells the person something, unless the application wants silence.
    fn tell(&self, text: &str);

    /// Whether the application wants silence: then nobody hears what is told.
    fn is_silent(&self) -> bool;

    /// Keeps something for the account phase, in the place of what was kept before.
    fn hand_over(&self, handover: Handover) -> Result<(), NotKept>;

    /// Takes what was kept, whoever it is for. It is gone then.
    fn handed_over(&self) -> Option<Handover>;

    /// How long the application is asked to wait after a failure.
    fn fail_delay(&self, delay: Duration);

    /// Writes a line to the log, facility authpriv.
    fn log(&self, severity: Severity, line: &str);

    /// The effective uid of the process.
    fn effective_uid(&self) -> u32;

    /// The real uid of the process.
    fn real_uid(&self) -> u32;
}

/// What came back for a question: the bytes, or that they were too many to look at.
pub type Reply = Result<Zeroizing<Vec<u8>>, BadAnswer>;

/// The application has no conversation, or it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConversationFailed;

/// libpam keeps nothing for us: it has no memory left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotKept;

/// Events go to the host's log.
pub struct HostLog<'h>(pub &'h dyn PamHost);

impl Audit for HostLog<'_> {
    fn note(&self, event: &Event<'_>) {
        self.0.log(event.severity(), &event.render());
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::VecDeque;

    /// A host with a scripted conversation.
    #[derive(Default)]
    pub struct FakeHost {
        /// `PAM_USER`.
        pub user: String,
        /// What is answered, in turn; then the conversation fails.
        pub answers: RefCell<VecDeque<String>>,
        /// The questions that were put.
        pub asked: RefCell<Vec<Prompt>>,
        /// The lines that were logged.
        pub log: RefCell<Vec<String>>,
        /// `PAM_AUTHTOK`.
        pub authtok: RefCell<Option<Zeroizing<Vec<u8>>>>,
        /// Whether setting `PAM_AUTHTOK` fails.
        pub takes_no_authtok: bool,
        /// Whether nothing is told.
        pub silent: bool,
        /// What was told.
        pub told: RefCell<Vec<String>>,
        /// What is kept for the account phase.
        pub kept: RefCell<Option<Handover>>,
        /// The delays that were asked for.
        pub delays: RefCell<Vec<Duration>>,
        /// The effective uid.
        pub euid: u32,
        /// The real uid.
        pub uid: u32,
    }

    impl FakeHost {
        /// Whether a line was logged that begins so.
        pub fn logged(&self, beginning: &str) -> bool {
            self.log
                .borrow()
                .iter()
                .any(|line| line.starts_with(beginning))
        }
    }

    impl PamHost for FakeHost {
        fn service(&self) -> String {
            "sshd".to_owned()
        }

        fn user(&self) -> Result<Vec<u8>, ConversationFailed> {
            Ok(self.user.clone().into_bytes())
        }

        fn rhost(&self) -> Option<String> {
            Some("192.0.2.7".to_owned())
        }

        fn ask(&self, prompt: &Prompt, _: AsksFor) -> Result<Reply, ConversationFailed> {
            self.asked.borrow_mut().push(prompt.clone());
            let answer = self
                .answers
                .borrow_mut()
                .pop_front()
                .ok_or(ConversationFailed)?;
            Ok(Ok(Zeroizing::new(answer.into_bytes())))
        }

        fn authtok(&self) -> Option<Zeroizing<Vec<u8>>> {
            self.authtok.borrow().clone()
        }

        fn set_authtok(&self, password: &[u8]) -> Result<(), NotKept> {
            if self.takes_no_authtok {
                return Err(NotKept);
            }
            self.authtok
                .replace(Some(Zeroizing::new(password.to_vec())));
            Ok(())
        }

        fn tell(&self, text: &str) {
            self.told.borrow_mut().push(text.to_owned());
        }

        fn is_silent(&self) -> bool {
            self.silent
        }

        fn hand_over(&self, handover: Handover) -> Result<(), NotKept> {
            self.kept.replace(Some(handover));
            Ok(())
        }

        fn handed_over(&self) -> Option<Handover> {
            self.kept.take()
        }

        fn fail_delay(&self, delay: Duration) {
            self.delays.borrow_mut().push(delay);
        }

        fn log(&self, _: Severity, line: &str) {
            self.log.borrow_mut().push(line.to_owned());
        }

        fn effective_uid(&self) -> u32 {
            self.euid
        }

        fn real_uid(&self) -> u32 {
            self.uid
        }
    }
}
