//! Links the unwinder statically: finding and relocating a dynamic `libgcc_s` costs every login about 170 µs.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CC");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let Ok(output) = Command::new(&compiler)
        .arg("-print-file-name=libgcc_eh.a")
        .output()
    else {
        return println!("cargo:warning={compiler} cannot be run; the module will load libgcc_s");
    };
    let answer = String::from_utf8_lossy(&output.stdout);
    // A compiler that has no such file answers with the bare name.
    match Path::new(answer.trim())
        .parent()
        .filter(|folder| folder.is_absolute())
    {
        Some(folder) => {
            println!("cargo:rustc-link-search=native={}", folder.display());
            println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
        }
        None => {
            println!("cargo:warning={compiler} has no libgcc_eh.a; the module will load libgcc_s");
        }
    }
}
