//! Builds the small libpam applications: `driver/pam-driver.c` for the contract tests, `driver/pam-bench.c` for the benchmark.
//!
//! Here rather than at a test's first use: the tests run as root and in parallel, and what they leave in `target/` would
//! belong to root.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=CC");
    build("pam-driver", "NIGHTLATCH_PAM_DRIVER_BUILT");
    build("pam-bench", "NIGHTLATCH_PAM_BENCH_BUILT");
}

/// Compiles `driver/NAME.c` and tells the crate in `variable` where the program is.
fn build(name: &str, variable: &str) {
    let source = format!("driver/{name}.c");
    println!("cargo:rerun-if-changed={source}");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join(name);
    let cc = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let status = Command::new(&cc)
        .args(["-std=c17", "-O1", "-g", "-Wall", "-Wextra", "-Werror"])
        .arg(&source)
        .arg("-lpam")
        .arg("-o")
        .arg(&out)
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(_) => panic!("{source} did not compile; on Debian: apt install gcc libpam0g-dev"),
        Err(error) => panic!(
            "no C compiler ({}: {error}); on Debian: apt install gcc libpam0g-dev",
            cc.display()
        ),
    }
    println!("cargo:rustc-env={variable}={}", out.display());
}
