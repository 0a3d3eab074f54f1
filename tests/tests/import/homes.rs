//! What somebody can put in the place of their file, and whose a file is that was named.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use nightlatch_tests::{World, sandboxed};

use crate::files::{BASE32, give, has_nothing, import_all, of, path_of, put};

fn totp() -> String {
    format!("{BASE32}\n\" TOTP_AUTH\n")
}

/// Imports one file, and gives what is said of whom it is left out for.
fn refusal_of(world: &World, arguments: &[&str]) -> String {
    let all = [&["import", "google-authenticator", "--yes"], arguments].concat();
    let run = world.nightlatch(&all).exits_with(1);
    run.stdout
}

#[test]
fn a_file_that_was_named_is_its_owners() {
    sandboxed(|world| {
        let alice = world.user("alice");
        let path = give(&alice, totp());
        let path = path.to_str().unwrap();
        let arguments = ["import", "google-authenticator", "--yes", "--json", path];
        let imported = world.nightlatch(&arguments).succeeds().json();
        assert_eq!(of(&imported, "alice")["outcome"], "imported");
        assert!(alice.enrollment().unwrap().contains(BASE32));
        let named = [
            "import",
            "google-authenticator",
            "--yes",
            "--user",
            "alice",
            path,
        ];
        assert!(
            world
                .nightlatch(&named)
                .succeeds()
                .stdout
                .contains("Unchanged: 1")
        );
    });
}

#[test]
fn whose_a_file_is_is_never_guessed() {
    sandboxed(|world| {
        let (alice, bob) = (world.user("alice"), world.user("bob"));
        // Of root's: it may be anybody's.
        let of_root = "/etc/alice.ga";
        put(of_root.as_ref(), totp(), 0);
        assert!(refusal_of(world, &[of_root]).contains("say whose with --user"));
        // Of alice's, in bob's home.
        let stray = path_of(&bob);
        put(&stray, totp(), alice.uid());
        let stray = stray.to_str().unwrap();
        assert!(refusal_of(world, &[stray]).contains("say whose it is with --user"));
        // Of alice's, and bob's to be.
        let refused = refusal_of(world, &["--user", "bob", stray]);
        assert!(
            refused.contains("belongs to alice, who is not bob"),
            "{refused}"
        );
        assert!(refusal_of(world, &["--user", "nobody-here", of_root]).contains("no account"));
        assert!(refusal_of(world, &["/etc/nothing.ga"]).contains("cannot be examined"));
        has_nothing(&alice);
        has_nothing(&bob);
        // Root says whose it is.
        let named = [
            "import",
            "google-authenticator",
            "--yes",
            "--user",
            "alice",
            of_root,
        ];
        let _ = world.nightlatch(&named).succeeds();
        assert!(alice.enrollment().is_some());
    });
}

#[test]
fn a_file_of_roots_is_believed_only_where_nobody_else_could_have_put_it() {
    sandboxed(|world| {
        let alice = world.user("alice");
        // In her own home, where she could exchange it.
        let path = path_of(&alice);
        put(&path, totp(), 0);
        let path = path.to_str().unwrap();
        let refused = refusal_of(world, &["--user", "alice", path]);
        assert!(refused.contains("left out"), "{refused}");
        has_nothing(&alice);
        // Readable for others.
        let open = "/etc/alice.ga";
        put(open.as_ref(), totp(), 0);
        fs::set_permissions(open, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = refusal_of(world, &["--user", "alice", open]);
        assert!(refused.contains("left out"), "{refused}");
        has_nothing(&alice);
    });
}

#[test]
fn what_somebody_cannot_read_themselves_is_not_read_for_them() {
    sandboxed(|world| {
        let (alice, bob) = (world.user("alice"), world.user("bob"));
        give(&alice, totp());
        // Bob's home leads to alice's, into which he cannot look.
        let home = path_of(&bob).parent().unwrap().to_owned();
        let of_alice = path_of(&alice).parent().unwrap().to_owned();
        fs::set_permissions(&of_alice, fs::Permissions::from_mode(0o700)).unwrap();
        fs::remove_dir_all(&home).unwrap();
        symlink(&of_alice, &home).unwrap();
        let imported = import_all(world, &["--yes"]);
        assert_eq!(of(&imported, "alice")["outcome"], "imported");
        let problem = of(&imported, "bob")["problem"].as_str().unwrap().to_owned();
        assert!(
            problem.contains("cannot be opened with the rights of its owner"),
            "{problem}"
        );
        // Where he could look, it is still not his.
        fs::set_permissions(&of_alice, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(path_of(&alice), fs::Permissions::from_mode(0o644)).unwrap();
        let imported = import_all(world, &["--yes"]);
        let problem = of(&imported, "bob")["problem"].as_str().unwrap().to_owned();
        assert!(
            problem.contains(&format!("belongs to uid {}", alice.uid())),
            "{problem}"
        );
        has_nothing(&bob);
    });
}

#[test]
fn a_home_that_is_a_link_of_roots_is_a_home() {
    sandboxed(|world| {
        let alice = world.user("alice");
        let home = path_of(&alice).parent().unwrap().to_owned();
        let elsewhere = home.with_extension("moved");
        fs::rename(&home, &elsewhere).unwrap();
        symlink(&elsewhere, &home).unwrap();
        give(&alice, totp());
        let imported = import_all(world, &["--yes"]);
        assert_eq!(of(&imported, "alice")["outcome"], "imported");
    });
}

#[test]
fn the_commands_own_rights_come_back_after_a_home() {
    sandboxed(|world| {
        // The store can only be written by root, and comes after the homes.
        let people = ["alice", "bob"].map(|name| world.user(name));
        for (number, person) in people.iter().enumerate() {
            give(
                person,
                format!("{}\n\" HOTP_COUNTER 1\n", &BASE32[number..number + 24]),
            );
            // In a directory that only they can enter.
            let home = path_of(person).parent().unwrap().to_owned();
            fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
            chown(&home, Some(person.uid()), None).unwrap();
        }
        let imported = import_all(world, &["--yes"]);
        assert_eq!(imported["imported"], 2, "{imported:#}");
        assert!(people.iter().all(|person| person.enrollment().is_some()));
    });
}

#[test]
fn one_secret_in_two_homes_is_told() {
    sandboxed(|world| {
        for name in ["alice", "bob"] {
            give(&world.user(name), totp());
        }
        let looked = import_all(world, &["--dry-run"]);
        for (name, other) in [("alice", "bob"), ("bob", "alice")] {
            let notes = of(&looked, name)["notes"].to_string();
            assert!(
                notes.contains(&format!("the same secret as that of {other}")),
                "{notes}"
            );
        }
    });
}
