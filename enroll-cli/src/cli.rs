//! The command line: what can be typed, and what `--help` says about it. Values are parsed here and nowhere else.

mod list;
mod setup;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use nightlatch_core::config::{BadName, ServiceName};
use nightlatch_core::place::{BadPlace, Place};
use nightlatch_core::token::{self, BadTokenValue, Counter, Digits, Label, Period};

pub use self::list::{List, SortBy};
pub use self::setup::{Setup, Watch};
use crate::validity::Validity;

/// Looks after the second factors of the people on this host.
///
/// After their password or key, people are asked for a one-time code by a PAM module. This command enrolls them, shows the
/// QR code for their authenticator app, and looks after what was enrolled.
#[derive(Debug, Parser)]
#[command(
    name = "nightlatch",
    version,
    propagate_version = true,
    after_help = "Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n\
                  All commands but `config show`, `config check` and `doctor` need root, for the store belongs to it. Where USER may be \
                  left out, it is whoever called sudo.\n\
                  Every change is logged with the facility authpriv, with the person behind sudo as `by=`."
)]
pub struct Cli {
    /// Read this configuration instead of /etc/nightlatch/nightlatch.toml
    #[arg(long, value_name = "PATH", global = true)]
    pub config: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Enroll somebody: show a QR code, ask for a code to prove that it was scanned, keep it, show backup codes
    ///
    /// Nothing is written before a right code was typed. Three wrong ones, Ctrl-C or the end of the input leave everything
    /// as it was. The code that proved it opens no door afterwards, and the backup codes are shown once. The first
    /// enrollment on a host makes the store.
    Enroll(Enroll),
    /// Show what is enrolled for somebody, when it was last used, what is locked; never a secret
    Status(Status),
    /// Show everybody who is enrolled, or those that are asked for, a line each
    List(List),
    /// Ask for a code as a login does, and say what a login would have said
    ///
    /// It is a real try: a right code is used up, backup codes too, and a wrong one is charged like a wrong one at the door.
    Check(Check),
    /// Make new backup codes and show them once; the old ones end. Or one temporary code to read out on the telephone
    Codes(Codes),
    /// Take a token away, or the whole enrollment
    Remove(Remove),
    /// Close somebody: nothing of theirs opens, and they cannot enroll, until they are unlocked
    Lock(Lock),
    /// Open what `lock` or wrong codes closed; mend a record that keeps its person out
    Unlock(Unlock),
    /// Hand out a ticket with which somebody who is not enrolled enrolls themselves at a login
    ///
    /// The ticket is shown once and works once, until it expires. Another one for the same person ends it. Somebody who is enrolled
    /// gets none: if their phone is lost, `remove` them first.
    Invite(Invite),
    /// Show or forget the places from which somebody is not asked, for a while after they gave a code there
    #[command(subcommand)]
    Trust(Trust),
    /// Enroll people with what they have in another system, so that phones, tokens and scratch codes go on working
    ///
    /// What is found is shown, and kept only when that is confirmed. Done again, it changes nothing, but that what the other system
    /// accepted meanwhile counts as used here too.
    #[command(subcommand)]
    Import(Import),
    /// Show or check the configuration
    #[command(subcommand)]
    Config(Config),
    /// Find what is wrong with the set-up of this host, and say what mends it; changes nothing
    ///
    /// Looks at /etc/pam.d, sshd, the module's file, the configuration, the store, the clock, and at who would stand outside. With
    /// --simulate, tells what a login would meet instead. What only root can look at is said to be so.
    Doctor(Doctor),
    /// Make a service ask for the code: sshd, sudo, su, login, or any other that has a file in /etc/pam.d
    ///
    /// Shows the change, asks, keeps what was there, and makes it. It refuses what would keep people out, by name. What sshd does
    /// not understand changes nothing. What is set up already stays as it is.
    Setup(Setup),
}

/// `enroll`
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
        Enroll alice, who scans the QR code off this terminal:\n    \
            nightlatch enroll alice\n\n  \
        Enroll yourself:\n    \
            sudo nightlatch enroll\n\n  \
        The phone is lost; replace what was enrolled:\n    \
            nightlatch enroll alice --replace\n\n  \
        A hardware token beside the phone, whose secret is in a file:\n    \
            nightlatch enroll alice --label key --secret-file key.hex\n\n  \
        The terminal is too small; put the QR code into a file:\n    \
            nightlatch enroll alice --output alice.svg\n\n  \
        From a program, without a proof; one JSON object with the secret and the backup codes:\n    \
            nightlatch enroll alice --yes --json")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag that is typed or not"
)]
pub struct Enroll {
    /// Whom to enroll [default: whoever called sudo]
    pub user: Option<String>,

    /// What the person calls the token, 1 to 32 bytes; another one than they have adds a token [default: phone]
    #[arg(long, value_parser = Label::parse)]
    pub label: Option<Label>,

    /// The kind of token
    #[arg(long, value_enum, default_value_t = TokenKind::Totp)]
    pub token: TokenKind,

    /// The hash [default: as configured, else SHA1; some apps silently take everything for SHA1]
    #[arg(long, value_enum, ignore_case = true)]
    pub algorithm: Option<Algorithm>,

    /// How many digits a code has: 6, 7 or 8 [default: as configured, else 6]
    #[arg(long, value_name = "N", value_parser = digits)]
    pub digits: Option<Digits>,

    /// For how many seconds a code is current: 15 to 120 [default: as configured, else 30]
    #[arg(long, value_name = "SECONDS", value_parser = period)]
    pub period: Option<Period>,

    /// With --token hotp: the counter of the next code [default: 0]
    #[arg(long, value_name = "N", value_parser = counter)]
    pub counter: Option<Counter>,

    /// Take the secret that is in this file or pipe, in hex or base32; `-` is the first line of standard input
    #[arg(long, value_name = "FILE", conflicts_with = "ask_secret")]
    pub secret_file: Option<PathBuf>,

    /// Ask for the secret, in hex or base32, without showing it
    #[arg(long, conflicts_with = "yes")]
    pub ask_secret: bool,

    /// How to show the QR code [default: utf8 or ascii, by the locale; with --output svg; none for a secret that was given]
    #[arg(long, value_enum, value_name = "FORM")]
    pub qr: Option<QrForm>,

    /// Write the QR code as SVG into a new file that only its owner may read; it holds the secret: delete it soon
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Replace an enrollment that exists; it stays in force until the new one is kept
    #[arg(long)]
    pub replace: bool,

    /// Ask nothing, and keep the enrollment without a proof
    #[arg(long)]
    pub yes: bool,

    /// Print the result as one JSON object; words for people go to standard error
    #[arg(long)]
    pub json: bool,
}

impl Enroll {
    /// What the token is called.
    pub fn label(&self) -> Label {
        self.label.clone().unwrap_or_else(Label::usual)
    }

    /// The file that the secret is in, unless that is standard input.
    pub fn secret_path(&self) -> Option<&Path> {
        self.secret_file
            .as_deref()
            .filter(|path| *path != Path::new("-"))
    }
}

/// `status`
#[derive(Debug, Args)]
pub struct Status {
    /// Whose record [default: that of whoever called sudo]
    pub user: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `check`
#[derive(Debug, Args)]
pub struct Check {
    /// Whose code [default: that of whoever called sudo]
    pub user: Option<String>,
    /// Print the result as one JSON object; words for people go to standard error
    #[arg(long)]
    pub json: bool,
}

/// `codes`
#[derive(Debug, Args)]
pub struct Codes {
    /// Whose codes [default: those of whoever called sudo]
    pub user: Option<String>,
    /// Make one code that opens one door once, for a few hours; the backup codes stay as they are
    #[arg(long)]
    pub temporary: bool,
    /// With --temporary: how long it holds, 1h to 7d
    #[arg(
        long,
        value_name = "SPAN",
        default_value = "8h",
        requires = "temporary"
    )]
    pub expires: Validity<7>,
    /// With --temporary: take the code back instead
    #[arg(long, requires = "temporary", conflicts_with = "expires")]
    pub cancel: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `remove`
#[derive(Debug, Args)]
pub struct Remove {
    /// Whose enrollment [default: that of whoever called sudo]
    pub user: Option<String>,
    /// Take only the token with this label away
    #[arg(long, value_parser = Label::parse)]
    pub label: Option<Label>,
    /// Ask nothing
    #[arg(long)]
    pub yes: bool,
}

/// `lock`
#[derive(Debug, Args)]
pub struct Lock {
    /// Whom to lock
    pub user: String,
    /// Why, for the log
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// `invite`
#[derive(Debug, Args)]
pub struct Invite {
    /// Whom to invite
    pub user: String,
    /// How long the ticket holds: 1h to 30d
    #[arg(long, value_name = "SPAN", default_value = "7d")]
    pub expires: Validity<30>,
    /// Take the invitation back instead
    #[arg(long, conflicts_with = "expires")]
    pub cancel: bool,
    /// Print one JSON object; words for people go to standard error
    #[arg(long)]
    pub json: bool,
}

/// `trust`
#[derive(Debug, Subcommand)]
pub enum Trust {
    /// Show the places, and since when
    List(TrustList),
    /// Forget the places, so that the next login from there is asked again
    Forget(TrustForget),
}

/// `trust list`
#[derive(Debug, Args)]
pub struct TrustList {
    /// Whose places [default: those of whoever called sudo]
    pub user: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `trust forget`
#[derive(Debug, Args)]
pub struct TrustForget {
    /// Whose places [default: those of whoever called sudo]
    pub user: Option<String>,
    /// Only those of this PAM service, such as sshd
    #[arg(long, value_parser = service)]
    pub service: Option<ServiceName>,
    /// Only this place: an address, or as `trust list --json` writes it
    #[arg(long, value_parser = place)]
    pub place: Option<Place>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `import`
#[derive(Debug, Subcommand)]
pub enum Import {
    /// From the files of `pam_google_authenticator`
    GoogleAuthenticator(ImportGoogleAuthenticator),
    /// From the users' file of `pam_oath`
    Oath(ImportOath),
}

/// `import google-authenticator`
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
        See what everybody has, and what would become of it:\n    \
            nightlatch import google-authenticator --all-homes --dry-run\n\n  \
        Import one person:\n    \
            nightlatch import google-authenticator ~alice/.google_authenticator\n\n  \
        From a file of root's, as with the module's secret= and user=root:\n    \
            nightlatch import google-authenticator --user alice /etc/otp/alice")]
pub struct ImportGoogleAuthenticator {
    /// The files; whose one is says its owner, if its directory is theirs or root's
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Whose the one file is, which belongs to them or to root
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Look into the home of every account that `getent passwd` lists
    #[arg(long, conflicts_with_all = ["files", "user"])]
    pub all_homes: bool,
    /// What both formats take.
    #[command(flatten)]
    pub options: ImportOptions,
}

/// `import oath`
#[derive(Debug, Args)]
pub struct ImportOath {
    /// The file, which must be root's
    pub file: PathBuf,
    /// Take people who have a PIN without it, instead of leaving them out
    #[arg(long)]
    pub without_pin: bool,
    /// What both formats take.
    #[command(flatten)]
    pub options: ImportOptions,
}

/// What both formats of `import` take.
#[derive(Debug, Args)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag that is typed or not"
)]
pub struct ImportOptions {
    /// Show what would be done, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Replace what people have enrolled here, unless it is the same
    #[arg(long)]
    pub replace: bool,
    /// For how long scratch codes go on opening doors: 1h to 365d
    #[arg(long, value_name = "SPAN", default_value = "30d")]
    pub scratch_codes_expire: Validity<365>,
    /// Accept the list without being asked
    #[arg(long)]
    pub yes: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `unlock`
#[derive(Debug, Args)]
#[command(
    after_help = "Without an option, what `lock` closed is open again, wrong codes are forgotten, and what waits since the store \
                        was restored opens the door again."
)]
pub struct Unlock {
    /// Whom to unlock
    pub user: String,
    /// Take back what was noted while the clock ran ahead; set the clock right first
    #[arg(long, conflicts_with = "fresh_state")]
    pub clock: bool,
    /// Begin the record of past logins anew; all backup codes and the codes of this minute count as used
    #[arg(long)]
    pub fresh_state: bool,
}

/// `config`
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print the configuration in effect, every key written, as a file that could be used
    Show {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Say whether the configuration is good, or what is wrong in which line
    ///
    /// What is an error denies everybody. What is a warning (a rule that can never match, a name that nobody has) does not,
    /// but the exit status is 1 all the same.
    Check {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Say which rule holds for a login, and what happens then; needs root
    Explain(Explain),
}

/// `config explain`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  nightlatch config explain alice --service sshd --rhost 192.0.2.7"
)]
pub struct Explain {
    /// Whose login; where the service asks for the invoker's code, the invoker
    pub user: String,
    /// The PAM service, named like its file in /etc/pam.d
    #[arg(long, value_name = "NAME", value_parser = service)]
    pub service: ServiceName,
    /// The remote host as the service gives it: an address, or a name
    #[arg(long, value_name = "HOST")]
    pub rhost: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `doctor`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 nothing is wrong (notes at most), 1 something is, 2 wrong usage.\n\n\
                  Example:\n  nightlatch doctor --simulate alice --service sshd --rhost 192.0.2.7"
)]
pub struct Doctor {
    /// Tell what a login of this person would meet, instead
    #[arg(long, value_name = "USER", requires = "service")]
    pub simulate: Option<String>,
    /// With --simulate: the PAM service, named like its file in /etc/pam.d
    #[arg(long, value_name = "NAME", value_parser = service, requires = "simulate")]
    pub service: Option<ServiceName>,
    /// With --simulate: the remote host as the service gives it, an address or a name
    #[arg(long, value_name = "HOST", requires = "simulate")]
    pub rhost: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// A kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TokenKind {
    /// Codes that change with time (RFC 6238)
    Totp,
    /// Codes that change with each press of a button (RFC 4226)
    Hotp,
}

/// A hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Algorithm {
    /// What every app can do.
    #[value(name = "SHA1")]
    Sha1,
    /// Not every app.
    #[value(name = "SHA256")]
    Sha256,
    /// Not every app.
    #[value(name = "SHA512")]
    Sha512,
}

impl From<Algorithm> for token::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1,
            Algorithm::Sha256 => Self::Sha256,
            Algorithm::Sha512 => Self::Sha512,
        }
    }
}

/// How to show the QR code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum QrForm {
    /// In half blocks.
    Utf8,
    /// In pairs of number signs; twice as large.
    Ascii,
    /// In the file of --output alone.
    Svg,
    /// Not at all; the key is shown in text.
    None,
}

fn service(text: &str) -> Result<ServiceName, BadName> {
    text.to_owned().try_into()
}

fn digits(text: &str) -> Result<Digits, BadTokenValue> {
    text.parse::<u64>()
        .map_err(|_| BadTokenValue::Digits)?
        .try_into()
}

fn counter(text: &str) -> Result<Counter, BadTokenValue> {
    text.parse::<u64>()
        .map_err(|_| BadTokenValue::Counter)?
        .try_into()
}

/// A place as people write it, an address, or as it is kept.
fn place(text: &str) -> Result<Place, BadPlace> {
    match Place::of_address(text) {
        Place::Elsewhere => Place::parse(text),
        address => Ok(address),
    }
}

fn period(text: &str) -> Result<Period, BadTokenValue> {
    text.parse::<u64>()
        .map_err(|_| BadTokenValue::Period)?
        .try_into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_put_together_well() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_out_of_range_are_wrong_usage() {
        for wrong in [
            ["--digits", "9"],
            ["--digits", "six"],
            ["--period", "14"],
            ["--label", ""],
            ["--token", "sms"],
            ["--counter", "-1"],
            ["--counter", "9223372036854775808"],
            ["--algorithm", "MD5"],
        ] {
            let typed = ["nightlatch", "enroll", "alice"].into_iter().chain(wrong);
            assert_eq!(
                Cli::try_parse_from(typed).unwrap_err().exit_code(),
                2,
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_place_is_an_address_or_what_is_kept() {
        for (text, kept) in [
            ("192.0.2.7", "address:192.0.2.7"),
            ("2001:db8::1", "address:2001:db8::/64"),
            ("address:192.0.2.7", "address:192.0.2.7"),
            ("local:1000", "local:1000"),
        ] {
            assert_eq!(place(text).unwrap().to_string(), kept);
        }
        assert!(place("host.example").is_err());
    }

    #[test]
    fn a_hash_may_be_typed_in_lower_case() {
        let typed = ["nightlatch", "enroll", "--algorithm", "sha256"];
        let Command::Enroll(enroll) = Cli::try_parse_from(typed).unwrap().command else {
            panic!("another command");
        };
        assert_eq!(enroll.algorithm, Some(Algorithm::Sha256));
    }
}
