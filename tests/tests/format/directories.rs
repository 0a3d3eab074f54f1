//! What a store is, and whose its directories are.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use nightlatch_tests::{STORE, sandboxed};

use crate::agreement::{agreed, now};
use crate::files::mode;

#[test]
fn the_reader_agrees_on_whose_a_directory_is() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 1\n");
        let people = ["bob", "b.o_b-1", "Bob", ".bob.", "b%b", "böb", "b b"];
        for name in people {
            world.passing_user(name).enroll();
        }
        let said = agreed(world);
        assert_eq!(said.keys().collect::<Vec<_>>(), sorted(people));

        // Directories that nobody's name is spelled as.
        let users = Path::new(STORE).join("users");
        let nobodys = [
            "Bob", "%62ob", "bob%", "%2", "%6", "%zz", "b%2fb", ".b", "b.", "%2E.b", "b%00",
            "b%0A", "b%7F", "b%C2%85", "%FF", "b%C3", "b b", "bö",
        ];
        let too_long = "b".repeat(253);
        for name in nobodys
            .into_iter()
            .chain(["b%25%20%2E", "%2E%2E", "%2E..b", too_long.as_str()])
        {
            fs::DirBuilder::new().create(users.join(name)).unwrap();
            let _ = fs::set_permissions(users.join(name), fs::Permissions::from_mode(0o700));
            // Something to be refused where it is somebody's.
            fs::write(users.join(name).join("enrollment.toml"), "").unwrap();
        }
        let said = agreed(world);
        assert_eq!(said.len(), people.len() + 2 + 1, "{:?}", said.keys());
        assert!(said["b% ."]["error"].is_string());
        assert!(said[".."]["error"].is_string());
    });
}

#[test]
fn the_reader_agrees_on_what_a_store_is() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 1\n");
        world.passing_user("alice").enroll();
        let path = Path::new(STORE).join("store.toml");
        let text = fs::read_to_string(&path).unwrap();
        let padded = |length: usize| text.clone() + &"#".repeat(length - text.len());
        let there_is_one = || {
            let list = world.nightlatch(&["list", "--json"]);
            let reader = world.reader(now());
            assert_eq!(
                reader.status == Some(0),
                list.status == Some(0),
                "{list:#?}"
            );
            list.status == Some(0)
        };
        let writes = |text: &str| fs::write(&path, text).unwrap();
        for stores in [text.clone(), padded(4096)] {
            writes(&stores);
            assert!(there_is_one(), "{stores}");
        }
        for broken in [
            String::new(),
            padded(4097),
            text.replace("version = 1", "version = 2"),
            text.replace("version = 1", "version = 1\nmore = 1"),
            "version = 1\n".to_owned(),
            text[..text.len() - 2].to_owned(),
        ] {
            writes(&broken);
            assert!(!there_is_one(), "{broken}");
        }
        writes(&text);
        for (path, good, bad) in [
            (path.clone(), 0o644, 0o620),
            (PathBuf::from(STORE).join("users"), 0o755, 0o770),
            (PathBuf::from(STORE), 0o755, 0o702),
        ] {
            mode(&path, bad);
            assert!(!there_is_one(), "{}", path.display());
            mode(&path, good);
            assert!(there_is_one(), "{}", path.display());
            chown(&path, Some(1), None).unwrap();
            assert!(!there_is_one(), "{}", path.display());
            chown(&path, Some(0), None).unwrap();
        }
        fs::remove_file(&path).unwrap();
        assert!(!there_is_one());
    });
}

fn sorted<const N: usize>(mut names: [&str; N]) -> [&str; N] {
    names.sort_unstable();
    names
}
