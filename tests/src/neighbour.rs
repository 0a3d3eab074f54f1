//! Another machine on the sandbox's network: where log-ins come from an address that is not the host's own.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::world::{World, system};

/// A machine with nothing but an address.
#[derive(Debug)]
pub struct Neighbour {
    machine: Child,
}

impl World {
    /// A machine at [`Neighbour::ADDRESS`], which reaches this one at [`Neighbour::HOST`].
    pub fn neighbour(&self) -> Neighbour {
        let machine = Command::new("unshare")
            .args(["--net", "--", "sleep", "infinity"])
            .stdin(Stdio::null())
            .spawn()
            .expect("`unshare` does not run: install util-linux");
        let neighbour = Neighbour { machine };
        neighbour.wait_until_apart();
        let pid = neighbour.machine.id().to_string();
        let ip = |line: &str| {
            let words: Vec<_> = line.split(' ').collect();
            system("ip", &words, "", "install iproute2");
        };
        ip(&format!(
            "link add {HERE} type veth peer name {THERE} netns {pid}"
        ));
        ip(&format!("addr add {}/24 dev {HERE}", Neighbour::HOST));
        ip(&format!("link set {HERE} up"));
        let [nsenter, net] = neighbour.words();
        for line in [
            format!("addr add {}/24 dev {THERE}", Neighbour::ADDRESS),
            format!("link set {THERE} up"),
        ] {
            let words: Vec<_> = [net.as_str(), "ip"]
                .into_iter()
                .chain(line.split(' '))
                .collect();
            system(&nsenter, &words, "", "install iproute2");
        }
        neighbour
    }
}

impl Neighbour {
    /// Its address.
    pub const ADDRESS: &str = "10.20.0.7";
    /// The address at which it reaches the host.
    pub const HOST: &str = "10.20.0.1";

    /// The words before a command that is to run there.
    pub(crate) fn words(&self) -> [String; 2] {
        let net = format!("--net=/proc/{}/ns/net", self.machine.id());
        ["nsenter".to_owned(), net]
    }

    fn wait_until_apart(&self) {
        let net = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let until = Instant::now() + Duration::from_secs(10);
        while net(&self.machine.id().to_string()) == net("self") {
            assert!(Instant::now() < until, "no network of its own");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.machine.kill();
        let _ = self.machine.wait();
    }
}

/// The cable's end on the host, and the other one.
const HERE: &str = "inside";
const THERE: &str = "there";
