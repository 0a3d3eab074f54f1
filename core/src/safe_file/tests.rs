//! Every rule of safe opening, on real files. They run as anybody: the owner is whoever runs the test.

use std::fs::{self, File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use nix::sys::stat::{Mode, stat, umask};
use nix::unistd::{Uid, mkfifo};
use tempfile::TempDir;

use super::*;
use crate::testing::own_process::in_a_process_of_its_own;

fn me() -> Owner {
    Owner::for_tests(Uid::current().as_raw())
}

fn temporary() -> TempDir {
    crate::testing::home()
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn written(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    chmod(path, mode);
}

/// The error must name the path and a mend that holds `mend`.
fn assert_refused<T: std::fmt::Debug>(result: Result<T, SafeFileError>, path: &Path, mend: &str) {
    let error = result.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, SafeFileError::Unsafe { .. }), "{text}");
    assert!(text.starts_with(&format!("{}: ", path.display())), "{text}");
    assert!(text.contains(mend), "{text}");
}

/// Whoever lists a directory closes it then. Should this fail, nix does, and nobody else may.
#[test]
fn nix_leaves_open_what_it_cannot_list() {
    if !in_a_process_of_its_own("safe_file::tests::nix_leaves_open_what_it_cannot_list") {
        return;
    }
    let home = temporary();
    let no_directory = File::create(home.path().join("file")).unwrap();
    let number = no_directory.as_raw_fd();
    assert!(nix::dir::Dir::from_fd(no_directory.into()).is_err());
    nix::unistd::close(number).unwrap();
}

fn read_secret(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, SafeFileError> {
    read(path, me(), Guard::Secret, 16)
}

#[test]
fn a_file_is_read_whole() {
    let home = temporary();
    let path = home.path().join("secret");
    for text in ["", "x", "sixteen bytes ok"] {
        written(&path, text, 0o600);
        assert_eq!(**read_secret(&path).unwrap().unwrap(), *text.as_bytes());
    }
}

#[test]
fn what_does_not_exist_is_none_wherever_on_the_path_it_is_missing() {
    let home = temporary();
    assert!(read_secret(&home.path().join("secret")).unwrap().is_none());
    assert!(
        read_secret(&home.path().join("no/such/secret"))
            .unwrap()
            .is_none()
    );
    assert!(
        Directory::open(&home.path().join("no"), me())
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_file_over_the_limit_is_refused() {
    let home = temporary();
    let path = home.path().join("secret");
    written(&path, "seventeen bytes !", 0o600);
    assert_refused(read_secret(&path), &path, "restore or remove it");
}

#[test]
fn a_secret_that_others_can_use_is_refused_with_the_command_that_mends_it() {
    let home = temporary();
    let path = home.path().join("secret");
    for mode in [0o640, 0o604, 0o610, 0o601, 0o620, 0o602] {
        written(&path, "x", mode);
        assert_refused(
            read_secret(&path),
            &path,
            &format!("chmod go= {}", path.display()),
        );
    }
}

#[test]
fn a_configuration_may_be_read_by_others_but_not_written() {
    let home = temporary();
    let path = home.path().join("config");
    let uid = Uid::current().as_raw();
    written(&path, "text", 0o644);
    assert_eq!(
        read_configuration_owned_by(&path, uid).unwrap().as_deref(),
        Some("text")
    );
    for mode in [0o664, 0o646] {
        chmod(&path, mode);
        let mend = format!("chmod go-w {}", path.display());
        assert_refused(read_configuration_owned_by(&path, uid), &path, &mend);
    }
}

#[test]
fn a_configuration_that_is_no_text_is_refused() {
    let home = temporary();
    let path = home.path().join("config");
    fs::write(&path, b"\xff").unwrap();
    chmod(&path, 0o644);
    let result = read_configuration_owned_by(&path, Uid::current().as_raw());
    assert!(matches!(result, Err(SafeFileError::NotText(_))));
}

#[test]
fn a_secret_with_a_second_name_is_refused_and_a_configuration_is_not() {
    let home = temporary();
    let path = home.path().join("secret");
    written(&path, "x", 0o600);
    fs::hard_link(&path, home.path().join("other")).unwrap();
    assert_refused(read_secret(&path), &path, "-samefile");
    assert!(read(&path, me(), Guard::Unwritable, 16).unwrap().is_some());
}

#[test]
fn anything_but_a_regular_file_is_refused_and_nothing_hangs() {
    let home = temporary();
    let real = home.path().join("real");
    written(&real, "x", 0o600);
    let path = home.path().join("secret");
    let read_write = || {
        let directory = Directory::open(home.path(), me()).unwrap().unwrap();
        directory.open_file("secret", Guard::Secret, 16, Access::ReadAndWriteDurably)
    };

    symlink(&real, &path).unwrap();
    assert_refused(read_secret(&path), &path, "symbolic link");
    assert_refused(read_write(), &path, "symbolic link");
    fs::remove_file(&path).unwrap();

    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    assert_refused(read_secret(&path), &path, "a FIFO");
    assert_refused(read_write(), &path, "a FIFO");
    fs::remove_file(&path).unwrap();

    let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert_refused(read_secret(&path), &path, "a socket");
    assert_refused(read_write(), &path, "a socket");
    fs::remove_file(&path).unwrap();

    fs::create_dir(&path).unwrap();
    assert_refused(read_secret(&path), &path, "a directory");
    assert_refused(read_write(), &path, "a directory");
}

#[test]
fn no_link_on_the_way_is_followed() {
    let home = temporary();
    fs::create_dir(home.path().join("real")).unwrap();
    chmod(&home.path().join("real"), 0o755);
    written(&home.path().join("real/secret"), "x", 0o600);
    symlink("real", home.path().join("link")).unwrap();
    assert!(
        read_secret(&home.path().join("real/secret"))
            .unwrap()
            .is_some()
    );
    let link = home.path().join("link");
    assert_refused(read_secret(&link.join("secret")), &link, "without links");
}

#[test]
fn a_file_in_place_of_a_directory_is_refused() {
    let home = temporary();
    let path = home.path().join("file");
    written(&path, "x", 0o600);
    assert_refused(read_secret(&path.join("secret")), &path, "a directory");
}

#[test]
fn a_parent_that_others_can_write_in_is_refused_with_the_command_that_mends_it() {
    let home = temporary();
    let parent = home.path().join("parent");
    fs::create_dir_all(parent.join("below")).unwrap();
    written(&parent.join("below/secret"), "x", 0o600);
    for mode in [0o720, 0o702] {
        chmod(&parent, mode);
        let mend = format!("chmod go-w {}", parent.display());
        assert_refused(read_secret(&parent.join("below/secret")), &parent, &mend);
    }
}

#[test]
fn a_directory_that_is_locked_must_be_closed_to_others() {
    let home = temporary();
    let path = home.path().join("alice");
    fs::create_dir(&path).unwrap();
    let directory = Directory::open(home.path(), me()).unwrap().unwrap();
    for mode in [0o750, 0o701, 0o1777] {
        chmod(&path, mode);
        assert_refused(
            directory.child("alice", Guard::Secret),
            &path,
            &format!("chmod go= {}", path.display()),
        );
    }
    chmod(&path, 0o700);
    assert!(directory.child("alice", Guard::Secret).unwrap().is_some());
}

#[test]
fn paths_that_are_not_whole_are_refused() {
    for path in ["relative/secret", "secret", "/tmp/../secret", "/", "", ".."] {
        assert_refused(read_secret(Path::new(path)), Path::new(path), "whole path");
    }
}

#[test]
fn another_owner_is_refused_with_the_command_that_mends_it() {
    let home = temporary();
    let path = home.path().join("secret");
    written(&path, "x", 0o600);
    let stat = stat(&path).unwrap();
    let other = Owner {
        uid: stat.st_uid + 1,
        ..me()
    };
    for guard in [Guard::Secret, Guard::Unwritable] {
        let result = check_file(&path, &stat, other, guard, 16);
        assert_refused(
            result,
            &path,
            &format!("chown {} {}", other.uid, path.display()),
        );
    }
}

#[test]
fn only_root_will_do_outside_tests() {
    let home = temporary();
    let stat = |mode: u32, uid: u32| {
        chmod(home.path(), mode);
        let mut stat = stat(home.path()).unwrap();
        stat.st_uid = uid;
        stat
    };
    let check = |stat| check_directory(home.path(), &stat, Owner::ROOT, Guard::Unwritable);
    assert!(check(stat(0o755, 0)).is_ok());
    assert_refused(check(stat(0o755, 1000)), home.path(), "chown root: ");
    // Sticky or not, others could put something there.
    assert_refused(check(stat(0o1777, 0)), home.path(), "chmod go-w ");
    assert_refused(check(stat(0o777, 1000)), home.path(), " && chmod go-w ");
}

#[test]
fn a_new_file_replaces_the_old_one_and_leaves_nothing_else() {
    let home = temporary();
    let directory = Directory::open(home.path(), me()).unwrap().unwrap();
    for text in ["one", "two"] {
        directory
            .replace("file", |_| Ok::<_, SafeFileError>(text))
            .unwrap();
        assert_eq!(fs::read_to_string(home.path().join("file")).unwrap(), text);
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    assert_eq!(
        stat(&home.path().join("file")).unwrap().st_mode & 0o7777,
        0o600
    );
}

#[test]
fn the_inode_that_is_given_is_the_one_that_the_file_has() {
    let home = temporary();
    let directory = Directory::open(home.path(), me()).unwrap().unwrap();
    directory
        .replace("file", |identity| {
            Ok::<_, SafeFileError>(identity.inode.to_string())
        })
        .unwrap();
    let inode = fs::metadata(home.path().join("file")).unwrap().ino();
    assert_eq!(
        fs::read_to_string(home.path().join("file")).unwrap(),
        inode.to_string()
    );
}

#[test]
fn a_temporary_file_that_was_left_over_is_in_nobodys_way() {
    let home = temporary();
    let directory = Directory::open(home.path(), me()).unwrap().unwrap();
    let left_over = home.path().join("file.new");
    let elsewhere = home.path().join("elsewhere");
    written(&elsewhere, "untouched", 0o600);

    written(
        &left_over,
        "a longer text that a killed process left",
        0o644,
    );
    directory
        .replace("file", |_| Ok::<_, SafeFileError>("one"))
        .unwrap();
    symlink(&elsewhere, &left_over).unwrap();
    directory
        .replace("file", |_| Ok::<_, SafeFileError>("two"))
        .unwrap();

    assert_eq!(fs::read_to_string(home.path().join("file")).unwrap(), "two");
    assert_eq!(fs::read_to_string(elsewhere).unwrap(), "untouched");
    fs::create_dir(&left_over).unwrap();
    assert_refused(
        directory.replace("file", |_| Ok("three")),
        &left_over,
        "a directory",
    );
}

#[test]
fn given_contents_that_cannot_be_made_the_old_file_stays() {
    let home = temporary();
    let directory = Directory::open(home.path(), me()).unwrap().unwrap();
    directory
        .replace("file", |_| Ok::<_, SafeFileError>("old"))
        .unwrap();
    let failed = directory.replace("file", |_| {
        Err::<&str, _>(SafeFileError::not_absolute(Path::new("x")))
    });
    assert!(failed.is_err());
    assert_eq!(fs::read_to_string(home.path().join("file")).unwrap(), "old");
    assert!(!home.path().join("file.new").exists());
}

#[test]
fn the_umask_does_not_matter() {
    if !in_a_process_of_its_own("safe_file::tests::the_umask_does_not_matter") {
        return;
    }
    let home = temporary();
    let directory = Directory::open(home.path(), me()).unwrap().unwrap();
    for mask in [0o000, 0o777] {
        umask(Mode::from_bits_truncate(mask));
        let (file, mark, below) = (
            format!("file{mask}"),
            format!("mark{mask}"),
            format!("below{mask}"),
        );
        directory
            .replace(&file, |_| Ok::<_, SafeFileError>("x"))
            .unwrap();
        directory.mark(&mark).unwrap();
        directory.make_directory(&below).unwrap();
        for (name, mode) in [(file, 0o600), (mark, 0o600), (below, 0o700)] {
            assert_eq!(
                stat(&home.path().join(name)).unwrap().st_mode & 0o7777,
                mode
            );
        }
    }
}

#[test]
fn no_descriptor_below_3_is_kept() {
    if !in_a_process_of_its_own("safe_file::tests::no_descriptor_below_3_is_kept") {
        return;
    }
    let home = temporary();
    written(&home.path().join("file"), "x", 0o600);
    nix::unistd::close(0).unwrap();
    let directory = Directory::open(home.path(), me()).unwrap().unwrap();
    let file = directory
        .open_file("file", Guard::Secret, 16, Access::Read)
        .unwrap()
        .unwrap()
        .file;
    let below_is_free = File::open("/dev/null").unwrap();

    assert!(directory.file().as_raw_fd() > 2);
    assert!(file.as_raw_fd() > 2);
    assert_eq!(below_is_free.as_raw_fd(), 0);
    let flags = nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_GETFD).unwrap();
    assert_eq!(flags, nix::libc::FD_CLOEXEC);
}
