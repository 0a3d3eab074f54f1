//! Files as Debian and Fedora have them, and odd ones.

use std::fs;

use super::Returned::{AuthErr, Ignore, NewAuthtokReqd, Success, UserUnknown};
use super::lines::Rule;
use super::*;

struct Host {
    root: tempfile::TempDir,
}

impl Host {
    fn with(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self { root }
    }

    fn files(&self) -> PamFiles {
        PamFiles::below(self.root.path())
    }

    /// What a login runs through, one `MODULE@FILE:LINE` a step.
    fn stack(&self, service: &str, kind: Kind) -> Vec<String> {
        let stack = self.files().stack(service, kind).unwrap();
        let told = stack.steps.iter().map(|step| {
            let what = match &step.does {
                Does::Run { module, .. } => module.clone(),
                Does::Substack(name) => format!("substack {name}"),
                Does::Fail(why) => format!("fails: {why}"),
            };
            let name = step.file.file_name().unwrap().to_str().unwrap();
            format!("{}{what}@{name}:{}", "  ".repeat(step.depth), step.line)
        });
        told.collect()
    }
}

fn file(text: &str) -> PamFile {
    PamFile::parse("/etc/pam.d/door".into(), text.as_bytes())
}

fn rule(text: &str) -> Rule {
    match file(text).entries() {
        [
            Entry {
                said: Said::Rule(rule),
                ..
            },
        ] => rule.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_byte_is_kept() {
    for text in [
        "",
        "\n",
        "auth",
        "a\r\n\0\n# x",
        "auth required x.so \\\n  y",
    ] {
        assert_eq!(file(text).lines().concat(), text.as_bytes(), "{text:?}");
    }
    let odd = b"auth required \xff.so\n".to_vec();
    let file = PamFile::parse("/x".into(), &odd);
    assert_eq!(file.lines().concat(), odd);
}

#[test]
fn a_line_is_taken_apart_as_libpam_does() {
    let rule = rule(
        "  -AUTH\t[success=1 default=ignore] /lib/security/pam_unix.so a [b c\\]d] e=[f # g\n",
    );
    assert_eq!((rule.kind, rule.is_silent), (Kind::Auth, true));
    assert_eq!(rule.module.as_deref(), Some("/lib/security/pam_unix.so"));
    assert_eq!(rule.arguments, ["a", "b c]d", "e=[f"]);
    let actions = rule.actions().unwrap();
    assert_eq!(actions.on(Returned::Success), Action::Jump(1));
    assert_eq!(actions.on(Returned::AuthErr), Action::Ignore);
}

#[test]
fn a_line_goes_on_after_a_backslash_over_comments_and_empty_lines_and_not_after_a_comment() {
    let text = "auth required \\  \n# between\n\n pam_a.so x\nauth required pam_b.so # no \\\nauth required pam_c.so\n";
    let told: Vec<_> = file(text)
        .rules(Kind::Auth)
        .map(|(entry, rule)| (entry.lines.clone(), rule.module.clone().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            (1..=4, "pam_a.so".to_owned()),
            (5..=5, "pam_b.so".to_owned()),
            (6..=6, "pam_c.so".to_owned())
        ]
    );
    assert!(file(text).is_finished());
    assert!(!file("auth required pam_a.so \\\n").is_finished());
}

#[test]
fn a_carriage_return_is_part_of_the_word_before_it() {
    let rule = rule("auth required pam_unix.so\r\n");
    assert_eq!(rule.module.as_deref(), Some("pam_unix.so\r"));
}

#[test]
fn keywords_and_lists_mean_what_they_mean_to_libpam() {
    let on = |word: &str, returned| {
        let rule = rule(&format!("auth {word} x.so\n"));
        rule.actions().unwrap().on(returned)
    };
    for (word, returned, action) in [
        ("required", Success, Action::Ok),
        ("required", AuthErr, Action::Bad),
        ("REQUISITE", AuthErr, Action::Die),
        ("requisite", Ignore, Action::Ignore),
        ("sufficient", Success, Action::Done),
        ("sufficient", NewAuthtokReqd, Action::Done),
        ("optional", AuthErr, Action::Ignore),
        ("[required]", AuthErr, Action::Bad),
        ("[success=ok]", Success, Action::Ok),
        ("[success=ok]", AuthErr, Action::Bad),
        ("[ default = die success=done ]", AuthErr, Action::Die),
        ("[ default = die success=done ]", Success, Action::Done),
        (
            "[user_unknown=reset success=12]",
            UserUnknown,
            Action::Reset,
        ),
        ("[user_unknown=reset success=12]", Success, Action::Jump(12)),
        ("success=ok", Success, Action::Ok),
        // Not understood.
        ("[success=0]", Success, Action::Bad),
        ("[nonsense=ok]", Success, Action::Bad),
        ("[success ok]", Success, Action::Bad),
        ("mandatory", Success, Action::Bad),
    ] {
        assert_eq!(on(word, returned), action, "{word} {returned:?}");
    }
    assert!(
        !rule("auth mandatory x.so")
            .actions()
            .unwrap()
            .is_understood()
    );
    assert!(
        rule("auth [success=1] x.so")
            .actions()
            .unwrap()
            .is_understood()
    );
}

#[test]
fn a_stack_has_what_debian_includes_in_its_place() {
    let host = Host::with(&[
        (
            "etc/pam.d/common-auth",
            "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n",
        ),
        ("etc/pam.d/common-account", "account required pam_unix.so\n"),
        (
            "etc/pam.d/sudo",
            "session required pam_limits.so\n@include common-auth\n@include common-account\nauth required pam_cap.so\n",
        ),
        (
            "etc/pam.d/sudo-i",
            "auth include sudo\naccount include sudo\n",
        ),
    ]);
    let auth = [
        "pam_unix.so@common-auth:1",
        "pam_deny.so@common-auth:2",
        "pam_cap.so@sudo:4",
    ];
    assert_eq!(host.stack("sudo", Kind::Auth), auth);
    assert_eq!(host.stack("sudo-i", Kind::Auth), auth);
    assert_eq!(
        host.stack("sudo-i", Kind::Account),
        ["pam_unix.so@common-account:1"]
    );
}

#[test]
fn a_substack_is_marked_and_what_is_in_it_is_deeper() {
    let host = Host::with(&[
        (
            "etc/pam.d/sshd",
            "auth substack password-auth\nauth include postlogin\n",
        ),
        (
            "etc/pam.d/password-auth",
            "auth sufficient pam_unix.so\nauth required pam_deny.so\n",
        ),
        (
            "usr/lib/pam.d/postlogin",
            "session optional pam_lastlog.so\nauth optional pam_x.so\n",
        ),
    ]);
    assert_eq!(
        host.stack("sshd", Kind::Auth),
        [
            "substack password-auth@sshd:1",
            "  pam_unix.so@password-auth:1",
            "  pam_deny.so@password-auth:2",
            "pam_x.so@postlogin:2"
        ]
    );
}

#[test]
fn etc_comes_before_usr_and_a_path_is_taken_as_it_is() {
    let host = Host::with(&[
        ("usr/lib/pam.d/door", "auth required pam_vendor.so\n"),
        ("etc/pam.d/door", "auth include /srv/more\n"),
        ("srv/more", "auth required pam_more.so\n"),
        ("usr/lib/pam.d/gate", "auth required pam_gate.so\n"),
    ]);
    assert_eq!(host.stack("door", Kind::Auth), ["pam_more.so@more:1"]);
    assert_eq!(host.stack("gate", Kind::Auth), ["pam_gate.so@gate:1"]);
    assert_eq!(host.files().services().unwrap(), ["door", "gate"]);
}

#[test]
fn what_cannot_be_understood_fails_where_it_stands() {
    let host = Host::with(&[(
        "etc/pam.d/door",
        "auth\nauth required\nauthh required x.so\nauth include nothing\nauth include door\n@include\n",
    )]);
    let stack = host.stack("door", Kind::Auth);
    assert_eq!(
        stack[..4],
        [
            "fails: the line has no control value@door:1",
            "fails: the line has no module@door:2",
            "fails: authh is no type of line@door:3",
            "fails: there is no nothing to include@door:4",
        ]
    );
    assert!(stack.iter().any(|step| step.contains("included in itself")));
    assert!(
        stack
            .last()
            .unwrap()
            .contains("does not say what to include")
    );
    assert_eq!(
        host.stack("door", Kind::Session),
        ["fails: the line does not say what to include@door:6"]
    );
}

#[test]
fn where_a_service_says_nothing_other_does() {
    let host = Host::with(&[
        (
            "etc/pam.d/other",
            "auth required pam_deny.so\naccount required pam_deny.so\n",
        ),
        ("etc/pam.d/door", "auth required pam_unix.so\n"),
    ]);
    assert_eq!(host.stack("door", Kind::Account), ["pam_deny.so@other:2"]);
    assert_eq!(
        host.files().stack("door", Kind::Account).unwrap().of,
        "other"
    );
    assert_eq!(host.stack("nobody", Kind::Auth), ["pam_deny.so@other:1"]);
}

#[test]
fn a_directory_or_a_fifo_in_a_files_place_is_an_error() {
    let host = Host::with(&[("etc/pam.d/dir/x", "")]);
    nix::unistd::mkfifo(
        &host.root.path().join("etc/pam.d/fifo"),
        nix::sys::stat::Mode::S_IRUSR,
    )
    .unwrap();
    for name in ["dir", "fifo"] {
        let error = host.files().find(name).unwrap_err().to_string();
        assert!(
            error.contains(&format!("/etc/pam.d/{name}")) && error.contains("regular file"),
            "{error}"
        );
    }
}
