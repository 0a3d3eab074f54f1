//! The person's phone: codes from two authenticators that are not ours, `oathtool` and Python's `pyotp`.
//!
//! A [`Phone`] remembers which steps it has given a code for, so that a test can ask for one code after the other. It looks one
//! step ahead, as the window of the module allows; for what lies beyond, it waits and says so.

use std::fmt::{self, Write as _};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The hash of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA-1, what most phones can.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// How a token makes codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The hash.
    pub algorithm: Algorithm,
    /// 6 to 8.
    pub digits: u8,
    /// Seconds a step.
    pub period: u64,
}

/// An authenticator that holds one secret.
#[derive(Debug)]
pub struct Phone {
    secret: String,
    shape: Shape,
    /// The last step that a code was given for.
    given: AtomicU64,
}

impl Phone {
    /// A phone with that secret in base32 and the usual shape: SHA1, 6 digits, 30 s.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self::shaped(secret, Shape::USUAL)
    }

    /// A phone with that secret in base32.
    #[must_use]
    pub fn shaped(secret: &str, shape: Shape) -> Self {
        Self {
            secret: secret.to_owned(),
            shape,
            given: AtomicU64::new(0),
        }
    }

    /// A phone that was shown this `otpauth://totp/…` URI, as it came out of a QR code.
    #[must_use]
    pub fn scanning(uri: &str) -> Self {
        let (_, query) = uri
            .strip_prefix("otpauth://totp/")
            .and_then(|rest| rest.split_once('?'))
            .unwrap_or_else(|| panic!("not a TOTP URI: {uri}"));
        let mut secret = None;
        let mut shape = Shape::USUAL;
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match key {
                "secret" => secret = Some(value),
                "algorithm" => shape.algorithm = Algorithm::named(value),
                "digits" => shape.digits = value.parse().expect("digits is a number"),
                "period" => shape.period = value.parse().expect("period is a number"),
                _ => {}
            }
        }
        Self::shaped(secret.expect("the URI has a secret"), shape)
    }

    /// A code that was not given before: of this step, else of the next, else of one that has to be waited for.
    #[must_use]
    pub fn code(&self) -> String {
        let step = self.step_now().max(self.given.load(Ordering::Relaxed) + 1);
        self.wait_for_step(step.saturating_sub(1), "a code that was not used yet");
        self.given.store(step, Ordering::Relaxed);
        self.code_of_step(step)
    }

    /// Waits until the step that the clock is in lasts for so many seconds more.
    pub fn wait_for_room(&self, seconds: u64) {
        let left = self.shape.period - now().as_secs() % self.shape.period;
        if left < seconds {
            thread::sleep(Duration::from_secs(left));
        }
    }

    /// The code of the step that is `away` steps from now, whether it was given or not.
    #[must_use]
    pub fn code_at(&self, away: i64) -> String {
        self.code_of_step(self.step_now().saturating_add_signed(away))
    }

    /// `count` different answers that have a code's shape and are no code of a step anywhere near.
    #[must_use]
    pub fn wrong_codes(&self, count: usize) -> Vec<String> {
        let near: Vec<_> = (-2..=4).map(|away| self.code_at(away)).collect();
        (0..)
            .map(|n: u32| format!("{n:0width$}", width = usize::from(self.shape.digits)))
            .filter(|code| !near.contains(code))
            .take(count)
            .collect()
    }

    /// One of [`Phone::wrong_codes`].
    #[must_use]
    pub fn wrong_code(&self) -> String {
        self.wrong_codes(1).remove(0)
    }

    /// The secret, in base32.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// How it makes codes.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The code of a step, counted from 1970.
    #[must_use]
    pub fn code_of_step(&self, step: u64) -> String {
        oathtool(&self.secret, self.shape, step * self.shape.period)
    }

    /// The codes of `count` steps from `step` on, by one run of oathtool.
    #[must_use]
    pub fn codes_from_step(&self, step: u64, count: usize) -> Vec<String> {
        oathtool_window(&self.secret, self.shape, step * self.shape.period, count)
    }

    /// The step that the clock is in.
    #[must_use]
    pub fn step_now(&self) -> u64 {
        now().as_secs() / self.shape.period
    }

    fn wait_for_step(&self, step: u64, what: &str) {
        let begins = Duration::from_secs(step * self.shape.period);
        let left = begins.saturating_sub(now());
        if !left.is_zero() {
            println!("(waiting {} s for {what})", left.as_secs() + 1);
            thread::sleep(left + Duration::from_millis(20));
        }
    }
}

impl Shape {
    /// What every authenticator can, and the default of Nightlatch.
    pub const USUAL: Self = Self {
        algorithm: Algorithm::Sha1,
        digits: 6,
        period: 30,
    };
}

impl Algorithm {
    fn named(name: &str) -> Self {
        match name {
            "SHA1" => Self::Sha1,
            "SHA256" => Self::Sha256,
            "SHA512" => Self::Sha512,
            other => panic!("{other} is not an algorithm of TOTP"),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        })
    }
}

/// The code of a base32 secret at a time in seconds since 1970, by `oathtool`. The secret goes by its standard input.
#[must_use]
pub fn oathtool(secret: &str, shape: Shape, time: u64) -> String {
    oathtool_window(secret, shape, time, 1).remove(0)
}

/// Codes by Python's `pyotp`, all in one run: each of `(secret in base32, shape, time)`.
#[must_use]
pub fn pyotp(questions: &[(String, Shape, u64)]) -> Vec<String> {
    const PROGRAM: &str = "
import hashlib, sys, pyotp
for line in sys.stdin:
    secret, algorithm, digits, period, time = line.split()
    totp = pyotp.TOTP(secret, digits=int(digits), digest=getattr(hashlib, algorithm.lower()), interval=int(period))
    print(totp.at(int(time)))
";
    let mut input = String::new();
    for (secret, shape, time) in questions {
        let Shape {
            algorithm,
            digits,
            period,
        } = shape;
        writeln!(input, "{secret} {algorithm} {digits} {period} {time}").expect("a string");
    }
    // Debian's own Python: another one in PATH would not see Debian's pyotp.
    let codes = answer(
        Command::new("/usr/bin/python3").args(["-c", PROGRAM]),
        &input,
        "install python3 and python3-pyotp",
    );
    assert_eq!(codes.len(), questions.len(), "pyotp gives a code for each");
    codes
}

/// The code at a time in seconds since 1970 of what Python's `pyotp` makes of a URI, and what it shows beside it: issuer and
/// account.
#[must_use]
pub fn pyotp_scanning(uri: &str, time: u64) -> [String; 3] {
    const PROGRAM: &str = "
import sys, pyotp
totp = pyotp.parse_uri(sys.stdin.readline())
print(totp.at(int(sys.argv[1])), totp.issuer, totp.name, sep='\\n')
";
    let told = answer(
        Command::new("/usr/bin/python3").args(["-c", PROGRAM, &time.to_string()]),
        uri,
        "install python3 and python3-pyotp",
    );
    told.try_into().expect("it prints three lines")
}

fn oathtool_window(secret: &str, shape: Shape, time: u64, count: usize) -> Vec<String> {
    let codes = answer(
        Command::new("oathtool")
            .arg(format!("--totp={}", shape.algorithm))
            .arg("--base32")
            .arg(format!("--digits={}", shape.digits))
            .arg(format!("--time-step-size={}s", shape.period))
            .arg(format!("--now=@{time}"))
            .arg(format!("--window={}", count - 1))
            .arg("-"),
        secret,
        "install oathtool",
    );
    assert_eq!(codes.len(), count, "oathtool gives a code for each step");
    codes
}

/// The lines that a program gives for `input`.
pub(crate) fn answer(command: &mut Command, input: &str, mend: &str) -> Vec<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{name} does not run ({error}): {mend}"));
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_owned();
    let writer = thread::spawn(move || {
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().expect("the child is ours");
    writer.join().expect("the writer does not panic");
    assert!(output.status.success(), "{name} failed: {mend}");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, Phone, Shape, oathtool, pyotp};

    #[test]
    fn both_authenticators_give_the_code_of_rfc_6238_appendix_b() {
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let shape = Shape {
            digits: 8,
            ..Shape::USUAL
        };
        assert_eq!(oathtool(secret, shape, 59), "94287082");
        assert_eq!(pyotp(&[(secret.to_owned(), shape, 59)]), ["94287082"]);
    }

    #[test]
    fn a_phone_reads_everything_in_a_uri() {
        let phone = Phone::scanning(
            "otpauth://totp/Host:alice?secret=GEZDGNBVGY3TQOJQ&issuer=Host&algorithm=SHA256&digits=8&period=60",
        );
        assert_eq!(phone.secret(), "GEZDGNBVGY3TQOJQ");
        let shape = Shape {
            algorithm: Algorithm::Sha256,
            digits: 8,
            period: 60,
        };
        assert_eq!(phone.shape(), shape);
    }
}
