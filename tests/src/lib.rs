//! The vocabulary that Nightlatch's end-to-end tests are written in.
//!
//! A test runs in a machine of its own: a private namespace with its own `/etc`, `/var/lib`, `/dev`, `/run`, network and
//! process ids, in which the built module and command are installed. Nothing outside it changes.
//!
//! ```no_run
//! use nightlatch_tests::sandboxed;
//!
//! // #[test]
//! fn a_code_opens_one_door_once() {
//!     sandboxed(|world| {
//!         let alice = world.user("alice").enrolled();
//!         let code = alice.phone().code();
//!         alice.ssh().answers(&code).is_let_in();
//!         alice.ssh().answers(&code).is_refused();
//!     });
//! }
//! ```
//!
//! The smaller and quicker form goes through libpam alone:
//! `alice.tries().answers([&code]).run().gives(Code::Success).asking(1)`.
//!
//! What is tested is what `cargo xtask test` built: see [`artifacts`]. The tests need root (for the namespace) and these
//! Debian packages; without one they fail with a sentence, they never skip: `openssh-server openssh-client sudo passwd login
//! util-linux mount e2fsprogs xfsprogs btrfs-progs iproute2 libpam-modules libpam0g-dev gcc oathtool python3 python3-pyotp zbar-tools
//! putty-tools libpam-google-authenticator libpam-oath python3-asyncssh python3-paramiko faketime strace valgrind debootstrap
//! systemd-container`.

#![forbid(unsafe_code)]
#![allow(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "everything here is an assertion of a test: to panic with a sentence is how it reports"
)]

pub mod artifacts;
mod authenticator;
mod caller;
mod calls;
mod clock;
mod command;
mod directory;
mod disk;
mod enrolling;
mod fob;
mod log;
mod neighbour;
mod outcome;
mod page_cache;
mod person;
mod process;
mod recipe;
mod recording;
pub mod records;
mod sandbox;
mod screen;
mod soak;
mod ssh;
mod stacks;
mod stopwatch;
mod sudo;
mod system;
mod terminal;
mod transfer;
mod tree;
mod tries;
mod typed;
mod visit;
mod watcher;
mod world;

pub use authenticator::{Algorithm, Phone, Shape, oathtool, pyotp, pyotp_scanning};
pub use caller::{Caller, Program, Window};
pub use calls::{Call, Failing};
pub use clock::Clock;
pub use command::Run;
pub use directory::{Directory, Failure, Question};
pub use disk::Disk;
pub use enrolling::{Enrolling, QUESTION};
pub use fob::Fob;
pub use log::{Fields, Line, Log};
pub use neighbour::Neighbour;
pub use outcome::{Code, Login, Outcome, Prompt, Style};
pub use page_cache::{Image, PageCache};
pub use person::{Person, STORE};
pub use process::{Pid, Process};
pub use recipe::{Page, Recipe};
pub use recording::{Done, Opened, Recording};
pub use sandbox::{enter, inside, outer_pid, sandboxed, security_dir};
pub use screen::{Background, Screen};
pub use soak::{rounds, spread};
pub use ssh::{Session, Ssh};
pub use stacks::Stack;
pub use stopwatch::Stopwatch;
pub use sudo::Asked;
pub use system::{Resident, System, in_a_system};
pub use terminal::Terminal;
pub use transfer::{Sftp, Transfer};
pub use tree::Tree;
pub use tries::{Ended, Tries};
pub use typed::Typed;
pub use visit::{Visit, phone_by_key};
pub use watcher::Watcher;
pub use world::{World, nightlatch};
