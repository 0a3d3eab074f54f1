//! Files by scp and sftp, where sshd asks for password and code.

use std::fs;
use std::path::Path;

use nightlatch_tests::{Page, sandboxed};

use crate::{README_SSHD, follow};

#[test]
fn scp_sends_a_file_after_password_and_code_and_none_after_a_wrong_code() {
    sandboxed(|world| {
        follow(world, Page::README, README_SSHD);
        let alice = world.user("alice").enrolled();
        let letter = Path::new("/run/letter");
        fs::write(letter, "dear alice\n").unwrap();
        let sent = alice.scp(letter, "kept").ends_after(&alice.phone().code());
        assert!(sent);
        let kept = fs::read_to_string(alice.home().join("kept")).unwrap();
        assert_eq!(kept, "dear alice\n");
        world.log().says(&["event=accepted", "user=\"alice\""]);
    });
}

#[test]
fn sftp_opens_after_password_and_code() {
    sandboxed(|world| {
        follow(world, Page::README, README_SSHD);
        let alice = world.user("alice").enrolled();
        fs::write(alice.home().join("letter"), "dear alice\n").unwrap();
        let mut session = alice.sftp().is_let_in_with(&alice.phone().code());
        let shown = session.runs("ls");
        assert!(shown.contains("letter"), "{shown}");
    });
}
