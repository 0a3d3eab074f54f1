//! Builds the small libpam applications: `driver/pam-driver.c` for the contract tests, once more with AddressSanitizer, and
//! `driver/pam-bench.c` for the benchmark; `driver/nss-down.c` and `driver/nss-odd.c`, name services that are down and odd; and
//! `driver/pam-refuses.c`, a module that refuses everybody alike.
//!
//! Here rather than at a test's first use: the tests run as root and in parallel, and what they leave in `target/` would
//! belong to root.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=CC");
    build(
        "pam-driver",
        "pam-driver",
        &[],
        "NIGHTLATCH_PAM_DRIVER_BUILT",
    );
    build(
        "pam-bench",
        "pam-bench",
        // The modules find the clock that it stands in the way of.
        &["-rdynamic"],
        "NIGHTLATCH_PAM_BENCH_BUILT",
    );
    build(
        "pam-driver",
        "pam-driver-sanitized",
        &[
            "-fsanitize=address",
            "-fno-omit-frame-pointer",
            // The sanitizer looks for crypt when the program starts, and calls address 0 for pam_unix if it is loaded later.
            "-Wl,--no-as-needed",
            "-lcrypt",
            "-Wl,--as-needed",
        ],
        "NIGHTLATCH_SANITIZED_PAM_DRIVER_BUILT",
    );
    build(
        "nss-down",
        "libnss_nightlatch_down.so.2",
        &["-shared", "-fPIC"],
        "NIGHTLATCH_NAME_SERVICE_BUILT",
    );
    // Beside the other one.
    build(
        "nss-odd",
        "libnss_nightlatch_odd.so.2",
        &["-shared", "-fPIC"],
        "NIGHTLATCH_ODD_NAME_SERVICE_BUILT",
    );
    build(
        "pam-refuses",
        "pam_refuses.so",
        &["-shared", "-fPIC"],
        "NIGHTLATCH_REFUSING_MODULE_BUILT",
    );
    // Where cargo puts what is built for a target that was named, as it must be for a sanitizer.
    let target = env::var("TARGET").unwrap_or_default();
    println!("cargo:rustc-env=NIGHTLATCH_TARGET={target}");
}

/// Compiles `driver/SOURCE.c` to `program` with these options as well, and tells the crate in `variable` where it is.
fn build(source: &str, program: &str, options: &[&str], variable: &str) {
    let source = format!("driver/{source}.c");
    println!("cargo:rerun-if-changed={source}");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join(program);
    let cc = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let status = Command::new(&cc)
        .args(["-std=c17", "-O1", "-g", "-Wall", "-Wextra", "-Werror"])
        .args(options)
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
