//! What an enrollment may say.

use nightlatch_tests::{rounds, sandboxed};

use crate::records::{Records, Slot};

#[test]
fn the_reader_agrees_on_what_an_enrollment_may_say() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 2\n");
        let alice = world.passing_user("alice").enrolled();
        let text = Text(alice.enrollment().unwrap());
        let body = Slot::body_in(&alice.state_files()[0]);
        let mut records = Records::new(world);
        let mut is = |expected, enrollment: &str, what: &str| {
            let _ = records.is(expected, enrollment, Slot::both(&body), what);
        };
        for (expected, changes) in [("whole", understood(&text)), ("refused", refused(&text))] {
            for (old, new) in changes {
                let changed = text
                    .0
                    .replacen(&old, &new, if old == "\n" { usize::MAX } else { 1 });
                assert_ne!(changed, text.0, "{old:?} is not there");
                is(expected, &changed, &format!("{old:?} became {new:?}"));
            }
        }
        let padded = |length: usize| text.0.clone() + &"#".repeat(length - text.0.len());
        is("whole", &padded(16384), "not too long");
        is("refused", &padded(16385), "too long");
        // Cut short at any byte but the last, which ends a line.
        for length in (0..text.0.len() - 1).step_by(rounds(13, 1)) {
            is(
                "refused",
                &text.0[..length],
                &format!("cut short at {length} bytes"),
            );
        }
        records.are_read_so();
    });
}

#[test]
fn the_reader_agrees_on_which_tokens_go_together() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 1\n");
        let alice = world.passing_user("alice").enrolled();
        let text = Text(alice.enrollment().unwrap());
        let symbols = text.symbols();
        let another = |n: usize| {
            text.token()
                .replace(text.id(), &format!("{n:032x}"))
                .replace("phone", &format!("phone {n}"))
                .replace(symbols, &"A".repeat(32 + 8 * n))
        };
        let with = |others: &[String]| {
            let tokens = text.token().to_owned() + &others.concat();
            text.0.replace(text.token(), &tokens)
        };
        let others: Vec<_> = (1..9).map(another).collect();
        let lines: Vec<_> = (1..8)
            .map(|n| format!("token {n:032x} {n} disabled\n"))
            .collect();
        let alone = Slot::body_in(&alice.state_files()[0]);
        let all = alone.replacen("spent", &(lines.concat() + "spent"), 1);

        let mut records = Records::new(world);
        let mut is = |expected, body: &str, others: &[String], what: &str| {
            let _ = records.is(expected, &with(others), Slot::both(body), what);
        };
        is("whole", &all, &others[..7], "eight tokens");
        is("whole", &all, &[], "lines of tokens that are not there");
        is("lost", &alone, &others[..1], "a token without a line");
        is("refused", &all, &others, "nine tokens");
        for (part, same) in [
            (format!("{:032x}", 1), text.id().to_owned()),
            ("phone 1".to_owned(), "phone".to_owned()),
            ("A".repeat(40), symbols.to_lowercase()),
        ] {
            let twice = others[0].replace(&part, &same);
            is("refused", &all, &[twice], "two tokens alike");
        }
        records.are_read_so();
    });
}

#[test]
fn the_reader_agrees_on_what_a_counter_based_token_may_say() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 1\n");
        let alice = world.passing_user("alice").enrolled();
        let text = Text(alice.enrollment().unwrap());
        let body = Slot::body_in(&alice.state_files()[0]);
        let good = text
            .0
            .replace("version = 1", "version = 2")
            .replace("\"totp\"", "\"hotp\"")
            .replace("period = 30", "counter = 0");
        let mut records = Records::new(world);
        for (expected, old, new) in [
            ("whole", "", ""),
            ("whole", "counter = 0", "counter = 9223372036854775807"),
            ("refused", "counter = 0", "counter = 9223372036854775808"),
            ("refused", "counter = 0", "counter = -1"),
            ("refused", "counter = 0", "period = 30"),
            ("refused", "counter = 0", "counter = 0\nperiod = 30"),
            ("refused", "counter = 0\n", ""),
            ("refused", "version = 2", "version = 1"),
            ("refused", "\"hotp\"", "\"HOTP\""),
        ] {
            let changed = good.replacen(old, new, 1);
            assert!(changed != good || old.is_empty(), "{old:?} is not there");
            let what = format!("{old:?} became {new:?}");
            let _ = records.is(expected, &changed, Slot::both(&body), &what);
        }
        records.are_read_so();
    });
}

fn understood(text: &Text) -> Vec<(String, String)> {
    let symbols = text.symbols();
    [
        ("[end]\n", "[end]"),
        ("\n", "\r\n"),
        ("# Written", "# version = 2 is not"),
        ("version = 1", "version = 2"),
        (text.line("uid"), "uid = 4294967295"),
        (text.line("created"), "created = 1970-01-01T00:00:00+00:00"),
        (text.line("created"), "created = 2026-02-03 04:05:06.000z"),
        (symbols, &symbols.to_lowercase()),
        (
            symbols,
            &format!(" {}- -{}====", &symbols[..3], &symbols[3..]),
        ),
        (symbols, &"A".repeat(26)),
        (symbols, &"A".repeat(205)),
        ("\"SHA1\"", "\"SHA512\""),
        ("digits = 6", "digits = 0x8"),
        ("period = 30", "period = 120"),
        ("\"phone\"", "\"ßßßßßßßßßßßßßßßß\""),
        (text.codes(), ""),
        (
            text.line("salt"),
            "salt = \"00000000000000000000000000000000\"",
        ),
        (
            text.line("argon2id"),
            "argon2id = { p = 4, t = 10, m_kib = 32 }",
        ),
        (text.hashes(), &hashes_of(20)),
        (text.hashes(), &hashes_of(1)),
    ]
    .map(|(old, new)| (old.to_owned(), new.to_owned()))
    .to_vec()
}

fn refused(text: &Text) -> Vec<(String, String)> {
    let symbols = text.symbols();
    [
        ("[end]\n", ""),
        ("[end]\n", "[end"),
        ("[end]\n", "[end]\nx = 1\n"),
        ("version = 1", "version = 3"),
        ("version = 1", "version = 0"),
        ("version = 1", "version = true"),
        ("version = 1", "version = 1.0"),
        ("version = 1", "version = 1\nversion = 1"),
        ("version = 1", "version = 1\nx = 1"),
        ("user = \"alice\"", "user = \"bob\""),
        ("user = \"alice\"", "user = \"Alice\""),
        (text.line("uid"), "uid = -1"),
        (text.line("uid"), "uid = 4294967296"),
        (text.line("created"), "created = 2026-02-03T04:05:06"),
        (text.line("created"), "created = 2026-02-03"),
        (text.line("created"), "created = 2026-02-30T04:05:06Z"),
        (text.line("created"), "created = 1969-12-31T23:59:59Z"),
        (text.line("created"), "created = \"2026-02-03T04:05:06Z\""),
        (text.token(), ""),
        ("label = ", "x = 1\nlabel = "),
        ("\"phone\"", "\"\""),
        ("\"phone\"", "\"ßßßßßßßßßßßßßßßßs\""),
        ("\"phone\"", "\"\\u0000\""),
        ("\"phone\"", "\"a\\tb\""),
        ("\"phone\"", "\"\\u0085\""),
        ("\"totp\"", "\"hotp\""),
        ("base32:", "BASE32:"),
        ("base32:", ""),
        (symbols, &format!("{}={}", &symbols[..4], &symbols[4..])),
        (symbols, &format!("{}1", &symbols[1..])),
        (symbols, &format!("{}ı", &symbols[1..])),
        (symbols, &"A".repeat(24)),
        (symbols, &format!("{}B", "A".repeat(25))),
        (symbols, &"A".repeat(27)),
        (symbols, &"A".repeat(207)),
        ("\"SHA1\"", "\"sha1\""),
        ("\"SHA1\"", "\"SHA224\""),
        ("digits = 6", "digits = 5"),
        ("digits = 6", "digits = 9"),
        ("period = 30", "counter = 0"),
        ("period = 30", "period = 30\ncounter = 0"),
        ("period = 30\n", ""),
        ("period = 30", "period = 14"),
        ("period = 30", "period = 121"),
        (text.id(), &text.id().to_uppercase()),
        (text.id(), &text.id()[1..]),
        (text.codes(), "[backup_codes]\n"),
        (
            text.line("argon2id"),
            "argon2id = { m_kib = 31, t = 1, p = 4 }",
        ),
        (
            text.line("argon2id"),
            "argon2id = { m_kib = 262145, t = 1, p = 1 }",
        ),
        (
            text.line("argon2id"),
            "argon2id = { m_kib = 64, t = 11, p = 1 }",
        ),
        (
            text.line("argon2id"),
            "argon2id = { m_kib = 64, t = 1, p = 5 }",
        ),
        (
            text.line("argon2id"),
            "argon2id = { m_kib = 64, t = 1, p = 1, x = 1 }",
        ),
        (text.hashes(), &hashes_of(0)),
        (text.hashes(), &hashes_of(21)),
        (text.hashes(), "hashes = [\"A\"]\n"),
    ]
    .map(|(old, new): (&str, &str)| (old.to_owned(), new.to_owned()))
    .to_vec()
}

fn hashes_of(count: usize) -> String {
    format!("hashes = {:?}\n\n", vec!["a".repeat(64); count])
}

/// An enrollment as the command wrote it, and its parts.
struct Text(String);

impl Text {
    fn line(&self, key: &str) -> &str {
        let begins = format!("{key} = ");
        self.0
            .lines()
            .find(|line| line.starts_with(&begins))
            .unwrap()
    }

    /// The secret.
    fn symbols(&self) -> &str {
        let secret = self.line("secret").split('"').nth(1).unwrap();
        secret.strip_prefix("base32:").unwrap()
    }

    /// The token's.
    fn id(&self) -> &str {
        self.line("id").split('"').nth(1).unwrap()
    }

    fn token(&self) -> &str {
        self.between("[[token]]", "[backup_codes]")
    }

    fn codes(&self) -> &str {
        self.between("[backup_codes]", "[end]")
    }

    fn hashes(&self) -> &str {
        self.between("hashes", "[end]")
    }

    fn between(&self, begin: &str, end: &str) -> &str {
        &self.0[self.0.find(begin).unwrap()..self.0.find(end).unwrap()]
    }
}
