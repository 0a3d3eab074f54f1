//! The scenarios, told once for both locks.

use crate::house::{House, Lock, Mode, Token};

/// Something that people do, and what must come of it with Nightlatch.
pub struct Scenario {
    pub name: &'static str,
    pub run: fn(&House<'_>) -> String,
    pub ours: fn(Mode) -> String,
}

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "right code",
        run: |house| {
            let alice = house.somebody(USUAL);
            house.tries(&alice, &alice.phone.code_of_step(STEP), NOW)
        },
        ours: opens,
    },
    Scenario {
        name: "wrong code",
        run: |house| {
            let alice = house.somebody(USUAL);
            house.tries(&alice, &wrong_code(), NOW)
        },
        ours: refused,
    },
    Scenario {
        name: "5 digits of the right code",
        run: |house| {
            let alice = house.somebody(USUAL);
            house.tries(&alice, &alice.phone.code_of_step(STEP)[1..], NOW)
        },
        ours: refused,
    },
    Scenario {
        name: "a digit before the right code",
        run: |house| {
            let alice = house.somebody(USUAL);
            let code = alice.phone.code_of_step(STEP);
            house.tries(&alice, &format!("1{code}"), NOW)
        },
        ours: |mode| after_the_password(mode, "1"),
    },
    Scenario {
        name: "two digits before the right code",
        run: |house| {
            let alice = house.somebody(USUAL);
            let code = alice.phone.code_of_step(STEP);
            house.tries(&alice, &format!("11{code}"), NOW)
        },
        ours: |mode| after_the_password(mode, "11"),
    },
    Scenario {
        name: "blank answer",
        run: |house| {
            let alice = house.somebody(USUAL);
            house.gives_nothing(&alice, NOW)
        },
        ours: refused,
    },
    Scenario {
        name: "nothing enrolled",
        run: |house| {
            let alice = house.somebody(Token::None);
            house.tries(&alice, &wrong_code(), NOW)
        },
        ours: refused,
    },
    Scenario {
        name: "nothing enrolled where that is allowed",
        run: |house| {
            let alice = house.optional().somebody(Token::None);
            house.tries(&alice, "", NOW)
        },
        ours: |mode| {
            let questions = usize::from(mode.forwards() && !mode.has_first_pass());
            format!("ignored after {questions}")
        },
    },
    Scenario {
        name: "steps of 60 s",
        run: |house| {
            let alice = house.somebody(Token::Totp(60));
            house.tries(&alice, &alice.phone.code_of_step(STEP / 2), NOW)
        },
        ours: opens,
    },
    Scenario {
        name: "one step early, then one step late",
        run: |house| {
            let alice = house.somebody(USUAL);
            let [early, late] = [STEP - 1, STEP + 1].map(|step| alice.phone.code_of_step(step));
            [early, late]
                .map(|code| house.tries(&alice, &code, NOW))
                .join(", ")
        },
        ours: |mode| [opens(mode), opens(mode)].join(", "),
    },
    Scenario {
        name: "two steps early, two steps late",
        run: |house| {
            let alice = house.somebody(USUAL);
            let [early, late] = [STEP - 2, STEP + 2].map(|step| alice.phone.code_of_step(step));
            [early, late]
                .map(|code| house.tries(&alice, &code, NOW))
                .join(", ")
        },
        ours: |mode| [refused(mode), refused(mode)].join(", "),
    },
    Scenario {
        name: "the same code twice",
        run: |house| {
            let alice = house.somebody(USUAL);
            let code = alice.phone.code_of_step(STEP);
            [0, 5]
                .map(|later| house.tries(&alice, &code, NOW + later))
                .join(", ")
        },
        ours: |mode| [opens(mode), refused(mode)].join(", "),
    },
    Scenario {
        name: "right code after too many wrong ones, and a minute later",
        run: |house| {
            let alice = house.with_few_free().somebody(USUAL);
            for _ in 0..3 {
                house.tries(&alice, &wrong_code(), NOW);
            }
            [(STEP, 3), (STEP + 2, 63)]
                .map(|(step, later)| {
                    house.tries(&alice, &alice.phone.code_of_step(step), NOW + later)
                })
                .join(", ")
        },
        ours: |mode| [refused(mode), opens(mode)].join(", "),
    },
    Scenario {
        name: "a clock that is 1000 steps ahead, three times",
        run: |house| {
            let alice = house.somebody(USUAL);
            [0, 1, 2]
                .map(|n| {
                    let code = alice.phone.code_of_step(STEP + 1000 + n);
                    house.tries(&alice, &code, NOW + n * 30)
                })
                .join(", ")
        },
        ours: |mode| [refused(mode), refused(mode), refused(mode)].join(", "),
    },
    Scenario {
        name: "a clock that is 10 steps ahead, two times",
        run: |house| {
            let alice = house.somebody(USUAL);
            [0, 1]
                .map(|n| {
                    let code = alice.phone.code_of_step(STEP + 10 + n);
                    house.tries(&alice, &code, NOW + n * 30)
                })
                .join(", ")
        },
        ours: |mode| [refused(mode), opens(mode)].join(", "),
    },
    Scenario {
        name: "unknown backup code",
        run: |house| {
            let alice = house.somebody(USUAL);
            let code = match house.lock {
                Lock::Ours => "HHHH-HHHH-HHHH-HHHH-HHHH",
                Lock::Theirs => "99999999",
            };
            house.tries(&alice, code, NOW)
        },
        ours: refused,
    },
    Scenario {
        name: "the same backup code twice",
        run: |house| {
            let alice = house.somebody(USUAL);
            [0, 5]
                .map(|later| house.tries(&alice, &alice.backup_code, NOW + later))
                .join(", ")
        },
        ours: |mode| [opens(mode), refused(mode)].join(", "),
    },
    Scenario {
        name: "counter: the first code, the second, the second again",
        run: |house| {
            let alice = house.somebody(Token::Hotp(1));
            [1, 2, 2]
                .map(|counter| house.tries(&alice, &alice.phone.code_of_step(counter), NOW))
                .join(", ")
        },
        ours: |mode| [opens(mode), opens(mode), refused(mode)].join(", "),
    },
    Scenario {
        name: "counter: two codes skipped, then one of those",
        run: |house| {
            let alice = house.somebody(Token::Hotp(1));
            [3, 2]
                .map(|counter| house.tries(&alice, &alice.phone.code_of_step(counter), NOW))
                .join(", ")
        },
        ours: |mode| [opens(mode), refused(mode)].join(", "),
    },
    Scenario {
        name: "counter: nine codes skipped",
        run: |house| {
            let alice = house.somebody(Token::Hotp(1));
            house.tries(&alice, &alice.phone.code_of_step(10), NOW)
        },
        ours: opens,
    },
    Scenario {
        name: "counter: a wrong code, then the first",
        run: |house| {
            let alice = house.somebody(Token::Hotp(1));
            let right = alice.phone.code_of_step(1);
            [wrong_code(), right]
                .map(|code| house.tries(&alice, &code, NOW))
                .join(", ")
        },
        ours: |mode| [refused(mode), opens(mode)].join(", "),
    },
];

fn opens(mode: Mode) -> String {
    format!("opens after {}", usize::from(!mode.has_first_pass()))
}

fn refused(mode: Mode) -> String {
    format!("refused after {}", usize::from(mode.asks()))
}

/// What has digits before the right code is a password with digits at the end, where there is a password.
fn after_the_password(mode: Mode, digits: &str) -> String {
    if !mode.is_combined() {
        return refused(mode);
    }
    let came = opens(mode);
    if mode.forwards() {
        format!("{came}, forwards correct horse{digits}")
    } else {
        came
    }
}

/// No code of any step that is near.
fn wrong_code() -> String {
    "000000".to_owned()
}

const USUAL: Token = Token::Totp(30);

/// An even step, far enough from now that no code of an enrollment is near.
const STEP: u64 = 60_100_000;

/// Early in that step, in seconds since 1970.
const NOW: u64 = STEP * 30 + 5;
