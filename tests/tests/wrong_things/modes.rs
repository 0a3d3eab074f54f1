//! Owners and modes: who else might have written or read it. Each bit, at each level.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use nightlatch_tests::sandboxed;

use crate::ground::{Ground, Part};

#[test]
fn each_bit_of_each_directorys_mode() {
    sandboxed(|world| each_bit_of_each(&mut Ground::new(world), &Part::DIRECTORIES));
}

#[test]
fn each_bit_of_each_files_mode() {
    sandboxed(|world| each_bit_of_each(&mut Ground::new(world), &Part::FILES));
}

fn each_bit_of_each(ground: &mut Ground<'_>, parts: &[Part]) {
    let mut refused = 0;
    for &part in parts {
        let path = part.path(&ground.alice);
        let good = mode(&path);
        for bit in (0..12).map(|bit| 1 << bit).filter(|bit| good & bit == 0) {
            chmod(&path, good | bit);
            let forbidden = if part.is_secret() { 0o077 } else { 0o022 };
            if bit & forbidden == 0 {
                // It gives nobody anything.
                ground.lets_in();
            } else {
                let change = if part.is_secret() { "go=" } else { "go-w" };
                let mend = format!("then: chmod {change} {}", path.display());
                let said = ground.is_unavailable(&format!("{bit:04o} is set"), &path, &mend);
                ground.does_what_is_said(&said);
                assert_eq!(mode(&path), good);
                ground.lets_in();
                refused += 1;
            }
            chmod(&path, good);
        }
    }
    println!("{refused} bits are refused");
}

#[test]
fn each_belongs_to_root() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        for part in Part::DIRECTORIES.into_iter().chain(Part::FILES) {
            let path = part.path(&ground.alice);
            let mend = format!("then: chown root: {}", path.display());
            ground.shell(&format!("chown alice {}", path.display()));
            let said = ground.is_unavailable("it belongs to alice", &path, &mend);
            ground.does_what_is_said(&said);
            assert_eq!(fs::metadata(&path).unwrap().uid(), 0);
            ground.lets_in();

            // Both at once are mended at once.
            let mend = format!("chown root: {0} && chmod go", path.display());
            ground.shell(&format!("chown alice {0}; chmod a=rwx {0}", path.display()));
            let said = ground.is_unavailable("everything is wrong with it", &path, &mend);
            ground.does_what_is_said(&said);
            ground.lets_in();
        }
    });
}

#[test]
fn the_configuration_and_what_leads_to_it_are_roots_and_written_by_nobody_else() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        for path in ["/etc/nightlatch/nightlatch.toml", "/etc/nightlatch", "/etc"] {
            let path = Path::new(path);
            let good = mode(path);
            for bit in (0..12).map(|bit| 1 << bit).filter(|bit| good & bit == 0) {
                chmod(path, good | bit);
                if bit & 0o022 == 0 {
                    ground.lets_in();
                } else {
                    let mend = format!("then: chmod go-w {}", path.display());
                    let said = ground.is_misconfigured(path, &mend);
                    ground.does_what_is_said(&said);
                    ground.lets_in();
                }
                chmod(path, good);
            }
            ground.shell(&format!("chown alice {}", path.display()));
            let mend = format!("then: chown root: {}", path.display());
            let said = ground.is_misconfigured(path, &mend);
            ground.does_what_is_said(&said);
            ground.lets_in();
        }
    });
}

#[test]
fn what_leads_to_the_store_is_roots_and_written_by_nobody_else() {
    sandboxed(|world| {
        let mut ground = Ground::new(world);
        let path = Path::new("/var/lib");
        for mode in [0o775, 0o757, 0o1777] {
            chmod(path, mode);
            let said = ground.is_unavailable("others write above the store", path, "go-w /var/lib");
            ground.does_what_is_said(&said);
            ground.lets_in();
        }
        ground.shell("chown alice /var/lib");
        let said = ground.is_unavailable("alice owns it", path, "then: chown root: /var/lib");
        ground.does_what_is_said(&said);
        ground.lets_in();
    });
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
