//! PAM items of any bytes and any length: an event stays one line of the log, out of which the values come back, nothing of them
//! is said to anybody, and the host is none the worse for it.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

use nightlatch_tests::{Code, Outcome, Stack, Tries, World, sandboxed};

#[test]
fn no_item_forges_a_line_of_the_log_or_reaches_anybodys_terminal() {
    sandboxed(|world| {
        believes_addresses(world);
        let alice = world.passing_user("alice").enrolled();
        for item in ["rhost", "ruser", "tty", "user-prompt"] {
            for text in hostile() {
                let log = world.log().from_now();
                let outcome = alice.tries().item(item, &text).always_answers(WRONG).run();
                is_refused_quietly(&outcome, item, &text);
                let events = log.events();
                assert_eq!(events.len(), 3, "{item} {:?}", text.escape_ascii());
                for event in events {
                    assert_eq!(event.value("event"), Some("rejected"));
                    assert_eq!(event.value("user"), Some("alice"));
                    assert_eq!(event.value("service"), Some("door"));
                    let rhost = (item == "rhost" && !text.is_empty()).then(|| written(&text));
                    assert_eq!(event.value("rhost"), rhost.as_deref());
                }
            }
        }
    });
}

#[test]
fn no_name_of_a_service_forges_a_line_of_the_log() {
    sandboxed(|world| {
        // libpam has no file for such a service.
        world.stack("other", Stack::CodeOnly("debug"));
        let alice = world.passing_user("alice").enrolled();
        for text in hostile().into_iter().filter(|text| !text.is_empty()) {
            let log = world.log().from_now();
            let tries = alice.tries().item("service", &text);
            let outcome = tries.always_answers(WRONG).run();
            is_refused_quietly(&outcome, "service", &text);
            let events = log.events();
            assert_eq!(events.len(), 4, "{:?}", text.escape_ascii());
            for event in events {
                assert_eq!(event.value("user"), Some("alice"));
                assert_eq!(event.value("service"), Some(&*written(&text)));
            }
        }
    });
}

#[test]
fn no_name_that_is_typed_is_in_the_log_or_shown() {
    sandboxed(|world| {
        world.passing_user("alice").enrolled();
        for text in hostile() {
            let log = world.log().from_now();
            let tries = world.tries_of("alice").item("user", &text);
            let outcome = tries.always_answers("123456").run();
            is_refused_quietly(&outcome, "user", &text);
            for event in log.events() {
                assert_eq!(event.value("user"), Some(""), "it may be a password");
            }
        }
    });
}

#[test]
fn a_name_that_libpam_asks_for_is_one_like_any() {
    sandboxed(|world| {
        let alice = world.passing_user("alice").enrolled();
        let unnamed = || world.tries_of("alice").without_item("user");
        let asking = unnamed().item("user-prompt", "who? ");
        let code = alice.phone().code();
        let outcome = asking.answers(["alice", &code]).run();
        outcome
            .gives(Code::Success)
            .asking(2)
            .leaves_the_host_alone();
        assert_eq!(outcome.only().questions(), ["who? ", "Verification code: "]);
        for name in hostile().into_iter().chain([vec![b'a'; 1 << 20]]) {
            // The same answer is the name, and then no code.
            let outcome = unnamed().always_answers(&name).run();
            outcome
                .gives(Code::AuthErr)
                .asking(4)
                .leaves_the_host_alone();
        }
        // Nobody is there to be asked.
        for kind in ["fail", "null-array", "null-answer", "none"] {
            let outcome = unnamed().conversation(kind).run();
            assert_ne!(outcome.only().code(), Code::Success);
            assert_ne!(outcome.only().code(), Code::Ignore);
            outcome.leaves_the_host_alone();
        }
        assert!(world.log().events().len() > 20);
    });
}

#[test]
fn items_of_64_kib_take_no_more_memory_than_a_login_may_and_leave_none_behind() {
    sandboxed(|world| {
        believes_addresses(world);
        let alice = world.passing_user("alice").enrolled();
        let long = vec![b'x'; 64 * 1024];
        let everything = |tries: Tries| {
            let items = ["rhost", "ruser", "tty", "user-prompt"];
            items
                .iter()
                .fold(tries, |tries, item| tries.item(item, &long))
        };
        let outcome = everything(alice.tries())
            .always_answers(WRONG)
            .times(200)
            .run();
        outcome
            .gives(Code::SystemErr)
            .asking(3)
            .leaves_the_host_alone();
        assert_eq!(world.log().with("reason=not-a-code").len(), 600);
        let (first, last) = (outcome.memory[0], outcome.memory[1]);
        assert!(last.1 < first.1 + 16 * 1024, "{first:?} to {last:?}");
        // Of a mebibyte that the host has left.
        let little = everything(alice.tries())
            .with_room_for(1 << 20)
            .always_answers(WRONG);
        little.run().gives(Code::SystemErr).asking(3);
    });
}

/// Asserts that it was refused like everything, and that what was said does not hold what was given.
fn is_refused_quietly(outcome: &Outcome, item: &str, text: &[u8]) {
    outcome.asking(3).leaves_the_host_alone();
    let code = outcome.only().code();
    // Where there is no room for an item in the kernel's audit record, libpam has the last word, whatever the module says.
    let is_libpams = text.len() > AUDITED && code == Code::SystemErr;
    assert!(code == Code::AuthErr || is_libpams, "{item} {code:?}");
    for prompt in &outcome.only().prompts {
        let is_plain = |c: char| matches!(c, ' '..='~' | '\n');
        assert!(prompt.text.chars().all(is_plain), "{item} {prompt:?}");
        let is_usual = ["Verification code: ", "Not accepted."];
        let is_usual = is_usual.iter().any(|usual| prompt.text.starts_with(usual));
        assert!(is_usual, "{item} {:?}: {prompt:?}", text.escape_ascii());
    }
}

/// What docs/events.md says of a value.
fn written(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    match text.char_indices().nth(256) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into_owned(),
    }
}

/// Lets the driver's service say where somebody comes from, as sshd does.
fn believes_addresses(world: &World) {
    world.configure(
        "[login]\nrhost_from = [\"door\"]\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n",
    );
}

/// Texts that would do something to a log, a terminal or a parser. In small letters: libpam makes services of them.
fn hostile() -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> = [
        "",
        " ",
        "  x  ",
        "x\n<86>nov 24 02:30:00 sshd[1]: event=accepted user=\"root\"",
        "x\r\nevent=accepted",
        "x\" event=accepted user=\"root",
        "back\\slash\\",
        "\\\"",
        "\\u{41}",
        "a=b c=d",
        "=",
        "event=accepted",
        "%s%n%s%n%1000000d",
        "\t",
        "\u{1}\u{7}\u{8}\u{7f}",
        "\u{1b}[2j\u{1b}]0;title\u{7}\u{1b}p+q544e\u{1b}\\",
        "\u{9b}31m\u{9d}0;title\u{9c}\u{85}",
        "\u{202e}toor\u{2066}\u{2069}\u{200f}",
        "ro\u{200b}ot\u{feff}\u{ad}",
        "x\u{2028}event=accepted\u{2029}",
        "\u{1f600}\u{e0041}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    texts.extend([
        b"\xff\xfe".to_vec(),
        b"\xed\xa0\x80\xed\xb0\x80".to_vec(),
        b"x\xc3".to_vec(),
        b"\xc0\x80\xf8\x88\x80\x80\x80".to_vec(),
        vec![b'x'; 255],
        vec![b'x'; 256],
        vec![b'x'; 257],
        vec![b'x'; 64 * 1024],
        vec![b'\n'; 30 * 1024],
        vec![b'"'; 64 * 1024],
        vec![0xff; 30 * 1024],
        "\u{202e}".repeat(10 * 1024).into_bytes(),
        "\u{10ffff}".repeat(7 * 1024).into_bytes(),
    ]);
    texts
}

/// In bytes. The kernel takes 8970 for all that it is told of a login.
const AUDITED: usize = 4096;

/// No code's shape: nothing is charged for it.
const WRONG: &str = "not a code";
