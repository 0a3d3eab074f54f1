//! A hundred files of every shape that `pam_google_authenticator` reads, and twenty that are broken, in as many homes.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use nightlatch_core::token::Secret;
use nightlatch_tests::{Person, STORE, Stack, Tree, World, oathtool, sandboxed};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::files::{BASE32, every, give, has_nothing, is_refused, now, of, path_of, put};

/// How somebody's codes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Totp { period: u64, skew: i64 },
    Hotp { next: u64 },
    ScratchCodesOnly,
}

/// A file, and what is known of it beside it.
struct Old {
    base32: String,
    hex: String,
    kind: Kind,
    scratch_codes: Vec<String>,
    text: String,
}

impl Old {
    /// The file of this number, as it was when `when` was now. The numbers go through every combination that there is room for.
    #[allow(
        clippy::too_many_lines,
        reason = "a file from its first line to its last"
    )]
    fn numbered(number: u64, when: u64) -> Self {
        let pick = |choices: &[&str], every: u64| {
            let index = usize::try_from(number / every).unwrap() % choices.len();
            choices[index].to_owned()
        };
        let bytes = [10, 16, 20, 25, 32, 64][usize::try_from(number % 6).unwrap()];
        let mut seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let secret: Vec<u8> = (0..bytes)
            .map(|_| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                seed.to_le_bytes()[3]
            })
            .collect();
        let hex: Vec<_> = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let base32 = Secret::of_another_system(secret.into())
            .unwrap()
            .to_base32()
            .to_string();
        let period: u64 = pick(&["30", "15", "30", "45", "60"], 3).parse().unwrap();
        let skew: i64 = pick(&["0", "0", "3", "-5", "20"], 2).parse().unwrap();
        let kind = match number % 4 {
            0 | 1 => Kind::Totp { period, skew },
            2 => Kind::Hotp {
                next: 1 + number * 7,
            },
            _ => Kind::ScratchCodesOnly,
        };
        let first = if kind == Kind::ScratchCodesOnly { 2 } else { 0 };
        let scratch_codes: Vec<String> = (0..first.max(number % 7))
            .map(|index| (10_000_000 + number * 800_000 + index * 99_991).to_string())
            .collect();

        let end = pick(&["\n", "\r\n", "\n"], 5);
        let written = match number % 5 {
            0 => base32.to_lowercase(),
            1 => base32.replace('O', "0").replace('L', "1").replace('B', "8"),
            2 => base32
                .chars()
                .enumerate()
                .flat_map(|(at, letter)| {
                    if at % 4 == 3 {
                        vec![letter, ' ']
                    } else {
                        vec![letter]
                    }
                })
                .collect(),
            3 => format!("{}-{}", &base32[..6], &base32[6..]),
            _ => base32.clone(),
        };
        let mut lines = vec![written];
        match kind {
            Kind::Totp { period, skew } => {
                if period != 30 {
                    lines.push(format!("\" STEP_SIZE {period}"));
                }
                if skew != 0 {
                    lines.push(format!("\" TIME_SKEW {skew}"));
                }
                let present = (when / period).saturating_add_signed(skew);
                match number % 3 {
                    0 => lines.push("\" DISALLOW_REUSE".to_owned()),
                    1 => lines.push(format!("\" DISALLOW_REUSE {} {}", present - 9, present)),
                    _ => {}
                }
                lines.push("\" TOTP_AUTH".to_owned());
            }
            Kind::Hotp { next } => {
                lines.push(format!("\" HOTP_COUNTER {next}"));
                if number % 8 == 2 {
                    lines.push("\" TOTP_AUTH".to_owned());
                }
            }
            Kind::ScratchCodesOnly => {}
        }
        for (line, every) in [
            ("\" WINDOW_SIZE 17", 2),
            ("\" RATE_LIMIT 3 30 1700000000 1700000001", 3),
            ("\" RESETTING_TIME_SKEW 58000000+1 58000001+1", 7),
            ("\" LAST0 192.0.2.9 1700000000", 11),
            ("\" UNKNOWN whatever", 13),
        ] {
            if number.is_multiple_of(every) {
                lines.push(line.to_owned());
            }
        }
        lines.extend(scratch_codes.iter().cloned());
        if number.is_multiple_of(9) {
            lines.push("that is all".to_owned());
            lines.push("99999999".to_owned());
        }
        let mut text = lines.join(&end);
        if !number.is_multiple_of(10) {
            text.push_str(&end);
        }
        Self {
            base32,
            hex: hex.concat(),
            kind,
            scratch_codes,
            text,
        }
    }

    /// The code that the authenticator shows now, if there is one; of one that counts, after so many others.
    fn code(&self, later: u64) -> Option<String> {
        match self.kind {
            Kind::Totp { period, skew } => {
                let seconds = skew * i64::try_from(period).unwrap();
                let time = now().saturating_add_signed(seconds);
                Some(oathtool(&self.base32, every(period), time))
            }
            Kind::Hotp { next } => {
                let output = Command::new("oathtool")
                    .args([
                        "--hotp",
                        "--counter",
                        &(next + later).to_string(),
                        &self.hex,
                    ])
                    .output()
                    .unwrap();
                Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
            }
            Kind::ScratchCodesOnly => None,
        }
    }
}

#[test]
fn a_hundred_old_files_are_imported_and_go_on_working_and_twenty_broken_ones_are_told() {
    sandboxed(|world| {
        world.host_stack("sshd", Stack::PasswordAndCode);
        let when = now() - 3600;
        let people: Vec<(Person<'_>, Old)> = (0..100)
            .map(|number| {
                let old = Old::numbered(number, when);
                let person = world.user(&format!("old{number}"));
                let _ = give(&person, &old.text);
                (person, old)
            })
            .collect();
        let broken = broken(world, when);
        assert_eq!(broken.len(), 20);
        // As it was an hour ago: what that system had accepted by then counts as used.
        let arguments = [
            "import",
            "google-authenticator",
            "--all-homes",
            "--json",
            "--yes",
        ];
        let imported = world.nightlatch_at(when, &arguments).exits_with(1).json();
        assert_eq!(imported["imported"], 100, "{imported:#}");
        assert_eq!(imported["left_out"], 20);
        for (person, why) in &broken {
            let told = of(&imported, person.name());
            let problem = told["problem"].as_str().unwrap();
            assert!(problem.contains(why), "{}: {problem}", person.name());
            has_nothing(person);
        }
        let events = world.log().with("event=imported");
        assert_eq!(events.len(), 100);

        // Again it changes nothing, and says so.
        let before = Tree::of(STORE);
        let again = world
            .nightlatch_at(when + 1, &arguments)
            .exits_with(1)
            .json();
        assert_eq!(
            (&again["unchanged"], &again["imported"]),
            (&100.into(), &0.into())
        );
        assert!(Tree::of(STORE).differs_in(&before).is_empty());

        let mut by_ssh = 0;
        for (number, (person, old)) in people.iter().enumerate() {
            let mut codes = old.scratch_codes.iter();
            if number % 5 == 0 {
                // Through real sshd.
                if let Some(code) = old.code(0) {
                    person.ssh().answers(&code).is_let_in();
                    is_refused(world, person, &code, "replayed");
                    by_ssh += 1;
                }
                if let Some(code) = codes.next() {
                    person.ssh().answers(code).is_let_in();
                    is_refused(world, person, code, "replayed");
                    by_ssh += 1;
                }
            } else if let Some(code) = old.code(0) {
                person.gets_in_with(&code);
                is_refused(world, person, &code, "replayed");
            }
            if let Some(code) = codes.next() {
                person.gets_in_with(code);
                is_refused(world, person, code, "replayed");
            }
            if let Some(code) = old
                .code(3)
                .filter(|_| matches!(old.kind, Kind::Hotp { .. }))
            {
                person.gets_in_with(&code);
            }
            world.log().never_says(&old.base32);
            for code in &old.scratch_codes {
                world.log().never_says(code);
            }
        }
        assert!(by_ssh >= 20, "{by_ssh} log-ins through sshd");

        // And again, after all these log-ins: nothing comes to life.
        let again = world.nightlatch(&arguments).exits_with(1).json();
        assert_eq!(
            (&again["unchanged"], &again["imported"]),
            (&100.into(), &0.into())
        );
        let (person, old) = people
            .iter()
            .find(|(_, old)| old.scratch_codes.len() > 2)
            .unwrap();
        is_refused(world, person, &old.scratch_codes[0], "replayed");
    });
}

/// People whose files are broken, each with what is told of it.
fn broken(world: &World, when: u64) -> Vec<(Person<'_>, &'static str)> {
    let totp = format!("{BASE32}\n\" TOTP_AUTH\n");
    let texts: [(Vec<u8>, &str); 12] = [
        (b"".to_vec(), "empty"),
        (b"\n\" TOTP_AUTH\n".to_vec(), "line 1: not a secret"),
        (totp.replace('G', "9").into_bytes(), "line 1: not a secret"),
        (
            totp.replacen('\n', "=\n", 1).into_bytes(),
            "line 1: not a secret",
        ),
        (totp.replace('\n', "\0\n").into_bytes(), "NUL"),
        (totp.repeat(2000).into_bytes(), "longer than 65536 bytes"),
        (
            format!("{totp}\" WINDOW_SIZE 0\n").into_bytes(),
            "WINDOW_SIZE",
        ),
        (format!("{totp}\" STEP_SIZE 61\n").into_bytes(), "STEP_SIZE"),
        (
            format!("{totp}\" STEP_SIZE 10\n").into_bytes(),
            "15 to 120 seconds",
        ),
        (
            format!("{totp}\" TIME_SKEW -1000\n").into_bytes(),
            "resync_window",
        ),
        (
            format!("{totp}\" DISALLOW_REUSE {}\n", when / 30 + 1000).into_bytes(),
            "still to come",
        ),
        (
            format!("{BASE32}\nnothing\n").into_bytes(),
            "nothing in it opens anything",
        ),
    ];
    let mut people: Vec<_> = texts
        .into_iter()
        .enumerate()
        .map(|(number, (text, why))| {
            let person = world.user(&format!("broken{number}"));
            let _ = give(&person, text);
            (person, why)
        })
        .collect();
    let mut planted = |name: &str, why, plant: &dyn Fn(&std::path::Path, &Person<'_>)| {
        let person = world.user(name);
        plant(&path_of(&person), &person);
        people.push((person, why));
    };
    let totp = totp.as_str();
    planted("link", "symbolic link", &|path, person| {
        let other = path.with_extension("other");
        put(&other, totp, person.uid());
        symlink(other, path).unwrap();
    });
    planted("pipe", "not a file", &|path, _| {
        mkfifo(path, Mode::S_IRWXU | Mode::S_IRWXO).unwrap();
    });
    planted("directory", "not a file", &|path, _| {
        fs::create_dir(path).unwrap();
    });
    planted("socket", "not a file", &|path, _| {
        drop(UnixListener::bind(path).unwrap());
    });
    planted("second", "other names", &|path, person| {
        put(path, totp, person.uid());
        fs::hard_link(path, path.with_extension("other")).unwrap();
    });
    planted(
        "foreign",
        "cannot be opened with the rights of its owner",
        &|path, _| {
            put(path, totp, 0);
        },
    );
    planted("lent", "belongs to uid 0", &|path, _| {
        put(path, totp, 0);
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(path, open).unwrap();
    });
    planted(
        "shared",
        "others than its owner can write it",
        &|path, person| {
            put(path, totp, person.uid());
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o620);
            fs::set_permissions(path, open).unwrap();
        },
    );
    people
}
