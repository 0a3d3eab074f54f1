//! Every way through the module under the real libpam, watched by AddressSanitizer and by valgrind: nothing is read or
//! written that is not the module's, no decision is made by bytes that nobody wrote, nothing leaks.
//!
//! That what they see ends the driver with an error, and that the driver said nothing else, is asserted with every run.

#![allow(
    clippy::unwrap_used,
    reason = "an assertion of a test, in a function that two tests share"
)]

use std::fs;

use nightlatch_tests::{Code, Outcome, Stack, Tries, Watcher, World, sandboxed};

#[test]
fn whatever_is_answered_address_sanitizer_sees_nothing() {
    sandboxed(|world| whatever_is_answered(world, Watcher::AddressSanitizer));
}

#[test]
fn whatever_is_answered_valgrind_sees_nothing() {
    sandboxed(|world| whatever_is_answered(world, Watcher::Valgrind));
}

#[test]
fn however_a_conversation_errs_address_sanitizer_sees_nothing() {
    sandboxed(|world| however_a_conversation_errs(world, Watcher::AddressSanitizer));
}

#[test]
fn however_a_conversation_errs_valgrind_sees_nothing() {
    sandboxed(|world| however_a_conversation_errs(world, Watcher::Valgrind));
}

#[test]
fn whatever_a_login_meets_address_sanitizer_sees_nothing() {
    sandboxed(|world| whatever_a_login_meets(world, Watcher::AddressSanitizer));
}

#[test]
fn whatever_a_login_meets_valgrind_sees_nothing() {
    sandboxed(|world| whatever_a_login_meets(world, Watcher::Valgrind));
}

#[test]
fn address_sanitizer_would_see_a_mistake_of_the_module() {
    sandboxed(|world| {
        let watcher = Watcher::AddressSanitizer;
        sees(world, watcher, "overread", "heap-buffer-overflow");
        sees(world, watcher, "use-after-free", "heap-use-after-free");
        sees(world, watcher, "leak", "detected memory leaks");
    });
}

#[test]
fn valgrind_would_see_a_mistake_of_the_module() {
    sandboxed(|world| {
        let watcher = Watcher::Valgrind;
        sees(world, watcher, "overread", "Invalid read of size 1");
        sees(world, watcher, "use-after-free", "Invalid read of size 1");
        sees(
            world,
            watcher,
            "uninitialised",
            "depends on uninitialised value",
        );
        sees(world, watcher, "leak", "definitely lost");
    });
}

fn whatever_is_answered(world: &World, watcher: Watcher) {
    world.install_modules_watched_by(watcher);
    answers(world, &|tries| run(tries, watcher));
}

fn however_a_conversation_errs(world: &World, watcher: Watcher) {
    world.install_modules_watched_by(watcher);
    conversations(world, &|tries| run(tries, watcher));
}

fn whatever_a_login_meets(world: &World, watcher: Watcher) {
    world.install_modules_watched_by(watcher);
    places(world, &|tries| run(tries, watcher));
    offers(world, &|tries| run(tries, watcher));
    rules(world, &|tries| run(tries, watcher));
    callers(world, watcher);
    refusals_of_the_host(world, &|tries| run(tries, watcher));
    damaged_records(world, &|tries| run(tries, watcher));
}

fn run(tries: Tries, watcher: Watcher) -> Outcome {
    let outcome = tries.watched_by(watcher).run();
    outcome.leaves_the_host_alone();
    outcome
}

/// Right and wrong, used and malformed, for people who are enrolled, are not, and do not exist.
fn answers(world: &World, run: &dyn Fn(Tries) -> Outcome) {
    world.configure("[throttle]\nfree_failures = 19\n");
    let alice = world.user("alice").enrolled();
    let bob = world.user("bob");
    let code = alice.phone().code();
    let backup = &alice.backup_codes()[0];
    let everything = ["auth", "acct", "setcred", "open", "close", "chauthtok"];
    run(alice.tries().answers([&code]).calling(&everything)).gives(Code::Success);
    run(alice.tries().always_answers(&code)).gives(Code::AuthErr);
    for words in ["try_first_pass", "use_first_pass forward_pass"] {
        let lines =
            format!("auth optional pam_unix.so nodelay\nauth required pam_nightlatch.so {words}\n");
        world.stack("passing", Stack::Lines(&lines));
        for field in [&b"pass000000"[..], b"", b"\xff\xfe", &[b'1'; 700]] {
            run(alice.tries().service("passing").always_answers(field)).gives(Code::AuthErr);
        }
    }
    world.stack("forwarding", Stack::CodeOnly("forward_pass"));
    for field in [&b"pass000000"[..], &[b'1'; 700]] {
        run(alice.tries().service("forwarding").always_answers(field)).gives(Code::AuthErr);
    }
    let field = format!("pass{}", alice.backup_codes()[4]);
    run(alice.tries().service("forwarding").answers([field])).gives(Code::Success);
    world.stack("handing", Stack::CodeOnly(""));
    for (user, code) in [
        ("alice", &alice.backup_codes()[2]),
        ("bob", &alice.backup_codes()[3]),
    ] {
        let handing = alice.tries().service("handing").then_as(user);
        run(handing
            .answers([code])
            .calling(&["auth", "acct", "acct", "auth"]))
        .gives(Code::Success);
    }
    run(alice.tries().answers([backup])).gives(Code::Success);
    run(alice.tries().always_answers(backup)).gives(Code::AuthErr);
    let lent = world
        .nightlatch(&["codes", "alice", "--temporary", "--json"])
        .succeeds();
    let lent = &lent.json()["temporary_code"];
    let lent = lent.as_str().unwrap();
    run(alice.tries().answers([lent])).gives(Code::Success);
    run(alice.tries().always_answers(lent)).gives(Code::AuthErr);
    run(alice.tries().answers(alice.phone().wrong_codes(3))).gives(Code::AuthErr);
    for malformed in [
        &b""[..],
        b" ",
        b"12345",
        b"\xff\xfe\x01",
        &[b'1'; 128],
        &[b'A'; 129],
        &[b'x'; 600],
    ] {
        run(alice.tries().always_answers(malformed)).gives(Code::AuthErr);
    }
    for tries in [bob.tries(), world.tries_of("nobody"), world.tries_of("")] {
        run(tries.always_answers(backup));
    }
    // Many in one process: what one leaves behind, the next would meet.
    let mixed = ["nonsense", &code, &alice.backup_codes()[1]];
    run(alice.tries().always_answers("nonsense").times(20)).gives(Code::AuthErr);
    run(alice.tries().answers(mixed)).gives(Code::Success);

    world.configure("[throttle]\nfree_failures = 1\n[enrollment]\nmode = \"optional\"\n");
    run(alice.tries().answers(alice.phone().wrong_codes(3))).gives(Code::AuthErr);
    run(alice.tries().always_answers(&code)).gives(Code::AuthErr);
    run(bob.tries()).gives(Code::PermDenied);
    run(bob.tries().service("forwarding").answers(["pass123456"])).gives(Code::PermDenied);
}

/// Applications that answer in ways that they should not, and those that say nothing.
fn conversations(world: &World, run: &dyn Fn(Tries) -> Outcome) {
    world.configure("[throttle]\nfree_failures = 19\n");
    let carol = world.user("carol").enrolled();
    for kind in ["fail", "null-array", "null-answer", "none"] {
        run(carol.tries().conversation(kind)).gives(Code::ConvErr);
    }
    let code = carol.phone().code();
    let erring = |kind: &str| carol.tries().conversation(kind).always_answers(&code);
    run(erring("answer-and-fail")).gives(Code::ConvErr);
    run(erring("answer-and-fail").without_item("user")).gives(Code::ConvErr);
    run(erring("none").without_item("user")).gives(Code::ConvErr);
    run(carol.tries().answers(["hangs up after this"])).gives(Code::ConvErr);
    for (index, kind) in ["answer-and-fail", "null-array", "answer-all"]
        .iter()
        .enumerate()
    {
        // There are wrong codes to tell of.
        let (wrong, right) = (carol.phone().wrong_code(), &carol.backup_codes()[5 + index]);
        let telling = carol.tries().conversation(kind).at_texts();
        run(telling.answers([&wrong, right])).gives(Code::Success);
    }
    let long = vec![b'\n'; 30_000];
    let items = ["rhost", "ruser", "tty", "user-prompt"];
    let tries = items
        .iter()
        .fold(carol.tries(), |tries, item| tries.item(item, &long));
    run(tries.always_answers("nonsense")).asking(3);
    run(carol.tries().silently().answers([carol.phone().code()])).gives(Code::Success);
    world.stack(
        "worded",
        Stack::CodeOnly("debug echo [prompt=Code \u{fc}: ]"),
    );
    let worded = carol.tries().service("worded");
    run(worded.answers([&carol.backup_codes()[0]])).gives(Code::Success);
    // The password was cached by the module before, and is what is answered.
    world.stack(
        "password",
        Stack::Lines("auth optional pam_unix.so nodelay\nauth required pam_nightlatch.so\n"),
    );
    let twice = carol.tries().service("password");
    run(twice.answers(["123456", "123456", "123456", "123456"])).gives(Code::AuthErr);
}

/// Failures at several places, which are compared with each other.
fn places(world: &World, run: &dyn Fn(Tries) -> Outcome) {
    world.configure(
        "[throttle]\nfree_failures = 19\n[login]\nrhost_from = [\"door\"]\nlocal = [\"within\"]\n\
         refusal_floor = \"0s\"\nfail_delay = \"0s\"\n",
    );
    world.stack("within", Stack::CodeOnly(""));
    let dora = world.user("dora").enrolled();
    let hosts = ["192.0.2.7", "2001:db8::1", "host.example", "198.51.100.9"];
    for (index, host) in hosts.iter().enumerate() {
        run(dora.tries().from(host).answers([dora.phone().wrong_code()])).gives(Code::ConvErr);
        let code = &dora.backup_codes()[index];
        run(dora.tries().from(host).answers([code])).gives(Code::Success);
    }
    let within = dora.tries().service("within");
    run(within.answers([dora.phone().wrong_code(), dora.phone().code()])).gives(Code::Success);
}

/// Rules, which ask the name service for groups and the kernel for the host's own addresses.
fn rules(world: &World, run: &dyn Fn(Tries) -> Outcome) {
    let conditions =
        "groups = [\"ops\", \"no-such-group\"]\nnetworks = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n";
    // More groups than there is room for at first.
    let olga = (0..20).fold(world.user("olga").in_group("ops"), |olga, number| {
        olga.in_group(&format!("group{number}"))
    });
    for (word, code) in [
        ("skip", Code::PermDenied),
        ("require", Code::AuthErr),
        ("deny", Code::AuthErr),
    ] {
        world.configure(&format!(
            "[login]\nrhost_from = [\"door\"]\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n\
             [[rule]]\n{conditions}second_factor = \"{word}\"\n"
        ));
        for host in ["192.0.2.7", "2001:db8::1"] {
            run(olga.tries().from(host).always_answers("123456")).gives(code);
        }
        run(olga.tries().from("host.example").always_answers("123456")).gives(Code::AuthErr);
        run(world.tries_of("nobody").always_answers("123456")).gives(Code::AuthErr);
    }
    world.groups_are_in_a_directory_that_is_away();
    let down = olga.tries().knowing_a_name_service_that_is_down();
    run(down.always_answers("123456")).gives(Code::AuthErr);
    world.configure("[enrollment]\ndeadline = 9999-12-31\n");
    run(olga.tries()).gives(Code::PermDenied);
}

/// An application that runs for somebody else, as su does: the shield changes credentials.
fn callers(world: &World, watcher: Watcher) {
    let erin = world.user("erin").enrolled();
    let mallory = world.user("mallory");
    erin.tries()
        .answers([erin.phone().wrong_code(), erin.phone().code()])
        .called_by(&mallory)
        .watched_by(watcher)
        .run()
        .gives(Code::Success)
        .leaves_the_host_alone();
    // And for one that is not root at all.
    let outcome = erin.tries().watched_by(watcher).run_below(&[
        "setpriv",
        "--reuid=mallory",
        "--regid=mallory",
        "--clear-groups",
    ]);
    outcome
        .gives(Code::AuthinfoUnavail)
        .asking(0)
        .leaves_the_host_alone();
}

/// Arguments and configurations that are wrong, and a panic.
fn refusals_of_the_host(world: &World, run: &dyn Fn(Tries) -> Outcome) {
    let frank = world.user("frank").enrolled();
    world.stack("misspelt", Stack::CodeOnly("promt=x"));
    world.stack("absent", Stack::CodeOnly("config=/nowhere.toml"));
    world.stack(
        "panicking",
        Stack::Lines("auth required pam_nightlatch_faulty.so panic\n"),
    );
    for service in ["misspelt", "absent", "panicking"] {
        run(frank.tries().service(service).times(3)).gives(Code::ServiceErr);
    }
    for toml in ["[login", "nonsense = 1\n", "[login]\nprompts = 99999\n"] {
        world.configure_exactly(toml);
        run(frank.tries()).gives(Code::ServiceErr);
    }
    world.configure("");
}

/// Files that are not what they should be.
fn damaged_records(world: &World, run: &dyn Fn(Tries) -> Outcome) {
    let grace = world.user("grace").enrolled();
    let folder = "/var/lib/nightlatch/users/grace";
    let enrollment = format!("{folder}/enrollment.toml");
    let whole = fs::read(&enrollment).unwrap();
    let always = || grace.tries().always_answers(grace.phone().code_at(0));
    for text in [
        &b"\xff"[..],
        b"",
        b"version = 99\n",
        &whole[..whole.len() / 2],
    ] {
        fs::write(&enrollment, text).unwrap();
        run(always()).gives(Code::AuthinfoUnavail);
    }
    fs::write(&enrollment, &whole).unwrap();
    let states = fs::read_dir(folder).unwrap().flatten();
    for entry in states.filter(|entry| entry.file_name().to_string_lossy().starts_with("state")) {
        fs::write(entry.path(), vec![0x5a; 8192]).unwrap();
    }
    run(always()).gives(Code::AuthinfoUnavail);
    fs::remove_file("/var/lib/nightlatch/store.toml").unwrap();
    run(always()).gives(Code::AuthinfoUnavail);
}

/// Asserts that a fault which the module is told to commit is seen, and what the tool calls it.
fn sees(world: &World, watcher: Watcher, fault: &str, called: &str) {
    world.install_modules_watched_by(watcher);
    world.stack(
        "faulty",
        Stack::Lines(&format!("auth required pam_nightlatch_faulty.so {fault}\n")),
    );
    let tries = world.tries_of("nobody").service("faulty");
    let said = tries.conversation("fail").watched_by(watcher).breaks();
    assert!(said.contains(called), "{fault}: {said}");
}

/// What is shown to somebody who could enroll, and is not proved or broken off.
fn offers(world: &World, run: &dyn Fn(Tries) -> Outcome) {
    world.make_store();
    let nora = world.user("nora");
    for form in ["utf8", "ascii", "none"] {
        world.configure(&format!(
            "[enrollment]\nmode = \"at-login\"\n[at_login]\nservices = [\"door\"]\nopen = true\nqr = \"{form}\"\n"
        ));
        run(nora.tries().always_answers("000000")).gives(Code::AuthErr);
        run(nora.tries()).gives(Code::ConvErr);
    }
    world.configure(
        "[enrollment]\nmode = \"at-login\"\n[at_login]\nservices = [\"door\"]\nticket = true\n",
    );
    let invited = world.nightlatch(&["invite", "nora", "--json"]).succeeds();
    let ticket = invited.json()["ticket"].as_str().unwrap().to_owned();
    run(nora.tries().always_answers("3467-9CFH-JKMR-TWXY-3467")).gives(Code::AuthErr);
    run(nora.tries().answers([&ticket[..], "000000"])).gives(Code::ConvErr);
}
