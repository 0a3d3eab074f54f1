//! What is known of past log-ins: by a clock that was wrong, restored, set back, lost.

use nightlatch_tests::{STORE, Stack, sandboxed};

use crate::{PAGE, gets_in, host, is_in_the_table, is_refused_everything, the_doctor_says};

#[test]
fn the_clock_is_wrong() {
    sandboxed(|world| {
        let clock = world.clock();
        world.host_stack("sshd", Stack::PasswordAndCode);
        let alice = world.user("alice").enrolled();
        world.start_sshd_by(&clock);
        let [date, mend] = PAGE.steps(
            "The clock is wrong",
            ["date -u", "nightlatch unlock alice --clock"],
        );
        clock.is_off_by(3600);
        let log = world.log().from_now();
        is_refused_everything(&alice, &alice.phone().code_at(0));
        is_in_the_table(&log, &["reason=wrong"]);
        alice.ssh().answers(&alice.backup_codes()[0]).is_let_in();
        let _ = world.types(&date);
        clock.is_off_by(0);
        alice.ssh().answers(&alice.phone().code()).is_let_in();

        // Somebody whose phone was ahead too got in meanwhile.
        clock.is_off_by(7200);
        let ahead = u64::try_from(clock.time()).unwrap() / 30;
        alice
            .ssh()
            .answers(&alice.phone().code_of_step(ahead))
            .is_let_in();
        clock.is_off_by(0);
        let log = world.log().from_now();
        is_refused_everything(&alice, &alice.phone().code_at(1));
        is_in_the_table(&log, &["event=unavailable", "lies in the future"]);
        assert!(world.nightlatch(&["list"]).stdout.contains("problem"));
        the_doctor_says(world, "record-problem");
        let _ = world.types(&mend);
        assert!(world.nightlatch(&["list"]).stdout.contains("open"));
        // Once the codes of that minute have gone by.
        clock.is_off_by(90);
        let later = u64::try_from(clock.time()).unwrap() / 30;
        alice
            .ssh()
            .answers(&alice.phone().code_of_step(later))
            .is_let_in();
    });
}

#[test]
fn the_store_was_restored() {
    sandboxed(|world| {
        let mut alice = host(world);
        let [status, codes, fresh] = PAGE.steps(
            "The store is lost, or was restored",
            [
                "nightlatch status alice",
                "nightlatch codes alice",
                "nightlatch unlock alice --fresh-state",
            ],
        );
        let _ = world
            .shell(&format!(
                "tar -C / -cpf /run/backup .{STORE} && rm -r {STORE} && tar -C / -xpf /run/backup"
            ))
            .succeeds();
        let log = world.log().from_now();
        is_refused_everything(&alice, &alice.backup_codes()[0]);
        is_in_the_table(&log, &["event=doubtful"]);
        is_in_the_table(&log, &["reason=backup-codes-wait"]);
        let _ = world
            .shell(&format!("rm -r {STORE} && tar -C / -xpf /run/backup"))
            .succeeds();
        the_doctor_says(world, "record-problem");
        let _ = world.types(&status);
        let shown = world.types(&codes);
        let new = |shown: &str| {
            let is_code = |word: &&str| word.len() == 24 && word.matches('-').count() == 4;
            shown
                .split_whitespace()
                .filter(is_code)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        is_refused_everything(&alice, &alice.backup_codes()[1]);
        alice.ssh().answers(&new(&shown)[0]).is_let_in();

        // Set back so that nobody can notice: the same file, with what was in it before. A code that was used opens again.
        let state = alice.state_files().remove(0);
        let state = state.display();
        let _ = world.shell(&format!("cp {state} /run/state")).succeeds();
        let code = new(&shown)[1].clone();
        alice.ssh().answers(&code).is_let_in();
        let _ = world
            .shell(&format!(
                "dd if=/run/state of={state} conv=notrunc status=none"
            ))
            .succeeds();
        let _ = world.types(&fresh);
        is_refused_everything(&alice, &code);
        let shown = world.types(&codes);
        alice.ssh().answers(&new(&shown)[0]).is_let_in();

        // Lost, without a backup.
        let _ = world.shell(&format!("rm -r {STORE}")).succeeds();
        let log = world.log().from_now();
        is_refused_everything(&alice, &new(&shown)[1]);
        is_in_the_table(&log, &["event=unavailable", "no Nightlatch store here"]);
        alice.enroll();
        gets_in(&alice, &alice.backup_codes()[0]);
    });
}
