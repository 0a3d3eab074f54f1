//! Whatever changes a record may be killed at any system call that it makes on the store, and leaves a record that is whole:
//! the old one or the new. What was answered with success stays used, the next login works, and what was killed can be done
//! again. (What a power cut leaves is in `power_cuts.rs`.)

use nightlatch_tests::{Call, Code, World, sandboxed, spread};

use crate::operations::{
    Case, ENROLLMENT, ENROLLMENT_OF_THE_INVITED, FIRST_ENROLLMENT, FRESH_STATE,
    LOGIN_BY_BACKUP_CODE, LOGIN_BY_CODE, LOGIN_BY_TEMPORARY_CODE, Operation, REMOVAL, RENEWAL,
    REPLACEMENT, UNLOCKING, WRONG_CODE,
};

#[test]
fn a_login_by_code_killed_anywhere_leaves_a_record_that_opens() {
    sandboxed(|world| killed_anywhere(world, &LOGIN_BY_CODE));
}

#[test]
fn a_login_by_backup_code_killed_anywhere_spends_the_code_or_does_not() {
    sandboxed(|world| {
        let spent_or_not = Operation {
            check: |case| {
                // At most one more success is in it.
                let code = &case.person.backup_codes()[1];
                let tries = case.person.tries().times(2);
                let outcome = tries.answers([code]).answers([code]).run();
                let [first, second] = &outcome.logins[..] else {
                    panic!("{outcome:#?}")
                };
                assert!(matches!(first.code(), Code::Success | Code::ConvErr));
                // It is refused, and nothing is answered when they ask again.
                assert_eq!(second.code(), Code::ConvErr);
                (LOGIN_BY_BACKUP_CODE.check)(case);
            },
            ..LOGIN_BY_BACKUP_CODE
        };
        killed_anywhere(world, &spent_or_not);
    });
}

#[test]
fn a_login_by_temporary_code_killed_anywhere_uses_it_up_or_does_not() {
    sandboxed(|world| killed_anywhere(world, &LOGIN_BY_TEMPORARY_CODE));
}

#[test]
fn a_login_by_a_wrong_code_killed_anywhere_leaves_a_record_that_opens() {
    sandboxed(|world| killed_anywhere(world, &WRONG_CODE));
}

#[test]
fn the_first_enrollment_of_all_killed_anywhere_is_there_or_not_and_can_be_done_again() {
    sandboxed(|world| killed_anywhere(world, &FIRST_ENROLLMENT));
}

#[test]
fn an_enrollment_killed_anywhere_is_there_or_not_and_can_be_done_again() {
    sandboxed(|world| killed_anywhere(world, &ENROLLMENT));
}

#[test]
fn an_enrollment_of_somebody_who_was_invited_killed_anywhere_is_there_or_not_and_can_be_done_again()
{
    sandboxed(|world| killed_anywhere(world, &ENROLLMENT_OF_THE_INVITED));
}

#[test]
fn a_replacement_killed_anywhere_leaves_the_old_enrollment_or_the_new() {
    sandboxed(|world| killed_anywhere(world, &REPLACEMENT));
}

#[test]
fn a_renewal_of_backup_codes_killed_anywhere_leaves_the_old_ones_or_the_new() {
    sandboxed(|world| killed_anywhere(world, &RENEWAL));
}

#[test]
fn a_removal_killed_anywhere_is_done_or_not_and_can_be_done_again() {
    sandboxed(|world| killed_anywhere(world, &REMOVAL));
}

#[test]
fn an_unlocking_killed_anywhere_is_done_or_not_and_can_be_done_again() {
    sandboxed(|world| killed_anywhere(world, &UNLOCKING));
}

#[test]
fn a_fresh_state_killed_anywhere_is_there_or_not_and_can_be_made_again() {
    sandboxed(|world| killed_anywhere(world, &FRESH_STATE));
}

fn killed_anywhere(world: &World, operation: &Operation) {
    let mut case = Case::of(world);
    case.begin(operation);
    let calls = Call::traced(|wrapper| {
        (operation.run)(&case, wrapper).expect("nothing kills it");
    });
    let all = calls.len();
    let (changing, looking): (Vec<_>, Vec<_>) = calls.into_iter().partition(Call::changes);
    assert!(!changing.is_empty(), "it changes nothing");
    let points: Vec<_> = changing.into_iter().chain(spread(looking, 8)).collect();
    for call in &points {
        case.begin(operation);
        println!("{call:?}");
        call.killing(|wrapper| {
            let ended = (operation.run)(&case, wrapper);
            assert!(ended.is_none(), "{ended:?}");
        });
        (operation.check)(&case);
    }
    println!("killed at {} of {all} calls", points.len());
}
