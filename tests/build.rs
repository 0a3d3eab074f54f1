//! Builds `driver/pam-driver.c`, the small libpam application that the contract tests run.
//!
//! Here rather than at a test's first use: the tests run as root and in parallel, and what they leave in `target/` would
//! belong to root.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=driver/pam-driver.c");
    println!("cargo:rerun-if-env-changed=CC");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("pam-driver");
    let cc = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let status = Command::new(&cc)
        .args(["-std=c17", "-O1", "-g", "-Wall", "-Wextra", "-Werror"])
        .arg("driver/pam-driver.c")
        .arg("-lpam")
        .arg("-o")
        .arg(&out)
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(_) => {
            panic!("driver/pam-driver.c did not compile; on Debian: apt install gcc libpam0g-dev")
        }
        Err(error) => panic!(
            "no C compiler ({}: {error}); on Debian: apt install gcc libpam0g-dev",
            cc.display()
        ),
    }
    println!(
        "cargo:rustc-env=NIGHTLATCH_PAM_DRIVER_BUILT={}",
        out.display()
    );
}
