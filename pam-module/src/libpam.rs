//! The host as libpam shows it. With [`shield`](crate::shield), this is all the unsafe code that is installed.
//!
//! Items are copied to owned values at once, since what libpam returns lives only until the item is set again. The
//! conversation is our own: it copes with a missing array or answer, and it wipes and frees what it was given.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::panic::catch_unwind;
use std::ptr;
use std::time::Duration;

use nightlatch_core::answer::{BadAnswer, LONGEST_ANSWER};
use nightlatch_core::audit::Severity;
use nightlatch_core::combined::LONGEST_FIELD;
use nightlatch_core::config::ServiceName;
use nightlatch_core::login::{AsksFor, Echo, Prompt};
use nix::libc;
use pamsm::{Pam, PamError, PamFlags, PamLibExt};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, Zeroizing};

use crate::handover::Handover;
use crate::host::{ConversationFailed, NotKept, PamHost, Reply};

/// libpam, for the length of one hook.
pub struct LibPam {
    pam: Pam,
    silent: bool,
}

impl LibPam {
    /// The handle and the flags that a hook was called with.
    pub fn new(pam: Pam, flags: PamFlags) -> Self {
        Self {
            pam,
            silent: flags.contains(PamFlags::SILENT),
        }
    }

    fn handle(&self) -> *mut c_void {
        // SAFETY: `Pam` is a transparent wrapper of the pointer that libpam called the hook with.
        unsafe { *ptr::from_ref(&self.pam).cast() }
    }

    /// Sends one message; the answer is copied, wiped and freed. One of more than `longest` bytes is not looked at.
    fn converse(
        &self,
        style: c_int,
        text: &str,
        longest: usize,
    ) -> Result<Option<Reply>, ConversationFailed> {
        // It may be the key of a new token: the copy is wiped, too.
        let text = c_text(text.as_bytes());
        let message = Message {
            style,
            text: text.as_ptr().cast(),
        };
        let conversation = self.conversation().ok_or(ConversationFailed)?;
        let function = conversation.function.ok_or(ConversationFailed)?;
        let mut responses: *mut Response = ptr::null_mut();
        // SAFETY: the function and its data are the application's, as pam_conv(3) describes; the message outlives the
        // call, and the array of messages has the one element that is announced.
        let code = unsafe {
            function(
                1,
                &mut ptr::from_ref(&message),
                &raw mut responses,
                conversation.data,
            )
        };
        // SAFETY: the application gave this array for one message, or none.
        let reply = unsafe { take_reply(responses, longest) };
        if code == PamError::SUCCESS as c_int {
            Ok(reply)
        } else {
            Err(ConversationFailed)
        }
    }

    /// Whether the service can stand before a line of the log, where libpam puts it as it is.
    fn service_is_plain(&self) -> bool {
        let service = self.pam.get_service().ok().flatten();
        service.is_none_or(|service| {
            let name = service.to_string_lossy().into_owned();
            name.is_empty() || ServiceName::try_from(name).is_ok()
        })
    }

    /// Whether an answer is what a module before us took for the password (`PAM_AUTHTOK`).
    fn is_password(&self, answer: &[u8]) -> bool {
        let password = self.pam.get_cached_authtok().ok().flatten();
        password.is_some_and(|password| password.to_bytes().ct_eq(answer).into())
    }

    fn conversation(&self) -> Option<&Conv> {
        const PAM_CONV: c_int = 5;
        let mut item: *const c_void = ptr::null();
        // SAFETY: the handle is libpam's, and `item` is a place for a pointer.
        let code = unsafe { pam_get_item(self.handle(), PAM_CONV, &raw mut item) };
        if code != PamError::SUCCESS as c_int {
            return None;
        }
        // SAFETY: a `PAM_CONV` item is null or a `struct pam_conv` that lives as long as the handle.
        unsafe { item.cast::<Conv>().as_ref() }
    }
}

impl PamHost for LibPam {
    fn service(&self) -> String {
        self.pam
            .get_service()
            .ok()
            .flatten()
            .map(lossy)
            .unwrap_or_default()
    }

    fn user(&self) -> Result<Vec<u8>, ConversationFailed> {
        let is_known = matches!(self.pam.get_cached_user(), Ok(Some(_)));
        // libpam would call a function that is not there.
        if !is_known && self.conversation().is_none_or(|it| it.function.is_none()) {
            return Err(ConversationFailed);
        }
        match self.pam.get_user(None) {
            Ok(Some(name)) => Ok(name.to_bytes().to_vec()),
            Ok(None) | Err(_) => Err(ConversationFailed),
        }
    }

    fn rhost(&self) -> Option<String> {
        self.pam.get_rhost().ok().flatten().map(lossy)
    }

    fn ask(&self, prompt: &Prompt, asks_for: AsksFor) -> Result<Reply, ConversationFailed> {
        let style = match prompt.echo {
            Echo::Off => PAM_PROMPT_ECHO_OFF,
            Echo::On => PAM_PROMPT_ECHO_ON,
        };
        let longest = match asks_for {
            AsksFor::Code => LONGEST_ANSWER,
            AsksFor::Both => LONGEST_FIELD,
        };
        let reply = self
            .converse(style, &prompt.text, longest)?
            .ok_or(ConversationFailed)?;
        Ok(reply.and_then(|answer| match asks_for {
            // sshd's password method answers every hidden question with the password, which may look like a code.
            AsksFor::Code if self.is_password(&answer) => Err(BadAnswer::password(&answer)),
            // An application with one field gives that to whoever asks, so that it may have been taken for the password.
            AsksFor::Code | AsksFor::Both => Ok(answer),
        }))
    }

    fn authtok(&self) -> Option<Zeroizing<Vec<u8>>> {
        let password = self.pam.get_cached_authtok().ok().flatten()?;
        Some(Zeroizing::new(password.to_bytes().to_vec()))
    }

    fn set_authtok(&self, password: &[u8]) -> Result<(), NotKept> {
        const PAM_AUTHTOK: c_int = 6;
        let text = c_text(password);
        // SAFETY: the handle is libpam's; `PAM_AUTHTOK` is a string that ends with NUL, which libpam copies.
        let code = unsafe { pam_set_item(self.handle(), PAM_AUTHTOK, text.as_ptr().cast()) };
        if code == PamError::SUCCESS as c_int {
            Ok(())
        } else {
            Err(NotKept)
        }
    }

    fn tell(&self, text: &str) {
        if !self.silent {
            // Whether it arrives does not change what happened.
            let _ = self.converse(PAM_TEXT_INFO, text, 0);
        }
    }

    fn is_silent(&self) -> bool {
        self.silent
    }

    fn hand_over(&self, handover: Handover) -> Result<(), NotKept> {
        let kept: *mut Kept = Box::into_raw(Box::new(Cell::new(Some(handover))));
        // SAFETY: the handle is libpam's, which copies the name; `kept` is a box of the type that `let_go` frees.
        let code = unsafe {
            pam_set_data(
                self.handle(),
                kept_under().as_ptr(),
                kept.cast(),
                Some(let_go),
            )
        };
        if code == PamError::SUCCESS as c_int {
            return Ok(());
        }
        // SAFETY: libpam did not take it, so that it is still ours and freed here alone.
        drop(unsafe { Box::from_raw(kept) });
        Err(NotKept)
    }

    fn handed_over(&self) -> Option<Handover> {
        let mut data: *const c_void = ptr::null();
        // SAFETY: the handle is libpam's, and `data` is a place for a pointer.
        let code = unsafe { pam_get_data(self.handle(), kept_under().as_ptr(), &raw mut data) };
        if code != PamError::SUCCESS as c_int {
            return None;
        }
        // SAFETY: what is kept under this name is null or the box of `hand_over`, which only `let_go` frees: not while a
        // hook runs, which libpam calls in one thread.
        unsafe { data.cast::<Kept>().as_ref() }?.take()
    }

    fn fail_delay(&self, delay: Duration) {
        let microseconds = c_uint::try_from(delay.as_micros()).unwrap_or(c_uint::MAX);
        // SAFETY: the handle is libpam's; the call takes a number.
        unsafe { pam_fail_delay(self.handle(), microseconds) };
    }

    fn log(&self, severity: Severity, line: &str) {
        let level = match severity {
            Severity::Debug => libc::LOG_DEBUG,
            Severity::Info => libc::LOG_INFO,
            Severity::Notice => libc::LOG_NOTICE,
            Severity::Warning => libc::LOG_WARNING,
            Severity::Error => libc::LOG_ERR,
        };
        // No line of ours holds a NUL: see the one rendering of events.
        let Ok(line) = CString::new(line) else {
            return;
        };
        if self.service_is_plain() {
            // SAFETY: the handle is libpam's; the format takes one string, and both end with NUL.
            unsafe { pam_syslog(self.handle(), level, c"%s".as_ptr(), line.as_ptr()) };
        } else {
            let priority = libc::LOG_AUTHPRIV | level;
            // SAFETY: the format takes one string, and both end with NUL.
            unsafe { libc::syslog(priority, c"pam_nightlatch: %s".as_ptr(), line.as_ptr()) };
        }
    }

    fn effective_uid(&self) -> u32 {
        nix::unistd::geteuid().as_raw()
    }

    fn real_uid(&self) -> u32 {
        nix::unistd::getuid().as_raw()
    }
}

/// A copy that ends with NUL, at the first one if there is one before, and is wiped: in memory that is asked for at once.
fn c_text(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() + 1));
    text.extend(bytes.iter().take_while(|&&byte| byte != 0));
    text.push(0);
    text
}

fn lossy(item: &CStr) -> String {
    item.to_string_lossy().into_owned()
}

/// What libpam keeps for us.
type Kept = Cell<Option<Handover>>;

/// The name that it is kept under. Another build of the module in the same stack must not take its own for ours, so the
/// place where this one was loaded is part of it.
fn kept_under() -> CString {
    let name = format!("pam_nightlatch {:p}", let_go as *const ());
    CString::new(name).unwrap_or_default()
}

/// Called by libpam when something else is kept in its place, and at the end of the transaction.
unsafe extern "C" fn let_go(_handle: *mut c_void, data: *mut c_void, _status: c_int) {
    // Nothing unwinds into libpam. Whatever is secret in it wipes itself on drop.
    let _ = catch_unwind(|| {
        // SAFETY: libpam gives back, once, the box that `hand_over` made.
        drop(unsafe { Box::from_raw(data.cast::<Kept>()) });
    });
}

/// Copies the answer out of an array of one response, then wipes and frees both.
///
/// # Safety
///
/// `responses` is null, or the array of one response that a conversation function handed over.
unsafe fn take_reply(responses: *mut Response, longest: usize) -> Option<Reply> {
    // SAFETY: by the contract of this function.
    let response = unsafe { responses.as_ref() }?;
    let text = response.text;
    let reply = (!text.is_null()).then(|| {
        // SAFETY: an answer is a string that ends with NUL, allocated by malloc and ours from here on (pam_conv(3)).
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(text.cast::<u8>(), libc::strlen(text)) };
        let reply = if bytes.len() > longest {
            Err(BadAnswer::TooLong)
        } else {
            Ok(Zeroizing::new(bytes.to_vec()))
        };
        bytes.zeroize();
        reply
    });
    // SAFETY: both were allocated by malloc for us, and neither is used after this; free takes null.
    unsafe {
        libc::free(text.cast());
        libc::free(responses.cast());
    }
    reply
}

/// `struct pam_message`
#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

/// `struct pam_response`
#[repr(C)]
struct Response {
    text: *mut c_char,
    _return_code: c_int,
}

/// `struct pam_conv`
#[repr(C)]
struct Conv {
    function: Option<ConvFunction>,
    data: *mut c_void,
}

type ConvFunction =
    unsafe extern "C" fn(c_int, *mut *const Message, *mut *mut Response, *mut c_void) -> c_int;

type Cleanup = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int);

const PAM_PROMPT_ECHO_OFF: c_int = 1;
const PAM_PROMPT_ECHO_ON: c_int = 2;
const PAM_TEXT_INFO: c_int = 4;

// What pamsm does not offer, or (`pam_syslog`) declares with another result than it has; it links libpam.
unsafe extern "C" {
    fn pam_get_item(handle: *const c_void, item_type: c_int, item: *mut *const c_void) -> c_int;
    fn pam_set_item(handle: *mut c_void, item_type: c_int, item: *const c_void) -> c_int;
    fn pam_fail_delay(handle: *mut c_void, microseconds: c_uint) -> c_int;
    fn pam_set_data(
        handle: *mut c_void,
        name: *const c_char,
        data: *mut c_void,
        cleanup: Option<Cleanup>,
    ) -> c_int;
    fn pam_get_data(handle: *const c_void, name: *const c_char, data: *mut *const c_void) -> c_int;
    fn pam_syslog(handle: *const c_void, priority: c_int, format: *const c_char, ...);
}
