//! The protocol by which logins go on without whoever holds a state file, in every interleaving (`model/going_on.py`).

use std::process::{Command, Output};

use nightlatch_tests::rounds;

#[test]
fn of_several_logins_with_one_code_one_is_told_yes_however_they_are_frozen_and_killed() {
    let cases: [&[&str]; 4] = [
        &["c,c", "4", "1"],
        &["c,d", "3", "1"],
        &["c,c,d", "2", "0"],
        &["c,c,d", "3", "1"],
    ];
    for arguments in &cases[..rounds(3, 4)] {
        let explored = explore(arguments);
        let said = String::from_utf8_lossy(&explored.stdout);
        println!("{said}");
        assert!(explored.status.success(), "{said}");
    }
}

#[test]
fn to_look_for_the_next_number_alone_lets_one_code_open_twice() {
    let explored = explore(&["c,c", "3", "0", "next-only"]);
    let said = String::from_utf8_lossy(&explored.stdout);
    assert!(said.contains("one code opened twice"), "{explored:?}");
}

fn explore(arguments: &[&str]) -> Output {
    Command::new("python3")
        .arg("model/going_on.py")
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("python3 does not run ({error}): install python3"))
}
