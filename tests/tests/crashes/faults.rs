//! Any system call on the store may fail, in any way, once or from then on. A login is then refused as unavailable, or the
//! failure did not matter; a command fails and says so, or it did not matter. Nobody is told yes without its being kept,
//! nothing that was there is lost, nothing hangs, and nothing tells a right code from a wrong one.

use std::time::{Duration, Instant};

use nightlatch_tests::{Call, Code, Failing, Run, World, rounds, sandboxed, spread};

use crate::operations::{
    Case, Doubts, ENROLLMENT, Ended, FIRST_ENROLLMENT, FRESH_STATE, Host, LOGIN_BY_BACKUP_CODE,
    LOGIN_BY_CODE, Operation, REMOVAL, RENEWAL, REPLACEMENT, UNLOCKING, WRONG_BACKUP_CODE,
    WRONG_CODE,
};

#[test]
fn a_login_by_code_under_any_fault_is_unavailable_or_right() {
    sandboxed(|world| logins_under_faults(world, &LOGIN_BY_CODE, &WRONG_CODE));
}

#[test]
fn a_login_by_backup_code_under_any_fault_is_unavailable_or_right() {
    sandboxed(|world| logins_under_faults(world, &LOGIN_BY_BACKUP_CODE, &WRONG_BACKUP_CODE));
}

#[test]
fn the_first_enrollment_under_any_fault_is_done_or_refused() {
    sandboxed(|world| command_under_faults(world, &FIRST_ENROLLMENT));
}

#[test]
fn an_enrollment_under_any_fault_is_done_or_refused() {
    sandboxed(|world| command_under_faults(world, &ENROLLMENT));
}

#[test]
fn a_replacement_under_any_fault_is_done_or_refused() {
    sandboxed(|world| command_under_faults(world, &REPLACEMENT));
}

#[test]
fn a_renewal_under_any_fault_is_done_or_refused() {
    sandboxed(|world| command_under_faults(world, &RENEWAL));
}

#[test]
fn a_removal_under_any_fault_is_done_or_refused() {
    sandboxed(|world| command_under_faults(world, &REMOVAL));
}

#[test]
fn an_unlocking_under_any_fault_is_done_or_refused() {
    sandboxed(|world| command_under_faults(world, &UNLOCKING));
}

#[test]
fn a_fresh_state_under_any_fault_is_made_or_refused() {
    sandboxed(|world| command_under_faults(world, &FRESH_STATE));
}

/// A right answer and a wrong one under the same fault: the return code tells them apart only if the fault did not matter.
fn logins_under_faults(world: &World, right: &Operation, wrong: &Operation) {
    let mut case = Case::of(world);
    let mut unavailable = 0;
    let faults = faults(&mut case, right);
    for fault in &faults {
        println!("{fault:?}");
        let log = world.log().from_now();
        case.begin(right);
        let ended = fault.strikes(&mut case, right);
        let Ended::Login(told) = ended else {
            panic!("{ended:?}")
        };
        // Whatever was told, what was there is there; and what was told yes to is used.
        if told == Code::Success {
            case.is_kept_out_with_what_it_used(right);
        }
        (right.check)(&case);

        if !fault.is_met_by(&mut case, wrong) {
            assert_eq!(told, Code::Success, "a wrong answer is never told this");
            continue;
        }
        case.begin(wrong);
        let ended = fault.strikes(&mut case, wrong);
        let Ended::Login(told_wrong) = ended else {
            panic!("{ended:?}")
        };
        match (told, told_wrong) {
            (Code::Success, Code::AuthErr) => {}
            (Code::AuthinfoUnavail, Code::AuthinfoUnavail) => {
                let line = log.says(&["event=unavailable"]).text;
                assert!(fault.is_told_in(&line), "{line}");
                unavailable += 1;
            }
            // The configuration could not be read.
            (Code::ServiceErr, Code::ServiceErr) => {
                log.says(&["event=", fault.words()]);
            }
            // libpam itself could not go on.
            (Code::SystemErr, Code::SystemErr) if fault.which == Failing::FromThenOn => {}
            different => panic!("{different:?}"),
        }
        (wrong.check)(&case);
    }
    println!("{} faults, {unavailable} of them unavailable", faults.len());
    assert!((1..faults.len()).contains(&unavailable));
}

fn command_under_faults(world: &World, operation: &Operation) {
    let mut case = Case::of(world);
    let mut refused = 0;
    let faults = faults(&mut case, operation);
    for fault in &faults {
        println!("{fault:?}");
        case.begin(operation);
        match fault.strikes(&mut case, operation) {
            Ended::Command(Run {
                status: Some(0), ..
            }) => {}
            Ended::Command(run) => {
                let run = run.exits_with(1);
                let cannot_say_it = ("write", Failing::FromThenOn);
                if (fault.call.name(), fault.which) != cannot_say_it {
                    assert!(fault.is_told_in(&run.stderr), "{run:#?}");
                }
                refused += 1;
            }
            other @ Ended::Login(_) => panic!("{other:?}"),
        }
        (operation.check)(&case);
    }
    println!("{} faults, {refused} of them refused", faults.len());
    assert!((1..faults.len()).contains(&refused));
}

/// A call that fails.
#[derive(Debug)]
struct Fault {
    call: Call,
    error: (&'static str, &'static str),
    which: Failing,
}

impl Fault {
    /// Does it, under the fault. It comes to an end by itself, in time.
    fn strikes(&self, case: &mut Case<'_>, operation: &Operation) -> Ended {
        case.host = host_for(self.which);
        let mut ended = None;
        let began = Instant::now();
        self.call.failing(self.error.0, self.which, |wrapper| {
            let wrapper = [&["timeout", "--signal=KILL", "20"], wrapper].concat();
            ended = (operation.run)(case, &wrapper);
        });
        case.doubts = Doubts::CodesOfNow;
        case.host = Host::Watched;
        let took = began.elapsed();
        assert!(took < LONGEST, "it took {took:?}");
        ended.expect("it comes to an end")
    }

    /// Whether the operation makes that call at all.
    fn is_met_by(&self, case: &mut Case<'_>, operation: &Operation) -> bool {
        self.call.is_among(&calls(case, operation, self.which))
    }

    /// Whether it is the store that has to bear it.
    fn is_the_stores(&self) -> bool {
        !matches!(
            (self.call.name(), self.error.0, self.which),
            // Standard output that is interrupted for ever: the standard library waits for it.
            ("write", "EINTR", Failing::FromThenOn)
            // Linux closes whatever it says then, and strace does not; what is left open would count as left behind.
            | ("close", _, Failing::Once)
        )
    }

    /// Whether a text says what failed: the call, with its path, or what cannot do without it.
    fn is_told_in(&self, text: &str) -> bool {
        let names_a_path = text.contains("\"/") || text.contains(": /");
        (names_a_path && text.contains(self.words()))
            || text.contains("the name service failed")
            // A lock that cannot be got for signals is as one that others hold.
            || (self.call.locks() && text.contains("has held the lock"))
    }

    /// What the C library says about it.
    fn words(&self) -> &'static str {
        self.error.1
    }
}

/// Every call of the operation with every error, once and for ever; in a test run some of them, with every call that changes
/// something among them.
fn faults(case: &mut Case<'_>, operation: &Operation) -> Vec<Fault> {
    let each = rounds(1, ERRORS.len());
    let mut errors = ERRORS.into_iter().cycle();
    let mut faults = Vec::new();
    for which in [Failing::Once, Failing::FromThenOn] {
        let calls = calls(case, operation, which);
        let (changing, looking): (Vec<_>, Vec<_>) = calls.into_iter().partition(Call::changes);
        for call in changing.into_iter().chain(spread(looking, 8)) {
            for error in errors.by_ref().take(each) {
                let call = call.clone();
                faults.push(Fault { call, error, which });
            }
        }
    }
    faults.retain(Fault::is_the_stores);
    faults
}

fn calls(case: &mut Case<'_>, operation: &Operation, which: Failing) -> Vec<Call> {
    case.host = host_for(which);
    case.begin(operation);
    Call::traced(|wrapper| {
        (operation.run)(case, wrapper).expect("nothing kills it");
    })
}

fn host_for(which: Failing) -> Host {
    match which {
        Failing::Once => Host::Watched,
        Failing::FromThenOn => Host::Unwatched,
    }
}

/// Each with what the C library says about it.
const ERRORS: [(&str, &str); 9] = [
    ("EIO", "Input/output error"),
    ("ENOSPC", "No space left on device"),
    ("EDQUOT", "Disk quota exceeded"),
    ("EROFS", "Read-only file system"),
    ("EINTR", "Interrupted system call"),
    ("EMFILE", "Too many open files"),
    ("ENFILE", "Too many open files in system"),
    ("ENOMEM", "Cannot allocate memory"),
    ("EACCES", "Permission denied"),
];

/// Somewhat more than the patience with a lock.
const LONGEST: Duration = Duration::from_secs(9);
