//! The sections of the configuration and their defaults.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::policy::Network;
use super::values::{Day, Issuer, Lock, NotNegative, Number, ServiceName};
use crate::backup_codes::Count;
use crate::offer::QrForm;
use crate::token::{Algorithm, Digits, Period};

/// `[enrollment]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnrollmentConfig {
    /// What becomes of people who are not enrolled.
    pub mode: Mode,
    /// Where required: the last day (UTC) on which whoever was never enrolled is let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Day>,
}

/// What becomes of people who are not enrolled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// They stay outside.
    #[default]
    Required,
    /// They are not asked for a code.
    Optional,
    /// They enroll while they log in, where the gates of `[at_login]` let them; else they stay outside.
    AtLogin,
}

/// `[at_login]`: the gates of an enrollment at login. All that are given must let the person through.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AtLoginConfig {
    /// The services where people may enroll.
    pub services: Vec<ServiceName>,
    /// The networks that they have to come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<Network>>,
    /// The last day (UTC) on which they may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// Whether they need an invitation.
    pub ticket: bool,
    /// Whether it is meant that there is no gate: then whoever has a password can enroll.
    pub open: bool,
    /// How the QR code is drawn.
    pub qr: QrForm,
}

impl AtLoginConfig {
    /// Whether anything but the service stands before an enrollment.
    #[must_use]
    pub const fn has_gate(&self) -> bool {
        self.networks.is_some() || self.until.is_some() || self.ticket
    }
}

impl Default for AtLoginConfig {
    fn default() -> Self {
        Self {
            services: services(&["sshd", "login"]),
            networks: None,
            until: None,
            ticket: false,
            open: false,
            qr: QrForm::Utf8,
        }
    }
}

/// `[account]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountConfig {
    /// Whether PAM's account phase refuses whoever would need a second factor and has none: with a public key, sshd lets
    /// people in without asking.
    pub require_enrollment: bool,
}

/// `[token]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenConfig {
    /// The name that authenticators show; the host's name where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Issuer>,
    /// How many digits the codes of new tokens have.
    pub digits: Digits,
    /// How long a step of new tokens lasts, in seconds.
    pub period: Period,
    /// The hash of new tokens.
    pub algorithm: Algorithm,
    /// How many steps before and after the current one are accepted.
    pub window: Number<0, 10>,
    /// How many steps ahead a used code may lie before the clock is held to be wrong.
    pub resync_window: Number<11, 100>,
    /// How many counters ahead of the last one used a token that counts may be.
    pub look_ahead: Number<1, 100>,
}

impl TokenConfig {
    /// The name that authenticators show: the configured one, else that of this host up to its first dot, which keeps a QR code
    /// small.
    #[must_use]
    pub fn issuer_or_host(&self) -> String {
        if let Some(issuer) = &self.issuer {
            return issuer.as_str().to_owned();
        }
        let name = nix::unistd::gethostname().unwrap_or_default();
        let name = name.to_string_lossy();
        let short = name.split('.').next().unwrap_or_default();
        Issuer::parse(short).map_or_else(|_| "Nightlatch".to_owned(), Into::into)
    }
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self {
            issuer: None,
            digits: Digits::SIX,
            period: Period::THIRTY,
            algorithm: Algorithm::Sha1,
            window: Number::of::<1>(),
            resync_window: Number::of::<20>(),
            look_ahead: Number::of::<10>(),
        }
    }
}

/// `[login]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoginConfig {
    /// How often the question is put in one conversation.
    pub prompts: Number<1, 10>,
    /// How soon after an answer a refusal may come: long enough to hide what was done for it.
    pub refusal_floor: NotNegative<5>,
    /// How long the application is asked to wait after a failed login (`pam_fail_delay`).
    pub fail_delay: NotNegative<60>,
    /// The services whose remote address is believed.
    pub rhost_from: Vec<ServiceName>,
    /// The services whose callers are on this host.
    pub local: Vec<ServiceName>,
    /// Whether everybody is told why an answer was refused, rather than those only who proved a code.
    pub explain: bool,
}

impl Default for LoginConfig {
    fn default() -> Self {
        Self {
            prompts: Number::of::<3>(),
            refusal_floor: NotNegative::of(Duration::from_millis(50)),
            fail_delay: NotNegative::of(Duration::from_secs(2)),
            rhost_from: services(&["sshd"]),
            local: services(&[
                "sudo",
                "sudo-i",
                "su",
                "su-l",
                "doas",
                "polkit-1",
                "login",
                "gdm-password",
                "lightdm",
                "sddm",
            ]),
            explain: false,
        }
    }
}

/// `[throttle]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThrottleConfig {
    /// How many wrong codes in a row cost nothing.
    pub free_failures: Number<0, 20>,
    /// The first lock.
    pub first_lock: Lock,
    /// The longest lock.
    pub longest_lock: Lock,
    /// How many wrong codes in a row, from everywhere, disable a person's tokens (NIST SP 800-63B-4, 3.2.2: at most 100).
    pub hard_limit: Number<10, 100>,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self {
            free_failures: Number::of::<5>(),
            first_lock: Lock::of(Duration::from_secs(30)),
            longest_lock: Lock::of(Duration::from_secs(15 * 60)),
            hard_limit: Number::of::<100>(),
        }
    }
}

/// `[trust]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrustConfig {
    /// How long the same person from the same place to the same service is not asked again; nothing: always asked.
    pub remember: NotNegative<{ 30 * 24 * 60 * 60 }>,
}

impl Default for TrustConfig {
    fn default() -> Self {
        Self {
            remember: NotNegative::of(Duration::ZERO),
        }
    }
}

/// `[backup_codes]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackupCodesConfig {
    /// How many codes a new set has.
    pub count: Count,
}

impl Default for BackupCodesConfig {
    fn default() -> Self {
        Self {
            count: Count::DEFAULT,
        }
    }
}

/// `[store]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The directory, an absolute path.
    pub dir: PathBuf,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            dir: "/var/lib/nightlatch".into(),
        }
    }
}

/// `[service.NAME]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceConfig {
    /// Whose code is asked for.
    pub subject: Whose,
}

/// Whose code a service asks for that changes from one account into another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// That of the account that is logged in to (`PAM_USER`).
    #[default]
    Target,
    /// That of the account behind the process (its real uid, not `PAM_RUSER`); where that is root, as with `target`.
    Invoker,
}

fn services(names: &[&'static str]) -> Vec<ServiceName> {
    names.iter().map(|name| ServiceName::known(name)).collect()
}
