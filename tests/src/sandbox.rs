//! The private namespace that every end-to-end test runs in.
//!
//! [`sandboxed`] runs the test binary once more through `unshare`, for this one test, in namespaces of its own (mount, network,
//! process ids, IPC, host name); there it lays tmpfs overlays on `/etc`, `/var/lib` and where modules and commands are
//! installed, makes a private `/dev`, `/run`, `/var/log` and `/var/mail`, and runs the test. When the test ends, process 1 of the
//! namespace ends, and everything is gone. (An `unshare` in the test's own thread works only until its first child ends.)

use std::any::type_name;
use std::env;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::unistd::{Uid, sethostname};

use crate::soak::limit;
use crate::world::World;

/// Runs `test` in a machine of its own. To be called once, as the whole of a `#[test]` function.
pub fn sandboxed<F: FnOnce(&World)>(test: F) {
    if inside() {
        build();
        test(&World::new());
        return;
    }
    again_in_a_namespace::<F>();
}

/// Runs the test that `F` is the closure of once more, in a namespace, and asserts that it passed there.
pub(crate) fn again_in_a_namespace<F>() {
    // The closure's type is named after the function that it is written in: `binary::module::test::{{closure}}`.
    let path = type_name::<F>();
    let name = path
        .split("::")
        .skip(1)
        .take_while(|part| !part.starts_with('{'))
        .collect::<Vec<_>>()
        .join("::");
    let (passed, said) = run_again(&["--exact", &name, "--nocapture", "--test-threads=1"]);
    assert!(
        passed && said.contains("test result: ok. 1 passed"),
        "in the private namespace:\n{said}"
    );
    // For whoever runs it with --nocapture.
    print!("{said}");
}

/// The same for a program's `main`: runs this program once more, with its arguments and terminal, in a namespace, and `main`
/// there. Gives the exit code.
pub fn enter(main: impl FnOnce(&World) -> ExitCode) -> ExitCode {
    if inside() {
        build();
        return main(&World::new());
    }
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let status = unshare().args(arguments).status().expect(NO_UNSHARE);
    u8::try_from(status.code().unwrap_or(1)).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Outside, the process id that leads to this namespace; for `nsenter`.
#[must_use]
pub fn outer_pid() -> String {
    env::var(OUTER_PID).expect("set on the way in")
}

/// A place for files of this sandbox, gone with it.
pub(crate) fn scratch() -> PathBuf {
    PathBuf::from(OWN).join("scratch")
}

/// Where libpam looks for modules.
#[must_use]
pub fn security_dir() -> PathBuf {
    let candidates = fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("security"))
        .chain(["/usr/lib64/security", "/lib/security"].map(PathBuf::from));
    candidates
        .into_iter()
        .find(|dir| dir.join("pam_unix.so").exists())
        .expect("pam_unix.so is nowhere below /usr/lib: install libpam-modules")
}

/// Whether this process is the one in the namespace.
#[must_use]
pub fn inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Runs this binary in the namespace and gives whether it succeeded and what it said. Kills it after [`limit`].
fn run_again(arguments: &[&str]) -> (bool, String) {
    let mut child = unshare()
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect(NO_UNSHARE);
    let streams: [Box<dyn Read + Send>; 2] = [
        Box::new(child.stdout.take().expect("piped")),
        Box::new(child.stderr.take().expect("piped")),
    ];
    let readers = streams.map(|mut stream| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    });
    let (started, limit) = (Instant::now(), limit());
    let passed = loop {
        if let Some(status) = child.try_wait().expect("the child is ours") {
            break status.success();
        }
        if started.elapsed() > limit {
            // `unshare --kill-child` takes the whole namespace along.
            let _ = child.kill();
        }
        thread::sleep(Duration::from_millis(5));
    };
    let mut said: String = readers
        .into_iter()
        .map(|reader| reader.join().unwrap_or_default())
        .collect();
    if started.elapsed() > limit {
        said.push_str("\n(killed: it took too long)");
    }
    (passed, said)
}

/// This binary in new namespaces, with an environment that owes nothing to the caller's.
fn unshare() -> Command {
    assert!(
        Uid::effective().is_root(),
        "the end-to-end tests need root for their private namespace: run them with `cargo xtask test`, or through sudo"
    );
    // A process knows its own id out there only before it goes in.
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{OUTER_PID}=$$ exec unshare \"$@\""))
        .arg("sh")
        .args(["--mount", "--net", "--pid", "--ipc", "--uts"])
        .args(["--fork", "--kill-child", "--mount-proc"])
        .args(["--propagation", "private", "--"])
        // Where tests run in the background, Ctrl-C is ignored, and would be on the sandbox's terminals too.
        .args(["env", "--default-signal"])
        .arg(env::current_exe().expect("a running program has a path"));
    let kept: Vec<_> = env::vars_os()
        .filter(|(name, _)| {
            let name = name.to_string_lossy();
            name.starts_with("NIGHTLATCH_") || name.starts_with("RUST_")
        })
        .collect();
    command
        .env_clear()
        .envs(kept)
        .env(INSIDE, "1")
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("HOME", "/run")
        .env("USER", "root")
        .env("TERM", "xterm-256color")
        .env("LANG", "C.UTF-8");
    command
}

/// Makes the machine, in the namespace.
fn build() {
    tmpfs("/run", "size=256m,mode=755");
    for dir in ["", "layers", "scratch", "dev"] {
        fs::create_dir(Path::new(OWN).join(dir)).expect("a fresh tmpfs");
    }
    for dir in ["sshd", "lock", "home", "user"] {
        fs::create_dir(Path::new("/run").join(dir)).expect("a fresh tmpfs");
    }
    overlay(Path::new("/etc"));
    overlay(Path::new("/var/lib"));
    overlay(&security_dir());
    overlay(Path::new("/usr/local/bin"));
    for dir in ["/var/log", "/var/mail"] {
        if Path::new(dir).is_dir() {
            tmpfs(dir, "size=16m,mode=755");
        }
    }
    private_dev();

    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status()
        .expect("`ip` does not run: install iproute2");
    assert!(up.success(), "the loopback interface does not come up");
    sethostname("nightlatch").expect("root may name its own UTS namespace");
    fs::write("/etc/hostname", "nightlatch\n").expect("/etc is ours");
    fs::write("/etc/hosts", "127.0.0.1 localhost nightlatch\n").expect("/etc is ours");
}

/// A writable layer over `dir` whose changes live in memory.
fn overlay(dir: &Path) {
    let layers = Path::new(OWN).join("layers").join(
        dir.to_string_lossy()
            .trim_start_matches('/')
            .replace('/', "-"),
    );
    let (upper, work) = (layers.join("upper"), layers.join("work"));
    fs::create_dir_all(&upper).expect("a fresh tmpfs");
    fs::create_dir_all(&work).expect("a fresh tmpfs");
    // The root of an overlay has the permissions of the upper directory.
    fs::set_permissions(&upper, fs::Permissions::from_mode(0o755)).expect("a fresh tmpfs");
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        dir.display(),
        upper.display(),
        work.display()
    );
    mount(
        Some("overlay"),
        dir,
        Some("overlay"),
        MsFlags::empty(),
        Some(options.as_str()),
    )
    .unwrap_or_else(|error| {
        panic!(
            "no overlay on {}: {error} (the tests need a root that may mount, as in a privileged container)",
            dir.display()
        )
    });
}

pub(crate) fn tmpfs(on: impl AsRef<Path>, options: &str) {
    let on = on.as_ref();
    mount(
        Some("tmpfs"),
        on,
        Some("tmpfs"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        Some(options),
    )
    .unwrap_or_else(|error| {
        panic!(
            "no tmpfs on {}: {error} (the tests need a root that may mount, as in a privileged container)",
            on.display()
        )
    });
}

/// A `/dev` with the devices that log-ins want, terminals of its own, and room for a socket at `/dev/log`.
fn private_dev() {
    let dev = Path::new(OWN).join("dev");
    tmpfs(&dev, "size=1m,mode=755");
    for device in ["null", "zero", "full", "random", "urandom", "tty"] {
        let here = dev.join(device);
        fs::write(&here, "").expect("a fresh tmpfs");
        bind(&Path::new("/dev").join(device), &here);
    }
    fs::create_dir(dev.join("pts")).expect("a fresh tmpfs");
    fs::create_dir(dev.join("shm")).expect("a fresh tmpfs");
    fs::set_permissions(dev.join("shm"), fs::Permissions::from_mode(0o1777)).expect("ours");
    mount(
        Some("devpts"),
        &dev.join("pts"),
        Some("devpts"),
        MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC,
        Some("newinstance,ptmxmode=0666,mode=620,gid=5"),
    )
    .expect("a devpts instance");
    symlink("pts/ptmx", dev.join("ptmx")).expect("a fresh tmpfs");
    for (link, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, dev.join(link)).expect("a fresh tmpfs");
    }
    mount(
        Some(&dev),
        "/dev",
        None::<&str>,
        MsFlags::MS_MOVE,
        None::<&str>,
    )
    .expect("the private /dev takes the place of the other");
}

/// Shows `from` at `to` as well.
fn bind(from: &Path, to: &Path) {
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .unwrap_or_else(|error| panic!("{} cannot be bound: {error}", from.display()));
}

/// Set in the environment of the run in the namespace.
const INSIDE: &str = "NIGHTLATCH_TESTS_SANDBOX";

/// Set in the environment there: the process id of `unshare`, outside.
const OUTER_PID: &str = "NIGHTLATCH_TESTS_OUTER_PID";

/// The sandbox's own folder: the layers of the overlays, scratch files.
const OWN: &str = "/run/nightlatch-tests";

const NO_UNSHARE: &str = "`unshare` does not run: install util-linux";
