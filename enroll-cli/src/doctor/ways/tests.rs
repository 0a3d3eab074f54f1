//! Ways through stacks, by hand. At random, beside libpam itself: tests/tests/doctor/libpam.rs.

use std::fs;

use super::*;
use crate::pam_files::{Kind, PamFiles};

fn ways(files: &[(&str, &str)], before: Before) -> Ways {
    let host = tempfile::tempdir().unwrap();
    let dir = host.path().join("etc/pam.d");
    fs::create_dir_all(&dir).unwrap();
    for (name, text) in files {
        fs::write(dir.join(name), text).unwrap();
    }
    let stack = PamFiles::below(host.path())
        .stack(files[0].0, Kind::Auth)
        .unwrap();
    Ways::of(&stack, before)
}

fn door(text: &str) -> Ways {
    ways(&[("door", text)], Before::Nothing)
}

const COMMON_AUTH: (&str, &str) = (
    "common-auth",
    "auth [success=1 default=ignore] pam_unix.so nullok\n\
     auth requisite pam_deny.so\n\
     auth required pam_permit.so\n\
     auth optional pam_cap.so\n",
);

const PASSWORD_AUTH: (&str, &str) = (
    "password-auth",
    "auth required pam_env.so\n\
     auth required pam_faildelay.so delay=2000000\n\
     auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\n\
     auth [default=1 ignore=ignore success=ok] pam_localuser.so\n\
     auth sufficient pam_unix.so nullok\n\
     auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\n\
     auth sufficient pam_sss.so forward_pass\n\
     auth required pam_deny.so\n",
);

fn opens_with(ways: &Ways, code: Code) -> Option<LeansOn> {
    let end = ways.find(|end| end.opens && end.code == code)?;
    Some(end.leans_on)
}

#[test]
fn behind_debians_password_the_code_is_needed_and_enough() {
    let ways = ways(
        &[
            (
                "door",
                "@include common-auth\nauth required pam_nightlatch.so\n",
            ),
            COMMON_AUTH,
        ],
        Before::Nothing,
    );
    for (code, opens) in [
        (Code::NotRun, None),
        (Code::Broken, None),
        (Code::Refused, None),
        (Code::Exempt, Some(LeansOn::Nothing)),
        (Code::Accepted, Some(LeansOn::Nothing)),
    ] {
        assert_eq!(opens_with(&ways, code), opens, "{code:?}");
    }
    assert!(!ways.opens(|end| !end.proved));
    assert_eq!(
        (
            ways.again.len(),
            ways.before_proof.len(),
            ways.without_proof.len()
        ),
        (0, 0, 0)
    );
}

#[test]
fn a_sufficient_password_that_is_included_leaves_the_code_out_and_in_a_substack_does_not() {
    let included = "auth include password-auth\nauth required pam_nightlatch.so\n".to_owned();
    let substack = included.replace("include", "substack");
    let of = |text: &str| ways(&[("door", text), PASSWORD_AUTH], Before::Nothing);
    // A condition is taken on the way where it holds, and nothing hangs on it.
    assert_eq!(
        opens_with(&of(&included), Code::NotRun),
        Some(LeansOn::Nothing)
    );
    assert_eq!(opens_with(&of(&substack), Code::NotRun), None);
    assert_eq!(
        opens_with(&of(&substack), Code::Accepted),
        Some(LeansOn::Nothing)
    );
}

#[test]
fn control_values_that_forgive_are_found() {
    let behind = |control: &str| {
        door(&format!(
            "auth requisite pam_unix.so\nauth {control} pam_nightlatch.so\n"
        ))
    };
    assert!(opens_with(&behind("optional"), Code::Refused).is_some());
    assert!(opens_with(&behind("sufficient"), Code::Refused).is_some());
    let disk = behind("[success=ok authinfo_unavail=ignore ignore=ignore default=bad]");
    assert_eq!(opens_with(&disk, Code::Refused), None);
    assert!(opens_with(&disk, Code::Broken).is_some());
    assert_eq!(opens_with(&behind("required"), Code::Broken), None);
    assert_eq!(opens_with(&behind("requisite"), Code::Refused), None);
}

#[test]
fn sufficient_alone_with_a_refusal_behind_it_is_no_hole() {
    let ways = door("auth sufficient pam_nightlatch.so\nauth required pam_deny.so\n");
    assert_eq!(opens_with(&ways, Code::Refused), None);
    assert!(opens_with(&ways, Code::Accepted).is_some());
    // Whoever is exempt has nothing left that lets them in.
    assert_eq!(opens_with(&ways, Code::Exempt), None);
    let ways = door("auth sufficient pam_nightlatch.so skip=success\nauth required pam_unix.so\n");
    assert!(ways.opens(|end| end.code == Code::Exempt && !end.proved));
    assert_eq!(ways.before_proof, [0]);
}

#[test]
fn a_stack_in_which_everything_was_ignored_does_not_open() {
    let ways = door("auth required pam_nightlatch.so\n");
    assert_eq!(opens_with(&ways, Code::Exempt), None);
    let ways = door("auth required pam_nightlatch.so skip=success\n");
    assert!(ways.opens(|end| end.code == Code::Exempt && !end.proved));
}

#[test]
fn root_and_conditions_are_told_apart_from_holes() {
    let ways_of = |first: &str| {
        ways(
            &[
                (
                    "door",
                    &format!("{first}\n@include common-auth\nauth required pam_nightlatch.so\n"),
                ),
                COMMON_AUTH,
            ],
            Before::Nothing,
        )
    };
    assert_eq!(
        opens_with(&ways_of("auth sufficient pam_rootok.so"), Code::NotRun),
        Some(LeansOn::Root)
    );
    assert_eq!(
        opens_with(&ways_of("auth sufficient pam_wheel.so trust"), Code::NotRun),
        Some(LeansOn::Condition(0))
    );
    let jumped = door(
        "auth requisite pam_unix.so\n\
         auth [success=1 default=ignore] pam_succeed_if.so user ingroup nocode\n\
         auth required pam_nightlatch.so\n",
    );
    assert_eq!(
        opens_with(&jumped, Code::NotRun),
        Some(LeansOn::Condition(1))
    );
    assert_eq!(
        opens_with(
            &door("auth sufficient pam_unix.so\nauth required pam_nightlatch.so\n"),
            Code::NotRun
        ),
        Some(LeansOn::Nothing)
    );
}

#[test]
fn where_the_line_stands_is_seen() {
    let first = door("auth required pam_nightlatch.so\nauth required pam_unix.so\n");
    assert_eq!(first.before_proof, [0]);
    let twice = door(
        "auth requisite pam_unix.so\nauth required pam_nightlatch.so\nauth required pam_nightlatch.so\n",
    );
    assert_eq!(twice.again, [2]);
    let goes_on = door("auth required pam_unix.so\nauth required pam_nightlatch.so\n");
    assert_eq!(goes_on.after_failed_proof, [1]);
    let behind_key = ways(
        &[("door", "auth required pam_nightlatch.so\n")],
        Before::Proof,
    );
    assert!(behind_key.without_proof.is_empty());
    assert!(behind_key.opens(|end| end.code == Code::Accepted && end.proved));
}

#[test]
fn a_line_that_fails_whatever_comes_lets_nobody_in() {
    for text in [
        "auth required pam_unix.so\nauth requird pam_nightlatch.so\n",
        "auth requisite pam_deny.so\nauth required pam_nightlatch.so\n",
        "auth include not-there\nauth required pam_nightlatch.so\n",
        // A jump over the end.
        "auth [success=3 default=die] pam_unix.so\nauth required pam_nightlatch.so\n",
    ] {
        assert!(!door(text).opens(|_| true), "{text}");
    }
}

#[test]
fn a_reset_forgets_what_failed() {
    let ways = door(
        "auth required pam_nightlatch.so\nauth [success=reset default=reset] pam_warn.so\nauth required pam_permit.so\n",
    );
    assert!(opens_with(&ways, Code::Refused).is_some());
}

#[test]
fn a_jump_counts_a_substack_as_one_line() {
    let ways = ways(
        &[
            (
                "door",
                "auth [success=1 default=die] pam_unix.so\n\
                 auth substack inner\n\
                 auth required pam_permit.so\n",
            ),
            (
                "inner",
                "auth required pam_permit.so\nauth required pam_nightlatch.so\n",
            ),
        ],
        Before::Nothing,
    );
    assert_eq!(opens_with(&ways, Code::NotRun), Some(LeansOn::Nothing));
    assert_eq!(opens_with(&ways, Code::Accepted), None);
}

#[test]
fn what_is_ignored_and_counts_all_the_same_is_no_success() {
    let ways = door(
        "auth [success=ok ignore=ok default=die] pam_nightlatch.so\nauth required pam_permit.so\n",
    );
    assert_eq!(opens_with(&ways, Code::Exempt), None);
    assert_eq!(opens_with(&ways, Code::Accepted), Some(LeansOn::Nothing));
}
