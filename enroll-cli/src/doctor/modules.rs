//! What is known about the modules of others: what they do in a stack, and what they can return.
//!
//! A module that is not known may return anything and proves nothing.

use crate::pam_files::Returned;

/// What a module does in a stack for `auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Ours.
    Code,
    /// Another module that asks for one-time codes.
    OtherCode,
    /// Proves who somebody is: a password, a finger, a card.
    Factor,
    /// Lets root through.
    Root,
    /// Looks at who, where, when.
    Condition,
    /// Succeeds, whatever comes.
    Permit,
    /// Fails, whatever comes.
    Deny,
    /// Prepares something.
    Other,
}

/// What a module does, by its name without directory.
pub fn role(module: &str) -> Role {
    let name = module.rsplit('/').next().unwrap_or(module);
    let name = name.strip_suffix(".so").unwrap_or(name);
    match name {
        "pam_nightlatch" => Role::Code,
        "pam_permit" => Role::Permit,
        "pam_deny" => Role::Deny,
        "pam_rootok" => Role::Root,
        _ if OTHER_CODES.contains(&name) => Role::OtherCode,
        _ if FACTORS.contains(&name) => Role::Factor,
        _ if CONDITIONS.contains(&name) => Role::Condition,
        _ => Role::Other,
    }
}

/// What a module can return in `auth`, as far as it makes a difference; ours is told apart by those who ask.
pub fn returns(role: Role) -> &'static [Returned] {
    match role {
        Role::Permit => &[Returned::Success],
        Role::Deny => &[Returned::AuthErr],
        Role::Root | Role::Factor => PROOF,
        Role::Condition | Role::OtherCode | Role::Code => CHECK,
        Role::Other => ANYTHING,
    }
}

const PROOF: &[Returned] = &[
    Returned::Success,
    Returned::AuthErr,
    Returned::UserUnknown,
    Returned::AuthinfoUnavail,
];
const CHECK: &[Returned] = &[
    Returned::Success,
    Returned::AuthErr,
    Returned::PermDenied,
    Returned::Ignore,
];
const ANYTHING: &[Returned] = &[
    Returned::Success,
    Returned::Ignore,
    Returned::AuthErr,
    Returned::PermDenied,
    Returned::UserUnknown,
];

const OTHER_CODES: [&str; 6] = [
    "pam_google_authenticator",
    "pam_oath",
    "pam_otpw",
    "pam_duo",
    "pam_yubico",
    "pam_radius_auth",
];

const FACTORS: [&str; 17] = [
    "pam_unix",
    "pam_sss",
    "pam_ldap",
    "pam_krb5",
    "pam_winbind",
    "pam_systemd_home",
    "pam_fprintd",
    "pam_u2f",
    "pam_pkcs11",
    "pam_p11",
    "pam_ssh_agent_auth",
    "pam_userdb",
    "pam_mysql",
    "pam_pgsql",
    "pam_tcb",
    "pam_himmelblau",
    "pam_authd",
];

const CONDITIONS: [&str; 14] = [
    "pam_succeed_if",
    "pam_wheel",
    "pam_listfile",
    "pam_access",
    "pam_localuser",
    "pam_usertype",
    "pam_time",
    "pam_timestamp",
    "pam_exec",
    "pam_securetty",
    "pam_shells",
    "pam_rhosts",
    "pam_nologin",
    "pam_group_access",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_known_by_its_name_wherever_it_is() {
        assert_eq!(role("pam_nightlatch.so"), Role::Code);
        assert_eq!(role("/opt/lib/security/pam_unix.so"), Role::Factor);
        assert_eq!(role("pam_oath"), Role::OtherCode);
        assert_eq!(role("pam_faildelay.so"), Role::Other);
    }
}
