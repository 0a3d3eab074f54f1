//! Somebody changes a record while its person logs in, again and again: every answer can be explained by what held at some moment
//! of the login, and nothing is lost.

use std::fs;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use nightlatch_tests::{Code, Person, World, nightlatch, rounds, sandboxed};

use crate::administrators::QUICK;
use crate::history::{History, backup_codes};

#[test]
fn whatever_is_changed_while_somebody_logs_in_every_answer_can_be_explained() {
    sandboxed(|world| {
        let history = changes_and_logins(
            world,
            &[
                Change::Replace,
                Change::Unlock,
                Change::RenewCodes,
                Change::Replace,
                Change::FreshState,
                Change::RemoveAndEnroll,
            ],
        );
        // The record is never by halves: nobody is told that it cannot be read, nor that somebody else was quicker.
        history.gives_only(&[Code::Success, Code::AuthErr]);
        assert_eq!(history.unreadable(), 0, "{history}");
    });
}

#[test]
fn a_directory_is_removed_and_made_again_while_others_wait_for_its_lock() {
    sandboxed(|world| {
        let changes = [
            Change::WipeAndEnroll,
            Change::Unlock,
            Change::RemoveAndEnroll,
        ];
        let history = changes_and_logins(world, &changes);
        // While it is removed by hand, a file is missing that should be there.
        history.gives_only(&[Code::Success, Code::AuthErr, Code::AuthinfoUnavail]);
    });
}

/// A change of alice's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Replace,
    RenewCodes,
    Unlock,
    FreshState,
    RemoveAndEnroll,
    /// Removed by hand, and then enrolled.
    WipeAndEnroll,
}

/// Alice logs in from three places with codes that hold and codes that have ended, while these changes are made in turn.
fn changes_and_logins(world: &World, changes: &[Change]) -> History {
    world.configure(QUICK);
    let mut alice = world.user("alice").enrolled();
    let tries = alice.tries();
    let history = History::new();
    history.begins(&alice);
    let is_over = AtomicBool::new(false);
    let made = changes.len() * rounds(3, 300);
    thread::scope(|scope| {
        for number in 1..=LOGINS {
            let (tries, history, is_over) = (&tries, &history, &is_over);
            scope.spawn(move || {
                let mut chance = number as u64;
                while !is_over.load(Ordering::Relaxed) {
                    let code = history.some_code(&mut chance);
                    let began = Instant::now();
                    let outcome = tries.clone().answers([&code]).run();
                    history.noted(code, began, outcome.only().code());
                }
            });
        }
        let is_over = &is_over;
        let history = &history;
        scope.spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let run = nightlatch(&["list", "--json"]);
                assert!(run.status.is_some_and(|status| status < 2), "{run:#?}");
                history.listed(run.status == Some(0));
            }
        });
        let _ends = Ends(is_over);
        for &change in changes.iter().cycle().take(made) {
            make(change, &mut alice, history);
            let kept = alice
                .enrollment()
                .is_some_and(|text| text.contains(alice.phone().secret()));
            assert!(kept, "{change:?} was lost");
            history.waits_for_logins(LOGINS);
        }
    });
    history.can_be_explained();
    println!("{made} changes; {history}");
    assert!(
        history.successes() >= made / 4,
        "alice gets in between the changes"
    );
    for event in ["event=panicked", "event=misconfigured", "event=doubtful"] {
        world.log().never_says(event);
    }

    let _ = nightlatch(&["unlock", "alice"]).succeeds();
    let status = nightlatch(&["status", "alice", "--json"]).succeeds().json();
    assert_eq!(status["problems"].as_array().unwrap().len(), 0, "{status}");
    let step = alice.phone().step_now() + 3;
    let tries = alice.tries().at(step * 30 + 15);
    let outcome = tries.answers([alice.phone().code_of_step(step)]).run();
    outcome.gives(Code::Success);
    assert_eq!(alice.state_files().len(), 1, "nothing is left over");
    history
}

/// Ends the logins, also when a change fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn make(change: Change, alice: &mut Person<'_>, history: &History) {
    match change {
        Change::Replace => {
            alice.enroll_again();
            history.ends();
            history.begins(alice);
        }
        Change::RenewCodes => {
            let run = nightlatch(&["codes", "alice", "--json"]).succeeds();
            history.backup_codes_end();
            history.codes_begin(backup_codes(&run));
        }
        Change::Unlock => {
            let _ = nightlatch(&["unlock", "alice"]).succeeds();
        }
        Change::FreshState => {
            let _ = nightlatch(&["unlock", "alice", "--fresh-state"]).succeeds();
            history.ends();
        }
        Change::RemoveAndEnroll => {
            let _ = nightlatch(&["remove", "alice", "--yes"]).succeeds();
            history.ends();
            alice.enroll();
            history.begins(alice);
        }
        Change::WipeAndEnroll => {
            // A login may put a file there meanwhile.
            while let Err(error) = fs::remove_dir_all(alice.directory()) {
                if error.kind() == ErrorKind::NotFound {
                    break;
                }
            }
            history.ends();
            alice.enroll();
            history.begins(alice);
        }
    }
}

/// How many log in at once.
const LOGINS: usize = 3;
