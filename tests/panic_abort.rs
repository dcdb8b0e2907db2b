//! In a program that is built with `panic = "abort"` nothing is unwound: aborts are refused with an error that says
//! so, and the rest works, the end of the runtime too.
//!
//! The program is the package `tests/panic_abort`, built here with the compiler's flag.

#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]

use std::env;
use std::path::PathBuf;
use std::process::Command;

const PACKAGE: &str = "sortie-panic-abort";
const TARGET: &str = "x86_64-unknown-linux-gnu";

#[test]
fn aborts_are_refused_and_the_rest_works() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("panic_abort");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        // Whatever is missing was there when this test was built.
        .args(["build", "--offline", "--package", PACKAGE])
        // With a target the flag is not that of build scripts and macros.
        .args(["--target", TARGET, "--target-dir"])
        .arg(&directory)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("RUSTFLAGS", "-C panic=abort")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .expect("cargo runs");
    assert!(status.success(), "{PACKAGE} does not build");
    let program = directory.join(TARGET).join("debug").join(PACKAGE);
    let output = Command::new(program).output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.ends_with("as it should be\n"), "{output:?}");
}
