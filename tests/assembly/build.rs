//! Programs in release, for the tests that look at their machine code: as the sources are, and with
//! some of their lines changed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::{env, fs};

/// The program.
const PACKAGE: &str = "sortie-announced";

/// All programs have the same name, in one directory.
static BUILDING: Mutex<()> = Mutex::new(());

/// A text in a file of the workspace's, and what takes its place.
pub(crate) struct Change {
    pub(crate) file: &'static str,
    /// Is there once.
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

/// Packages of two workspaces that are called the same are mixed up in one build directory: the
/// changed ones have another version. 0.1.0 becomes 90.1.0.
const VERSION: Change = Change {
    file: "Cargo.toml",
    from: "[workspace.package]\nversion = \"",
    to: "[workspace.package]\nversion = \"9",
};

/// The program of this workspace.
pub(crate) fn program() -> Vec<u8> {
    build(Path::new(env!("CARGO_MANIFEST_DIR")))
}

/// The program of a copy of the workspace with some changes.
pub(crate) fn changed_program(changes: &[Change]) -> Vec<u8> {
    let copy = directory().join("changed");
    let all: Vec<_> = changes.iter().chain([&VERSION]).collect();
    copy_changed(Path::new(env!("CARGO_MANIFEST_DIR")), Path::new(""), &copy, &all);
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

/// Copies what has to be copied, so that what was built before stays as new as it was.
fn copy_changed(root: &Path, below: &Path, copy: &Path, changes: &[&Change]) {
    fs::create_dir_all(copy.join(below)).expect("a directory");
    remove_gone(&root.join(below), &copy.join(below));
    for entry in fs::read_dir(root.join(below)).expect("a directory of the workspace") {
        let entry = entry.expect("an entry");
        let (path, below) = (entry.path(), below.join(entry.file_name()));
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // The copy lies in what is built, which is not to be copied into itself.
        if is_hidden || directory().starts_with(&path) || path.join("CACHEDIR.TAG").exists() {
            continue;
        }
        if path.is_dir() {
            copy_changed(root, &below, copy, changes);
            continue;
        }
        let mut bytes = fs::read(&path).expect("a file of the workspace");
        for change in changes.iter().filter(|change| OsStr::new(change.file) == below) {
            bytes = change.applied(&String::from_utf8(bytes).expect("a text")).into_bytes();
        }
        let place = copy.join(&below);
        if fs::read(&place).ok().as_ref() != Some(&bytes) {
            fs::write(&place, bytes).expect("a copy");
        }
    }
}

/// What is not in the workspace any more goes from the copy: a module may have been a file and be a directory now.
fn remove_gone(original: &Path, copy: &Path) {
    for entry in fs::read_dir(copy).expect("a directory of the copy") {
        let path = entry.expect("an entry").path();
        let counterpart = original.join(path.file_name().expect("an entry has a name"));
        let is_gone = !counterpart.exists() || counterpart.is_dir() != path.is_dir();
        if is_gone && path.is_dir() {
            fs::remove_dir_all(&path).expect("a directory of the copy");
        } else if is_gone && path.file_name() != Some(OsStr::new("Cargo.lock")) {
            fs::remove_file(&path).expect("a file of the copy");
        }
    }
}

impl Change {
    fn applied(&self, text: &str) -> String {
        let found = text.matches(self.from).count();
        assert_eq!(found, 1, "{}: there once, to be changed: {}", self.file, self.from);
        text.replacen(self.from, self.to, 1)
    }
}
