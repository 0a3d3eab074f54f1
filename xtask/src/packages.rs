//! The Debian packages that building, testing and measuring need, and installing those that are missing.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::{process, root};

/// A Debian package and what it is needed for.
#[derive(Debug)]
pub struct Package {
    name: &'static str,
    reason: &'static str,
}

/// What compiling the workspace needs.
pub const BUILD: &[Package] = &[
    package("gcc", "links, and holds the static gcc_eh of the module"),
    package("libc6-dev", "the C library to link with"),
    package("libpam0g-dev", "libpam to link with"),
];

/// What inspecting the built module needs.
pub const INSPECT: &[Package] = &[package("binutils", "nm, readelf and objdump")];

/// What the fuzz targets need.
pub const FUZZ: &[Package] = &[package("g++", "compiles libFuzzer")];

/// What the end-to-end tests and the demo run. The names are the same in Debian 12 and 13.
pub const END_TO_END: &[Package] = &[
    package("btrfs-progs", "makes a small disk of another kind"),
    package(
        "debian-archive-keyring",
        "what the packages of a whole Debian system are signed with",
    ),
    package("debootstrap", "makes a whole Debian system to boot"),
    package("e2fsprogs", "makes a small disk that can be full"),
    package("faketime", "moves the clock of a login"),
    package("iproute2", "the loopback interface of a private network"),
    package(
        "libpam-google-authenticator",
        "the module that people use today, to compare with",
    ),
    package("libpam-oath", "another such module"),
    package("libpam-modules", "pam_unix and the other stock modules"),
    package("login", "login"),
    package("mount", "mounts that disk"),
    package("oathtool", "one authenticator that gives codes"),
    package("openssh-client", "the stock ssh"),
    package("openssh-server", "the stock sshd; its service stays off"),
    package("passwd", "accounts in a private namespace"),
    package("putty-tools", "plink, another client"),
    package("python3", "runs pyotp and the clients that are libraries"),
    package("python3-asyncssh", "a client as programs have it"),
    package("python3-paramiko", "another client as programs have it"),
    package("python3-pyotp", "another authenticator that gives codes"),
    package("strace", "injects faults into system calls"),
    package("sudo", "the stock sudo"),
    package("systemd-container", "boots whole Debian systems"),
    package("util-linux", "unshare, nsenter and su"),
    package("valgrind", "watches what the module does to memory"),
    package("xfsprogs", "makes a small disk of a third kind"),
    package("zbar-tools", "reads the QR code off the screen"),
];

/// Installs those of the packages that are missing, saying which; does nothing and needs no root when none is.
///
/// Where there is no dpkg it says what has to be there and goes on: the programs have other packages there.
pub fn install(lists: &[&[Package]]) -> Result<()> {
    let wanted = || lists.iter().copied().flatten();
    if !root::on_path("dpkg-query") {
        let names: Vec<_> = wanted().map(|package| package.name).collect();
        println!(
            "This is not Debian. What these hold must be there: {}",
            names.join(" ")
        );
        return Ok(());
    }
    let installed = installed(wanted().map(|package| package.name))?;
    let missing: Vec<_> = wanted()
        .filter(|package| !installed.iter().any(|name| name == package.name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("These Debian packages are needed and will be installed by apt-get:");
    for package in &missing {
        println!("  {:<28} {}", package.name, package.reason);
    }
    process::run(
        root::command("sh", &[])?
            .args([
                "-c",
                include_str!("install-packages.sh"),
                "install-packages",
            ])
            .args(missing.iter().map(|package| package.name))
            .stdin(Stdio::null()),
    )
}

const fn package(name: &'static str, reason: &'static str) -> Package {
    Package { name, reason }
}

fn installed<'n>(names: impl Iterator<Item = &'n str>) -> Result<Vec<String>> {
    // It exits 1 when it does not know one of the names, and lists the others all the same.
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat=${Package} ${db:Status-Status}\\n"])
        .args(names)
        .stderr(Stdio::null())
        .output()
        .context("cannot run dpkg-query")?;
    Ok(parse_installed(&String::from_utf8_lossy(&output.stdout)))
}

fn parse_installed(listing: &str) -> Vec<String> {
    listing
        .lines()
        .filter_map(|line| line.strip_suffix(" installed"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_package_does_not_count_as_installed() {
        let listing = "gcc installed\nsudo config-files\nstrace not-installed\nlogin installed\n";
        assert_eq!(parse_installed(listing), ["gcc", "login"]);
    }

    #[test]
    fn the_script_that_runs_as_root_is_sound_shell() {
        let script = include_str!("install-packages.sh");
        let status = Command::new("sh").args(["-n", "-c", script]).status();
        assert!(status.unwrap().success());
    }

    #[test]
    fn every_package_is_listed_once() {
        let mut names: Vec<_> = [BUILD, INSPECT, FUZZ, END_TO_END]
            .into_iter()
            .flatten()
            .map(|package| package.name)
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
