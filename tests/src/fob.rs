//! A hardware token with a button: codes that count, by `oathtool`, out of a secret that its maker wrote in hex.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::authenticator::answer;
use crate::sandbox::scratch;

/// A fob.
#[derive(Debug)]
pub struct Fob {
    hex: String,
    digits: u8,
    /// The counter of the next code.
    next: AtomicU64,
}

impl Fob {
    /// A fob with this secret in hex whose button was never pressed.
    #[must_use]
    pub fn new(hex: &str, digits: u8) -> Self {
        Self {
            hex: hex.to_owned(),
            digits,
            next: AtomicU64::new(0),
        }
    }

    /// Presses the button and reads the code.
    #[must_use]
    pub fn code(&self) -> String {
        self.code_of(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Presses the button so many times, and nobody reads the codes.
    pub fn is_played_with(&self, presses: u64) {
        self.next.fetch_add(presses, Ordering::Relaxed);
    }

    /// The counter of the next code.
    #[must_use]
    pub fn counter(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// The code of a counter, whether it was given or not.
    #[must_use]
    pub fn code_of(&self, counter: u64) -> String {
        let mut codes = answer(
            Command::new("oathtool")
                .arg("--hotp")
                .arg(format!("--digits={}", self.digits))
                .arg(format!("--counter={counter}"))
                .arg("-"),
            &self.hex,
            "install oathtool",
        );
        codes.remove(0)
    }

    /// The secret as its maker delivered it: in hex, in a file that only its owner may read.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        let path = scratch().join(format!("{}.hex", &self.hex[..8]));
        fs::write(&path, format!("{}\n", self.hex)).expect("the scratch folder is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        path
    }
}

#[cfg(test)]
mod tests {
    use super::Fob;

    #[test]
    fn a_fob_gives_the_codes_of_rfc_4226_appendix_d() {
        let fob = Fob::new("3132333435363738393031323334353637383930", 6);
        assert_eq!(fob.code(), "755224");
        assert_eq!(fob.code(), "287082");
        fob.is_played_with(7);
        assert_eq!(fob.code(), "520489");
    }
}
