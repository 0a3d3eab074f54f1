//! Where the lines go in Debian's files, in Fedora's, and in files that somebody edited.

use std::fs;

use super::*;
use crate::setup::block::put_in;

const COMMON_AUTH: &str = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\n\
                           auth required pam_permit.so\nauth optional pam_cap.so\n";
const COMMON_ACCOUNT: &str = "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n\
                              account requisite pam_deny.so\naccount required pam_permit.so\n";
const PASSWORD_AUTH: &str = "auth required pam_env.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n\
                             account required pam_unix.so\naccount sufficient pam_localuser.so\naccount required pam_permit.so\n";

/// The file of the service `door` with the lines in it, ours shortened to `>`.
fn placed(door: &str, placement: Placement) -> Result<(String, Vec<String>), NotPlaced> {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("etc/pam.d");
    fs::create_dir_all(&dir).unwrap();
    for (name, text) in [
        ("common-auth", COMMON_AUTH),
        ("common-account", COMMON_ACCOUNT),
        ("common-session", "session required pam_unix.so\n"),
        ("password-auth", PASSWORD_AUTH),
        (
            "all",
            "auth required pam_unix.so\naccount required pam_unix.so\n",
        ),
        ("door", door),
    ] {
        fs::write(dir.join(name), text).unwrap();
    }
    let files = PamFiles::below(root.path());
    let file = files.find("door").unwrap().unwrap();
    let placed = place(&files, &file, placement, &Arguments::default())?;
    let text = put_in(file.lines(), &placed.blocks, "door");
    let lines = String::from_utf8(text).unwrap();
    let kept = lines.lines().filter_map(|line| {
        let ours = line
            .contains("nightlatch.so")
            .then(|| format!("> {}", line.split(' ').next().unwrap()));
        let is_mark = line.starts_with("# BEGIN") || line.starts_with("# END");
        (!is_mark).then(|| ours.unwrap_or_else(|| line.to_owned()))
    });
    Ok((kept.collect::<Vec<_>>().join("\n"), placed.notes))
}

fn after_password(door: &str) -> String {
    placed(door, Placement::AfterPassword).unwrap().0
}

fn refused(door: &str, placement: Placement) -> String {
    placed(door, placement).unwrap_err().to_string()
}

#[test]
fn debians_files_get_one_block_behind_what_they_include() {
    for (door, expected) in [
        (
            "@include common-auth\n@include common-account\n@include common-session\n",
            "@include common-auth\n@include common-account\n> auth\n> account\n@include common-session",
        ),
        (
            "@include common-auth\n# x\naccount required pam_nologin.so\n@include common-account\n\n# y\n",
            "@include common-auth\n# x\naccount required pam_nologin.so\n@include common-account\n> auth\n> account\n\n# y",
        ),
        // As login has it.
        (
            "@include common-auth\nauth optional pam_group.so\n@include common-account",
            "@include common-auth\nauth optional pam_group.so\n@include common-account\n> auth\n> account",
        ),
        (
            "auth include all\naccount include all\n",
            "auth include all\naccount include all\n> auth\n> account",
        ),
    ] {
        assert_eq!(after_password(door), expected);
    }
}

#[test]
fn where_something_between_may_end_the_stack_there_are_two_blocks() {
    assert_eq!(
        after_password("@include common-auth\nauth sufficient pam_x.so\n@include common-account\n"),
        "@include common-auth\n> auth\nauth sufficient pam_x.so\n@include common-account\n> account"
    );
}

#[test]
fn a_jump_lands_on_our_line_and_never_behind_it() {
    assert_eq!(
        after_password(
            "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\naccount required pam_unix.so\n"
        ),
        "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\naccount required pam_unix.so\n> auth\n> account"
    );
    assert_eq!(
        after_password(
            "auth [success=2 default=ignore] pam_unix.so\nauth [success=1 default=ignore] pam_sss.so\nauth requisite pam_deny.so\nauth sufficient pam_x.so\naccount required pam_unix.so\n"
        ),
        "auth [success=2 default=ignore] pam_unix.so\nauth [success=1 default=ignore] pam_sss.so\nauth requisite pam_deny.so\n> auth\nauth sufficient pam_x.so\naccount required pam_unix.so\n> account"
    );
}

#[test]
fn behind_a_password_that_is_sufficient_nobody_would_be_asked_so_it_is_refused() {
    let said = refused(
        "auth include password-auth\naccount include password-auth\n",
        Placement::AfterPassword,
    );
    assert!(
        said.contains("password-auth:2 ends the stack") && said.contains("substack"),
        "{said}"
    );
}

#[test]
fn in_a_substack_it_ends_only_that_and_accounts_that_may_end_come_behind() {
    assert_eq!(
        after_password(
            "auth substack password-auth\nauth include common-auth\naccount include password-auth\n"
        ),
        "auth substack password-auth\nauth include common-auth\n> auth\n> account\naccount include password-auth"
    );
}

#[test]
fn whoever_gets_in_before_the_password_is_named_but_root() {
    let notes = |door: &str| placed(door, Placement::AfterPassword).unwrap().1;
    assert!(
        notes("auth sufficient pam_rootok.so\n@include common-auth\n@include common-account\n")
            .is_empty()
    );
    let told = notes(
        "auth sufficient pam_u2f.so\n@include common-auth\nauth required pam_google_authenticator.so\n@include common-account\n",
    );
    assert!(
        told[0].contains("door:1: whoever pam_u2f.so lets in"),
        "{told:?}"
    );
    assert!(told[1].contains("door:3 asks for a code too"), "{told:?}");
}

#[test]
fn instead_of_the_password_its_line_is_switched_off() {
    for placement in [Placement::AfterKey, Placement::Instead] {
        let (text, _) = placed(
            "# x\n\n@include common-auth\naccount required pam_nologin.so\n@include common-account\n",
            placement,
        )
        .unwrap();
        assert_eq!(
            text,
            "# x\n\n# was: @include common-auth\n> auth\naccount required pam_nologin.so\n@include common-account\n> account"
        );
    }
}

#[test]
fn a_password_that_cannot_be_told_from_the_rest_is_left_to_people() {
    for (door, why) in [
        (
            "@include all\n@include common-account\n",
            "includes lines for account too",
        ),
        (
            "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n@include common-account\n",
            "belongs together",
        ),
        (
            "auth required pam_unix.so\nauth required pam_sss.so\n@include common-account\n",
            "more than one line",
        ),
        (
            "auth required pam_rootok.so\n@include common-account\n",
            "no line asks for a password",
        ),
    ] {
        let said = refused(door, Placement::Instead);
        assert!(said.contains(why) && said.contains("by hand"), "{said}");
    }
}

#[test]
fn what_is_there_already_stays_and_what_cannot_be_read_is_refused() {
    for (door, why) in [
        (
            "auth required pam_nightlatch.so\n",
            "stands there already, in /etc/pam.d/door:1",
        ),
        (
            "# BEGIN nightlatch setup\n# END nightlatch setup\n",
            "has our lines already",
        ),
        ("@include common-auth\r\n", "CR LF"),
        ("@include common-auth \\\n", "goes on"),
        ("@include common-auth\n", "no line for account"),
    ] {
        let said = refused(door, Placement::AfterPassword);
        assert!(said.contains(why), "{door:?}: {said}");
    }
}
