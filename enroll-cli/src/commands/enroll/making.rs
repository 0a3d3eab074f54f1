//! What is enrolled, as long as it is nowhere but in memory: a token, and backup codes where an enrollment begins.

use anyhow::anyhow;
use nightlatch_core::account::Account;
use nightlatch_core::backup_codes::{BackupCode, BackupCodes, Cost};
use nightlatch_core::id::Id;
use nightlatch_core::token::{Counter, Kind, Secret, Token, otpauth_uri};
use zeroize::Zeroizing;

use crate::app::App;
use crate::ask::Asker;
use crate::cli::{self, TokenKind};
use crate::given_secret::{self, FromFile};
use crate::screen::Screen;

/// A token that is not kept yet.
pub struct New {
    /// The token.
    pub token: Token,
    /// Where its secret comes from.
    pub origin: Origin,
    /// What gives it to an authenticator.
    pub uri: Zeroizing<String>,
}

/// Where a secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is new, and has to get into an authenticator.
    Made,
    /// The authenticator has it already.
    Given,
}

impl New {
    /// Makes the token that was asked for, with a secret that was given or a new one.
    pub fn make(
        app: &App,
        arguments: &cli::Enroll,
        account: &Account,
        given: Option<Secret>,
    ) -> anyhow::Result<Self> {
        let defaults = &app.config.token;
        let algorithm = arguments.algorithm.map_or(defaults.algorithm, Into::into);
        let (secret, origin) = match given {
            Some(secret) => (secret, Origin::Given),
            None => (Secret::generate(algorithm)?, Origin::Made),
        };
        let token = Token {
            id: Id::new()?,
            label: arguments.label(),
            kind: match arguments.token {
                TokenKind::Totp => Kind::Totp {
                    period: arguments.period.unwrap_or(defaults.period),
                },
                TokenKind::Hotp => Kind::Hotp {
                    counter: arguments.counter.unwrap_or(Counter::ZERO),
                },
            },
            secret,
            algorithm,
            digits: arguments.digits.unwrap_or(defaults.digits),
        };
        let issuer = defaults.issuer_or_host();
        let uri = otpauth_uri(&token, &issuer, account.name.as_str());
        Ok(Self { token, origin, uri })
    }
}

/// The secret that was given, if one was. `from_file` is what was in the file that was named.
pub fn given_secret(
    arguments: &cli::Enroll,
    from_file: Option<FromFile>,
    screen: &Screen,
    asker: &mut Asker<'_>,
) -> anyhow::Result<Option<Secret>> {
    if let Some(FromFile { secret, warning }) = from_file {
        if let Some(warning) = warning {
            screen.say(&warning)?;
        }
        return Ok(Some(secret));
    }
    Ok(if arguments.ask_secret {
        Some(given_secret::asked_for(asker, screen)?)
    } else if arguments.secret_file.is_some() {
        Some(given_secret::from_standard_input(asker)?)
    } else {
        None
    })
}

/// Backup codes, as many as configured.
pub fn backup_codes(app: &App) -> anyhow::Result<(BackupCodes, Vec<BackupCode>)> {
    BackupCodes::make(app.config.backup_codes.count, Cost::DEFAULT).map_err(|error| anyhow!(error))
}
