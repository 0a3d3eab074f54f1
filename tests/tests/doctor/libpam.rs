//! The doctor beside libpam: stacks made up at random, and every result that their modules can have, through the real libpam. What
//! the doctor says of a stack is so, and what is so it says.
//!
//! In the place of every module, ours too, libpam runs `pam_debug`, which returns what its line says.

use std::collections::BTreeSet;
use std::fs;

use nightlatch_tests::{Code, Stack, World, rounds, sandboxed};

/// What our line may return, and what others may: as many of each as control values tell apart here.
const OURS: [&str; 5] = [
    "success",
    "ignore",
    "auth_err",
    "authinfo_unavail",
    "service_err",
];
const OTHERS: [&str; 4] = ["success", "ignore", "auth_err", "perm_denied"];

const CONTROLS: [&str; 16] = [
    "required",
    "requisite",
    "sufficient",
    "optional",
    "[success=1 default=ignore]",
    "[success=2 default=ignore]",
    "[success=1 auth_err=ignore default=bad]",
    "[success=ok ignore=ignore default=die]",
    "[success=done ignore=ignore default=die]",
    "[success=ok ignore=1 default=bad]",
    "[success=ok ignore=ignore authinfo_unavail=ignore default=die]",
    "[success=ok ignore=reset default=reset]",
    "[success=ok new_authtok_reqd=ok ignore=ignore default=bad]",
    "[default=ignore success=done]",
    "[success=ok ignore=ok default=die]",
    "[success=reset default=bad]",
];

/// A stack: control values, of which one is our line's, and behind which ones the rest is a substack.
struct Made {
    controls: Vec<&'static str>,
    ours: usize,
    /// From this line on, so many lines are in a substack.
    inner: Option<(usize, usize)>,
}

#[test]
fn the_doctor_says_of_a_stack_what_libpam_does() {
    sandboxed(|world| {
        let mut random = Random(20_261_124);
        let (mut open, mut shut) = (0, 0);
        for number in 0..rounds(80, 1500) {
            let made = made(&mut random);
            let said = said(world, &made);
            let does = does(world, &made);
            let written = made.text(&|at| {
                let module = if at == made.ours { "OURS" } else { "OTHER" };
                module.to_owned()
            });
            let text = format!(
                "stack {number}:\n{written}inside: {:?}\nthe doctor: {said:?}\nopens with: {does:?}",
                made.inner
            );
            let says = |name: &str| said.contains(name);
            let opens = |result: &str| does.contains(result);
            if opens("success") {
                open += 1;
            } else {
                shut += 1;
            }
            assert_eq!(says("nobody-gets-in"), !opens("success"), "{text}");
            if says("nobody-gets-in") || says("code-left-out") {
                // On a way past it our line's result cannot be told; but then all of them open.
                assert!(
                    !says("code-left-out") || OURS.iter().all(|result| opens(result)),
                    "{text}"
                );
                continue;
            }
            assert_eq!(says("wrong-code-opens"), opens("auth_err"), "{text}");
            if !opens("auth_err") {
                let breaks = opens("authinfo_unavail") || opens("service_err");
                assert_eq!(says("error-opens"), breaks, "{text}");
            }
            assert_eq!(says("exempt-are-refused"), !opens("ignore"), "{text}");
        }
        assert!(
            open > 20 && shut > 0,
            "{open} open and {shut} shut stacks show little"
        );
    });
}

impl Made {
    /// The lines of the service's file, with the module that `module` names for each; a substack's go into a file of its own.
    fn text(&self, module: &dyn Fn(usize) -> String) -> String {
        let mut outer = String::new();
        let mut inner = String::new();
        for (at, control) in self.controls.iter().enumerate() {
            let line = format!("auth {control} {}\n", module(at));
            match self.inner {
                Some((from, lines)) if (from..from + lines).contains(&at) => {
                    if at == from {
                        outer.push_str("auth substack doctors-inner\n");
                    }
                    inner.push_str(&line);
                }
                _ => outer.push_str(&line),
            }
        }
        fs::write("/etc/pam.d/doctors-inner", inner).unwrap();
        outer
    }
}

fn made(random: &mut Random) -> Made {
    let lines = 2 + random.below(2);
    let controls: Vec<_> = (0..lines)
        .map(|_| CONTROLS[random.below(CONTROLS.len())])
        .collect();
    let inner = (random.below(2) == 0).then(|| {
        let from = random.below(lines);
        (from, 1 + random.below(lines - from))
    });
    Made {
        ours: random.below(lines),
        controls,
        inner,
    }
}

/// The names of what the doctor finds about the stack.
fn said(world: &World, made: &Made) -> BTreeSet<String> {
    // Somebody is exempt, so that what becomes of them is told.
    world.configure("[enrollment]\nmode = \"optional\"\n");
    let text = made.text(&|at| {
        let module = if at == made.ours {
            "pam_nightlatch.so"
        } else {
            "pam_debug.so"
        };
        module.to_owned()
    });
    fs::write("/etc/pam.d/doctors-door", text).unwrap();
    let report = world.nightlatch(&["doctor", "--json"]).json();
    fs::remove_file("/etc/pam.d/doctors-door").unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["name"].as_str().unwrap().to_owned())
        .collect()
}

/// The results of our line with which the stack succeeds, whatever the others return.
fn does(world: &World, made: &Made) -> BTreeSet<&'static str> {
    let others = u32::try_from(made.controls.len() - 1).unwrap();
    let mut opening = BTreeSet::new();
    for ours in OURS {
        for mut combination in 0..OTHERS.len().pow(others) {
            let mut results = Vec::new();
            for at in 0..made.controls.len() {
                if at == made.ours {
                    results.push(ours);
                } else {
                    results.push(OTHERS[combination % OTHERS.len()]);
                    combination /= OTHERS.len();
                }
            }
            let text = made.text(&|at| format!("pam_debug.so auth={}", results[at]));
            world.stack("doctors-door", Stack::Lines(&text));
            let outcome = world.tries_of("root").service("doctors-door").run();
            if outcome.logins[0].results[0].1 == Code::Success {
                opening.insert(ours);
                break;
            }
        }
    }
    opening
}

/// Always the same numbers (xorshift): what fails, fails again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}
