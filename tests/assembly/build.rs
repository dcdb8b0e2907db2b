//! Programs in release, for the tests that look at their machine code: as the sources are, and with
//! some of their lines changed.

use crate::changed::{self, Change};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::{env, fs};

/// The program.
const PACKAGE: &str = "sortie-announced";

/// All programs have the same name, in one directory.
static BUILDING: Mutex<()> = Mutex::new(());

/// The program of this workspace.
pub(crate) fn program() -> Vec<u8> {
    build(Path::new(env!("CARGO_MANIFEST_DIR")))
}

/// The program of a copy of the workspace with some changes.
pub(crate) fn changed_program(changes: &[Change]) -> Vec<u8> {
    let copy = directory().join("changed");
    changed::copy(Path::new(env!("CARGO_MANIFEST_DIR")), &copy, changes);
    build(&copy)
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("assembly")
}

/// What is built, here and by `thread_locals`.
fn target_directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("release")
}

fn build(workspace: &Path) -> Vec<u8> {
    let _lock = BUILDING.lock();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        // Whatever is missing was there when this test was built.
        .args(["build", "--release", "--offline", "--message-format=json-render-diagnostics"])
        .args(["--package", PACKAGE, "--target-dir"])
        .arg(target_directory())
        .current_dir(workspace)
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{PACKAGE} in {}", workspace.display());
    let messages = String::from_utf8(output.stdout).expect("cargo speaks UTF-8");
    let executable = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    });
    let executable = executable.expect("cargo says where the program is");
    fs::read(&executable).unwrap_or_else(|error| panic!("{}: {error}", executable.display()))
}
