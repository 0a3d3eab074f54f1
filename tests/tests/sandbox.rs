//! The machine that the other tests run in: private, and a real one all the same.

use std::fs;
use std::path::Path;

use nightlatch_tests::{Background, Stack, Terminal, inside, sandboxed};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

#[test]
fn nothing_outside_the_sandbox_changes() {
    let before = fs::read("/etc/passwd").expect("a passwd file");
    sandboxed(|world| {
        world.user("alice");
        fs::write("/var/lib/nightlatch-was-here", "").expect("an overlay");
        assert!(
            fs::read_to_string("/etc/passwd")
                .unwrap()
                .contains("alice:")
        );
    });
    if !inside() {
        assert_eq!(fs::read("/etc/passwd").expect("a passwd file"), before);
        assert!(!Path::new("/var/lib/nightlatch-was-here").exists());
    }
}

#[test]
fn what_is_logged_is_seen() {
    sandboxed(|world| {
        let mut logger = Terminal::run("logger", &["-p", "authpriv.info", "-t", "porter", "hello"]);
        assert!(logger.ended().success());
        let line = world.log().says(&["porter", "hello"]);
        assert_eq!(line.priority, 10 * 8 + 6);
    });
}

#[test]
fn what_was_logged_last_is_seen_before_it_is_said_that_nothing_was() {
    sandboxed(|world| {
        fs::write("/run/lines", "a line\n".repeat(2000)).unwrap();
        let log = world.log().from_now();
        let mut logger = Terminal::run("logger", &["-t", "porter", "-f", "/run/lines"]);
        assert!(logger.ended().success());
        assert_eq!(log.with("porter: a line").len(), 2000);
        let later = log.from_now();
        assert_eq!(later.lines(), []);
        later.never_says("porter");
    });
}

#[test]
fn a_password_alone_lets_in_where_no_code_is_asked_for() {
    sandboxed(|world| {
        let alice = world.user("alice");
        let lines = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n";
        world.host_stack("sshd", Stack::Lines(lines));
        let mut session = alice.ssh().is_let_in();
        assert!(session.runs("id -un").contains("alice"));
        alice.ssh_with_password("wrong").is_turned_away();
    });
}

#[test]
fn ctrl_c_reaches_the_program_on_a_terminal() {
    sandboxed(|_| {
        let mut terminal = Terminal::run("cat", &[""; 0]);
        terminal.type_line("hello");
        for _ in ["the terminal's echo", "the program's"] {
            terminal.expect("hello");
        }
        terminal.type_keys("\x03");
        assert!(!terminal.ended().success());
        terminal.is_left_sane();
    });
}

#[test]
fn a_qr_code_is_read_off_the_screen_as_a_camera_sees_it() {
    sandboxed(|_| {
        let code = QrCode::new("otpauth://totp/a").unwrap();
        // Ink for what is dark: right on a light terminal, upside down on a dark one.
        let picture = code.render::<Dense1x2>().build();
        let mut terminal = Terminal::run("printf", &["%s", &picture.replace('\n', "\r\n")]);
        assert!(terminal.ended().success());
        let screen = terminal.screen();
        let read = screen.qr_code(Background::Light);
        assert_eq!(
            read.as_deref(),
            Some("otpauth://totp/a"),
            "{}",
            screen.text()
        );
        assert_eq!(screen.qr_code(Background::Dark), None);
    });
}
