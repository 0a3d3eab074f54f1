//! How many instructions a login takes: whole ones, through the real libpam and the module as it is installed.
//!
//! Counted by Gungraun under valgrind's callgrind, in the sandbox of the tests, where everything that the count depends on is
//! always the same: the people, their secrets and records, the configuration, the clock, the name service. `cargo xtask
//! instructions` runs it and compares.

#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    reason = "what cannot be counted says why and stops"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nightlatch_tests::records::{Record, make_store};
use nightlatch_tests::{artifacts, enter};

fn main() -> ExitCode {
    enter(|_| {
        lay_the_ground();
        counting::run();
        ExitCode::SUCCESS
    })
}

/// What Gungraun makes of the cases: a `main` of its own, which ends the program where it fails.
mod counting {
    use gungraun::{
        Bench, BinaryBenchmark, BinaryBenchmarkConfig, Callgrind, Command, EntryPoint, ExitWith,
        binary_benchmark_group, main,
    };

    use super::{CASES, artifacts};

    binary_benchmark_group!(
        name = logins,
        benchmarks = |group: &mut BinaryBenchmarkGroup| {
            for case in CASES {
                let mut command = Command::new(artifacts::pam_bench());
                command
                    .args(case.words())
                    .exit_with(ExitWith::Code(case.gives));
                let bench = Bench::new(case.name).command(command).clone();
                group.binary_benchmark(BinaryBenchmark::new(case.name).bench(bench).clone());
            }
        }
    );

    main!(
        config = BinaryBenchmarkConfig::default().tool(
            // The driver's function around everything from pam_start to pam_end.
            Callgrind::with_args(["--cache-sim=no"])
                .entry_point(EntryPoint::Custom("counted".to_owned()))
        ),
        binary_benchmark_groups = logins
    );

    pub fn run() {
        main();
    }
}

/// Something to count.
struct Case {
    name: &'static str,
    does: Does,
    /// The PAM code.
    gives: i32,
}

enum Does {
    /// Loads the module and lets it go.
    Load,
    /// Logs in through the stack of that name.
    LogIn {
        stack: &'static str,
        user: &'static str,
        answer: &'static str,
    },
}

impl Case {
    /// What the driver is told.
    fn words(&self) -> Vec<String> {
        let what = match self.does {
            Does::Load => vec!["load".to_owned(), artifacts::module().display().to_string()],
            Does::LogIn {
                stack,
                user,
                answer,
            } => {
                let stack = stack_folder(stack).display().to_string();
                ["login", &stack, "sshd", "192.0.2.7", user, answer]
                    .map(str::to_owned)
                    .to_vec()
            }
        };
        let mut words = vec!["count".to_owned(), NOW.to_string()];
        words.extend(what);
        words
    }
}

const fn login(
    name: &'static str,
    stack: &'static str,
    user: &'static str,
    answer: &'static str,
    gives: i32,
) -> Case {
    Case {
        name,
        does: Does::LogIn {
            stack,
            user,
            answer,
        },
        gives,
    }
}

/// Each with somebody who has not logged in yet: a case changes the record that it was counted with.
const CASES: &[Case] = &[
    Case {
        name: "loading",
        does: Does::Load,
        gives: PAM_SUCCESS,
    },
    login("right_code", "usual", "right", CODE, PAM_SUCCESS),
    login("wrong_code", "usual", "wrong", "000000", PAM_AUTH_ERR),
    login("not_enrolled", "usual", "nobody-yet", CODE, PAM_AUTH_ERR),
    login("exempt", "usual", "exempt", "", PAM_SUCCESS),
    login("long_configuration", "long", "long", CODE, PAM_SUCCESS),
    login("largest_record", "usual", "largest", CODE, PAM_SUCCESS),
];

fn lay_the_ground() {
    // The machine's own accounts and name services, and its time zone, for the log, would all count.
    for (path, text) in [
        ("/etc/nsswitch.conf", "passwd: files\ngroup: files\n"),
        ("/etc/group", "root:x:0:\n"),
    ] {
        fs::write(path, text).expect("/etc is ours");
    }
    let _ = fs::remove_file("/etc/localtime");
    let people = (UID..)
        .zip(PEOPLE)
        .map(|(uid, name)| format!("{name}:x:{uid}:0::/:/bin/sh\n"))
        .collect::<Vec<_>>()
        .concat();
    fs::write(
        "/etc/passwd",
        format!("root:x:0:0::/root:/bin/sh\n{people}"),
    )
    .expect("/etc is ours");

    let store = Path::new(STORE);
    make_store(store);
    for (uid, name) in (UID..).zip(PEOPLE) {
        match name {
            "nobody-yet" | "exempt" => {}
            "largest" => largest_record().write(store, name, uid),
            _ => usual_record().write(store, name, uid),
        }
    }

    let exempt = "[[rule]]\nusers = [\"exempt\"]\nsecond_factor = \"skip\"\n";
    let many = (0..50)
        .map(|number| {
            format!(
                "[[rule]]\nusers = [\"user{number}\"]\nservices = [\"service{number}\"]\n\
                 networks = [\"10.{number}.0.0/16\", \"2001:db8:{number}::/48\"]\nsecond_factor = \"deny\"\n"
            )
        })
        .collect::<Vec<_>>().concat();
    stack("usual", exempt);
    stack("long", &many);
}

/// One token, ten backup codes, as `nightlatch enroll` leaves it.
fn usual_record() -> Record {
    let enrollment = format!(
        "version = 1\ncreated = {CREATED}\n{}{}",
        token(0, SECRET),
        codes()
    );
    let state = format!(
        "token {:032x} never\nspent {SET} 0\nelsewhere 0 0\nwrong 0\n",
        0
    );
    Record::new(&enrollment, &state)
}

/// Eight tokens, the last of which gives the code, and as many places as a state keeps.
fn largest_record() -> Record {
    let others: String = (0..7)
        .zip("ABCDEFH".chars())
        .map(|(number, letter)| token(number, &format!("{letter}{}", &SECRET[1..])))
        .collect();
    let enrollment = format!(
        "version = 1\ncreated = {CREATED}\n{others}{}{}",
        token(7, SECRET),
        codes()
    );
    let tokens = (0..8)
        .map(|number| format!("token {number:032x} never\n"))
        .collect::<Vec<_>>()
        .concat();
    let places = (0..16)
        .map(|number| {
            format!(
                "place address:198.51.100.{number} {} 0 0\n",
                NOW - 1000 + number
            )
        })
        .collect::<Vec<_>>()
        .concat();
    let state = format!(
        "{tokens}spent {SET} 0\n{places}elsewhere 3 {}\nwrong 3 address:203.0.113.9\n",
        NOW - 900
    );
    Record::new(&enrollment, &state)
}

fn token(number: usize, secret: &str) -> String {
    format!(
        "\n[[token]]\nid = \"{number:032x}\"\nlabel = \"phone {number}\"\nkind = \"totp\"\nsecret = \"base32:{secret}\"\n\
         algorithm = \"SHA1\"\ndigits = 6\nperiod = 30\n"
    )
}

fn codes() -> String {
    let hashes: Vec<_> = (0..10).map(|number| format!("\"{number:064x}\"")).collect();
    format!(
        "\n[backup_codes]\nid = \"{SET}\"\nsalt = \"{:032x}\"\nargon2id = {{ m_kib = 19456, t = 2, p = 1 }}\nhashes = [{}]\n\n[end]\n",
        1,
        hashes.join(", ")
    )
}

/// A stack of the module with a configuration that ends with these rules, and that does not wait.
fn stack(name: &str, rules: &str) {
    let config = Path::new("/etc/nightlatch").join(format!("{name}.toml"));
    let head = format!(
        "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n[store]\ndir = \"{STORE}\"\n"
    );
    fs::write(&config, head + rules).expect("/etc is ours");
    let folder = stack_folder(name);
    fs::create_dir_all(&folder).expect("the sandbox takes folders");
    let lines = format!(
        "auth required {} config={}\nauth required pam_permit.so\n",
        artifacts::module().display(),
        config.display()
    );
    for (service, lines) in [("sshd", lines.as_str()), ("other", "")] {
        fs::write(folder.join(service), lines).expect("the sandbox takes files");
    }
}

fn stack_folder(name: &str) -> PathBuf {
    Path::new("/run/instructions").join(name)
}

const PEOPLE: [&str; 6] = ["right", "wrong", "nobody-yet", "exempt", "long", "largest"];
const UID: u32 = 20_000;
const STORE: &str = "/run/counted-store";
const SET: &str = "000000000000000000000000000000aa";
const CREATED: &str = "2005-01-01T00:00:00Z";
/// RFC 6238, appendix B: the secret, one of its times, and the last six digits of the code then.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const NOW: u64 = 1_111_111_109;
const CODE: &str = "081804";

const PAM_SUCCESS: i32 = 0;
const PAM_AUTH_ERR: i32 = 7;
